//! What a poll may ask: its texts, options and settings, and whether they go together.

use super::{
    Anonymity, Content, Kind, LABEL_MAX, OPTIONS_MAX, OPTIONS_MIN, QUESTION_MAX, Refusal, Settings, Thousandths,
    WORDS_MAX,
};

/// Shortest and longest time limit in seconds.
const TIME_LIMIT: std::ops::RangeInclusive<u32> = 5..=604_800;

/// Most steps of a scale.
const STEPS_MAX: i64 = 100;

/// Most ballots that results may wait for.
const K_MAX: u32 = 1_000;

/// Checks a text that people read. It must have no blanks at its ends, and control characters only where lines are wanted.
pub(super) fn text(field: &str, text: &str, max: usize) -> Result<(), Refusal> {
    let got = text.chars().count();
    if text.is_empty() {
        return Err(Refusal::invalid(field, "must not be empty"));
    }
    if got > max {
        return Err(Refusal::invalid(field, format!("may have at most {max} characters, this one has {got}")));
    }
    if text.trim().len() != text.len() || text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Refusal::invalid(field, "must have no control characters and no blanks at its ends"));
    }
    Ok(())
}

/// Two labels that people cannot tell apart.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

impl Content {
    /// Checks everything.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with the field that is wrong.
    pub fn check(&self) -> Result<(), Refusal> {
        text("/question", &self.question, QUESTION_MAX)?;
        self.check_options()?;
        self.check_bounds()?;
        self.settings.check()
    }

    fn check_options(&self) -> Result<(), Refusal> {
        let (got, kind) = (self.options.len(), self.kind);
        if !kind.has_options() {
            let message = format!("a poll of the kind {kind} has no options");
            return if got == 0 { Ok(()) } else { Err(Refusal::invalid("/options", message)) };
        }
        let (least, most) = if kind == Kind::YesNo { (2, 2) } else { (OPTIONS_MIN, OPTIONS_MAX) };
        let shown = self.shown().count();
        if shown < least || got > most {
            let message = format!("a poll of the kind {kind} has {least} to {most} options, this one {got}");
            return Err(Refusal::invalid("/options", message));
        }
        for (position, option) in self.options.iter().enumerate() {
            let field = format!("/options/{position}/label");
            text(&field, &option.label, LABEL_MAX)?;
            let before = self.options.iter().take(position).filter(|other| other.hidden_at.is_none());
            if option.hidden_at.is_none() && before.into_iter().any(|other| is_same(&other.label, &option.label)) {
                return Err(Refusal::invalid(field, "stands there twice"));
            }
        }
        Ok(())
    }

    /// Checks `min` and `max`.
    fn check_bounds(&self) -> Result<(), Refusal> {
        let Settings { min, max, .. } = self.settings;
        let (least, most) = match self.kind {
            Kind::Single | Kind::YesNo | Kind::Open => {
                let field = if min.is_some() { "/settings/min" } else { "/settings/max" };
                let message = format!("a poll of the kind {} has no such bound", self.kind);
                return if min.or(max).is_none() { Ok(()) } else { Err(Refusal::invalid(field, message)) };
            }
            Kind::Multiple | Kind::Ranking => (1, i64::try_from(self.options.len()).unwrap_or(i64::MAX)),
            Kind::WordCloud => (1, WORDS_MAX),
            Kind::Scale => (-1_000, 1_000),
            Kind::Numeric => (-Thousandths::MOST, Thousandths::MOST),
        };
        for (field, bound) in [("/settings/min", min), ("/settings/max", max)] {
            if bound.is_some_and(|bound| !(least..=most).contains(&bound)) {
                return Err(Refusal::invalid(field, format!("must lie between {least} and {most}")));
            }
        }
        let (low, high) = self.bounds();
        let is_scale = self.kind == Kind::Scale;
        if low > high || (is_scale && low == high) {
            let than = if is_scale { "greater than" } else { "at least" };
            return Err(Refusal::invalid("/settings/max", format!("must be {than} the lower bound, which is {low}")));
        }
        if is_scale && high - low >= STEPS_MAX {
            return Err(Refusal::invalid("/settings/max", format!("a scale has at most {STEPS_MAX} steps")));
        }
        Ok(())
    }
}

impl Settings {
    fn check(&self) -> Result<(), Refusal> {
        if self.time_limit_s.is_some_and(|limit| !TIME_LIMIT.contains(&limit.get())) {
            let message = format!("must lie between {} and {} seconds", TIME_LIMIT.start(), TIME_LIMIT.end());
            return Err(Refusal::invalid("/settings/time_limit_s", message));
        }
        if !(1..=K_MAX).contains(&self.k_min) {
            return Err(Refusal::invalid("/settings/k_min", format!("must lie between 1 and {K_MAX}")));
        }
        if !self.count_dropped && self.anonymity == Anonymity::Anonymous {
            let message = "votes without names cannot be left out later: it must be true for an anonymous poll";
            return Err(Refusal::invalid("/settings/count_dropped", message));
        }
        Ok(())
    }
}

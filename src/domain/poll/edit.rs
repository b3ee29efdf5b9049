//! Changes of what a poll asks. A draft is free; once there may be votes, nothing may change that they were given for.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Anonymity, Content, Kind, LABEL_MAX, OPTIONS_MAX, OptionId, Poll, PollOption, Refusal, SUGGESTIONS_MAX, Settings,
    State, Visibility, check,
};

/// A new label may differ from the old one in this part of it: one letter of three. More is another option, not another
/// spelling.
const TYPO: usize = 3;

/// What is to change of the settings; absent = nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct SettingsEdit {
    /// Lower bound.
    pub min: Option<i64>,
    /// Upper bound.
    pub max: Option<i64>,
    /// Who sees who voted what.
    pub anonymity: Option<Anonymity>,
    /// Votes may be changed.
    pub change_vote: Option<bool>,
    /// When those who take part see the results.
    pub results_visibility: Option<Visibility>,
    /// Those who may vote may add options.
    pub allow_suggestions: Option<bool>,
    /// Guests may vote.
    pub allow_guests: Option<bool>,
    /// Seconds from the opening to the end; 0 = none.
    pub time_limit_s: Option<u32>,
    /// Options are shown in an order of one's own.
    pub shuffle: Option<bool>,
    /// Fewest ballots of which an anonymous poll shows results.
    pub k_min: Option<u32>,
    /// Votes of people who have left count.
    pub count_dropped: Option<bool>,
}

/// An option as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionEdit {
    /// Which one; `None` = a new one.
    pub id: Option<String>,
    /// What people read.
    pub label: String,
    /// It is right; `None` = as before.
    pub is_correct: Option<bool>,
}

/// What is to change of a poll; absent = nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The question.
    pub question: Option<String>,
    /// What it asks for.
    pub kind: Option<Kind>,
    /// All options that can be voted for from now on.
    pub options: Option<Vec<OptionEdit>>,
    /// The settings.
    pub settings: SettingsEdit,
    /// When a draft opens by itself; `Some(None)` = when somebody opens it.
    pub opens_at: Option<Option<DateTime<Utc>>>,
}

/// A poll that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// As it is now.
    pub poll: Poll,
    /// Labels that were put right while there may be votes: the option, the old label, the new one.
    pub relabelled: Vec<(OptionId, String, String)>,
}

/// An option that somebody suggests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suggested<'a> {
    /// What people shall read.
    pub label: &'a str,
    /// Who, as the ballots of the poll name voters; `None` = a host, who may always.
    pub by: Option<&'a str>,
}

impl SettingsEdit {
    /// The settings with these changes.
    #[must_use]
    pub fn onto(&self, before: &Settings) -> Settings {
        let limit = |seconds| std::num::NonZeroU32::new(seconds);
        Settings {
            min: self.min.or(before.min),
            max: self.max.or(before.max),
            anonymity: self.anonymity.unwrap_or(before.anonymity),
            change_vote: self.change_vote.unwrap_or(before.change_vote),
            results_visibility: self.results_visibility.unwrap_or(before.results_visibility),
            allow_suggestions: self.allow_suggestions.unwrap_or(before.allow_suggestions),
            allow_guests: self.allow_guests.unwrap_or(before.allow_guests),
            time_limit_s: self.time_limit_s.map_or(before.time_limit_s, limit),
            shuffle: self.shuffle.unwrap_or(before.shuffle),
            k_min: self.k_min.unwrap_or(before.k_min),
            count_dropped: self.count_dropped.unwrap_or(before.count_dropped),
        }
    }
}

impl Content {
    /// What a new poll asks.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with the field that is wrong.
    pub fn new(kind: Kind, question: String, options: &[OptionEdit], settings: &SettingsEdit) -> Result<Self, Refusal> {
        let yes_no = ["Yes", "No"].map(|label| OptionEdit { id: None, label: label.to_owned(), is_correct: None });
        let options = if kind == Kind::YesNo && options.is_empty() { &yes_no[..] } else { options };
        let content = Self { question, kind, options: anew(options)?, settings: settings.onto(&Settings::default()) };
        content.check()?;
        Ok(content)
    }

    /// A copy for a new poll, without what is hidden and without the names of those who suggested something.
    #[must_use]
    pub fn copied(&self) -> Self {
        let options = self.shown().zip(1..).filter_map(|(option, number)| {
            Some(PollOption { id: OptionId::new(number)?, suggested_by: None, ..option.clone() })
        });
        Self { options: options.collect(), ..self.clone() }
    }
}

/// Options that are all new.
fn anew(options: &[OptionEdit]) -> Result<Vec<PollOption>, Refusal> {
    if options.len() > OPTIONS_MAX {
        return Err(Refusal::invalid("/options", format!("may have at most {OPTIONS_MAX} entries")));
    }
    let new = options.iter().zip(1..).filter_map(|(option, number)| {
        let (label, is_correct) = (option.label.clone(), option.is_correct.unwrap_or(false));
        Some(PollOption { id: OptionId::new(number)?, label, is_correct, suggested_by: None, hidden_at: None })
    });
    Ok(new.collect())
}

impl Poll {
    /// Changes the poll. `None` = it is as wanted already.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with the field that is wrong or may not change any more, [`Refusal::WrongState`].
    pub fn edited(&self, edit: &Edit, now: DateTime<Utc>) -> Result<Option<Edited>, Refusal> {
        let (content, relabelled) = match self.state {
            State::Draft => (self.redrafted(edit)?, Vec::new()),
            State::Open | State::Closed => self.amended(edit, now)?,
            State::Archived => {
                return Err(Refusal::WrongState { state: self.state, needed: "a draft, open or closed" });
            }
        };
        content.check()?;
        let opens_at = self.postponed(edit, now)?;
        if content == self.content && opens_at == self.opens_at {
            return Ok(None);
        }
        let closes_at = self.rescheduled(&content.settings, now)?;
        Ok(Some(Edited { poll: Self { content, opens_at, closes_at, ..self.next() }, relabelled }))
    }

    /// When it opens by itself, with changes.
    fn postponed(&self, edit: &Edit, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Refusal> {
        let opens_at = edit.opens_at.unwrap_or(self.opens_at);
        if opens_at == self.opens_at {
            return Ok(opens_at);
        }
        if self.state != State::Draft {
            return Err(Refusal::invalid("/opens_at", "is of drafts only: this poll has been opened already"));
        }
        Self::check_opening(opens_at, now)?;
        Ok(opens_at)
    }

    /// The content of a draft with changes.
    fn redrafted(&self, edit: &Edit) -> Result<Content, Refusal> {
        let before = &self.content;
        let kind = edit.kind.unwrap_or(before.kind);
        let mut settings = before.settings.clone();
        if kind != before.kind {
            // Bounds mean something else now.
            (settings.min, settings.max) = (None, None);
        }
        let options = match &edit.options {
            Some(options) => anew(options)?,
            None if kind.has_options() => before.options.clone(),
            None => Vec::new(),
        };
        let question = edit.question.clone().unwrap_or_else(|| before.question.clone());
        Ok(Content { question, kind, options, settings: edit.settings.onto(&settings) })
    }

    /// The content of a poll that may have votes, with the few changes that it bears.
    fn amended(&self, edit: &Edit, now: DateTime<Utc>) -> Result<Amended, Refusal> {
        let before = &self.content;
        let fixed = |field: &str| {
            let message = "stays as it is once the poll has been opened; duplicate the poll to ask something else";
            Err(Refusal::invalid(field, message))
        };
        if edit.question.as_ref().is_some_and(|question| *question != before.question) {
            return fixed("/question");
        }
        if edit.kind.is_some_and(|kind| kind != before.kind) {
            return fixed("/kind");
        }
        let (old, new) = (&before.settings, edit.settings.onto(&before.settings));
        for (field, stays) in [
            ("/settings/min", old.min == new.min),
            ("/settings/max", old.max == new.max),
            ("/settings/anonymity", old.anonymity == new.anonymity),
            ("/settings/k_min", old.k_min == new.k_min),
            ("/settings/shuffle", old.shuffle == new.shuffle),
            ("/settings/allow_guests", old.allow_guests == new.allow_guests),
            ("/settings/time_limit_s", old.time_limit_s == new.time_limit_s || self.state == State::Open),
        ] {
            if !stays {
                return fixed(field);
            }
        }
        let (options, relabelled) = match &edit.options {
            Some(options) => self.options_amended(options, now)?,
            None => (before.options.clone(), Vec::new()),
        };
        Ok((Content { options, settings: new, ..before.clone() }, relabelled))
    }

    /// Labels may be put right, options added and hidden.
    fn options_amended(&self, wanted: &[OptionEdit], now: DateTime<Utc>) -> Result<(Vec<PollOption>, Labels), Refusal> {
        let (mut options, mut relabelled) = (self.content.options.clone(), Vec::new());
        let mut kept = Vec::new();
        for (position, edit) in wanted.iter().enumerate() {
            let wrong =
                |part: &str, message: &str| Err(Refusal::invalid(format!("/options/{position}{part}"), message));
            let Some(id) = &edit.id else {
                let option = self.next_option(&options, edit.label.clone(), None)?;
                kept.push(option.id);
                options.push(PollOption { is_correct: edit.is_correct.unwrap_or(false), ..option });
                continue;
            };
            let Some(option) = options.iter_mut().find(|option| option.id.to_string() == *id) else {
                return wrong("/id", "is no option of this poll; leave the id out for a new one");
            };
            if kept.contains(&option.id) {
                return wrong("/id", "stands there twice");
            }
            kept.push(option.id);
            option.hidden_at = None;
            option.is_correct = edit.is_correct.unwrap_or(option.is_correct);
            if option.label != edit.label {
                if !is_typo(&option.label, &edit.label) {
                    return wrong("/label", "may be put right, and this is another text: add an option, hide this one");
                }
                relabelled.push((option.id, option.label.clone(), edit.label.clone()));
                option.label.clone_from(&edit.label);
            }
        }
        for option in options.iter_mut().filter(|option| option.hidden_at.is_none() && !kept.contains(&option.id)) {
            option.hidden_at = Some(now);
        }
        Ok((options, relabelled))
    }

    /// One more option.
    fn next_option(&self, options: &[PollOption], label: String, by: Option<&str>) -> Result<PollOption, Refusal> {
        let last = options.iter().map(|option| option.id.get()).max().unwrap_or(0);
        let id = OptionId::new(last.saturating_add(1)).filter(|_| options.len() < OPTIONS_MAX);
        let message = format!("a poll has at most {OPTIONS_MAX} options, hidden ones included");
        let id = id.ok_or_else(|| Refusal::invalid("/options", message))?;
        Ok(PollOption { id, label, is_correct: false, suggested_by: by.map(str::to_owned), hidden_at: None })
    }

    /// The end with other settings.
    fn rescheduled(&self, settings: &Settings, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Refusal> {
        let (Some(opened), State::Open) = (self.opened_at, self.state) else { return Ok(self.closes_at) };
        if settings.time_limit_s == self.content.settings.time_limit_s {
            return Ok(self.closes_at);
        }
        let Some(limit) = settings.time_limit_s else { return Ok(None) };
        let end = opened + TimeDelta::seconds(limit.get().into());
        if end <= now {
            let message = "the poll would have ended already; close it, or choose a longer time";
            return Err(Refusal::invalid("/settings/time_limit_s", message));
        }
        Ok(Some(end))
    }

    /// The poll with an option that was suggested.
    ///
    /// # Errors
    /// Those of the rules for suggestions.
    pub fn suggested(&self, suggested: Suggested<'_>, now: DateTime<Utc>) -> Result<Self, Refusal> {
        let Suggested { label, by } = suggested;
        let kind = self.content.kind;
        let is_free = by.is_none() || self.content.settings.allow_suggestions;
        if !is_free || !kind.has_options() || kind == Kind::YesNo {
            return Err(Refusal::NoSuggestions);
        }
        if by.is_some() || self.state != State::Draft {
            self.takes_votes(now)?;
        }
        check::text("/label", label, LABEL_MAX)?;
        let options = &self.content.options;
        if options.iter().any(|option| check::is_same(&option.label, label)) {
            return Err(Refusal::OptionExists);
        }
        let own = options.iter().filter(|option| by.is_some() && option.suggested_by.as_deref() == by).count();
        if own >= SUGGESTIONS_MAX {
            return Err(Refusal::SuggestedEnough);
        }
        let mut next = self.next();
        next.content.options.push(self.next_option(options, label.to_owned(), by)?);
        Ok(next)
    }
}

type Labels = Vec<(OptionId, String, String)>;
type Amended = (Content, Labels);

/// Tells whether one text is another spelling of the other.
fn is_typo(old: &str, new: &str) -> bool {
    let (old, new) = (old.to_lowercase(), new.to_lowercase());
    let longest = old.chars().count().max(new.chars().count());
    strsim::levenshtein(&old, &new).saturating_mul(TYPO) <= longest
}

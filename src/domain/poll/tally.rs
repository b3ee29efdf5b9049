//! What ballots add up to.

use super::{Content, Kind, OptionId, Thousandths};

/// Most different texts or numbers that results show; the export has all of them.
pub const TEXTS_SHOWN: usize = 100;

/// How often something was voted for: what the database counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The option.
    pub option: Option<OptionId>,
    /// Its place in the order, from 1.
    pub rank: Option<u32>,
    /// The number.
    pub value: Option<Thousandths>,
    /// The text.
    pub text: Option<String>,
    /// How often.
    pub count: u64,
}

/// One line of the results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The option.
    pub option: Option<OptionId>,
    /// The number.
    pub value: Option<Thousandths>,
    /// The text.
    pub text: Option<String>,
    /// How often it was voted for, or ranked.
    pub count: u64,
    /// Points of a ranking: of `n` options, the first one of an order gets `n` points, the next one `n - 1`, …
    pub points: Option<u64>,
}

/// What numbers come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The smallest.
    pub min: Thousandths,
    /// The greatest.
    pub max: Thousandths,
    /// The mean, rounded down.
    pub mean: Thousandths,
    /// The lower one of those in the middle.
    pub median: Thousandths,
}

/// The results of one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// The round.
    pub round: u32,
    /// How many have voted.
    pub total: u64,
    /// There are too few ballots to show more than how many they are.
    pub is_withheld: bool,
    /// Line by line: every option by id, or what was voted for, the most frequent first. At most [`TEXTS_SHOWN`] numbers or
    /// texts.
    pub tallies: Vec<Entry>,
    /// There are more different numbers or texts than `tallies` shows.
    pub has_more: bool,
    /// What numbers come to.
    pub summary: Option<Summary>,
}

/// Makes results of what was counted in `total` ballots of a round.
#[must_use]
pub fn tally(content: &Content, counted: &[Counted], (round, total): (u32, u64)) -> Results {
    let mut results = Results { round, total, is_withheld: false, tallies: Vec::new(), has_more: false, summary: None };
    if content.kind.has_options() {
        results.tallies = options(content, counted);
        return results;
    }
    let mut found: Vec<Entry> = counted.iter().map(entry).collect();
    if content.kind == Kind::Scale {
        let (low, high) = content.bounds();
        for step in (low..=high).map(Thousandths::whole) {
            if found.iter().all(|entry| entry.value != Some(step)) {
                found.push(Entry { option: None, value: Some(step), text: None, count: 0, points: None });
            }
        }
    }
    found.sort_by(|one, other| match content.kind {
        Kind::Open | Kind::WordCloud => other.count.cmp(&one.count).then_with(|| one.text.cmp(&other.text)),
        _ => one.value.cmp(&other.value),
    });
    results.summary = summary(&found);
    results.has_more = found.len() > TEXTS_SHOWN;
    found.truncate(TEXTS_SHOWN);
    results.tallies = found;
    results
}

impl Results {
    /// The results with nothing but how many have voted.
    #[must_use]
    pub fn withheld(self) -> Self {
        Self { is_withheld: true, tallies: Vec::new(), has_more: false, summary: None, ..self }
    }
}

fn entry(counted: &Counted) -> Entry {
    let Counted { option, value, text, count, .. } = counted.clone();
    Entry { option, value, text, count, points: None }
}

/// Every option that can be voted for or was, by id.
fn options(content: &Content, counted: &[Counted]) -> Vec<Entry> {
    let is_ranking = content.kind == Kind::Ranking;
    let size = u64::try_from(content.options.len()).unwrap_or(u64::MAX);
    let line = |id: OptionId| {
        let of_it = || counted.iter().filter(move |counted| counted.option == Some(id));
        let points = of_it().map(|counted| {
            let before = counted.rank.map_or(0, |rank| u64::from(rank.saturating_sub(1)));
            size.saturating_sub(before).saturating_mul(counted.count)
        });
        let points = is_ranking.then(|| points.sum());
        Entry { option: Some(id), value: None, text: None, count: of_it().map(|it| it.count).sum(), points }
    };
    let lines = content.options.iter().map(|option| (option, line(option.id)));
    lines.filter(|(option, line)| option.hidden_at.is_none() || line.count > 0).map(|(_, line)| line).collect()
}

/// What numbers come to; `found` is sorted by value.
fn summary(found: &[Entry]) -> Option<Summary> {
    let cast: Vec<(Thousandths, u64)> =
        found.iter().filter(|entry| entry.count > 0).filter_map(|entry| Some((entry.value?, entry.count))).collect();
    let (min, max) = (cast.first()?.0, cast.last()?.0);
    let total: u64 = cast.iter().map(|(_, count)| count).sum();
    let sum: i128 = cast.iter().map(|(value, count)| i128::from(value.0) * i128::from(*count)).sum();
    let mean = i64::try_from(sum.div_euclid(i128::from(total.max(1)))).unwrap_or_default();
    let mut passed = 0;
    let middle = cast.iter().find(|(_, count)| {
        passed += count;
        passed * 2 >= total
    });
    Some(Summary { min, max, mean: Thousandths(mean), median: middle.map_or(min, |(value, _)| *value) })
}

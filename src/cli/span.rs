//! A span of time on the command line: `90d`, `8h`, `15m`, `30s`.

use chrono::TimeDelta;

/// Why a text is no span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a number with s, m, h or d behind it, such as 90d, and at most 3650d")]
pub struct NoSpan;

/// Longest span in seconds: ten years.
const MAX_SECONDS: i64 = 3_650 * 86_400;

/// Reads a span of time of at least a second.
///
/// # Errors
/// When it is none, or longer than ten years.
pub fn span(text: &str) -> Result<TimeDelta, NoSpan> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let found = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let (number, seconds) = found.ok_or(NoSpan)?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = number.parse().ok().filter(|_| is_number).ok_or(NoSpan)?;
    let total = number.checked_mul(seconds).filter(|total| (1..=MAX_SECONDS).contains(total)).ok_or(NoSpan)?;
    TimeDelta::try_seconds(total).ok_or(NoSpan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_up_to_ten_years_and_other_texts_refused() {
        for (text, seconds) in [("1s", 1), ("15m", 900), ("8h", 28_800), ("90d", 7_776_000), ("3650d", MAX_SECONDS)] {
            assert_eq!(span(text), Ok(TimeDelta::seconds(seconds)), "{text}");
        }
        for text in ["", "d", "0s", "-1d", "+1d", "1", "1w", "1.5h", "1 d", "3651d", "99999999999999999999d", "1D"] {
            assert_eq!(span(text), Err(NoSpan), "{text}");
        }
    }
}

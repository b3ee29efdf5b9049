//! Which moments are taken: those that every database can keep.

use chrono::{DateTime, Datelike, Utc};

/// First and last year in UTC: what MySQL's `DATETIME` holds.
const YEARS: std::ops::RangeInclusive<i32> = 1000..=9999;

/// The moment, unless it lies outside of the years that are kept; then why not.
///
/// # Errors
/// When it lies before the year 1000 or after 9999.
pub fn kept(at: DateTime<Utc>) -> Result<DateTime<Utc>, &'static str> {
    if YEARS.contains(&at.year()) { Ok(at) } else { Err("a time lies between the years 1000 and 9999") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_moment_are_taken_and_those_beside_them_are_not() {
        let at = |text: &str| kept(DateTime::parse_from_rfc3339(text).unwrap().to_utc());
        assert!(at("1000-01-01T00:00:00Z").is_ok() && at("9999-12-31T23:59:59.999Z").is_ok());
        for outside in ["0999-12-31T23:59:59.999Z", "0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59-00:01"] {
            assert_eq!(at(outside), Err("a time lies between the years 1000 and 9999"), "{outside}");
        }
    }
}

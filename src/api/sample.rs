//! What the examples in the description say.

use chrono::{DateTime, Utc};

/// The id of a row.
pub(super) const SOME_ID: &str = "01K5F3ZKJ8S9T3V8Y4Q0N2R7XB";

/// A time.
pub(super) fn some_time() -> DateTime<Utc> {
    DateTime::from_timestamp(1_788_250_000, 0).unwrap_or_default()
}

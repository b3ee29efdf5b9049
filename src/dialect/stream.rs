//! What is told about a stream itself.

use serde_json::json;

use crate::domain::fact::Position;

/// Event on a channel: not everything that was missed can be sent again, so the state has to be loaded anew.
pub const GAP: &str = "stream:gap";

/// The data of [`GAP`], as JSON text: the topic, and how far it has come as far as is known.
#[must_use]
pub fn gap(topic: &str, position: Option<&Position>) -> String {
    let (epoch, seq) = position.map_or(("", 0), |position| (position.epoch.as_str(), position.seq));
    json!({ "topic": topic, "epoch": epoch, "seq": seq }).to_string()
}

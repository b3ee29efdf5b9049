//! What others see of a person, as JSON: in events, and the same in the REST API.

use chrono::SecondsFormat;
use serde_json::{Map, Value};

use crate::domain::presence::Sighting;

/// The person with what is seen of them; what is empty is left out.
#[must_use]
pub fn sighting(sighting: &Sighting) -> Map<String, Value> {
    let Sighting { id, name, avatar, role, shown, seen } = sighting;
    let mut json = Map::new();
    let mut put = |key: &str, text: Option<&str>| {
        if let Some(text) = text {
            json.insert(key.to_owned(), text.into());
        }
    };
    put("id", Some(id.as_str()));
    put("name", Some(name));
    put("avatar", avatar.as_deref());
    put("role", role.map(|role| role.name()));
    put("status", Some(shown.as_ref().map_or("offline", |shown| shown.availability.name())));
    put("text", shown.as_ref().and_then(|shown| shown.text.as_deref()));
    put("emoji", shown.as_ref().and_then(|shown| shown.emoji.as_deref()));
    put("last_seen_at", seen.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)).as_deref());
    json
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{
        presence::{Availability, Shown},
        roster::Role,
    };

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut seen = Sighting {
            id: 7.into(),
            name: "Ada".to_owned(),
            avatar: None,
            role: None,
            shown: None,
            seen: chrono::DateTime::from_timestamp_millis(1_700_000_000_123),
        };
        let offline =
            json!({ "id": "7", "name": "Ada", "status": "offline", "last_seen_at": "2023-11-14T22:13:20.123Z" });
        assert_eq!(Value::from(sighting(&seen)), offline);
        seen.shown = Some(Shown { availability: Availability::Busy, text: Some("exam".to_owned()), emoji: None });
        (seen.role, seen.seen) = (Some(Role::Student), None);
        let busy = json!({ "id": "7", "name": "Ada", "role": "student", "status": "busy", "text": "exam" });
        assert_eq!(Value::from(sighting(&seen)), busy);
    }
}

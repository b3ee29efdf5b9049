//! What others are shown of somebody: `id`, `name`, `avatar` and `role`, as far as the roster knows them.
//!
//! The auth endpoint writes it over what a client says about itself; a subscription that the application has signed gets of
//! it what the application has not said.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Gathered;
use crate::{
    domain::{access::Decision, presence::Member, roster::Role},
    ids::UserId,
};

/// What others are shown of somebody.
#[derive(Debug)]
pub(super) struct Profile<'a> {
    pub(super) id: &'a UserId,
    pub(super) name: Option<String>,
    pub(super) avatar: Option<String>,
    /// Where they are shown, else in their org.
    pub(super) role: Option<Role>,
}

impl Profile<'_> {
    fn fields(&self) -> [(&'static str, Value); 4] {
        [
            ("id", json!(self.id.as_str())),
            ("name", json!(self.name)),
            ("avatar", json!(self.avatar)),
            ("role", json!(self.role.map(Role::name))),
        ]
    }

    /// Puts it over what a client says about itself: nobody gives themselves a name or a role.
    pub(super) fn over(&self, mut said: Map<String, Value>) -> Value {
        said.extend(self.fields().map(|(key, value)| (key.to_owned(), value)));
        Value::Object(said)
    }

    /// Adds to a member what the application has not said about it; its own words stay byte for byte. `None` when there is
    /// nothing to add or nothing to add it to, when the member is somebody else, or when there would be more than `max` bytes.
    fn complete(&self, member: &Member, max: usize) -> Option<Member> {
        if member.id != *self.id {
            return None;
        }
        let said: Map<String, Value> = serde_json::from_str(&member.info).ok()?;
        let missing = self.fields().into_iter().filter(|(key, _)| !said.contains_key(*key));
        let missing: Map<String, Value> = missing.map(|(key, value)| (key.to_owned(), value)).collect();
        if missing.is_empty() {
            return None;
        }
        let is_staff = member.is_staff || (missing.contains_key("role") && self.role.is_some_and(Role::is_staff));
        let (open, comma) = (member.info.trim_end().strip_suffix('}')?, if said.is_empty() { "" } else { "," });
        let missing = Value::Object(missing).to_string();
        let info = format!("{open}{comma}{}", missing.strip_prefix('{')?);
        (info.len() <= max).then(|| Member { info: Arc::from(info), is_staff, ..member.clone() })
    }
}

impl Gathered {
    /// Completes a member by what the roster says about it, with the role that has decided; `None` = there is nothing to add.
    pub(super) fn complete(&self, member: &Member, decision: &Decision, max: usize) -> Option<Member> {
        let person = &self.known.as_ref()?.standing.as_ref()?.person;
        let role = decision.role.filter(|_| decision.allow).or(person.org_role);
        let (name, avatar) = (Some(person.name.clone()), person.avatar.clone());
        Profile { id: &person.id, name, avatar, role }.complete(member, max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::client_message::parse_channel_data;

    fn completed(info: &str, max: usize) -> Option<String> {
        let id = UserId::parse("7").unwrap();
        let (name, role) = (Some("Ada".to_owned()), Some(Role::Instructor));
        let profile = Profile { id: &id, name, avatar: None, role };
        let member = parse_channel_data(&format!(r#"{{"user_id":7,"user_info":{info}}}"#)).unwrap();
        let shown = profile.complete(&member, max)?;
        assert_eq!((&shown.id, shown.numeric_id), (&member.id, member.numeric_id));
        Some(format!("{} {}", shown.info, shown.is_staff))
    }

    #[test]
    fn what_the_application_says_stays_byte_for_byte_and_what_it_does_not_say_is_added() {
        let all = r#"{"avatar":null,"id":"7","name":"Ada","role":"instructor"} true"#;
        assert_eq!(completed("{}", 100).as_deref(), Some(all));
        let table = [
            (r#"{"id":7.10}"#, r#"{"id":7.10,"avatar":null,"name":"Ada","role":"instructor"} true"#),
            (
                r#"{ "name": "A\u0064a" , "role":"student" }"#,
                r#"{ "name": "A\u0064a" , "role":"student" ,"avatar":null,"id":"7"} false"#,
            ),
            (
                r#"{"n\u0061me":null,"x":{"role":1}}"#,
                r#"{"n\u0061me":null,"x":{"role":1},"avatar":null,"id":"7","role":"instructor"} true"#,
            ),
        ];
        for (said, shown) in table {
            assert_eq!(completed(said, 100).as_deref(), Some(shown));
        }
    }

    #[test]
    fn what_is_no_object_or_says_all_of_it_or_would_get_too_long_stays_as_it_is() {
        for info in ["[]", "\"Ada\"", "5", r#"{"id":"7","name":"A","avatar":"a.png","role":"student","x":1}"#] {
            assert_eq!(completed(info, 100), None, "{info}");
        }
        assert_eq!(completed(r#"{"id":"7"}"#, 20), None);
    }
}

//! Audiences as text in rows.

use serde_json::{Value, json};

use crate::domain::audience::{Audience, AudienceType};

/// An audience as JSON.
pub(super) fn text(audience: &Audience) -> String {
    let roles: Vec<_> = audience.roles.iter().map(|role| role.name()).collect();
    let exclude: Vec<_> = audience.exclude.iter().map(|user| user.as_str()).collect();
    json!({ "type": audience.kind().name(), "ids": audience.ids(), "roles": roles, "exclude": exclude }).to_string()
}

/// What [`text`] wrote; `None` for anything else.
pub(super) fn read(text: &str) -> Option<Audience> {
    let value: Value = serde_json::from_str(text).ok()?;
    let list = |name: &str| -> Option<Vec<String>> {
        value.get(name)?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let kind: AudienceType = value.get("type")?.as_str()?.parse().ok()?;
    let roles: Result<Vec<_>, _> = list("roles")?.iter().map(|role| role.parse()).collect();
    Audience::parse(kind, &list("ids")?, &roles.ok()?, &list("exclude")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::roster::Role;

    #[test]
    fn an_audience_comes_back_as_it_was_kept() {
        let texts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        for (kind, ids, roles, exclude) in [
            (AudienceType::User, &["7", "8 é"][..], &[][..], &["9"][..]),
            (AudienceType::Course, &["101"], &[Role::Student], &[]),
            (AudienceType::Role, &[], &[Role::Student, Role::Observer], &[]),
            (AudienceType::All, &[], &[], &["1"]),
        ] {
            let audience = Audience::parse(kind, &texts(ids), roles, &texts(exclude)).unwrap();
            assert_eq!(read(&text(&audience)), Some(audience));
        }
        for other in ["", "{}", r#"{"type":"shoe","ids":[],"roles":[],"exclude":[]}"#] {
            assert_eq!(read(other), None);
        }
    }
}

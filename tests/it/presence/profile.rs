//! What the others see of a member: the application's word, and the roster's where the application says nothing.

use campanile::domain::{
    app::AppSettings,
    roster::{Object, Person, Role},
};
use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    client::{Client, inner},
    roster::person,
};

const CHANNEL: &str = "presence-course.1.users";

/// A server whose roster has the student 7, and a socket of a stranger that hears who comes.
async fn classroom(edit: impl FnOnce(&mut AppSettings)) -> (TestApp, Client) {
    let app = TestApp::with_settings(|settings| {
        settings.presence_events = false;
        edit(settings);
    })
    .await;
    let roster = app.roster().await;
    roster.enroll(&[("7", Role::Student)]).await;
    roster.put([Object::User(Person { avatar: Some("/7.png".to_owned()), ..person("7") })]).await;
    let mut watcher = app.connect().await;
    watcher.join(CHANNEL, "watcher").await;
    (app, watcher)
}

/// What the joiner and the others are shown of a member with this `user_info`.
async fn shown(app: &TestApp, watcher: &mut Client, user: &str, info: &str) -> Value {
    let mut client = app.connect().await;
    let list = client.join_as(CHANNEL, &format!(r#"{{"user_id":"{user}","user_info":{info}}}"#)).await;
    let added = inner(&watcher.expect_on("pusher_internal:member_added", CHANNEL).await);
    assert_eq!(list["hash"][user], added["user_info"]);
    client.cut();
    watcher.expect_on("pusher_internal:member_removed", CHANNEL).await;
    added["user_info"].clone()
}

#[tokio::test]
async fn the_roster_adds_what_the_application_does_not_say_of_a_member() {
    let (app, mut watcher) = classroom(|_settings| ()).await;
    let whole = json!({ "id": "7", "name": "Name of 7", "avatar": "/7.png", "role": "student" });
    for bare in ["{}", "null", r#"{"id":"7"}"#] {
        assert_eq!(shown(&app, &mut watcher, "7", bare).await, whole, "{bare}");
    }
    let own = shown(&app, &mut watcher, "7", r#"{"id":7,"name":"Ada","avatar":null,"seat":4}"#).await;
    assert_eq!(own, json!({ "id": 7, "name": "Ada", "avatar": null, "seat": 4, "role": "student" }));
}

#[tokio::test]
async fn what_is_no_object_and_who_is_not_in_the_roster_are_relayed_as_they_are() {
    let (app, mut watcher) = classroom(|settings| settings.max_presence_member_bytes = 40).await;
    for (user, info) in [("7", "[1,2]"), ("7", "\"Ada\""), ("8", r#"{"id":"8"}"#), ("8", "{}")] {
        let as_it_is: Value = serde_json::from_str(info).unwrap();
        assert_eq!(shown(&app, &mut watcher, user, info).await, as_it_is, "{user}: {info}");
    }
    let full = shown(&app, &mut watcher, "7", r#"{"id":"7"}"#).await;
    assert_eq!(full, json!({ "id": "7" }), "more would be more than a member may have");
}

#[tokio::test]
async fn a_member_that_the_application_has_signed_in_is_completed_too() {
    let (app, mut watcher) = classroom(|_settings| ()).await;
    let mut client = app.connect().await;
    client.ask_sign_in(r#"{"id":"7","user_info":{"name":"Ada"}}"#).await;
    client.expect("pusher:signin_success").await;
    client.ask_signed(CHANNEL, None).await;
    let added = inner(&watcher.expect_on("pusher_internal:member_added", CHANNEL).await);
    let whole = json!({ "id": "7", "name": "Ada", "avatar": "/7.png", "role": "student" });
    assert_eq!(added["user_info"], whole);
}

//! Groups and pairs: who belongs to them, and what changes when that does.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    chat::{Room, SENT, bodies, enforcing},
    client::{Client, inner},
};

async fn add(room: &Room<'_>, user: &str, users: Value) -> crate::support::answer::Answer {
    room.push(user, "/api/chats/g/members", json!({ "users": users })).await
}

async fn group(room: &Room<'_>, settings: Value) {
    let group = json!({ "id": "g", "kind": "group", "course": "101", "title": "Project", "members": ["7", "9"] });
    let mut group = group;
    group["settings"] = settings;
    room.make(group).await;
}

async fn revoked(client: &mut Client, channel: &str) {
    let frame = client.expect_on("pusher:subscription_error", channel).await;
    assert_eq!((&frame["data"]["type"], &frame["data"]["reason"]), (&json!("AccessRevoked"), &json!("not_enrolled")));
}

#[tokio::test]
async fn members_of_a_group_hear_it_and_others_of_the_course_do_not() {
    let app = enforcing().await;
    let room = app.room().await;
    group(&room, json!({})).await;
    let mut member = room.hears("7", "private-chat.g").await;
    room.get("8", "/api/chats/g").await.problem(404, "not_found");
    room.post("8", json!({ "chat_id": "g", "body": "x" })).await.problem(404, "not_found");
    assert_eq!(room.post("9", json!({ "chat_id": "g", "body": "x" })).await.status, 201);
    member.expect(SENT).await;
    let members = room.get("7", "/api/chats/g/members").await.ok();
    let member = |user: &str| json!({ "user": user, "name": format!("Name of {user}"), "part": "member" });
    assert_eq!(members["data"], json!([member("7"), member("9")]));
}

#[tokio::test]
async fn whoever_is_added_hears_the_group_at_once_and_whoever_is_removed_hears_nothing_more() {
    let app = enforcing().await;
    let room = app.room().await;
    group(&room, json!({})).await;
    let mut told = room.hears("8", "private-user.8").await;
    add(&room, "7", json!(["8"])).await.problem(403, "wrong_role");
    add(&room, "9", json!(["8"])).await.ok();
    let event = inner(&told.expect("App\\Events\\ChatUpdated").await);
    assert_eq!((&event["chat"]["id"], &event["change"]), (&json!("g"), &json!("members")));
    let mut added = room.hears("8", "private-chat-g").await;
    room.post("7", json!({ "chat_id": "g", "body": "welcome" })).await;
    added.expect("message:new").await;
    let remove =
        async |by: &str, user: &str| room.call(by, Method::DELETE, &format!("/api/chats/g/members/{user}"), None).await;
    remove("7", "8").await.problem(403, "wrong_role");
    assert_eq!(remove("9", "8").await.status, 204);
    added.expect("chat:updated").await;
    revoked(&mut added, "private-chat-g").await;
    room.post("7", json!({ "chat_id": "g", "body": "gone" })).await;
    added.expect_silence().await;
    room.get("8", "/api/chats/g").await.problem(404, "not_found");
    assert_eq!(remove("7", "7").await.status, 204, "anybody may leave");
    room.get("7", "/api/chats/g").await.problem(404, "not_found");
    remove("9", "7").await.problem(404, "not_found");
    room.push("9", "/api/chats/c/members", json!({ "users": ["66"] })).await.problem(409, "no_group");
}

#[tokio::test]
async fn a_group_of_a_course_takes_those_alone_who_can_open_it_and_tells_nobody_else() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut outsider = room.hears("66", "private-user-66").await;
    room.office.keep("/api/users/77", json!({ "name": "Name of 77" })).await;
    let invited = json!({ "user": "77", "course": "101", "role": "student", "status": "invited" });
    room.office.keep("/api/enrollments/e77", invited).await;
    group(&room, json!({})).await;
    for user in ["66", "6", "77"] {
        let asked = json!({ "kind": "group", "course": "101", "title": "Secret", "members": ["7", user] });
        for answer in [room.push("9", "/api/chats", asked.clone()).await, room.office.post("/api/chats", asked).await] {
            let problem = answer.problem(422, "invalid_fields");
            let message = format!("user '{user}' takes no part in course '101'");
            assert_eq!(problem["errors"][0], json!({ "pointer": "/members/1", "code": "invalid", "message": message }));
        }
        let problem = add(&room, "9", json!(["8", user])).await.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], "/users/1");
    }
    add(&room, "9", json!(["404"])).await.problem(422, "invalid_fields");
    outsider.expect_silence().await;
    assert_eq!(room.get("9", "/api/chats/g/members").await.ok()["data"].as_array().unwrap().len(), 2, "8 neither");
    room.office.keep("/api/users/99", json!({ "name": "Name of 99" })).await;
    room.office.keep("/api/classes/13", json!({ "course": "101", "name": "Tuesday" })).await;
    let narrow = json!({ "user": "99", "course": "101", "class": "13", "role": "student", "limit_to_class": true });
    room.office.keep("/api/enrollments/e99", narrow).await;
    let of_class = json!({ "kind": "group", "class": "12", "title": "x", "members": ["99"] });
    let problem = room.push("9", "/api/chats", of_class).await.problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["message"], "user '99' takes no part in class '12'");
    let watching = json!([{ "role": "observer", "capability": "channel.chat", "effect": "allow" }]);
    room.office.keep("/api/courses/101", json!({ "title": "Computing", "overrides": watching })).await;
    add(&room, "9", json!(["6"])).await.ok();
}

#[tokio::test]
async fn whoever_begins_later_is_taken_into_a_group_and_told_nothing_before() {
    let app = enforcing().await;
    let room = app.room().await;
    let later = json!({ "user": "66", "course": "101", "role": "student", "begin_at": "2100-01-01T00:00:00Z" });
    room.office.keep("/api/enrollments/e66", later).await;
    let (mut early, mut other) = (room.hears("66", "private-user-66").await, room.hears("8", "private-user-8").await);
    room.make(json!({ "id": "g", "kind": "group", "course": "101", "title": "x", "members": ["66", "8"] })).await;
    other.expect("chat:updated").await;
    room.office.post("/api/chats/g/members", json!({ "users": ["66"] })).await.ok();
    early.expect_silence().await;
    room.get("66", "/api/chats/g").await.problem(403, "not_started");
    room.office.delete("/api/enrollments/e66").await.ok();
    room.office.keep("/api/enrollments/n66", json!({ "user": "66", "course": "101", "role": "student" })).await;
    room.get("66", "/api/chats/g").await.ok();
}

#[tokio::test]
async fn whoever_is_dropped_from_the_course_is_out_of_its_groups() {
    let app = enforcing().await;
    let room = app.room().await;
    group(&room, json!({})).await;
    let mut member = room.hears("7", "private-chat.g").await;
    assert_eq!(room.office.delete("/api/enrollments/e7").await.status, 200);
    let frame = member.expect_on("pusher:subscription_error", "private-chat.g").await;
    assert_eq!(frame["data"]["reason"], "enrollment_inactive");
    room.post("7", json!({ "chat_id": "g", "body": "x" })).await.problem(403, "enrollment_inactive");
}

#[tokio::test]
async fn those_who_come_later_see_what_was_said_before_only_where_the_group_lets_them() {
    let app = enforcing().await;
    let room = app.room().await;
    for (history, seen) in [("all", vec!["before", "after"]), ("joined", vec!["after"])] {
        let id = format!("g-{history}");
        let settings = json!({ "history": history });
        room.make(
            json!({ "id": id, "kind": "group", "course": "101", "title": "x", "members": ["7"], "settings": settings }),
        )
        .await;
        let post = async |body: &str| room.post("7", json!({ "chat_id": id, "body": body })).await.json();
        let before = post("before").await;
        let path = format!("/api/chats/{id}/members");
        assert_eq!(room.office.post(&path, json!({ "users": ["8"] })).await.status, 200);
        post("after").await;
        assert_eq!(bodies(&room.get("8", &format!("/api/chats/{id}/messages")).await.ok()), seen);
        assert_eq!(room.get("8", &format!("/api/chats/{id}")).await.ok()["unread_count"], 1);
        let old = room.get("8", &format!("/api/messages/{}", before["id"].as_str().unwrap())).await;
        assert_eq!(old.status, if history == "all" { 200 } else { 404 });
    }
}

#[tokio::test]
async fn what_was_said_before_is_hidden_in_groups_alone_and_elsewhere_that_is_refused() {
    let app = enforcing().await;
    let room = app.room().await;
    let joined = json!({ "history": "joined" });
    for chat in [
        json!({ "kind": "course", "course": "101", "title": "x", "settings": joined }),
        json!({ "kind": "office_hours", "course": "101", "title": "x", "settings": joined }),
        json!({ "kind": "class", "class": "12", "title": "x", "settings": joined }),
        json!({ "kind": "dm", "members": ["7", "9"], "settings": joined }),
    ] {
        let problem = room.office.post("/api/chats", chat).await.problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["pointer"], "/settings/history");
    }
    let change = json!({ "settings": joined });
    let problem = room.call("9", Method::PATCH, "/api/chats/c", Some(change)).await.problem(422, "invalid_fields");
    assert!(problem["errors"][0]["message"].as_str().unwrap().contains("groups"), "{problem}");
    let all = json!({ "settings": { "history": "all" } });
    room.call("9", Method::PATCH, "/api/chats/c", Some(all)).await.ok();
    group(&room, json!({})).await;
    let change = json!({ "settings": joined });
    room.office.patch("/api/chats/g", change).await.ok();
}

#[tokio::test]
async fn those_who_come_later_hear_of_changed_messages_only_where_they_see_them() {
    let app = enforcing().await;
    let room = app.room().await;
    for history in ["all", "joined"] {
        let id = format!("g-{history}");
        let settings = json!({ "history": history });
        room.make(json!({ "id": id, "kind": "group", "title": "x", "members": ["7"], "settings": settings })).await;
        let before = room.post("7", json!({ "chat_id": id, "body": "before" })).await.json();
        assert_eq!(room.office.post(&format!("/api/chats/{id}/members"), json!({ "users": ["8"] })).await.status, 200);
        let channel = format!("private-chat-{id}");
        let (mut old, mut new) = (room.hears("7", &channel).await, room.hears("8", &channel).await);
        let edit = async |message: &Value, body: &str| {
            let path = format!("/api/messages/{}", message["id"].as_str().unwrap());
            room.call("7", Method::PATCH, &path, Some(json!({ "body": body }))).await.ok();
        };
        edit(&before, "edited before").await;
        let after = room.post("7", json!({ "chat_id": id, "body": "after" })).await.json();
        edit(&after, "edited after").await;
        let heard = async |client: &mut Client| {
            let mut texts: Vec<String> = Vec::new();
            while texts.last().is_none_or(|text| text != "edited after") {
                let data = inner(&client.frame().await);
                texts.extend(data["message"]["body"].as_str().map(str::to_owned));
            }
            texts
        };
        assert_eq!(heard(&mut old).await, ["edited before", "after", "edited after"]);
        let seen: &[&str] =
            if history == "all" { &["edited before", "after", "edited after"] } else { &["after", "edited after"] };
        assert_eq!(heard(&mut new).await, seen, "{history}");
    }
}

#[tokio::test]
async fn the_owner_of_a_group_without_a_course_leads_it() {
    let app = enforcing().await;
    let room = app.room().await;
    room.make(json!({ "id": "g", "kind": "group", "title": "Choir", "members": ["7", "8"] })).await;
    add(&room, "7", json!(["66"])).await.problem(403, "wrong_part");
    let lead = json!({ "users": ["7"], "part": "owner" });
    room.office.post("/api/chats/g/members", lead).await.ok();
    add(&room, "7", json!(["66"])).await.ok();
    add(&room, "7", json!(["404"])).await.problem(422, "invalid_fields");
    let mut other = room.hears("66", "private-chat.g").await;
    let path = "/api/chats/g/freeze";
    room.call("8", Method::POST, path, None).await.problem(403, "wrong_part");
    room.call("7", Method::POST, path, None).await.ok();
    other.expect("App\\Events\\ChatUpdated").await;
    room.post("8", json!({ "chat_id": "g", "body": "x" })).await.problem(409, "chat_frozen");
    let private = json!({ "chat_id": "g", "body": "x", "visibility": "staff" });
    room.post("7", private).await.problem(422, "invalid_fields");
    room.push("7", "/api/chats", json!({ "kind": "group", "title": "Mine", "members": ["8"] }))
        .await
        .problem(422, "invalid_fields");
}

#[tokio::test]
async fn a_student_writes_to_staff_alone_and_to_students_only_where_the_course_lets_everybody() {
    let app = enforcing().await;
    let room = app.room().await;
    let pair = async |user: &str, other: &str| {
        room.push(user, "/api/chats", json!({ "kind": "dm", "members": [other] })).await
    };
    let made = pair("7", "9").await;
    assert_eq!(made.status, 201, "{}", made.text());
    let chat = made.json()["id"].as_str().unwrap().to_owned();
    for user in ["8", "66", "404"] {
        pair("7", user).await.problem(422, "invalid_fields");
    }
    let again = pair("9", "7").await;
    assert_eq!((again.status, &again.json()["id"]), (200, &json!(chat)), "two people have one chat");
    let mut teacher = room.hears("9", &format!("private-chat.{chat}")).await;
    assert_eq!(room.post("7", json!({ "chat_id": chat, "body": "may I?" })).await.status, 201);
    teacher.expect(SENT).await;
    for outsider in ["5", "8"] {
        room.get(outsider, &format!("/api/chats/{chat}")).await.problem(404, "not_found");
    }
    let open = json!({ "settings": { "dm_policy": "everybody" } });
    room.call("9", Method::PATCH, "/api/chats/c", Some(open)).await.ok();
    assert_eq!(pair("7", "8").await.status, 201);
    pair("7", "66").await.problem(422, "invalid_fields");
    pair("7", "7").await.problem(422, "invalid_fields");
    let three = json!({ "kind": "dm", "members": ["8", "9"] });
    room.push("7", "/api/chats", three).await.problem(422, "invalid_fields");
    let both = json!({ "kind": "dm", "members": ["66", "8"] });
    assert_eq!(room.office.post("/api/chats", both).await.status, 201, "the platform pairs whom it likes");
}

#[tokio::test]
async fn the_other_one_of_a_new_pair_is_told() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut teacher = room.hears("9", "private-user.9").await;
    room.push("7", "/api/chats", json!({ "kind": "dm", "members": ["9"] })).await;
    let event = inner(&teacher.expect("App\\Events\\ChatUpdated").await);
    assert_eq!(
        (&event["change"], &event["chat"]["kind"], &event["actor"]["id"]),
        (&json!("created"), &json!("dm"), &json!("7"))
    );
}

#[tokio::test]
async fn members_of_a_course_are_listed_for_those_who_may_see_them() {
    let app = enforcing().await;
    let room = app.room().await;
    room.get("7", "/api/chats/c/members").await.problem(403, "wrong_role");
    let first = room.get("9", "/api/chats/c/members?limit=2").await.ok();
    let users = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|one| one["user"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(users(&first), ["5", "7"], "6 only observes, and may not hear the chat");
    assert_eq!(first["data"][0], json!({ "user": "5", "name": "Name of 5", "role": "assistant" }));
    let cursor = first["page"]["next_cursor"].as_str().unwrap();
    assert_eq!(users(&room.get("9", &format!("/api/chats/c/members?cursor={cursor}")).await.ok()), ["8", "9"]);
    let says = |role: &str, effect: &str| json!({ "role": role, "capability": "channel.chat", "effect": effect });
    let overrides = json!([says("observer", "allow"), says("student", "prevent")]);
    room.office.keep("/api/courses/101", json!({ "title": "Computing", "overrides": overrides })).await;
    assert_eq!(users(&room.get("9", "/api/chats/c/members").await.ok()), ["5", "6", "9"]);
    let nobody: Vec<_> = ["student", "assistant", "instructor", "admin"].map(|role| says(role, "prevent")).into();
    room.office.keep("/api/courses/101", json!({ "title": "Computing", "overrides": nobody })).await;
    assert_eq!(users(&room.office.get("/api/chats/c/members").await.ok()), [""; 0]);
}

#[tokio::test]
async fn two_people_write_alone_only_for_as_long_as_they_may() {
    let app = enforcing().await;
    let room = app.room().await;
    let policy = async |policy: &str| {
        let settings = json!({ "settings": { "dm_policy": policy } });
        room.call("9", Method::PATCH, "/api/chats/c", Some(settings)).await.ok();
    };
    let pair = async |user: &str, other: &str| {
        let made = room.push(user, "/api/chats", json!({ "kind": "dm", "members": [other] })).await;
        made.json()["id"].as_str().unwrap().to_owned()
    };
    let say = async |user: &str, chat: &str| room.post(user, json!({ "chat_id": chat, "body": "x" })).await;
    policy("everybody").await;
    let (students, staff) = (pair("7", "8").await, pair("7", "9").await);
    let said = say("7", &students).await.json();
    policy("staff").await;
    for user in ["7", "8"] {
        say(user, &students).await.problem(403, "apart");
    }
    let path = format!("/api/messages/{}", said["id"].as_str().unwrap());
    room.call("7", Method::PATCH, &path, Some(json!({ "body": "y" }))).await.problem(403, "apart");
    room.call("7", Method::DELETE, &path, None).await.ok();
    assert_eq!(say("7", &staff).await.status, 201);
    assert_eq!(room.office.delete("/api/enrollments/e9").await.status, 200);
    for user in ["7", "9"] {
        say(user, &staff).await.problem(403, "apart");
    }
    room.make(json!({ "id": "p", "kind": "dm", "members": ["8", "66"] })).await;
    assert_eq!(say("66", "p").await.status, 201, "the platform pairs whom it likes");
}

#[tokio::test]
async fn students_write_alone_where_the_course_lets_them_however_many_groups_it_has() {
    let app = enforcing().await;
    let room = app.room().await;
    let open = json!({ "settings": { "dm_policy": "everybody" } });
    room.call("9", Method::PATCH, "/api/chats/c", Some(open)).await.ok();
    for number in 0..100 {
        room.make(json!({ "id": format!("a{number}"), "kind": "group", "course": "101", "title": "x" })).await;
    }
    let made = room.push("7", "/api/chats", json!({ "kind": "dm", "members": ["8"] })).await;
    assert_eq!(made.status, 201, "{}", made.text());
}

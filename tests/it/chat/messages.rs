//! Messages from being said to being forgotten.

use campanile::{
    domain::roster::{Kind, Operation},
    store::RosterWrite,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::MAIN,
    chat::{Room, SENT, bodies, enforcing, heard},
    client::inner,
};

const UPDATED: &str = "App\\Events\\ChatMessageUpdated";
const DELETED: &str = "App\\Events\\ChatMessageDeleted";

#[tokio::test]
async fn a_message_is_heard_once_in_each_grammar_as_it_is_answered() {
    let app = enforcing().await;
    let room = app.room().await;
    let (mut dots, mut dashes) = (room.hears("8", "private-chat.c").await, room.hears("9", "private-chat-c").await);
    let said = room.said("7", "Does it <b>end</b>? **Yes** \u{202e}").await;
    assert_eq!((&said["seq"], &said["version"], &said["chat_id"]), (&json!(1), &json!(1), &json!("c")));
    assert_eq!(said["author"], json!({ "kind": "user", "id": "7", "name": "Name of 7", "role": "student" }));
    assert_eq!((&said["body"], &said["content"], &said["text"]), (&said["text"], &said["text"], &said["body"]));
    let frame = dots.expect_on(SENT, "private-chat.c").await;
    let event = inner(&frame);
    assert_eq!(event["message"], said, "events and answers are alike");
    assert_eq!(event["actor"], json!({ "id": "7", "name": "Name of 7", "role": "student" }));
    let alias = inner(&dots.expect_on("chat.message.sent", "private-chat.c").await);
    assert_eq!((&alias["event_id"], &alias["seq"]), (&event["event_id"], &json!(1)));
    let dashed = inner(&dashes.expect_on("message:new", "private-chat-c").await);
    assert_eq!(dashed["event_id"], event["event_id"]);
    assert_eq!((&dashed["message"]["chatId"], &dashed["message"]["authorId"]), (&json!("c"), &json!("7")));
    dots.expect_silence().await;
    dashes.expect_silence().await;
}

#[tokio::test]
async fn a_message_is_found_where_the_answer_says_and_seed_clients_may_call_its_text_message() {
    let app = enforcing().await;
    let room = app.room().await;
    let said = room.post("7", json!({ "chat_id": "c", "message": "hello" })).await;
    let location = said.header("location").unwrap().to_owned();
    let found = room.get("8", &location).await;
    assert_eq!(found.ok(), said.json());
    assert!(found.header("etag").unwrap().starts_with("\"1-"), "reactions have no versions, and yet are news");
    room.post("7", json!({ "chat_id": "c", "message": "a", "body": "b" })).await.problem(422, "invalid_fields");
}

#[tokio::test]
async fn sent_again_with_the_same_client_id_it_is_answered_with_200_and_said_once() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut other = room.hears("8", "private-chat-c").await;
    let first = room.post("7", json!({ "chat_id": "c", "body": "once", "client_id": "tmp-1" })).await;
    assert_eq!((first.status, &first.json()["client_id"]), (201, &json!("tmp-1")));
    let again = room.post("7", json!({ "chat_id": "c", "body": "once more", "client_id": "tmp-1" })).await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    let others = room.post("8", json!({ "chat_id": "c", "body": "mine", "client_id": "tmp-1" })).await;
    assert_eq!(others.status, 201, "names are each author's own");
    let (one, two) = (heard(&mut other, "message:new").await, heard(&mut other, "message:new").await);
    assert_eq!((&one["clientId"], &one["body"], &two["body"]), (&json!("tmp-1"), &json!("once"), &json!("mine")));
    other.expect_silence().await;
    assert_eq!(room.seen("9").await, ["once", "mine"]);
}

#[tokio::test]
async fn the_socket_that_said_it_does_not_hear_it_and_other_tabs_do() {
    let app = enforcing().await;
    let room = app.room().await;
    let (mut own, mut tab) = (room.hears("7", "private-chat-c").await, room.hears("7", "private-chat-c").await);
    let request = app.person("7").request(Method::POST, "/api/chat/messages").header("X-Socket-ID", &own.id);
    let sent = request.json(&json!({ "chat_id": "c", "body": "x" })).send().await.unwrap();
    assert_eq!(sent.status(), 201);
    tab.expect("message:new").await;
    own.expect_silence().await;
}

#[tokio::test]
async fn an_edit_is_told_with_its_version_and_a_stale_one_is_refused() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut other = room.hears("8", "private-chat.c").await;
    let path = format!("/api/messages/{}", room.said("7", "frist").await["id"].as_str().unwrap());
    other.expect(SENT).await;
    other.expect("chat.message.sent").await;
    let edited = room.write_if("7", (Method::PATCH, &path), "\"1\"", json!({ "body": "first" })).await;
    let shown = edited.ok();
    assert_eq!((edited.header("etag"), &shown["version"], &shown["body"]), (Some("\"2\""), &json!(2), &json!("first")));
    assert!(shown["edited_at"].is_string());
    assert_eq!(heard(&mut other, UPDATED).await, shown);
    let stale = room.write_if("7", (Method::PATCH, &path), "\"1\"", json!({ "body": "last" })).await;
    assert!(stale.problem(412, "version_mismatch")["detail"].as_str().unwrap().contains("\"2\""));
    let same = room.call("7", Method::PATCH, &path, Some(json!({ "body": "first" }))).await.ok();
    assert_eq!(same["version"], 2, "what changes nothing is no edit");
    for user in ["8", "9"] {
        room.call(user, Method::PATCH, &path, Some(json!({ "body": "mine" }))).await.problem(403, "not_yours");
    }
    let versions = room.get("7", &format!("{path}/versions")).await.ok();
    assert_eq!((bodies(&versions), &versions["data"][0]["replaced_by"]), (vec!["frist".to_owned()], &json!("user:7")));
    room.get("8", &format!("{path}/versions")).await.problem(403, "wrong_role");
    assert_eq!(bodies(&room.get("5", &format!("{path}/versions")).await.ok()), ["frist"]);
}

#[tokio::test]
async fn a_deleted_message_leaves_a_trace_and_its_replies_stay() {
    let app = enforcing().await;
    let room = app.room().await;
    let parent = room.said("7", "secret").await;
    let id = parent["id"].as_str().unwrap();
    let reply = room.post("8", json!({ "chat_id": "c", "body": "reply", "parent_id": id })).await.json();
    let mut other = room.hears("8", "private-chat.c").await;
    room.call("8", Method::DELETE, &format!("/api/messages/{id}"), None).await.problem(403, "wrong_role");
    let gone = room.call("7", Method::DELETE, &format!("/api/messages/{id}"), None).await.ok();
    assert_eq!((&gone["body"], gone["deleted_at"].is_string()), (&json!(""), true));
    assert!(!heard(&mut other, DELETED).await.to_string().contains("secret"));
    let list = room.get("8", "/api/chats/c/messages").await.ok();
    assert_eq!(bodies(&list), ["", "reply"]);
    assert_eq!((&list["data"][1], &list["data"][1]["parent_id"]), (&reply, &json!(id)));
    let path = format!("/api/messages/{id}");
    room.call("7", Method::PATCH, &path, Some(json!({ "body": "back" }))).await.problem(409, "message_deleted");
    room.call("7", Method::DELETE, &path, None).await.problem(409, "message_deleted");
    room.get("7", &format!("{path}/versions")).await.problem(403, "wrong_role");
    assert_eq!(
        bodies(&room.get("5", &format!("{path}/versions")).await.ok()),
        ["secret"],
        "moderators see what it was"
    );
}

#[tokio::test]
async fn messages_are_listed_in_windows_with_the_position_of_the_stream_before_them() {
    let app = enforcing().await;
    let room = app.room().await;
    for number in 1..=7 {
        let answer =
            room.office.post("/api/chat/messages", json!({ "chat_id": "c", "body": number.to_string() })).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    let list = async |query: &str| room.get("7", &format!("/api/chats/c/messages?{query}")).await.ok();
    let newest = list("limit=3").await;
    assert_eq!(bodies(&newest), ["5", "6", "7"]);
    assert_eq!(newest["stream"]["topic"], "chat.c");
    assert_eq!(newest["stream"]["seq"], 7);
    assert_eq!(newest["page"]["has_more"], true);
    let cursor = newest["page"]["next_cursor"].as_str().unwrap();
    assert_eq!(bodies(&list(&format!("limit=3&cursor={cursor}")).await), ["2", "3", "4"]);
    assert_eq!(bodies(&list("before_seq=3").await), ["1", "2"]);
    let later = list("after_seq=4&limit=2").await;
    assert_eq!((bodies(&later), &later["page"]["has_more"]), (vec!["5".to_owned(), "6".to_owned()], &json!(true)));
    let cursor = later["page"]["next_cursor"].as_str().unwrap();
    assert_eq!(bodies(&list(&format!("cursor={cursor}")).await), ["7"]);
    assert_eq!(bodies(&list("around=4&limit=3").await), ["3", "4", "5"]);
    assert_eq!(list("after_seq=7").await["page"], json!({ "next_cursor": Value::Null, "has_more": false }));
    let wrong = async |query: &str| room.get("7", &format!("/api/chats/c/messages?{query}")).await;
    for query in ["before_seq=1&after_seq=2", "limit=0", "limit=101", "before_seq=x", "cursor=MTo3"] {
        wrong(query).await.problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn messages_said_at_the_same_time_get_distinct_numbers_without_gaps() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut listener = room.hears("8", "private-chat-c").await;
    let post = |number: u32| {
        let office = room.office.clone();
        async move {
            let body = json!({ "chat_id": "c", "body": number.to_string() });
            office.post("/api/chat/messages", body).await.json()["seq"].as_i64().unwrap()
        }
    };
    let mut seqs = futures_util::future::join_all((0..40).map(post)).await;
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=40).collect::<Vec<_>>());
    for seq in 1..=40 {
        assert_eq!(heard(&mut listener, "message:new").await["seq"], seq, "and are told in their order");
    }
}

#[tokio::test]
async fn of_those_who_write_at_the_same_time_each_hears_what_became_of_their_own() {
    let app = enforcing().await;
    let room = app.room().await;
    room.push("5", "/api/chats/c/moderation", json!({ "user": "7", "measure": "mute", "reason": "" })).await.ok();
    let post = |number: u32| {
        let (office, room) = (&room.office, &room);
        async move {
            let body = json!({ "chat_id": "c", "body": number.to_string(), "client_id": (number / 4).to_string() });
            match number % 4 {
                0 | 1 => office.post("/api/chat/messages", body).await,
                2 => room.post("8", body).await,
                _ => room.post("7", body).await,
            }
        }
    };
    let answers = futures_util::future::join_all((0..20).map(post)).await;
    for (number, answer) in answers.iter().enumerate() {
        let said = answer.json();
        match number % 4 {
            0 => assert_eq!(said["id"], answers[number + 1].json()["id"], "sent twice, said once"),
            1 | 2 => assert_eq!(said["client_id"], (number / 4).to_string(), "{said}"),
            _ => assert_eq!((answer.status, &said["code"]), (403, &json!("muted")), "{said}"),
        }
    }
}

#[tokio::test]
async fn message_that_the_database_refuses_takes_no_other_with_it() {
    let app = enforcing().await;
    let room = app.room().await;
    assert_eq!(room.office.put("/api/courses/202", json!({ "title": "Bells" })).await.status, 201);
    room.make(json!({ "id": "d", "kind": "course", "course": "202", "title": "Bells" })).await;
    let post = |number: u32, chat: &'static str| {
        let office = room.office.clone();
        async move { office.post("/api/chat/messages", json!({ "chat_id": chat, "body": number.to_string() })).await.status }
    };
    assert_eq!(post(0, "d").await, 201);
    // Gone in the database, while this server may not know it yet.
    let by = RosterWrite { source: "test", actor: "test", ip: None, now: campanile::services::now() };
    let gone = [Operation::Delete(Kind::Course, "202".to_owned())];
    Box::pin(app.store().await.roster_apply(&MAIN.app().id, by, &gone)).await.unwrap();
    let chats = (0..24).map(|number| post(number, if number % 4 == 1 { "d" } else { "c" }));
    let statuses = futures_util::future::join_all(chats).await;
    for (number, status) in statuses.into_iter().enumerate() {
        assert!(if number % 4 == 1 { matches!(status, 404 | 503) } else { status == 201 }, "{number}: {status}");
    }
}

async fn react(room: &Room<'_>, user: &str, method: Method, message: &str, emoji: &str) -> Value {
    room.call(user, method, &format!("/api/messages/{message}/reactions/{emoji}"), None).await.ok()
}

#[tokio::test]
async fn a_reaction_counts_once_for_each_person_and_is_told() {
    let app = enforcing().await;
    let room = app.room().await;
    let message = room.said("7", "x").await;
    let id = message["id"].as_str().unwrap();
    let mut other = room.hears("9", "private-chat.c").await;
    react(&room, "7", Method::PUT, id, "%F0%9F%91%8D").await;
    react(&room, "7", Method::PUT, id, "👍").await;
    let both = react(&room, "8", Method::POST, id, "👍").await;
    assert_eq!(both["reactions"], json!([{ "emoji": "👍", "count": 2, "mine": true }]));
    assert_eq!(both["version"], 1, "an edit of the author is not in its way");
    let one = react(&room, "7", Method::DELETE, id, "👍").await;
    assert_eq!(one["reactions"][0]["count"], 1);
    react(&room, "7", Method::DELETE, id, "👍").await;
    for count in [1, 2, 1] {
        let told = heard(&mut other, UPDATED).await;
        assert_eq!(told["reactions"], json!([{ "emoji": "👍", "count": count }]), "the same for all");
        other.expect("chat.message.updated").await;
    }
    other.expect_silence().await;
    let path = format!("/api/messages/{id}/reactions/nice");
    room.call("7", Method::PUT, &path, None).await.problem(422, "invalid_fields");
    let list = room.get("8", "/api/chats/c/messages").await.ok();
    assert_eq!(list["data"][0]["reactions"], json!([{ "emoji": "👍", "count": 1, "mine": true }]));
}

#[tokio::test]
async fn a_message_has_twenty_different_emoji_and_no_more() {
    let app = enforcing().await;
    let room = app.room().await;
    let id = room.said("7", "x").await["id"].as_str().unwrap().to_owned();
    for number in 0..20 {
        react(&room, "7", Method::PUT, &id, &format!(":e{number}:")).await;
    }
    let path = |emoji: &str| format!("/api/messages/{id}/reactions/{emoji}");
    room.call("8", Method::PUT, &path(":e20:"), None).await.problem(409, "too_many");
    react(&room, "8", Method::PUT, &id, ":e0:").await;
}

#[tokio::test]
async fn of_many_wordings_the_newest_hundred_are_kept() {
    let app = enforcing().await;
    let room = app.room().await;
    let said = room.office.post("/api/chat/messages", json!({ "chat_id": "c", "body": "0" })).await.json();
    let path = format!("/api/messages/{}", said["id"].as_str().unwrap());
    for number in 1..=101 {
        room.office.patch(&path, json!({ "body": number.to_string() })).await.ok();
    }
    let versions = bodies(&room.get("5", &format!("{path}/versions")).await.ok());
    let newest: Vec<String> = (1..=100).rev().map(|number: u32| number.to_string()).collect();
    assert_eq!(versions, newest);
}

#[tokio::test]
async fn a_message_is_acknowledged_once_by_each_person_and_nobody_is_told() {
    let app = enforcing().await;
    let room = app.room().await;
    let id = room.said("9", "read this").await["id"].as_str().unwrap().to_owned();
    let mut other = room.hears("8", "private-chat.c").await;
    let path = format!("/api/messages/{id}/ack");
    let ack = async |user: &str| room.call(user, Method::POST, &path, None).await.ok()["ack_count"].clone();
    assert_eq!((ack("7").await, ack("7").await, ack("8").await), (json!(1), json!(1), json!(2)));
    other.expect_silence().await;
    room.office.send(Method::POST, &path, None).await.problem(403, "no_person");
}

#[tokio::test]
async fn what_is_made_or_was_there_comes_with_its_version() {
    let app = enforcing().await;
    let room = app.room().await;
    let pair = json!({ "kind": "dm", "members": ["9"] });
    for status in [201, 200] {
        let said = room.post("7", json!({ "chat_id": "c", "body": "x", "client_id": "one" })).await;
        let tag = if status == 201 { "\"1\"" } else { "\"3\"" };
        assert_eq!((said.status, said.header("etag")), (status, Some(tag)), "{}", said.text());
        let chat = room.push("7", "/api/chats", pair.clone()).await;
        let version = chat.json()["version"].to_string();
        assert_eq!((chat.status, chat.header("etag")), (status, Some(format!("\"{version}\"").as_str())));
        if status == 201 {
            let path = format!("/api/messages/{}", said.json()["id"].as_str().unwrap());
            let edit = room.write_if("7", (Method::PATCH, &path), "\"1\"", json!({ "body": "y" })).await;
            assert_eq!(edit.header("etag"), Some("\"2\""));
            room.call("7", Method::PATCH, &path, Some(json!({ "body": "z" }))).await.ok();
        }
    }
}

#[tokio::test]
async fn a_pin_stands_until_its_end_or_until_it_is_taken_off() {
    let app = enforcing().await;
    let room = app.room().await;
    let mut ids = Vec::new();
    for number in 0..2 {
        ids.push(room.said("7", &number.to_string()).await["id"].as_str().unwrap().to_owned());
    }
    let pin = |id: &str| format!("/api/messages/{id}/pin");
    room.push("7", &pin(&ids[0]), json!({})).await.problem(403, "wrong_role");
    let pinned = room.push("5", &pin(&ids[0]), json!({ "until": "2999-01-01T00:00:00Z" })).await.ok();
    assert_eq!(pinned["pinned_until"], "2999-01-01T00:00:00.000Z");
    room.call("7", Method::POST, &pin(&ids[1]), None).await.problem(403, "wrong_role");
    let bare = room.call("9", Method::POST, &pin(&ids[1]), None).await.ok();
    assert!(bare["pinned_at"].is_string() && bare.get("pinned_until").is_none(), "{bare}");
    room.push("9", &pin(&ids[1]), json!({})).await.ok();
    let pins = async || bodies(&room.get("8", "/api/chats/c/pins").await.ok());
    let mut all = pins().await;
    all.sort();
    assert_eq!(all, ["0", "1"]);
    room.call("5", Method::DELETE, &pin(&ids[1]), None).await.ok();
    assert_eq!(pins().await, ["0"]);
    room.push("5", &pin(&ids[1]), json!({ "until": "2000-01-01T00:00:00Z" })).await.problem(422, "invalid_fields");
    room.call("7", Method::DELETE, &format!("/api/messages/{}", ids[0]), None).await.ok();
    assert!(pins().await.is_empty(), "what is deleted is pinned no more");
}

#[tokio::test]
async fn a_cleared_chat_is_empty_for_everybody_and_its_numbers_go_on() {
    let app = enforcing().await;
    let room = app.room().await;
    let old = room.said("7", "old").await;
    let path = format!("/api/messages/{}", old["id"].as_str().unwrap());
    let mut other = room.hears("8", "private-chat.c").await;
    room.call("5", Method::POST, "/api/chats/c/clear", None).await.problem(403, "wrong_role");
    let cleared = room.call("9", Method::POST, "/api/chats/c/clear", None).await.ok();
    assert_eq!((&cleared["cleared_seq"], &cleared["version"]), (&json!(1), &json!(2)));
    let event = inner(&other.expect("App\\Events\\ChatUpdated").await);
    assert_eq!((&event["change"], &event["chat"]["cleared_seq"]), (&json!("cleared"), &json!(1)));
    assert!(room.seen("7").await.is_empty() && room.get("7", &path).await.status == 404);
    let by_program = room.office.get("/api/chats/c/messages").await.ok();
    assert_eq!(by_program["data"], json!([]));
    assert_eq!(room.said("7", "new").await["seq"], 2);
    assert_eq!(room.seen("8").await, ["new"]);
    assert_eq!(room.get("8", "/api/chats/c").await.ok()["unread_count"], 1);
}

#[tokio::test]
async fn a_program_speaks_for_itself_or_on_behalf_of_somebody() {
    let app = enforcing().await;
    let room = app.room().await;
    let body = json!({ "chat_id": "c", "body": "The lesson moves to room 5." });
    let own = room.office.post("/api/chat/messages", body.clone()).await.json();
    assert_eq!(own["author"], json!({ "kind": "program", "id": "program", "name": "Under test" }));
    assert!(own["user_id"].is_null());
    let request = room.office.request(Method::POST, "/api/chat/messages").header("X-On-Behalf-Of", "9");
    let theirs: Value = request.json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!(theirs["author"], json!({ "kind": "user", "id": "9", "name": "Name of 9", "role": "instructor" }));
}

//! Messages are found by words: as a reader finds them, page by page, and only by those whom they are for.

use campanile::{services::chat::LOOKED_AT_MAX, store::NewPost};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::{MAIN, TestApp},
    chat::{Room, bodies, enforcing, message},
    rest::now,
};

const MESSAGES: &str = "/api/chats/c/messages";

/// Texts that somebody finds in chat `c`.
async fn found(room: &Room<'_>, user: &str, query: &str) -> Vec<String> {
    bodies(&room.get(user, &format!("{MESSAGES}?{query}")).await.ok())
}

/// Writes messages of a program into chat `c`, as many as one likes.
async fn fill(app: &TestApp, texts: impl Iterator<Item = String>) {
    let (store, id) = (app.store().await, MAIN.app().id);
    let post = |(number, body): (usize, String)| NewPost {
        message: message(&format!("m{number}"), body, now()),
        pause: TimeDelta::zero(),
        facts: std::sync::Arc::new(|_message| Vec::new()),
        along: campanile::store::Along::default(),
    };
    let posts: Vec<NewPost> = texts.enumerate().map(post).collect();
    for some in posts.chunks(100) {
        store.message_insert(&id, some, "e").await.unwrap();
    }
}

#[tokio::test]
async fn words_are_found_newest_first_in_the_shape_of_the_list() {
    let app = enforcing().await;
    let room = app.room().await;
    for body in ["Does the LOOP end?", "no", "loops\nend"] {
        room.said("9", body).await;
    }
    let list = room.get("7", &format!("{MESSAGES}?search=end%20loop")).await.ok();
    assert_eq!(bodies(&list), ["loops\nend", "Does the LOOP end?"]);
    assert_eq!(list["page"], json!({ "next_cursor": null, "has_more": false }));
    let all = room.get("7", MESSAGES).await.ok();
    assert_eq!((&list["data"][1], &list["stream"]), (&all["data"][0], &all["stream"]));
    assert_eq!(found(&room, "7", "search=loop&before_seq=3").await, ["Does the LOOP end?"]);
    let mut none = room.office.get(&format!("{MESSAGES}?search=nothing")).await.ok();
    assert_eq!(none["data"].take(), json!([]));
}

#[tokio::test]
async fn letters_of_all_scripts_and_the_signs_of_databases_are_found_as_they_are_read() {
    let app = enforcing().await;
    let room = app.room().await;
    for body in ["ПРИВЕТ", "Straße 100%", "a_b\\c 'd'", "e\u{301}te\u{301}"] {
        room.said("9", body).await;
    }
    for (search, body) in [
        ("%D0%BF%D1%80%D0%B8%D0%B2", "ПРИВЕТ"),
        ("STRASSE", "Straße 100%"),
        ("100%25", "Straße 100%"),
        ("a_b%5C", "a_b\\c 'd'"),
        ("%27D%27", "a_b\\c 'd'"),
        ("%C3%89T%C3%89", "e\u{301}te\u{301}"),
    ] {
        assert_eq!(found(&room, "7", &format!("search={search}")).await, [body], "{search}");
    }
    for search in ["%25%25", "x_b", "ete", "_%5F_"] {
        assert!(found(&room, "7", &format!("search={search}")).await.is_empty(), "{search}");
    }
}

#[tokio::test]
async fn what_is_deleted_whispered_in_the_shadow_or_from_before_is_not_found() {
    let app = enforcing().await;
    let room = app.room().await;
    let gone = room.said("9", "secret gone").await;
    let path = format!("/api/messages/{}", gone["id"].as_str().unwrap());
    room.call("9", Method::DELETE, &path, None).await.ok();
    for extra in [json!({ "visibility": "staff" }), json!({ "visibility": "users", "visible_to": ["7"] })] {
        let mut whisper = json!({ "chat_id": "c", "body": "secret" });
        whisper.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        assert_eq!(room.post("9", whisper).await.status, 201);
    }
    let shadow = json!({ "user": "7", "measure": "mute", "shadow": true });
    room.push("5", "/api/chats/c/moderation", shadow).await.ok();
    room.said("7", "secret shadow").await;
    let search = "search=secret";
    for (user, count) in [("7", 2), ("8", 0), ("9", 3), ("5", 2)] {
        assert_eq!(found(&room, user, search).await.len(), count, "{user}");
    }
    assert_eq!(room.office.get(&format!("{MESSAGES}?{search}")).await.ok()["data"].as_array().unwrap().len(), 3);
    room.get("66", &format!("{MESSAGES}?{search}")).await.problem(404, "not_found");

    let settings = json!({ "history": "joined" });
    room.make(json!({ "id": "g", "kind": "group", "title": "x", "members": ["7"], "settings": settings })).await;
    let said = json!({ "chat_id": "g", "body": "secret" });
    assert_eq!(room.office.post("/api/chat/messages", said).await.status, 201);
    room.office.post("/api/chats/g/members", json!({ "users": ["8"] })).await.ok();
    for (user, count) in [("7", 1), ("8", 0)] {
        let list = room.get(user, "/api/chats/g/messages?search=secret").await.ok();
        assert_eq!(bodies(&list).len(), count, "{user}");
    }
}

#[tokio::test]
async fn pages_of_what_is_found_hold_each_message_once() {
    let app = enforcing().await;
    let room = app.room().await;
    fill(&app, (0..250).map(|number| format!("{} {number}", if number % 5 == 0 { "hit" } else { "miss" }))).await;
    let (mut all, mut query) = (Vec::new(), "search=hit&limit=7".to_owned());
    loop {
        let page = room.get("7", &format!("{MESSAGES}?{query}")).await.ok();
        assert!(page["data"].as_array().unwrap().len() <= 7);
        all.extend(bodies(&page));
        let Some(cursor) = page["page"]["next_cursor"].as_str() else { break };
        query = format!("search=hit&limit=7&cursor={cursor}");
    }
    let expected: Vec<String> =
        (0..250).rev().filter(|number| number % 5 == 0).map(|number| format!("hit {number}")).collect();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn one_answer_looks_at_a_bounded_part_and_the_next_goes_on_there() {
    let app = enforcing().await;
    let room = app.room().await;
    fill(&app, (0..=LOOKED_AT_MAX).map(|number| if number == 0 { "needle".to_owned() } else { "hay".to_owned() }))
        .await;
    let first = room.get("7", &format!("{MESSAGES}?search=needle")).await.ok();
    assert_eq!((&first["data"], &first["page"]["has_more"]), (&json!([]), &json!(true)));
    let cursor = first["page"]["next_cursor"].as_str().unwrap();
    let second = room.get("7", &format!("{MESSAGES}?search=needle&cursor={cursor}")).await.ok();
    assert_eq!((bodies(&second), &second["page"]["has_more"]), (vec!["needle".to_owned()], &json!(false)));
}

#[tokio::test]
async fn a_search_is_taken_at_its_limit_and_refused_beyond_and_where_it_makes_no_sense() {
    let app = enforcing().await;
    let room = app.room().await;
    room.said("9", &"é".repeat(100)).await;
    let text = |count: usize| "%C3%A9".repeat(count);
    assert_eq!(found(&room, "7", &format!("search={}", text(100))).await.len(), 1);
    let after = room.get("7", &format!("{MESSAGES}?after_seq=0&limit=1")).await.ok();
    assert_eq!(after["page"]["next_cursor"], Value::Null);
    let too_long = format!("search={}", text(101));
    for wrong in
        [too_long.as_str(), "search=", "search=%20", "search=x&after_seq=0", "search=x&around=1", "search=%E2%80%8B"]
    {
        let problem = room.get("7", &format!("{MESSAGES}?{wrong}")).await.problem(400, "invalid_parameter");
        assert!(problem["detail"].as_str().unwrap().contains("search"), "{problem}");
    }
}

//! What somebody has put on messages, seen again after a reload; and who has acknowledged one.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    chat::{Room, enforcing},
};

async fn ack(room: &Room<'_>, user: &str, message: &Value) -> Value {
    let path = format!("/api/messages/{}/ack", message["id"].as_str().unwrap());
    room.call(user, Method::POST, &path, None).await.ok()
}

async fn acks(room: &Room<'_>, user: &str, message: &Value, query: &str) -> Answer {
    room.get(user, &format!("/api/messages/{}/acks{query}", message["id"].as_str().unwrap())).await
}

fn users(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|one| one["user"].as_str().unwrap()).collect()
}

/// How many have acknowledged a message, and how many have not.
async fn counts(room: &Room<'_>, user: &str, message: &Value) -> (u64, u64) {
    let list = acks(room, user, message, "").await.ok();
    (list["ack_count"].as_u64().unwrap(), list["pending_count"].as_u64().unwrap())
}

#[tokio::test]
async fn after_a_reload_each_finds_their_own_reactions_and_acknowledgements() {
    let app = enforcing().await;
    let room = app.room().await;
    let (one, other) = (room.said("9", "one").await, room.said("9", "other").await);
    let path = format!("/api/messages/{}", one["id"].as_str().unwrap());
    for (user, emoji) in [("7", "👍"), ("8", "👍"), ("8", ":tada:")] {
        let marked = room.call(user, Method::PUT, &format!("{path}/reactions/{emoji}"), None).await.ok();
        let of = |one: &&Value| one["emoji"] == emoji;
        assert_eq!(marked["reactions"].as_array().unwrap().iter().find(of).unwrap()["mine"], true);
    }
    assert_eq!(ack(&room, "7", &one).await["acked"], true);
    let thumb = |mine: bool| {
        let own = json!({ "emoji": "👍", "count": 2, "mine": true });
        if mine { own } else { json!({ "emoji": "👍", "count": 2 }) }
    };
    let tada = json!({ "emoji": ":tada:", "count": 1 });
    for (voice, mine, acked) in [("7", true, json!(true)), ("9", false, Value::Null)] {
        let shown = room.get(voice, &path).await.ok();
        let listed = room.get(voice, "/api/chats/c/messages").await.ok();
        assert_eq!(listed["data"][0], shown);
        assert_eq!((&shown["reactions"], &shown["acked"]), (&json!([tada, thumb(mine)]), &acked), "{voice}");
        assert_eq!(listed["data"][1], other, "nothing is on it");
    }
    let by_program = room.office.get(&path).await.ok();
    assert_eq!((&by_program["reactions"], by_program["acked"].is_null()), (&json!([tada, thumb(false)]), true));
    room.call("7", Method::DELETE, &format!("{path}/reactions/👍"), None).await.ok();
    assert_eq!(room.get("7", &path).await.ok()["reactions"], json!([tada, { "emoji": "👍", "count": 1 }]));
}

#[tokio::test]
async fn the_author_and_moderators_see_who_has_acknowledged_a_message_and_how_many_have_not() {
    let app = enforcing().await;
    let room = app.room().await;
    let message = room.said("9", "read this").await;
    assert_eq!(counts(&room, "9", &message).await, (0, 3), "5, 7 and 8: observers hear nothing of it");
    for user in ["8", "7"] {
        ack(&room, user, &message).await;
    }
    for user in ["9", "5"] {
        let list = acks(&room, user, &message, "").await.ok();
        assert_eq!((users(&list), &list["ack_count"], &list["pending_count"]), (vec!["7", "8"], &json!(2), &json!(1)));
        assert_eq!((&list["data"][0]["name"], list["data"][0]["at"].is_string()), (&json!("Name of 7"), true));
    }
    let first = acks(&room, "9", &message, "?limit=1").await.ok();
    assert_eq!((users(&first), &first["page"]["has_more"]), (vec!["7"], &json!(true)));
    let cursor = first["page"]["next_cursor"].as_str().unwrap();
    let second = acks(&room, "9", &message, &format!("?limit=1&cursor={cursor}")).await.ok();
    assert_eq!((users(&second), &second["page"]["has_more"]), (vec!["8"], &json!(false)));
    acks(&room, "7", &message, "").await.problem(403, "wrong_role");
    acks(&room, "66", &message, "").await.problem(404, "not_found");
    acks(&room, "9", &message, "?limit=101").await.problem(400, "invalid_parameter");
    assert_eq!(room.office.delete("/api/enrollments/e7").await.status, 200);
    assert_eq!(counts(&room, "9", &message).await, (2, 1), "who has left is not waited for");
}

#[tokio::test]
async fn only_those_whom_a_message_is_for_are_waited_for() {
    let app = enforcing().await;
    let room = app.room().await;
    let post = async |user: &str, body: Value| {
        let answer = room.post(user, body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    };
    let staff = post("7", json!({ "chat_id": "c", "body": "x", "visibility": "staff" })).await;
    assert_eq!(counts(&room, "7", &staff).await, (0, 2), "5 and 9");
    ack(&room, "5", &staff).await;
    assert_eq!(counts(&room, "7", &staff).await, (1, 1));
    let some = json!({ "chat_id": "c", "body": "x", "visibility": "users", "visible_to": ["7", "8"] });
    let some = post("9", some).await;
    ack(&room, "8", &some).await;
    ack(&room, "9", &some).await;
    assert_eq!(counts(&room, "9", &some).await, (2, 1), "the author waits for others");
    room.make(json!({ "id": "g", "kind": "group", "title": "Choir", "members": ["7", "8", "66"] })).await;
    let sung = post("7", json!({ "chat_id": "g", "body": "la" })).await;
    ack(&room, "66", &sung).await;
    assert_eq!(counts(&room, "7", &sung).await, (1, 1));
}

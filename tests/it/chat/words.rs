//! Word lists: what is refused, masked or reported, by whose list, and who keeps it.

use campanile::domain::{
    audit::AuditFilter,
    caller::Scope,
    roster::Expected,
    word_list::{Entry, WordAction, WordList},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::finish,
    app::{MAIN, TestApp},
    chat::{Room, SENT, enforcing, heard},
    eventually,
    rest::{Voice, now},
    roster::id,
};

const OF_APP: &str = "/api/moderation/words";
const OF_COURSE: &str = "/api/courses/101/words";

async fn admin(app: &TestApp) -> Voice<'_> {
    app.program(&[Scope::Admin]).await
}

fn words(entries: &[(&str, &str)]) -> Value {
    let entry = |(text, action): &(&str, &str)| json!({ "text": text, "action": action });
    json!({ "entries": entries.iter().map(entry).collect::<Vec<_>>() })
}

async fn reports(room: &Room<'_>) -> Vec<Value> {
    room.get("5", "/api/chats/c/reports?state=open").await.ok()["data"].as_array().unwrap().clone()
}

async fn edit(room: &Room<'_>, user: &str, message: &Value, body: &str) -> crate::support::answer::Answer {
    let path = format!("/api/messages/{}", message["id"].as_str().unwrap());
    room.call(user, Method::PATCH, &path, Some(json!({ "body": body }))).await
}

#[tokio::test]
async fn a_message_with_a_blocked_word_is_refused_with_the_word_and_nobody_hears_of_it() {
    let app = enforcing().await;
    let room = app.room().await;
    admin(&app).await.keep(OF_APP, words(&[("darn it", "block"), ("heck", "block")])).await;
    let mut other = room.hears("8", "private-chat.c").await;
    for user in ["7", "9"] {
        let problem = room.say(user, "Oh DARN\u{200b}  it").await.problem(422, "word_blocked");
        assert!(problem["detail"].as_str().unwrap().contains("'DARN it'"), "{problem}");
        assert!(!problem.to_string().contains("heck"), "the list is not told");
        assert_eq!(problem["errors"][0]["pointer"], "/body");
    }
    let by_program = json!({ "chat_id": "c", "body": "heck" });
    room.office.post("/api/chat/messages", by_program).await.problem(422, "word_blocked");
    let file = json!({ "url": "https://files.example/1", "name": "what the heck.pdf" });
    let problem = room.post("8", json!({ "chat_id": "c", "body": "see", "attachments": [file] })).await;
    assert_eq!(problem.problem(422, "word_blocked")["errors"][0]["pointer"], "/attachments");
    room.said("7", "heckle the darnit").await;
    assert_eq!(heard(&mut other, SENT).await["body"], "heckle the darnit");
    assert_eq!(room.seen("9").await, ["heckle the darnit"]);
    assert!(reports(&room).await.is_empty());
}

#[tokio::test]
async fn a_masked_word_is_neither_told_nor_kept() {
    let app = enforcing().await;
    let room = app.room().await;
    admin(&app).await.keep(OF_APP, words(&[("crêpe", "mask")])).await;
    let mut other = room.hears("8", "private-chat.c").await;
    let file = json!({ "url": "https://files.example/1", "name": "crêpe.png" });
    let body = json!({ "chat_id": "c", "body": "A CRE\u{302}PE, please", "attachments": [file], "client_id": "x" });
    let said = room.post("7", body.clone()).await;
    assert_eq!(said.status, 201);
    let said = said.json();
    assert_eq!((&said["body"], &said["attachments"][0]["name"]), (&json!("A *****, please"), &json!("*****.png")));
    assert_eq!(heard(&mut other, SENT).await["body"], "A *****, please");
    assert_eq!(room.seen("7").await, ["A *****, please"]);
    let again = room.post("7", body).await;
    assert_eq!((again.status, &again.json()["body"]), (200, &said["body"]));
    let edited = edit(&room, "7", &said, "two crêpe").await.ok();
    assert_eq!(edited["body"], "two *****");
    let path = format!("/api/messages/{}/versions", said["id"].as_str().unwrap());
    assert_eq!(room.get("5", &path).await.ok()["data"][0]["body"], "A *****, please");
}

#[tokio::test]
async fn a_flagged_message_is_said_and_found_among_the_reports_of_nobody() {
    let app = enforcing().await;
    let room = app.room().await;
    admin(&app).await.keep(OF_APP, words(&[("cheat", "flag")])).await;
    let said = room.said("7", "Let us Cheat").await;
    assert_eq!(said["body"], "Let us Cheat");
    let found = reports(&room).await;
    assert_eq!(found.len(), 1);
    let report = &found[0];
    assert_eq!((&report["message_id"], &report["reason"]), (&said["id"], &json!("other")));
    assert_eq!((&report["reporter"], &report["note"]), (&Value::Null, &json!("'Cheat' is on a word list")));
    edit(&room, "7", &said, "Let us cheat again").await.ok();
    assert_eq!(reports(&room).await, found, "it is open still");

    let path = format!("/api/chats/c/reports/{}", report["id"].as_str().unwrap());
    room.call("5", Method::PATCH, &path, Some(json!({ "state": "dismissed" }))).await.ok();
    edit(&room, "7", &said, "Let us not").await.ok();
    assert!(reports(&room).await.is_empty());
    edit(&room, "7", &said, "Let us CHEAT now").await.ok();
    let found = reports(&room).await;
    assert_eq!((found.len(), &found[0]["note"]), (1, &json!("'CHEAT' is on a word list")));
    assert_eq!((&found[0]["id"], &found[0]["handled_by"]), (&report["id"], &json!("user:5")), "nothing is forgotten");
    let path = format!("/api/messages/{}/report", said["id"].as_str().unwrap());
    let by_person = room.push("8", &path, json!({ "reason": "cheating" })).await;
    assert_eq!(by_person.status, 201, "people report it as well");
    assert_eq!(reports(&room).await.len(), 2);
}

#[tokio::test]
async fn an_edit_is_judged_as_a_message_is_and_a_refused_one_changes_nothing() {
    let app = enforcing().await;
    let room = app.room().await;
    let said = room.said("7", "fine").await;
    admin(&app).await.keep(OF_APP, words(&[("heck", "block")])).await;
    edit(&room, "7", &said, "heck").await.problem(422, "word_blocked");
    assert_eq!(room.seen("8").await, ["fine"]);
    let path = format!("/api/messages/{}", said["id"].as_str().unwrap());
    room.call("5", Method::POST, &format!("{path}/pin"), Some(json!({}))).await.ok();
}

#[tokio::test]
async fn the_list_of_a_course_counts_in_its_chats_beside_that_of_the_app() {
    let app = enforcing().await;
    let room = app.room().await;
    room.office.keep("/api/courses/102", json!({ "title": "Other" })).await;
    room.office.keep("/api/enrollments/o7", json!({ "user": "7", "course": "102", "role": "student" })).await;
    room.make(json!({ "id": "o", "kind": "course", "course": "102", "title": "Other" })).await;
    room.make(json!({ "id": "k", "kind": "class", "class": "12", "title": "Monday" })).await;
    let admin = admin(&app).await;
    admin.keep(OF_APP, words(&[("one", "mask"), ("both", "mask")])).await;
    let put = room.call("9", Method::PUT, OF_COURSE, Some(words(&[("two", "mask"), ("both", "block")]))).await;
    assert_eq!((put.header("etag"), &put.ok()["version"]), (Some("\"1\""), &json!(1)));
    assert_eq!(room.said("7", "one two three").await["body"], "*** *** three");
    room.say("7", "both").await.problem(422, "word_blocked");
    let elsewhere = room.post("7", json!({ "chat_id": "o", "body": "one two both" })).await;
    assert_eq!(elsewhere.json()["body"], "*** two ****");
    let class = room.post("9", json!({ "chat_id": "k", "body": "two" })).await;
    assert_eq!(class.json()["body"], "***", "a class belongs to the course");
    room.call("9", Method::PUT, OF_COURSE, Some(words(&[]))).await.ok();
    assert_eq!(room.said("8", "one two both").await["body"], "*** two ****");
}

#[tokio::test]
async fn lists_are_kept_by_those_who_control_the_chats_and_by_programs_over_the_version_that_they_know() {
    let app = enforcing().await;
    let room = app.room().await;
    let list = words(&[("  darn\u{200b}  it ", "flag")]);
    for user in ["7", "5"] {
        room.call(user, Method::PUT, OF_COURSE, Some(list.clone())).await.problem(403, "wrong_role");
    }
    room.get("7", OF_COURSE).await.problem(403, "wrong_role");
    for user in ["66", "6"] {
        assert!(matches!(room.get(user, OF_COURSE).await.status, 403 | 404));
    }
    room.get("66", OF_COURSE).await.problem(404, "not_found");
    for path in ["/api/courses/none/words", "/api/courses/102/words"] {
        room.get("9", path).await.problem(404, "not_found");
        room.office.put(path, list.clone()).await.problem(404, "not_found");
    }
    room.get("9", OF_APP).await.problem(403, "missing_scope");
    room.office.put(OF_APP, list.clone()).await.problem(403, "missing_scope");

    let empty = room.get("5", OF_COURSE).await;
    assert_eq!((empty.header("etag"), empty.ok()), (Some("\"0\""), json!({ "entries": [], "version": 0 })));
    let write = async |tag: &str| room.write_if("9", (Method::PUT, OF_COURSE), tag, list.clone()).await;
    write("\"1\"").await.problem(412, "version_mismatch");
    let written = write("\"0\"").await.ok();
    assert_eq!(
        (&written["entries"], &written["updated_by"]),
        (&words(&[("darn it", "flag")])["entries"], &json!("user:9"))
    );
    write("\"0\"").await.problem(412, "version_mismatch");
    assert_eq!(room.get("5", OF_COURSE).await.ok(), written);
    let known = app.person("5").request(Method::GET, OF_COURSE).header("If-None-Match", "\"1\"");
    assert_eq!(finish(&app, known).await.status, 304);
    assert_eq!(room.office.put(OF_COURSE, words(&[])).await.ok()["version"], 2);

    let admin = admin(&app).await;
    assert_eq!(admin.put(OF_APP, list.clone()).await.ok()["version"], 1);
    assert_eq!(admin.get(OF_APP).await.ok()["entries"], written["entries"]);
    let filter = AuditFilter { target_type: Some("word_list".to_owned()), ..AuditFilter::default() };
    let audit = app.store().await.audit_list(&MAIN.app().id, &filter, None, 9).await.unwrap();
    let shown: Vec<_> = audit.iter().map(|(_, entry)| (entry.target_id.as_str(), entry.scope.as_deref())).collect();
    assert_eq!(shown, [(MAIN.id, None), ("101", Some("course.101")), ("101", Some("course.101"))]);
    assert_eq!(audit[2].1.actor, "user:9");
}

#[tokio::test]
async fn lists_that_are_none_are_refused_with_the_entry_that_is_wrong() {
    let app = enforcing().await;
    let room = app.room().await;
    let put = async |body: Value| room.call("9", Method::PUT, OF_COURSE, Some(body)).await;
    let many: Vec<_> = (0..1_001).map(|at| json!({ "text": format!("w{at}"), "action": "flag" })).collect();
    for (list, pointer) in [
        (words(&[("a", "flag"), ("A", "mask")]), "/entries/1/text"),
        (words(&[("a", "flag"), ("\u{200b}\0", "mask")]), "/entries/1/text"),
        (words(&[(&"é".repeat(101), "mask")]), "/entries/0/text"),
        (words(&[("a", "burn")]), "/entries/0/action"),
        (json!({ "entries": many }), "/entries"),
        (json!({}), ""),
        (json!({ "entries": [], "version": 3 }), ""),
    ] {
        let problem = put(list).await.problem(422, "invalid_fields");
        let got = problem["errors"][0]["pointer"].as_str().unwrap();
        assert!(got == pointer || pointer.is_empty(), "{problem}");
    }
    let longest: Vec<_> =
        (0..1_000).map(|at| json!({ "text": format!("{at:0>100}").replace('0', "🔔"), "action": "mask" })).collect();
    assert_eq!(put(json!({ "entries": longest })).await.ok()["entries"].as_array().unwrap().len(), 1_000);
    assert_eq!(room.said("7", "fine").await["body"], "fine");
}

#[tokio::test]
async fn what_another_node_writes_counts_within_seconds() {
    let app = enforcing().await;
    let room = app.room().await;
    room.said("7", "heck").await;
    let entries = vec![Entry { text: "heck".to_owned(), action: WordAction::Block }];
    let new = WordList { entries, version: 0, updated_at: Some(now()), updated_by: None };
    let audit = campanile::domain::audit::AuditEntry {
        app: MAIN.app().id,
        actor: "test".to_owned(),
        action: "word_list.updated".to_owned(),
        target_type: "word_list".to_owned(),
        target_id: "101".to_owned(),
        scope: None,
        before: None,
        after: None,
        ip: None,
        at: now(),
    };
    let (store, course) = (app.store().await, id("101"));
    store.word_list_put((&MAIN.app().id, Some(&course)), new, &Expected::Any, audit).await.unwrap().unwrap();
    let body = json!({ "chat_id": "c", "body": "heck" });
    eventually("the word is refused", async || {
        room.office.post("/api/chat/messages", body.clone()).await.status == 422
    })
    .await;
}

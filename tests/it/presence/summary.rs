//! Presence channels with more members than a list can hold: the exact number, and some of them.

use serde_json::{Value, json};

use tokio::net::TcpStream;

use super::ROOM;
use crate::support::{
    app::TestApp,
    client::{Client, inner, member},
    eventually,
    process::Process,
};

/// A server that lists everybody up to three members, and beyond that two.
async fn small() -> TestApp {
    TestApp::with_settings(|settings| {
        settings.presence_full_member_limit = 3;
        settings.presence_listed_members = 2;
    })
    .await
}

/// Joins as somebody with this role, unless it is empty.
async fn join(app: &TestApp, user: &str, role: &str) -> (Client, Value) {
    let mut client = app.connect().await;
    let info = if role.is_empty() { json!({}) } else { json!({ "role": role }) };
    let list = client.join_as(ROOM, &json!({ "user_id": user, "user_info": info }).to_string()).await;
    (client, list)
}

/// The next frame, which must tell the crowd anew; the number of subscribers may stand before it.
async fn told(client: &mut Client) -> Value {
    loop {
        let frame = client.frame().await;
        match frame["event"].as_str().unwrap() {
            "pusher_internal:subscription_succeeded" => return inner(&frame)["presence"].take(),
            "pusher_internal:subscription_count" => {}
            other => panic!("{other}: {frame}"),
        }
    }
}

fn ids(list: &Value) -> Vec<&str> {
    let mut ids: Vec<&str> = list["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(list["hash"].as_object().unwrap().keys().collect::<Vec<_>>(), ids);
    ids
}

#[tokio::test]
async fn at_the_limit_each_member_is_told_and_beyond_the_number_and_a_list() {
    let app = small().await;
    let (mut first, _) = join(&app, "1", "").await;
    let (mut teacher, _) = join(&app, "2", "instructor").await;
    first.expect_on("pusher_internal:member_added", ROOM).await;
    let (_third, list) = join(&app, "3", "").await;
    assert_eq!(ids(&list), ["1", "2", "3"]);
    first.expect_on("pusher_internal:member_added", ROOM).await;
    teacher.expect_on("pusher_internal:member_added", ROOM).await;

    let (mut fourth, list) = join(&app, "4", "").await;
    assert_eq!((&list["count"], ids(&list)), (&json!(4), vec!["2", "4"]), "staff, and who came last");
    let list = told(&mut first).await;
    assert_eq!((&list["count"], ids(&list)), (&json!(4), vec!["1", "2", "4"]), "oneself always");
    assert_eq!(ids(&told(&mut teacher).await), ["2", "4"]);
    let (fifth, list) = join(&app, "5", "").await;
    assert_eq!((&list["count"], ids(&list)), (&json!(5), vec!["2", "4", "5"]), "the list as it was told, and oneself");
    let list = told(&mut first).await;
    assert_eq!((&list["count"], ids(&list)), (&json!(5), vec!["1", "2", "5"]));

    fifth.close().await;
    loop {
        let frame = first.frame().await;
        if frame["event"] == "pusher_internal:member_removed" {
            assert_eq!(inner(&frame)["user_id"], "5", "one of the list");
            break;
        }
        assert_eq!(frame["event"], "pusher_internal:subscription_count");
    }
    assert_eq!(told(&mut first).await["count"], 4);
    fourth.unsubscribe(ROOM).await;
    first.expect_on("pusher_internal:subscription_count", ROOM).await;
    first.expect_on("pusher_internal:member_removed", ROOM).await;
    let list = told(&mut first).await;
    assert_eq!((&list["count"], ids(&list)), (&json!(3), vec!["1", "2", "3"]), "everybody again");
    let (_late, _) = join(&app, "3", "").await;
    teacher.drain().await;
    first.drain().await;
    first.expect_silence().await;
}

#[tokio::test]
async fn second_tabs_in_a_crowd_change_the_number_of_sockets_alone() {
    let app = small().await;
    let mut crowd = Vec::new();
    for user in ["1", "2", "3", "4", "5"] {
        crowd.push(join(&app, user, "").await.0);
    }
    let first = &mut crowd[0];
    eventually("the crowd is told", async || {
        first.drain().await.iter().any(|frame| {
            frame["event"] == "pusher_internal:subscription_succeeded" && inner(frame)["presence"]["count"] == 5
        })
    })
    .await;
    first.drain().await;
    let (_tab, list) = join(&app, "5", "").await;
    assert_eq!(list["count"], 5);
    let frame = first.expect_on("pusher_internal:subscription_count", ROOM).await;
    assert_eq!(inner(&frame)["subscription_count"], 6);
    first.expect_silence().await;
}

/// Joins the platform's channel as so many users, some at a time, and keeps what is left of their connections.
async fn throng(server: &Process, users: std::ops::Range<usize>) -> Vec<TcpStream> {
    let join = async |number: usize| {
        let mut client = server.connect().await;
        client.ask_signed("presence-global", Some(&member(&number.to_string()))).await;
        let list = inner(&client.expect("pusher_internal:subscription_succeeded").await)["presence"].take();
        assert!(list["hash"][number.to_string()].is_object(), "oneself always");
        assert!(list["ids"].as_array().unwrap().len() <= 101, "a short list");
        client.into_stream()
    };
    let (mut streams, numbers) = (Vec::with_capacity(users.len()), users.collect::<Vec<_>>());
    for some in numbers.chunks(50) {
        streams.extend(futures_util::future::join_all(some.iter().map(|number| join(*number))).await);
    }
    streams
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_people_on_the_platform_are_counted_exactly() {
    // Each side of a connection needs a descriptor of its own process.
    let descriptors = rlimit::increase_nofile_limit(20_000).unwrap();
    let people = 10_000.min(usize::try_from(descriptors).unwrap().saturating_sub(500));
    eprintln!("with {people} people");
    let server = Process::start(&[
        ("CAMPANILE_CONNECTS_PER_MINUTE_PER_IP", "0"),
        // Nobody reads what the crowd is asked.
        ("CAMPANILE_APP_DEFAULT_PING_INTERVAL", "3600"),
    ])
    .await;
    let mut watcher = server.connect().await;
    watcher.ask_signed("presence-global", Some(&member("watcher"))).await;
    let mut crowd = throng(&server, 0..people - 1).await;
    let mut count = json!(0);
    let mut counted = async |expected: usize| {
        let told = async || {
            let frames = watcher.drain().await;
            let mut lists = frames.iter().filter(|frame| frame["event"] == "pusher_internal:subscription_succeeded");
            if let Some(last) = lists.next_back() {
                let list = inner(last)["presence"].take();
                assert!(list["hash"]["watcher"].is_object());
                count = list["count"].clone();
            }
            count == expected
        };
        eventually(&format!("{expected} are told"), told).await;
    };
    counted(people).await;
    crowd.truncate(people - 101);
    counted(people - 100).await;
    let more = throng(&server, people..people + 7).await;
    counted(people - 93).await;
    drop(more);
    counted(people - 100).await;
}

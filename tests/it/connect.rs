//! How a socket is opened: greeting, keys, versions, paths, quotas.

use campanile::domain::app::AppSettings;
use serde_json::json;

use crate::support::{
    app::{MAIN, TestApp},
    eventually,
};

#[tokio::test]
async fn new_socket_is_greeted_with_an_id_and_a_timeout_in_a_string() {
    let app = TestApp::start().await;
    let mut client = app.open("/app/app-key?protocol=7&client=js&version=8.6.0&flash=false").await;
    let greeting = client.established().await;
    let (first, second) = client.id.split_once('.').unwrap();
    assert!([first, second].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())));
    assert_eq!(greeting, json!({ "socket_id": client.id, "activity_timeout": 30 }));
    client.expect_silence().await;
}

#[tokio::test]
async fn greeting_tells_the_activity_timeout_of_the_app() {
    let app = TestApp::with_settings(|settings| settings.activity_timeout = 7).await;
    let greeting = app.open("/app/app-key").await.established().await;
    assert_eq!(greeting["activity_timeout"], 7);
}

#[tokio::test]
async fn every_socket_has_an_id_of_its_own_that_is_not_the_next_number() {
    let app = TestApp::start().await;
    let crowd = app.crowd(200).await;
    let mut ids: Vec<(u64, u64)> = crowd
        .iter()
        .map(|client| client.id.split_once('.').map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())).unwrap())
        .collect();
    let rising = ids.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!((50..150).contains(&rising), "ids in order: {rising} of 199 rise");
    for bit in 0..32 {
        let set = ids.iter().flat_map(|(a, b)| [a, b]).filter(|half| **half >> bit & 1 == 1).count();
        assert!((100..300).contains(&set), "bit {bit} is set in {set} of 400 numbers");
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 200);
}

#[tokio::test]
async fn unknown_key_is_told_over_the_socket_and_closed_with_4001() {
    let app = TestApp::start().await;
    for key in ["nobody", "app-key2", "APP-KEY", "%00", &"k".repeat(500)] {
        let mut client = app.open(&format!("/app/{key}?protocol=7")).await;
        assert_eq!(client.refused_with(4001).await, "Application does not exist");
    }
}

#[tokio::test]
async fn disabled_app_is_closed_with_4003() {
    let app = TestApp::with(|config| config.app.as_mut().unwrap().enabled = false).await;
    app.open("/app/app-key?protocol=7").await.refused_with(4003).await;
}

#[tokio::test]
async fn app_that_is_disabled_later_loses_its_sockets_with_4003() {
    let app = TestApp::with_two_apps().await;
    let mut client = app.connect_to(crate::support::app::OTHER).await;
    let mut bystander = app.connect().await;
    let store = app.store().await;
    let id = campanile::ids::AppId::parse("other-id").unwrap();
    assert!(store.app_disable(&id, chrono::DateTime::UNIX_EPOCH).await.unwrap());
    client.refused_with(4003).await;
    app.open("/app/other-key").await.refused_with(4003).await;
    bystander.expect_silence().await;
}

#[tokio::test]
async fn plain_socket_of_an_app_that_demands_tls_is_closed_with_4000() {
    let app = TestApp::with_settings(|settings| settings.require_tls = true).await;
    app.open("/app/app-key?protocol=7").await.refused_with(4000).await;
    let forged = [("X-Forwarded-Proto", "https")];
    app.open_with("/app/app-key", &forged).await.refused_with(4000).await;
}

#[tokio::test]
async fn tls_that_a_trusted_proxy_tells_of_counts() {
    let app = TestApp::with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        config.app.as_mut().unwrap().settings.require_tls = true;
    })
    .await;
    app.open("/app/app-key").await.refused_with(4000).await;
    app.open_with("/app/app-key", &[("X-Forwarded-Proto", "https")]).await.established().await;
}

#[tokio::test]
async fn query_string_may_be_missing_and_strange() {
    let app = TestApp::start().await;
    for query in ["", "?", "?protocol=5", "?version=nonsense&client=&x=%ff", "?protocol=7&protocol=abc"] {
        app.open(&format!("/app/app-key{query}")).await.established().await;
    }
}

#[tokio::test]
async fn protocol_that_is_not_spoken_is_closed_with_4007_and_no_number_with_4006() {
    let app = TestApp::start().await;
    for (protocol, code) in [("3", 4007), ("8", 4007), ("-7", 4007), ("abc", 4006), ("", 4006), ("7.0", 4006)] {
        app.open(&format!("/app/app-key?protocol={protocol}")).await.refused_with(code).await;
    }
    let lenient = TestApp::with_settings(|settings| settings.check_protocol = false).await;
    for protocol in ["3", "abc"] {
        lenient.open(&format!("/app/app-key?protocol={protocol}")).await.established().await;
    }
}

#[tokio::test]
async fn path_prefix_is_demanded_when_configured() {
    let app = TestApp::with(|config| config.server.path = "/live/bells".to_owned()).await;
    let mut client = app.connect().await;
    client.subscribe("room").await;
    app.publish("room", "bell", "{}").await;
    client.expect_on("bell", "room").await;
    for path in ["/app/app-key", "/live/app/app-key", "/live/bellsapp/app-key"] {
        let answer = app.http.get(format!("http://{}{path}", app.address)).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn plain_get_is_told_to_upgrade() {
    let app = TestApp::start().await;
    let answer = app.http.get(app.url("/app/app-key")).send().await.unwrap();
    assert_eq!(answer.status(), 426);
    assert_eq!(answer.headers()["upgrade"], "websocket");
}

fn at_most(count: u32) -> impl FnOnce(&mut AppSettings) {
    move |settings| settings.max_connections = count
}

#[tokio::test]
async fn one_socket_too_many_is_closed_with_4004_and_a_place_that_gets_free_is_given_away() {
    let app = TestApp::with_settings(at_most(3)).await;
    let mut crowd = app.crowd(3).await;
    app.open("/app/app-key?protocol=7").await.refused_with(4004).await;
    for client in &mut crowd {
        client.expect_silence().await;
    }
    crowd.pop().unwrap().close().await;
    crowd.pop().unwrap().cut();
    let free = || async { app.metric("campanile_connected{app=\"app-id\"}").await == 1 };
    eventually("both places are free", free).await;
    let _again = app.crowd(2).await;
    app.open("/app/app-key?protocol=7").await.refused_with(4004).await;
}

#[tokio::test]
async fn sockets_count_towards_the_limit_whether_subscribed_or_not() {
    let app = TestApp::with_settings(at_most(2)).await;
    let mut subscribed = app.connect_to(MAIN).await;
    subscribed.subscribe("room").await;
    let _silent = app.connect().await;
    let mut third = app.open("/app/app-key").await;
    third.ask("room").await;
    third.refused_with(4004).await;
}

#[tokio::test]
async fn socket_beyond_the_nodes_capacity_is_closed_with_4100_so_that_it_comes_back() {
    let app = TestApp::with(|config| config.server.max_connections = 2).await;
    let _crowd = app.crowd(2).await;
    assert_eq!(app.open("/app/app-key").await.refused_with(4100).await, "Over capacity");
}

#[tokio::test]
async fn too_many_handshakes_from_one_address_are_closed_with_4100() {
    let app = TestApp::with(|config| config.server.connects_per_minute_per_ip = 3).await;
    let _crowd = app.crowd(3).await;
    app.open("/app/app-key").await.refused_with(4100).await;
}

#[tokio::test]
async fn message_sent_with_the_handshake_is_handled() {
    use crate::support::raw::{HANDSHAKE, Raw, text};
    let app = TestApp::start().await;
    let mut raw = Raw::dial(app.address).await;
    let early = text(r#"{"event":"pusher:subscribe","data":{"channel":"room"}}"#);
    raw.send(&[HANDSHAKE.as_bytes(), &early].concat()).await;
    assert!(raw.head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(raw.json().await["event"], "pusher:connection_established");
    assert_eq!(raw.json().await["event"], "pusher_internal:subscription_succeeded");
}

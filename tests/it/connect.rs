//! How a socket is opened: greeting, keys, versions, paths, quotas, origins.

use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test]
async fn new_socket_is_greeted_with_an_id_and_a_timeout_in_a_string() {
    let app = TestApp::start().await;
    let mut client = app.open("/app/app-key?protocol=7&client=js&version=8.6.0&flash=false").await;
    let greeting = client.established().await;
    assert_eq!(greeting["activity_timeout"], 30);
    let (first, second) = client.id.split_once('.').unwrap();
    assert!([first, second].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())));
    assert_eq!(greeting, json!({ "socket_id": client.id, "activity_timeout": 30 }));
    client.subscribe("room").await;
    app.publish("room", "bell", "{}").await;
    client.expect_on("bell", "room").await;
    client.expect_silence().await;
    assert_eq!(app.metric("campanile_connected{app=\"app-id\"}").await, 1);
    app.stop().await;
}

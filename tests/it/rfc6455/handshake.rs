//! The opening handshake (RFC 6455 section 4): what passes, and what is told to do better. Never a 5xx.

use crate::support::{app::TestApp, raw::Raw};

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const VERSION: &str = "Sec-WebSocket-Version: 13";

/// Sends a request with these lines and returns the head of the answer; empty when the server just hung up.
async fn answer(app: &TestApp, request: &str, lines: &[&str]) -> String {
    let mut raw = Raw::dial(app.address).await;
    let sent = raw.try_send(format!("{request}\r\n{}\r\n\r\n", lines.join("\r\n")).as_bytes()).await;
    if sent { raw.head().await } else { String::new() }
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
}

const GET: &str = "GET /app/app-key HTTP/1.1";

#[tokio::test]
async fn names_and_tokens_are_read_in_any_case_and_in_lists() {
    let app = TestApp::start().await;
    let table = [
        ["Upgrade: websocket", "Connection: Upgrade", "Host: h"],
        ["upgrade: WEBSOCKET", "connection: UPGRADE", "host: h"],
        ["UPGRADE: WebSocket", "CONNECTION: keep-alive, Upgrade", "HOST: h"],
        ["Upgrade: h2c, websocket", "Connection: upgrade,HTTP2-Settings", "Host: h"],
        ["Upgrade:websocket", "Connection:  Upgrade  ", "Host: h"],
    ];
    for [upgrade, connection, host] in table {
        let head = answer(&app, GET, &[host, upgrade, connection, VERSION, KEY]).await;
        assert_eq!(status(&head), 101, "{upgrade} {connection}");
        assert!(head.to_ascii_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    }
    let split = ["Host: h", "Upgrade: h2c", "Upgrade: websocket", "Connection: close", "Connection: upgrade"];
    assert_eq!(status(&answer(&app, GET, &[&split[..], &[VERSION, KEY]].concat()).await), 101);
}

#[tokio::test]
async fn offers_that_are_not_taken_up_are_not_mentioned() {
    let app = TestApp::start().await;
    let lines = [
        "Host: h",
        "Upgrade: websocket",
        "Connection: Upgrade",
        VERSION,
        KEY,
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Protocol: chat, mqtt",
    ];
    let head = answer(&app, GET, &lines).await.to_ascii_lowercase();
    assert_eq!(status(&head), 101);
    assert!(!head.contains("extensions") && !head.contains("protocol:"), "{head}");
}

#[tokio::test]
async fn request_that_lacks_something_is_told_what_would_be_right() {
    let app = TestApp::start().await;
    let (host, upgrade, connection) = ("Host: h", "Upgrade: websocket", "Connection: Upgrade");
    let table: [(&[&str], u16); 14] = [
        (&[host], 426),
        (&[host, connection, VERSION, KEY], 426),
        (&[host, upgrade, VERSION, KEY], 426),
        (&[host, "Upgrade: websockets", connection, VERSION, KEY], 426),
        (&[host, upgrade, "Connection: keep-alive", VERSION, KEY], 426),
        (&[host, upgrade, connection, KEY], 426),
        (&[host, upgrade, connection, "Sec-WebSocket-Version: 8", KEY], 426),
        (&[host, upgrade, connection, "Sec-WebSocket-Version: 13, 8", KEY], 426),
        (&[host, upgrade, connection, VERSION, VERSION, KEY], 426),
        (&[host, upgrade, connection, VERSION], 400),
        (&[host, upgrade, connection, VERSION, KEY, KEY], 400),
        (&[host, upgrade, connection, VERSION, "Sec-WebSocket-Key:"], 400),
        (&[host, upgrade, connection, VERSION, "Sec-WebSocket-Key: c2hvcnQ="], 400),
        (&[host, upgrade, connection, VERSION, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!=="], 400),
    ];
    for (lines, expected) in table {
        let head = answer(&app, GET, lines).await;
        assert_eq!(status(&head), expected, "{lines:?}");
        if expected == 426 {
            let head = head.to_ascii_lowercase();
            assert!(head.contains("upgrade: websocket") || head.contains("sec-websocket-version: 13"), "{head}");
        }
    }
    for method in ["POST", "HEAD", "OPTIONS", "DELETE"] {
        let request = format!("{method} /app/app-key HTTP/1.1");
        let head = answer(&app, &request, &[host, upgrade, connection, VERSION, KEY]).await;
        assert_eq!(status(&head), 405, "{method}");
    }
}

#[tokio::test]
async fn old_and_broken_requests_are_refused_without_a_fault_of_the_server() {
    let app = TestApp::start().await;
    let good = ["Host: h", "Upgrade: websocket", "Connection: Upgrade", VERSION, KEY];
    assert_eq!(status(&answer(&app, "GET /app/app-key HTTP/1.0", &good).await), 426);
    let requests = [
        "GET /app/app-key HTTP/2.0",
        "PRI * HTTP/2.0",
        "GET /app/app-key",
        "GET  /app/app-key HTTP/1.1",
        "GET /app/\u{7f}é HTTP/1.1",
        "GET /app/%ff%00 HTTP/1.1",
        "GET * HTTP/1.1",
        "GET http://other.example/app/app-key HTTP/1.1",
        "CONNECT localhost:80 HTTP/1.1",
        "nonsense",
        "",
        "\u{16}\u{3}\u{1}",
    ];
    for request in requests {
        let head = answer(&app, request, &good).await;
        assert!(status(&head) < 500, "{request:?}: {head}");
    }
    let odd: [&[&str]; 7] = [
        &["Sec-WebSocket-Protocol: \u{e9}\u{1F514}"],
        &["Sec-WebSocket-Extensions: \u{1}"],
        &["Content-Length: 5"],
        &["Transfer-Encoding: chunked"],
        &["Content-Length: 5", "Transfer-Encoding: chunked"],
        &["Content-Length: -1"],
        &["Bad Header: x", "no colon"],
    ];
    for lines in odd {
        let head = answer(&app, GET, &[&good[..], lines].concat()).await;
        assert!(status(&head) < 500, "{lines:?}: {head}");
    }
    app.connect().await.expect_silence().await;
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let app = TestApp::start().await;
    let good = ["Host: h", "Upgrade: websocket", "Connection: Upgrade", VERSION, KEY];
    let many: Vec<String> = (0..100).map(|number| format!("X-{number}: x")).collect();
    let many: Vec<&str> = good.into_iter().chain(many.iter().map(String::as_str)).collect();
    assert_eq!(status(&answer(&app, GET, &many).await), 431);
    let large = format!("X-Large: {}", "x".repeat(20_000));
    let head = answer(&app, GET, &[&good[..], &[&large]].concat()).await;
    assert!(matches!(status(&head), 431 | 0), "{head}");
    let long = format!("GET /app/app-key?{} HTTP/1.1", "x".repeat(20_000));
    let head = answer(&app, &long, &good).await;
    assert!(matches!(status(&head), 414 | 431 | 0), "{head}");
}

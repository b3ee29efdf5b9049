//! What attackers try with many sockets, with slowness and with other people's addresses.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use serde_json::json;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpStream;

use crate::support::{
    PATIENCE,
    app::{MAIN, TestApp, settings},
    eventually,
    process::Process,
    raw::{FIN, HANDSHAKE, Raw, TEXT, text},
    within,
};

/// Opens TCP connections that have sent this much of a handshake.
async fn half_open(server: std::net::SocketAddr, count: usize) -> Vec<Raw> {
    let mut all = Vec::with_capacity(count);
    for number in 0..count {
        let mut raw = Raw::dial(server).await;
        raw.send(&HANDSHAKE.as_bytes()[..number % 40]).await;
        all.push(raw);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_keep_nobody_out_and_are_gone_after_the_header_timeout() {
    let app = TestApp::with(|config| config.server.header_timeout = Duration::from_secs(2)).await;
    let slow = half_open(app.address, 500).await;
    let mut client = app.connect().await;
    client.subscribe("room").await;
    app.publish("room", "bell", "1").await;
    client.expect_on("bell", "room").await;
    for mut raw in slow {
        raw.ended().await;
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn half_open_connections_that_take_every_place_are_outlived() {
    let app = TestApp::with(|config| {
        config.server.header_timeout = Duration::from_secs(1);
        config.server.max_handshakes = 20;
    })
    .await;
    let mut old = app.connect().await;
    let _slow = half_open(app.address, 20).await;
    old.expect_silence().await;
    app.connect().await.expect_silence().await;
}

#[tokio::test]
async fn address_with_its_share_of_half_open_connections_is_turned_away_and_another_is_not() {
    let app = TestApp::with(|config| config.server.max_handshakes_per_ip = 5).await;
    let _slow = half_open(app.address, 5).await;
    Raw::dial(app.address).await.ended().await;
    assert_eq!(app.metric("campanile_refused_handshakes_total").await, 1);
    Raw::dial_from(Ipv4Addr::new(127, 0, 0, 2), app.address).await.greeted().await;
}

#[tokio::test]
async fn connection_that_sends_its_head_byte_by_byte_has_one_deadline_for_all_of_it() {
    let app = TestApp::with(|config| config.server.header_timeout = Duration::from_secs(1)).await;
    let mut raw = Raw::dial(app.address).await;
    let mut drip = tokio::time::interval(Duration::from_millis(100));
    within("the end", async {
        loop {
            drip.tick().await;
            if !raw.try_send(b"G").await {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn sockets_of_one_user_share_one_limit() {
    let app = TestApp::with_settings(|settings| settings.client_events_per_second = 1).await;
    let mut crowd = app.crowd(51).await;
    let mut other = crowd.pop().unwrap();
    for client in &mut crowd {
        client.join("presence-room", "42").await;
    }
    other.join("presence-room", "43").await;
    for client in &mut crowd {
        client.expect("pusher_internal:member_added").await;
    }
    let begin = Instant::now();
    for client in &mut crowd {
        client.send_event("client-x", "presence-room", json!({})).await;
    }
    // Everybody hears everybody but themselves.
    let mut refused = 0;
    for client in &mut crowd {
        refused += client.drain().await.iter().filter(|frame| frame["data"]["code"] == 4301).count();
    }
    let passed = other.drain().await.len();
    assert_eq!(passed + refused, 50);
    // Three at once, three more a second.
    let most = 3 + 3 * (usize::try_from(begin.elapsed().as_secs()).unwrap() + 1);
    assert!(passed >= 3 && passed <= most, "{passed} passed, at most {most} may");
    other.send_event("client-y", "presence-room", json!({})).await;
    other.expect_silence().await;
    assert!(crowd[0].drain().await.iter().any(|frame| frame["event"] == "client-y"));
    assert!(app.metric("campanile_rate_limited_total{app=\"app-id\",key=\"user\"}").await > 0);
}

async fn is_refused(app: &TestApp, headers: &[(&str, &str)]) -> bool {
    let mut client = app.open_with("/app/app-key", headers).await;
    let first = client.frame().await;
    assert!(first["event"] == "pusher:connection_established" || first["data"]["code"] == 4100, "{first}");
    first["event"] == "pusher:error"
}

#[tokio::test]
async fn forwarded_address_of_somebody_who_is_no_proxy_is_ignored() {
    let app = TestApp::with(|config| config.server.connects_per_minute_per_ip = 1).await;
    assert!(!is_refused(&app, &[("X-Forwarded-For", "192.0.2.1")]).await);
    for forged in ["192.0.2.2", "127.0.0.1", "2001:db8::1", "nonsense"] {
        assert!(is_refused(&app, &[("X-Forwarded-For", forged), ("X-Real-IP", forged)]).await, "{forged}");
    }
}

#[tokio::test]
async fn forwarded_address_of_a_trusted_proxy_is_the_last_that_is_no_proxy() {
    let app = TestApp::with(|config| {
        config.server.connects_per_minute_per_ip = 1;
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    })
    .await;
    // First connection, second connection, are they one client?
    let table = [
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.2", "192.0.2.3", false),
        ("198.51.100.1, 192.0.2.4", "198.51.100.2, 192.0.2.4", true),
        ("192.0.2.5", "203.0.113.9,192.0.2.5, 10.1.2.3,10.0.0.1", true),
        ("192.0.2.6:1234", "192.0.2.6", true),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
        ("2001:db8:1:3::1", "[2001:db8:1:4::1]:443", false),
        ("::ffff:192.0.2.7", "192.0.2.7", true),
        ("10.7.7.7", "10.8.8.8", false),
        ("unknown", "nonsense, 10.0.0.1x", true),
    ];
    for (first, second, same) in table {
        assert!(!is_refused(&app, &[("X-Forwarded-For", first)]).await, "{first}");
        assert_eq!(is_refused(&app, &[("X-Forwarded-For", second)]).await, same, "{first} and {second}");
    }
    let split = [("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-For", "192.0.2.1")];
    assert!(is_refused(&app, &split).await, "two headers are one list");
}

/// Opens a socket whose kernel takes little, subscribes it, and stops reading.
async fn stalled(app: &TestApp, channel: &str) -> Raw {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&app.address.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut raw = Raw { stream: TcpStream::from_std(socket.into()).unwrap() };
    raw.send(HANDSHAKE.as_bytes()).await;
    assert!(raw.head().await.starts_with("HTTP/1.1 101 "));
    raw.json().await;
    raw.send(&text(&json!({ "event": "pusher:subscribe", "data": { "channel": channel } }).to_string())).await;
    assert_eq!(raw.json().await["event"], "pusher_internal:subscription_succeeded");
    raw
}

#[tokio::test]
async fn stalled_reader_is_closed_with_4100_and_delays_nobody() {
    let app = TestApp::with(|config| {
        config.server.outbox_bytes = 128 << 10;
        settings(config).events_per_second = 0;
    })
    .await;
    let mut slow = stalled(&app, "room").await;
    assert!(SockRef::from(&slow.stream).recv_buffer_size().unwrap() < 64 << 10);
    let mut readers = app.crowd(3).await;
    for reader in &mut readers {
        reader.subscribe("room").await;
    }
    let padding = "x".repeat(10_000);
    let mut sent = 0_u32;
    let slow_consumers = "campanile_slow_consumers_total{app=\"app-id\"}";
    let deadline = Instant::now() + 3 * PATIENCE;
    while app.metric(slow_consumers).await == 0 {
        assert!(Instant::now() < deadline, "{sent} events and nobody is slow");
        let event = |number: u32| json!({ "name": "bell", "channel": "room", "data": format!("{number} {padding}") });
        let batch: Vec<_> = (sent..sent + 10).map(event).collect();
        assert_eq!(app.post("/batch_events", &json!({ "batch": batch })).await.0, 200);
        for reader in &mut readers {
            for number in sent..sent + 10 {
                let frame = reader.expect("bell").await;
                assert!(frame["data"].as_str().unwrap().starts_with(&format!("{number} ")));
            }
        }
        sent += 10;
    }
    // Now it reads: what was on its way, then why it ends. Nothing is missing in between.
    let mut expected = 0;
    let error = loop {
        let frame = slow.json().await;
        if frame["event"] == "pusher:error" {
            break frame;
        }
        assert!(frame["data"].as_str().unwrap().starts_with(&format!("{expected} ")));
        expected += 1;
    };
    assert_eq!(error["data"]["code"], 4100);
    assert_eq!(slow.closed_with().await, 4100);
    assert!(expected < sent);
    for reader in &mut readers {
        reader.expect_silence().await;
    }
}

#[tokio::test]
async fn subscriptions_beyond_their_rate_are_refused_and_the_socket_stays() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    let ask = |_| json!({ "event": "pusher:subscribe", "data": { "channel": "room" } });
    for _ in 0..6 {
        client.send_at_once((0..40).map(ask)).await;
    }
    let answers = client.drain().await;
    let refused = answers.iter().filter(|answer| answer["data"]["status"] == 429).count();
    assert_eq!(answers.len(), 240);
    assert!(refused > 0, "240 subscriptions at once");
    eventually("subscriptions pass again", async || {
        client.ask("other-room").await;
        client.drain().await[0]["event"] == "pusher_internal:subscription_succeeded"
    })
    .await;
}

#[tokio::test]
async fn server_without_descriptors_stays_up_serves_who_is_there_and_recovers() {
    let mut process = Process::with_descriptors(128, &[]).await;
    let mut served = Vec::new();
    let mut refused = 0;
    while refused < 5 {
        let mut client = crate::support::client::Client::open(process.address, "/app/app-key", &[]).await.unwrap();
        client.keys = MAIN;
        let first = client.frame().await;
        if first["event"] == "pusher:connection_established" {
            served.push(client);
        } else {
            assert_eq!(first["data"]["code"], 4100, "{first}");
            refused += 1;
        }
    }
    assert!(served.len() >= 32, "{} sockets with 128 descriptors", served.len());
    // The rest is taken by connections that say nothing, far more than there are descriptors.
    let silent = half_open(process.address, 150).await;
    for client in &mut served {
        client.subscribe("room").await;
    }
    drop(silent);
    drop(served.pop());
    let mut again = None;
    eventually("there is room again", async || {
        let mut client = crate::support::client::Client::open(process.address, "/app/app-key", &[]).await.unwrap();
        let greeted = client.frame().await["event"] == "pusher:connection_established";
        again = Some(client);
        greeted
    })
    .await;
    again.unwrap().subscribe("room").await;
    assert!(process.is_up());
}

#[tokio::test]
async fn frame_of_a_fast_fan_out_is_the_same_for_all_and_whole() {
    let app = TestApp::with_settings(|settings| settings.max_event_bytes = 102_400).await;
    let mut crowd = Vec::new();
    for _ in 0..20 {
        let mut raw = Raw::open(&app).await;
        raw.send(&text(r#"{"event":"pusher:subscribe","data":{"channel":"room"}}"#)).await;
        raw.json().await;
        crowd.push(raw);
    }
    for bytes in [1, 125, 126, 65_000, 66_000, 102_400] {
        app.publish("room", "bell", &"x".repeat(bytes)).await;
        for raw in &mut crowd {
            let frame = raw.frame().await.unwrap();
            assert_eq!(frame.first, FIN | TEXT);
            let event: serde_json::Value = serde_json::from_slice(&frame.payload).unwrap();
            assert_eq!(event["data"].as_str().unwrap().len(), bytes);
        }
    }
}

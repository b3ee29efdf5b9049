//! What attackers try on one socket or on the handshake, and what becomes of it.

use std::collections::BTreeSet;

use campanile::{domain::app::OriginPattern, metrics::Metrics, services::Apps};
use serde_json::json;

use crate::support::{
    app::{Keys, MAIN, TestApp, memory},
    client::{Client, member},
    process::Process,
    raw::{CONTINUE, FIN, PING, Raw, TEXT, frame, header},
};

/// Names and labels of all series on a page of metrics.
fn series(page: &str) -> BTreeSet<&str> {
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|line| line.0)
        .collect()
}

#[tokio::test]
async fn thousand_unknown_keys_leave_no_channel_and_no_label() {
    let app = TestApp::start().await;
    let before = app.scrape().await;
    for batch in 0..20 {
        let attempts = (0..50).map(async |number: u32| {
            let mut client = app.open(&format!("/app/key-{batch}-{number}?protocol=7")).await;
            client.ask(&format!("room-{batch}-{number}")).await;
            client.refused_with(4001).await;
        });
        futures_util::future::join_all(attempts).await;
    }
    let after = app.scrape().await;
    let new: Vec<&str> = series(&after).difference(&series(&before)).copied().collect();
    assert_eq!(new, ["campanile_refused_connections_total{code=\"4001\"}"]);
    assert_eq!(app.metric("campanile_refused_connections_total{code=\"4001\"}").await, 1_000);
    assert_eq!(app.get("/channels", &[]).await.1, json!({ "channels": {} }));
}

/// More than this is no coincidence of the allocator.
const NOISE: u64 = 6 << 20;

async fn refused(process: &Process, count: usize) {
    for number in 0..count {
        let path = format!("/app/{number}-{}", "x".repeat(100));
        Client::open(process.address, &path, &[]).await.unwrap().refused_with(4001).await;
    }
}

#[tokio::test]
async fn thousand_unknown_keys_take_no_memory() {
    let process = Process::start(&[]).await;
    refused(&process, 200).await;
    let before = process.memory();
    refused(&process, 1_000).await;
    let grown = process.memory().saturating_sub(before);
    assert!(grown < NOISE, "{grown} bytes");
}

async fn announce(process: &Process, length: u64, count: usize) -> Vec<Raw> {
    let mut open = Vec::new();
    for _ in 0..count {
        let client = process.connect().await;
        let mut raw = Raw { stream: client.into_stream() };
        raw.send(&header(FIN | TEXT, length)).await;
        assert_eq!(raw.close_code().await, 1009);
        open.push(raw);
    }
    open
}

#[tokio::test]
async fn announcing_enormous_messages_takes_no_memory() {
    let process = Process::start(&[]).await;
    drop(announce(&process, 1 << 62, 50).await);
    let before = process.memory();
    let _still_open = announce(&process, 1 << 62, 200).await;
    let _also = announce(&process, u64::from(u32::MAX), 200).await;
    let grown = process.memory().saturating_sub(before);
    assert!(grown < NOISE, "{grown} bytes");
}

async fn restricted(list: &str, allow_no_origin: bool) -> TestApp {
    let patterns: Vec<OriginPattern> = list.split(',').map(|pattern| pattern.parse().unwrap()).collect();
    TestApp::with_settings(|settings| {
        settings.allowed_origins = patterns;
        settings.allow_no_origin = allow_no_origin;
    })
    .await
}

/// Opens a socket from these origins, asks for a channel at once, and tells whether it was let in.
async fn is_let_in(app: &TestApp, origins: &[&str]) -> bool {
    let headers: Vec<_> = origins.iter().map(|origin| ("Origin", *origin)).collect();
    let mut client = app.open_with("/app/app-key?protocol=7", &headers).await;
    client.ask("room").await;
    let first = client.frame().await;
    if first["event"] == "pusher:connection_established" {
        client.expect_on("pusher_internal:subscription_succeeded", "room").await;
        return true;
    }
    assert_eq!((&first["event"], &first["data"]["code"]), (&json!("pusher:error"), &json!(4009)), "{first}");
    assert_eq!(client.closed_with().await, (4009, "Origin not allowed".to_owned()));
    false
}

#[tokio::test]
async fn page_of_a_foreign_origin_is_closed_with_4009_and_nothing_it_sends_is_handled() {
    let app = restricted("a.example,*.b.example,https://c.example:8443,http://[::1]:3000", false).await;
    let table: [(&[&str], bool); 21] = [
        (&["https://a.example"], true),
        (&["http://a.example:8080"], true),
        (&["HTTPS://A.EXAMPLE"], true),
        (&["https://x.b.example"], true),
        (&["https://c.example:8443"], true),
        (&["http://[::1]:3000"], true),
        (&["https://a.example.evil.tld"], false),
        (&["https://evil-a.example"], false),
        (&["https://b.example"], false),
        (&["https://evilb.example"], false),
        (&["https://c.example"], false),
        (&["http://c.example:8443"], false),
        (&["http://[::1]"], false),
        (&["http://[::2]:3000"], false),
        (&["https://a.example@evil.tld"], false),
        (&["https://evil.tld/a.example"], false),
        (&["null"], false),
        (&[""], false),
        (&["https://a.example", "https://a.example"], false),
        (&["https://a.example", "https://evil.tld"], false),
        (&[], false),
    ];
    for (origins, expected) in table {
        assert_eq!(is_let_in(&app, origins).await, expected, "{origins:?}");
    }
    let native = restricted("a.example", true).await;
    assert!(is_let_in(&native, &[]).await);
    assert!(!is_let_in(&native, &["https://evil.tld"]).await);
}

#[tokio::test]
async fn fragments_that_never_end_are_cut_at_the_limit() {
    let app = TestApp::with_settings(|settings| settings.max_message_bytes = 1_000).await;
    let mut raw = Raw::open(&app).await;
    raw.send(&frame(TEXT, &[b'x'; 10])).await;
    for _ in 0..99 {
        raw.send(&frame(CONTINUE, &[b'x'; 10])).await;
    }
    raw.send(&frame(FIN | PING, b"")).await;
    assert_eq!(raw.frame().await.unwrap().payload, b"");
    raw.send(&frame(CONTINUE, b"x")).await;
    assert_eq!(raw.closed_with().await, 1009);
}

#[tokio::test]
async fn fragments_without_payload_do_not_come_for_ever() {
    let app = TestApp::start().await;
    let mut raw = Raw::open(&app).await;
    raw.send(&frame(TEXT, b"{")).await;
    let empty = frame(CONTINUE, b"").repeat(100);
    // 34 KB at most; whether the last write still succeeds is the kernel's affair.
    let mut sent = 0;
    while sent < 100 && raw.try_send(&empty).await {
        sent += 1;
    }
    assert_eq!(raw.close_code().await, 1009);
}

#[tokio::test]
async fn message_that_is_begun_and_not_finished_is_closed_with_1008_although_the_client_lives() {
    let app = TestApp::start().await;
    let mut raw = Raw::open(&app).await;
    raw.send(&frame(TEXT, b"{")).await;
    let mut pings = tokio::time::interval(std::time::Duration::from_millis(500));
    // Ten seconds are allowed, and nobody can shorten them from outside.
    let code = tokio::time::timeout(std::time::Duration::from_secs(30), async {
        loop {
            pings.tick().await;
            raw.send(&[frame(CONTINUE, b""), frame(FIN | PING, b"")].concat()).await;
            let answer = raw.frame().await.unwrap();
            if answer.first & 0x0F == crate::support::raw::CLOSE {
                return answer.close_code();
            }
        }
    });
    assert_eq!(code.await.unwrap(), 1008);
}

#[tokio::test]
async fn flood_of_pings_is_closed_with_1008_and_others_live() {
    let app = TestApp::start().await;
    let mut other = app.connect().await;
    other.subscribe("room").await;
    let mut raw = Raw::open(&app).await;
    raw.send(&frame(FIN | PING, b"").repeat(600)).await;
    let mut pongs = 0;
    let code = loop {
        let answer = raw.frame().await.unwrap();
        if answer.first & 0x0F == crate::support::raw::CLOSE {
            break answer.close_code();
        }
        pongs += 1;
    };
    assert_eq!((pongs, code), (500, 1008));
    app.publish("room", "bell", "1").await;
    other.expect_on("bell", "room").await;
    other.expect_silence().await;
}

#[tokio::test]
async fn flood_of_frames_without_meaning_counts_too() {
    let app = TestApp::start().await;
    let mut raw = Raw::open(&app).await;
    raw.send(&crate::support::raw::text("x").repeat(600)).await;
    let mut errors = 0;
    while raw.frame().await.is_some_and(|answer| answer.first == FIN | TEXT) {
        errors += 1;
    }
    assert_eq!(errors, 500);
}

#[tokio::test]
async fn mutilated_messages_are_answered_with_errors_and_the_socket_stays() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    let seed = r#"{"event":"pusher:subscribe","data":{"channel":"presence-room","auth":"a:b","channel_data":"{}"}}"#;
    let mut state = 0x1234_5678_u32;
    for _ in 0..200 {
        let mut bytes = seed.as_bytes().to_vec();
        for _ in 0..4 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let position = (state >> 8) as usize % bytes.len();
            bytes[position] = 0x20 + (state >> 24) as u8 % 0x5F;
        }
        client.send_text(&String::from_utf8(bytes).unwrap()).await;
    }
    for answer in client.drain().await {
        let public = !answer["channel"].as_str().unwrap_or_default().starts_with("presence-");
        match answer["event"].as_str().unwrap() {
            "pusher:error" | "pusher:subscription_error" => {}
            "pusher_internal:subscription_succeeded" if public => {}
            _ => panic!("{answer}"),
        }
    }
    client.subscribe("room").await;
}

#[tokio::test]
async fn sign_in_of_one_socket_is_worth_nothing_on_another() {
    let app = TestApp::start().await;
    let (mut victim, mut thief) = (app.connect().await, app.connect().await);
    let data = r#"{"id":"42"}"#;
    let auth = MAIN.user_auth(&victim.id, data);
    let sign_in = json!({ "event": "pusher:signin", "data": { "auth": auth, "user_data": data } });
    victim.send_json(sign_in.clone()).await;
    victim.expect("pusher:signin_success").await;
    thief.send_json(sign_in).await;
    thief.expect_error(4009).await;
    app.publish("#server-to-user-42", "bell", "1").await;
    victim.expect("bell").await;
    thief.expect_silence().await;
}

#[tokio::test]
async fn signature_for_one_thing_is_worth_nothing_for_another_that_reads_alike() {
    let app = TestApp::with_settings(|settings| settings.lenient_channel_names = true).await;
    let mut client = app.connect().await;
    let data = member("42");
    // socket:presence-a:{…} as a channel name of its own, and as a private channel's.
    for channel in ["presence-a", "private-a"] {
        let auth = MAIN.channel_auth(&client.id, channel, Some(&data));
        client.ask_with(&format!("{channel}:{data}"), &auth, None).await;
        client.expect("pusher:subscription_error").await;
        client.expect_silence().await;
    }
    // socket::user::{…} as a channel called ":user".
    let auth = MAIN.user_auth(&client.id, &data);
    client.ask_with(":user:", &auth, Some(&data)).await;
    assert_eq!(client.expect("pusher_internal:subscription_succeeded").await["data"], "{}");
}

#[tokio::test]
async fn a_hundred_thousand_channels_come_and_go_and_none_stays() {
    let apps = Apps::new(Metrics::new().unwrap().into(), memory().await);
    apps.replace(vec![MAIN.app()]);
    let live = apps.by_id(MAIN.id).unwrap();
    let rules = (&live.app().settings).into();
    let socket = live.open_socket(1 << 20, 7).unwrap();
    for number in 0..100_000 {
        let name = campanile::protocol::ChannelName::parse(&format!("room-{number}"), rules).unwrap();
        live.subscribe(&name, &socket, None).unwrap();
        live.unsubscribe(&name, &socket, None, None);
    }
    assert_eq!(live.hub.channel_count(), 0);
    assert!(live.hub.channels("").is_empty());
}

/// Each client takes all channels it may have, all with names never seen before.
async fn flood_of_names(process: &Process, round: usize) {
    let mut crowd = Vec::new();
    for number in 0..25 {
        let mut client = process.connect().await;
        let ask = |channel: usize| {
            let name = format!("{round}-{number}-{channel}-{}", "x".repeat(150));
            json!({ "event": "pusher:subscribe", "data": { "channel": name } })
        };
        client.send_at_once((0..200).map(ask)).await;
        assert_eq!(client.drain().await.len(), 200);
        crowd.push(client);
    }
    for client in crowd {
        client.close().await;
    }
}

#[tokio::test]
async fn flood_of_channel_names_gives_its_memory_back() {
    let process = Process::start(&[]).await;
    for round in 0..2 {
        flood_of_names(&process, round).await;
    }
    let before = process.memory();
    for round in 2..6 {
        flood_of_names(&process, round).await;
    }
    let grown = process.memory().saturating_sub(before);
    assert!(grown < NOISE, "{grown} bytes after 20,000 more names");
}

const CANARY: Keys = Keys { id: "canary-id", key: "canary-key", secret: "canary-secret-5f2b8c0e9d7a4163b1e8" };

#[tokio::test]
async fn log_at_its_finest_level_holds_no_secret_no_signature_and_no_payload() {
    let process = Process::start_for(CANARY, &[("CAMPANILE_LOG", "trace"), ("CAMPANILE_MODE", "production")]).await;
    let mut client = process.connect().await;
    let mut forbidden = vec![CANARY.secret.to_owned(), "canary-payload".to_owned()];
    client.subscribe_private("private-room").await;
    forbidden.push(CANARY.channel_auth(&client.id, "private-room", None));
    let data = r#"{"user_id":"42","user_info":"canary-payload"}"#;
    client.join_as("presence-room", data).await;
    forbidden.push(CANARY.channel_auth(&client.id, "presence-room", Some(data)));
    let user = r#"{"id":"42","user_info":"canary-payload"}"#;
    client.ask_sign_in(user).await;
    client.expect("pusher:signin_success").await;
    forbidden.push(CANARY.user_auth(&client.id, user));
    client.send_event("client-x", "private-room", json!("canary-payload")).await;
    client.ask_with("private-other", "canary-key:canary-payload", None).await;
    client.expect_unauthorized("private-other").await;
    client.send_text("{canary-payload").await;
    client.expect_error(4200).await;

    let body = json!({ "name": "bell", "channel": "private-room", "data": "canary-payload" }).to_string();
    let path = "/apps/canary-id/events";
    let now = crate::support::http::unix_now();
    let query = CANARY.signed_query(("POST", path), &[], body.as_bytes(), now);
    forbidden.push(query.last().unwrap().1.clone());
    let url = format!("http://{}{path}", process.address);
    let request = reqwest::Client::new().post(url).query(&query).header("Content-Type", "application/json").body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    client.expect("bell").await;

    let mut broken = Raw::dial(process.address).await;
    broken.send(b"canary-payload\r\n\r\n").await;
    broken.ended().await;

    process.terminate();
    client.refused_with(4200).await;
    let log = process.ended().await.log;
    assert!(log.contains("\"DEBUG\""), "fine levels are on: {log}");
    for secret in forbidden {
        let text = secret.rsplit(':').next().unwrap();
        let in_hex = hex::encode(text);
        for form in [text, &in_hex] {
            let line = log.lines().find(|line| line.contains(form));
            assert_eq!(line.map(|line| &line[..line.len().min(300)]), None, "{text}");
        }
    }
}

#[tokio::test]
async fn metrics_are_on_their_own_listener_and_name_no_channel_and_no_user() {
    let app = TestApp::start().await;
    let mut client = app.connect().await;
    client.subscribe("canary-channel").await;
    client.join("presence-canary", "canary-user").await;
    client.sign_in("canary-user").await;
    client.send_event("client-canary", "presence-canary", json!(1)).await;
    client.expect_silence().await;
    app.publish("canary-channel", "canary-event", "canary-data").await;
    client.expect("canary-event").await;
    for path in ["/metrics", "/live", "/ready", "/debug", "/metrics/"] {
        assert_eq!(app.plain(reqwest::Method::GET, path).send().await.unwrap().status(), 404, "{path}");
    }
    let page = app.scrape().await;
    assert!(page.contains("campanile_connected{app=\"app-id\"} 1"), "{page}");
    assert!(!page.contains("canary") && !page.contains("127.0.0.1"), "{page}");
    assert!(series(&page).len() < 200, "{} series", series(&page).len());
    let elsewhere = format!("http://{}/apps/app-id/channels", app.metrics);
    assert_eq!(app.http.get(elsewhere).send().await.unwrap().status(), 404);
}

//! Tokens at the handshake: where they may ride, who is refused with which words, and issuers whose keys are fetched; and how
//! long a socket lives on one.

use std::time::Duration;

use campanile::{
    domain::app::SessionLease,
    identity::{Error, session},
    ids::UserId,
};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::{Keys, MAIN, OTHER, TestApp},
    client::Client,
    http::unix_now,
    issuer::{Issuer, claims},
    raw::{HANDSHAKE, Raw},
};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(i64::try_from(unix_now()).unwrap(), 0).unwrap()
}

/// A session token of an app.
fn session_of(keys: Keys, user: &str, made: DateTime<Utc>) -> String {
    let user = UserId::parse(user).unwrap();
    let new = session::NewSession { user: &user, name: None, avatar: None, ttl: Duration::from_secs(3_600) };
    session::issue(&keys.app(), &new, made).unwrap()
}

#[tokio::test]
async fn token_opens_a_socket_from_each_of_its_places() {
    let app = TestApp::start().await;
    let token = session_of(MAIN, "7", now());
    let (bearer, protocol) = (format!("Bearer {token}"), format!("bearer, {token}"));
    app.open(&format!("/app/app-key?protocol=7&token={token}")).await.established().await;
    app.open_with("/app/app-key", &[("Authorization", &bearer)]).await.established().await;
    // The client's library demands that its subprotocol is answered.
    app.open_with("/app/app-key", &[("Sec-WebSocket-Protocol", &protocol)]).await.established().await;
    let cookie = [("Cookie", &*format!("__session={token}")), ("Origin", "https://school.example")];
    app.open_with("/app/app-key", &cookie).await.established().await;
}

#[tokio::test]
async fn bad_token_is_refused_over_the_socket_with_4009_and_the_reason() {
    let app = TestApp::with_two_apps().await;
    let expired = session_of(MAIN, "7", now() - chrono::TimeDelta::hours(2));
    let other = session_of(OTHER, "7", now());
    let good = session_of(MAIN, "7", now());
    let key = "ck_0123456789ab_0123456789abcdef0123456789abcdef01234567";
    // Another last digit than its own; one signature in sixteen ends in an A.
    let digit = if good.ends_with('A') { 'E' } else { 'A' };
    for (token, error) in [
        ("nonsense", Error::Malformed),
        (&*expired, Error::Expired),
        (&*other, Error::WrongApp),
        (&*format!("{}{digit}", &good[..good.len() - 1]), Error::BadSignature),
        (key, Error::NotAPerson),
    ] {
        let mut client = app.open(&format!("/app/app-key?token={token}")).await;
        assert_eq!(client.refused_with(4009).await, error.reason(), "{token}");
    }
    let twice = [("Authorization", &*format!("Bearer {good}")), ("Authorization", &*format!("Bearer {good}"))];
    let mut client = app.open_with("/app/app-key", &twice).await;
    assert_eq!(client.refused_with(4009).await, Error::Ambiguous.reason());
}

/// A token that has run out so many seconds ago. For 30 s it is still taken, and a socket lives until 25 s after its end.
fn run_out(user: &str, seconds: i64) -> String {
    session_of(MAIN, user, now() - TimeDelta::seconds(3_600 + seconds))
}

/// Opens a socket by a token.
async fn open(app: &TestApp, token: &str) -> Client {
    let mut socket = app.open(&format!("/app/app-key?token={token}")).await;
    socket.established().await;
    socket
}

/// Signs a socket in by a token and the auth endpoint.
async fn sign_in(app: &TestApp, socket: &mut Client, token: &str) {
    let form = [("socket_id", &socket.id)];
    let answer = app.plain(Method::POST, "/pusher/user-auth").bearer_auth(token).form(&form);
    let data: Value = answer.send().await.unwrap().json().await.unwrap();
    socket.send_json(json!({ "event": "pusher:signin", "data": data })).await;
    socket.expect("pusher:signin_success").await;
}

#[tokio::test]
async fn a_socket_is_cut_off_when_its_token_has_run_out_and_stays_when_it_has_shown_a_newer_one() {
    const COURSE: &str = "private-course-101";
    let app = TestApp::with_settings(|settings| {
        (settings.session_lease, settings.presence_events) = (SessionLease::Token, false);
    })
    .await;
    let office = app.office().await;
    office.keep_course().await;
    office.keep("/api/users/8", json!({ "name": "Bo" })).await;
    office.keep("/api/enrollments/9002", json!({ "user": "8", "course": "101", "role": "student" })).await;
    let (ada, bo) = (app.person("7"), app.person("8"));
    let late = run_out("7", 20);
    let (mut subscribed, mut foreign) = (open(&app, &late).await, open(&app, &late).await);
    let mut signed_in = app.connect().await;
    ada.joins(&mut subscribed, COURSE).await;
    sign_in(&app, &mut signed_in, &late).await;
    sign_in(&app, &mut signed_in, &ada.proof).await;
    // A newer token of somebody else prolongs nothing.
    foreign.sign_in("7").await;
    bo.joins(&mut foreign, COURSE).await;
    // It lives a second longer than the others would.
    let mut old = open(&app, &run_out("7", 19)).await;
    old.subscribe_private(COURSE).await;

    for mut ended in [foreign, old] {
        let (frames, code, reason) = ended.until_close().await;
        assert_eq!((code, reason.contains("expired")), (4009, true), "{reason}");
        assert_eq!(frames.last().unwrap()["data"]["code"], 4009, "{frames:?}");
    }
    app.publish(COURSE, "news", "1").await;
    subscribed.expect_on("news", COURSE).await;
    ada.joins(&mut signed_in, COURSE).await;
}

#[tokio::test]
async fn refused_browser_gets_its_subprotocol_too_so_that_it_reads_the_reason() {
    let app = TestApp::start().await;
    let mut raw = Raw::dial(app.address).await;
    let head = HANDSHAKE.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: bearer, a.b.c\r\n\r\n");
    raw.send(head.as_bytes()).await;
    let answer = raw.head().await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 101 ") && answer.contains("sec-websocket-protocol: bearer\r\n"), "{answer}");
    let error = raw.json().await;
    assert_eq!((&error["event"], &error["data"]["code"]), (&"pusher:error".into(), &4009.into()));
}

#[tokio::test]
async fn cookie_that_proves_nothing_and_other_schemes_do_not_keep_a_socket_out() {
    let app = TestApp::start().await;
    let token = session_of(MAIN, "7", now() - chrono::TimeDelta::hours(2));
    for header in
        [("Cookie", &*format!("__session={token}")), ("Cookie", "__session=x"), ("Authorization", "Basic eDp5")]
    {
        app.open_with("/app/app-key", &[header]).await.established().await;
    }
    let mut raw = Raw::dial(app.address).await;
    raw.send(HANDSHAKE.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n").as_bytes()).await;
    let answer = raw.head().await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 101 ") && !answer.contains("sec-websocket-protocol"), "{answer}");
    assert_eq!(raw.json().await["event"], "pusher:connection_established");
}

#[tokio::test]
async fn token_is_not_looked_at_before_the_app_takes_the_socket() {
    let app = TestApp::start().await;
    app.open("/app/nobody?token=nonsense").await.refused_with(4001).await;
    app.open("/app/app-key?protocol=3&token=nonsense").await.refused_with(4007).await;
}

#[tokio::test]
async fn keys_are_fetched_over_tls_from_an_issuer_whose_certificate_is_believed() {
    let issuer = Issuer::with_tls().await;
    let app = TestApp::with(|config| issuer.configure(config)).await;
    for user in ["7", "8"] {
        app.open(&format!("/app/app-key?token={}", issuer.token(user))).await.established().await;
    }
    let expired = issuer.token_of("key-1", &claims("7", -31));
    assert_eq!(
        app.open(&format!("/app/app-key?token={expired}")).await.refused_with(4009).await,
        Error::Expired.reason()
    );
    let unknown = issuer.token_of("key-2", &claims("7", 60));
    let refused = app.open(&format!("/app/app-key?token={unknown}")).await.refused_with(4009).await;
    assert_eq!(refused, Error::UnknownKey.reason());
    assert_eq!(issuer.asked(), 1, "and nothing more within a minute");
}

#[tokio::test]
async fn issuer_whose_certificate_or_address_is_not_believed_makes_tokens_unavailable() {
    let issuer = Issuer::with_tls().await;
    let stranger = Issuer::with_tls().await;
    let distrust = TestApp::with(|config| {
        stranger.configure(config);
        let ca = config.outbound.ca.take();
        issuer.configure(config);
        config.outbound.ca = ca;
    })
    .await;
    let private = TestApp::with(|config| {
        issuer.configure(config);
        config.outbound.allow.clear();
    })
    .await;
    for app in [&distrust, &private] {
        let mut client = app.open(&format!("/app/app-key?token={}", issuer.token("7"))).await;
        // A code after which clients come back: the token may be fine.
        client.refused_with(4100).await;
        app.connect().await.expect_silence().await;
    }
    assert_eq!(issuer.asked(), 0);
}

#[tokio::test]
async fn keys_may_come_without_tls_from_a_listed_host() {
    let issuer = Issuer::plain().await;
    let app = TestApp::with(|config| issuer.configure(config)).await;
    app.open(&format!("/app/app-key?token={}", issuer.token("7"))).await.established().await;
    let forged = Issuer::plain().await.token("7");
    let refused = app.open(&format!("/app/app-key?token={forged}")).await.refused_with(4009).await;
    assert_eq!(refused, Error::BadSignature.reason());
}

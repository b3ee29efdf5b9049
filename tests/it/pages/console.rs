//! The console's requests: from its own page they publish and count, from anywhere else they are refused.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{PAYLOAD, check_guarded, get, get_under, header, text, without_app};
use crate::support::{
    app::{TestApp, settings},
    client::Client,
    eventually,
    http::read,
    within,
};

/// Largest body in bytes.
const MAX_BODY: usize = 65_536;

const EVENTS: &str = "/console/events";

/// The token that the first page carries.
async fn token(app: &TestApp) -> String {
    let page = text(get(app, "/").await).await;
    let (_, rest) = page.split_once("name=\"campanile-token\" content=\"").unwrap();
    let token = rest.split('"').next().unwrap().to_owned();
    assert_eq!(token.len(), 64, "{token}");
    token
}

/// A request as the page's script and the browser make it.
fn own(app: &TestApp, token: &str) -> RequestBuilder {
    let origin = format!("http://{}", app.address);
    app.plain(Method::POST, EVENTS)
        .header("Origin", origin)
        .header("Sec-Fetch-Site", "same-origin")
        .header("X-Campanile-Token", token)
        .header("Content-Type", "application/json")
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = within("an answer", request.send()).await.unwrap();
    check_guarded(&response);
    assert_eq!(header(response.headers(), "Cache-Control"), "no-store");
    if !response.status().is_success() {
        assert_eq!(header(response.headers(), "Content-Type"), "text/plain; charset=utf-8");
    }
    read(response).await
}

async fn publish(app: &TestApp, token: &str, draft: &Value) -> (StatusCode, Value) {
    answer(own(app, token).body(draft.to_string())).await
}

fn draft(channel: &str, name: &str, data: &str) -> Value {
    json!({ "channel": channel, "name": name, "data": data })
}

async fn subscriber(app: &TestApp, channel: &str) -> Client {
    let mut client = app.connect().await;
    client.subscribe(channel).await;
    client
}

#[tokio::test]
async fn event_of_the_form_arrives_as_it_was_written_and_the_answer_counts() {
    let app = TestApp::start().await;
    let token = token(&app).await;
    let mut client = subscriber(&app, "class-7").await;
    let (_other, data) = (subscriber(&app, "class-7").await, "{ \"big\": 12345678901234567890,  \"t\": \"Grüße\" }");
    let (status, sent) = publish(&app, &token, &draft("class-7", "message", data)).await;
    assert_eq!((status, sent), (StatusCode::OK, json!({ "subscriptions": 2 })));
    let frame = client.expect_on("message", "class-7").await;
    assert_eq!(frame["data"], data);
    let (status, sent) = publish(&app, &token, &draft("nobody-here", "message", "{}")).await;
    assert_eq!((status, sent), (StatusCode::OK, json!({ "subscriptions": 0 })));
}

#[tokio::test]
async fn payloads_travel_as_text_and_a_refusal_is_no_page() {
    let app = TestApp::start().await;
    let token = token(&app).await;
    let mut client = subscriber(&app, "class-7").await;
    let data = json!({ "text": PAYLOAD }).to_string();
    let (status, _) = publish(&app, &token, &draft("class-7", PAYLOAD, &data)).await;
    assert_eq!(status, StatusCode::OK);
    let frame = client.expect_on(PAYLOAD, "class-7").await;
    assert_eq!(frame["data"], data);
    let (status, text) = publish(&app, &token, &draft(PAYLOAD, "message", "{}")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.as_str().unwrap().contains("channel name may hold only"), "{text}");
}

#[tokio::test]
async fn requests_of_other_pages_are_refused_and_publish_nothing() {
    let app = TestApp::start().await;
    let (token, origin) = (token(&app).await, format!("http://{}", app.address));
    let mut client = subscriber(&app, "class-7").await;
    let host = app.address.to_string();
    let own = ("Origin", origin.as_str());
    let site = ("Sec-Fetch-Site", "same-origin");
    let key = ("X-Campanile-Token", token.as_str());
    let zeros = "0".repeat(64);
    let cases: &[(&str, &[(&str, &str)])] = &[
        // A name of this machine that is not ours.
        ("evil.example", &[own, site, key]),
        ("evil.example", &[("Origin", "http://evil.example"), site, key]),
        ("localhost.evil.example", &[("Origin", "http://localhost.evil.example"), site, key]),
        // Another site.
        (&host, &[("Origin", "http://evil.example"), key]),
        (&host, &[("Origin", "http://evil.example"), site, key]),
        (&host, &[("Origin", "null"), key]),
        (&host, &[("Origin", "http://127.0.0.1"), key]),
        (&host, &[own, ("Sec-Fetch-Site", "cross-site"), key]),
        (&host, &[own, ("Sec-Fetch-Site", "same-site"), key]),
        (&host, &[own, own, key]),
        (&host, &[key]),
        // Without the token of this start.
        (&host, &[own, site]),
        (&host, &[own, site, ("X-Campanile-Token", "")]),
        (&host, &[own, site, ("X-Campanile-Token", &zeros)]),
        (&host, &[own, site, ("X-Campanile-Token", &token[..63])]),
    ];
    for (host, headers) in cases {
        let mut request = app.plain(Method::POST, EVENTS).header("Host", *host);
        for (name, value) in *headers {
            request = request.header(*name, *value);
        }
        let request = request.header("Content-Type", "application/json");
        let (status, text) = answer(request.body(draft("class-7", "message", "{}").to_string())).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{host} {headers:?}: {text}");
        let text = text.as_str().unwrap();
        assert!(text.starts_with("The ") && !text.contains("evil"), "{text}");
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn what_comes_through_a_proxy_is_refused_and_publishes_nothing() {
    let app = TestApp::with(|config| config.public.host = Some(url::Host::parse("campus.example").unwrap())).await;
    let token = token(&app).await;
    let mut client = subscriber(&app, "class-7").await;
    for name in ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via", "X-Real-IP"] {
        let request = own(&app, &token).header(name, "127.0.0.1");
        let (status, text) = answer(request.body(draft("class-7", "message", "{}").to_string())).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{name}: {text}");
        let request = app.plain(Method::GET, "/console/stats").header(name, "127.0.0.1");
        let (status, text) = answer(request).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{name}: {text}");
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn names_of_this_machine_and_the_public_one_may_publish() {
    let app = TestApp::with(|config| config.public.host = Some(url::Host::parse("campus.example").unwrap())).await;
    let token = token(&app).await;
    for (host, origin) in [
        ("localhost:8080", "http://localhost:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("campus.example", "https://campus.example"),
        // A proxy that puts its own address into Host.
        ("127.0.0.1:8080", "https://campus.example"),
    ] {
        let request = app.plain(Method::POST, EVENTS).header("Host", host).header("Origin", origin);
        let request = request.header("X-Campanile-Token", &token).header("Content-Type", "application/json");
        let (status, text) = answer(request.body(draft("class-7", "message", "{}").to_string())).await;
        assert_eq!(status, StatusCode::OK, "{host} {origin}: {text}");
    }
}

#[tokio::test]
async fn token_of_another_start_is_refused() {
    let (app, other) = (TestApp::start().await, TestApp::start().await);
    let (status, text) = publish(&app, &token(&other).await, &draft("class-7", "message", "{}")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(text.as_str().unwrap().contains("reload the page"), "{text}");
}

#[tokio::test]
async fn body_passes_at_its_limit_and_is_refused_above() {
    let app = TestApp::start().await;
    let token = token(&app).await;
    let body = draft("class-7", "message", "{}").to_string();
    let padded = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
    let (status, text) = answer(own(&app, &token).body(padded(MAX_BODY))).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let (status, text) = answer(own(&app, &token).body(padded(MAX_BODY + 1))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(text.as_str().unwrap().contains("65536 bytes"), "{text}");
}

#[tokio::test]
async fn limits_of_the_app_hold_for_the_console_too() {
    let app = TestApp::with(|config| {
        let settings = settings(config);
        settings.max_event_bytes = 100;
        settings.max_event_name_length = 10;
        settings.max_channel_name_length = 20;
    })
    .await;
    let token = token(&app).await;
    let (ten, twenty) = ("n".repeat(10), "c".repeat(20));
    let data = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let (status, text) = publish(&app, &token, &draft(&twenty, &ten, &data(100))).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let over = [
        (draft(&twenty, &ten, &data(101)), StatusCode::PAYLOAD_TOO_LARGE, "101 bytes"),
        (draft(&twenty, "elevenchars", "{}"), StatusCode::BAD_REQUEST, "at most 10 characters"),
        (draft(&"c".repeat(21), &ten, "{}"), StatusCode::BAD_REQUEST, "at most 20 characters"),
        (draft(&twenty, "", "{}"), StatusCode::BAD_REQUEST, "name must not be empty"),
        (draft("", &ten, "{}"), StatusCode::BAD_REQUEST, "channel name must not be empty"),
        (draft("with space", &ten, "{}"), StatusCode::BAD_REQUEST, "may hold only"),
        (draft(&twenty, "pusher:x", "{}"), StatusCode::BAD_REQUEST, "reserved"),
    ];
    for (draft, expected, reason) in over {
        let (status, text) = publish(&app, &token, &draft).await;
        assert_eq!(status, expected, "{draft}: {text}");
        assert!(text.as_str().unwrap().contains(reason), "{text}");
    }
}

#[tokio::test]
async fn rate_of_the_app_holds_for_the_console_too() {
    let app = TestApp::with_settings(|settings| settings.events_per_second = 1).await;
    let token = token(&app).await;
    eventually("the limit is reached", async || {
        let (status, text) = publish(&app, &token, &draft("class-7", "message", "{}")).await;
        assert!(status == StatusCode::OK || text.as_str().unwrap().contains("Too many requests"), "{text}");
        status == StatusCode::TOO_MANY_REQUESTS
    })
    .await;
}

#[tokio::test]
async fn what_is_no_draft_is_refused_with_a_reason() {
    let app = TestApp::start().await;
    let token = token(&app).await;
    let bodies = [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"channel":"a","name":"b"}"#,
        r#"{"channel":"a","name":"b","data":{}}"#,
        r#"{"channel":["a"],"name":"b","data":"{}"}"#,
        r#"{"channel":"a","name":"b","data":"{}","socket_id":"1.1"}"#,
    ];
    for body in bodies {
        let (status, text) = answer(own(&app, &token).body(body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {text}");
        assert!(text.as_str().unwrap().starts_with("Not an event of the console"), "{body}: {text}");
    }
    let invalid = own(&app, &token).body(b"{\"channel\":\"\xFF\",\"name\":\"b\",\"data\":\"\"}".to_vec());
    assert_eq!(answer(invalid).await.0, StatusCode::BAD_REQUEST);
    let form = app.plain(Method::POST, EVENTS).header("Origin", format!("http://{}", app.address));
    let form = form.header("X-Campanile-Token", &token).header("Content-Type", "text/plain");
    let (status, text) = answer(form.body(draft("a", "b", "{}").to_string())).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(text, "Send the event as application/json");
}

#[tokio::test]
async fn numbers_follow_who_comes_and_goes() {
    let app = TestApp::start().await;
    let stats = async || {
        let (status, stats) = read(get(&app, "/console/stats").await).await;
        assert_eq!((status, &stats["app"]), (StatusCode::OK, &json!("app-id")));
        (stats["connections"].as_u64().unwrap(), stats["channels"].as_u64().unwrap())
    };
    assert_eq!(stats().await, (0, 0));
    let mut first = subscriber(&app, "class-7").await;
    let second = subscriber(&app, "class-7").await;
    assert_eq!(stats().await, (2, 1));
    first.subscribe("class-8").await;
    assert_eq!(stats().await, (2, 2));
    second.close().await;
    first.close().await;
    eventually("everybody has left", async || stats().await == (0, 0)).await;
}

#[tokio::test]
async fn numbers_are_told_under_our_own_names_only() {
    let app = TestApp::start().await;
    for host in ["localhost", "127.0.0.1:1", "[::1]"] {
        assert_eq!(get_under(&app, host, "/console/stats").await.status(), StatusCode::OK, "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:8080"] {
        let response = get_under(&app, host, "/console/stats").await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{host}");
        check_guarded(&response);
        assert!(text(response).await.contains("CAMPANILE_PUBLIC_HOST"));
    }
}

#[tokio::test]
async fn start_in_the_numbers_is_that_of_the_page() {
    let app = TestApp::start().await;
    let page = text(get(&app, "/").await).await;
    let (_, stats) = read(get(&app, "/console/stats").await).await;
    let started = stats["started"].as_str().unwrap();
    assert!(page.contains(&format!("datetime=\"{started}\"")), "{started}: {page}");
}

#[tokio::test]
async fn without_an_app_or_with_a_disabled_one_the_refusal_names_the_command() {
    let app = TestApp::with(without_app).await;
    let store = app.store().await;
    let first = store.app_list(&campanile::domain::app::AppSettings::default()).await.unwrap().remove(0);
    let token = token(&app).await;
    store.app_disable(&first.id, chrono::DateTime::UNIX_EPOCH).await.unwrap();
    let refused = async || publish(&app, &token, &draft("class-7", "message", "{}")).await;
    eventually("it is disabled", async || refused().await.0 == StatusCode::FORBIDDEN).await;
    assert_eq!(refused().await.1, format!("The app is disabled: campanile app enable {}", first.id));
    store.app_delete(&first.id).await.unwrap();
    eventually("it is gone", async || refused().await.0 == StatusCode::NOT_FOUND).await;
    assert_eq!(refused().await.1, "There is no app yet: campanile app create --name NAME");
    let (_, stats) = read(get(&app, "/console/stats").await).await;
    assert_eq!((&stats["app"], &stats["connections"]), (&Value::Null, &json!(0)));
    store.close().await.unwrap();
}

//! What pages of other origins may do. The signed Pusher API is for servers and knows no CORS at all.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::support::{
    answer::{Answer, finish},
    app::{MAIN, TestApp},
};

const LIST: &str = "https://a.example, *.b.example, http://c.example:3000, d.example";

async fn app() -> TestApp {
    TestApp::with_settings(|settings| settings.set("allowed_origins", LIST).unwrap()).await
}

/// What an answer grants: the origin, and whether cookies may come.
fn granted(answer: &Answer) -> (Option<&str>, bool) {
    assert!(answer.header("vary").is_some_and(|vary| vary.contains("Origin")), "{answer:?}");
    let credentials = answer.header("access-control-allow-credentials");
    assert!(matches!(credentials, None | Some("true")));
    (answer.header("access-control-allow-origin"), credentials.is_some())
}

/// Origins with what a page of theirs is granted: `None` = nothing, else whether cookies may come.
const ORIGINS: [(&str, Option<bool>); 16] = [
    ("https://a.example", Some(true)),
    ("https://x.b.example", Some(false)),
    ("http://c.example:3000", Some(true)),
    ("https://d.example", Some(true)),
    ("http://d.example", Some(false)),
    ("http://a.example", None),
    ("https://a.example:444", None),
    ("https://b.example", None),
    ("https://a.example.evil.tld", None),
    ("https://evil-a.example", None),
    ("https://evilb.example", None),
    ("https://a.example@evil.tld", None),
    ("https://evil.tld/https://a.example", None),
    ("http://c.example", None),
    ("null", None),
    ("nonsense", None),
];

#[tokio::test]
async fn origins_are_granted_what_the_list_says_and_no_other_is_ever_repeated() {
    let app = app().await;
    let office = app.office().await;
    let routes: [(Method, &str); 4] = [
        (Method::GET, "/api/users"),
        (Method::POST, "/pusher/auth"),
        (Method::GET, "/api/nothing"),
        (Method::OPTIONS, "/broadcasting/auth"),
    ];
    for (origin, expected) in ORIGINS {
        for (method, path) in &routes {
            let answer = finish(&app, office.request(method.clone(), path).header("Origin", origin)).await;
            let expected = expected.map_or((None, false), |cookies| (Some(origin), cookies));
            assert_eq!(granted(&answer), expected, "{method} {path} from {origin}");
        }
    }
    assert_eq!(granted(&office.get("/api/users").await), (None, false), "no page, no grant");
}

fn preflight(app: &TestApp, path: &str, origin: &str) -> RequestBuilder {
    let request = app.plain(Method::OPTIONS, path).header("Origin", origin);
    request
        .header("Access-Control-Request-Method", "PUT")
        .header("Access-Control-Request-Headers", "authorization,content-type")
}

#[tokio::test]
async fn a_preflight_is_answered_without_proof_and_tells_methods_and_headers() {
    let app = app().await;
    let answer = finish(&app, preflight(&app, "/api/users/7", "https://a.example")).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(granted(&answer), (Some("https://a.example"), true));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, HEAD, PUT, DELETE, OPTIONS"));
    assert_eq!(answer.header("access-control-max-age"), Some("600"));
    let headers = answer.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
    for header in ["authorization", "content-type", "x-csrf-token", "x-requested-with", "x-socket-id", "if-match"] {
        assert!(headers.split(", ").any(|known| known == header), "{headers}");
    }
    let foreign = finish(&app, preflight(&app, "/api/users/7", "https://evil.example")).await;
    assert_eq!((foreign.status, granted(&foreign)), (204, (None, false)));
    assert_eq!(foreign.header("access-control-allow-methods"), None);
    finish(&app, preflight(&app, "/api/nothing", "https://a.example")).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_star_lets_every_page_call_without_cookies() {
    let app = TestApp::start().await;
    for origin in ["https://anything.example", "null"] {
        for request in
            [preflight(&app, "/pusher/auth", origin), app.plain(Method::GET, "/api/time").header("Origin", origin)]
        {
            assert_eq!(granted(&finish(&app, request).await), (Some("*"), false), "{origin}");
        }
    }
}

#[tokio::test]
async fn a_page_can_read_why_it_was_refused() {
    let app = app().await;
    let request = app.plain(Method::GET, "/api/users").header("Origin", "https://a.example").bearer_auth("a.b.c");
    let answer = finish(&app, request).await;
    assert_eq!((answer.status, granted(&answer)), (401, (Some("https://a.example"), true)));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    for header in ["ETag", "Retry-After", "RateLimit", "X-RateLimit-Reset", "X-Request-Id"] {
        assert!(exposed.contains(header), "{exposed}");
    }
}

#[tokio::test]
async fn two_origins_in_one_request_are_granted_nothing() {
    let app = app().await;
    let request = app.plain(Method::GET, "/api/time").header("Origin", "https://a.example");
    let answer = finish(&app, request.header("Origin", "https://d.example")).await;
    assert_eq!(granted(&answer), (None, false));
}

#[tokio::test]
async fn the_signed_api_has_no_cors_at_all() {
    let app = TestApp::start().await;
    for method in [Method::GET, Method::POST, Method::OPTIONS] {
        let path = if method == Method::POST { "/apps/app-id/events" } else { "/apps/app-id/channels" };
        let body = json!({ "name": "bell", "channel": "room", "data": "1" }).to_string();
        let body = if method == Method::POST { body.as_str() } else { "" };
        let request = app.signed(MAIN, (method, path), &[], body).header("Origin", "https://a.example");
        let answer = finish(&app, request).await;
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{answer:?}");
    }
}

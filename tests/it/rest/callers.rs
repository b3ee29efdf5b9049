//! Who may call the REST API, by what proof, and how often.

use campanile::domain::caller::Scope;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::support::{
    answer::{Answer, finish},
    app::{MAIN, OTHER, TestApp, settings},
    rest::now,
};

async fn ask(app: &TestApp, edit: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Answer {
    finish(app, edit(app.plain(Method::GET, "/api/users"))).await
}

#[tokio::test]
async fn a_key_counts_in_either_header_and_only_alone() {
    let app = TestApp::start().await;
    let key = app.office().await.proof;
    ask(&app, |request| request.bearer_auth(&key)).await.ok();
    ask(&app, |request| request.header("X-API-Key", &key)).await.ok();
    ask(&app, |request| request.header("Authorization", format!("bearer {key}"))).await.ok();
    ask(&app, |request| request.bearer_auth(&key).header("Cookie", "__session=x")).await.ok();

    ask(&app, |request| request.bearer_auth(&key).bearer_auth(&key)).await.problem(400, "several_proofs");
    ask(&app, |request| request.bearer_auth(&key).header("X-API-Key", &key)).await.problem(400, "several_proofs");
    let twice = |request: RequestBuilder| request.header("X-API-Key", &key).header("X-API-Key", &key);
    ask(&app, twice).await.problem(400, "several_proofs");
    ask(&app, |request| request.header("Cookie", "__session=a; __session=b")).await.problem(400, "several_proofs");
}

#[tokio::test]
async fn nobody_and_whoever_proves_nothing_are_sent_away_with_the_way_to_do_it() {
    let app = TestApp::start().await;
    let key = app.office().await.proof;
    let nobody = ask(&app, |request| request).await;
    let detail = nobody.problem(401, "no_identity")["detail"].to_string();
    assert!(detail.contains("roster:read") && detail.contains("Authorization: Bearer"), "{detail}");
    assert_eq!(nobody.header("www-authenticate"), Some("Bearer realm=\"campanile\""));
    ask(&app, |request| request.basic_auth("a", Some("b"))).await.problem(401, "not_a_bearer");
    ask(&app, |request| request.bearer_auth("")).await.problem(401, "not_a_bearer");
    for wrong in ["ck_", "ck_0123456789ab_", &format!("{key}0"), &key.replace("07", "08"), &key[..key.len() - 1]] {
        ask(&app, |request| request.bearer_auth(wrong)).await.problem(401, "api_key_invalid");
    }
    for wrong in ["a.b.c", "nonsense", &"x".repeat(9_000)] {
        assert_eq!(ask(&app, |request| request.bearer_auth(wrong)).await.status, 401, "{wrong}");
    }
    ask(&app, |request| request.bearer_auth(app.person("7").proof)).await.problem(403, "missing_scope");
}

#[tokio::test]
async fn keys_that_are_over_revoked_or_from_elsewhere_are_refused() {
    let app = TestApp::start().await;
    let over = app.program_with(MAIN, |key| key.expires_at = Some(now() - chrono::TimeDelta::seconds(1))).await;
    over.get("/api/users").await.problem(401, "api_key_expired");
    let away = app.program_with(MAIN, |key| key.ip_allow = vec!["192.0.2.0/24".to_owned()]).await;
    away.get("/api/users").await.problem(403, "api_key_address");
    let here = app.program_with(MAIN, |key| {
        key.ip_allow = vec!["127.0.0.0/8".to_owned()];
        key.scopes = vec![Scope::RosterRead];
    });
    let here = here.await;
    here.get("/api/users").await.ok();
    let id = here.proof[..15].to_owned();
    assert!(app.store().await.api_key_revoke(&MAIN.app().id, &id, now()).await.unwrap());
    crate::support::eventually("the end of the key", async || here.get("/api/users").await.status == 401).await;
    here.get("/api/users").await.problem(401, "api_key_revoked");
}

#[tokio::test]
async fn a_cookie_counts_from_the_servers_own_pages_and_from_named_origins() {
    let app = TestApp::with_settings(|settings| {
        settings.set("allowed_origins", "https://school.example, *.school.example, http://plain.example").unwrap();
    })
    .await;
    let token = app.person("7").proof;
    let with = async |origin: Option<&str>| {
        let request =
            app.plain(Method::GET, "/api/realtime/status").header("Cookie", format!("a=b; __session={token}"));
        finish(&app, if let Some(origin) = origin { request.header("Origin", origin) } else { request }).await
    };
    let own = format!("http://{}", app.address);
    for good in [own.as_str(), "https://school.example", "http://plain.example"] {
        assert_eq!(with(Some(good)).await.ok()["me"]["id"], "7", "{good}");
    }
    for bad in [
        None,
        Some("https://www.school.example"),
        Some("http://school.example"),
        Some("https://evil.example"),
        Some("null"),
    ] {
        with(bad).await.problem(403, "origin_not_allowed");
    }
}

fn left(answer: &Answer) -> (Option<&str>, Option<&str>) {
    (answer.header("ratelimit-policy"), answer.header("ratelimit"))
}

#[tokio::test]
async fn each_user_and_each_key_has_a_limit_of_its_own_and_hears_what_is_left() {
    let app = TestApp::with_settings(|settings| {
        settings.requests_per_minute_per_user = 2;
        settings.requests_per_minute_per_key = 3;
    })
    .await;
    let (ada, bo) = (app.person("7"), app.person("8"));
    let first = ada.get("/api/time").await;
    assert_eq!(left(&first), (Some("\"user\";q=2;w=60"), Some("\"user\";r=1;t=60")));
    let older = ["limit", "remaining", "reset"].map(|name| first.header(&format!("x-ratelimit-{name}")));
    assert_eq!(older, [Some("2"), Some("1"), Some("60")]);
    first.ok();
    ada.get("/api/time").await.ok();
    let third = ada.get("/api/time").await;
    third.problem(429, "rate_limited");
    assert_eq!(left(&third), (Some("\"user\";q=2;w=60"), Some("\"user\";r=0;t=60")));
    let wait: u64 = third.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    bo.get("/api/time").await.ok();

    let key = app.office().await;
    for _ in 0..3 {
        key.get("/api/users").await.ok();
    }
    let fourth = key.get("/api/users").await;
    fourth.problem(429, "rate_limited");
    assert_eq!(left(&fourth).0, Some("\"key\";q=3;w=60"));
    app.office().await.get("/api/users").await.ok();
    assert!(app.metric("campanile_rate_limited_total{app=\"app-id\",key=\"user\"}").await >= 1);
}

#[tokio::test]
async fn callers_without_a_proof_that_holds_share_the_limit_of_their_address() {
    let app = TestApp::with(|config| {
        config.server.guest_requests_per_minute_per_ip = 3;
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let from = async |address: &str, proof: Option<&str>| {
        let request = app.plain(Method::GET, "/api/time").header("X-Forwarded-For", address);
        finish(&app, if let Some(proof) = proof { request.bearer_auth(proof) } else { request }).await
    };
    let good = app.person("7").proof;
    from("2001:db8:1:2::1", None).await.ok();
    from("2001:db8:1:2::9", Some("ck_wrong")).await.problem(401, "api_key_invalid");
    let third = from("2001:db8:1:2::1", Some("a.b.c")).await;
    assert_eq!((third.status, left(&third).0), (401, Some("\"address\";q=3;w=60")));
    let fourth = from("2001:db8:1:2::1", None).await;
    fourth.problem(429, "rate_limited");
    from("2001:db8:1:2:ffff::1", Some("ck_wrong")).await.problem(429, "rate_limited");
    from("2001:db8:1:3::1", None).await.ok();
    from("2001:db8:1:2::1", Some(&good)).await.ok();
}

#[tokio::test]
async fn whoever_guesses_keys_is_refused_unseen_and_keys_that_have_held_go_on_beside_them() {
    let app = TestApp::with(|config| config.server.guest_requests_per_minute_per_ip = 3).await;
    let (known, new) = (app.office().await, app.office().await);
    known.get("/api/users").await.ok();
    let guess = async |number: u32| {
        let key = format!("ck_{number:012x}_{:040x}", number);
        ask(&app, |request| request.bearer_auth(key)).await
    };
    for number in 0..2 {
        guess(number).await.problem(401, "api_key_invalid");
    }
    for number in 2..10 {
        guess(number).await.problem(429, "rate_limited");
    }
    // That even this one is refused shows that nothing is looked up any more.
    new.get("/api/users").await.problem(429, "rate_limited");
    for _ in 0..3 {
        known.get("/api/users").await.ok();
    }
    ask(&app, |request| request.bearer_auth(app.person("7").proof)).await.problem(403, "missing_scope");
    let id = &known.proof[..15];
    assert!(app.store().await.api_key_revoke(&MAIN.app().id, id, now()).await.unwrap());
    crate::support::eventually("the end of the key", async || known.get("/api/users").await.status != 200).await;
    known.get("/api/users").await.problem(429, "rate_limited");
}

#[tokio::test]
async fn an_app_has_a_limit_over_all_its_callers_and_zero_is_none() {
    let app = TestApp::with(|config| {
        let settings = settings(config);
        settings.requests_per_second = 2;
        settings.requests_per_minute_per_user = 0;
        config.server.guest_requests_per_minute_per_ip = 0;
    })
    .await;
    let answers = futures_util::future::join_all((0..20).map(|number| {
        let person = app.person(&number.to_string());
        async move { person.get("/api/time").await }
    }));
    let answers = answers.await;
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert!(refused > 0 && refused <= 18, "{refused} of 20");
    let told = answers.iter().all(|answer| left(answer).0 == Some("\"app\";q=2;w=1"));
    assert!(told, "{answers:?}");
    for _ in 0..100 {
        assert_eq!(finish(&app, app.plain(Method::GET, "/api/time")).await.status, 200);
    }
}

#[tokio::test]
async fn a_caller_of_a_disabled_app_is_refused() {
    let app = TestApp::with_two_apps().await;
    let office = app.program_of(OTHER, &[Scope::RosterWrite]).await;
    assert_eq!(office.put("/api/users/7", json!({ "name": "Ada" })).await.status, 201);
    app.store().await.app_disable(&OTHER.app().id, now()).await.unwrap();
    crate::support::eventually("the app is off", async || office.get("/api/users").await.status != 200).await;
    let status = office.get("/api/users").await.status;
    assert!(matches!(status, 401 | 403), "{status}");
}

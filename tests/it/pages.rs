//! The pages for people: what they show in which mode, to whom, and what their headers allow.

mod console;

use campanile::{
    config::{Config, Mode},
    domain::app::Secret,
    ids::{AppId, AppKey},
    store::NewApp,
};
use chrono::DateTime;
use reqwest::{Method, Response, StatusCode, header::HeaderMap};
use serde_json::Value;

use super::support::{
    app::{MAIN, TestApp},
    eventually,
    http::read,
    within,
};

/// What an attacker would like to see run; legal as the name of an app and as data.
const PAYLOAD: &str = "</script></code>\"><img src=x onerror=alert(1)>'{{token}}<script>alert(2)</script>";

async fn get(app: &TestApp, path: &str) -> Response {
    within("an answer", app.plain(Method::GET, path).send()).await.unwrap()
}

/// Asks under the name `host`.
async fn get_under(app: &TestApp, host: &str, path: &str) -> Response {
    within("an answer", app.plain(Method::GET, path).header("Host", host).send()).await.unwrap()
}

async fn text(response: Response) -> String {
    within("a body", response.text()).await.unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).unwrap_or_else(|| panic!("no {name} in {headers:?}")).to_str().unwrap()
}

/// What every answer of a page has, refusals included.
fn check_guarded(response: &Response) {
    let headers = response.headers();
    let policy = header(headers, "Content-Security-Policy");
    for directive in ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(directive), "{}: {policy}", response.url());
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{}: {policy}", response.url());
    assert_eq!(header(headers, "X-Content-Type-Options"), "nosniff");
    assert_eq!(header(headers, "Referrer-Policy"), "no-referrer");
    assert_eq!(header(headers, "Cross-Origin-Resource-Policy"), "same-origin");
    assert!(headers.contains_key("Cache-Control"), "{}", response.url());
}

/// Relative addresses in `src` and `href`, fragments left out.
fn links(page: &str) -> Vec<String> {
    let starts = page.split("src=\"").skip(1).chain(page.split("href=\"").skip(1));
    let links = starts.map(|rest| rest.split('"').next().unwrap().to_owned());
    links.filter(|link| !link.starts_with('#')).collect()
}

/// Nothing that a browser would run or load stands in the page itself.
fn check_markup(page: &str) {
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"), "{page}");
    for needed in ["<meta charset=\"utf-8\">", "name=\"viewport\"", "<title>"] {
        assert!(page.contains(needed), "{needed}: {page}");
    }
    for inline in ["<style", " style=", " onclick", " onerror", "javascript:", "{{", "}}\"", "http-equiv"] {
        assert!(!page.contains(inline), "{inline}: {page}");
    }
    for script in page.split("<script").skip(1) {
        let (attributes, content) = script.split_once('>').unwrap();
        assert!(attributes.contains("src=\"assets/") && content.starts_with("</script>"), "{script}");
    }
    for link in links(page) {
        assert!(!link.contains("//") && !link.starts_with('/') && !link.contains(':'), "{link}");
    }
}

fn without_app(config: &mut Config) {
    config.app = None;
}

/// An app for the database.
fn row(id: &str, name: &str) -> NewApp {
    NewApp {
        id: AppId::parse(id).unwrap(),
        key: AppKey::parse(&format!("{id}-key")).unwrap(),
        name: name.to_owned(),
        secrets: vec![Secret::new("canary-0123456789abcdef")],
        enabled: true,
        settings: Vec::new(),
    }
}

#[tokio::test]
async fn first_page_has_the_real_key_and_address_and_no_secret() {
    let app = TestApp::start().await;
    let response = get(&app, "/").await;
    assert_eq!(response.status(), StatusCode::OK);
    check_guarded(&response);
    let authority = app.address.to_string();
    let policy = header(response.headers(), "Content-Security-Policy").to_owned();
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' \
             ws://{authority} wss://{authority}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'"
        )
    );
    assert_eq!(header(response.headers(), "Cache-Control"), "no-store");
    let page = text(response).await;
    check_markup(&page);
    let port = app.address.port();
    for shown in [
        "key: &#39;app-key&#39;".to_owned(),
        "new Pusher(&#39;app-key&#39;".to_owned(),
        "wsHost: &#39;127.0.0.1&#39;".to_owned(),
        format!("wsPort: {port},"),
        format!("port={port},"),
        "ssl=False".to_owned(),
        "&#39;host&#39; =&gt; &#39;127.0.0.1&#39;".to_owned(),
        format!("http://127.0.0.1:{port}"),
        env!("CARGO_PKG_VERSION").to_owned(),
        "development mode".to_owned(),
        "stands in the configuration".to_owned(),
    ] {
        assert!(page.contains(&shown), "{shown}: {page}");
    }
    assert!(!page.contains(MAIN.secret), "{page}");
}

#[tokio::test]
async fn every_file_of_the_pages_is_served_for_ever_under_its_name() {
    let app = TestApp::start().await;
    let pages = [text(get(&app, "/").await).await, text(get(&app, "/docs").await).await];
    let files: Vec<_> = pages.iter().flat_map(|page| links(page)).filter(|link| link.starts_with("assets/")).collect();
    assert!(files.len() >= 9, "{files:?}");
    for file in files {
        let response = get(&app, &format!("/{file}")).await;
        assert_eq!(response.status(), StatusCode::OK, "{file}");
        check_guarded(&response);
        let kind = header(response.headers(), "Content-Type").to_owned();
        let expected = match file.split('?').next().unwrap().rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(kind, expected, "{file}");
        assert!(header(response.headers(), "Cache-Control").ends_with("immutable"), "{file}");
    }
    // Imported by name, without the hash.
    for module in ["console.js", "frames.js", "json.js", "socket.js"] {
        let response = get(&app, &format!("/assets/{module}")).await;
        assert_eq!(response.status(), StatusCode::OK, "{module}");
        assert_eq!(header(response.headers(), "Cache-Control"), "no-cache");
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_the_same_guard() {
    let app = TestApp::start().await;
    for path in ["/nowhere", "/assets/", "/assets/none.js", "/assets/..%2fpage.rs", "/console", "/console/x"] {
        let response = get(&app, path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        check_guarded(&response);
        assert_eq!(header(response.headers(), "Content-Type"), "text/plain; charset=utf-8");
    }
    for (method, path) in [(Method::POST, "/"), (Method::GET, "/console/events"), (Method::POST, "/console/stats")] {
        let response = within("an answer", app.plain(method, path).send()).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        check_guarded(&response);
    }
}

#[tokio::test]
async fn in_production_the_first_page_says_only_that_the_server_is_up() {
    let app = TestApp::with(|config| config.mode = Mode::Production).await;
    let response = get(&app, "/").await;
    assert_eq!(response.status(), StatusCode::OK);
    check_guarded(&response);
    assert_eq!(text(response).await, "Campanile is up.\n");
    for path in ["/console/events", "/console/stats"] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let response = within("an answer", app.plain(method, path).send()).await.unwrap();
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            check_guarded(&response);
        }
    }
    assert_eq!(get(&app, "/docs").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn under_a_foreign_name_the_first_page_gives_nothing_away() {
    let app = TestApp::start().await;
    for host in ["evil.example", "127.0.0.1.evil.example:8080", "localhost.evil.example", "10.0.0.1", "[2001:db8::1]"] {
        let response = get_under(&app, host, "/").await;
        assert_eq!(response.status(), StatusCode::OK, "{host}");
        check_guarded(&response);
        let page = text(response).await;
        assert!(page.starts_with("Campanile is up.") && page.contains("CAMPANILE_PUBLIC_HOST"), "{page}");
        assert!(!page.contains("evil") && !page.contains(MAIN.key), "{page}");
    }
    for host in ["localhost", "LOCALHOST:1", "[::1]:8080", "campus.localhost:8080"] {
        let page = text(get_under(&app, host, "/").await).await;
        assert!(page.contains("key: &#39;app-key&#39;"), "{host}: {page}");
    }
}

#[tokio::test]
async fn through_a_proxy_the_first_page_gives_nothing_away() {
    let app = TestApp::start().await;
    for name in ["X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Via", "X-Real-IP"] {
        let request = app.plain(Method::GET, "/").header(name, "127.0.0.1");
        let response = within("an answer", request.send()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        check_guarded(&response);
        let page = text(response).await;
        assert!(page.starts_with("Campanile is up.") && page.contains("not through a proxy"), "{name}: {page}");
        assert!(!page.contains(MAIN.key) && !page.contains("campanile-token"), "{name}: {page}");
    }
}

#[tokio::test]
async fn the_public_address_is_what_clients_are_told_and_a_name_of_the_page() {
    let app = TestApp::with(|config| config.public.host = Some(url::Host::parse("campus.example").unwrap())).await;
    let response = get_under(&app, "Campus.Example", "/").await;
    let policy = header(response.headers(), "Content-Security-Policy").to_owned();
    assert!(policy.contains("connect-src 'self' ws://campus.example wss://campus.example;"), "{policy}");
    let page = text(response).await;
    for shown in
        ["wsHost: &#39;campus.example&#39;", "wssPort: 443", "forceTLS: true", "ssl=True", "https://campus.example"]
    {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}

#[tokio::test]
async fn below_a_prefix_every_link_leads_below_it() {
    let app = TestApp::with(|config| config.server.path = "/a/ws".to_owned()).await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let bare = within("an answer", client.get(app.url("")).send()).await.unwrap();
    assert_eq!((bare.status(), header(bare.headers(), "Location")), (StatusCode::PERMANENT_REDIRECT, "ws/"));
    check_guarded(&bare);

    let response = get(&app, "").await;
    assert_eq!(response.url().path(), "/a/ws/");
    let base = response.url().clone();
    let page = text(response).await;
    assert!(page.contains("wsPath: &#39;/a/ws&#39;"), "{page}");
    for link in links(&page) {
        let url = base.join(&link).unwrap();
        assert!(url.path().starts_with("/a/ws/"), "{url}");
        let response = within("an answer", app.http.get(url.clone()).send()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{url}");
    }
    let docs = get(&app, "/docs").await;
    let base = docs.url().clone();
    for link in links(&text(docs).await) {
        let response = within("an answer", app.http.get(base.join(&link).unwrap()).send()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{link}");
    }
    let (_, description) = read(get(&app, "/openapi.json").await).await;
    assert_eq!(description["servers"], serde_json::json!([{ "url": "/a/ws" }]));
}

#[tokio::test]
async fn reference_loads_its_own_files_and_nothing_else() {
    let app = TestApp::start().await;
    let response = get(&app, "/docs").await;
    assert_eq!(response.status(), StatusCode::OK);
    check_guarded(&response);
    assert_eq!(
        header(response.headers(), "Content-Security-Policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let page = text(response).await;
    check_markup(&page);
    assert!(page.contains("href=\"./\""), "a way back: {page}");

    let response = get(&app, "/openapi.json").await;
    check_guarded(&response);
    assert_eq!(header(response.headers(), "Content-Type"), "application/json");
    let (_, description) = read(response).await;
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(description.get("servers").and_then(Value::as_array).map_or(0, Vec::len), 0);
}

#[tokio::test]
async fn problems_are_explained_to_browsers_in_every_mode() {
    for mode in [Mode::Development, Mode::Production] {
        let app = TestApp::with(|config| config.mode = mode).await;
        for (path, shown) in
            [("/problems", "href=\"problems/slow_mode\""), ("/problems/rate_limited", "<code>Retry-After</code>")]
        {
            let request = app.plain(Method::GET, path).header("Accept", "text/html,*/*;q=0.8");
            let response = within("an answer", request.send()).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            check_guarded(&response);
            assert_eq!(header(response.headers(), "Vary"), "Accept");
            let page = text(response).await;
            check_markup(&page);
            assert!(page.contains(shown), "{page}");
            for file in links(&page).iter().filter(|link| link.contains("assets/")) {
                let file = get(&app, &format!("/{}", file.trim_start_matches("../"))).await;
                assert_eq!(file.status(), StatusCode::OK);
            }
        }
    }
}

#[tokio::test]
async fn name_of_an_app_is_a_text_in_the_page() {
    let app = TestApp::with(|config| config.app.as_mut().unwrap().name = PAYLOAD.to_owned()).await;
    let response = get(&app, "/").await;
    let page = text(response).await;
    let escaped =
        "&lt;/script&gt;&lt;/code&gt;&quot;&gt;&lt;img src=x onerror=alert(1)&gt;&#39;{{token}}&lt;script&gt;";
    assert!(page.contains(escaped), "{page}");
    assert!(!page.contains("<img src=x") && !page.contains("<script>"), "{page}");
}

#[tokio::test]
async fn app_of_the_database_has_a_command_that_shows_its_secret() {
    let app = TestApp::with(without_app).await;
    let store = app.store().await;
    let first = store.app_list(&campanile::domain::app::AppSettings::default()).await.unwrap().remove(0);
    let page = text(get(&app, "/").await).await;
    assert!(page.contains(&format!("campanile app show {} --secrets", first.id)), "{page}");
    assert!(page.contains(&format!("key: &#39;{}&#39;", first.key)), "{page}");
    assert!(!page.contains(first.secrets[0].expose()), "{page}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn without_any_app_the_page_says_how_to_make_one_and_shows_it_then() {
    let app = TestApp::with(without_app).await;
    let store = app.store().await;
    let first = store.app_list(&campanile::domain::app::AppSettings::default()).await.unwrap().remove(0);
    store.app_delete(&first.id).await.unwrap();
    eventually("the app is gone", async || text(get(&app, "/").await).await.contains("There is no app yet")).await;
    let page = text(get(&app, "/").await).await;
    check_markup(&page);
    assert!(page.contains("campanile app create --name"), "{page}");

    store.app_create(row("2002", "Second"), DateTime::UNIX_EPOCH).await.unwrap();
    store.app_create(row("2001", "First"), DateTime::UNIX_EPOCH).await.unwrap();
    eventually("the new app", async || text(get(&app, "/").await).await.contains("2001-key")).await;
    let page = text(get(&app, "/").await).await;
    assert!(page.contains("campanile app show 2001 --secrets") && !page.contains("canary"), "{page}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn disabled_app_is_shown_with_the_way_to_switch_it_on() {
    let app = TestApp::with(|config| config.app.as_mut().unwrap().enabled = false).await;
    let page = text(get(&app, "/").await).await;
    assert!(page.contains("campanile app enable app-id"), "{page}");
}

#[tokio::test]
async fn programs_find_the_descriptions_in_both_forms_and_where_everything_is() {
    for (prefix, mode) in [("", Mode::Development), ("/ws", Mode::Production)] {
        let app = TestApp::with(|config| {
            config.server.path = prefix.to_owned();
            config.mode = mode;
        })
        .await;
        let response = get(&app, "/.well-known/realtime").await;
        check_guarded(&response);
        assert_eq!(header(response.headers(), "Access-Control-Allow-Origin"), "*");
        let (status, found) = read(response).await;
        assert_eq!((status, &found["socket"]["path"]), (StatusCode::OK, &Value::from("/app/{key}")));
        let status = app.url("/api/realtime/status");
        let (_, shown) = read(within("an answer", app.http.get(status).send()).await.unwrap()).await;
        assert_eq!(found["socket"]["url"], shown["ws"]["url"]);
        for name in ["openapi", "asyncapi"] {
            let mut texts = Vec::new();
            for form in ["json", "yaml"] {
                let path = found[name][form].as_str().unwrap();
                let response = get(&app, path.strip_prefix(prefix).unwrap()).await;
                assert_eq!(response.status(), StatusCode::OK, "{path}");
                assert_eq!(header(response.headers(), "Content-Type"), format!("application/{form}"));
                texts.push(text(response).await);
            }
            assert!(texts[0] == texts[1] && texts[0].starts_with('{'), "JSON is YAML too");
        }
        for page in ["docs", "problems", "time", "status"] {
            let path = found[page].as_str().unwrap().strip_prefix(prefix).unwrap();
            assert_eq!(get(&app, path).await.status(), StatusCode::OK, "{page}");
        }
    }
}

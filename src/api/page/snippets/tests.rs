//! What is pasted names the key and the address in each language, and never the secret.

use std::sync::Arc;

use chrono::DateTime;
use url::Host;

use super::*;
use crate::{
    domain::app::{AppSettings, Secret},
    ids::AppKey,
    metrics::Metrics,
    services::Apps,
};

fn app(id: &str) -> App {
    App {
        id: AppId::parse(id).unwrap(),
        key: AppKey::parse("campus-key").unwrap(),
        name: "Campus".to_owned(),
        secrets: vec![Secret::new("canary-0123456789abcdef")],
        enabled: true,
        settings: AppSettings::default(),
    }
}

fn development(host: &str, port: u16, path: &str) -> Development {
    Development {
        apps: Arc::new(Apps::without_store(Arc::new(Metrics::new().unwrap()))),
        first_app: None,
        address: Address { tls: port == 443, host: Host::parse(host).unwrap(), port, path: path.to_owned() },
        cluster: "mt1".to_owned(),
        started: DateTime::UNIX_EPOCH,
    }
}

fn all(development: &Development, app: &App) -> Vec<Snippet> {
    listen(development, app).into_iter().chain(publish(development, app)).collect()
}

fn code(snippets: &[Snippet], id: &str) -> String {
    snippets.iter().find(|snippet| snippet.id == id).unwrap().code.clone()
}

#[test]
fn no_snippet_holds_the_secret_and_every_one_the_key_and_the_address() {
    for Snippet { id, code, .. } in all(&development("campus.example", 8443, ""), &app("1001")) {
        assert!(!code.contains("canary"), "{id}: {code}");
        assert!(
            code.contains("campus-key") && code.contains("campus.example") && code.contains("8443"),
            "{id}: {code}"
        );
    }
}

#[test]
fn every_language_gets_tls_and_prefix_in_its_own_words() {
    let snippets = all(&development("campus.example", 443, "/ws"), &app("1001"));
    for id in ["echo", "pusher-js"] {
        let code = code(&snippets, id);
        assert!(code.contains("wsPath: '/ws',") && code.contains("forceTLS: true,"), "{code}");
    }
    let php = code(&snippets, "php");
    assert!(php.contains("'scheme' => 'https'") && php.contains("'useTLS' => true") && php.contains("'path' => '/ws'"));
    assert!(code(&snippets, "laravel").contains("options of 'reverb': 'path' => '/ws'"));
    assert!(code(&snippets, "curl").contains("path='/ws/apps/1001/events'"));
    let python = code(&snippets, "python");
    assert!(python.contains("ssl=True") && python.contains("no option for a path prefix"), "{python}");
}

#[test]
fn python_is_warned_of_an_id_that_its_library_refuses() {
    let of = |id: &str| code(&all(&development("localhost", 8080, ""), &app(id)), "python");
    assert!(of("campus").contains("digits only") && !of("1001").contains('#'));
}

#[test]
fn an_ipv6_host_stands_in_brackets() {
    let snippets = all(&development("[::1]", 8080, ""), &app("1001"));
    assert!(code(&snippets, "echo").contains("wsHost: '[::1]'"));
    assert!(code(&snippets, "curl").contains("http://[::1]:8080$path"));
}

#[test]
fn pusher_js_on_ones_own_machine() {
    let snippets = listen(&development("127.0.0.1", 8080, ""), &app("1001"));
    insta::assert_snapshot!(code(&snippets, "pusher-js"), @r"
    import Pusher from 'pusher-js';

    const pusher = new Pusher('campus-key', {
      cluster: 'mt1', // demanded by the library, not used here
      wsHost: '127.0.0.1',
      wsPort: 8080,
      wssPort: 8080,
      forceTLS: false,
      enabledTransports: ['ws', 'wss'],
    });

    pusher.subscribe('class-7').bind('message', (data) => {
      console.log(data);
    });
    ");
}

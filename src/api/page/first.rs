//! The first page of a development server: alive, how to connect, and a console to try it out.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{
    Address, Development, SecretIs, assets,
    markup::Markup,
    snippets::{self, Snippet},
    visitor::Token,
};
use crate::domain::app::App;

const PAGE: &str = include_str!("first.html");
const NO_APP: &str = include_str!("first_no_app.html");
const WITH_APP: &str = include_str!("first_app.html");

const TAB: &str = r##"<a class="tab" id="tab-{{id}}" href="#panel-{{id}}">{{title}}</a>
"##;

const PANEL: &str = r#"<section class="panel" id="panel-{{id}}" aria-labelledby="tab-{{id}}">
<div class="over"><p class="lead">{{lead}}</p>
<button type="button" class="small" data-copy="code-{{id}}" hidden>Copy<span class="aside"> the code for {{title}}</span></button></div>
<pre class="code" tabindex="0" aria-label="{{title}}: code"><code id="code-{{id}}">{{code}}</code></pre>
</section>
"#;

const DISABLED: &str = r#"<p class="notice">This app is disabled: nobody can connect. Switch it on with
<code>campanile app enable {{id}}</code>.</p>
"#;

const CONFIGURED: &str = r#"It stands in the configuration that the server was started with and in the text that the
server printed in its terminal."#;

const STORED: &str = r#"Run <code id="show-secret">campanile app show {{id}} --secrets</code>
<button type="button" class="small" data-copy="show-secret" hidden>Copy<span class="aside"> the command</span></button>
in the server's folder, or look at what the server printed in its terminal when it started."#;

/// A time as the page and the console's answers write it.
pub(super) fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The page, whole.
pub(super) fn page(development: &Development, token: &Token) -> String {
    let shown = development.shown();
    let content = match &shown {
        Some((live, secret)) => with_app(development, &live.app(), *secret),
        None => Markup::fill(NO_APP, &[]),
    };
    let started = development.started;
    let values = [
        ("token", Markup::text(token.as_str())),
        ("icon", assets::link("icon.svg")),
        ("base-style", assets::link("page.css")),
        ("style", assets::link("first.css")),
        ("script", assets::link("first.js")),
        ("version", Markup::text(env!("CARGO_PKG_VERSION"))),
        ("started", Markup::text(&instant(started))),
        ("started-shown", Markup::text(&started.format("%Y-%m-%d %H:%M UTC").to_string())),
        ("address", Markup::text(&shown_address(&development.address))),
        ("content", content),
    ];
    Markup::fill(PAGE, &values).into_string()
}

fn shown_address(Address { tls, host, port, path }: &Address) -> String {
    let (scheme, usual) = if *tls { ("https", 443) } else { ("http", 80) };
    let port = if *port == usual { String::new() } else { format!(":{port}") };
    format!("{scheme}://{host}{port}{path}")
}

fn with_app(development: &Development, app: &App, secret: SecretIs) -> Markup {
    let id = || Markup::text(app.id.as_str());
    let listen = snippets::listen(development, app);
    let publish = snippets::publish(development, app);
    let secret = match secret {
        SecretIs::Configured => Markup::fill(CONFIGURED, &[]),
        SecretIs::Stored => Markup::fill(STORED, &[("id", id())]),
    };
    let notice = if app.enabled { Markup::default() } else { Markup::fill(DISABLED, &[("id", id())]) };
    let values = [
        ("notice", notice),
        ("name", Markup::text(&app.name)),
        ("id", id()),
        ("key", Markup::text(app.key.as_str())),
        ("secret", secret),
        ("listen-tabs", tabs(&listen)),
        ("listen-panels", panels(&listen)),
        ("publish-tabs", tabs(&publish)),
        ("publish-panels", panels(&publish)),
    ];
    Markup::fill(WITH_APP, &values)
}

fn tabs(snippets: &[Snippet]) -> Markup {
    Markup::join(
        snippets.iter().map(|snippet| {
            Markup::fill(TAB, &[("id", Markup::text(snippet.id)), ("title", Markup::text(snippet.title))])
        }),
    )
}

fn panels(snippets: &[Snippet]) -> Markup {
    Markup::join(snippets.iter().map(|Snippet { id, title, lead, code }| {
        let values = [
            ("id", Markup::text(id)),
            ("title", Markup::text(title)),
            ("lead", Markup::text(lead)),
            ("code", Markup::text(code)),
        ];
        Markup::fill(PANEL, &values)
    }))
}

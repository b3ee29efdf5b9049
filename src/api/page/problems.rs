//! The pages that `type` of a problem leads to: what the kind means, and what to do. A page for browsers, JSON for others.

use poem::{
    Response, handler,
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, VARY},
    },
    web::Path,
};
use serde::Serialize;

use super::{HTML, assets, headers, markup::Markup};
use crate::api::problem::kinds::{self, KINDS, Kind};

const PAGE: &str = include_str!("problems.html");

const ROW: &str = r#"<dt><a href="problems/{{code}}"><code>{{code}}</code></a></dt>
<dd>{{meaning}} {{remedy}}</dd>
"#;

const LIST: &str = r#"<h1>Problems</h1>
<p>What the API refuses, it refuses with one of these codes. The answer itself says more in <code>detail</code> and
<code>errors</code>.</p>
<dl>
{{rows}}</dl>
"#;

const ONE: &str = r#"<p class="soft">Problem</p>
<h1><code>{{code}}</code></h1>
<p>{{meaning}}</p>
<h2>What to do</h2>
<p>{{remedy}}</p>
<p><a href="../problems">All problems</a></p>
"#;

/// One kind, for programs.
#[derive(Debug, Serialize)]
struct KindView {
    code: &'static str,
    meaning: &'static str,
    remedy: &'static str,
}

impl From<&Kind> for KindView {
    fn from(Kind { code, meaning, remedy }: &Kind) -> Self {
        Self { code, meaning, remedy }
    }
}

/// All kinds, for programs.
#[derive(Debug, Serialize)]
struct KindsView {
    problems: Vec<KindView>,
}

/// Shows all kinds.
#[handler]
pub(super) fn list(headers: &HeaderMap) -> Response {
    if !wants_page(headers) {
        return json(&KindsView { problems: KINDS.iter().map(KindView::from).collect() });
    }
    let rows = Markup::join(KINDS.iter().map(|kind| Markup::fill(ROW, &values(kind))));
    page("Problems", "", Markup::fill(LIST, &[("rows", rows)]))
}

/// Shows one kind.
#[handler]
pub(super) fn one(headers: &HeaderMap, code: Path<String>) -> poem::Result<Response> {
    let kind = kinds::find(&code).ok_or(StatusCode::NOT_FOUND)?;
    Ok(if wants_page(headers) {
        page(kind.code, "../", Markup::fill(ONE, &values(kind)))
    } else {
        json(&KindView::from(kind))
    })
}

/// Tells whether a browser asks: it says so, and programs seldom do.
fn wants_page(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.any(|types| types.to_ascii_lowercase().contains("text/html"))
}

fn values(kind: &Kind) -> [(&'static str, Markup); 3] {
    [("code", Markup::text(kind.code)), ("meaning", prose(kind.meaning)), ("remedy", prose(kind.remedy))]
}

/// A text in which backticks stand around code.
fn prose(text: &str) -> Markup {
    Markup::join(text.split('`').enumerate().map(|(place, piece)| match Markup::text(piece) {
        plain if place % 2 == 0 => plain,
        code => Markup::fill("<code>{{code}}</code>", &[("code", code)]),
    }))
}

/// A page; `up` leads from it to the root.
fn page(title: &str, up: &str, content: Markup) -> Response {
    let values = [
        ("title", Markup::text(title)),
        ("up", Markup::text(up)),
        ("icon", assets::link("icon.svg")),
        ("base-style", assets::link("page.css")),
        ("style", assets::link("problems.css")),
        ("content", content),
    ];
    let response = Response::builder().content_type(HTML).header(CONTENT_SECURITY_POLICY, headers::PLAIN);
    let response = response.header(CACHE_CONTROL, "no-cache").header(VARY, "Accept");
    response.body(Markup::fill(PAGE, &values).into_string())
}

fn json(value: &impl Serialize) -> Response {
    // Texts always become JSON.
    let text = serde_json::to_string(value).unwrap_or_default();
    let response = Response::builder().content_type("application/json").header(CACHE_CONTROL, "no-cache");
    response.header(VARY, "Accept").body(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_backticks_is_code_and_nothing_else_is() {
        assert_eq!(prose("Send `a<b` now.").into_string(), "Send <code>a&lt;b</code> now.");
        assert_eq!(prose("`a`").into_string(), "<code>a</code>");
    }
}

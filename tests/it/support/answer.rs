//! Answers of the HTTP API. Whatever a test receives through here is checked against the description of the API too.

use reqwest::Method;
use serde_json::Value;

use super::{
    app::{MAIN, TestApp},
    description::{self, Asked},
    within,
};

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The first header of this name, which is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as CSV (RFC 4180), its head among the rows.
    pub(crate) fn csv_rows(&self) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut cell, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
        let mut chars = self.text().chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if is_quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
                '"' => is_quoted = !is_quoted,
                ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
                '\n' if !is_quoted => {
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                c => cell.push(c),
            }
        }
        rows
    }

    /// The body of an answer that must have status 200 and JSON.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// Checks that the request was refused with this status and one short readable line; returns the line.
    pub(crate) fn refused(&self, status: u16) -> &str {
        let text = self.text();
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("content-type"), Some("text/plain; charset=utf-8"), "{text}");
        assert!((2..=300).contains(&text.len()) && !text.contains('\n') && !text.contains('<'), "{text:?}");
        text
    }
}

/// Sends a request, reads the answer and checks it against the description.
pub(crate) async fn finish(app: &TestApp, request: reqwest::RequestBuilder) -> Answer {
    let request = request.build().unwrap();
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let sent = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default().to_vec();
    let response = within("an answer", app.http.execute(request)).await.unwrap();
    let status = response.status().as_u16();
    let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let body = within("a body", response.bytes()).await.unwrap().to_vec();
    let answer = Answer { status, headers, body };
    let path = path.strip_prefix(app.prefix.as_str()).unwrap_or(&path);
    description::check(&Asked { method: method.as_str(), path, body: &sent }, &answer);
    answer
}

/// Sends a signed GET of [`MAIN`] to `/apps/{id}{path}`.
pub(crate) async fn get(app: &TestApp, path: &str, query: &[(&str, &str)]) -> Answer {
    let path = format!("/apps/{}{path}", MAIN.id);
    finish(app, app.signed(MAIN, (Method::GET, &path), query, "")).await
}

/// Sends a signed POST of [`MAIN`] to `/apps/{id}{path}`, with a body that may be anything.
pub(crate) async fn post(app: &TestApp, path: &str, body: &str) -> Answer {
    let path = format!("/apps/{}{path}", MAIN.id);
    finish(app, app.signed(MAIN, (Method::POST, &path), &[], body)).await
}

/// [`post`] with JSON.
pub(crate) async fn post_json(app: &TestApp, path: &str, body: &Value) -> Answer {
    post(app, path, &body.to_string()).await
}

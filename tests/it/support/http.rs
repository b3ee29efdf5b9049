//! Signed requests to the HTTP API, and plain ones to anywhere.

use std::time::{SystemTime, UNIX_EPOCH};

use md5::{Digest, Md5};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    app::{Keys, MAIN, TestApp},
    within,
};

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

impl Keys {
    /// All query parameters of a request at `now` (seconds since 1970), signature included, sorted and not escaped.
    /// `path` is the whole path, with the prefix.
    pub(crate) fn signed_query(
        self,
        (method, path): (&str, &str),
        query: &[(&str, &str)],
        body: &[u8],
        now: u64,
    ) -> Vec<(String, String)> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut parameters: Vec<_> = query.iter().map(own).collect();
        parameters.push(("auth_key".to_owned(), self.key.to_owned()));
        parameters.push(("auth_timestamp".to_owned(), now.to_string()));
        parameters.push(("auth_version".to_owned(), "1.0".to_owned()));
        if !body.is_empty() {
            parameters.push(("body_md5".to_owned(), hex::encode(Md5::digest(body))));
        }
        parameters.sort();
        let text: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let signature = self.sign(&format!("{method}\n{path}\n{}", text.join("&")));
        parameters.push(("auth_signature".to_owned(), signature));
        parameters
    }
}

/// Status and body of an answer; the body is a JSON string when it was no JSON.
pub(crate) async fn read(response: reqwest::Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = within("a body", response.text()).await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

impl TestApp {
    /// A URL of the public listener; `path` stands below the prefix.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{}{path}", self.address, self.prefix)
    }

    /// A request that is not signed, still to be sent.
    pub(crate) fn plain(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path))
    }

    /// A signed request of an app, still to be sent. `path` stands below the prefix.
    pub(crate) fn signed(
        &self,
        keys: Keys,
        (method, path): (Method, &str),
        query: &[(&str, &str)],
        body: &str,
    ) -> reqwest::RequestBuilder {
        let full = format!("{}{path}", self.prefix);
        let query = keys.signed_query((method.as_str(), &full), query, body.as_bytes(), unix_now());
        let request = self.plain(method, path).query(&query);
        if body.is_empty() { request } else { request.header("Content-Type", "application/json").body(body.to_owned()) }
    }

    /// Sends a signed POST of an app to `/apps/{id}{path}`.
    pub(crate) async fn post_as(&self, keys: Keys, path: &str, body: &Value) -> (StatusCode, Value) {
        let path = format!("/apps/{}{path}", keys.id);
        let request = self.signed(keys, (Method::POST, &path), &[], &body.to_string());
        read(within("an answer", request.send()).await.unwrap()).await
    }

    /// Sends a signed GET of an app to `/apps/{id}{path}`.
    pub(crate) async fn get_as(&self, keys: Keys, path: &str, query: &[(&str, &str)]) -> (StatusCode, Value) {
        let path = format!("/apps/{}{path}", keys.id);
        let request = self.signed(keys, (Method::GET, &path), query, "");
        read(within("an answer", request.send()).await.unwrap()).await
    }

    /// [`TestApp::post_as`] of [`MAIN`].
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.post_as(MAIN, path, body).await
    }

    /// [`TestApp::get_as`] of [`MAIN`].
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> (StatusCode, Value) {
        self.get_as(MAIN, path, query).await
    }

    /// Publishes an event of [`MAIN`] to one channel. Everything is queued when it returns.
    pub(crate) async fn publish(&self, channel: &str, event: &str, data: &str) {
        self.publish_as(MAIN, channel, event, data).await;
    }

    /// Publishes an event of an app to one channel.
    pub(crate) async fn publish_as(&self, keys: Keys, channel: &str, event: &str, data: &str) {
        let body = json!({ "name": event, "channel": channel, "data": data });
        let (status, answer) = self.post_as(keys, "/events", &body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }

    /// The page of metrics.
    pub(crate) async fn scrape(&self) -> String {
        let response = within("metrics", self.http.get(format!("http://{}/metrics", self.metrics)).send()).await;
        within("a body", response.unwrap().text()).await.unwrap()
    }

    /// The value of one metric, such as `campanile_connected{app="app-id"}`; 0 when it is not on the page.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let page = self.scrape().await;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }
}

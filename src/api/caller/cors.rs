//! Which pages of other origins may call the REST API (CORS, Fetch standard).
//!
//! An app's `allowed_origins` decides. `*` lets every page call without cookies; pages of a listed origin may read answers;
//! only an origin that an entry names exactly may send cookies along. No origin is ever repeated that is not on the list.

use poem::{
    Response,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, ORIGIN, VARY,
        },
    },
};

use crate::{
    domain::app::{AppSettings, Origin},
    services::origin,
};

/// Headers that a page may send: those of the API, and those that axios, Laravel's front ends and Echo add.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Accept, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, X-API-Key, X-Request-Id, \
     X-Requested-With, X-Socket-ID, X-CSRF-Token, X-XSRF-Token",
);

/// Headers that a page may read.
const ANSWER_HEADERS: HeaderValue = HeaderValue::from_static(
    "ETag, Idempotent-Replayed, Location, Retry-After, RateLimit, RateLimit-Policy, X-RateLimit-Limit, \
    X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id",
);

/// Seconds for which a browser may remember a preflight.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// How much a page of another origin may do; later is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grant {
    /// Nothing.
    Nothing,
    /// Read answers to requests without cookies, as everybody may.
    Everybody,
    /// Read answers to requests without cookies.
    Listed,
    /// Send cookies along.
    Named,
}

/// The `Origin` of a request and what the apps say of it.
#[derive(Debug)]
pub(super) struct Cors {
    text: Option<HeaderValue>,
    origin: Option<Origin>,
    /// `None` = not judged yet.
    grant: Option<Grant>,
}

impl Cors {
    /// Reads the header, which may stand once only; nothing is granted yet.
    pub(super) fn new(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(ORIGIN).iter();
        let header = values.next().filter(|_| values.next().is_none());
        let origin = header.and_then(|value| value.to_str().ok()).and_then(origin::parse);
        Self { text: header.cloned(), origin, grant: None }
    }

    /// Tells whether the request comes from a page.
    pub(super) const fn is_asked(&self) -> bool {
        self.text.is_some()
    }

    /// Tells whether settings have been looked at.
    pub(super) const fn is_judged(&self) -> bool {
        self.grant.is_some()
    }

    fn grant(&self) -> Grant {
        self.grant.unwrap_or(Grant::Nothing)
    }

    /// Grants what the settings allow, and nothing else that was granted before.
    pub(super) fn set(&mut self, settings: &AppSettings) {
        self.grant = Some(self.of(settings));
    }

    /// Grants the most that any of the settings allows: for a preflight, which does not tell whom it is for.
    pub(super) fn set_any<'a>(&mut self, settings: impl Iterator<Item = &'a AppSettings>) {
        self.grant = settings.map(|settings| self.of(settings)).max();
    }

    fn of(&self, settings: &AppSettings) -> Grant {
        let of_entry = |entry: &crate::domain::app::OriginPattern| match &self.origin {
            _ if entry.is_any() => Grant::Everybody,
            Some(origin) if entry.names(origin) => Grant::Named,
            Some(origin) if entry.allows(origin) => Grant::Listed,
            _ => Grant::Nothing,
        };
        let best = settings.allowed_origins.iter().map(of_entry).max();
        best.filter(|_| self.text.is_some()).unwrap_or(Grant::Nothing)
    }

    /// Tells the browser.
    pub(super) fn write(&self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Origin"));
        match (self.grant(), &self.text) {
            (Grant::Nothing, _) | (_, None) => return,
            (Grant::Everybody, _) => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            (Grant::Listed | Grant::Named, Some(text)) => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, text.clone());
            }
        }
        if self.grant() == Grant::Named {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
    }

    /// Answers `OPTIONS`; `methods` are those of the path. [`Cors::write`] completes it.
    pub(super) fn preflight(&self, methods: &str) -> Response {
        let mut response = StatusCode::NO_CONTENT.into();
        let answer: &mut Response = &mut response;
        let Ok(methods) = HeaderValue::from_str(methods) else { return response };
        let headers = answer.headers_mut();
        headers.insert(ALLOW, methods.clone());
        if self.grant() > Grant::Nothing {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is granted, as `Access-Control-Allow-Origin` and whether cookies may come.
    fn granted(list: &str, origin: Option<&str>) -> (Option<String>, bool) {
        let mut settings = AppSettings::default();
        settings.set("allowed_origins", list).unwrap();
        let header = origin.map(|origin| (ORIGIN, HeaderValue::from_str(origin).unwrap()));
        let mut cors = Cors::new(&header.into_iter().collect());
        cors.set(&settings);
        let mut response = Response::default();
        cors.write(&mut response);
        assert_eq!(response.header(VARY), Some("Origin"));
        let origin = response.header(ACCESS_CONTROL_ALLOW_ORIGIN).map(str::to_owned);
        (origin, response.header(ACCESS_CONTROL_ALLOW_CREDENTIALS) == Some("true"))
    }

    #[test]
    fn only_listed_origins_are_repeated_and_only_named_ones_may_send_cookies() {
        let list = "a.example,*.b.example,https://c.example:8443,http://d.example";
        for (origin, cookies) in [
            ("https://a.example", true),
            ("https://a.example:3000", true),
            ("http://a.example", false),
            ("https://x.b.example", false),
            ("https://c.example:8443", true),
            ("http://d.example", true),
        ] {
            assert_eq!(granted(list, Some(origin)), (Some(origin.to_owned()), cookies), "{origin}");
        }
        for origin in [
            "null",
            "https://b.example",
            "https://c.example",
            "https://a.example.evil.tld",
            "https://evil-a.example",
            "https://a.example@evil.tld",
            "https://evil.tld/a.example",
            "a.example",
            "",
        ] {
            assert_eq!(granted(list, Some(origin)), (None, false), "{origin}");
        }
        assert_eq!(granted(list, None), (None, false));
    }

    #[test]
    fn a_star_is_never_an_echo_and_never_with_cookies() {
        for origin in ["https://evil.tld", "null", "nonsense"] {
            assert_eq!(granted("*", Some(origin)), (Some("*".to_owned()), false), "{origin}");
        }
        assert_eq!(granted("*", None), (None, false));
        let both = granted("*,https://a.example", Some("https://a.example"));
        assert_eq!(both, (Some("https://a.example".to_owned()), true));
    }

    #[test]
    fn a_preflight_gets_the_most_that_any_app_allows() {
        let of = |list: &str| {
            let mut settings = AppSettings::default();
            settings.set("allowed_origins", list).unwrap();
            settings
        };
        let (one, other) = (of("https://a.example"), of("https://b.example"));
        let mut cors = Cors::new(&[(ORIGIN, HeaderValue::from_static("https://b.example"))].into_iter().collect());
        cors.set_any([&one, &other].into_iter());
        assert_eq!(cors.grant(), Grant::Named);
        let preflight = cors.preflight("GET, OPTIONS");
        assert_eq!(preflight.header(ACCESS_CONTROL_ALLOW_METHODS), Some("GET, OPTIONS"));
        cors.set(&one);
        assert_eq!(cors.preflight("GET").header(ACCESS_CONTROL_ALLOW_METHODS), None);
    }
}

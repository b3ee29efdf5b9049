//! The origin of a page, as browsers tell it, and what it is compared with.

use url::Url;

use crate::domain::app::{AppSettings, Origin};

/// Parses an `Origin` header; `None` for `null`, for anything with a path, and for what is no URL.
#[must_use]
pub fn parse(text: &str) -> Option<Origin> {
    let url = Url::parse(text).ok()?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    let host = url.host_str().filter(|host| !host.is_empty() && bare && anonymous)?;
    Some(Origin { scheme: url.scheme().to_owned(), host: host.to_ascii_lowercase(), port: url.port_or_known_default() })
}

/// Tells whether a cookie may count that comes with this origin: from the server's own host (`Host` header), or from an
/// origin that the app names exactly ([`OriginPattern::names`](crate::domain::app::OriginPattern::names)). A pattern with a
/// star is not enough, as whoever gets a name below it could speak for every user.
#[must_use]
pub fn may_use_cookies(settings: &AppSettings, origin: &str, host: Option<&str>) -> bool {
    let Some(origin) = parse(origin) else { return false };
    let own = host.and_then(|host| parse(&format!("{}://{host}", origin.scheme)));
    own.is_some_and(|own| own == origin) || settings.allowed_origins.iter().any(|pattern| pattern.names(&origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_count_from_the_own_host_and_from_exact_origins_only() {
        let mut settings = AppSettings::default();
        settings.set("allowed_origins", "https://school.example,*.school.example,*").unwrap();
        let may = |origin: &str, host: Option<&str>| may_use_cookies(&settings, origin, host);
        assert!(may("https://school.example", None));
        assert!(may("https://rt.example", Some("rt.example")));
        assert!(may("https://rt.example:8443", Some("RT.example:8443")));
        assert!(may("https://rt.example", Some("rt.example:443")));
        for (origin, host) in [
            ("https://www.school.example", None),
            ("http://school.example", None),
            ("https://evil.example", Some("rt.example")),
            ("https://rt.example:8443", Some("rt.example")),
            ("https://evil.example", Some("x@evil.example")),
            ("null", Some("rt.example")),
            ("", Some("")),
        ] {
            assert!(!may(origin, host), "{origin} {host:?}");
        }
    }
}

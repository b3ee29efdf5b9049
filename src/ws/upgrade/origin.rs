//! The `Origin` header of a handshake against the app's list.

use hyper::{HeaderMap, header::ORIGIN};

use crate::{domain::app::AppSettings, services::origin::parse};

/// Tells whether a page of this origin may connect. A missing header is the app's decision; two headers never pass.
pub(super) fn is_allowed(settings: &AppSettings, headers: &HeaderMap) -> bool {
    if settings.allowed_origins.iter().any(|pattern| pattern.is_any()) {
        return true;
    }
    let mut values = headers.get_all(ORIGIN).iter();
    let Some(value) = values.next() else { return settings.allow_no_origin };
    if values.next().is_some() {
        return false;
    }
    let origin = value.to_str().ok().and_then(parse);
    origin.is_some_and(|origin| settings.allowed_origins.iter().any(|pattern| pattern.allows(&origin)))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn allowed(list: &str, origins: &[&str]) -> bool {
        let mut settings = AppSettings::default();
        settings.set("allowed_origins", list).unwrap();
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        is_allowed(&settings, &headers)
    }

    #[test]
    fn origins_are_compared_after_parsing_and_look_alikes_are_refused() {
        let list = "a.example,*.b.example,https://c.example:8443,http://[::1]:3000";
        let good = [
            "https://a.example",
            "http://A.EXAMPLE:8080",
            "https://x.b.example",
            "https://c.example:8443",
            "http://[::1]:3000",
        ];
        for origin in good {
            assert!(allowed(list, &[origin]), "{origin}");
        }
        let bad = [
            "https://a.example.evil.tld",
            "https://evil-a.example",
            "https://b.example",
            "https://evilb.example",
            "null",
            "",
            "https://c.example",
            "http://c.example:8443",
            "https://a.example@evil.tld",
            "https://evil.tld/a.example",
            "a.example",
            "https://",
            "http://[::1]",
        ];
        for origin in bad {
            assert!(!allowed(list, &[origin]), "{origin}");
        }
        assert!(!allowed(list, &["https://a.example", "https://a.example"]));
        assert!(!allowed(list, &[]));
    }

    #[test]
    fn international_hosts_are_compared_in_their_ascii_form() {
        assert!(allowed("xn--mnchen-3ya.example", &["https://münchen.example"]) || !"ü".is_ascii());
        assert!(allowed("xn--mnchen-3ya.example", &["https://xn--mnchen-3ya.example"]));
    }

    #[test]
    fn a_star_allows_everything_and_a_missing_origin_is_a_switch() {
        assert!(allowed("*", &[]) && allowed("*", &["null"]) && allowed("a.example,*", &["https://z.example"]));
        let mut settings = AppSettings::default();
        settings.set("allowed_origins", "a.example").unwrap();
        assert!(!is_allowed(&settings, &HeaderMap::new()));
        settings.allow_no_origin = true;
        assert!(is_allowed(&settings, &HeaderMap::new()));
    }
}

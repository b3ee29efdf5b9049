//! Which web pages may open a socket: patterns for the `Origin` header.
//!
//! A pattern is a host glob as in Reverb (`*`, `school.example`, `*.school.example`) or a full origin
//! (`https://school.example:8443`). Comparison is on the parsed host, lower-cased and in ASCII form, never on raw text.

use std::{fmt, str::FromStr};

use super::SettingError;

/// One entry of an app's list of allowed origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    text: String,
    scheme: Option<String>,
    host: HostPattern,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Any,
    Exact(String),
    /// `*.example.org`: any host below, not the host itself.
    Below(String),
}

/// The parts of an `Origin` header that decide. `port` is `None` when it is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `http`, `https` or another scheme, in lower case.
    pub scheme: String,
    /// Host in lower-case ASCII form; IPv6 addresses keep their brackets.
    pub host: String,
    /// Port after the scheme's default is filled in; `None` for schemes without a known default.
    pub port: Option<u16>,
}

impl Origin {
    /// Tells whether nobody on the way can put a page of their own in its place: `https`, or this machine.
    fn is_secure(&self) -> bool {
        let is_own_machine = matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
        self.scheme == "https" || is_own_machine || self.host.ends_with(".localhost")
    }
}

impl OriginPattern {
    /// Tells whether this entry allows every origin, also a missing one.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.scheme.is_none() && self.port.is_none() && self.host == HostPattern::Any
    }

    /// Tells whether this entry allows `origin`.
    #[must_use]
    pub fn allows(&self, origin: &Origin) -> bool {
        let host = match &self.host {
            HostPattern::Any => true,
            HostPattern::Exact(host) => *host == origin.host,
            HostPattern::Below(suffix) => {
                origin.host.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
        };
        host && self.scheme.as_ref().is_none_or(|scheme| *scheme == origin.scheme)
            && self.port.is_none_or(|port| Some(port) == origin.port)
    }

    /// Tells whether this entry stands for `origin` itself and not for a family of origins: the host is written out, and
    /// the scheme too unless it is a secure one. Only such an origin is trusted with cookies.
    #[must_use]
    pub fn names(&self, origin: &Origin) -> bool {
        let is_exact = matches!(self.host, HostPattern::Exact(_)) && (self.scheme.is_some() || origin.is_secure());
        is_exact && self.allows(origin)
    }
}

impl FromStr for OriginPattern {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let refuse = |reason| SettingError::Invalid { value: text.to_owned(), expected: reason };
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
        let (host, port) = split_port(&rest).ok_or_else(|| refuse("a port between 1 and 65535 after the colon"))?;
        let port = port.or_else(|| scheme.as_deref().and_then(default_port));
        let host = match host {
            "*" => HostPattern::Any,
            _ => match host.strip_prefix("*.") {
                Some(suffix) if is_host(suffix) => HostPattern::Below(suffix.to_owned()),
                None if is_host(host) => HostPattern::Exact(host.to_owned()),
                _ => return Err(refuse("a host, '*.host' or '*', with an optional scheme:// and port")),
            },
        };
        Ok(Self { text: text.to_owned(), scheme, host, port })
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The port a scheme implies.
#[must_use]
pub(super) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let after_address = text.rfind(']').map_or(0, |end| end + 1);
    match text.get(after_address..).and_then(|tail| tail.rfind(':')) {
        None => Some((text, None)),
        Some(colon) => {
            let (host, port) = text.split_at_checked(after_address + colon)?;
            let port: u16 = port.strip_prefix(':')?.parse().ok().filter(|port| *port > 0)?;
            Some((host, Some(port)))
        }
    }
}

fn is_host(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'[' | b']' | b':');
    !text.is_empty() && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(scheme: &str, host: &str, port: u16) -> Origin {
        Origin { scheme: scheme.into(), host: host.into(), port: Some(port) }
    }

    #[test]
    fn host_pattern_allows_that_host_on_any_scheme_and_port_and_no_look_alike() {
        let pattern: OriginPattern = "a.example".parse().unwrap();
        assert!(pattern.allows(&origin("https", "a.example", 443)));
        assert!(pattern.allows(&origin("http", "a.example", 8080)));
        assert!(!pattern.allows(&origin("https", "a.example.evil.tld", 443)));
        assert!(!pattern.allows(&origin("https", "evil-a.example", 443)));
    }

    #[test]
    fn wildcard_allows_hosts_below_and_neither_the_host_itself_nor_a_look_alike() {
        let pattern: OriginPattern = "*.example.org".parse().unwrap();
        assert!(pattern.allows(&origin("https", "www.example.org", 443)));
        assert!(!pattern.allows(&origin("https", "example.org", 443)));
        assert!(!pattern.allows(&origin("https", "evilexample.org", 443)));
        assert!(!pattern.allows(&origin("https", ".example.org", 443)));
    }

    #[test]
    fn full_origin_compares_scheme_and_port_too() {
        let pattern: OriginPattern = "https://A.example".parse().unwrap();
        assert!(pattern.allows(&origin("https", "a.example", 443)));
        assert!(!pattern.allows(&origin("http", "a.example", 80)));
        assert!(!pattern.allows(&origin("https", "a.example", 8443)));
        let ported: OriginPattern = "http://[::1]:3000".parse().unwrap();
        assert!(ported.allows(&origin("http", "[::1]", 3000)));
    }

    #[test]
    fn an_entry_names_an_origin_only_when_host_and_scheme_leave_nothing_open() {
        let names = |pattern: &str, text: &str| {
            let (scheme, rest) = text.split_once("://").unwrap();
            let (host, port) = split_port(rest).unwrap();
            let port = port.or_else(|| default_port(scheme)).unwrap();
            pattern.parse::<OriginPattern>().unwrap().names(&origin(scheme, host, port))
        };
        for (pattern, origin) in [
            ("a.example", "https://a.example"),
            ("a.example", "https://a.example:8443"),
            ("http://a.example", "http://a.example"),
            ("localhost", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            assert!(names(pattern, origin), "{pattern} {origin}");
        }
        for (pattern, origin) in [
            ("*", "https://a.example"),
            ("https://*", "https://a.example"),
            ("*.a.example", "https://b.a.example"),
            ("a.example", "http://a.example"),
            ("https://a.example", "http://a.example"),
            ("localhost", "http://localhost.example"),
        ] {
            assert!(!names(pattern, origin), "{pattern} {origin}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for text in ["", "*.", "a b", "host:0", "host:99999", "https://"] {
            assert!(text.parse::<OriginPattern>().is_err(), "{text:?}");
        }
    }
}

//! Who may see the first page and use its console: a browser on the developer's machine, and no other web site.
//!
//! A page elsewhere can make a browser send requests here, and can give its own name the address of this machine (DNS
//! rebinding). So the name in `Host` must be one of this server, and what changes something must come from a page of this
//! server (`Origin`, `Sec-Fetch-Site`) that was loaded since its start (a token). A proxy may bring anybody under any of those
//! names, so what it passed on is refused. Nothing here is a matter of configuration.

use poem::http::{
    HeaderMap,
    header::{HeaderName, ORIGIN},
};
use sha2::{Digest, Sha256};
use url::Url;

use super::Address;
use crate::api::reached::{Authority, is_forwarded, single};

/// Carries the token of the page.
pub(super) const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-campanile-token");

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request may not use the console; the text says what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stranger {
    /// A proxy brought the request, so whoever asks may be anywhere.
    #[error("The console does not work through a proxy")]
    Proxy,
    /// `Host` is missing, twice, or none of this server's.
    #[error("The console works under localhost, 127.0.0.1 and the configured public host (CAMPANILE_PUBLIC_HOST) only")]
    Host,
    /// The request does not come from a page of this server.
    #[error("The console takes requests from its own page only")]
    Site,
    /// The page was loaded before the server was started, or the token was not sent.
    #[error("The server has been started again since this page was loaded: reload the page")]
    Token,
}

/// Random text that a page of this start carries and others cannot know.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    /// Draws a new one.
    pub(super) fn draw() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hex::encode(bytes)))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares hashes, so that the time tells nothing about the token.
    fn is(&self, text: &[u8]) -> bool {
        Sha256::digest(self.0.as_bytes()) == Sha256::digest(text)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The name under which a browser reached this server, when it is one of this server's and no proxy is between.
///
/// # Errors
/// When it is not.
pub(super) fn known(headers: &HeaderMap, address: &Address) -> Result<Authority, Stranger> {
    if is_forwarded(headers) {
        return Err(Stranger::Proxy);
    }
    Authority::own(headers, &address.host).ok_or(Stranger::Host)
}

/// Tells whether a request comes from a page of this server that was loaded since its start.
///
/// # Errors
/// When it does not.
pub(super) fn own_page(headers: &HeaderMap, address: &Address, token: &Token) -> Result<(), Stranger> {
    let authority = known(headers, address)?;
    let public = Authority { host: address.host.clone(), port: Some(address.port) };
    let is_own = |origin: &str| {
        let origin = Url::parse(origin).ok();
        origin.is_some_and(|origin| authority.is_of(&origin) || public.is_of(&origin))
    };
    let by_origin = headers.contains_key(ORIGIN).then(|| single(headers, ORIGIN).is_some_and(is_own));
    let by_site = headers.contains_key(&SEC_FETCH_SITE).then(|| single(headers, SEC_FETCH_SITE) == Some("same-origin"));
    // Each that is there must agree, and one must be there: every browser sends `Origin` with a POST.
    if by_origin.or(by_site).is_none() || by_origin == Some(false) || by_site == Some(false) {
        return Err(Stranger::Site);
    }
    let is_current = single(headers, TOKEN_HEADER).is_some_and(|text| token.is(text.as_bytes()));
    if is_current { Ok(()) } else { Err(Stranger::Token) }
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;
    use url::Host;

    use super::*;

    fn address(host: &str, port: u16) -> Address {
        Address { tls: false, host: Host::parse(host).unwrap(), port, path: String::new() }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        let mut headers = HeaderMap::new();
        for (name, text) in pairs {
            headers.append(*name, value(text));
        }
        headers
    }

    #[test]
    fn this_machine_and_the_public_host_are_known_in_every_spelling() {
        let public = address("campus.example", 443);
        let hosts = [
            "localhost",
            "LOCALHOST:8080",
            "x.localhost:1",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:8080",
            "[::1]",
            "campus.example",
            "Campus.Example:8443",
        ];
        for host in hosts {
            assert!(known(&headers(&[("host", host)]), &public).is_ok(), "{host}");
        }
    }

    #[test]
    fn every_other_name_is_a_stranger() {
        let public = address("campus.example", 443);
        let hosts = [
            "",
            ":8080",
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "notlocalhost",
            "campus.example.evil.example",
            "evil.example@localhost",
            "localhost/x",
            "localhost#",
            "localhost,evil.example",
            "::1",
            "0.0.0.0:8080",
            "10.0.0.1",
            "localhost:99999",
            "localhost:+80",
        ];
        for host in hosts {
            assert_eq!(known(&headers(&[("host", host)]), &public), Err(Stranger::Host), "{host}");
        }
        assert_eq!(known(&HeaderMap::new(), &public), Err(Stranger::Host));
        let twice = headers(&[("host", "localhost"), ("host", "localhost")]);
        assert_eq!(known(&twice, &public), Err(Stranger::Host));
    }

    #[test]
    fn whoever_comes_through_a_proxy_is_a_stranger() {
        for name in [
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-forwarded-x",
            "forwarded",
            "via",
            "x-real-ip",
        ] {
            for value in ["127.0.0.1", ""] {
                let headers = headers(&[("host", "localhost:8080"), (name, value)]);
                assert_eq!(known(&headers, &address("localhost", 8080)), Err(Stranger::Proxy), "{name}: {value}");
            }
        }
        let other = headers(&[("host", "localhost:8080"), ("x-requested-with", "x"), ("x-forwarded", "x")]);
        assert!(known(&other, &address("localhost", 8080)).is_ok());
    }

    #[test]
    fn what_is_echoed_of_a_name_is_what_was_understood() {
        let shown = |host: &str| known(&headers(&[("host", host)]), &address("a.example", 80)).unwrap().to_string();
        assert_eq!(shown("LocalHost:8080"), "localhost:8080");
        assert_eq!(shown("[0:0::1]:80"), "[::1]:80");
        assert_eq!(shown("127.1"), "127.0.0.1");
    }

    #[test]
    fn a_change_needs_a_page_of_this_server_and_the_token() {
        let (public, token) = (address("campus.example", 443), Token::draw().unwrap());
        let judge = |host: &str, more: &[(&'static str, &str)]| {
            let pairs: Vec<_> = [("host", host)].into_iter().chain(more.iter().copied()).collect();
            own_page(&headers(&pairs), &public, &token)
        };
        let key = ("x-campanile-token", token.as_str());
        let own = ("origin", "http://localhost:8080");
        let site = ("sec-fetch-site", "same-origin");
        for good in [&[own, key][..], &[site, key], &[own, site, key], &[("origin", "https://campus.example"), key]] {
            assert_eq!(judge("localhost:8080", good), Ok(()), "{good:?}");
        }
        assert_eq!(judge("campus.example", &[("origin", "https://campus.example"), key]), Ok(()));

        let foreign = [
            "null",
            "",
            "http://localhost",
            "http://localhost:8081",
            "http://127.0.0.1:8080",
            "http://evil.example",
            "https://campus.example:444",
            "http://localhost:8080.evil.example",
        ];
        for origin in foreign {
            assert_eq!(judge("localhost:8080", &[("origin", origin), key]), Err(Stranger::Site), "{origin}");
            assert_eq!(judge("localhost:8080", &[("origin", origin), site, key]), Err(Stranger::Site), "{origin}");
        }
        for other in ["cross-site", "same-site", "none", ""] {
            assert_eq!(judge("localhost:8080", &[own, ("sec-fetch-site", other), key]), Err(Stranger::Site), "{other}");
        }
        assert_eq!(judge("localhost:8080", &[key]), Err(Stranger::Site));
        assert_eq!(judge("localhost:8080", &[own, own, key]), Err(Stranger::Site));
        assert_eq!(judge("evil.example", &[own, site, key]), Err(Stranger::Host));
        for wrong in ["", "x", &"0".repeat(64)] {
            assert_eq!(judge("localhost:8080", &[own, ("x-campanile-token", wrong)]), Err(Stranger::Token), "{wrong}");
        }
        assert_eq!(judge("localhost:8080", &[own]), Err(Stranger::Token));
        assert_eq!(judge("localhost:8080", &[own, key, key]), Err(Stranger::Token));
    }

    #[test]
    fn debug_of_a_token_hides_it() {
        assert_eq!(format!("{:?}", Token::draw().unwrap()), "Token(…)");
    }
}

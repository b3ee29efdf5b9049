//! The token that a handshake brings: in `Authorization`, as the subprotocol `bearer, TOKEN` (all that a browser can set), in
//! the query as `token`, or in the cookie `__session`, which counts only if nothing else is there.

use hyper::{
    HeaderMap, Request,
    header::{AUTHORIZATION, COOKIE, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_PROTOCOL},
};

use crate::services::callers::{Error, Proof};

/// Cookie in which Clerk and others keep the token of a session.
const SESSION: &str = "__session";

/// Subprotocol that announces a token.
const BEARER: &str = "bearer";

/// What a handshake brings as proof. Has no `Debug`: it holds tokens.
pub(super) enum Brought {
    Nothing,
    Bearer(String),
    Cookie { token: String, origin: Option<String>, host: Option<String> },
}

impl Brought {
    pub(super) fn proof(&self) -> Proof<'_> {
        match self {
            Self::Nothing => Proof::None,
            Self::Bearer(token) => Proof::Bearer(token),
            Self::Cookie { token, origin, host } => {
                Proof::Cookie { token, origin: origin.as_deref(), host: host.as_deref() }
            }
        }
    }
}

/// The name under which the client offers a token as a subprotocol; it must be answered, or browsers give up.
pub(super) fn subprotocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let name = offered(headers).find(|name| name.eq_ignore_ascii_case(BEARER))?;
    HeaderValue::from_str(name).ok()
}

fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// Finds the proof of a handshake.
///
/// # Errors
/// [`Error::Ambiguous`] when there are several, [`Error::Malformed`] when there is a place for one and none in it.
pub(super) fn find<B>(request: &Request<B>) -> Result<Brought, Error> {
    let headers = request.headers();
    let mut found = Vec::new();
    for value in headers.get_all(AUTHORIZATION) {
        // Other schemes are those of proxies and gateways in front.
        let bearer = value.to_str().ok().and_then(|text| text.split_once(' '));
        found.extend(bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(BEARER)).map(|(_, token)| token.trim()));
    }
    let mut names = offered(headers).skip_while(|name| !name.eq_ignore_ascii_case(BEARER));
    if names.next().is_some() {
        found.push(names.next().filter(|token| !token.is_empty()).ok_or(Error::Malformed)?);
    }
    let query = request.uri().query().unwrap_or_default();
    let of_query = || url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "token");
    let in_query: Vec<_> = of_query().map(|(_, token)| token).filter(|token| !token.is_empty()).collect();
    found.extend(in_query.iter().map(|token| &**token));
    match *found {
        [] => Ok(cookie(headers)),
        [token] => Ok(Brought::Bearer(token.to_owned())),
        _ => Err(Error::Ambiguous),
    }
}

/// A cookie that stands twice is none: nobody can tell which of them is meant.
fn cookie(headers: &HeaderMap) -> Brought {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut tokens = pairs.filter(|(name, token)| *name == SESSION && !token.is_empty()).map(|(_, token)| token);
    match (tokens.next(), tokens.next()) {
        (Some(token), None) => {
            Brought::Cookie { token: token.to_owned(), origin: single(headers, &ORIGIN), host: single(headers, &HOST) }
        }
        _ => Brought::Nothing,
    }
}

fn single(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(uri: &str, lines: &[(&str, &str)]) -> String {
        let request =
            lines.iter().fold(Request::builder().uri(uri), |request, (name, value)| request.header(*name, *value));
        match find(&request.body(()).unwrap()) {
            Ok(Brought::Nothing) => "nothing".to_owned(),
            Ok(Brought::Bearer(token)) => token,
            Ok(Brought::Cookie { token, origin, host }) => format!("cookie {token} {origin:?} {host:?}"),
            Err(error) => error.code().to_owned(),
        }
    }

    #[test]
    fn token_is_found_in_each_of_its_places() {
        assert_eq!(found("/app/key", &[]), "nothing");
        assert_eq!(found("/app/key?token=a.b%2Ec&protocol=7", &[]), "a.b.c");
        assert_eq!(found("/app/key", &[("authorization", "bearer a.b.c")]), "a.b.c");
        assert_eq!(found("/app/key", &[("sec-websocket-protocol", "bearer, a.b.c")]), "a.b.c");
        let two = [("sec-websocket-protocol", "chat , Bearer"), ("sec-websocket-protocol", "a.b.c,x")];
        assert_eq!(found("/app/key", &two), "a.b.c");
        let cookie = [("cookie", "x=y; __session=a.b.c"), ("origin", "https://a"), ("host", "h")];
        assert_eq!(found("/app/key", &cookie), "cookie a.b.c Some(\"https://a\") Some(\"h\")");
        assert_eq!(found("/app/key?token=q", &cookie), "q");
    }

    #[test]
    fn what_is_no_token_of_ours_is_left_aside() {
        for lines in [
            &[("authorization", "Basic abc")][..],
            &[("sec-websocket-protocol", "chat, superchat")],
            &[("cookie", "__session=a; __session=b")],
            &[("cookie", "__session=; session=a")],
        ] {
            assert_eq!(found("/app/key?token=&tokens=a", lines), "nothing", "{lines:?}");
        }
    }

    #[test]
    fn several_tokens_are_ambiguous_and_an_announced_one_must_be_there() {
        let bearer = ("authorization", "Bearer a");
        assert_eq!(found("/app/key", &[bearer, bearer]), "token_ambiguous");
        assert_eq!(found("/app/key?token=a", &[bearer]), "token_ambiguous");
        assert_eq!(found("/app/key?token=a&token=b", &[]), "token_ambiguous");
        assert_eq!(found("/app/key", &[bearer, ("sec-websocket-protocol", "bearer, a")]), "token_ambiguous");
        for announced in ["bearer", "bearer,", "chat, bearer"] {
            assert_eq!(found("/app/key", &[("sec-websocket-protocol", announced)]), "token_malformed");
        }
    }
}

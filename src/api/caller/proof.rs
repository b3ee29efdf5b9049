//! The proof of identity in the head of a request: one, in one place.

use poem::http::{
    HeaderMap, HeaderName,
    header::{AUTHORIZATION, COOKIE, HOST, ORIGIN},
};

use super::super::problem::Problem;
use crate::{
    ids::{SocketId, UserId},
    services::callers::Proof,
};

/// Cookie in which Clerk and others keep the token of a session.
const SESSION: &str = "__session";

/// Cookie by which a guest without an account is known again.
pub(in crate::api) const GUEST: &str = "campanile_guest";

/// Header that names the user on whose behalf a program calls.
const ON_BEHALF_OF: HeaderName = HeaderName::from_static("x-on-behalf-of");

/// Header that names the socket of whoever calls.
const SOCKET_ID: HeaderName = HeaderName::from_static("x-socket-id");

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Finds the proof. What a program or page put into a header on purpose counts before a cookie, which browsers send along
/// by themselves.
///
/// # Errors
/// When there are several, or when it has a form that is not understood.
pub(super) fn find(headers: &HeaderMap) -> Result<Proof<'_>, Problem> {
    let authorization = single(headers, &AUTHORIZATION)?;
    let key = single(headers, &API_KEY)?;
    match (authorization, key) {
        (Some(_), Some(_)) => {
            Err(Problem::new(BAD_REQUEST, "several_proofs", "Send either Authorization or X-API-Key, not both"))
        }
        (Some(authorization), None) => bearer(authorization).map(Proof::Bearer),
        (None, Some(key)) => Ok(Proof::Bearer(key)),
        (None, None) => session(headers),
    }
}

const BAD_REQUEST: poem::http::StatusCode = poem::http::StatusCode::BAD_REQUEST;

/// The text of a header that may stand once.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::new(BAD_REQUEST, "several_proofs", format!("The header {name} may stand once only")));
    }
    let text =
        value.to_str().map_err(|_not_ascii| Problem::malformed(format!("The header {name} must be ASCII text")))?;
    Ok(Some(text))
}

fn bearer(authorization: &str) -> Result<&str, Problem> {
    let token = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let token = token.map(|(_, token)| token.trim()).filter(|token| !token.is_empty());
    let detail = "Authorization must have the form 'Bearer TOKEN', with a token or an API key";
    token.ok_or_else(|| Problem::unknown_caller("not_a_bearer", detail))
}

/// Values of the cookies of this name that are not empty.
fn cookies<'a>(headers: &'a HeaderMap, wanted: &'static str) -> impl Iterator<Item = &'a str> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(name, value)| *name == wanted && !value.is_empty()).map(|(_, value)| value)
}

/// The cookie by which a guest without an account is known again; the first, if there are several.
pub(super) fn guest(headers: &HeaderMap) -> Option<&str> {
    cookies(headers, GUEST).next()
}

fn session(headers: &HeaderMap) -> Result<Proof<'_>, Problem> {
    let mut tokens = cookies(headers, SESSION);
    let Some(token) = tokens.next() else { return Ok(Proof::None) };
    if tokens.next().is_some() {
        let detail = format!("The cookie {SESSION} may stand once only");
        return Err(Problem::new(BAD_REQUEST, "several_proofs", detail));
    }
    Ok(Proof::Cookie { token, origin: single(headers, &ORIGIN)?, host: single(headers, &HOST)? })
}

/// The person on whose behalf a program calls.
///
/// # Errors
/// When the header is no user id.
pub(super) fn on_behalf_of(headers: &HeaderMap) -> Result<Option<UserId>, Problem> {
    let Some(text) = single(headers, &ON_BEHALF_OF)? else { return Ok(None) };
    UserId::parse(text).map(Some).map_err(|error| Problem::parameter(ON_BEHALF_OF.as_str(), error.to_string()))
}

/// The socket that shall not hear of what the request does.
///
/// # Errors
/// When the header is no socket id. Laravel Echo sends `undefined` as long as it is not connected.
pub(super) fn socket(headers: &HeaderMap) -> Result<Option<SocketId>, Problem> {
    let text = single(headers, &SOCKET_ID)?.filter(|text| !matches!(*text, "" | "undefined" | "null"));
    let wrong = || Problem::parameter(SOCKET_ID.as_str(), "must be the id of a socket, such as 1234.5678");
    text.map(|text| SocketId::parse(text).ok_or_else(wrong)).transpose()
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn found(lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        match find(&headers) {
            Ok(Proof::None) => "none".to_owned(),
            Ok(Proof::Bearer(token)) => format!("bearer {token}"),
            Ok(Proof::Cookie { token, origin, host }) => format!("cookie {token} {origin:?} {host:?}"),
            Err(problem) => problem.code().to_owned(),
        }
    }

    #[test]
    fn one_proof_in_one_place_is_found() {
        assert_eq!(found(&[]), "none");
        assert_eq!(found(&[("authorization", "Bearer abc")]), "bearer abc");
        assert_eq!(found(&[("authorization", "bearer  abc ")]), "bearer abc");
        assert_eq!(found(&[("x-api-key", "ck_1_2")]), "bearer ck_1_2");
        let cookie = [("cookie", "a=b; __session=abc; __session_x=d"), ("origin", "https://a"), ("host", "h")];
        assert_eq!(found(&cookie), "cookie abc Some(\"https://a\") Some(\"h\")");
        assert_eq!(found(&[("cookie", "a=b; __session=")]), "none");
    }

    #[test]
    fn a_header_counts_before_a_cookie() {
        assert_eq!(found(&[("authorization", "Bearer abc"), ("cookie", "__session=x")]), "bearer abc");
    }

    #[test]
    fn several_proofs_and_unknown_forms_are_refused() {
        for lines in [
            &[("authorization", "Bearer a"), ("authorization", "Bearer a")][..],
            &[("authorization", "Bearer a"), ("x-api-key", "b")],
            &[("x-api-key", "a"), ("x-api-key", "a")],
            &[("cookie", "__session=a; __session=b")],
            &[("cookie", "__session=a"), ("cookie", "__session=b")],
            &[("cookie", "__session=a"), ("origin", "https://a"), ("origin", "https://b")],
        ] {
            assert_eq!(found(lines), "several_proofs", "{lines:?}");
        }
        for value in ["Basic abc", "Bearer", "Bearer ", "abc", ""] {
            assert_eq!(found(&[("authorization", value)]), "not_a_bearer", "{value:?}");
        }
    }
}

//! The signature of an HTTP API request, with every habit of the server SDKs that it must survive.

use hmac::digest::Digest;
use md5::Md5;

use super::verify;
use crate::domain::app::App;

/// Largest difference between `auth_timestamp` and the server's clock, in seconds (Pusher: 600).
const MAX_CLOCK_SKEW: u64 = 600;

/// Most query parameters of a signed request.
const MAX_PARAMETERS: usize = 64;

/// A request as the signature sees it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Method in upper case.
    pub method: &'a str,
    /// Path as requested, without the query.
    pub path: &'a str,
    /// The same path without the server's own prefix, when one is configured: the PHP SDK signs it so.
    pub path_without_prefix: Option<&'a str>,
    /// Query as requested, without the question mark.
    pub query: &'a str,
    /// A body follows, so its MD5 must have been signed.
    pub has_body: bool,
}

/// A request whose head is authentic. Its body is once it passes [`Verified::check_body`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The parameters, decoded, with lower-case keys in order, `auth_signature` among them.
    pub parameters: Vec<(String, String)>,
}

/// Why a request is not authentic. The text is shown to the caller: it tells what to mend and nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// A parameter that every signed request carries is missing.
    #[error("query parameter '{name}' is missing, sign the request with the app's key and secret")]
    Missing {
        /// Name of the parameter.
        name: &'static str,
    },
    /// A parameter stands twice in the query.
    #[error("query parameter '{name}' is given twice")]
    Duplicate {
        /// Name of the parameter, cut to 40 characters.
        name: String,
    },
    /// More parameters than any SDK sends.
    #[error("more than {MAX_PARAMETERS} query parameters")]
    TooManyParameters,
    /// `auth_key` is not the key of the app in the path.
    #[error("auth_key is not the key of this app")]
    WrongKey,
    /// `auth_version` is not 1.0.
    #[error("auth_version must be 1.0")]
    WrongVersion,
    /// `auth_timestamp` is too far from the server's clock, or not a number.
    #[error(
        "auth_timestamp must be within {MAX_CLOCK_SKEW} s of the server's clock, which says {now}: check the clocks"
    )]
    ClockSkew {
        /// Seconds since 1970 on the server.
        now: u64,
    },
    /// `body_md5` does not match the body, or is missing although there is a body.
    #[error("body_md5 must be the MD5 of the body, in lower-case hexadecimal digits")]
    WrongBody,
    /// The signature itself does not match.
    #[error("Authentication signature invalid: check the app's secret and that nothing changes the request on its way")]
    WrongSignature,
}

/// Decodes a query, lower-cases its keys and joins `k[]` and `k[n]` with commas, as the PHP SDK signs them.
///
/// # Errors
/// When a parameter stands twice or there are too many.
fn parameters(query: &str) -> Result<Vec<(String, String)>, AuthError> {
    let mut found: Vec<(String, String, bool)> = Vec::with_capacity(8);
    for (count, (key, value)) in url::form_urlencoded::parse(query.as_bytes()).enumerate() {
        if count >= MAX_PARAMETERS {
            return Err(AuthError::TooManyParameters);
        }
        let key = key.to_lowercase();
        let listed = key.split_once('[').filter(|(_, index)| is_index(index)).map(|(name, _)| name.to_owned());
        let is_list = listed.is_some();
        let key = listed.unwrap_or(key);
        match found.iter_mut().find(|(known, ..)| *known == key) {
            Some((_, joined, true)) if is_list => {
                joined.push(',');
                joined.push_str(&value);
            }
            Some(_) => return Err(AuthError::Duplicate { name: key.chars().take(40).collect() }),
            None => found.push((key, value.into_owned(), is_list)),
        }
    }
    found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(found.into_iter().map(|(key, value, _)| (key, value)).collect())
}

/// Tells whether the text after `k[` is `]` or `n]`.
fn is_index(text: &str) -> bool {
    text.strip_suffix(']').is_some_and(|index| index.bytes().all(|b| b.is_ascii_digit()))
}

/// Verifies that a request was signed with a secret of `app` within the last ten minutes. The signature covers the MD5 of the
/// body, so this needs no body: nothing has to be read for those who have no secret.
///
/// # Errors
/// See [`AuthError`]; `now` is seconds since 1970.
pub fn verify_request(app: &App, request: Request<'_>, now: u64) -> Result<Verified, AuthError> {
    let parameters = parameters(request.query)?;
    let get = |name: &'static str| {
        let found = parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).ok_or(AuthError::Missing { name })
    };
    let (key, version) = (get("auth_key")?, get("auth_version")?);
    let (timestamp, signature) = (get("auth_timestamp")?, get("auth_signature")?);
    if key != app.key.as_str() {
        return Err(AuthError::WrongKey);
    }
    if version != "1.0" {
        return Err(AuthError::WrongVersion);
    }
    if timestamp.parse::<u64>().ok().is_none_or(|then| then.abs_diff(now) > MAX_CLOCK_SKEW) {
        return Err(AuthError::ClockSkew { now });
    }
    if request.has_body && get("body_md5").is_err() {
        return Err(AuthError::WrongBody);
    }
    let query = canonical(&parameters);
    let authentic = |path: &str| verify(&app.secrets, &[request.method, "\n", path, "\n", &query], signature);
    if authentic(request.path) || request.path_without_prefix.is_some_and(authentic) {
        Ok(Verified { parameters })
    } else {
        Err(AuthError::WrongSignature)
    }
}

impl Verified {
    /// The MD5 that was signed, if one was.
    #[must_use]
    pub fn body_md5(&self) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == "body_md5").map(|(_, value)| value.as_str())
    }

    /// Checks the body against the MD5 that was signed. The Python SDK sends the MD5 of an empty body with its GETs, so an
    /// empty body may have one too.
    ///
    /// # Errors
    /// When it does not match, or there is a body and no MD5.
    pub fn check_body(&self, body: &[u8]) -> Result<(), AuthError> {
        match self.body_md5() {
            None if body.is_empty() => Ok(()),
            Some(sent) if sent == hex::encode(Md5::digest(body)) => Ok(()),
            _ => Err(AuthError::WrongBody),
        }
    }
}

/// Joins the parameters for signing: sorted, `k=v` with `&`, values in decoded form.
fn canonical(parameters: &[(String, String)]) -> String {
    let mut text = String::with_capacity(160);
    for (key, value) in parameters.iter().filter(|(key, _)| key != "auth_signature") {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(key);
        text.push('=');
        text.push_str(value);
    }
    text
}

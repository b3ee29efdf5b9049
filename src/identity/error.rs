//! Why nobody is known by a proof: one table with a stable code and a text for each situation.
//!
//! Texts say what would be right and repeat nothing of the token. They stand in answers, and the short form in close frames.

use std::fmt;

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Not the form of a JWT, or not JSON inside, or a claim twice.
    Malformed,
    /// Longer than a token may be.
    TooLong {
        /// Limit in bytes.
        max: usize,
        /// Length in bytes.
        got: usize,
    },
    /// The header asks for something that is never done: keys from the token itself, extensions.
    HeaderNotAllowed {
        /// Name of the parameter.
        name: &'static str,
    },
    /// `kid` is longer than 128 characters.
    KeyIdTooLong,
    /// No configured issuer has this `iss`.
    UnknownIssuer,
    /// The token is signed in another way than its issuer is configured with.
    AlgorithmNotAllowed {
        /// The configured algorithm.
        expected: &'static str,
    },
    /// The issuer has no key of this `kid`.
    UnknownKey,
    /// Signed with another key, or changed on the way.
    BadSignature,
    /// Past its `exp`.
    Expired,
    /// Before its `nbf` or `iat`.
    NotYetValid,
    /// Valid for longer than the issuer's tokens may be.
    LivesTooLong {
        /// Limit in seconds.
        max: u64,
    },
    /// A claim that is needed is not there.
    MissingClaim {
        /// Its name, or where it was looked for.
        claim: String,
    },
    /// A claim is of another type than it must be.
    WrongType {
        /// Its name, or where it was looked for.
        claim: String,
        /// The right type.
        expected: &'static str,
    },
    /// `aud` names somebody else.
    WrongAudience,
    /// `azp` names somebody else.
    WrongParty,
    /// The app that the token is for is not here, or switched off.
    UnknownApp,
    /// The token is for another app than the one that is asked.
    WrongApp,
    /// There is no app at all yet.
    NoApp,
    /// The person is deactivated in the roster.
    Deactivated,
    /// No such API key, or another secret.
    BadApiKey,
    /// The API key has ended.
    KeyExpired,
    /// The API key was taken back.
    Revoked,
    /// The API key may not be used from this address.
    AddressNotAllowed,
    /// An API key, or the token of an OAuth client, where a person is needed.
    NotAPerson,
    /// `X-On-Behalf-Of` from somebody who may not act for others.
    MayNotActForOthers,
    /// More than one proof in one place.
    Ambiguous,
    /// A cookie from a page whose origin is not allowed.
    OriginNotAllowed,
    /// A configured public key cannot be used.
    UnusableKey {
        /// The algorithm that it should be for.
        expected: &'static str,
    },
    /// The proof cannot be checked just now; it may be fine.
    Unavailable {
        /// What cannot be reached.
        what: &'static str,
    },
}

/// Result of looking at a proof.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The stable code, and what is wrong in at most 120 bytes.
    const fn entry(&self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed => ("token_malformed", "The token is no JWT: three parts in base64url with JSON inside"),
            Self::TooLong { .. } => ("token_too_long", "The token is too long"),
            Self::HeaderNotAllowed { .. } => {
                ("token_header_not_allowed", "The token's header must not bring keys or extensions")
            }
            Self::KeyIdTooLong => ("token_key_id_too_long", "The token's 'kid' may have at most 128 characters"),
            Self::UnknownIssuer => ("token_issuer_unknown", "The token's 'iss' is no issuer that this server knows"),
            Self::AlgorithmNotAllowed { .. } => {
                ("token_algorithm_not_allowed", "The token is not signed with its issuer's algorithm")
            }
            Self::UnknownKey => ("token_key_unknown", "The token's 'kid' is no key of its issuer"),
            Self::BadSignature => ("token_signature_invalid", "The token's signature is not right"),
            Self::Expired => ("token_expired", "The token has expired, get a new one"),
            Self::NotYetValid => ("token_not_yet_valid", "The token is not valid yet; check the clocks"),
            Self::LivesTooLong { .. } => ("token_lifetime_too_long", "The token is valid for too long"),
            Self::MissingClaim { .. } => ("token_claim_missing", "The token lacks a claim"),
            Self::WrongType { .. } => ("token_claim_type", "A claim of the token has the wrong type"),
            Self::WrongAudience => ("token_audience_wrong", "The token's 'aud' does not name this server"),
            Self::WrongParty => ("token_party_wrong", "The token's 'azp' is no authorized party"),
            Self::UnknownApp => ("token_app_unknown", "The token is for an app that is not served here"),
            Self::WrongApp => ("token_app_wrong", "The token is for another app"),
            Self::NoApp => ("app_missing", "There is no app yet: campanile app create"),
            Self::Deactivated => ("user_deactivated", "This user is deactivated"),
            Self::BadApiKey => ("api_key_invalid", "There is no such API key"),
            Self::KeyExpired => ("api_key_expired", "The API key has expired"),
            Self::Revoked => ("api_key_revoked", "The API key was revoked"),
            Self::AddressNotAllowed => ("api_key_address", "The API key may not be used from this address"),
            Self::NotAPerson => ("no_person", "An API key or a client's own token names no person"),
            Self::MayNotActForOthers => ("may_not_act", "X-On-Behalf-Of needs an API key with the scope users:act"),
            Self::Ambiguous => ("token_ambiguous", "There is more than one token: send one"),
            Self::OriginNotAllowed => {
                ("origin_not_allowed", "The cookie counts only from the server's own host or an allowed origin")
            }
            Self::UnusableKey { .. } => ("issuer_key_unusable", "The issuer's public key cannot be used"),
            Self::Unavailable { .. } => ("identity_unavailable", "The token cannot be checked now, try again"),
        }
    }

    /// A stable name of the situation, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.entry().0
    }

    /// What is wrong, in at most 120 bytes and without details: it fits into a close frame.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.entry().1
    }

    /// Tells whether it is the server that cannot check, so that the same proof may be fine later.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason();
        match self {
            Self::TooLong { max, got } => write!(f, "{reason}: {got} bytes, and at most {max} are allowed"),
            Self::HeaderNotAllowed { name } => write!(f, "{reason}, but it has '{name}'"),
            Self::AlgorithmNotAllowed { expected } => write!(f, "{reason}, {expected}"),
            Self::LivesTooLong { max } => write!(f, "{reason}: 'exp' may be at most {max} s after 'iat'"),
            Self::MissingClaim { claim } => write!(f, "{reason}: '{claim}' is needed"),
            Self::WrongType { claim, expected } => write!(f, "{reason}: '{claim}' must be {expected}"),
            Self::UnusableKey { expected } => {
                write!(
                    f,
                    "{reason}: it must be the PEM form of a public key for {expected} (RSA with 2048 to 8192 bits, ES256 on P-256)"
                )
            }
            Self::Unavailable { what } => write!(f, "{reason}: {what} cannot be reached"),
            _ => f.write_str(reason),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_told_beyond_the_reason_that_fits_a_close_frame() {
        let error = Error::WrongType { claim: "exp".to_owned(), expected: "a whole number of seconds" };
        assert_eq!(
            error.to_string(),
            "A claim of the token has the wrong type: 'exp' must be a whole number of seconds"
        );
        assert_eq!((error.code(), error.is_unavailable()), ("token_claim_type", false));
        assert!(Error::Unavailable { what: "the database" }.is_unavailable());
    }
}

//! What tokens of well-known issuers look like, so that a configuration names only what is its own.

use std::{fmt, str::FromStr, time::Duration};

use super::{Algorithm, claims::Dates};

/// The shape of an issuer's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Clerk: RS256, short-lived, no `aud`; the page's origin stands in `azp`.
    Clerk,
    /// Laravel Passport: RS256 by a key file, `aud` is the OAuth client, no `iss`, times with fractions, valid for a year.
    Passport,
    /// Auth0: RS256 by JWKS, `aud` is the API.
    Auth0,
    /// Supabase: ES256 by JWKS, or HS256 with the project's secret; `aud` is `authenticated`.
    Supabase,
    /// Anything else: everything is said.
    Generic,
}

impl Preset {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Clerk, Self::Passport, Self::Auth0, Self::Supabase, Self::Generic];

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clerk => "clerk",
            Self::Passport => "passport",
            Self::Auth0 => "auth0",
            Self::Supabase => "supabase",
            Self::Generic => "generic",
        }
    }

    /// Tells whether its tokens have `iss`.
    #[must_use]
    pub const fn has_issuer(self) -> bool {
        !matches!(self, Self::Passport)
    }

    /// Tells whether its tokens have `aud`. Where they have none, `azp` is demanded.
    #[must_use]
    pub const fn has_audience(self) -> bool {
        !matches!(self, Self::Clerk)
    }

    /// Tells whether a token is of a program that signed in for itself. Passport then puts the client's id where the user's
    /// stands otherwise, and clients are numbered like users.
    pub(super) fn is_client_token(self, subject: &str, audience: &[String]) -> bool {
        matches!(self, Self::Passport) && audience.iter().any(|client| client == subject)
    }

    /// How its tokens write times. Passport writes microseconds (laravel/passport issue 1395); nobody else may.
    pub(super) const fn dates(self) -> Dates {
        match self {
            Self::Passport => Dates::Fractional,
            Self::Clerk | Self::Auth0 | Self::Supabase | Self::Generic => Dates::Whole,
        }
    }

    /// The algorithm when the configuration names none; `None` = it must.
    #[must_use]
    pub const fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::Clerk | Self::Passport | Self::Auth0 => Some(Algorithm::Rs256),
            Self::Supabase => Some(Algorithm::Es256),
            Self::Generic => None,
        }
    }

    /// Where its JWK set stands when the configuration names no key.
    #[must_use]
    pub fn jwks_url(self, issuer: &str) -> Option<String> {
        let has_one = matches!(self, Self::Clerk | Self::Auth0 | Self::Supabase);
        has_one.then(|| format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')))
    }

    /// Values of `aud` when the configuration names none.
    #[must_use]
    pub const fn audience(self) -> &'static [&'static str] {
        match self {
            Self::Supabase => &["authenticated"],
            Self::Clerk | Self::Passport | Self::Auth0 | Self::Generic => &[],
        }
    }

    /// Where name and picture stand when the configuration does not say.
    #[must_use]
    pub const fn profile_claims(self) -> (&'static str, &'static str) {
        match self {
            Self::Supabase => ("/user_metadata/full_name", "/user_metadata/avatar_url"),
            Self::Clerk | Self::Passport | Self::Auth0 | Self::Generic => ("name", "picture"),
        }
    }

    /// Longest time from `iat` to `exp` when the configuration names none: a day, and Passport's year with a day to spare.
    #[must_use]
    pub const fn max_lifetime(self) -> Duration {
        const DAY: u64 = 86_400;
        match self {
            Self::Passport => Duration::from_secs(367 * DAY),
            Self::Clerk | Self::Auth0 | Self::Supabase | Self::Generic => Duration::from_secs(DAY),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("clerk, passport, auth0, supabase or generic")]
pub struct UnknownPreset;

impl FromStr for Preset {
    type Err = UnknownPreset;

    fn from_str(text: &str) -> Result<Self, UnknownPreset> {
        Self::ALL.iter().copied().find(|preset| preset.name().eq_ignore_ascii_case(text)).ok_or(UnknownPreset)
    }
}

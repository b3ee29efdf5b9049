//! The rows of one issuer of tokens. `[[issuers]]` in the settings file has the same fields.

use std::borrow::Cow;

use super::{Put, Sensitivity, Setting};

/// One field of an issuer.
pub(in crate::config) struct IssuerField {
    /// Its name, under `[issuer]` and in `[[issuers]]`.
    pub(in crate::config) name: &'static str,
    flag: Option<&'static str>,
    variable: &'static str,
    placeholder: &'static str,
    doc: &'static str,
}

const fn field(
    name: &'static str,
    flag: Option<&'static str>,
    variable: &'static str,
    placeholder: &'static str,
    doc: &'static str,
) -> IssuerField {
    IssuerField { name, flag, variable, placeholder, doc }
}

/// The secret has no flag: everybody on the machine can read the flags of a running process.
pub(in crate::config) const ISSUER_FIELDS: &[IssuerField] = &[
    field("issuer", Some("jwt-issuer"), "CAMPANILE_JWT_ISSUER", "ISS", "Issuer whose tokens are believed: their 'iss'"),
    field(
        "preset",
        Some("jwt-preset"),
        "CAMPANILE_JWT_PRESET",
        "PRESET",
        "Shape of its tokens: clerk, passport, auth0, supabase or generic (the default)",
    ),
    field(
        "algorithm",
        Some("jwt-algorithm"),
        "CAMPANILE_JWT_ALGORITHM",
        "ALG",
        "The one algorithm of its tokens: HS256, RS256, PS256, ES256 or EdDSA; the preset may know it",
    ),
    field("secret", None, "CAMPANILE_JWT_SECRET", "SECRET", "Secret shared with the issuer, for HS256"),
    field(
        "public_key",
        Some("jwt-public-key"),
        "CAMPANILE_JWT_PUBLIC_KEY",
        "PEM",
        "Public key of the issuer in PEM form; line ends may be written as \\n",
    ),
    field(
        "public_key_file",
        Some("jwt-public-key-file"),
        "CAMPANILE_JWT_PUBLIC_KEY_FILE",
        "FILE",
        "File with the public key of the issuer in PEM form, such as Passport's oauth-public.key",
    ),
    field(
        "jwks_url",
        Some("jwt-jwks-url"),
        "CAMPANILE_JWT_JWKS_URL",
        "URL",
        "Address of the issuer's JWK set; the preset may know it",
    ),
    field(
        "audience",
        Some("jwt-audience"),
        "CAMPANILE_JWT_AUDIENCE",
        "AUD",
        "Values of 'aud' that are for this server, separated by commas",
    ),
    field(
        "authorized_parties",
        Some("jwt-authorized-parties"),
        "CAMPANILE_JWT_AUTHORIZED_PARTIES",
        "AZP",
        "Values of 'azp' that are believed, separated by commas; for Clerk the origins of your pages",
    ),
    field(
        "user_claim",
        Some("jwt-user-claim"),
        "CAMPANILE_JWT_USER_CLAIM",
        "CLAIM",
        "Claim with the user's id, a name or a JSON pointer; the default is sub",
    ),
    field(
        "name_claim",
        Some("jwt-name-claim"),
        "CAMPANILE_JWT_NAME_CLAIM",
        "CLAIM",
        "Claim with the user's name; the default is name, or what the preset knows",
    ),
    field(
        "avatar_claim",
        Some("jwt-avatar-claim"),
        "CAMPANILE_JWT_AVATAR_CLAIM",
        "CLAIM",
        "Claim with the address of the user's picture; the default is picture, or what the preset knows",
    ),
    field(
        "app",
        Some("jwt-app"),
        "CAMPANILE_JWT_APP",
        "ID",
        "App that its tokens are for; the default is the first app",
    ),
    field(
        "max_lifetime",
        Some("jwt-max-lifetime"),
        "CAMPANILE_JWT_MAX_LIFETIME",
        "SECONDS",
        "Longest time from 'iat' to 'exp'; the default is 86400, and 367 days for passport",
    ),
];

pub(super) fn rows() -> impl Iterator<Item = Setting> {
    ISSUER_FIELDS.iter().map(|field| {
        let is_secret = field.name == "secret";
        Setting {
            key: Cow::Owned(format!("issuer.{}", field.name)),
            flag: field.flag,
            placeholder: field.placeholder,
            variables: vec![Cow::Borrowed(field.variable)],
            file_variable: is_secret.then_some("CAMPANILE_JWT_SECRET_FILE"),
            doc: field.doc,
            default: Cow::Borrowed(""),
            sensitivity: if is_secret { Sensitivity::Secret } else { Sensitivity::Open },
            put: Put::Issuer,
        }
    })
}

//! Issuers of tokens: one by flags, environment and `[issuer]`, any number as `[[issuers]]` in the settings file.
//!
//! Both have the same fields and are read by the same function. What a preset knows need not be said.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use super::{
    Environment, Problem, file,
    gather::{Gathered, Given},
    table::ISSUER_FIELDS,
    value::{Read, seconds, texts},
};
use crate::{
    domain::app::Secret,
    identity::{Algorithm, BadPath, ClaimPath, Issuer, KeySource, Preset, UnknownAlgorithm, UnknownPreset, session},
    ids::AppId,
    outbound::{self, Allowed},
};

/// Shortest secret of HS256 that is accepted from other machines, in bytes: as long as what it makes (RFC 7518 section 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// Longest secret of HS256 in bytes; nothing is gained by then.
const MAX_JWT_SECRET_BYTES: usize = 1_024;

/// Parts of a token that users can edit at these issuers, and so could name anybody there.
const EDITABLE: [&str; 2] = ["/user_metadata", "/unsafe_metadata"];

/// An issuer while it is read.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct IssuerDraft {
    issuer: Option<String>,
    preset: Option<Preset>,
    algorithm: Option<Algorithm>,
    secret: Option<Secret>,
    public_key: Option<String>,
    public_key_file: Option<PathBuf>,
    jwks_url: Option<String>,
    audience: Vec<String>,
    authorized_parties: Vec<String>,
    user_claim: Option<ClaimPath>,
    name_claim: Option<ClaimPath>,
    avatar_claim: Option<ClaimPath>,
    app: Option<AppId>,
    max_lifetime: Option<Duration>,
    /// Fields that were given and refused; they are not missed besides.
    refused: Vec<String>,
}

/// What an issuer is checked against.
pub(super) struct Surroundings<'a> {
    pub(super) environment: &'a Environment,
    pub(super) allow: &'a [Allowed],
    /// Short secrets are fine: nobody else is let in.
    pub(super) weak_secrets: bool,
}

impl IssuerDraft {
    /// Reads one field. All names of [`ISSUER_FIELDS`] are known.
    pub(super) fn set(&mut self, field: &str, text: &str) -> Read<()> {
        let claim = |text: &str| text.trim().parse::<ClaimPath>().map(Some).map_err(said::<BadPath>);
        match field {
            "issuer" => self.issuer = Some(issuer_name(text)?),
            "preset" => self.preset = Some(text.trim().parse().map_err(said::<UnknownPreset>)?),
            "algorithm" => {
                self.algorithm = Some(text.trim().parse().map_err(said::<UnknownAlgorithm>)?);
            }
            "secret" => self.secret = Some(secret(text)?),
            // One line in a `.env`, as such files have them.
            "public_key" => self.public_key = Some(pem(text)?),
            "public_key_file" => self.public_key_file = Some(line(text, "the path of a file")?.into()),
            "jwks_url" => self.jwks_url = Some(line(text, "an https address")?.to_owned()),
            "audience" => self.audience = texts(text)?,
            "authorized_parties" => self.authorized_parties = texts(text)?,
            "user_claim" => self.user_claim = user_claim(text)?,
            "name_claim" => self.name_claim = claim(text)?,
            "avatar_claim" => self.avatar_claim = claim(text)?,
            "app" => self.app = Some(app(text)?),
            "max_lifetime" => self.max_lifetime = Some(seconds(text, 60..=315_360_000)?),
            _ => return Err("a field of an issuer".into()),
        }
        Ok(())
    }

    /// Puts the issuer together; `at` says where it stands. `None` when something is wrong with it.
    pub(super) fn finish(self, at: &str, around: &Surroundings<'_>, problems: &mut Vec<Problem>) -> Option<Issuer> {
        let before = problems.len();
        let mut missing = |depends: &[&str], what: &str| {
            if !self.refused.iter().any(|field| depends.contains(&field.as_str())) {
                problems.push(Problem::Issuer { at: at.to_owned(), what: what.to_owned() });
            }
        };
        let preset = self.preset.unwrap_or(Preset::Generic);
        let issuer = self.issuer.clone().or_else(|| (!preset.has_issuer()).then(|| preset.name().to_owned()));
        if issuer.is_none() {
            missing(&["issuer", "preset"], "issuer is missing: the 'iss' of its tokens");
        }
        let by_secret = self.secret.as_ref().map(|_| Algorithm::Hs256);
        let algorithm = self.algorithm.or(by_secret).or(preset.algorithm());
        if algorithm.is_none() {
            missing(&["algorithm", "preset"], "algorithm is missing: HS256, RS256, PS256, ES256 or EdDSA");
        }
        let mut audience = self.audience.clone();
        if audience.is_empty() {
            audience.extend(preset.audience().iter().map(ToString::to_string));
        }
        if let Some(what) = missing_audience(preset, &audience, &self.authorized_parties) {
            missing(&["audience", "authorized_parties", "preset"], what);
        }
        let keys = self.keys(at, issuer.as_deref().zip(algorithm), around, problems);
        let (name_claim, avatar_claim) = preset.profile_claims();
        let made = Issuer {
            issuer: issuer?,
            preset,
            algorithm: algorithm?,
            keys: keys?,
            audience,
            authorized_parties: self.authorized_parties,
            user_claim: self.user_claim.unwrap_or_else(ClaimPath::sub),
            name_claim: self.name_claim.or_else(|| name_claim.parse().ok())?,
            avatar_claim: self.avatar_claim.or_else(|| avatar_claim.parse().ok())?,
            app: self.app,
            max_lifetime: self.max_lifetime.unwrap_or(preset.max_lifetime()),
        };
        if let Err(error) = made.check_keys() {
            problems.push(Problem::Issuer { at: at.to_owned(), what: error.to_string() });
        }
        (problems.len() == before).then_some(made)
    }

    /// The one source of keys.
    fn keys(
        &self,
        at: &str,
        known: Option<(&str, Algorithm)>,
        around: &Surroundings<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<KeySource> {
        let given = [
            self.secret.clone().map(KeySource::Secret),
            self.public_key.clone().map(KeySource::Pem),
            self.public_key_file.as_ref().and_then(|path| read_key(at, path, around.environment, problems)),
            self.jwks_url.clone().map(KeySource::Jwks),
        ];
        let count = given.iter().flatten().count();
        let (issuer, algorithm) = known?;
        let preset = self.preset.unwrap_or(Preset::Generic);
        let by_preset = || preset.jwks_url(issuer).filter(|_| algorithm != Algorithm::Hs256).map(KeySource::Jwks);
        let keys = given.into_iter().flatten().next();
        let what = match (&keys, algorithm) {
            _ if count > 1 => {
                "has several keys: use one of secret, public_key, public_key_file and jwks_url".to_owned()
            }
            (Some(KeySource::Secret(secret)), Algorithm::Hs256) if is_weak(secret, around) => format!(
                "the secret must have at least {MIN_SECRET_BYTES} bytes; a shorter one is accepted only in development mode \
                 on a loopback address"
            ),
            (Some(KeySource::Secret(_)), Algorithm::Hs256) => return keys,
            (Some(KeySource::Secret(_)), other) => {
                format!("{} needs a public key or jwks_url, not a secret", other.name())
            }
            (_, Algorithm::Hs256) => "HS256 needs a secret; a public key never serves as one".to_owned(),
            (Some(KeySource::Jwks(url)), _) => match outbound::check_url(url, around.allow) {
                Ok(()) => return keys,
                Err(error) => format!("jwks_url {url:?}: {error}"),
            },
            (Some(KeySource::Pem(_)), _) => return keys,
            // A file that cannot be read is told already.
            (None, _) if self.public_key_file.is_some() => return None,
            (None, _) if !self.refused.is_empty() => return None,
            (None, _) => match by_preset() {
                Some(KeySource::Jwks(url)) => match outbound::check_url(&url, around.allow) {
                    Ok(()) => return Some(KeySource::Jwks(url)),
                    Err(error) => format!("the keys would be at {url:?}: {error}; or set jwks_url"),
                },
                _ => "needs a key: public_key_file, public_key or jwks_url".to_owned(),
            },
        };
        problems.push(Problem::Issuer { at: at.to_owned(), what });
        None
    }
}

/// All issuers: the one of flags and environment first, then those of the file's list.
pub(super) fn all(given: &Gathered, around: &Surroundings<'_>, problems: &mut Vec<Problem>) -> Vec<Issuer> {
    let single: Vec<_> = ISSUER_FIELDS
        .iter()
        .filter_map(|field| Some((field.name, given.get(&format!("issuer.{}", field.name))?)))
        .collect();
    let mut issuers = Vec::new();
    if !single.is_empty() {
        let draft = read(single.into_iter(), problems);
        issuers.extend(draft.finish("issuer (CAMPANILE_JWT_…)", around, problems));
    }
    for (number, fields) in &given.issuers {
        let draft = read(fields.iter().map(|(field, given)| (*field, given)), problems);
        issuers.extend(draft.finish(&format!("issuers[{number}]"), around, problems));
    }
    let mut seen = BTreeSet::new();
    for issuer in &issuers {
        if !seen.insert(&issuer.issuer) {
            let at = format!("issuer {:?}", issuer.issuer);
            let what = "is there twice: one issuer has one entry; give each of several Passports a name of its own";
            problems.push(Problem::Issuer { at, what: what.to_owned() });
        }
    }
    issuers
}

/// Reads all fields of an issuer and reports each that is wrong.
pub(super) fn read<'a>(fields: impl Iterator<Item = (&'a str, &'a Given)>, problems: &mut Vec<Problem>) -> IssuerDraft {
    let mut draft = IssuerDraft::default();
    for (field, Given { text, from }) in fields {
        if let Err(expected) = draft.set(field, text) {
            let shown = if field == "secret" { "***".to_owned() } else { format!("{text:?}") };
            problems.push(Problem::Refused { from: from.clone(), shown, expected });
            draft.refused.push(field.to_owned());
        }
    }
    draft
}

fn said<E: std::error::Error>(error: E) -> super::Expected {
    error.to_string().into()
}

fn is_weak(secret: &Secret, around: &Surroundings<'_>) -> bool {
    !around.weak_secrets && secret.expose().len() < MIN_SECRET_BYTES
}

fn issuer_name(text: &str) -> Read<String> {
    let name = text.trim();
    let legal = !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control) && name != session::ISSUER;
    if legal {
        return Ok(name.to_owned());
    }
    Err("the 'iss' of its tokens, 1 to 255 bytes, and not 'campanile', which is this server's own".into())
}

fn secret(text: &str) -> Read<Secret> {
    let legal = !text.is_empty() && text.len() <= MAX_JWT_SECRET_BYTES && !text.chars().any(char::is_control);
    if legal { Ok(Secret::new(text)) } else { Err("1 to 1024 bytes on one line".into()) }
}

fn pem(text: &str) -> Read<String> {
    let text = text.replace("\\n", "\n");
    if text.contains("-----BEGIN ") {
        Ok(text)
    } else {
        Err("a public key in PEM form: -----BEGIN PUBLIC KEY----- …".into())
    }
}

fn line<'a>(text: &'a str, expected: &'static str) -> Read<&'a str> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) { Err(expected.into()) } else { Ok(text) }
}

fn user_claim(text: &str) -> Read<Option<ClaimPath>> {
    let path: ClaimPath = text.trim().parse().map_err(said::<BadPath>)?;
    if EDITABLE.iter().any(|editable| path.as_str().starts_with(editable)) {
        return Err("a claim that users cannot edit themselves, such as sub or /app_metadata/user_id".into());
    }
    Ok(Some(path))
}

fn app(text: &str) -> Read<AppId> {
    AppId::parse(text.trim()).map_err(|_bad| "1 to 64 characters of letters, digits, '-', '_' and '.'".into())
}

/// What the issuer's tokens are for must be said: else every token of the issuer would count, whoever it was made for.
fn missing_audience(preset: Preset, audience: &[String], parties: &[String]) -> Option<&'static str> {
    match preset {
        Preset::Clerk if parties.is_empty() => {
            Some("authorized_parties is missing: the origins of your pages, such as https://school.example")
        }
        Preset::Passport if audience.is_empty() => {
            Some("audience is missing: the ids of the OAuth clients that people sign in with")
        }
        Preset::Auth0 if audience.is_empty() => Some("audience is missing: the identifier of your API at Auth0"),
        Preset::Supabase | Preset::Generic if audience.is_empty() => {
            Some("audience is missing: the 'aud' of tokens for this server")
        }
        _ => None,
    }
}

fn read_key(
    at: &str,
    path: &std::path::Path,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> Option<KeySource> {
    let path = environment.resolve(path);
    match file::read(&path) {
        Ok(text) => Some(KeySource::Pem(text)),
        Err(cause) => {
            let what = format!("public_key_file {} cannot be read: {cause}", path.display());
            problems.push(Problem::Issuer { at: at.to_owned(), what });
            None
        }
    }
}

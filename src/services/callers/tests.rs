//! Tests of callers against a real database: people, programs and the apps they belong to.

use std::{net::Ipv4Addr, time::Duration};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;
use crate::{
    domain::{
        api_key::{KeyHash, NewApiKey},
        app::{App, AppSettings, Listed, Secret},
        caller::Scope,
        roster::{Object, Operation, Person as RosterPerson},
    },
    identity::{Algorithm, ClaimPath, Issuer, KeySource, Preset},
    ids::{AppKey, UserId},
    metrics::Metrics,
    store::{self, RosterWrite},
};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ISSUER: &str = "https://issuer.example";
const ISSUER_SECRET: &str = "0123456789abcdef0123456789abcdef";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

fn app_id(id: &str) -> AppId {
    AppId::parse(id).unwrap()
}

fn listed(id: &str, made: i64) -> Listed {
    let mut settings = AppSettings::default();
    settings.set("allowed_origins", "https://school.example,*").unwrap();
    let app = App {
        id: app_id(id),
        key: AppKey::parse(id).unwrap(),
        name: id.to_owned(),
        secrets: vec![Secret::new(&format!("secret of {id}"))],
        enabled: true,
        settings,
    };
    Listed { app, made: Some(made) }
}

fn issuer(name: &str, app: Option<&str>) -> Issuer {
    Issuer {
        issuer: name.to_owned(),
        preset: Preset::Generic,
        algorithm: Algorithm::Hs256,
        keys: KeySource::Secret(Secret::new(ISSUER_SECRET)),
        audience: vec!["campus".to_owned()],
        authorized_parties: Vec::new(),
        user_claim: ClaimPath::sub(),
        name_claim: "name".parse().unwrap(),
        avatar_claim: "picture".parse().unwrap(),
        app: app.map(app_id),
        max_lifetime: Duration::from_secs(86_400),
    }
}

struct World {
    store: Store,
    apps: Arc<Apps>,
    callers: Callers,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite://{}", folder.path().join("campanile.db").display());
        let store = Store::open(&store::Config { url, ..store::Config::default() }).await.unwrap();
        store.migrate().await.unwrap();
        let apps = Arc::new(Apps::new(Arc::new(Metrics::new().unwrap()), store.clone()));
        apps.replace(vec![listed("campus", 1), listed("other", 2)]);
        let issuers = vec![issuer(ISSUER, None), issuer("https://second.example", Some("other"))];
        let callers = Callers::new(Arc::clone(&apps), &store, identity::tests::verifier(issuers, ""));
        Self { store, apps, callers, _folder: folder }
    }

    fn session(&self, app: &str, id: &str) -> String {
        let user = user(id);
        let new = NewSession { user: &user, name: Some("Student"), avatar: None, ttl: Duration::from_secs(3_600) };
        self.callers.issue_session(&app_id(app), &new, at(0)).unwrap().token
    }

    async fn bearer(&self, token: &str, now: i64) -> Result<Caller> {
        self.callers.identify(Proof::Bearer(token), HERE, at(now)).await
    }

    async fn put(&self, person: RosterPerson) {
        let by = RosterWrite { source: "api", actor: "app", ip: None, now: at(0) };
        let put = Operation::Put(Box::new(Object::User(person)));
        self.store.roster_apply(&app_id("campus"), by, &[put]).await.unwrap();
    }

    async fn key(&self, id: &str, edit: impl FnOnce(&mut NewApiKey)) -> String {
        let secret = "0123456789abcdef0123456789abcdef01234567";
        let mut new = NewApiKey {
            id: id.to_owned(),
            app: app_id("campus"),
            name: "Importer".to_owned(),
            hash: KeyHash(Sha256::digest(secret).into()),
            scopes: vec![Scope::RosterWrite],
            ip_allow: Vec::new(),
            expires_at: None,
        };
        edit(&mut new);
        self.store.api_key_create(&new, at(0)).await.unwrap();
        format!("{id}_{secret}")
    }
}

fn person(id: &str) -> RosterPerson {
    RosterPerson {
        id: user(id),
        org: None,
        name: "Student".to_owned(),
        email: None,
        avatar: None,
        org_role: None,
        deactivated_at: None,
    }
}

fn token_of(issuer: &str, subject: &str) -> String {
    let claims = serde_json::json!({
        "iss": issuer, "aud": "campus", "sub": subject, "iat": at(0).timestamp(), "exp": at(3_600).timestamp(),
    });
    identity::tests::hs256(ISSUER_SECRET, &claims)
}

#[tokio::test]
async fn without_proof_it_is_a_guest_of_the_default_app() {
    let world = World::new().await;
    let caller = world.callers.identify(Proof::None, HERE, at(0)).await;
    assert_eq!(caller, Ok(Caller::guest(app_id("campus"))));
    world.apps.replace(Vec::<Listed>::new());
    assert_eq!(world.callers.identify(Proof::None, HERE, at(0)).await, Err(Error::NoApp));
}

#[tokio::test]
async fn session_token_names_a_user_of_its_own_app_and_of_no_other() {
    let world = World::new().await;
    let token = world.session("other", "7");
    let caller = world.bearer(&token, 0).await.unwrap();
    assert_eq!((caller.app.as_str(), caller.user()), ("other", Some(&user("7"))));
    assert_eq!(world.bearer(&token, 3_630).await, Err(Error::Expired));
    // The same user id in another app is another person.
    let found = world.callers.identify_socket(Proof::Bearer(&token), &app_id("campus"), at(0)).await;
    assert_eq!(found, Err(CloseReason::NotIdentified(Error::WrongApp.reason())));
    let mut off = listed("other", 2);
    off.app.enabled = false;
    world.apps.replace(vec![listed("campus", 1), off]);
    assert_eq!(world.bearer(&token, 0).await, Err(Error::UnknownApp));
}

#[tokio::test]
async fn token_of_an_issuer_is_for_its_app_or_the_default_one() {
    let world = World::new().await;
    assert_eq!(world.bearer(&token_of(ISSUER, "7"), 0).await.unwrap().app, app_id("campus"));
    assert_eq!(world.bearer(&token_of("https://second.example", "7"), 0).await.unwrap().app, app_id("other"));
    assert_eq!(world.bearer(&token_of("https://third.example", "7"), 0).await, Err(Error::UnknownIssuer));
    let long = "é".repeat(129);
    assert!(matches!(world.bearer(&token_of(ISSUER, &long), 0).await, Err(Error::WrongType { .. })));
    assert!(world.bearer(&token_of(ISSUER, &"é".repeat(128)), 0).await.is_ok());
}

#[tokio::test]
async fn linked_person_is_known_by_the_id_of_the_roster() {
    let world = World::new().await;
    world.put(person("7")).await;
    let token = token_of(ISSUER, "user_2abc");
    assert_eq!(world.bearer(&token, 0).await.unwrap().user(), Some(&user("user_2abc")));
    let linked = world.store.identity_link(&app_id("campus"), &user("7"), (ISSUER, "user_2abc"), at(0)).await;
    assert!(linked.unwrap());
    assert_eq!(world.bearer(&token, 2).await.unwrap().user(), Some(&user("7")));
    assert_eq!(
        world.bearer(&token_of("https://second.example", "user_2abc"), 2).await.unwrap().user(),
        Some(&user("user_2abc"))
    );
}

#[tokio::test]
async fn deactivated_person_is_nobody_from_then_on() {
    let world = World::new().await;
    let token = world.session("campus", "7");
    assert!(world.bearer(&token, 0).await.is_ok());
    world.put(RosterPerson { deactivated_at: Some(at(1)), ..person("7") }).await;
    assert_eq!(world.bearer(&token, 2).await, Err(Error::Deactivated));
    let found = world.callers.identify_socket(Proof::Bearer(&token), &app_id("campus"), at(2)).await;
    assert_eq!(found, Err(CloseReason::NotIdentified(Error::Deactivated.reason())));
}

#[tokio::test]
async fn api_key_counts_until_it_is_revoked_or_ends() {
    let world = World::new().await;
    let key = world.key("ck_0123456789ab", |new| new.expires_at = Some(at(100))).await;
    let caller = world.bearer(&key, 99).await.unwrap();
    assert_eq!((caller.actor().as_str(), caller.app.as_str()), ("key:ck_0123456789ab", "campus"));
    assert!(caller.has_scope(Scope::RosterRead) && !caller.has_scope(Scope::AccessWrite));
    assert_eq!(world.bearer(&key, 100).await, Err(Error::KeyExpired));
    for wrong in [key.replace("_01", "_11"), format!("ck_ffffffffffff_{}", &key[16..]), "ck_x".to_owned()] {
        assert_eq!(world.bearer(&wrong, 0).await, Err(Error::BadApiKey), "{wrong}");
    }
    assert!(world.store.api_key_revoke(&app_id("campus"), "ck_0123456789ab", at(1)).await.unwrap());
    assert_eq!(world.bearer(&key, 1).await, Err(Error::Revoked));
    assert_eq!(world.bearer(&key.replace("_01", "_11"), 1).await, Err(Error::BadApiKey), "a guess learns nothing");
}

#[tokio::test]
async fn api_key_that_is_revoked_is_refused_within_a_second() {
    let world = World::new().await;
    let key = world.key("ck_0123456789ab", |_new| ()).await;
    assert!(world.bearer(&key, 10).await.is_ok());
    assert!(world.store.api_key_revoke(&app_id("campus"), "ck_0123456789ab", at(10)).await.unwrap());
    assert!(world.bearer(&key, 10).await.is_ok(), "what was looked up a moment ago counts");
    assert_eq!(world.bearer(&key, 11).await, Err(Error::Revoked));
    assert_eq!(world.bearer(&key, 10).await, Err(Error::Revoked), "also when the clock is set back");
}

#[tokio::test]
async fn api_key_counts_only_from_its_networks() {
    let world = World::new().await;
    let networks = vec!["192.0.2.0/24".to_owned(), "2001:db8::/32".to_owned()];
    let key = world.key("ck_0123456789ab", |new| new.ip_allow = networks).await;
    let from = async |address: &str| {
        world.callers.identify(Proof::Bearer(&key), address.parse().unwrap(), at(0)).await.map(|caller| caller.app)
    };
    for good in ["192.0.2.255", "::ffff:192.0.2.1", "2001:db8::1"] {
        assert_eq!(from(good).await, Ok(app_id("campus")), "{good}");
    }
    for bad in ["192.0.3.0", "2001:db9::1", "127.0.0.1"] {
        assert_eq!(from(bad).await, Err(Error::AddressNotAllowed), "{bad}");
    }
}

#[tokio::test]
async fn use_of_a_key_is_noted_once_a_minute_and_only_when_asked_to() {
    let world = World::new().await;
    let key = world.key("ck_0123456789ab", |_new| ()).await;
    let last = async || world.store.api_key_find("ck_0123456789ab").await.unwrap().unwrap().last_used_at;
    let used = async |now: i64| {
        world.bearer(&key, now).await.unwrap();
        world.callers.note_uses().await;
        last().await
    };
    world.bearer(&key, 0).await.unwrap();
    assert_eq!(last().await, None, "not within the request");
    assert_eq!(used(1).await, Some(at(1)));
    assert_eq!(used(60).await, Some(at(1)));
    assert_eq!(used(62).await, Some(at(62)));
}

#[tokio::test]
async fn cookie_counts_only_from_the_own_host_or_an_exact_origin() {
    let world = World::new().await;
    let token = world.session("campus", "7");
    let caller = async |origin: Option<&str>| {
        let proof = Proof::Cookie { token: &token, origin, host: Some("rt.example") };
        let found = world.callers.identify(proof, HERE, at(0)).await.map(|_caller| ());
        let socket = world.callers.identify_socket(proof, &app_id("campus"), at(0)).await.unwrap();
        assert_eq!(socket.is_some(), found.is_ok(), "a socket is opened without the cookie");
        found
    };
    for good in ["https://rt.example", "https://school.example"] {
        assert_eq!(caller(Some(good)).await, Ok(()), "{good}");
    }
    for bad in [None, Some("https://evil.example"), Some("https://www.school.example"), Some("null"), Some("")] {
        assert_eq!(caller(bad).await, Err(Error::OriginNotAllowed), "{bad:?}");
    }
    let expired = Proof::Cookie { token: &token, origin: Some("https://rt.example"), host: Some("rt.example") };
    assert_eq!(world.callers.identify_socket(expired, &app_id("campus"), at(4_000)).await, Ok(None));
}

#[tokio::test]
async fn api_key_opens_no_socket() {
    let world = World::new().await;
    let key = world.key("ck_0123456789ab", |_new| ()).await;
    let found = world.callers.identify_socket(Proof::Bearer(&key), &app_id("campus"), at(0)).await;
    assert_eq!(found, Err(CloseReason::NotIdentified(Error::NotAPerson.reason())));
}

#[tokio::test]
async fn database_that_is_gone_makes_nobody_wrong() {
    let world = World::new().await;
    let (token, key) = (world.session("campus", "7"), world.key("ck_0123456789ab", |_new| ()).await);
    world.store.clone().close().await.unwrap();
    for proof in [token.as_str(), key.as_str()] {
        assert!(world.bearer(proof, 0).await.unwrap_err().is_unavailable());
    }
    let found = world.callers.identify_socket(Proof::Bearer(&token), &app_id("campus"), at(0)).await;
    assert_eq!(found, Err(CloseReason::NotIdentifiedYet));
}

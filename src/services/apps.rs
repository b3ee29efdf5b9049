//! The apps of this server as they are now, and what runs for each.
//!
//! Apps come from the configuration and from the database; [`Apps::replace`] brings changes into force while sockets stay
//! connected: new limits and secrets count from the next message on, sockets of a disabled or deleted app are closed. So are
//! those of an app with another key, or that was deleted and made again: it is another app, whoever knew the old one.

use std::{collections::HashMap, sync::Arc, time::Instant};

use parking_lot::RwLock;

use crate::{
    domain::app::{App, AppSettings, Listed, MasterKey},
    hub::Hub,
    ids::{AppId, AppKey, UserId},
    metrics::{AppMetrics, Metrics},
    protocol::CloseReason,
    services::{
        access::Access, broadcast_log::Published, chat::Together, notification::Readers, presence::Presence,
        typing::Typing,
    },
    store::Store,
    throttle::{Keyed, Network, Shared},
};

/// A user's sockets together may send this many times what one socket may send.
const USER_SHARE: u32 = 3;

/// All sockets of one address together may send this many times what one socket may send: a school is one address.
const NETWORK_SHARE: u32 = 100;

/// Webhooks that one address may deliver each second; hosted Pusher puts many events into one.
const WEBHOOKS_PER_SECOND: u32 = 20;

/// Webhooks that may come at once.
const WEBHOOKS_BURST: u32 = 100;

/// Limits of one app that its requests and sockets share. Absent = no limit.
#[derive(Debug)]
pub struct Limits {
    /// Published events.
    pub events: Option<Shared>,
    /// Other requests.
    pub reads: Option<Shared>,
    /// Client events by user.
    pub user_events: Option<Keyed<UserId>>,
    /// Client events by address.
    pub network_events: Option<Keyed<Network>>,
    /// Requests to the REST API.
    pub requests: Option<Shared>,
    /// Requests to the REST API by user.
    pub user_requests: Option<Keyed<UserId>>,
    /// Requests to the REST API by the id of an API key.
    pub key_requests: Option<Keyed<String>>,
    /// Broadcasts by user.
    pub user_broadcasts: Option<Keyed<UserId>>,
    /// Broadcasts by the id of an API key, and by address where nobody is known.
    pub key_broadcasts: Option<Keyed<String>>,
    /// Votes of guests without an account, by address; `None` = they do not vote.
    pub guest_votes: Option<Keyed<Network>>,
    /// Webhooks that are received, by address.
    pub webhooks: Option<Keyed<Network>>,
}

impl Limits {
    fn new(settings: &AppSettings) -> Self {
        let share = |times: u32| settings.client_events_per_second.saturating_mul(times);
        Self {
            events: Shared::new(settings.events_per_second),
            reads: Shared::new(settings.reads_per_second),
            user_events: Keyed::new(share(USER_SHARE), share(USER_SHARE)),
            network_events: Keyed::new(share(NETWORK_SHARE), share(NETWORK_SHARE)),
            requests: Shared::new(settings.requests_per_second),
            user_requests: Keyed::per_minute(settings.requests_per_minute_per_user),
            key_requests: Keyed::per_minute(settings.requests_per_minute_per_key),
            user_broadcasts: Keyed::per_minute(settings.broadcasts_per_minute_per_user),
            key_broadcasts: Keyed::per_minute(settings.broadcasts_per_minute_per_key),
            guest_votes: Keyed::per_minute(settings.guest_votes_per_minute_per_ip),
            webhooks: Keyed::new(WEBHOOKS_PER_SECOND, WEBHOOKS_BURST),
        }
    }

    fn sweep(&self) {
        if let Some(users) = &self.user_events {
            users.sweep();
        }
        if let Some(networks) = &self.network_events {
            networks.sweep();
        }
        for users in [&self.user_requests, &self.user_broadcasts].into_iter().flatten() {
            users.sweep();
        }
        for keys in [&self.key_requests, &self.key_broadcasts].into_iter().flatten() {
            keys.sweep();
        }
        for networks in [&self.guest_votes, &self.webhooks].into_iter().flatten() {
            networks.sweep();
        }
    }
}

/// What changes together when an app is edited.
#[derive(Debug)]
struct Current {
    app: Arc<App>,
    limits: Arc<Limits>,
}

/// One app and everything that runs for it.
#[derive(Debug)]
pub struct LiveApp {
    /// Replaced as a whole when the app is edited; read for every message.
    current: RwLock<Current>,
    /// When the app was made, in seconds since 1970; an app made at another time is another app.
    made: Option<i64>,
    /// The app's sockets and channels on this node.
    pub hub: Hub,
    /// What runs for its access rules.
    pub(super) access: Access,
    /// Who waits for notifications over HTTP.
    pub(super) readers: Arc<Readers>,
    /// Published events that are still to be written into the broadcast log.
    pub(super) published: Published,
    /// Who is online.
    pub(super) presence: Presence,
    /// Who is typing.
    pub(super) typing: Typing,
    /// Messages of chats that wait to be written.
    pub(super) together: Together,
}

impl LiveApp {
    fn new(Listed { app, made }: Listed, metrics: AppMetrics, access: Access) -> Self {
        let limits = Arc::new(Limits::new(&app.settings));
        Self {
            current: RwLock::new(Current { app: Arc::new(app), limits }),
            made,
            hub: Hub::new(metrics),
            access,
            readers: Arc::default(),
            published: Published::default(),
            presence: Presence::default(),
            typing: Typing::default(),
            together: Together::default(),
        }
    }

    /// Tells whether this is the listed app, edited or not.
    fn is(&self, listed: &Listed) -> bool {
        self.made == listed.made && self.current.read().app.key == listed.app.key
    }

    /// The app as it is now.
    #[must_use]
    pub fn app(&self) -> Arc<App> {
        Arc::clone(&self.current.read().app)
    }

    /// The shared limits as they are now.
    #[must_use]
    pub fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.current.read().limits)
    }

    /// Handles that count for this app.
    #[must_use]
    pub fn metrics(&self) -> &AppMetrics {
        self.hub.metrics()
    }

    /// Brings an edited app into force and tells why its sockets have to go, if they have to.
    fn update(&self, app: App) -> Option<CloseReason> {
        let mut current = self.current.write();
        if *current.app == app {
            return None;
        }
        if current.app.settings != app.settings {
            current.limits = Arc::new(Limits::new(&app.settings));
        }
        let enabled = app.enabled;
        let (old, new) = (&current.app.settings, &app.settings);
        let has_other_rules = (old.authz, old.guarded_public, &old.channel_routes)
            != (new.authz, new.guarded_public, &new.channel_routes);
        current.app = Arc::new(app);
        drop(current);
        if has_other_rules {
            self.reconsider();
        }
        if enabled {
            self.hub.reopen();
        }
        (!enabled).then_some(CloseReason::AppDisabled)
    }
}

#[derive(Debug, Default)]
struct Directory {
    by_id: HashMap<AppId, Arc<LiveApp>>,
    by_key: HashMap<AppKey, Arc<LiveApp>>,
    /// The app of those who name none.
    default: Option<Arc<LiveApp>>,
}

/// All apps of this server.
#[derive(Debug)]
pub struct Apps {
    /// Guards the directory; written only when apps change.
    directory: RwLock<Directory>,
    metrics: Arc<Metrics>,
    store: Store,
    /// Key of encrypted channels; `None` = this server authorises none of them.
    master_key: Option<MasterKey>,
}

impl Apps {
    /// Makes an empty directory. The apps' access rules read the roster from the store.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, store: Store) -> Self {
        Self { directory: RwLock::default(), metrics, store, master_key: None }
    }

    /// An empty directory whose apps can read no roster, for tests that need none.
    #[cfg(test)]
    pub(crate) fn without_store(metrics: Arc<Metrics>) -> Self {
        Self::new(metrics, Store::unopened())
    }

    /// Lets the auth endpoint authorise encrypted channels.
    #[must_use]
    pub fn with_master_key(self, master_key: Option<MasterKey>) -> Self {
        Self { master_key, ..self }
    }

    /// The app with this key.
    #[must_use]
    pub fn by_key(&self, key: &str) -> Option<Arc<LiveApp>> {
        let key = AppKey::parse(key).ok()?;
        self.directory.read().by_key.get(&key).cloned()
    }

    /// The app with this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<Arc<LiveApp>> {
        let id = AppId::parse(id).ok()?;
        self.directory.read().by_id.get(&id).cloned()
    }

    /// The app of those who name none: the configured one, else the oldest that is enabled.
    #[must_use]
    pub fn default_app(&self) -> Option<Arc<LiveApp>> {
        self.directory.read().default.clone()
    }

    /// All apps.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<LiveApp>> {
        self.directory.read().by_id.values().cloned().collect()
    }

    /// Brings the list of apps into force. The first one counts where two have the same id or key.
    pub fn replace<L: Into<Listed>>(&self, apps: Vec<L>) {
        // Sockets are told without the lock, which every handshake and request needs.
        for (live, reason) in self.exchange(apps.into_iter().map(Into::into)) {
            live.hub.end_all(reason);
        }
    }

    fn access(&self) -> Access {
        Access::new(self.store.clone(), self.master_key.clone())
    }

    /// Exchanges the directory and returns the apps whose sockets have to go.
    fn exchange(&self, apps: impl Iterator<Item = Listed>) -> Vec<(Arc<LiveApp>, CloseReason)> {
        let mut directory = self.directory.write();
        let Directory { by_id: mut before, .. } = std::mem::take(&mut *directory);
        let mut gone = Vec::new();
        for listed in apps {
            let (id, key) = (listed.app.id.clone(), listed.app.key.clone());
            if directory.by_id.contains_key(&id) || directory.by_key.contains_key(&key) {
                continue;
            }
            let live = match before.remove(&id) {
                Some(live) if live.is(&listed) => {
                    gone.extend(live.update(listed.app).map(|reason| (Arc::clone(&live), reason)));
                    live
                }
                Some(other) => {
                    let live = Arc::new(LiveApp::new(listed, other.metrics().clone(), self.access()));
                    gone.push((other, CloseReason::UnknownApp));
                    live
                }
                None => Arc::new(LiveApp::new(listed, self.metrics.for_app(&id), self.access())),
            };
            directory.by_id.insert(id, Arc::clone(&live));
            directory.by_key.insert(key, live);
        }
        let enabled = directory.by_id.values().filter(|live| live.app().enabled);
        // The configured app was made at no time, which comes first.
        directory.default = enabled.min_by_key(|live| (live.made, live.app().id.clone())).cloned();
        gone.extend(before.into_values().map(|live| (live, CloseReason::UnknownApp)));
        gone
    }

    /// Does what is due in every app; about once a second.
    pub fn tick(&self, now: Instant) {
        for live in self.all() {
            live.hub.tick(&live.app().settings, now);
            live.limits().sweep();
            live.typing.sweep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::app::Secret;

    fn listed(key: &str, made: i64) -> Listed {
        let app = App {
            id: AppId::parse("campus").unwrap(),
            key: AppKey::parse(key).unwrap(),
            name: "Campus".to_owned(),
            secrets: vec![Secret::new("0123456789abcdef")],
            enabled: true,
            settings: AppSettings::default(),
        };
        Listed { app, made: Some(made) }
    }

    #[test]
    fn edited_app_stays_and_another_key_or_birth_makes_another_app() {
        let apps = Apps::without_store(Arc::new(Metrics::new().unwrap()));
        let replace = |listed: Listed| {
            apps.replace(vec![listed]);
            apps.by_id("campus").unwrap()
        };
        let first = replace(listed("key", 1));
        let mut edited = listed("key", 1);
        edited.app.enabled = false;
        assert!(Arc::ptr_eq(&first, &replace(edited)));
        assert!(!first.app().enabled);

        let again = replace(listed("key", 2));
        assert!(!Arc::ptr_eq(&first, &again));
        let other = replace(listed("other", 2));
        assert!(!Arc::ptr_eq(&again, &other));
        assert!(apps.by_key("key").is_none() && Arc::ptr_eq(&apps.by_key("other").unwrap(), &other));
    }

    #[test]
    fn configured_app_is_the_default_and_else_the_oldest_that_is_enabled() {
        let apps = Apps::without_store(Arc::new(Metrics::new().unwrap()));
        let named = |name: &str, made: Option<i64>, enabled: bool| {
            let mut listed = Listed { made, ..listed(name, 0) };
            listed.app.id = AppId::parse(name).unwrap();
            listed.app.enabled = enabled;
            listed
        };
        let default = || apps.default_app().map(|live| live.app().id.to_string());
        assert_eq!(default(), None);
        apps.replace(vec![named("young", Some(3), true), named("off", Some(1), false), named("old", Some(2), true)]);
        assert_eq!(default().as_deref(), Some("old"));
        apps.replace(vec![named("old", Some(2), true), named("configured", None, true)]);
        assert_eq!(default().as_deref(), Some("configured"));
    }

    #[test]
    fn first_one_counts_where_two_have_the_same_id_or_key() {
        let apps = Apps::without_store(Arc::new(Metrics::new().unwrap()));
        let mut twin = listed("key", 1);
        twin.app.id = AppId::parse("twin").unwrap();
        apps.replace(vec![listed("key", 1), listed("other", 2), twin]);
        assert_eq!(apps.all().len(), 1);
        assert_eq!(apps.by_id("campus").unwrap().app().key.as_str(), "key");
    }
}

//! The apps of this server as they are now, and what runs for each.
//!
//! Apps come from the configuration and from the database; [`Apps::replace`] brings changes into force while sockets stay
//! connected: new limits and secrets count from the next message on, sockets of a disabled or deleted app are closed.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

use parking_lot::RwLock;

use crate::{
    domain::app::{App, AppSettings},
    hub::Hub,
    ids::{AppId, AppKey, UserId},
    metrics::{AppMetrics, Metrics},
    protocol::CloseReason,
    throttle::{Keyed, Network, Shared},
};

/// A user's sockets together may send this many times what one socket may send.
const USER_SHARE: u32 = 3;

/// All sockets of one address together may send this many times what one socket may send: a school is one address.
const NETWORK_SHARE: u32 = 100;

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
}

impl Limits {
    fn new(settings: &AppSettings) -> Self {
        let share = |times: u32| settings.client_events_per_second.saturating_mul(times);
        Self {
            events: Shared::new(settings.events_per_second),
            reads: Shared::new(settings.reads_per_second),
            user_events: Keyed::new(share(USER_SHARE), share(USER_SHARE)),
            network_events: Keyed::new(share(NETWORK_SHARE), share(NETWORK_SHARE)),
        }
    }

    fn sweep(&self) {
        if let Some(users) = &self.user_events {
            users.sweep();
        }
        if let Some(networks) = &self.network_events {
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
    /// The app's sockets and channels on this node.
    pub hub: Hub,
}

impl LiveApp {
    fn new(app: App, metrics: AppMetrics) -> Self {
        let limits = Arc::new(Limits::new(&app.settings));
        Self { current: RwLock::new(Current { app: Arc::new(app), limits }), hub: Hub::new(metrics) }
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

    fn update(&self, app: App) {
        let mut current = self.current.write();
        if *current.app == app {
            return;
        }
        if current.app.settings != app.settings {
            current.limits = Arc::new(Limits::new(&app.settings));
        }
        let enabled = app.enabled;
        current.app = Arc::new(app);
        drop(current);
        if enabled {
            self.hub.reopen();
        } else {
            self.hub.end_all(CloseReason::AppDisabled);
        }
    }
}

#[derive(Debug, Default)]
struct Directory {
    by_id: HashMap<AppId, Arc<LiveApp>>,
    by_key: HashMap<AppKey, Arc<LiveApp>>,
}

/// All apps of this server.
#[derive(Debug)]
pub struct Apps {
    /// Guards the directory; written only when apps change.
    directory: RwLock<Directory>,
    metrics: Arc<Metrics>,
}

impl Apps {
    /// Makes an empty directory.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { directory: RwLock::default(), metrics }
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

    /// All apps.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<LiveApp>> {
        self.directory.read().by_id.values().cloned().collect()
    }

    /// Brings the list of apps into force. The first one counts where two have the same id or key.
    pub fn replace(&self, apps: Vec<App>) {
        let mut directory = self.directory.write();
        let mut kept = HashSet::new();
        let mut keys = HashMap::new();
        for app in apps {
            if kept.contains(&app.id) || keys.contains_key(&app.key) {
                continue;
            }
            let (id, key) = (app.id.clone(), app.key.clone());
            let live = match directory.by_id.get(&id) {
                Some(live) => {
                    live.update(app);
                    Arc::clone(live)
                }
                None => {
                    let live = Arc::new(LiveApp::new(app, self.metrics.for_app(&id)));
                    directory.by_id.insert(id.clone(), Arc::clone(&live));
                    live
                }
            };
            kept.insert(id);
            keys.insert(key, live);
        }
        directory.by_key = keys;
        directory.by_id.retain(|id, live| {
            let stays = kept.contains(id);
            if !stays {
                live.hub.end_all(CloseReason::UnknownApp);
            }
            stays
        });
    }

    /// Does what is due in every app; about once a second.
    pub fn tick(&self, now: Instant) {
        for live in self.all() {
            live.hub.tick(&live.app().settings, now);
            live.limits().sweep();
        }
    }
}

//! The running server: binds, wires the rooms together, accepts, and goes down in order.
//!
//! [`build`] binds everything (port 0 is allowed) and [`Server::run`] serves until it is told to stop. Tests and `main` use
//! the same two functions. All tasks are tracked: what has not come to its end 5 s after the last socket is left behind.

mod accept;
mod chat;
mod classroom;
mod clock;
mod directory;
mod door;
mod drain;
mod keep;
mod roster;
mod handshakes;
mod sending;
mod tidy;
mod tls;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use self::directory::Credentials;
pub use self::directory::FirstApp;
use self::{accept::Accept, door::Door, handshakes::Handshakes, keep::Keep, tidy::Tidy};
use crate::{
    api::{
        self, Services,
        page::{Address, Development, Pages, SecretIs},
    },
    config::{Config, Mode, PublicAddress, Scheme, ServerConfig},
    identity::{self, Verifier},
    ids,
    metrics::Metrics,
    outbound,
    services::{
        Apps, Callers, Chats, Once, Teller, audit::Audit, broadcast::Broadcasts, broadcast_log::BroadcastLog, new_id,
        notification::Notifications, now, poll::Polls, roster::Roster, sockets::Capacity, streams::Streams,
    },
    store::{self, Store},
    telemetry::{self, Health},
    throttle::Keyed,
    ws::{self, upgrade::Gate},
};

/// Descriptors kept free for listeners, the database, HTTP requests and files; half of them all if there are few.
const RESERVED_DESCRIPTORS: u64 = 128;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {source}; --host and --port choose another address")]
    Bind {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The address for metrics cannot be bound.
    #[error("cannot serve metrics on {address}: {source}; --metrics-address chooses another address, or 'off'")]
    BindMetrics {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] tls::Error),
    /// The database cannot be used.
    #[error("database: {0}")]
    Store(#[from] store::Error),
    /// The database gives no answer.
    #[error("database: no answer within {after:?}")]
    Stalled {
        /// How long was waited.
        after: Duration,
    },
    /// Metrics cannot be set up.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// No random numbers for a new app.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// Outgoing requests cannot be made.
    #[error("outgoing requests: {0}")]
    Outbound(#[from] outbound::Error),
    /// An issuer's key cannot be used.
    #[error("issuers of tokens: {0}")]
    Identity(#[from] identity::Error),
    /// A new app's name is none.
    #[error("{0}")]
    Id(#[from] ids::Error),
}

/// Result of starting the server.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A server that is bound and not yet serving.
pub struct Server {
    config: Config,
    store: Store,
    gate: Arc<Gate>,
    health: Arc<Health>,
    public: TcpListener,
    metrics: Option<TcpListener>,
    tls: Option<TlsAcceptor>,
    first_app: Option<FirstApp>,
    services: Services,
    pages: Arc<Pages>,
}

/// Opens and migrates the database, loads the apps and binds the addresses. A development server without any app makes one.
///
/// # Errors
/// When the database, the certificate or an address cannot be used.
pub async fn build(config: Config) -> Result<Server> {
    let tls = config.server.tls.as_ref().map(tls::acceptor).transpose()?;
    let store = open_store(&config).await?;
    let steps = store.migrate().await?;
    if !steps.is_empty() {
        tracing::info!(steps = steps.len(), "database migrated");
    }
    let first_app = directory::first_app(&config, &store).await?;
    let metrics = Arc::new(Metrics::new()?);
    let apps =
        Arc::new(Apps::new(Arc::clone(&metrics), store.clone()).with_master_key(config.encryption_master_key.clone()));
    directory::load(&config, &store, &apps).await?;
    let outbound = Arc::new(outbound::Client::new(&config.outbound)?);
    let verifier = Verifier::new(config.issuers.clone(), &outbound)?;
    let callers = Arc::new(Callers::new(Arc::clone(&apps), &store, verifier));
    let teller = Arc::new(Teller::new(store.clone(), Arc::clone(&apps)));
    let broadcast_log = Arc::new(BroadcastLog::new(store.clone(), Arc::clone(&apps)));
    let (told, log) = (Arc::clone(&teller), Arc::clone(&broadcast_log));
    let notifications = Arc::new(Notifications::new(store.clone(), Arc::clone(&apps), told, log));
    let (told, log) = (Arc::clone(&teller), Arc::clone(&broadcast_log));
    let services = Services {
        apps: Arc::clone(&apps),
        callers: Arc::clone(&callers),
        roster: Arc::new(Roster::new(store.clone())),
        chats: Arc::new(Chats::new(store.clone(), Arc::clone(&teller))),
        polls: Arc::new(Polls::new(store.clone(), Arc::clone(&teller), Arc::clone(&apps))),
        teller,
        notifications,
        broadcasts: Arc::new(Broadcasts::new(store.clone(), told, log)),
        broadcast_log,
        audit: Arc::new(Audit::new(store.clone())),
        strangers: Keyed::per_minute(config.server.guest_requests_per_minute_per_ip).map(Arc::new),
        streams: Arc::new(Streams::new(store.clone())),
        once: Arc::new(Once::new(store.clone())),
        tasks: TaskTracker::new(),
    };

    let public = accept::bind(&config.server.bind_address()).await?;
    let port =
        public.local_addr().map_err(|source| Error::Bind { address: config.server.bind_address(), source })?.port();
    let pages = Arc::new(pages(&config, &apps, first_app.as_ref(), port)?);
    let metrics_listener = bind_metrics(&config).await?;
    let gate = Gate {
        apps,
        callers,
        teller: Arc::clone(&services.teller),
        capacity: Capacity::new(capacity(config.server.max_connections)),
        connects: Keyed::per_minute(config.server.connects_per_minute_per_ip),
        draining: AtomicBool::new(false),
        config: Arc::new(ws::Config {
            outbox_bytes: config.server.outbox_bytes,
            pong_timeout: config.server.pong_timeout,
            ..ws::Config::default()
        }),
        metrics: Arc::clone(&metrics),
    };
    let health = Arc::new(Health { metrics, ready: AtomicBool::new(true) });
    Ok(Server {
        config,
        store,
        gate: Arc::new(gate),
        health,
        public,
        metrics: metrics_listener,
        tls,
        first_app,
        services,
        pages,
    })
}

/// Opens the database that the configuration names; makes it where it is a file that is missing.
///
/// # Errors
/// When it cannot be opened.
pub async fn open_store(config: &Config) -> Result<Store> {
    Ok(Store::open(&store_config(config)).await?)
}

/// The same for those who are no server: what is not there yet is not made.
///
/// # Errors
/// When it cannot be opened, or is a file that is missing.
pub async fn open_existing_store(config: &Config) -> Result<Store> {
    Ok(Store::open_existing(&store_config(config)).await?)
}

fn store_config(config: &Config) -> store::Config {
    store::Config { url: config.store.url.expose().to_owned(), node: new_id(now()), ..store::Config::default() }
}

/// Binds the listener for metrics. A second server on a developer's machine goes without rather than not at all.
async fn bind_metrics(config: &Config) -> Result<Option<TcpListener>> {
    let Some(address) = config.server.metrics_address else { return Ok(None) };
    let is_default = ServerConfig::default().metrics_address == Some(address);
    match accept::bind(&address.to_string()).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if is_default && config.mode == Mode::Development => {
            tracing::warn!(%error, "metrics are not served; --metrics-address chooses another address, or 'off'");
            Ok(None)
        }
        Err(Error::Bind { address, source }) => Err(Error::BindMetrics { address, source }),
        Err(error) => Err(error),
    }
}

/// Sockets this node holds: what is asked for, and never more than the descriptors allow.
fn capacity(asked: u32) -> usize {
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1_024);
    let reserved = RESERVED_DESCRIPTORS.min(descriptors / 2);
    let possible = usize::try_from(descriptors - reserved).unwrap_or(usize::MAX);
    if asked == 0 {
        return possible;
    }
    if asked as usize > possible {
        tracing::warn!(asked, possible, "max_connections is more than the descriptor limit allows, raise 'ulimit -n'");
    }
    possible.min(asked as usize)
}

impl Server {
    /// Address of the public listener, with the real port.
    ///
    /// # Errors
    /// When the system does not know it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// Address of the listener for metrics and health.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// The app whose settings greet whoever starts the server.
    #[must_use]
    pub fn first_app(&self) -> Option<&FirstApp> {
        self.first_app.as_ref()
    }

    /// Who tells what happens in the classroom, for programs that run the server within themselves.
    #[must_use]
    pub fn teller(&self) -> Arc<Teller> {
        Arc::clone(&self.services.teller)
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Serves until `stop` completes, then sends the sockets away at a measured pace and returns.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { config, store, gate, health, public, metrics, tls, services, pages, .. } = self;
        let port = public.local_addr().map_or(config.server.port, |address| address.port());
        let tasks = services.tasks.clone();
        let token = CancellationToken::new();
        let keep = Keep { tasks: tasks.clone(), token: token.clone(), metrics: Arc::clone(&health.metrics) };
        let door = Arc::new(public_door(&config, &gate, services.clone(), (pages, port)));
        let handshakes = Handshakes::new(config.server.max_handshakes, config.server.max_handshakes_per_ip);
        let accept = |listener, tls, door, handshakes| Accept {
            listener,
            tls,
            door,
            handshakes,
            header_timeout: config.server.header_timeout,
            tasks: tasks.clone(),
            token: token.clone(),
        };
        let public = Arc::new(accept(public, tls, door, handshakes));
        keep.going("accept", public, |accept, _token| accept.run());
        if let Some(listener) = metrics {
            let door = Arc::new(Door::plain(telemetry::routes(Arc::clone(&health)), Arc::clone(&gate)));
            let metrics = Arc::new(accept(listener, None, door, Handshakes::new(64, 64)));
            keep.going("accept metrics", metrics, |accept, _token| accept.run());
        }
        keep.going("clock", (Arc::clone(&gate), services.strangers.clone()), clock::keep_time);
        keep_house(&keep, &config, &store, services);

        stop.await;
        health.ready.store(false, Ordering::Relaxed);
        tokio::time::sleep(config.server.drain_delay).await;
        drain::drain(&gate, config.server.drain).await;
        token.cancel();
        tasks.close();
        let _all_done = tokio::time::timeout(Duration::from_secs(5), tasks.wait()).await;
        if let Err(error) = store.close().await {
            tracing::warn!(%error, "database did not close cleanly");
        }
    }
}

/// Starts what is done over and over, whether somebody visits or not.
fn keep_house(keep: &Keep, config: &Config, store: &Store, services: Services) {
    let Services { apps, callers, teller, chats, polls, notifications, broadcasts, broadcast_log, once, tasks, .. } =
        services;
    let listed = (config.clone(), store.clone(), Arc::clone(&apps));
    keep.going("apps", listed, directory::keep_fresh);
    keep.going("deadlines", (Arc::clone(&apps), tasks.clone()), roster::keep_deadlines);
    keep.going("roster", (store.clone(), Arc::clone(&apps), tasks.clone()), roster::keep_following);
    keep.going("chats", (store.clone(), Arc::clone(&apps), tasks), chat::keep_following);
    keep.going("typing", Arc::clone(&apps), clock::keep_typing);
    keep.going("presence", Arc::clone(&apps), classroom::keep_presence);
    keep.going("node", (store.clone(), Arc::clone(&apps)), classroom::keep_node);
    keep.going("checkpoints", store.clone(), tidy::keep_checkpoints);
    keep.going("telling", (teller, Arc::clone(&chats)), classroom::keep_telling);
    keep.going("polls", polls, classroom::keep_polls);
    keep.going("notes", callers, clock::keep_notes);
    keep.going("sending", Arc::clone(&notifications), sending::keep_sending);
    keep.going("logging", Arc::clone(&broadcast_log), sending::keep_logging);
    let tidy = Tidy {
        store: store.clone(),
        apps,
        chats,
        once,
        notifications,
        broadcasts,
        broadcast_log,
        audit_days: config.store.audit_days,
        presence_days: config.store.presence_days,
    };
    keep.going("tidy", tidy, Tidy::keep);
}

/// The pages of this server; `port` is the bound one.
fn pages(config: &Config, apps: &Arc<Apps>, first_app: Option<&FirstApp>, port: u16) -> Result<Pages> {
    let development = || {
        let PublicAddress { scheme, host, port, path } = config.public.address(&config.server, port);
        let secret = |first: &FirstApp| if first.is_configured { SecretIs::Configured } else { SecretIs::Stored };
        Development {
            apps: Arc::clone(apps),
            first_app: first_app.map(|first| (first.app.id.clone(), secret(first))),
            address: Address { tls: scheme == Scheme::Https, host, port, path },
            cluster: config.public.cluster.clone().unwrap_or_else(|| "mt1".to_owned()),
            started: now(),
        }
    };
    Ok(Pages::new(&config.server.path, (config.mode == Mode::Development).then(development))?)
}

fn public_door(config: &Config, gate: &Arc<Gate>, services: Services, (pages, port): (Arc<Pages>, u16)) -> Door {
    let usual = api::Config::default();
    let public = config.public.address(&config.server, port);
    let api = Arc::new(api::Config {
        max_request_bytes: config.server.max_request_bytes,
        body_timeout: config.server.header_timeout,
        max_batch_bytes: usual.max_batch_bytes.max(config.server.max_request_bytes),
        path_prefix: config.server.path.clone(),
        pusher: config.server.pusher,
        mode: if config.mode == Mode::Development { "development" } else { "production" },
        socket_url: public.socket_url(),
        public_host: public.host,
        cluster: config.public.cluster.clone().unwrap_or_else(|| "mt1".to_owned()),
        trigger_open: config.server.trigger_open,
        heartbeat: config.server.stream_heartbeat,
    });
    Door::public(api::routes(services, pages, api), Arc::clone(gate), &config.server)
}

//! The server under test: the real one, on free ports, with a database file of its own.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use campanile::{
    config::Config,
    domain::app::{App, AppSettings, Secret},
    ids::{AppId, AppKey},
    protocol::signature,
    server,
    services::Teller,
    store::{self, NewApp, Store},
};
use chrono::DateTime;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinSet};

use super::{client::Client, within};

/// What names an app and signs for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) id: &'static str,
    pub(crate) key: &'static str,
    pub(crate) secret: &'static str,
}

/// The app that every server under test has.
pub(crate) const MAIN: Keys = Keys { id: "app-id", key: "app-key", secret: "app-secret" };

/// The second app of [`TestApp::with_two_apps`].
pub(crate) const OTHER: Keys = Keys { id: "other-id", key: "other-key", secret: "other-secret" };

impl Keys {
    /// `auth` of a subscription: `KEY:SIGNATURE` over `socket_id:channel[:channel_data]`.
    pub(crate) fn channel_auth(self, socket: &str, channel: &str, data: Option<&str>) -> String {
        let mut text = format!("{socket}:{channel}");
        if let Some(data) = data {
            text = format!("{text}:{data}");
        }
        format!("{}:{}", self.key, self.sign(&text))
    }

    /// `auth` of a sign-in: `KEY:SIGNATURE` over `socket_id::user::user_data`.
    pub(crate) fn user_auth(self, socket: &str, user_data: &str) -> String {
        format!("{}:{}", self.key, self.sign(&format!("{socket}::user::{user_data}")))
    }

    /// HMAC-SHA256 in hexadecimal digits.
    pub(crate) fn sign(self, text: &str) -> String {
        signature::sign(&Secret::new(self.secret), &[text])
    }

    /// The app as the configuration holds it.
    pub(crate) fn app(self) -> App {
        App {
            id: AppId::parse(self.id).unwrap(),
            key: AppKey::parse(self.key).unwrap(),
            name: "Under test".to_owned(),
            secrets: vec![Secret::new(self.secret)],
            enabled: true,
            settings: AppSettings::default(),
        }
    }

    /// The app as the database takes it.
    pub(crate) fn row(self) -> NewApp {
        let App { id, key, name, secrets, enabled, .. } = self.app();
        NewApp { id, key, name, secrets, enabled, settings: Vec::new() }
    }
}

/// A running server. Dropping it ends it at once; [`TestApp::stop`] lets it go down in order.
pub(crate) struct TestApp {
    /// The public listener.
    pub(crate) address: SocketAddr,
    /// The listener for metrics and health.
    pub(crate) metrics: SocketAddr,
    /// Prefix of every path, as configured.
    pub(crate) prefix: String,
    pub(crate) http: reqwest::Client,
    /// Tells what happens in the classroom.
    pub(crate) teller: Arc<Teller>,
    database: store::Config,
    stop: Option<oneshot::Sender<()>>,
    server: JoinSet<()>,
    _folder: TempDir,
}

impl TestApp {
    /// Starts a server with the app [`MAIN`] and defaults everywhere.
    pub(crate) async fn start() -> Self {
        Self::with(|_config| ()).await
    }

    /// Starts a server whose configuration has been edited. Ports and the database file are chosen already.
    pub(crate) async fn with(edit: impl FnOnce(&mut Config)) -> Self {
        Self::launch(edit, &[]).await
    }

    /// Starts a server whose app [`MAIN`] has edited settings.
    pub(crate) async fn with_settings(edit: impl FnOnce(&mut AppSettings)) -> Self {
        Self::with(|config| edit(settings(config))).await
    }

    /// Starts a server with [`MAIN`] in its configuration and [`OTHER`] in its database.
    pub(crate) async fn with_two_apps() -> Self {
        Self::launch(|_config| (), &[OTHER]).await
    }

    async fn launch(edit: impl FnOnce(&mut Config), stored: &[Keys]) -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite://{}", folder.path().join("campanile.db").display());
        let mut config = Config { app: Some(MAIN.app()), ..Config::default() };
        config.store.url = url.parse().unwrap();
        config.server.port = 0;
        config.server.metrics_address = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        edit(&mut config);
        let url = config.store.url.expose().to_owned();
        let database = store::Config { url, ..store::Config::default() };
        if !stored.is_empty() {
            Box::pin(store_apps(&database, stored)).await;
        }
        let prefix = config.server.path.clone();
        let server = Box::pin(server::build(config)).await.unwrap();
        let (address, metrics) = (server.address().unwrap(), server.metrics_address().unwrap());
        let teller = server.teller();
        let (stop, stopped) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(Box::pin(server.run(async {
            let _asked_or_dropped = stopped.await;
        })));
        let http = reqwest::Client::new();
        Self { address, metrics, prefix, http, teller, database, stop: Some(stop), server: tasks, _folder: folder }
    }

    /// A second connection to the server's database.
    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.database).await.unwrap()
    }

    /// The same, as another server of this name has it.
    pub(crate) async fn store_of(&self, node: &str) -> Store {
        Store::open(&store::Config { node: node.to_owned(), ..self.database.clone() }).await.unwrap()
    }

    /// Asks the server to go down, without waiting for it.
    pub(crate) fn begin_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _gone = stop.send(());
        }
    }

    /// Waits until the server has gone down after [`TestApp::begin_stop`].
    pub(crate) async fn stopped(&mut self) {
        within("the server goes down", self.server.join_next()).await.unwrap().unwrap();
    }

    /// Lets the server go down in order and waits for it.
    pub(crate) async fn stop(mut self) {
        self.begin_stop();
        self.stopped().await;
    }

    /// Opens a socket of [`MAIN`] and takes its greeting.
    pub(crate) async fn connect(&self) -> Client {
        self.connect_to(MAIN).await
    }

    /// Opens a socket of an app and takes its greeting.
    pub(crate) async fn connect_to(&self, keys: Keys) -> Client {
        let mut client = self.open(&format!("/app/{}?protocol=7&client=js&version=8.6.0&flash=false", keys.key)).await;
        client.keys = keys;
        client.established().await;
        client
    }

    /// Opens a socket of [`MAIN`] from a page of this origin and takes its greeting.
    pub(crate) async fn connect_from(&self, origin: &str) -> Client {
        let path = format!("/app/{}?protocol=7&client=js&version=8.6.0&flash=false", MAIN.key);
        let mut client = self.open_with(&path, &[("Origin", origin)]).await;
        client.established().await;
        client
    }

    /// Opens a socket at a path (below the prefix) and reads nothing yet.
    pub(crate) async fn open(&self, path: &str) -> Client {
        self.open_with(path, &[]).await
    }

    /// Opens a socket with further request headers and reads nothing yet.
    pub(crate) async fn open_with(&self, path: &str, headers: &[(&str, &str)]) -> Client {
        Client::open(self.address, &format!("{}{path}", self.prefix), headers).await.unwrap()
    }

    /// Opens `count` sockets with greeting, some at a time.
    pub(crate) async fn crowd(&self, count: usize) -> Vec<Client> {
        let mut crowd = Vec::with_capacity(count);
        while crowd.len() < count {
            let batch = (count - crowd.len()).min(50);
            crowd.extend(futures_util::future::join_all((0..batch).map(|_| self.connect())).await);
        }
        crowd
    }
}

/// A database in memory, without tables.
pub(crate) async fn memory() -> Store {
    Store::open(&store::Config { url: "sqlite::memory:".to_owned(), ..store::Config::default() }).await.unwrap()
}

/// Settings of the configured app.
pub(crate) fn settings(config: &mut Config) -> &mut AppSettings {
    &mut config.app.as_mut().unwrap().settings
}

async fn store_apps(database: &store::Config, apps: &[Keys]) {
    let store = Store::open(database).await.unwrap();
    store.migrate().await.unwrap();
    for keys in apps {
        store.app_create(keys.row(), DateTime::UNIX_EPOCH).await.unwrap();
    }
    store.close().await.unwrap();
}

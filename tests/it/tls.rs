//! TLS in process: sockets over it, and clients that do not finish the hand-shake.

use std::{fs, sync::Arc, time::Duration};

use campanile::config::{Config, TlsFiles};
use futures_util::{SinkExt, StreamExt};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::support::{
    app::{TestApp, settings},
    raw::Raw,
    within,
};

/// A certificate for localhost, its files, and whoever trusts it.
struct Identity {
    folder: TempDir,
    connector: TlsConnector,
}

impl Identity {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { folder, connector: TlsConnector::from(Arc::new(config)) }
    }

    fn configure(&self, config: &mut Config) {
        let file = |name: &str| self.folder.path().join(name);
        config.server.tls = Some(TlsFiles { cert: file("cert.pem"), key: file("key.pem") });
        config.server.header_timeout = Duration::from_secs(1);
        settings(config).require_tls = true;
    }

    async fn connect(&self, app: &TestApp) -> WebSocketStream<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(app.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = within("TLS", self.connector.connect(name, stream)).await.unwrap();
        let upgrade = Box::pin(client_async("wss://localhost/app/app-key", stream));
        within("upgrade", upgrade).await.unwrap().0
    }
}

async fn json(socket: &mut WebSocketStream<TlsStream<TcpStream>>) -> Value {
    match within("a frame", socket.next()).await.unwrap().unwrap() {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn socket_over_tls_is_served_where_the_app_demands_it() {
    let identity = Identity::new();
    let app = TestApp::with(|config| identity.configure(config)).await;
    let mut socket = identity.connect(&app).await;
    assert_eq!(json(&mut socket).await["event"], "pusher:connection_established");
    // Several records long, so that a write is cut somewhere in the middle.
    let name = "x".repeat(200);
    for _ in 0..100 {
        let ask = format!(r#"{{"event":"pusher:subscribe","data":{{"channel":"{name}"}}}}"#);
        socket.feed(Message::text(ask)).await.unwrap();
    }
    socket.flush().await.unwrap();
    for _ in 0..100 {
        assert_eq!(json(&mut socket).await["channel"], *name);
    }
    socket.send(Message::Binary(vec![1].into())).await.unwrap();
    let close = within("a close frame", socket.next()).await.unwrap().unwrap();
    assert!(matches!(close, Message::Close(Some(frame)) if u16::from(frame.code) == 1003));
}

#[tokio::test]
async fn tls_handshake_that_stalls_is_cut_and_one_that_is_none_too() {
    let identity = Identity::new();
    let app = TestApp::with(|config| identity.configure(config)).await;
    let mut silent = Raw::dial(app.address).await;
    let mut half = Raw::dial(app.address).await;
    // Header of a record that never comes.
    half.send(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await;
    let mut plain = Raw::dial(app.address).await;
    plain.send(crate::support::raw::HANDSHAKE.as_bytes()).await;
    for raw in [&mut silent, &mut half, &mut plain] {
        raw.ended().await;
    }
    let mut socket = identity.connect(&app).await;
    assert_eq!(json(&mut socket).await["event"], "pusher:connection_established");
}

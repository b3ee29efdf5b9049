//! TLS in process: sockets and HTTP over one certificate.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::support::{
    binary::{Folder, Server, signed_target},
    wire::Wire,
    within,
};

/// Writes a certificate for `localhost` and its key.
fn certify(folder: &Folder) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    folder.write("cert.pem", &made.cert.pem());
    folder.write("key.pem", &made.signing_key.serialize_pem());
    made.cert.pem()
}

/// Connects to a server and believes only this certificate.
async fn connect(server: &Server, certificate: &str) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    within("TLS", TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap()
}

#[tokio::test]
async fn sockets_and_http_work_over_tls_and_plain_text_does_not() {
    let folder = Folder::new();
    let certificate = certify(&folder);
    let flags = ["--tls-cert", "cert.pem", "--tls-key", "key.pem", "--app-default", "require_tls=true"];
    let server = folder.serve_with(&flags, &[]);
    let keys = server.keys();
    assert!(server.banner.contains("https://") && server.told("REVERB_SCHEME") == "https", "{}", server.banner);

    let url = format!("wss://localhost:{}/app/{}", server.address.port(), keys.key);
    let stream = connect(&server, &certificate).await;
    let (mut socket, _) = within("upgrade", Box::pin(client_async(url, stream))).await.unwrap();
    let next = async |socket: &mut tokio_tungstenite::WebSocketStream<_>| -> Value {
        let message: Message = within("a frame", futures_util::StreamExt::next(socket)).await.unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    };
    assert_eq!(next(&mut socket).await["event"], "pusher:connection_established");
    let subscribe = json!({ "event": "pusher:subscribe", "data": { "channel": "room" } }).to_string();
    futures_util::SinkExt::send(&mut socket, Message::text(subscribe)).await.unwrap();
    assert_eq!(next(&mut socket).await["event"], "pusher_internal:subscription_succeeded");

    let mut wire = Wire::new(connect(&server, &certificate).await);
    for number in 0..3 {
        let body = json!({ "name": "bell", "channel": "room", "data": number.to_string() }).to_string();
        let target = signed_target(keys, "POST", &format!("/apps/{}/events", keys.id), &body);
        wire.ask("POST", &target, &[], &body).await;
        wire.answer().await.ok();
        assert_eq!(next(&mut socket).await["data"], number.to_string());
    }

    let mut plain = Wire::connect(server.address).await;
    plain.ask("GET", "/up", &[], "").await;
    assert!(!plain.rest().await.contains("HTTP/1.1"));
    server.stop();
    while let Some(Ok(message)) = within("the end", futures_util::StreamExt::next(&mut socket)).await {
        if let Message::Close(frame) = message {
            assert_eq!(u16::from(frame.unwrap().code), 4200);
        }
    }
}

#[test]
fn certificate_that_cannot_be_used_is_named_and_nothing_is_served() {
    let folder = Folder::new();
    certify(&folder);
    folder.write("nonsense.pem", "nonsense");
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    folder.write("other.pem", &other.signing_key.serialize_pem());
    for (cert, key, word) in [
        ("missing.pem", "key.pem", "missing.pem"),
        ("cert.pem", "nonsense.pem", "nonsense.pem"),
        ("nonsense.pem", "key.pem", "nonsense.pem"),
        ("cert.pem", "other.pem", "certificate and key"),
    ] {
        let ended = folder.run(&["--port", "0", "--metrics-address", "off", "--tls-cert", cert, "--tls-key", key]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.err.contains(word), "{cert} {key}: {}", ended.err);
    }
    let alone = folder.run(&["--tls-cert", "cert.pem"]).failed();
    assert!(alone.contains("tls_key"), "{alone}");
}

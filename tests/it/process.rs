//! The program as a process: signals, ports, the listener for metrics and health.

use std::net::TcpListener;

use rustix::process::Signal;

use crate::support::{
    binary::{Folder, Server},
    eventually,
};

#[tokio::test]
async fn sigterm_sends_every_client_away_with_4200_and_ends_with_success() {
    let folder = Folder::new();
    for signal in [Signal::TERM, Signal::INT] {
        let server = folder.serve();
        let keys = server.keys();
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(server.connect(keys).await);
        }
        server.signal(signal);
        for client in &mut clients {
            client.refused_with(4200).await;
        }
        server.ended().ok();
    }
}

#[tokio::test]
async fn second_signal_ends_the_server_at_once() {
    let folder = Folder::new();
    let server = folder.serve_with(&["--drain-delay-seconds", "3600"], &[]);
    let _client = server.connect(server.keys()).await;
    server.signal(Signal::TERM);
    until_unready(&server).await;
    server.signal(Signal::TERM);
    server.ended().ok();
}

#[tokio::test]
async fn no_log_filter_shows_what_clients_send() {
    let folder = Folder::new();
    let filter = ("CAMPANILE_LOG", "info,tungstenite=trace,tungstenite::protocol=trace");
    let server = folder.serve_with(&[], &[filter]);
    let mut client = server.connect(server.keys()).await;
    client.subscribe("canary-room").await;
    server.signal(Signal::TERM);
    client.refused_with(4200).await;
    let ended = server.ended();
    assert!(!ended.err.contains("canary"), "{}", ended.err);
    ended.ok();
}

async fn until_unready(server: &Server) {
    eventually("/ready says no", async || server.health("/ready").await.status == 503).await;
}

#[tokio::test]
async fn health_is_told_apart_from_the_public_listener_and_unready_comes_before_the_drain() {
    let folder = Folder::new();
    let server = folder.serve_with(&["--drain-delay-seconds", "3600"], &[]);
    let keys = server.keys();
    let mut client = server.connect(keys).await;
    for path in ["/live", "/ready"] {
        let answer = server.health(path).await;
        assert_eq!((answer.status, answer.text()), (200, "OK\n"), "{path}");
    }
    let metrics = server.health("/metrics").await;
    assert!(metrics.text().contains("campanile_connected{") && metrics.text().contains(keys.id), "{}", metrics.text());
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain"));
    assert_eq!(server.health("/nowhere").await.status, 404);
    for path in ["/live", "/ready", "/metrics"] {
        let mut wire = crate::support::wire::Wire::connect(server.address).await;
        wire.ask("GET", path, &[], "").await;
        assert_eq!(wire.answer().await.status, 404, "{path}");
    }

    server.signal(Signal::TERM);
    until_unready(&server).await;
    assert_eq!(server.health("/live").await.status, 200);
    // Until load balancers have noticed, everything goes on.
    server.connect(keys).await.subscribe("room").await;
    client.subscribe("room").await;
    server.publish(keys, "1").await.ok();
    client.expect_on("bell", "room").await;
    server.signal(Signal::TERM);
    server.ended().ok();
}

#[test]
fn port_that_is_taken_is_named() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port = address.port().to_string();
    let told = folder.run_with(&["--port", &port], &[("CAMPANILE_METRICS_ADDRESS", "off")]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains(&format!("cannot listen on {address}")), "{}", told.err);
    assert!(told.err.to_lowercase().contains("in use"), "{}", told.err);
    let told = folder.run(&["--port", "0", "--metrics-address", &address.to_string()]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains(&format!("cannot serve metrics on {address}")), "{}", told.err);
    assert!(told.err.contains("--metrics-address"), "{}", told.err);
}

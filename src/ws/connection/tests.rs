//! What is hard to provoke from outside: blocked writers, halves of streams, timers under load. Streams are in memory.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::{
    domain::app::{AppSettings, Secret},
    ids::{AppId, AppKey},
    metrics::Metrics,
    protocol::ChannelName,
    services::{Apps, sockets::Capacity},
};

fn live(set: impl FnOnce(&mut AppSettings)) -> Arc<LiveApp> {
    let mut settings = AppSettings::default();
    set(&mut settings);
    let apps = Apps::without_store(Arc::new(Metrics::new().unwrap()));
    apps.replace(vec![App {
        id: AppId::parse("1").unwrap(),
        key: AppKey::parse("k").unwrap(),
        name: "test".into(),
        secrets: vec![Secret::new("secret")],
        enabled: true,
        settings,
    }]);
    apps.by_key("k").unwrap()
}

fn admitted(live: &Arc<LiveApp>, bits: u64) -> Admitted {
    Admitted {
        live: Arc::clone(live),
        teller: Arc::new(Teller::without_store()),
        socket: live.open_socket(1 << 20, bits).unwrap(),
        place: Capacity::new(1).take().unwrap(),
        network: Network::from(std::net::IpAddr::from([127, 0, 0, 1])),
        announced: true,
        identified: None,
    }
}

/// A masked text frame; the mask is zero.
fn text(payload: &str) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload.as_bytes());
    frame
}

/// Serves `admitted` on one end of a stream that holds `buffer` bytes each way; gives the other end.
fn start(admitted: Admitted, buffer: usize) -> (DuplexStream, impl Future<Output = ()>) {
    let (client, server) = duplex(buffer);
    (client, serve(server, Bytes::new(), admitted, Arc::new(Config::default())))
}

/// Lets the other side of a `join!` run until it has nothing to do.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_close_frame_is_answered_although_the_client_has_ended_its_half() {
    let (mut client, serving) = start(admitted(&live(|_| ()), 1), 1 << 16);
    let talk = async {
        client.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]).await.unwrap();
        client.shutdown().await.unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        all
    };
    let ((), all) = tokio::join!(serving, talk);
    assert!(all.ends_with(&[0x88, 2, 0x03, 0xE8]), "{all:?}");
}

#[tokio::test]
async fn a_terminated_socket_is_heard_no_more_although_it_does_not_read() {
    let live = live(|settings| settings.client_events_on_public = true);
    let (me, other) = (admitted(&live, 1), live.open_socket(1 << 20, 99).unwrap());
    let socket = Arc::clone(&me.socket);
    let room = ChannelName::parse("room", (&live.app().settings).into()).unwrap();
    live.subscribe(&room, &other, None).unwrap();
    let (mut client, serving) = start(me, 2_048);
    let talk = async {
        client.write_all(&text(r#"{"event":"pusher:subscribe","data":{"channel":"room"}}"#)).await.unwrap();
        settle().await;
        for _ in 0..10 {
            live.hub.send(&socket, &Frame::text(|out| out.resize(out.len() + 8_000, b'x')));
        }
        settle().await;
        socket.outbox().end(CloseReason::Terminated);
        let before = other.outbox().queued_bytes();
        client.write_all(&text(r#"{"event":"client-x","channel":"room","data":{}}"#)).await.unwrap();
        settle().await;
        assert_eq!(other.outbox().queued_bytes(), before);
        drop(client);
    };
    tokio::join!(serving, talk);
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_asked_although_the_timer_elapsed_under_a_flood() {
    let live = live(|settings| settings.ping_interval = 1);
    let (mut client, serving) = start(admitted(&live, 1), 4 << 20);
    let talk = async {
        settle().await;
        let pong = format!("{}{}", r#"{"event":"pusher:pong"}"#, " ".repeat(16_000));
        tokio::time::advance(Duration::from_millis(1_030)).await;
        client.write_all(&text(&pong).repeat(60)).await.unwrap();
        settle().await;
        let mut said = Vec::new();
        while !String::from_utf8_lossy(&said).contains("pusher:ping") {
            let mut bytes = [0; 4_096];
            let count = client.read(&mut bytes).await.unwrap();
            assert!(count > 0, "closed without a ping");
            said.extend_from_slice(&bytes[..count]);
        }
        drop(client);
    };
    tokio::join!(serving, talk);
}

#[tokio::test]
async fn a_socket_that_was_admitted_and_never_served_gives_its_place_back() {
    let live = live(|settings| settings.max_connections = 1);
    let first = admitted(&live, 1);
    assert!(live.open_socket(1, 2).is_err());
    drop(first);
    assert_eq!(live.hub.connections(), 0);
    drop(admitted(&live, 3));
}

#[test]
fn a_hub_that_was_closed_takes_no_socket_that_was_judged_before() {
    let live = live(|_| ());
    live.hub.end_all(CloseReason::UnknownApp);
    let refused = live.open_socket(1, 1).unwrap_err();
    assert_eq!(refused, crate::hub::NotOpened::Closed(CloseReason::UnknownApp));
    live.hub.reopen();
    assert!(live.open_socket(1, 1).is_ok());
}

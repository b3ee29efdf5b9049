//! What is told after a writer has gone in the middle: once, and in the order of commits.

use std::{
    future::pending,
    task::{Context, Waker},
    time::Instant,
};

use super::*;
use crate::{
    domain::app::{App, AppSettings, Secret},
    hub::{Joining, Queue, Socket, Taken},
    ids::{AppId, AppKey, ExternalId},
    metrics::Metrics,
};

/// An app with a socket that hears chat 1.
struct World {
    store: Store,
    apps: Arc<Apps>,
    socket: Arc<Socket>,
}

impl World {
    async fn new() -> Self {
        let config = store::Config { url: "sqlite::memory:".to_owned(), ..store::Config::default() };
        let store = Store::open(&config).await.unwrap();
        store.migrate().await.unwrap();
        let apps = Arc::new(Apps::new(Arc::new(Metrics::new().unwrap()), store.clone()));
        apps.replace(vec![App {
            id: AppId::parse("campus").unwrap(),
            key: AppKey::parse("campus-key").unwrap(),
            name: "Campus".to_owned(),
            secrets: vec![Secret::new("0123456789abcdef")],
            enabled: true,
            settings: AppSettings::default(),
        }]);
        let live = apps.by_id("campus").unwrap();
        let socket = live.open_socket(1 << 20, 1).unwrap();
        let (channel, settings) = (ChannelName::parse("private-chat-1", NameRules::OWN).unwrap(), &live.app().settings);
        let joining = Joining { socket: &socket, member: None, settings, now: Instant::now() };
        live.hub.subscribe(&channel, joining).unwrap();
        let world = Self { store, apps, socket };
        assert_eq!(world.heard().len(), 0);
        world
    }

    /// A teller who knows nothing of what was told before, as after a start.
    fn teller(&self) -> Teller {
        Teller::new(self.store.clone(), Arc::clone(&self.apps))
    }

    async fn write(&self, numbers: std::ops::Range<i64>) -> Vec<Kept> {
        let fact = |number: i64| {
            let payload = serde_json::json!({ "number": number }).as_object().unwrap().clone();
            let topic = Topic::Chat(ExternalId::parse("1").unwrap());
            let at = DateTime::UNIX_EPOCH;
            Draft { event: Event::MessageCreated, topic, actor: None, payload, at, except: None }.into_fact()
        };
        let app = AppId::parse("campus").unwrap();
        self.store.stream_append(&app, numbers.map(fact).collect(), "e").await.unwrap()
    }

    /// Numbers of the events that the socket has been sent since the last look.
    fn heard(&self) -> Vec<i64> {
        let (context, mut batch, mut heard) = (Context::from_waker(Waker::noop()), Queue::default(), Vec::new());
        while self.socket.outbox().take(&context, 0, &mut batch) == Taken::Frames {
            for frame in batch.iter() {
                let text = String::from_utf8_lossy(frame.as_bytes()).replace('\\', "");
                let number = text.split_once("\"number\":").map(|(_, rest)| rest.split([',', '}']).next().unwrap());
                heard.extend(number.map(|digits| digits.parse::<i64>().unwrap()));
            }
            batch = Queue::default();
        }
        heard
    }
}

#[tokio::test]
async fn what_a_crash_has_left_is_told_at_the_start_once_and_in_order() {
    let world = World::new().await;
    world.write(0..1_200).await;
    let teller = world.teller();
    teller.tell_the_rest(DateTime::UNIX_EPOCH).await.unwrap();
    assert_eq!(world.heard(), (0..1_200).collect::<Vec<_>>());
    teller.tell_the_rest(DateTime::UNIX_EPOCH).await.unwrap();
    world.teller().tell_the_rest(DateTime::UNIX_EPOCH).await.unwrap();
    assert!(world.heard().is_empty());
}

#[tokio::test]
async fn what_a_writer_has_left_who_was_given_up_is_told_before_what_comes_next() {
    let world = World::new().await;
    let teller = world.teller();
    teller.tell_the_rest(DateTime::UNIX_EPOCH).await.unwrap();
    for (first, next_is_a_writer) in [(0, true), (10, false)] {
        let committed = tokio::sync::Notify::new();
        let given_up = teller.keep_and_tell::<(), store::Error>(async {
            world.write(first..first + 1).await;
            committed.notify_one();
            pending().await
        });
        tokio::select! { _never = given_up => {}, () = committed.notified() => {} }
        assert!(world.heard().is_empty());
        if next_is_a_writer {
            let write = async { Ok::<_, store::Error>(((), world.write(first + 1..first + 2).await)) };
            teller.keep_and_tell(write).await.unwrap();
            assert_eq!(world.heard(), [first, first + 1]);
        } else {
            drop(teller.hush().await.unwrap());
            assert_eq!(world.heard(), [first]);
        }
        teller.tell_the_rest(DateTime::UNIX_EPOCH).await.unwrap();
        assert!(world.heard().is_empty());
    }
}

#[tokio::test]
async fn while_there_is_silence_nobody_writes() {
    let world = World::new().await;
    let teller = world.teller();
    let silence = teller.hush().await.unwrap();
    let write = async { Ok::<_, store::Error>(((), world.write(0..1).await)) };
    let mut writing = Box::pin(teller.keep_and_tell(write));
    assert!(futures_util::poll!(&mut writing).is_pending());
    assert!(world.store.stream_untold(1).await.unwrap().is_empty());
    drop(silence);
    writing.await.unwrap();
    assert_eq!(world.heard(), [0]);
}

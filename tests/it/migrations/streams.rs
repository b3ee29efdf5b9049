//! Streams and answers under idempotency keys, through their life on one of the databases.

use campanile::{
    domain::fact::{Actor, Event, Fact, Position, topic_of},
    ids::{AppId, SocketId},
    store::{ANSWER_KEPT_FOR, KEPT_FOR, KeptAnswer, Missed, Payload, RESERVED_FOR, Reserved, Slot, Store},
};
use chrono::{DateTime, Utc};

fn app() -> AppId {
    AppId::parse("tower").unwrap()
}

fn fact(topic: &str, id: &str, at: DateTime<Utc>) -> (Fact<Payload>, Option<SocketId>) {
    let fact = Fact {
        id: id.to_owned(),
        event: Event::MessageCreated,
        topic: topic_of(topic).unwrap(),
        position: None,
        at,
        actor: Some(Actor { id: "u1".to_owned(), name: "Ünïcode 🔔".to_owned(), role: None }),
        payload: serde_json::Map::from_iter([("text".to_owned(), "🔔".repeat(20_000).into())]),
    };
    (fact, SocketId::parse("1.2"))
}

async fn seqs(store: &Store, topic: &str, after: i64) -> Option<Vec<i64>> {
    match store.stream_after(&app(), topic, (Some("first"), after), 10).await.unwrap() {
        Missed::Events(kept) => Some(kept.iter().map(|kept| kept.fact.position.as_ref().unwrap().seq).collect()),
        Missed::Gap => None,
    }
}

pub(crate) async fn lead_through_their_life(store: &Store, now: DateTime<Utc>) {
    let now = DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap();
    let facts = vec![fact("chat.a", "1", now), fact("chat.A", "2", now), fact("chat.a", "3", now)];
    let kept = store.stream_append(&app(), facts, "first").await.unwrap();
    let places: Vec<_> = kept.iter().map(|kept| kept.fact.position.clone().unwrap()).collect();
    let at = |seq| Position { epoch: "first".to_owned(), seq };
    assert_eq!(places, [at(1), at(1), at(2)]);
    let more = store.stream_append(&app(), vec![fact("chat.a", "4", now)], "second").await.unwrap();
    assert_eq!((more[0].fact.position.clone(), more[0].id), (Some(at(3)), kept[2].id + 1));
    assert_eq!(seqs(store, "chat.a", 1).await, Some(vec![2, 3]));
    assert_eq!(store.stream_position_of(&app(), "chat.a", "3").await.unwrap(), Some(at(2)));
    assert_eq!(store.stream_position_of(&app(), "chat.A", "3").await.unwrap(), None);
    let untold = store.stream_untold(10).await.unwrap();
    assert_eq!(untold.len(), 4);
    assert_eq!(untold[..3], kept);
    store.stream_told(&[kept[0].id, kept[1].id], now).await.unwrap();
    store.stream_prune(now + KEPT_FOR).await.unwrap();
    assert_eq!((seqs(store, "chat.a", 0).await, seqs(store, "chat.a", 1).await), (None, Some(vec![2, 3])));
    store.stream_told(&[kept[2].id, more[0].id], now).await.unwrap();
    assert!(store.stream_untold(10).await.unwrap().is_empty());

    let slot =
        |id: &str| Slot { id: id.to_owned(), app: app(), caller: "user:7\0".to_owned(), request: "r".to_owned() };
    assert_eq!(store.idempotency_reserve(&slot("k"), now).await.unwrap(), Reserved::Yes);
    let Reserved::Running(until) = store.idempotency_reserve(&slot("k"), now).await.unwrap() else { panic!() };
    assert_eq!(until.timestamp_millis(), (now + RESERVED_FOR).timestamp_millis());
    assert_eq!(store.idempotency_reserve(&slot("K"), now).await.unwrap(), Reserved::Yes);
    store.idempotency_release("K").await.unwrap();
    let (location, content_type) = (Some("/api/x/1".to_owned()), Some("application/json".to_owned()));
    let body = Some("🔔".repeat(60_000));
    let answer = KeptAnswer { status: 201, location, etag: None, content_type, body };
    assert!(store.idempotency_keep("k", answer.clone(), now).await.unwrap());
    let done = Reserved::Done { request: "r".to_owned(), answer: Box::new(answer) };
    assert_eq!(store.idempotency_reserve(&slot("k"), now + RESERVED_FOR).await.unwrap(), done);
    let late = now + ANSWER_KEPT_FOR;
    assert_eq!(store.idempotency_reserve(&slot("k"), late).await.unwrap(), Reserved::Yes);
    store.idempotency_reserve(&slot("l"), late).await.unwrap();
    store.idempotency_reserve(&slot("m"), late).await.unwrap();
    let answer = KeptAnswer { status: 204, location: None, etag: None, content_type: None, body: None };
    for id in ["k", "l"] {
        assert!(store.idempotency_keep(id, answer.clone(), late).await.unwrap());
    }
    store.idempotency_sweep(late, 1).await.unwrap();
    assert!(matches!(store.idempotency_reserve(&slot("l"), late).await.unwrap(), Reserved::Done { .. }));
    assert!(matches!(store.idempotency_reserve(&slot("m"), late).await.unwrap(), Reserved::Running(_)));
    assert_eq!(store.idempotency_reserve(&slot("k"), late).await.unwrap(), Reserved::Yes);
    assert!(!store.idempotency_keep("gone", answer, late).await.unwrap());
}

pub(crate) async fn went_with_the_app(store: &Store, now: DateTime<Utc>) {
    assert_eq!(store.stream_position(&app(), "chat.a").await.unwrap(), None);
    assert_eq!(store.stream_position_of(&app(), "chat.a", "4").await.unwrap(), None);
    let slot = Slot { id: "k".to_owned(), app: app(), caller: "user:7".to_owned(), request: "r".to_owned() };
    assert_eq!(store.idempotency_reserve(&slot, now).await.unwrap(), Reserved::Yes);
}

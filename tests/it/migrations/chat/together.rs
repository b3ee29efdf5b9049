//! Messages of one transaction.

use super::*;

/// Several messages of one transaction, to two chats: each sees those before it.
pub(super) async fn post(store: &Store) {
    let to = |chat: &str, name: &str, author: &str, client_id: Option<&'static str>| Message {
        id: name.to_owned(),
        chat: id(chat),
        ..message("", author, client_id)
    };
    let (none, slow) = (TimeDelta::zero(), TimeDelta::seconds(10));
    let hushed = Message { visibility: Visibility::Users, audience: vec![user("b")], ..to("C", "t6", "a", None) };
    let all = vec![
        unsaid(to("C", "t1", "a", Some("t")), none),
        unsaid(to("q", "t2", "a", None), none),
        unsaid(to("C", "t3", "a", Some("t")), none),
        unsaid(to("C", "t4", "A", None), slow),
        unsaid(Message { created_at: moment(1), ..to("C", "t5", "A", None) }, slow),
        unsaid(hushed.clone(), none),
    ];
    let posted = post_all(store, all).await;
    let seen = |posted: &Posted| match posted {
        Posted::New(message) => (message.id.clone(), message.seq),
        Posted::Again(message) => (format!("again {}", message.id), message.seq),
        Posted::TooSoon(left) => ("too soon".to_owned(), left.num_seconds()),
    };
    let newest = |chat: &'static str| async move {
        let found = store.message_list((&app(), &id(chat)), (Viewer::All, 0), Window::Newest, 100).await.unwrap();
        found.last().unwrap().seq
    };
    let (many, few) = (newest("C").await, newest("q").await);
    let expected =
        [("t1", many - 2), ("t2", few), ("again t1", many - 2), ("t4", many - 1), ("too soon", 9), ("t6", many)];
    assert_eq!(posted.iter().map(seen).collect::<Vec<_>>(), expected.map(|(name, seq)| (name.to_owned(), seq)));
    let kept = store.message_find(&app(), "t6").await.unwrap().unwrap();
    assert_eq!((kept.audience, kept.seq), (hushed.audience, many));
    let orphan = vec![unsaid(to("C", "t7", "a", None), none), unsaid(to("nowhere", "t8", "a", None), none)];
    let refused = Box::pin(store.message_insert(&app(), orphan, "e")).await.unwrap_err();
    assert!(refused.is_refusal(), "{refused:?}");
    assert!(store.message_find(&app(), "t7").await.unwrap().is_none());
    assert_eq!(newest("C").await, many);
}

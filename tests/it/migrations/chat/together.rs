//! Messages of one transaction.

use campanile::{
    domain::notification::{Category, Content as Note, Recipient},
    store::Notices,
};

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
    let refused = Box::pin(store.message_insert(&app(), &orphan, "e")).await.unwrap_err();
    assert!(refused.is_refusal(), "{refused:?}");
    assert!(store.message_find(&app(), "t7").await.unwrap().is_none());
    assert_eq!(newest("C").await, many);
}

/// A notification and a report that go with a message.
fn along(message: &str, recipient: &str) -> Along {
    let content = |message: &Message| Note {
        category: Category::Mention,
        kind: None,
        title: format!("number {}", message.seq),
        body: String::new(),
        url: None,
        data: None,
        group_key: None,
        expires_at: None,
    };
    let fact = |of: &campanile::domain::notification::Notification, at| Fact {
        id: of.id.clone(),
        event: Event::NotificationCreated,
        topic: Topic::User(of.user.clone()),
        position: None,
        at,
        actor: None,
        payload: Payload::new(),
    };
    let recipients = vec![Recipient { user: user(recipient), course: None }];
    let report = Report {
        id: format!("r{message}"),
        chat: id("C"),
        message: message.to_owned(),
        reporter: None,
        reason: Complaint::Other,
        note: "a word".to_owned(),
        state: ReportState::Open,
        created_at: moment(0),
        handled_by: None,
        handled_at: None,
    };
    let notices = Notices { recipients, actor: None, content, fact, new_id: |_at| "along".to_owned() };
    Along { notices: Some(notices), report: Some(report) }
}

/// What goes with a message is written with it, or not at all.
pub(super) async fn post_along(store: &Store) {
    let post = |name: &str, recipient: &str| NewPost {
        along: along(name, recipient),
        ..unsaid(Message { id: name.to_owned(), chat: id("C"), ..message("", "a", None) }, TimeDelta::zero())
    };
    let page = Page { after: None, limit: 100 };
    let reported = async || {
        let reports = store.report_list(&app(), &id("C"), None, &page).await.unwrap();
        reports.into_iter().map(|report| report.message).collect::<Vec<_>>()
    };
    let before = reported().await;
    let twice = vec![post("v1", "b"), post("v2", "q")];
    let refused = Box::pin(store.message_insert(&app(), &twice, "e")).await.unwrap_err();
    assert!(refused.is_refusal(), "two notifications with one name: {refused:?}");
    assert!(store.message_find(&app(), "v1").await.unwrap().is_none());
    assert!(store.notification(&app(), &user("b"), "along").await.unwrap().is_none());
    assert_eq!(reported().await, before);
    let (posted, kept) = Box::pin(store.message_insert(&app(), &[post("v1", "b")], "e")).await.unwrap();
    let [Posted::New(said)] = posted.as_slice() else { panic!("{posted:?}") };
    let note = store.notification(&app(), &user("b"), "along").await.unwrap().unwrap();
    assert_eq!(note.content.title, format!("number {}", said.seq));
    assert_eq!(kept.iter().map(|kept| &kept.fact.topic).collect::<Vec<_>>(), [&Topic::User(user("b"))]);
    assert_eq!(reported().await.len(), before.len() + 1);
}

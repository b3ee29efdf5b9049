//! Messages that go by their age or by their author, and changes that other nodes learn of.

use campanile::domain::{audit::AuditEntry, chat::Purge};

use super::*;

const DAY: i64 = 86_400;

async fn make(store: &Store, name: &str, retention_days: Option<u32>) {
    let settings = Settings { retention_days, ..Settings::default() };
    let chat = Chat { settings, ..chat(name, Kind::Course) };
    let made = Box::pin(store.chat_create(&app(), &chat, &[], (write(0), Vec::new()))).await.unwrap().0;
    assert_eq!(made, ChatMade::Created);
    assert_eq!(store.chat_circle(&app(), &id(name)).await.unwrap().unwrap().chat, chat);
}

/// Says something that is told with its text; tells its number.
async fn say(store: &Store, (chat, name): (&str, &str), author: &str, changed: impl FnOnce(&mut Message)) -> i64 {
    let mut said = Message { chat: id(chat), ..message(name, author, None) };
    changed(&mut said);
    let (chat, name) = (self::chat(chat, Kind::Course), name.to_owned());
    let facts = move |said: &Message| {
        let payload = Payload::from_iter([("message".to_owned(), campanile::dialect::chat::message(said))]);
        let fact = |topic| Fact {
            id: name.clone(),
            event: Event::MessageCreated,
            topic,
            position: None,
            at: moment(1),
            actor: None,
            payload: payload.clone(),
        };
        said.topics(&chat).into_iter().map(|topic| (fact(topic), None)).collect()
    };
    let post = NewPost { facts: std::sync::Arc::new(facts), ..unsaid(said, TimeDelta::zero()) };
    match post_all(store, vec![post]).await.as_slice() {
        [Posted::New(said)] => said.seq,
        other => panic!("{other:?}"),
    }
}

async fn kept(store: &Store, topic: &str) -> Option<String> {
    match store.stream_after(&app(), topic, (None, 0), 100).await.unwrap() {
        Missed::Events(kept) => Some(kept.iter().map(|one| json!(one.fact.payload).to_string()).collect()),
        Missed::Gap => None,
    }
}

async fn listed(store: &Store, chat: &str, hidden: i64) -> Vec<String> {
    let (app, chat) = (app(), id(chat));
    let found = store.message_list((&app, &chat), (Viewer::All, hidden), Window::Newest, 100).await.unwrap();
    found.into_iter().map(|message| message.id).collect()
}

pub(super) async fn expire(store: &Store) {
    make(store, "old", Some(1)).await;
    make(store, "ever", None).await;
    let (app, chat, b) = (app(), id("old"), user("b"));
    say(store, ("old", "o1"), "a", |_said| ()).await;
    let whisper = |said: &mut Message| (said.visibility, said.audience) = (Visibility::Users, vec![user("b")]);
    say(store, ("old", "o2"), "a", whisper).await;
    say(store, ("old", "o3"), "a", |said| said.pinned_at = Some(moment(0))).await;
    let reply = |said: &mut Message| (said.parent, said.created_at) = (Some("o1".to_owned()), moment(10));
    say(store, ("old", "o4"), "a", reply).await;
    say(store, ("ever", "o5"), "a", |_said| ()).await;
    let edit = Revision::Edit(Content { body: "other".to_owned(), ..Content::default() });
    let tell = |_after: &Message| Default::default();
    Box::pin(store.message_revise((&app, "o1"), (edit, "user:a"), &Expected::Any, (write(2), tell))).await.unwrap();
    Box::pin(store.message_mark(
        (&app, "o1"),
        (&b, false),
        Mark::React("👍"),
        (write(2), |_after, _in_shadow| Vec::new()),
    ))
    .await
    .unwrap();
    let page = Page { after: None, limit: 10 };
    assert_eq!(store.chat_list_expiring(&app, &page).await.unwrap(), std::slice::from_ref(&chat));

    let expire = async |seconds: i64| {
        Box::pin(store.chat_expire((&app, &chat), write(seconds), |_chat| Vec::new())).await.unwrap().0
    };
    assert_eq!(expire(DAY).await, 0, "exactly a day old");
    let changed = store.chat_seq().await.unwrap();
    assert_eq!((expire(DAY + 1).await, expire(DAY + 1).await), (3, 0));
    assert_eq!(store.chat_changes_of_all(changed, 10).await.unwrap().len(), 1);
    let cleared = async || store.chat_circle(&app, &chat).await.unwrap().unwrap().chat.cleared_seq;
    assert_eq!((cleared().await, listed(store, "old", 0).await), (3, vec!["o4".to_owned()]));
    for gone in ["o1", "o2", "o3"] {
        assert_eq!(store.message_find(&app, gone).await.unwrap(), None);
    }
    assert!(store.message_versions(&app, "o1").await.unwrap().is_empty());
    assert_eq!(store.message_find(&app, "o4").await.unwrap().unwrap().parent.as_deref(), Some("o1"), "replies stay");
    assert_eq!(store.message_unread((&app, &chat), (&b, false), 0).await.unwrap(), 1);
    assert_eq!(kept(store, "chat.old").await, None, "a gap");
    assert!(kept(store, "user.b").await.is_none_or(|kept| !kept.contains("o2")));

    assert_eq!((expire(DAY + 11).await, expire(DAY + 11).await), (1, 0), "the newest too");
    assert_eq!((cleared().await, listed(store, "old", 4).await), (4, Vec::new()));
    let left = store.message_find(&app, "o4").await.unwrap().unwrap();
    assert_eq!((left.author, left.author_name.as_str(), left.body.as_str()), (Author::Program, "", ""));
    assert_eq!(say(store, ("old", "o6"), "a", |said| said.created_at = moment(DAY)).await, 5, "numbers go on");
    assert_eq!(say(store, ("old", "o7"), "a", |said| said.created_at = moment(9 * DAY)).await, 6);
    assert_eq!(store.message_unread((&app, &chat), (&b, false), 4).await.unwrap(), 2);
    assert_eq!(expire(3 * DAY).await, 1);
    assert_eq!(listed(store, "old", 0).await, ["o7"], "nor is anything left of the number");
    assert_eq!(listed(store, "ever", 0).await, ["o5"]);
    Box::pin(expire_many(store)).await;
}

/// More than are removed at once: it is told once, with the last step.
async fn expire_many(store: &Store) {
    make(store, "many", Some(1)).await;
    let (app, chat) = (app(), id("many"));
    let many = |number: u32| {
        let said = Message { chat: id("many"), ..message(&format!("many{number}"), "a", None) };
        unsaid(said, TimeDelta::zero())
    };
    for first in [1, 251, 501, 751] {
        post_all(store, (first..first + 250).map(many).collect()).await;
    }
    let expire = async || {
        let mut told = None;
        let tell = |after: &Chat| {
            told = Some(after.cleared_seq);
            Vec::new()
        };
        let gone = Box::pin(store.chat_expire((&app, &chat), write(DAY + 1), tell)).await.unwrap().0;
        (gone, told)
    };
    assert_eq!(expire().await, (500, None));
    assert_eq!(expire().await, (500, Some(1_000)));
    assert_eq!(expire().await, (0, None));
}

pub(super) async fn purge(store: &Store) {
    make(store, "p-some", None).await;
    let (app, chat, a) = (app(), id("p-all"), user("a"));
    make(store, "p-all", None).await;
    say(store, ("p-all", "y1"), "a", |_said| ()).await;
    say(store, ("p-all", "y2"), "b", |_said| ()).await;
    let whisper = |said: &mut Message| (said.visibility, said.audience) = (Visibility::Users, vec![user("b")]);
    say(store, ("p-all", "y3"), "a", whisper).await;
    say(store, ("p-all", "y4"), "b", |_said| ()).await;
    say(store, ("p-some", "y5"), "a", |_said| ()).await;
    let audit = || AuditEntry {
        app: app.clone(),
        actor: "user:b".to_owned(),
        action: "chat.purged".to_owned(),
        target_type: "user".to_owned(),
        target_id: "a".to_owned(),
        scope: None,
        before: None,
        after: None,
        ip: None,
        at: at(9),
    };
    let purge = async |before: i64| {
        let mut told = Vec::new();
        let tell = |_purge: &Purge, heard: Vec<(Topic, Purge)>| {
            told = heard;
            (Vec::new(), audit())
        };
        let purged = Box::pin(store.chat_purge((&app, &chat), (&a, before, "user:b"), write(9), tell)).await.unwrap().0;
        (purged, told)
    };
    let part = |from, to, count| Purge { chat: chat.clone(), author: a.clone(), from, to, count, is_shadowed: false };
    let told = vec![
        (Topic::Chat(chat.clone()), part(1, 1, 1)),
        (Topic::CourseStaff(id("1")), part(1, 3, 2)),
        (Topic::User(a.clone()), part(3, 3, 1)),
        (Topic::User(user("b")), part(3, 3, 1)),
    ];
    assert_eq!(purge(i64::MAX).await, (Some(part(1, 3, 2)), told));
    assert_eq!((purge(1).await, purge(i64::MAX).await), ((None, Vec::new()), (None, Vec::new())));
    for name in ["y1", "y3"] {
        let gone = store.message_find(&app, name).await.unwrap().unwrap();
        assert_eq!((gone.body.as_str(), gone.deleted_at, gone.version), ("", Some(moment(9)), 2));
        assert!(gone.mentions.is_empty() && gone.attachments.is_empty());
        let versions = store.message_versions(&app, name).await.unwrap();
        assert_eq!(versions, [(1, message("", "a", None).body, moment(9), "user:b".to_owned())]);
    }
    for name in ["y2", "y4", "y5"] {
        assert!(store.message_find(&app, name).await.unwrap().unwrap().deleted_at.is_none(), "{name}");
    }
    assert_eq!((kept(store, "chat.p-all").await, kept(store, "user.b").await), (None, None));
    assert!(kept(store, "chat.p-some").await.is_some_and(|kept| kept.contains("y5")));
}

pub(super) async fn follow(store: &Store, other: &Store) {
    let before = other.chat_seq().await.unwrap();
    assert_eq!(other.chat_changes_of_all(before, 10).await.unwrap(), []);
    say(store, ("p-some", "f1"), "a", |_said| ()).await;
    assert_eq!(other.chat_changes_of_all(before, 10).await.unwrap(), [], "what is said is no change of a chat");
    let app = app();
    let edit = ChatEdit { is_frozen: Some(true), ..ChatEdit::default() };
    let freeze = async |chat: &str| {
        let facts = |_chat: &Chat| Vec::new();
        Box::pin(store.chat_update((&app, &id(chat)), &edit, &Expected::Any, (write(1), facts))).await.unwrap();
    };
    freeze("p-some").await;
    freeze("ever").await;
    let changes = other.chat_changes_of_all(before, 10).await.unwrap();
    let names: Vec<_> = changes.iter().map(|(of, chat, _)| (of.as_str(), chat.as_str())).collect();
    assert_eq!(names, [(APP, "p-some"), (APP, "ever")], "in the order of commits");
    let (first, last) = (changes[0].2, changes[1].2);
    assert_eq!(other.chat_changes_of_all(first, 10).await.unwrap(), changes[1..]);
    assert!(before < first && first < last && last <= other.chat_seq().await.unwrap());
}

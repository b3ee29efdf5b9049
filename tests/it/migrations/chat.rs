//! Chats on each database: numbers without gaps, names that count once, reading that never falls, texts as they were.

mod care;
mod shade;
mod together;

use campanile::{
    domain::{
        access::Topic,
        chat::{
            Author, Chat, ChatEdit, History, Kind, Message, Notify, Part, Settings, Visibility,
            message::{Attachment, Content},
        },
        fact::{Event, Fact},
        moderation::{Complaint, Measure, Report, ReportState, Sanction},
        roster::{Course, Expected, Object, Operation, Person, Role, Standing, Visibility as Open},
    },
    ids::{AppId, ExternalId, UserId},
    store::{
        Along, Belonging, ChatChanged, ChatFilter, ChatMade, ChatWrite, Edited, Mark, Marked, MembersAdded, Missed,
        NewPost, Page, Payload, Posted, Revision, RosterWrite, Store, Viewer, Window,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{at, id as app_id, new};

const APP: &str = "talk";

fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}

fn user(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn app() -> AppId {
    app_id(APP)
}

/// A time to the millisecond, as rows keep it.
fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at(seconds).timestamp_millis()).unwrap()
}

fn write(seconds: i64) -> ChatWrite<'static> {
    ChatWrite { at: moment(seconds), audit: &[], epoch: "e" }
}

fn chat(name: &str, kind: Kind) -> Chat {
    Chat {
        id: id(name),
        kind,
        course: kind.is_of_a_place().then(|| id("1")),
        class: None,
        title: "Läuten 🔔".to_owned(),
        settings: Settings { post_roles: vec![Role::Student], history: History::Joined, ..Settings::default() },
        created_by: "user:a".to_owned(),
        created_at: moment(0),
        frozen_at: None,
        archived_at: None,
        cleared_seq: 0,
        version: 1,
    }
}

fn message(name: &str, author: &str, client_id: Option<&str>) -> Message {
    Message {
        id: name.to_owned(),
        chat: id("c"),
        seq: 0,
        author: Author::User(user(author)),
        author_name: "Zoé 🔔".to_owned(),
        author_role: Some(Role::Student),
        parent: None,
        client_id: client_id.map(str::to_owned),
        body: "Läuten\n**bald** 🔔 ".to_owned(),
        mentions: vec!["b".to_owned(), "@staff".to_owned()],
        visibility: Visibility::All,
        audience: Vec::new(),
        is_shadowed: false,
        was_open: false,
        attachments: vec![Attachment {
            url: "https://files.example/x".to_owned(),
            name: "x\"y".to_owned(),
            content_type: None,
            size: Some(1 << 40),
        }],
        reactions: Vec::new(),
        acks: 0,
        created_at: moment(0),
        edited_at: None,
        deleted_at: None,
        pinned_at: None,
        pinned_until: None,
        version: 1,
    }
}

fn belonging(name: &str) -> Belonging {
    Belonging { user: user(name), part: Part::Member }
}

fn unsaid(message: Message, pause: TimeDelta) -> NewPost {
    NewPost { message, pause, facts: std::sync::Arc::new(|_message| Vec::new()), along: Along::default() }
}

async fn post_all(store: &Store, posts: Vec<NewPost>) -> Vec<Posted> {
    Box::pin(store.message_insert(&app(), &posts, "e")).await.unwrap().0
}

async fn post(store: &Store, message: Message) -> Message {
    match post_all(store, vec![unsaid(message, TimeDelta::zero())]).await.as_slice() {
        [Posted::New(message)] => (**message).clone(),
        other => panic!("{other:?}"),
    }
}

/// Leads a chat through its life, with its app.
pub(crate) async fn lead_through_its_life(store: &Store, other: &Store) {
    store.app_create(campanile::store::NewApp { settings: Vec::new(), ..new(APP) }, at(0)).await.unwrap();
    furnish(store).await;
    make_and_change(store).await;
    post_and_list(store).await;
    post_at_once(store, other).await;
    revise_and_mark(store).await;
    shade::shade(store).await;
    read(store, other).await;
    moderate(store).await;
    forget(store).await;
    clear(store).await;
    Box::pin(care::expire(store)).await;
    Box::pin(care::purge(store)).await;
    Box::pin(care::follow(store, other)).await;
    assert!(store.app_delete(&app()).await.unwrap());
    assert!(store.chat_circle(&app(), &id("c")).await.unwrap().is_none());
    assert!(store.message_find(&app(), "m1").await.unwrap().is_none());
}

async fn furnish(store: &Store) {
    let course = Course {
        id: id("1"),
        org: None,
        code: None,
        title: "Bells".to_owned(),
        starts_at: None,
        ends_at: None,
        visibility: Open::Enrolled,
        archived_at: None,
        overrides: Vec::new(),
    };
    let people = ["a", "b", "A"].map(|name| Operation::Put(Box::new(Object::User(person(name)))));
    let all: Vec<_> = [Operation::Put(Box::new(Object::Course(course)))].into_iter().chain(people).collect();
    let by = RosterWrite { source: "test", actor: "test", ip: None, now: at(0) };
    Box::pin(store.roster_apply(&app(), by, &all)).await.unwrap();
}

fn person(name: &str) -> Person {
    Person {
        id: user(name),
        org: None,
        name: format!("Name of {name}"),
        email: None,
        avatar: None,
        org_role: None,
        deactivated_at: None,
    }
}

async fn make_and_change(store: &Store) {
    let make = async |chat: &Chat, members: &[Belonging]| {
        Box::pin(store.chat_create(&app(), chat, members, (write(0), Vec::new()))).await.unwrap().0
    };
    let course = chat("c", Kind::Course);
    assert_eq!(make(&course, &[]).await, ChatMade::Created);
    assert_eq!(make(&course, &[]).await, ChatMade::IdTaken);
    assert_eq!(make(&chat("C", Kind::Course), &[]).await, ChatMade::Created, "ids mind their case");
    assert_eq!(store.chat_circle(&app(), &id("c")).await.unwrap().unwrap().chat, course);
    let pair = chat("p", Kind::Dm);
    assert_eq!(make(&pair, &[belonging("a"), belonging("b")]).await, ChatMade::Created);
    let again = make(&chat("q", Kind::Dm), &[belonging("b"), belonging("a")]).await;
    assert_eq!(again, ChatMade::There(Box::new(pair)));
    assert_eq!(make(&chat("q", Kind::Dm), &[belonging("b"), belonging("A")]).await, ChatMade::Created);
    assert_eq!(make(&chat("g", Kind::Group), &[belonging("z")]).await, ChatMade::UnknownUser(user("z")));
    assert_eq!(make(&chat("g", Kind::Group), &[belonging("a")]).await, ChatMade::Created);
    let edit = ChatEdit { title: Some("Other".to_owned()), is_frozen: Some(true), ..ChatEdit::default() };
    let change = async |expected: Expected| {
        let (app, chat) = (app(), id("c"));
        Box::pin(store.chat_update((&app, &chat), &edit, &expected, (write(1), |_chat| Vec::new()))).await.unwrap().0
    };
    assert_eq!(change(Expected::OneOf(vec![2])).await, ChatChanged::Mismatch(1));
    let ChatChanged::Changed(changed) = change(Expected::OneOf(vec![1])).await else { panic!("it has this version") };
    assert_eq!((changed.title.as_str(), changed.version, changed.frozen_at), ("Other", 2, Some(moment(1))));
    assert_eq!(change(Expected::Any).await, ChatChanged::Unchanged(changed.clone()));
    assert_eq!(store.chat_circle(&app(), &id("c")).await.unwrap().unwrap().chat, *changed);
    let listed = async |filter: ChatFilter| {
        let rows = store.chat_list(&app(), &filter, &Page { after: None, limit: 10 }).await.unwrap();
        let mut ids: Vec<String> = rows.iter().map(|chat| chat.id.to_string()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(listed(ChatFilter::default()).await, ["C", "c", "g", "p", "q"]);
    assert_eq!(listed(ChatFilter { kind: Some(Kind::Dm), ..ChatFilter::default() }).await, ["p", "q"]);
    let of = async |name: &str, org_role: Option<Role>, org: Option<&str>| {
        let person = Person { org_role, org: org.map(id), ..person(name) };
        let standing = Standing { person, enrollments: Vec::new() };
        listed(ChatFilter { of: Some(standing), ..ChatFilter::default() }).await
    };
    assert_eq!(of("a", None, None).await, ["g", "p"]);
    assert_eq!(of("A", Some(Role::Admin), None).await, ["C", "c", "q"], "the course has no org either");
    assert_eq!(of("A", Some(Role::Admin), Some("o")).await, ["q"]);
}

async fn post_and_list(store: &Store) {
    let first = post(store, message("m1", "a", Some("x"))).await;
    assert_eq!(first.seq, 1);
    assert_eq!(store.message_find(&app(), "m1").await.unwrap(), Some(first.clone()));
    assert!(store.message_find(&app(), "M1").await.unwrap().is_none());
    assert!(store.message_find(&app(), "m1 ").await.unwrap().is_none());
    let again = message("m2", "a", Some("x"));
    let again = post_all(store, vec![unsaid(again, TimeDelta::zero())]).await;
    assert_eq!(again, [Posted::Again(Box::new(first))]);
    post(store, message("m2", "b", Some("x"))).await;
    post(store, message("m3", "a", None)).await;
    let hushed = Message { visibility: Visibility::Users, audience: vec![user("b")], ..message("m4", "a", None) };
    assert_eq!(post(store, hushed).await.seq, 4, "those without a name are never the same");
    let staff = Message { visibility: Visibility::Staff, ..message("m5", "a", None) };
    post(store, staff).await;
    let slow = Message { created_at: moment(4), ..message("m6", "a", None) };
    let slow = post_all(store, vec![unsaid(slow, TimeDelta::seconds(10))]).await;
    assert_eq!(slow, [Posted::TooSoon(TimeDelta::seconds(6))]);
    let seen = async |viewer: Viewer<'_>, hidden: i64, window: Window| {
        let (app, chat) = (app(), id("c"));
        let found = store.message_list((&app, &chat), (viewer, hidden), window, 3).await.unwrap();
        found.iter().map(|message| message.seq).collect::<Vec<_>>()
    };
    let (a, b, other) = (user("a"), user("b"), user("A"));
    assert_eq!(seen(Viewer::All, 0, Window::Newest).await, [2, 3, 4, 5]);
    assert_eq!(seen(Viewer::Person(&a, false), 0, Window::After(1)).await, [2, 3, 4, 5]);
    assert_eq!(seen(Viewer::Person(&b, false), 0, Window::After(1)).await, [2, 3, 4]);
    assert_eq!(seen(Viewer::Person(&other, true), 0, Window::After(1)).await, [2, 3, 5]);
    assert_eq!(seen(Viewer::Person(&other, false), 2, Window::Newest).await, [3]);
    assert_eq!(seen(Viewer::All, 0, Window::Before(3)).await, [1, 2]);
    assert_eq!(seen(Viewer::All, 0, Window::Around(3)).await, [2, 3, 4]);
    let unread = async |who: &UserId, is_staff: bool, after: i64| {
        let (app, chat) = (app(), id("c"));
        store.message_unread((&app, &chat), (who, is_staff), after).await.unwrap()
    };
    assert_eq!((unread(&a, false, 0).await, unread(&b, false, 0).await), (1, 3));
    assert_eq!((unread(&other, true, 0).await, unread(&other, false, 3).await), (4, 0));
    let texts = async |viewer: Viewer<'_>, before: i64| {
        let found = store.message_texts((&app(), &id("c")), (viewer, 1), before, 2).await.unwrap();
        found.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>()
    };
    assert_eq!((texts(Viewer::All, i64::MAX).await, texts(Viewer::All, 4).await), (vec![5, 4], vec![3, 2]));
    assert_eq!(texts(Viewer::Person(&other, false), i64::MAX).await, [3, 2]);
}

async fn post_at_once(store: &Store, other: &Store) {
    let write = async |store: &Store, prefix: &str| {
        let mut seqs = Vec::new();
        for number in 0..5 {
            let named = format!("{prefix}{number}");
            seqs.push(post(store, Message { id: named, chat: id("C"), ..message("", "a", None) }).await.seq);
        }
        seqs
    };
    let (one, two, three) = tokio::join!(write(store, "p"), write(other, "q"), write(store, "r"));
    let mut all: Vec<i64> = one.into_iter().chain(two).chain(three).collect();
    all.sort_unstable();
    assert_eq!(all, (1..=15).collect::<Vec<_>>());
    let same = async |store: &Store, name: &str| {
        let twin = Message { id: name.to_owned(), chat: id("C"), ..message("", "b", Some("once")) };
        post_all(store, vec![unsaid(twin, TimeDelta::zero())]).await.remove(0)
    };
    let (one, two) = tokio::join!(same(store, "s1"), same(other, "s2"));
    let is_new = |posted: &Posted| matches!(posted, Posted::New(_));
    assert!(is_new(&one) != is_new(&two), "exactly one of two senders makes the message");
    together::post(store).await;
    Box::pin(together::post_along(store)).await;
}

async fn revise_and_mark(store: &Store) {
    let revise = async |name: &str, revision: Revision, expected: Expected| {
        let app = app();
        Box::pin(store.message_revise(
            (&app, name),
            (revision, "user:a"),
            &expected,
            (write(9), |_after| Default::default()),
        ))
        .await
        .unwrap()
        .0
    };
    let edit = || Revision::Edit(Content { body: "später".to_owned(), ..Content::default() });
    assert_eq!(revise("m1", edit(), Expected::OneOf(vec![7])).await, Edited::Mismatch(1));
    let Edited::Done(edited) = revise("m1", edit(), Expected::OneOf(vec![1])).await else {
        panic!("it has this version")
    };
    assert_eq!((edited.body.as_str(), edited.version, edited.edited_at), ("später", 2, Some(moment(9))));
    assert!(matches!(revise("m1", edit(), Expected::Any).await, Edited::Unchanged(_)));
    let versions = store.message_versions(&app(), "m1").await.unwrap();
    assert_eq!(versions, [(1, message("", "a", None).body, moment(9), "user:a".to_owned())]);
    let mark = async |name: &str, who: &str, mark: Mark<'_>| {
        let (app, who) = (app(), user(who));
        Box::pin(store.message_mark((&app, name), (&who, false), mark, (write(9), |_after, _in_shadow| Vec::new())))
            .await
            .unwrap()
            .0
    };
    for who in ["a", "A", "b", "b"] {
        mark("m1", who, Mark::React("👍")).await;
    }
    mark("m1", "a", Mark::React("👎")).await;
    assert!(matches!(mark("m1", "a", Mark::Acknowledge).await, Marked::Done(_)));
    assert!(matches!(mark("m1", "a", Mark::Acknowledge).await, Marked::Unchanged(_)));
    let Marked::Done(marked) = mark("m1", "a", Mark::Unreact("👍")).await else { panic!("it was there") };
    let mut reactions: Vec<_> = marked.reactions.iter().map(|one| (one.emoji.as_str(), one.count)).collect();
    reactions.sort_unstable();
    assert_eq!((reactions, marked.acks), (vec![("👍", 2), ("👎", 1)], 1));
    let until = moment(100);
    assert!(matches!(revise("m2", Revision::Pin(Some(until)), Expected::Any).await, Edited::Done(_)));
    let pinned = async |now: DateTime<Utc>| {
        let (app, chat) = (app(), id("c"));
        store.message_pinned((&app, &chat), (Viewer::All, 0), now, 10).await.unwrap().len()
    };
    assert_eq!((pinned(until - TimeDelta::milliseconds(1)).await, pinned(until).await), (1, 0));
    let Edited::Done(gone) = revise("m2", Revision::Delete, Expected::Any).await else { panic!("it was there") };
    assert_eq!((gone.body.as_str(), gone.deleted_at, gone.pinned_at), ("", Some(moment(9)), None));
    assert_eq!(revise("m2", edit(), Expected::Any).await, Edited::Deleted);
    assert_eq!(mark("m2", "a", Mark::React("👍")).await, Marked::Deleted);
    assert_eq!(revise("m99", edit(), Expected::Any).await, Edited::Missing);
}

/// What streams keep of messages goes with them.
async fn forget(store: &Store) {
    let fact = |topic: Topic, message: &Message, text: &str| {
        let Message { id, chat, seq, .. } = message;
        let said = json!({ "id": id, "chat_id": chat.as_str(), "seq": seq, "body": text });
        let payload = Payload::from_iter([("message".to_owned(), said)]);
        let (event, at) = (Event::MessageCreated, moment(1));
        (Fact { id: format!("{topic}{text}"), event, topic, position: None, at, actor: None, payload }, None)
    };
    let say = async |name: &str, chat: &str, visibility: Visibility| {
        let audience = if visibility == Visibility::Users { vec![user("b")] } else { Vec::new() };
        let said = Message { id: name.to_owned(), chat: id(chat), visibility, audience, ..message("", "a", None) };
        let (chat, name) = (self::chat(chat, Kind::Course), name.to_owned());
        let facts =
            move |said: &Message| said.topics(&chat).into_iter().map(|topic| fact(topic, said, &name)).collect();
        post_all(store, vec![NewPost { facts: std::sync::Arc::new(facts), ..unsaid(said, TimeDelta::zero()) }]).await;
    };
    let kept = async |topic: &str| {
        let (app, after) = (app(), (None, 0));
        match store.stream_after(&app, topic, after, 100).await.unwrap() {
            Missed::Events(kept) => kept.iter().map(|one| json!(one.fact.payload).to_string()).collect::<String>(),
            Missed::Gap => "gap".to_owned(),
        }
    };
    say("w1", "c", Visibility::All).await;
    say("w2", "c", Visibility::Users).await;
    say("w3", "C", Visibility::Users).await;
    for name in ["w1", "w2"] {
        let (app, expected) = (app(), Expected::Any);
        let tell = |_after: &Message| (Vec::new(), r#"{"message":{"chat_id":"c"}}"#.to_owned());
        let gone = store.message_revise((&app, name), (Revision::Delete, "user:a"), &expected, (write(9), tell));
        assert!(matches!(Box::pin(gone).await.unwrap().0, Edited::Done(_)));
    }
    let (whole, own) = (kept("chat.c").await, kept("user.b").await);
    assert!(whole.contains(r#""chat_id":"c""#) && !whole.contains("w1"), "{whole}");
    assert!(!own.contains("w2") && own.contains("w3"), "{own}");
    say("w4", "c", Visibility::Users).await;
    say("w5", "c", Visibility::Staff).await;
    let (app, chat) = (app(), id("c"));
    let facts = |chat: &Chat| vec![fact(Topic::Chat(chat.id.clone()), &message("w6", "a", None), "w6")];
    Box::pin(store.chat_clear((&app, &chat), "user:a", write(9), facts)).await.unwrap();
    assert_eq!(kept("chat.c").await, "gap");
    assert!(!kept("course-staff.1").await.contains("w5") && !kept("user.b").await.contains("w4"));
}

async fn read(store: &Store, other: &Store) {
    let read = async |store: &Store, seq: i64, private: Option<bool>| {
        let (app, chat, who) = (app(), id("c"), user("b"));
        let wishes = (private, None);
        Box::pin(store.chat_read((&app, &chat, &who), seq, wishes, at(0))).await.unwrap()
    };
    tokio::join!(read(store, 2, None), read(other, 4, None), read(store, 1, None), read(other, 3, None));
    let state = read(store, 0, Some(true)).await;
    assert_eq!((state.last_read_seq, state.is_private, state.notify), (4, true, Notify::Mentions));
    assert_eq!(read(store, i64::MAX, None).await.last_read_seq, 5, "nobody has read what is not there yet");
    let add = async |names: &[&str]| {
        let (app, chat) = (app(), id("g"));
        let new: Vec<_> = names.iter().map(|name| belonging(name)).collect();
        Box::pin(store.chat_members_add((&app, &chat), &new, write(1), Vec::new())).await.unwrap().0
    };
    assert_eq!(add(&["b", "a"]).await, MembersAdded::Added);
    assert_eq!(add(&["z"]).await, MembersAdded::UnknownUser(user("z")));
    let members = store.chat_member_list(&app(), &id("g"), &Page { after: None, limit: 10 }).await.unwrap();
    let names: Vec<_> = members.iter().map(|(user, name, _)| (user.as_str(), name.as_str())).collect();
    assert_eq!(names, [("a", "Name of a"), ("b", "Name of b")]);
    let remove = async || {
        let (app, chat, who) = (app(), id("g"), user("b"));
        Box::pin(store.chat_member_remove((&app, &chat), &who, write(1), Vec::new())).await.unwrap().0
    };
    assert!(remove().await && !remove().await);
    assert!(store.chat_circle(&app(), &id("c")).await.unwrap().unwrap().members.is_empty(), "reading makes no member");
}

async fn moderate(store: &Store) {
    let (app, chat) = (app(), id("c"));
    let sanction = |name: &str, until: Option<i64>| Sanction {
        id: name.to_owned(),
        user: user("b"),
        measure: Measure::Mute,
        is_shadow: false,
        reason: "laut 🔔".to_owned(),
        until: until.map(moment),
        created_by: "user:a".to_owned(),
        created_at: moment(0),
        lifted_at: None,
    };
    for new in [sanction("s1", None), sanction("s2", Some(50))] {
        assert!(Box::pin(store.sanction_insert((&app, &chat), &new, write(1), Vec::new())).await.unwrap().0);
    }
    let circle = async || store.chat_circle(&app, &chat).await.unwrap().unwrap();
    assert_eq!(
        circle().await.sanctions,
        [sanction("s2", Some(50))],
        "the later one takes the place of the earlier one"
    );
    let lift =
        async || Box::pin(store.sanction_lift((&app, &chat), ("s2", "user:a"), write(2), Vec::new())).await.unwrap().0;
    assert!(lift().await && !lift().await && circle().await.sanctions.is_empty());
    let report = Report {
        id: "r1".to_owned(),
        chat: chat.clone(),
        message: "m1".to_owned(),
        reporter: Some(user("b")),
        reason: Complaint::Spam,
        note: String::new(),
        state: ReportState::Open,
        created_at: moment(0),
        handled_by: None,
        handled_at: None,
    };
    let by_word = |name: &str, note: &str| Report {
        id: name.to_owned(),
        reporter: None,
        reason: Complaint::Other,
        note: note.to_owned(),
        ..report.clone()
    };
    for (new, is_new) in [(by_word("w1", "x"), true), (by_word("w2", "y"), false)] {
        assert_eq!(store.report_insert(&app, &new).await.unwrap(), (by_word("w1", "x"), is_new));
    }
    store.report_handle((&app, &chat), "w1", (ReportState::Handled, "user:a"), write(3)).await.unwrap();
    let looked_into =
        Report { handled_by: Some("user:a".to_owned()), handled_at: Some(moment(3)), ..by_word("w1", "y") };
    assert_eq!(
        store.report_insert(&app, &by_word("w3", "y")).await.unwrap(),
        (looked_into, false),
        "it says something else now, and who has looked into it is not forgotten"
    );
    store.report_handle((&app, &chat), "w1", (ReportState::Handled, "user:a"), write(3)).await.unwrap();
    let twice = Report { id: "r2".to_owned(), ..report.clone() };
    assert_eq!(store.report_insert(&app, &report).await.unwrap(), (report.clone(), true));
    assert_eq!(store.report_insert(&app, &twice).await.unwrap(), (report, false));
    let handled = store.report_handle((&app, &chat), "r1", (ReportState::Handled, "user:a"), write(3)).await.unwrap();
    assert_eq!(handled.map(|one| (one.state, one.handled_at)), Some((ReportState::Handled, Some(moment(3)))));
    let page = Page { after: None, limit: 10 };
    assert!(store.report_list(&app, &chat, Some(ReportState::Open), &page).await.unwrap().is_empty());
    assert_eq!(store.report_list(&app, &chat, None, &page).await.unwrap().len(), 2);
}

async fn clear(store: &Store) {
    let (app, chat) = (app(), id("c"));
    post(store, message("m6", "a", None)).await;
    let cleared = Box::pin(store.chat_clear((&app, &chat), "user:a", write(20), |_chat| Vec::new())).await.unwrap().0;
    let ChatChanged::Changed(cleared) = cleared else { panic!("there was something") };
    assert_eq!(cleared.cleared_seq, 10);
    let left = store.message_list((&app, &chat), (Viewer::All, 0), Window::Newest, 10).await.unwrap();
    assert!(left.iter().all(|message| message.body.is_empty() && message.attachments.is_empty()));
    assert!(store.message_versions(&app, "m1").await.unwrap().is_empty());
    assert_eq!(post(store, message("m7", "a", None)).await.seq, 11);
}

//! Notifications, broadcasts and the log of both, through their lives on one of the databases.

use campanile::{
    domain::{
        access::Topic,
        audience::{Audience, AudienceType},
        broadcast::{Broadcast, LogEntry, LogFilter, LogKind, LogOutcome},
        fact::{Actor, Event, Fact},
        notification::{
            BroadcastState, Category, Content, Mark, Medium, Notification, NotificationBroadcast, Preference,
            Recipient, Which,
        },
        roster::Role,
    },
    ids::{ExternalId, SocketId, UserId},
    store::{Hourly, NotificationFilter, Outgoing, Payload, Piece, Store, Telling},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use super::{at, id as app_id};

fn user(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn content(group: Option<&str>) -> Content {
    Content {
        category: Category::Content,
        kind: Some("sheet".to_owned()),
        title: "é".repeat(255),
        body: "🔔".repeat(4_000),
        url: Some("/courses/1".to_owned()),
        data: Some(format!(r#"{{"a":"{}"}}"#, "x".repeat(16_000))),
        group_key: group.map(str::to_owned),
        expires_at: None,
    }
}

fn actor() -> Actor {
    Actor { id: "8".to_owned(), name: "Instructor".to_owned(), role: Some(Role::Instructor) }
}

fn recipient(name: &str) -> Recipient {
    Recipient { user: user(name), course: Some(ExternalId::from(1)) }
}

fn new_id() -> String {
    campanile::services::new_id(at(0))
}

fn fact(notification: &Notification) -> Fact<Payload> {
    Fact {
        id: new_id(),
        event: Event::NotificationCreated,
        topic: Topic::User(notification.user.clone()),
        position: None,
        at: at(0),
        actor: None,
        payload: serde_json::Map::new(),
    }
}

fn telling(now: DateTime<Utc>) -> Telling<'static> {
    Telling { new_id: &new_id, fact: &fact, now }
}

async fn insert(store: &Store, who: &str, content: &Content, now: DateTime<Utc>) -> Option<Notification> {
    let from = actor();
    let outgoing = Outgoing { content, actor: Some(&from), broadcast: None, except: None };
    let recipient = recipient(who);
    let (written, kept) =
        store.notification_insert(&app_id("tower"), &recipient, outgoing, &telling(now)).await.unwrap();
    assert_eq!(kept.len(), usize::from(written.is_some()));
    written
}

async fn list(store: &Store, who: &str) -> Vec<Notification> {
    let (app, who) = (app_id("tower"), user(who));
    let all = NotificationFilter::default();
    store.notification_list((&app, &who), &all, (None, 100), at(5)).await.unwrap()
}

async fn mark(store: &Store, who: &str, which: &Which, mark: Mark) -> Vec<String> {
    let (app, who) = (app_id("tower"), user(who));
    let none = |_: &[String], _: u64| Vec::new();
    store.notification_mark((&app, &who), (which, mark), none, ("e", at(6))).await.unwrap().0
}

const READ: Mark = Mark { read: Some(true), seen: None, archived: None };

/// Leads everything through its life; leaves rows of the app `tower` behind.
pub(crate) async fn lead_through_its_life(store: &Store) {
    keep_and_mark(store).await;
    gather_in_groups(store).await;
    order_by_what_came_last(store).await;
    leave_out_who_does_not_want(store).await;
    Box::pin(send_to_many_in_pieces(store)).await;
    count_what_is_sent_in_an_hour(store).await;
    keep_broadcasts_acks_and_their_log(store).await;
    sweep(store).await;
}

async fn keep_and_mark(store: &Store) {
    let first = insert(store, "zoe", &content(None), at(0)).await.unwrap();
    let expected = Notification { created_at: first.created_at, ..first.clone() };
    assert_eq!((first.actor, first.count, first.content), (Some(actor()), 1, content(None)));
    let other = insert(store, "Zoe", &content(None), at(0)).await.unwrap();
    assert_eq!(list(store, "zoe").await, std::slice::from_ref(&expected));
    let app = app_id("tower");
    assert_eq!(store.notification(&app, &user("zoe"), &expected.id).await.unwrap(), Some(expected.clone()));
    for nobody in ["zoe ", " zoe", "zo", "zoe\u{0}", "Zoe"] {
        assert_eq!(store.notification(&app, &user(nobody), &expected.id).await.unwrap(), None, "{nobody:?}");
        let ids = Which::Ids(vec![expected.id.clone()]);
        assert!(mark(store, nobody, &ids, READ).await.is_empty(), "{nobody:?}");
    }
    assert!(list(store, "zoe ").await.is_empty());
    let unread = async || store.notification_unread(&app, &user("zoe"), at(5)).await.unwrap();
    assert_eq!(unread().await, 1);
    let ids = Which::Ids(vec![expected.id.clone(), other.id, "x\u{0}".to_owned(), "nothing".to_owned()]);
    assert_eq!(mark(store, "zoe", &ids, READ).await, std::slice::from_ref(&expected.id));
    assert!(mark(store, "zoe", &ids, READ).await.is_empty(), "it is read already");
    assert_eq!(unread().await, 0);
    assert_eq!(list(store, "zoe").await[0].read_at, DateTime::from_timestamp_millis(at(6).timestamp_millis()));
    assert_eq!(mark(store, "zoe", &ids, Mark { read: Some(false), ..Mark::default() }).await.len(), 1);
    assert_eq!(mark(store, "zoe", &Which::Before(at(0)), READ).await.len(), 0, "it came at that very moment");
    assert_eq!(mark(store, "zoe", &Which::Before(at(1)), READ).await.len(), 1);
    assert_eq!(mark(store, "zoe", &ids, Mark { archived: Some(true), ..Mark::default() }).await.len(), 1);
    assert!(list(store, "zoe").await.is_empty());
}

async fn gather_in_groups(store: &Store) {
    let group = content(Some("sheets"));
    let first = insert(store, "bo", &group, at(0)).await.unwrap();
    let second = insert(store, "bo", &group, at(1)).await.unwrap();
    assert_eq!((&second.id, second.count, second.created_at), (&first.id, 2, first.created_at));
    assert!(second.updated_at > first.updated_at);
    insert(store, "bo", &content(Some("other")), at(1)).await.unwrap();
    mark(store, "bo", &Which::Ids(vec![first.id.clone()]), READ).await;
    let third = insert(store, "bo", &group, at(2)).await.unwrap();
    assert_eq!((third.id == first.id, third.count), (false, 1), "what was read takes up no more");
    assert_eq!(list(store, "bo").await.len(), 3);

    let brief = Content { expires_at: Some(at(3)), ..content(Some("brief")) };
    let before = insert(store, "bo", &brief, at(0)).await.unwrap();
    let after = insert(store, "bo", &Content { expires_at: None, ..brief }, at(4)).await.unwrap();
    assert_eq!((before.id == after.id, after.count), (false, 1), "what is over takes up no more");
}

async fn order_by_what_came_last(store: &Store) {
    let (app, fay) = (app_id("tower"), user("fay"));
    insert(store, "fay", &content(Some("sheets")), at(0)).await.unwrap();
    let alone = insert(store, "fay", &content(None), at(1)).await.unwrap();
    let grouped = insert(store, "fay", &content(Some("sheets")), at(2)).await.unwrap();
    assert_eq!(list(store, "fay").await, [grouped.clone(), alone.clone()]);
    let all = NotificationFilter::default();
    let behind = async |one: &Notification| {
        let page = (Some((one.updated_at, one.id.as_str())), 1);
        store.notification_list((&app, &fay), &all, page, at(5)).await.unwrap()
    };
    assert_eq!((behind(&grouped).await, behind(&alone).await), (vec![alone.clone()], Vec::new()));
    let nobody = Notification { id: "\0".to_owned(), ..alone.clone() };
    assert!(behind(&nobody).await.is_empty());
    assert_eq!(mark(store, "fay", &Which::Before(at(2)), READ).await, [alone.id], "the other was counted up later");
}

/// Notifications of one group that come at the same time are one, as are lists of preferences and confirmations.
pub(crate) async fn let_writers_meet(store: &Store, other: &Store) {
    let group = content(Some("rush"));
    let stores = [store, other].into_iter().cycle().take(20);
    join_all(stores.map(|store| Box::pin(insert(store, "cy", &group, at(0))))).await;
    let all = list(store, "cy").await;
    assert_eq!((all.len(), all[0].count), (1, 20));

    let (app, cy) = (app_id("tower"), user("cy"));
    let wishes = |course: u32| {
        Category::ALL.iter().map(move |category| Preference {
            category: *category,
            medium: Medium::InApp,
            course: Some(ExternalId::from(course)),
            enabled: false,
        })
    };
    let stores = || [store, other].into_iter().cycle().zip(1..=8);
    let replace = async |(store, course): (&Store, u32)| {
        store.preference_replace(&app, &cy, &wishes(course).collect::<Vec<_>>()).await.unwrap();
    };
    join_all(stores().map(|each| Box::pin(replace(each)))).await;
    let left = store.preference_list(&app, &cy).await.unwrap();
    assert!(left.len() == Category::ALL.len() && left.iter().all(|one| one.course == left[0].course), "{left:?}");

    let ack =
        async |(store, second): (&Store, u32)| store.broadcast_ack(&app, "rush", &cy, at(second.into())).await.unwrap();
    let times = join_all(stores().map(|each| Box::pin(ack(each)))).await;
    assert!(times.iter().all(|time| *time == times[0]), "{times:?}");
}

async fn leave_out_who_does_not_want(store: &Store) {
    let (app, di) = (app_id("tower"), user("di"));
    let say = |course: Option<u32>, enabled| Preference {
        category: Category::Content,
        medium: Medium::InApp,
        course: course.map(ExternalId::from),
        enabled,
    };
    let twice = [say(None, true), say(None, false), say(Some(2), true)];
    store.preference_replace(&app, &di, &twice).await.unwrap();
    assert_eq!(store.preference_list(&app, &di).await.unwrap(), [say(None, false), say(Some(2), true)]);
    assert_eq!(insert(store, "di", &content(None), at(0)).await, None);
    store.preference_replace(&app, &di, &[]).await.unwrap();
    assert!(store.preference_list(&app, &di).await.unwrap().is_empty());
    assert!(insert(store, "di", &content(None), at(0)).await.is_some());
}

fn many(id: &str, by: &str) -> NotificationBroadcast {
    NotificationBroadcast {
        id: id.to_owned(),
        audience: Audience::parse(AudienceType::Course, &["1".to_owned()], &[Role::Student], &["x".to_owned()])
            .unwrap(),
        content: content(None),
        is_public: true,
        created_by: by.to_owned(),
        except: SocketId::parse("1.2"),
        actor: Some(actor()),
        state: BroadcastState::Scheduled,
        estimated: 5,
        recipients: 0,
        muted: 0,
        done_up_to: None,
        created_at: ms(at(0)),
        scheduled_at: ms(at(1)),
        sent_at: None,
    }
}

fn ms(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time.timestamp_millis()).unwrap()
}

fn entry(outcome: LogOutcome) -> LogEntry {
    LogEntry {
        kind: LogKind::Notification,
        channel: "course:1".to_owned(),
        event: "notification.created".to_owned(),
        event_id: Some("e".to_owned()),
        bytes: 70_000,
        actor: "user:8".to_owned(),
        ip: Some("2001:db8::7".to_owned()),
        receivers: 0,
        latency_us: 12,
        outcome,
        at: ms(at(0)),
    }
}

async fn send_to_many_in_pieces(store: &Store) {
    let app = app_id("tower");
    let new = many("B1", "user:8");
    assert!(store.notification_broadcast_insert(&app, &new, None).await.unwrap());
    assert_eq!(store.notification_broadcast(&app, "B1").await.unwrap(), Some(new));
    assert_eq!(store.notification_broadcast(&app_id("Tower"), "B1").await.unwrap(), None);
    assert!(store.notification_broadcasts_due(&app, at(0), 10).await.unwrap().is_empty(), "its time has not come");
    assert!(store.notification_apps_due(at(0)).await.unwrap().is_empty());
    assert_eq!(store.notification_broadcasts_due(&app, at(1), 10).await.unwrap().len(), 1);
    assert!(store.notification_broadcasts_due(&app_id("Tower"), at(1), 10).await.unwrap().is_empty());
    assert!(store.notification_broadcast_insert(&app, &many("B0", "user:8"), None).await.unwrap());
    assert_eq!(store.notification_apps_due(at(1)).await.unwrap(), std::slice::from_ref(&app), "each once");
    let called_off = entry(LogOutcome::Cancelled);
    assert!(store.notification_broadcast_end(&app, "B0", BroadcastState::Cancelled, &called_off).await.unwrap());

    let send = async |names: &[&str], is_last: bool| {
        let recipients: Vec<_> = names.iter().map(|name| recipient(name)).collect();
        let last = is_last.then(|| (Vec::new(), entry(LogOutcome::Sent)));
        let piece = Piece { recipients: &recipients, last };
        let sent = store.notification_broadcast_send(&app, "B1", piece, &telling(at(2))).await.unwrap();
        (sent.0.unwrap(), sent.1.len())
    };
    let (now, told) = send(&["p1", "p2"], false).await;
    assert_eq!(
        (now.state, now.recipients, now.done_up_to.as_deref(), told),
        (BroadcastState::Sending, 2, Some("p2"), 2)
    );
    let (now, told) = send(&["p1", "p2", "p3"], false).await;
    assert_eq!((now.recipients, told), (3, 1), "nobody gets it twice");
    let (now, told) = send(&["p3", "p4"], true).await;
    assert_eq!((now.state, now.recipients, told), (BroadcastState::Sent, 4, 1));
    assert_eq!(now.sent_at, Some(ms(at(2))));
    let (now, told) = send(&["p5"], true).await;
    assert_eq!((now.state, now.recipients, told), (BroadcastState::Sent, 4, 0), "it is over");
    for who in ["p1", "p2", "p3", "p4"] {
        assert_eq!(list(store, who).await.len(), 1, "{who}");
    }
    let log = store.broadcast_log_list(&app, &LogFilter::default(), (None, 10)).await.unwrap();
    assert_eq!((log.len(), log[0].1.receivers), (2, 4));
    let end = async |id: &str| {
        store.notification_broadcast_end(&app, id, BroadcastState::Cancelled, &called_off).await.unwrap()
    };
    assert!(!end("B1").await);

    assert!(store.notification_broadcast_insert(&app, &many("B2", "user:8"), None).await.unwrap());
    assert!(end("B2").await && !end("B2").await);
    let piece = Piece { recipients: &[recipient("p1")], last: None };
    let (now, kept) = store.notification_broadcast_send(&app, "B2", piece, &telling(at(2))).await.unwrap();
    assert_eq!((now.unwrap().state, kept.len()), (BroadcastState::Cancelled, 0));
    assert!(store.notification_broadcasts_due(&app, at(9), 10).await.unwrap().is_empty());
}

async fn count_what_is_sent_in_an_hour(store: &Store) {
    let app = app_id("tower");
    let hourly = |since: i64| Some(Hourly { max: 2, since: at(since) });
    for (id, since, taken) in [("C1", -9, true), ("C2", -9, true), ("C3", -9, false), ("C4", 1, true)] {
        let new = many(id, "user:hourly");
        assert_eq!(store.notification_broadcast_insert(&app, &new, hourly(since)).await.unwrap(), taken, "{id}");
    }
    assert!(store.notification_broadcast_insert(&app, &many("C5", "user:other"), hourly(-9)).await.unwrap());
    assert_eq!(store.notification_broadcast(&app, "C3").await.unwrap(), None);
    for id in ["C1", "C2", "C4", "C5"] {
        let entry = entry(LogOutcome::Cancelled);
        assert!(store.notification_broadcast_end(&app, id, BroadcastState::Cancelled, &entry).await.unwrap());
    }
}

async fn keep_broadcasts_acks_and_their_log(store: &Store) {
    let app = app_id("tower");
    let new = Broadcast {
        id: "D1".to_owned(),
        audience: Audience::person(user("zoe")),
        event: "é".repeat(200),
        data: format!(r#"{{"a":"{}"}}"#, "x".repeat(65_528)),
        durable: true,
        require_ack: true,
        created_by: "key:ck_1".to_owned(),
        receivers: 1,
        created_at: ms(at(0)),
        expires_at: Some(ms(at(9))),
    };
    let row = LogEntry { kind: LogKind::Broadcast, channel: "x".repeat(300), ..entry(LogOutcome::Sent) };
    let about = |topic: &str| Fact { topic: Topic::User(user(topic)), event: Event::Broadcast, ..sample() };
    let facts = vec![(about("zoe"), None), (about("bo"), None)];
    let kept = store.broadcast_insert(&app, (&new, &row), facts, "e").await.unwrap();
    assert_eq!(kept.len(), 2);
    assert_eq!(store.broadcast(&app, "D1").await.unwrap(), Some(new));
    assert_eq!(store.broadcast(&app_id("Tower"), "D1").await.unwrap(), None);

    let ack = async |who: &str, seconds| store.broadcast_ack(&app, "D1", &user(who), at(seconds)).await.unwrap();
    assert_eq!(ack("zoe", 1).await, ms(at(1)));
    assert_eq!(ack("zoe", 2).await, ms(at(1)), "the first one counts");
    ack("Zoe", 3).await;
    let acks = async |after: Option<&str>| store.broadcast_acks(&app, "D1", (after, 1)).await.unwrap();
    assert_eq!((acks(None).await[0].user.as_str(), acks(Some("Zoe")).await[0].user.as_str()), ("Zoe", "zoe"));
    assert_eq!(store.broadcast_ack_count(&app, "D1").await.unwrap(), 2);

    let by = |channel: Option<&str>, actor: Option<&str>| LogFilter {
        channel: channel.map(str::to_owned),
        actor: actor.map(str::to_owned),
    };
    let listed = async |filter: &LogFilter, before| {
        store
            .broadcast_log_list(&app, filter, (before, 100))
            .await
            .unwrap()
            .into_iter()
            .map(|(id, _)| id)
            .collect::<Vec<_>>()
    };
    let all = listed(&LogFilter::default(), None).await;
    assert!(all.is_sorted_by(|one, other| one > other), "newest first");
    assert_eq!(listed(&by(Some(&"x".repeat(300)), None), None).await, all[..1], "long names are cut alike");
    assert_eq!(listed(&LogFilter::default(), Some(all[0])).await, all[1..]);
    assert!(listed(&by(None, Some("user:nobody")), None).await.is_empty());
    store.broadcast_log_insert(&app, &vec![entry(LogOutcome::RateLimited); 501]).await.unwrap();
}

fn sample() -> Fact<Payload> {
    Fact {
        id: new_id(),
        event: Event::Broadcast,
        topic: Topic::Public,
        position: None,
        at: at(0),
        actor: None,
        payload: serde_json::Map::new(),
    }
}

async fn sweep(store: &Store) {
    let app = app_id("tower");
    let brief = Content { expires_at: Some(at(50)), ..content(None) };
    insert(store, "ed", &brief, at(5)).await.unwrap();
    insert(store, "ed", &content(None), at(5)).await.unwrap();
    let long_ago = at(0) - TimeDelta::days(1);
    assert!(store.notification_sweep(at(49), long_ago, 100).await.unwrap() == 1, "the brief one of before");
    assert_eq!(store.notification_sweep(at(50), long_ago, 100).await.unwrap(), 1);
    assert_eq!(list(store, "ed").await.len(), 1);
    store.broadcast_sweep(at(1), 100).await.unwrap();
    assert_eq!(
        (store.broadcast(&app, "D1").await.unwrap(), store.broadcast_ack_count(&app, "D1").await.unwrap()),
        (None, 0)
    );
    store.broadcast_log_sweep(&app, at(1), 1_000).await.unwrap();
    assert!(store.broadcast_log_list(&app, &LogFilter::default(), (None, 10)).await.unwrap().is_empty());
    assert!(store.notification_sweep(at(9), at(9), 1_000).await.unwrap() > 5);
    assert_eq!(store.notification_broadcast(&app, "B1").await.unwrap(), None, "what is done goes too");
}

//! Removes what is kept no longer, and keeps SQLite's log short.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::keep::{Duty, ticker, within};
use crate::{
    services::{
        Apps, Chats, Once, broadcast::Broadcasts, broadcast_log::BroadcastLog, notification::Notifications, now,
    },
    store::{self, Store},
};

/// How often.
const INTERVAL: Duration = Duration::from_secs(60);

/// How often SQLite's log is moved into its file.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);

/// Longest wait for that.
const CHECKPOINT_LIMIT: Duration = Duration::from_secs(30);

/// How often, in intervals, is looked for what is kept for days.
const DAYS_EVERY: u32 = 60;

/// Who keeps what for a while.
#[derive(Clone)]
pub(super) struct Tidy {
    pub(super) store: Store,
    pub(super) apps: Arc<Apps>,
    pub(super) chats: Arc<Chats>,
    pub(super) once: Arc<Once>,
    pub(super) notifications: Arc<Notifications>,
    pub(super) broadcasts: Arc<Broadcasts>,
    pub(super) broadcast_log: Arc<BroadcastLog>,
    /// Days for which the audit is kept; 0 = for ever.
    pub(super) audit_days: u32,
    /// Days for which ended stays are kept; 0 = for ever.
    pub(super) presence_days: u32,
}

impl Tidy {
    /// Removes what is kept no longer, until cancelled.
    pub(super) async fn keep(self, token: CancellationToken) {
        let mut ticker = ticker(INTERVAL);
        for beat in (0..DAYS_EVERY).cycle() {
            if token.run_until_cancelled(ticker.tick()).await.is_none() {
                return;
            }
            let _cancelled = token.run_until_cancelled(self.sweep(now())).await;
            if beat == 0 {
                let _cancelled = token.run_until_cancelled(self.sweep_days(now())).await;
            }
        }
    }

    async fn sweep(&self, now: DateTime<Utc>) {
        complain("answers to repeated requests", self.once.sweep(now).await);
        complain("notifications", self.notifications.sweep(now).await);
        complain("broadcasts", self.broadcasts.sweep(now).await);
        complain("the broadcast log", self.broadcast_log.sweep(now).await);
        complain("streams", self.store.stream_prune(now).await);
    }

    async fn sweep_days(&self, now: DateTime<Utc>) {
        complain("the audit", self.prune_audit(now).await);
        complain("times of presence", self.prune_presence(now).await);
        complain("messages", Box::pin(self.chats.expire(&self.apps, now)).await);
    }

    async fn prune_audit(&self, now: DateTime<Utc>) -> store::Result<()> {
        if let Some(before) = before(self.audit_days, now) {
            while self.store.audit_prune(before).await? > 0 {}
        }
        Ok(())
    }

    async fn prune_presence(&self, now: DateTime<Utc>) -> store::Result<()> {
        if let Some(before) = before(self.presence_days, now) {
            while self.store.presence_prune(before).await? > 0 {}
        }
        Ok(())
    }
}

/// Keeps the log of the database short, until cancelled.
pub(super) async fn keep_checkpoints(store: Store, token: CancellationToken) {
    let (mut ticker, mut duty) = (ticker(CHECKPOINT_INTERVAL), Duty::new("the log of the database"));
    while token.run_until_cancelled(ticker.tick()).await.is_some() {
        duty.note(within(CHECKPOINT_LIMIT, store.checkpoint()).await);
        duty.over();
    }
}

/// What is older than this has been kept for so many days; `None` = it is kept for ever.
fn before(days: u32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (days > 0).then(|| now - TimeDelta::days(days.into()))
}

/// What fails keeps nothing else from being removed.
fn complain(what: &str, outcome: store::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "what is kept no longer of {what} cannot be removed, it is tried again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            access::Topic,
            app::{App, AppSettings, Secret},
            chat::{Author, Chat, Kind, Message, Settings, Visibility},
            fact::{Event, Fact},
            presence::Stay,
        },
        ids::{AppId, AppKey, ExternalId},
        metrics::Metrics,
        services::{Teller, new_id},
        store::{ChatWrite, Missed, NewPost},
    };

    async fn tidy() -> Tidy {
        let config = store::Config { url: "sqlite::memory:".to_owned(), ..store::Config::default() };
        let store = Store::open(&config).await.unwrap();
        store.migrate().await.unwrap();
        let apps = Arc::new(Apps::new(Arc::new(Metrics::new().unwrap()), store.clone()));
        let teller = Arc::new(Teller::new(store.clone(), Arc::clone(&apps)));
        let log = Arc::new(BroadcastLog::new(store.clone(), Arc::clone(&apps)));
        let (told, kept) = (Arc::clone(&teller), Arc::clone(&log));
        Tidy {
            apps: Arc::clone(&apps),
            chats: Arc::new(Chats::new(store.clone(), Arc::clone(&teller))),
            once: Arc::new(Once::new(store.clone())),
            notifications: Arc::new(Notifications::new(store.clone(), apps, told, kept)),
            broadcasts: Arc::new(Broadcasts::new(store.clone(), teller, Arc::clone(&log))),
            broadcast_log: log,
            store,
            audit_days: 0,
            presence_days: 1,
        }
    }

    #[tokio::test]
    async fn what_cannot_be_removed_keeps_nothing_else_from_being_removed() {
        let tidy = tidy().await;
        let (store, app) = (&tidy.store, AppId::parse("campus").unwrap());
        let fact = Fact {
            id: "e1".to_owned(),
            event: Event::MessageCreated,
            topic: Topic::Chat(ExternalId::parse("1").unwrap()),
            position: None,
            at: now(),
            actor: None,
            payload: serde_json::Map::new(),
        };
        let kept = store.stream_append(&app, vec![(fact, None)], "e").await.unwrap();
        let ids: Vec<i64> = kept.iter().map(|kept| kept.id).collect();
        store.stream_told(&ids, now() - store::KEPT_FOR).await.unwrap();
        store.run("DROP TABLE idempotency_key").await;
        tidy.sweep(now()).await;
        let missed = store.stream_after(&app, "chat.1", (Some("e"), 0), 10).await.unwrap();
        assert!(matches!(missed, Missed::Gap), "{missed:?}");
    }

    #[tokio::test]
    async fn messages_that_are_older_than_their_chat_keeps_them_go_and_those_who_hear_it_are_told() {
        let tidy = tidy().await;
        let (store, now) = (&tidy.store, DateTime::UNIX_EPOCH + TimeDelta::days(100));
        let app = App {
            id: AppId::parse("campus").unwrap(),
            key: AppKey::parse("campus-key").unwrap(),
            name: String::new(),
            secrets: vec![Secret::new("0123456789abcdef")],
            enabled: true,
            settings: AppSettings::default(),
        };
        tidy.apps.replace(vec![app.clone()]);
        let id = ExternalId::parse("g").unwrap();
        let chat = Chat {
            id: id.clone(),
            kind: Kind::Group,
            course: None,
            class: None,
            title: String::new(),
            settings: Settings { retention_days: Some(7), ..Settings::default() },
            created_by: String::new(),
            created_at: now,
            frozen_at: None,
            archived_at: None,
            cleared_seq: 0,
            version: 1,
        };
        let write = ChatWrite { at: now, audit: &[], epoch: "e" };
        Box::pin(store.chat_create(&app.id, &chat, &[], (write, Vec::new()))).await.unwrap();
        let post = |days| NewPost {
            message: said(&id, now - TimeDelta::days(days)),
            pause: TimeDelta::zero(),
            facts: Arc::new(|_said| Vec::new()),
            along: store::Along::default(),
        };
        Box::pin(store.message_insert(&app.id, &[9, 8, 6].map(post), "e")).await.unwrap();
        let live = tidy.apps.by_id("campus").unwrap();
        assert_eq!(live.chat(&id).await.unwrap().unwrap().chat.cleared_seq, 0);
        tidy.sweep_days(now).await;
        assert_eq!(live.chat(&id).await.unwrap().unwrap().chat.cleared_seq, 2, "what was known of it is forgotten");
        let seen_as = (store::Viewer::All, 0);
        let left = store.message_list((&app.id, &id), seen_as, store::Window::Newest, 10).await.unwrap();
        assert_eq!(left.iter().map(|message| message.seq).collect::<Vec<_>>(), [3]);
        tidy.sweep_days(now).await;
        let missed = store.stream_after(&app.id, "chat.g", (None, 0), 10).await.unwrap();
        let Missed::Events(told) = missed else { panic!("{missed:?}") };
        let [told] = told.as_slice() else { panic!("told once: {told:?}") };
        let payload = &told.fact.payload;
        assert_eq!((&payload["change"], &payload["chat"]["cleared_seq"]), (&"expired".into(), &2.into()));
    }

    fn said(chat: &ExternalId, at: DateTime<Utc>) -> Message {
        Message {
            id: new_id(at),
            chat: chat.clone(),
            seq: 0,
            author: Author::Program,
            author_name: String::new(),
            author_role: None,
            parent: None,
            client_id: None,
            body: "hello".to_owned(),
            mentions: Vec::new(),
            visibility: Visibility::All,
            audience: Vec::new(),
            is_shadowed: false,
            was_open: false,
            attachments: Vec::new(),
            reactions: Vec::new(),
            acks: 0,
            created_at: at,
            edited_at: None,
            deleted_at: None,
            pinned_at: None,
            pinned_until: None,
            version: 1,
        }
    }

    #[tokio::test]
    async fn stays_that_ended_long_ago_go_with_all_others_of_their_age_and_open_ones_stay() {
        let tidy = tidy().await;
        let (store, app, now) =
            (tidy.store.clone(), AppId::parse("campus").unwrap(), DateTime::UNIX_EPOCH + TimeDelta::days(9));
        let stay = |user: u32, ago: i64, left: Option<i64>| {
            let ended = left.map(|ago| (now - TimeDelta::hours(ago), "closed"));
            Stay { user: user.into(), scope: None, joined_at: now - TimeDelta::hours(ago), left: ended }
        };
        let mut stays: Vec<Stay> = (0..1_005)
            .map(|second| Stay { joined_at: now - TimeDelta::days(8) + TimeDelta::seconds(second), ..stay(7, 0, None) })
            .collect();
        let ended =
            stays.clone().into_iter().map(|stay| Stay { left: Some((now - TimeDelta::hours(25), "closed")), ..stay });
        stays.extend(ended.collect::<Vec<_>>());
        stays.extend([stay(8, 25, None), stay(9, 25, None), stay(9, 25, Some(23))]);
        store.presence_keep(&app, &stays, &[]).await.unwrap();
        tidy.sweep_days(now).await;
        let left = async |user: u32| store.presence_stays(&app, (&user.into(), None), 2_000).await.unwrap().len();
        assert_eq!([left(7).await, left(8).await, left(9).await], [0, 1, 1]);
        let tidy = Tidy { presence_days: 0, ..tidy };
        tidy.sweep_days(now + TimeDelta::days(40_000)).await;
        assert_eq!(left(9).await, 1, "0 = for ever");
    }
}

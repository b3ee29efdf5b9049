//! Sendings on a database that fails in the middle, their turns, and what goes with time.

use super::*;
use crate::{
    domain::{
        audience::AudienceType,
        notification::{BroadcastState, Category},
    },
    services::broadcast::tests::{World, now, people},
};

fn content(title: &str) -> Content {
    Content {
        category: Category::Content,
        kind: None,
        title: title.to_owned(),
        body: String::new(),
        url: None,
        data: None,
        group_key: None,
        expires_at: None,
    }
}

fn to(audience: Audience, title: &str) -> NewNotificationBroadcast {
    NewNotificationBroadcast { audience, content: content(title), scheduled_at: None, is_public: false }
}

/// Lets no notification with this title be written.
async fn refuse(world: &World, title: &str) {
    let trigger = format!(
        "CREATE TRIGGER refused BEFORE INSERT ON notification WHEN NEW.title = '{title}'
            BEGIN SELECT RAISE(ABORT, 'refused'); END"
    );
    world.store.run(&trigger).await;
}

async fn found(world: &World, sent: &NotificationBroadcast) -> NotificationBroadcast {
    world.store.notification_broadcast(&world.live.app().id, &sent.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_sending_that_is_kept_but_cannot_begin_is_taken_and_goes_out_later_once() {
    let world = World::new().await;
    refuse(&world, "Sheet 5").await;
    let taken = world.notifications.broadcast(world.sender(), to(people(3), "Sheet 5")).await.unwrap();
    assert_eq!(
        (taken.state, found(&world, &taken).await.state),
        (BroadcastState::Scheduled, BroadcastState::Scheduled)
    );
    assert!(world.notifications.send_due(now()).await.is_err());

    world.store.run("DROP TRIGGER refused").await;
    for _ in 0..2 {
        world.notifications.send_due(now()).await.unwrap();
        let sent = found(&world, &taken).await;
        assert_eq!((sent.state, sent.recipients), (BroadcastState::Sent, 3));
    }
    let app = world.live.app();
    for user in 1..=3_u32 {
        assert_eq!(world.notifications.unread(&app.id, &UserId::from(user), now()).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn whoever_sends_is_told_how_it_stands() {
    let world = World::new().await;
    let send = async |count| {
        let sent = world.notifications.broadcast(world.sender(), to(people(count), "Sheet 5")).await.unwrap();
        assert_eq!(sent, found(&world, &sent).await);
        (sent.state, sent.recipients)
    };
    assert_eq!(send(3).await, (BroadcastState::Sent, 3));
    assert_eq!(send(101).await, (BroadcastState::Sending, 100));
}

#[tokio::test]
async fn a_sending_that_fails_or_is_large_does_not_keep_the_others_waiting() {
    let world = World::new().await;
    let crowd = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2101)
        INSERT INTO person (app_id, id, name, source, version, updated_at)
        SELECT 'campus', i, i, 'test', 1, '2020-01-01 00:00:00' FROM n";
    world.store.run(crowd).await;
    refuse(&world, "Refused").await;
    let mut all = Vec::new();
    for (number, (audience, title)) in [
        (people(3), "Refused"),
        (Audience::parse(AudienceType::All, &[], &[], &[]).unwrap(), "Large"),
        (people(3), "Small"),
    ]
    .into_iter()
    .enumerate()
    {
        let scheduled_at = Some(now() + TimeDelta::seconds(number as i64 + 1));
        let new = NewNotificationBroadcast { scheduled_at, ..to(audience, title) };
        all.push(world.notifications.broadcast(world.sender(), new).await.unwrap());
    }
    let then = now() + TimeDelta::minutes(1);
    let turn = async || {
        assert!(matches!(world.notifications.send_due(then).await, Err(Error::Store(_))));
        let mut stand = Vec::new();
        for one in &all {
            let found = found(&world, one).await;
            stand.push((found.state, found.recipients));
        }
        stand
    };
    use BroadcastState::{Scheduled, Sending, Sent};
    assert_eq!(turn().await, [(Scheduled, 0), (Sending, 2_000), (Sent, 3)]);
    assert_eq!(turn().await, [(Scheduled, 0), (Sent, 2_101), (Sent, 3)]);
}

#[tokio::test]
async fn what_was_counted_up_or_sent_lately_stays_though_it_is_long_since_it_was_made() {
    let world = World::new().await;
    let (app, user) = (world.live.app().id.clone(), UserId::from(7));
    let at = |days: i64| now() - TimeDelta::days(days);
    let send = async |content: Content, days| {
        let sender = Sender { now: at(days), ..world.sender() };
        let new = NewNotification { user: user.clone(), place: None, content };
        world.notifications.send(sender, new).await.unwrap().unwrap()
    };
    let group = Content { group_key: Some("likes".to_owned()), ..content("Likes") };
    let grouped = send(group.clone(), 200).await;
    let alone = send(content("Alone"), 200).await;
    assert_eq!(send(group, 1).await.id, grouped.id);
    let plan = async |days: i64| {
        let sender = Sender { now: at(200), ..world.sender() };
        let new = NewNotificationBroadcast { scheduled_at: Some(at(days)), ..to(people(1), "Planned") };
        world.notifications.broadcast(sender, new).await.unwrap()
    };
    let (late, old) = (plan(1).await, plan(190).await);
    world.notifications.send_due(at(190)).await.unwrap();
    world.notifications.send_due(at(1)).await.unwrap();

    world.notifications.sweep(now()).await.unwrap();
    let kept = async |id: &str| world.notifications.find(&app, &user, id).await.unwrap().is_some();
    assert_eq!((kept(&grouped.id).await, kept(&alone.id).await), (true, false));
    let kept = async |id: &str| world.store.notification_broadcast(&app, id).await.unwrap().is_some();
    assert_eq!((kept(&late.id).await, kept(&old.id).await), (true, false));
}

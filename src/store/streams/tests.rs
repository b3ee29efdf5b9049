//! Streams in a real SQLite file.

use super::*;
use crate::{domain::access::Topic, ids::ExternalId, store::tests::migrated};

fn app(id: &str) -> AppId {
    AppId::parse(id).unwrap()
}

fn chat(id: &str) -> Topic {
    Topic::Chat(ExternalId::parse(id).unwrap())
}

fn fact(topic: Topic, number: i64) -> (Fact<Payload>, Option<SocketId>) {
    let fact = Fact {
        id: format!("e{number}"),
        event: Event::MessageCreated,
        topic,
        position: None,
        at: DateTime::from_timestamp_millis(1_700_000_000_000 + number).unwrap(),
        actor: Some(Actor { id: "7".to_owned(), name: "Student".to_owned(), role: None }),
        payload: Payload::new(),
    };
    (fact, SocketId::parse("1.2"))
}

fn seqs(missed: Missed) -> Option<Vec<i64>> {
    match missed {
        Missed::Events(kept) => Some(kept.iter().map(|kept| kept.fact.position.as_ref().unwrap().seq).collect()),
        Missed::Gap => None,
    }
}

#[tokio::test]
async fn each_topic_counts_for_itself_and_all_together_in_the_order_of_commits() {
    let (_directory, store) = migrated().await;
    let (campus, other) = (app("campus"), app("other"));
    let facts = vec![fact(chat("1"), 1), fact(chat("2"), 2), fact(chat("1"), 3)];
    let kept = store.stream_append(&campus, facts, "e").await.unwrap();
    let places: Vec<_> = kept.iter().map(|kept| (kept.id, kept.fact.position.as_ref().unwrap().seq)).collect();
    assert_eq!(places, [(1, 1), (2, 1), (3, 2)]);
    let kept = store.stream_append(&other, vec![fact(chat("1"), 4)], "f").await.unwrap();
    assert_eq!((kept[0].id, kept[0].fact.position.clone().unwrap().seq), (4, 1));
    assert_eq!(
        store.stream_position(&campus, "chat.1").await.unwrap(),
        Some(Position { epoch: "e".to_owned(), seq: 2 })
    );
    assert_eq!(store.stream_position(&campus, "chat.9").await.unwrap(), None);
}

#[tokio::test]
async fn who_was_away_gets_all_that_was_missed_or_is_told_of_the_gap() {
    let (_directory, store) = migrated().await;
    let campus = app("campus");
    for number in 1..=3 {
        store.stream_append(&campus, vec![fact(chat("1"), number)], "e").await.unwrap();
    }
    let after = async |epoch: Option<&'static str>, after, limit| {
        seqs(store.stream_after(&campus, "chat.1", (epoch, after), limit).await.unwrap())
    };
    assert_eq!(after(Some("e"), 1, 10).await, Some(vec![2, 3]));
    assert_eq!(after(None, 0, 2).await, Some(vec![1, 2]));
    assert_eq!(after(Some("e"), 3, 10).await, Some(vec![]));
    assert_eq!(after(Some("old"), 1, 10).await, None);
    assert_eq!(after(Some("e"), 4, 10).await, None, "ahead of the stream");
    assert_eq!(after(Some("e"), -1, 10).await, None);
    let nothing = store.stream_after(&campus, "chat.9", (None, 0), 10).await.unwrap();
    assert_eq!(seqs(nothing), Some(vec![]));
    assert_eq!(store.stream_after(&campus, "chat.9", (None, 1), 10).await.unwrap(), Missed::Gap);
}

#[tokio::test]
async fn what_was_not_told_is_found_in_order_and_once_told_no_more() {
    let (_directory, store) = migrated().await;
    let campus = app("campus");
    let facts: Vec<_> = (1..=3).map(|number| fact(chat(&number.to_string()), number)).collect();
    let kept = store.stream_append(&campus, facts, "e").await.unwrap();
    assert_eq!(store.stream_untold(10).await.unwrap(), kept);
    assert_eq!(store.stream_untold(2).await.unwrap(), kept[..2]);
    store.stream_told(&[1, 2], DateTime::UNIX_EPOCH).await.unwrap();
    assert_eq!(store.stream_untold(10).await.unwrap(), kept[2..]);
}

#[tokio::test]
async fn a_topic_keeps_its_newest_events_and_those_that_nobody_has_told() {
    let (_directory, store) = migrated().await;
    let campus = app("campus");
    let last = i64::try_from(KEPT).unwrap() + PRUNE_EVERY;
    let facts = (1..last).map(|number| fact(chat("1"), number)).collect();
    let kept = store.stream_append(&campus, facts, "e").await.unwrap();
    let told: Vec<i64> = kept.iter().map(|kept| kept.id).filter(|id| *id != 5).collect();
    store.stream_told(&told, DateTime::UNIX_EPOCH).await.unwrap();
    store.stream_append(&campus, vec![fact(chat("1"), last)], "e").await.unwrap();
    let after = async |after| seqs(store.stream_after(&campus, "chat.1", (Some("e"), after), 1).await.unwrap());
    assert_eq!(after(PRUNE_EVERY).await, Some(vec![PRUNE_EVERY + 1]));
    assert_eq!(after(PRUNE_EVERY - 1).await, None);
    assert_eq!(store.stream_untold(1).await.unwrap()[0].id, 5);
}

#[tokio::test]
async fn a_hole_in_the_log_is_a_gap_and_the_position_goes_on() {
    let (_directory, store) = migrated().await;
    let campus = app("campus");
    for number in 1..=5 {
        store.stream_append(&campus, vec![fact(chat("1"), number)], "e").await.unwrap();
    }
    let after = async |after| seqs(store.stream_after(&campus, "chat.1", (Some("e"), after), 10).await.unwrap());
    store.run("delete from stream_event where seq = 3").await;
    assert_eq!(after(1).await, None, "a part is never given");
    assert_eq!(after(3).await, Some(vec![4, 5]));
    store.run("update stream_event set seq = 9 where seq = 5").await;
    assert_eq!(after(3).await, None, "nor without its end");
    store.run("update stream_event set seq = 5 where seq = 9").await;
    store.run("update stream_event set event = 'of.a.later.version' where seq = 5").await;
    assert_eq!(after(3).await, None);
    store.run("delete from stream_event").await;
    assert_eq!((after(4).await, after(5).await), (None, Some(vec![])));
    let kept = store.stream_append(&campus, vec![fact(chat("1"), 6)], "f").await.unwrap();
    assert_eq!(kept[0].fact.position, Some(Position { epoch: "e".to_owned(), seq: 6 }));
}

#[tokio::test]
async fn a_log_whose_position_is_lost_begins_a_new_epoch_without_the_old_events() {
    let (_directory, store) = migrated().await;
    let campus = app("campus");
    for number in 1..=3 {
        store.stream_append(&campus, vec![fact(chat("1"), number), fact(chat("2"), number)], "e").await.unwrap();
    }
    store.run("delete from stream where topic = 'chat.1'").await;
    store.stream_append(&campus, vec![fact(chat("1"), 4)], "f").await.unwrap();
    let after = async |epoch, after| seqs(store.stream_after(&campus, "chat.1", (epoch, after), 10).await.unwrap());
    assert_eq!((after(Some("e"), 1).await, after(Some("f"), 0).await), (None, Some(vec![1])));
    assert_eq!(store.stream_position_of(&campus, "chat.1", "e1").await.unwrap(), None);
    assert_eq!(seqs(store.stream_after(&campus, "chat.2", (Some("e"), 0), 10).await.unwrap()).unwrap().len(), 3);
}

#[tokio::test]
async fn an_event_is_found_in_its_own_app_and_topic_alone() {
    let (_directory, store) = migrated().await;
    let (campus, other) = (app("campus"), app("other"));
    store.stream_append(&campus, vec![fact(chat("1"), 1), fact(chat("1"), 2), fact(chat("2"), 3)], "e").await.unwrap();
    let found = async |app: &AppId, topic: &str, event: &str| {
        store.stream_position_of(app, topic, event).await.unwrap().map(|position| (position.epoch, position.seq))
    };
    assert_eq!(found(&campus, "chat.1", "e2").await, Some(("e".to_owned(), 2)));
    for (app, topic, event) in
        [(&campus, "chat.2", "e2"), (&other, "chat.1", "e2"), (&campus, "chat.1", "E2"), (&campus, "chat.1", "e2\0")]
    {
        assert_eq!(found(app, topic, event).await, None, "{topic} {event}");
    }
}

#[tokio::test]
async fn what_was_told_a_day_ago_is_forgotten_and_what_was_not_told_stays() {
    let (_directory, store) = migrated().await;
    let campus = app("campus");
    let facts = (1..=3).map(|number| fact(chat("1"), number)).collect();
    store.stream_append(&campus, facts, "e").await.unwrap();
    store.stream_told(&[1, 2], DateTime::UNIX_EPOCH).await.unwrap();
    let after = async |after| seqs(store.stream_after(&campus, "chat.1", (Some("e"), after), 10).await.unwrap());
    store.stream_prune(DateTime::UNIX_EPOCH + KEPT_FOR - TimeDelta::milliseconds(1)).await.unwrap();
    assert_eq!(after(0).await, Some(vec![1, 2, 3]));
    store.stream_prune(DateTime::UNIX_EPOCH + KEPT_FOR).await.unwrap();
    assert_eq!((after(1).await, after(2).await), (None, Some(vec![3])));
    assert_eq!(store.stream_position(&campus, "chat.1").await.unwrap().map(|position| position.seq), Some(3));
}

#[tokio::test]
async fn what_is_old_goes_with_what_lies_before_it_at_the_latest() {
    let (_directory, store) = migrated().await;
    let campus = app("campus");
    let facts = (1..=3).map(|number| fact(chat("1"), number)).collect();
    store.stream_append(&campus, facts, "e").await.unwrap();
    let (early, late) = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH + TimeDelta::hours(1));
    store.stream_told(&[1, 3], early).await.unwrap();
    store.stream_told(&[2], late).await.unwrap();
    let after = async |after| seqs(store.stream_after(&campus, "chat.1", (Some("e"), after), 10).await.unwrap());
    store.stream_prune(early + KEPT_FOR).await.unwrap();
    assert_eq!((after(0).await, after(1).await), (None, Some(vec![2, 3])));
    store.stream_prune(late + KEPT_FOR).await.unwrap();
    assert_eq!((after(2).await, after(3).await), (None, Some(vec![])));
}

#[tokio::test]
#[ignore = "measures; run it with --nocapture"]
async fn how_long_an_append_takes() {
    let (_directory, store) = migrated().await;
    let campus = app("campus");
    for round in 0..3_i64 {
        let began = std::time::Instant::now();
        for number in 0..1_000 {
            store.stream_append(&campus, vec![fact(chat("1"), round * 1_000 + number)], "e").await.unwrap();
        }
        println!("{:?} for one event of one topic, commit included", began.elapsed() / 1_000);
    }
}

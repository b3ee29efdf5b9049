//! Word lists on each database: as long as they may be, written over one version, gone with what they belong to.

use campanile::{
    domain::{
        audit::AuditEntry,
        roster::{Course, Expected, Kind, Object, Operation, Visibility},
        word_list::{Entry, WordAction, WordList},
    },
    ids::{AppId, ExternalId},
    store::{RosterWrite, Store},
};
use chrono::DateTime;

use super::{at, id as app_id, new};

fn app() -> AppId {
    app_id("words")
}

fn course() -> ExternalId {
    ExternalId::parse("1").unwrap()
}

fn list(version: i64, length: usize) -> WordList {
    let text = |at: usize| format!("{at:0>100}").replace('0', "🔔");
    let entries = (0..length).map(|at| Entry { text: text(at), action: WordAction::Mask }).collect();
    let updated_at = DateTime::from_timestamp_millis(at(1).timestamp_millis());
    WordList { entries, version, updated_at, updated_by: Some("user:a".to_owned()) }
}

fn entry() -> AuditEntry {
    AuditEntry {
        app: app(),
        actor: "test".to_owned(),
        action: "word_list.updated".to_owned(),
        target_type: "word_list".to_owned(),
        target_id: "1".to_owned(),
        scope: None,
        before: None,
        after: None,
        ip: None,
        at: at(1),
    }
}

async fn put(store: &Store, of: Option<&ExternalId>, new: WordList, expected: Expected) -> Result<WordList, i64> {
    Box::pin(store.word_list_put((&app(), of), new, &expected, entry())).await.unwrap()
}

async fn roster(store: &Store, operation: Operation) {
    let by = RosterWrite { source: "test", actor: "test", ip: None, now: at(0) };
    Box::pin(store.roster_apply(&app(), by, &[operation])).await.unwrap();
}

pub(super) async fn lead_through_its_life(store: &Store, other: &Store) {
    store.app_create(new("words"), at(0)).await.unwrap();
    let object = Object::Course(Course {
        id: course(),
        org: None,
        code: None,
        title: "Computing".to_owned(),
        starts_at: None,
        ends_at: None,
        visibility: Visibility::Enrolled,
        archived_at: None,
        overrides: Vec::new(),
    });
    roster(store, Operation::Put(Box::new(object))).await;
    let (app, course) = (app(), course());
    let before = store.word_list_revision().await.unwrap();
    for of in [None, Some(&course)] {
        assert_eq!(store.word_list(&app, of).await.unwrap(), WordList::default());
        assert_eq!(put(store, of, list(0, 1_000), Expected::OneOf(vec![0])).await, Ok(list(1, 1_000)));
        assert_eq!(put(store, of, list(0, 1), Expected::OneOf(vec![0, 2])).await, Err(1));
        assert_eq!(other.word_list(&app, of).await.unwrap(), list(1, 1_000));
    }
    assert_eq!(put(store, None, list(0, 0), Expected::Any).await, Ok(list(2, 0)));
    assert_eq!(other.word_list_revision().await.unwrap(), before + 3, "what was refused is not counted");

    let (one, two) = (put(store, None, list(0, 1), Expected::Any), put(other, None, list(0, 2), Expected::Any));
    let (one, two) = tokio::join!(Box::pin(one), Box::pin(two));
    let mut versions = [one.unwrap().version, two.unwrap().version];
    versions.sort_unstable();
    assert_eq!(versions, [3, 4]);

    roster(store, Operation::Delete(Kind::Course, course.to_string())).await;
    assert_eq!(store.word_list(&app, Some(&course)).await.unwrap(), WordList::default(), "it goes with its course");
    assert_eq!(other.word_list_revision().await.unwrap(), before + 6, "and other nodes find that out");
    assert_eq!(store.word_list(&app, None).await.unwrap().version, 4);
    assert!(store.app_delete(&app).await.unwrap());
    assert_eq!(store.word_list(&app, None).await.unwrap(), WordList::default());
    assert_eq!(other.word_list_revision().await.unwrap(), before + 7);
}

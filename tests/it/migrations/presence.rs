//! Stays, servers and statuses on one of the databases.

use std::collections::HashSet;

use campanile::{
    domain::presence::{Status, Stay},
    ids::UserId,
    store::{Left, Store},
};
use chrono::{SubsecRound, TimeDelta};

use super::{at, id as app_id};

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// Lets two servers keep stays, and loses one of them; leaves rows of the app `tower` behind.
pub(crate) async fn lose_a_server(here: &Store, lost: &Store) {
    let app = app_id("tower");
    let second = |second: i64| at(second).trunc_subsecs(3);
    let stay = |who: &str, scope: Option<&str>, joined: i64| Stay {
        user: user(who),
        scope: scope.map(str::to_owned),
        joined_at: second(joined),
        left: None,
    };
    let ends = async |who: &str, scope: Option<&str>| {
        let stays = here.presence_stays(&app, (&user(who), scope), 10).await.unwrap();
        stays.into_iter().map(|(_, left, _)| left).collect::<Vec<_>>()
    };
    let theirs = [stay("é1", None, 0), stay("2", None, 0), stay("2", Some("class.k"), 0), stay("3", None, 7)];
    lost.presence_keep(&app, &theirs, &[(user("é1"), at(0))]).await.unwrap();
    here.presence_keep(&app, &[stay("2", None, 1), stay("4", None, 1)], &[]).await.unwrap();
    here.node_beat(at(6)).await.unwrap();
    for beat in [4, 5] {
        lost.node_beat(at(beat)).await.unwrap();
    }
    assert!(here.node_sweep(at(5)).await.unwrap().is_empty(), "it is there");
    let swept = here.node_sweep(at(6)).await.unwrap();
    let gone = Left { app: app.clone(), users: vec![user("3"), user("é1")], seen: second(5) };
    assert_eq!(swept, [gone], "2 is here");
    assert!(here.node_sweep(at(6)).await.unwrap().is_empty(), "once");
    assert_eq!(ends("é1", None).await, [Some(second(5))]);
    assert_eq!(ends("2", Some("class.k")).await, [Some(second(5))]);
    assert_eq!(ends("3", None).await, [Some(second(7))], "not before it began");
    assert_eq!((ends("2", None).await, ends("4", None).await), (vec![None, Some(second(5))], vec![None]));
    lost.node_beat(at(9)).await.unwrap();
    assert_eq!((ends("3", None).await, ends("2", Some("class.k")).await), (vec![None], vec![None]), "it is back");
    let over = Stay { left: Some((second(10), "closed")), ..stay("3", None, 7) };
    here.presence_keep(&app, std::slice::from_ref(&over), &[]).await.unwrap();
    assert_eq!(ends("3", None).await, [None], "it is another server's");
    lost.presence_keep(&app, &[over], &[]).await.unwrap();
    lost.node_beat(at(11)).await.unwrap();
    assert_eq!(ends("3", None).await, [Some(second(10))]);
    assert_eq!(here.node_sweep(at(12)).await.unwrap().len(), 1, "lost once more");
    lost.presence_keep(&app, &[stay("6", None, 13)], &[]).await.unwrap();
    let gone = Left { app: app.clone(), users: vec![user("6"), user("é1")], seen: second(13) };
    assert_eq!(
        here.node_sweep(at(14)).await.unwrap(),
        [gone],
        "it came back to keep stays, and has said nothing since"
    );
    assert_eq!((ends("6", None).await, ends("é1", None).await), (vec![Some(second(13))], vec![Some(second(13))]));
    hide_typing(here).await;
    assert_eq!(here.presence_prune(second(100) + TimeDelta::days(1)).await.unwrap(), 5, "all of the lost");
}

/// Whoever hides that they type stands in the log of changes, and whoever says anything else does not.
async fn hide_typing(store: &Store) {
    let app = app_id("tower");
    let before = store.roster_seq().await.unwrap();
    let say = async |followed, hides_typing| {
        let decide = |before: Status| Ok(Status { hides_typing, ..before });
        store.presence_status_change(&app, (&user("5"), followed), decide).await.unwrap().unwrap();
    };
    say(None, false).await;
    assert_eq!(store.roster_seq().await.unwrap(), before);
    say(Some(at(0)), true).await;
    let changes = store.roster_changes_of_all(before, 10).await.unwrap();
    assert_eq!(changes.iter().map(|(_, change)| change.user.clone()).collect::<Vec<_>>(), [Some(user("5"))]);
    assert_eq!(store.presence_typing_hidden(&app).await.unwrap(), HashSet::from([user("5")]));
    say(None, false).await;
}

//! Hundreds of sockets that come and go at once: nobody's picture of the channel may be wrong.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::ROOM;
use crate::support::{
    app::TestApp,
    client::{Client, inner, member},
    eventually,
};

/// What pusher-js would believe: the list it was given and every change since.
struct Observer {
    client: Client,
    members: BTreeSet<String>,
}

impl Observer {
    async fn join(mut client: Client, user: &str) -> Self {
        let list = client.join(ROOM, user).await;
        Self { client, members: ids(&list["ids"]) }
    }

    /// Takes what has been told so far. Nobody may come twice, go twice, or go before coming.
    async fn catch_up(&mut self) {
        for frame in self.client.drain().await {
            let user = inner(&frame)["user_id"].as_str().unwrap().to_owned();
            match frame["event"].as_str().unwrap() {
                "pusher_internal:member_added" => assert!(self.members.insert(user), "came twice: {frame}"),
                "pusher_internal:member_removed" => assert!(self.members.remove(&user), "was not there: {frame}"),
                other => panic!("{other}"),
            }
        }
    }
}

fn ids(list: &Value) -> BTreeSet<String> {
    let texts: Vec<String> = list.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    let set: BTreeSet<String> = texts.iter().cloned().collect();
    assert_eq!(set.len(), texts.len(), "each user once: {list}");
    set
}

/// Joins, and leaves in one of three ways, or stays. Two sockets in three share their user with another one.
async fn come_and_go(number: usize, client: Client) -> Option<Observer> {
    let user = format!("user-{}", number % 130);
    let mut observer = Observer::join(client, &user).await;
    assert!(observer.members.contains(&user));
    observer.catch_up().await;
    match number % 5 {
        0 => observer.client.close().await,
        1 => observer.client.cut(),
        2 => {
            observer.client.unsubscribe(ROOM).await;
            observer.client.drain().await;
            assert!(observer.client.drain().await.is_empty(), "a frame after the end of the subscription");
        }
        3 => {
            observer.client.unsubscribe(ROOM).await;
            observer.client.drain().await;
            return Some(Observer::join(observer.client, &user).await);
        }
        _ => return Some(observer),
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_sockets_at_once_leave_everybody_with_the_same_true_list() {
    let app = TestApp::with_settings(|settings| settings.presence_full_member_limit = 1_000).await;
    let mut watchers = Vec::new();
    for number in 0..5 {
        watchers.push(Observer::join(app.connect().await, &format!("watcher-{number}")).await);
    }
    let crowd = app.crowd(200).await;
    let tasks: JoinSet<_> = crowd.into_iter().enumerate().map(|(number, client)| come_and_go(number, client)).collect();
    let mut stayed: Vec<Observer> = tasks.join_all().await.into_iter().flatten().chain(watchers).collect();
    let expected: BTreeSet<String> = (0..200)
        .filter(|number| number % 5 > 2)
        .map(|number| format!("user-{}", number % 130))
        .chain((0..5).map(|number| format!("watcher-{number}")))
        .collect();

    eventually("the last one has gone", async || {
        let (_, answer) = app.get(&format!("/channels/{ROOM}"), &[("info", "user_count,subscription_count")]).await;
        answer == json!({ "occupied": true, "user_count": expected.len(), "subscription_count": stayed.len() })
    })
    .await;
    let (_, answer) = app.get(&format!("/channels/{ROOM}/users"), &[]).await;
    let users = answer["users"].as_array().unwrap().iter().map(|user| user["id"].clone()).collect();
    assert_eq!(ids(&users), expected);
    for observer in &mut stayed {
        observer.catch_up().await;
        assert_eq!(observer.members, expected);
    }
    let mut late = app.connect().await;
    late.ask_signed(ROOM, Some(&member("late"))).await;
    let list = inner(&late.expect("pusher_internal:subscription_succeeded").await);
    assert_eq!(list["presence"]["count"], expected.len() + 1);
}

//! Things that happen in topics without any feature behind them: written and told as every feature does it.

use campanile::{
    domain::fact::{Event, topic_of},
    ids::{AppId, SocketId},
    services::{Draft, new_id},
    store::{self, Kept, Store},
};
use serde_json::{Value, json};

use super::{
    app::{MAIN, TestApp},
    client::{Client, inner},
    rest::now,
};

/// Where things happen.
pub(crate) struct Stage<'a> {
    app: &'a TestApp,
    store: Store,
}

impl TestApp {
    /// A stage beside the running server, with the server's own teller.
    pub(crate) async fn stage(&self) -> Stage<'_> {
        Stage { app: self, store: self.store().await }
    }
}

/// The `number`th thing in a topic.
fn draft(topic: &str, number: usize, except: Option<&str>) -> Draft {
    let Value::Object(payload) = json!({ "number": number, "of_topic": topic }) else { panic!() };
    Draft {
        event: Event::MessageCreated,
        topic: topic_of(topic).unwrap(),
        actor: None,
        payload,
        at: now(),
        except: except.and_then(SocketId::parse),
    }
}

/// Writes facts without telling them, as a server does that ends between the two.
pub(crate) async fn write(store: &Store, topic: &str, numbers: impl IntoIterator<Item = usize>) -> Vec<Kept> {
    let facts = numbers.into_iter().map(|number| draft(topic, number, None).into_fact()).collect();
    store.stream_append(&AppId::parse(MAIN.id).unwrap(), facts, &new_id(now())).await.unwrap()
}

impl Stage<'_> {
    /// The database of the server.
    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Lets the `number`th thing happen in a topic.
    pub(crate) async fn happen(&self, topic: &str, number: usize) -> Kept {
        self.happen_but_for(topic, number, None).await
    }

    /// The same, and one socket does not hear of it.
    pub(crate) async fn happen_but_for(&self, topic: &str, number: usize, except: Option<&str>) -> Kept {
        let facts = vec![draft(topic, number, except).into_fact()];
        let (app, epoch) = (AppId::parse(MAIN.id).unwrap(), new_id(now()));
        let write = async {
            let kept = self.store.stream_append(&app, facts, &epoch).await?;
            Ok::<_, store::Error>((kept[0].clone(), kept))
        };
        self.app.teller.keep_and_tell(write).await.unwrap()
    }

    /// Lets things happen in a topic, one after the other, with these numbers.
    pub(crate) async fn happen_all(&self, topic: &str, numbers: impl IntoIterator<Item = usize>) -> Vec<Kept> {
        let facts = numbers.into_iter().map(|number| draft(topic, number, None).into_fact()).collect();
        let (app, epoch) = (AppId::parse(MAIN.id).unwrap(), new_id(now()));
        let write = async {
            let kept = self.store.stream_append(&app, facts, &epoch).await?;
            Ok::<_, store::Error>((kept.clone(), kept))
        };
        self.app.teller.keep_and_tell(write).await.unwrap()
    }
}

impl Client {
    /// Asks for a private channel and says how far it was heard; reads nothing.
    pub(crate) async fn ask_after(&mut self, channel: &str, last_event_id: &str) {
        let auth = self.keys.channel_auth(&self.id, channel, None);
        let data = json!({ "channel": channel, "auth": auth, "last_event_id": last_event_id });
        self.send_json(json!({ "event": "pusher:subscribe", "data": data })).await;
    }

    /// Subscribes to a private channel, says how far it was heard, and takes the answer.
    pub(crate) async fn subscribe_after(&mut self, channel: &str, last_event_id: &str) {
        self.ask_after(channel, last_event_id).await;
        self.expect_on("pusher_internal:subscription_succeeded", channel).await;
    }
}

/// Numbers of the events in some frames.
pub(crate) fn numbers(frames: &[Value]) -> Vec<u64> {
    frames.iter().map(|frame| inner(frame)["number"].as_u64().unwrap_or_else(|| panic!("{frame}"))).collect()
}

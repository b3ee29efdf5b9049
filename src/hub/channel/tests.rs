//! What happens in the moment between the last leave and the next join.

use super::*;
use crate::{
    hub::{Hub, Publication, Pushed},
    ids::AppId,
    metrics::Metrics,
};

fn hub() -> Hub {
    Hub::new(Metrics::new().unwrap().for_app(&AppId::parse("app-id").unwrap()))
}

fn name(text: &str) -> ChannelName {
    ChannelName::parse(text, (&AppSettings::default()).into()).unwrap()
}

#[test]
fn a_retired_channel_takes_no_event_and_keeps_no_copy() {
    let hub = hub();
    let channel = Channel::new(name("cache-a"));
    assert_eq!(channel.retire_if_empty(), After::Retired);
    let was_alive = channel.publish(&Frame::ping(), |_| false, hub.metrics(), || panic!("nothing may be kept"));
    assert!(!was_alive);
}

#[test]
fn a_cached_event_goes_on_to_the_channel_that_took_the_place_of_a_retired_one() {
    let (hub, settings, name) = (hub(), AppSettings::default(), name("cache-a"));
    // As the last one to leave has it between the channel's lock and the shard's.
    let retired = hub.channel_or_new(&name, u32::MAX).unwrap();
    assert_eq!(retired.retire_if_empty(), After::Retired);
    let publication = Publication { frame: &Frame::ping(), except: None, keep: Some("1") };
    hub.publish(&name, publication, &settings);
    assert_eq!(hub.cached(&name).unwrap().data, "1");
    // The one who left comes to it later and drops nothing twice.
    hub.settle(&retired, After::Retired);
    assert_eq!(hub.channel_count(), 0);

    let socket = hub.open(0, 10_000, 1).unwrap();
    let joining = Joining { socket: &socket, member: None, settings: &settings, now: Instant::now() };
    hub.subscribe(&name, joining).unwrap();
    hub.settle(&retired, After::Retired);
    assert_eq!(hub.channel_count(), 1);
}

#[test]
fn terminating_a_user_reaches_the_members_of_presence_channels_and_nobody_else() {
    let (hub, settings) = (hub(), AppSettings::default());
    let member =
        |id: &str| Member { id: UserId::parse(id).unwrap(), numeric_id: false, info: Arc::from("{}"), is_staff: false };
    let open = |bits, channel: &str, member: Option<&Member>| {
        let socket = hub.open(0, 10_000, bits).unwrap();
        hub.subscribe(&name(channel), Joining { socket: &socket, member, settings: &settings, now: Instant::now() })
            .unwrap();
        socket
    };
    let (ada, bob) = (member("42"), member("43"));
    let gone = [open(1, "presence-a", Some(&ada)), open(2, "presence-cache-b", Some(&ada))];
    let stays = [open(3, "presence-a", Some(&bob)), open(4, "private-a", None), open(5, "presence", None)];
    hub.terminate(&ada.id, false);
    assert!(gone.iter().all(|socket| socket.outbox().push(&Frame::ping()) == Pushed::Queued));
    hub.terminate(&ada.id, true);
    assert!(gone.iter().all(|socket| socket.outbox().push(&Frame::ping()) == Pushed::Ended));
    assert!(stays.iter().all(|socket| socket.outbox().push(&Frame::ping()) == Pushed::Queued));
}

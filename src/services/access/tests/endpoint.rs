//! The auth endpoint: what it signs, for whom, and what that tells about the socket.

use serde_json::Value;

use super::*;
use crate::{
    domain::{caller::KeyHolder, roster::Class},
    ids::SocketId,
};

/// The socket for which [`World::authorize`] asks.
const ASKING: u64 = 0x0000_0001_0000_0001;

#[tokio::test]
async fn what_the_endpoint_has_signed_tells_whose_socket_it_is() {
    let world = World::with(|settings| settings.authz = Authz::Trust).await;
    let socket = world.socket(ASKING);
    assert_eq!(socket.id(), SocketId::parse("1.1").unwrap());
    let auth = world.authorize(&world.person("7"), "private-course.1", None).await.unwrap();
    world.show(&socket, "private-course.1", &auth).await.unwrap();
    let [listener] = &world.live.audience(&channel("private-course.1"))[..] else { panic!() };
    assert_eq!(listener.user, Some((user("7"), Bound::Endpoint)));
    assert_eq!(
        (listener.reason, listener.role, &listener.enrollment),
        (Reason::Enrolled, Some(Role::Student), &Some(id("e7")))
    );

    // What is dropped between the signature and its use counts, under trust too: it was the roster that gave it.
    let other = world.socket(ASKING);
    assert_ne!(other.id(), socket.id());
    let request = ChannelAuthRequest {
        socket_id: &other.id().to_string(),
        channel_name: "private-course.1",
        channel_data: None,
        last_event_id: None,
    };
    let auth = world.live.authorize_channel(&world.person("7"), request, now()).await.unwrap();
    let changes = world.drop_student().await;
    assert_eq!(world.live.roster_changed(&changes, now()).await.len(), 1);
    for _ in 0..2 {
        let shown = world.show(&other, "private-course.1", &auth).await;
        assert!(is_denied(shown, Reason::EnrollmentInactive), "nor when it is shown again");
    }
    // The application's own signature suffices under trust.
    world.subscribe(&other, "private-course.1", Some("7")).await.unwrap();
}

#[tokio::test]
async fn what_one_node_has_signed_binds_the_socket_on_another_one() {
    let world = World::with(|settings| {
        (settings.authz, settings.session_lease) = (Authz::Trust, SessionLease::Token);
    })
    .await;
    let elsewhere = Apps::new(Arc::new(Metrics::new().unwrap()), world.store.clone());
    elsewhere.replace(vec![App::clone(&world.live.app())]);
    let endpoint = elsewhere.by_id("campus").unwrap();
    let (socket, other) = (world.socket(ASKING), world.socket(2));
    let sign = async |name: &str, socket: &Socket| {
        let socket_id = socket.id().to_string();
        let request =
            ChannelAuthRequest { socket_id: &socket_id, channel_name: name, channel_data: None, last_event_id: None };
        endpoint.authorize_channel(&world.person("7"), request, now()).await.unwrap()
    };
    for name in ["private-course.1", "presence-course.1.users"] {
        world.show(&socket, name, &sign(name, &socket).await).await.unwrap();
        let [listener] = &world.live.audience(&channel(name))[..] else { panic!() };
        assert_eq!(listener.user, Some((user("7"), Bound::Endpoint)), "{name}");
    }
    // The end of the token has come along.
    let end = now() + TimeDelta::seconds(60 + 25);
    world.live.keep_deadlines(end - TimeDelta::milliseconds(1)).await;
    assert_eq!(socket.outbox().ending(), None);
    world.live.keep_deadlines(end).await;
    assert_eq!(socket.outbox().ending(), Some(CloseReason::TokenExpired));

    let late = sign("private-course.1", &other).await;
    let changes = world.drop_student().await;
    world.live.roster_changed(&changes, now()).await;
    assert!(is_denied(world.show(&other, "private-course.1", &late).await, Reason::EnrollmentInactive));
}

#[tokio::test]
async fn the_endpoint_signs_what_the_socket_door_accepts() {
    let world = World::new().await;
    let (app, socket) = (world.live.app(), SocketId::parse("1.1").unwrap());
    let student = world.person("7");
    let private = world.authorize(&student, "private-course.1", None).await.unwrap();
    assert!(signature::verify_channel(&app, socket, "private-course.1", None, &private.auth).is_some());
    assert_eq!((private.channel_data, private.shared_secret), (None, None));

    let said = r#"{"user_id":"7","user_info":{"role":"admin","name":"King","mood":"good"}}"#;
    let presence = world.authorize(&student, "presence-course.1.users", Some(said)).await.unwrap();
    let data = presence.channel_data.unwrap();
    let authentic = signature::verify_channel(&app, socket, "presence-course.1.users", Some(&data), &presence.auth);
    assert!(authentic.unwrap().covers_data);
    let data: Value = serde_json::from_str(&data).unwrap();
    let expected = serde_json::json!({ "user_id": "7", "user_info": {
        "id": "7", "name": "Name of 7", "avatar": "https://example.org/7.png", "role": "student", "mood": "good",
    }});
    assert_eq!(data, expected, "nobody gives themselves a name or a role, and no email goes out");
    let forged = world.authorize(&student, "presence-course.1.users", Some(r#"{"user_id":"8"}"#)).await;
    assert!(matches!(forged, Err(AuthRefused::Denied(decision)) if decision.reason == Reason::NotYours));

    let unknown = world.authorize(&world.person("99"), "presence-global", None).await.unwrap();
    assert!(unknown.channel_data.unwrap().contains("Token's name"));
    let signed_in = world.live.authorize_user(&student, "1.1", now()).await.unwrap();
    assert!(signature::verify_user(&app, socket, &signed_in.user_data, &signed_in.auth).is_some());
    assert!(signed_in.user_data.contains(r#""id":"7""#) && signed_in.user_data.contains("Name of 7"));
}

#[tokio::test]
async fn the_endpoint_signs_nothing_for_those_who_may_not_and_says_why() {
    let world = World::new().await;
    let student = world.person("7");
    let refused = async |caller: &Caller, name: &str| world.authorize(caller, name, None).await.unwrap_err();
    let reason = async |caller: &Caller, name: &str| match refused(caller, name).await {
        AuthRefused::Denied(decision) => decision.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(&world.person("8"), "private-course.1").await, Reason::UnknownUser);
    assert_eq!(reason(&student, "private-course.1.instructor").await, Reason::WrongRole);
    assert_eq!(reason(&student, "private-user.8").await, Reason::NotYours);
    assert_eq!(reason(&student, "private-orders.1").await, Reason::UnknownChannel);
    assert_eq!(reason(&student, "private-job.1").await, Reason::UnknownChannel);

    let guest = world.caller(Who::Guest);
    let key = world.caller(Who::Key(KeyHolder { id: "ck_1".to_owned(), scopes: Vec::new() }));
    let foreign = Caller { app: AppId::parse("other").unwrap(), who: student.who.clone() };
    for caller in [&guest, &key, &foreign] {
        assert!(matches!(refused(caller, "private-course.1").await, AuthRefused::NotIdentified(_)), "{caller:?}");
        assert!(matches!(refused(caller, "presence-global").await, AuthRefused::NotIdentified(_)), "{caller:?}");
        assert!(matches!(world.live.authorize_user(caller, "1.1", now()).await, Err(AuthRefused::NotIdentified(_))));
    }
    for name in ["room", "chapter-1-comments", "#server-to-user-7", "", "private-a b"] {
        assert!(matches!(refused(&student, name).await, AuthRefused::Malformed(_)), "{name}");
    }
    for socket_id in ["", "1", "1.", "a.b", "1.2.3"] {
        let request =
            ChannelAuthRequest { socket_id, channel_name: "private-course.1", channel_data: None, last_event_id: None };
        let refused = world.live.authorize_channel(&student, request, now()).await;
        assert!(matches!(refused, Err(AuthRefused::Malformed(_))), "{socket_id}");
    }
    for data in ["no json", "[]", r#"{"user_id":[7]}"#] {
        let refused = world.authorize(&student, "presence-global", Some(data)).await;
        assert!(matches!(refused, Err(AuthRefused::Malformed(_))), "{data}");
    }
    let long = |bytes: usize| format!(r#"{{"user_info":{{"x":"{}"}}}}"#, "y".repeat(bytes));
    assert!(world.authorize(&student, "presence-global", Some(&long(100))).await.is_ok());
    let refused = world.authorize(&student, "presence-global", Some(&long(3_000))).await;
    assert!(matches!(refused, Err(AuthRefused::Malformed(text)) if text.contains("2048")));
}

#[tokio::test]
async fn the_word_of_the_application_is_signed_as_it_is() {
    let world = World::new().await;
    let (app, caller) = (world.live.app(), world.caller(Who::App));
    let data = r#"{"user_id":8,"user_info":{"name":"As the app says"}}"#;
    let presence = world.authorize(&caller, "presence-course.1.users", Some(data)).await.unwrap();
    assert_eq!(presence.channel_data.as_deref(), Some(data));
    let socket = SocketId::parse("1.1").unwrap();
    let authentic = signature::verify_channel(&app, socket, "presence-course.1.users", Some(data), &presence.auth);
    assert_eq!(authentic.unwrap().voucher, None, "nobody else vouches for it");
    assert!(matches!(world.authorize(&caller, "presence-x", None).await, Err(AuthRefused::Malformed(_))));
    assert!(world.authorize(&caller, "private-orders.1", None).await.is_ok());
}

#[tokio::test]
async fn encrypted_channels_get_the_secret_that_server_sdks_derive() {
    let world = World::with(|settings| {
        settings.channel_routes = access::ChannelRoutes::parse("private-vault=signed_in").unwrap();
    })
    .await;
    let secret = world.authorize(&world.person("7"), "private-encrypted-vault", None).await.unwrap().shared_secret;
    assert_eq!(secret.as_deref(), Some("wp8Orjt2S4H4n8dDP7pa2A9reduRTTedbaiVnjqomsc="));
    let cached = world.authorize(&world.person("7"), "private-encrypted-cache-vault", None).await.unwrap();
    assert_eq!(cached.shared_secret.as_deref(), Some("I1qRd7K02IuwO4ry62hz+N90H4dWRix9T6tcfEGHAus="));

    let without = Apps::new(Arc::new(Metrics::new().unwrap()), world.store.clone());
    without.replace(vec![App::clone(&world.live.app())]);
    let live = without.by_id("campus").unwrap();
    let request = ChannelAuthRequest {
        socket_id: "1.1",
        channel_name: "private-encrypted-vault",
        channel_data: None,
        last_event_id: None,
    };
    let refused = live.authorize_channel(&world.person("7"), request, now()).await;
    assert!(matches!(refused, Err(AuthRefused::Malformed(text)) if text.contains("master key")));
}

#[tokio::test]
async fn a_guest_hears_a_class_only_as_long_as_it_takes_guests() {
    for authz in [Authz::Trust, Authz::Enforce] {
        let world = World::with(|settings| settings.authz = authz).await;
        let put = async |guests| {
            let class = Class { id: id("k"), course: id("1"), name: "A class".to_owned(), guests };
            world.write(Operation::Put(Box::new(Object::Class(class)))).await
        };
        put(true).await;
        let (name, socket) = ("private-class.k", world.socket(ASKING));
        let auth = world.authorize(&world.caller(Who::Guest), name, None).await.unwrap();
        world.show(&socket, name, &auth).await.unwrap();
        let [listener] = &world.live.audience(&channel(name))[..] else { panic!() };
        assert_eq!((&listener.user, listener.reason), (&None, Reason::Guest));
        let changes = put(false).await;
        world.live.roster_changed(&changes, now()).await;
        assert!(world.live.audience(&channel(name)).is_empty());
        assert!(is_denied(world.show(&socket, name, &auth).await, Reason::NotIdentified));
    }
}

/// Prints the medians; asserts nothing about time but that a refusal is not given before its turn.
#[tokio::test]
async fn a_stranger_waits_as_long_for_what_is_there_as_for_what_is_nowhere() {
    let world = World::new().await;
    let changes = world.write(Operation::Put(Box::new(Object::User(Person {
        id: user("9"),
        org: None,
        name: "A stranger".to_owned(),
        email: None,
        avatar: None,
        org_role: None,
        deactivated_at: None,
    }))));
    world.live.roster_changed(&changes.await, now()).await;
    let (stranger, mut took) = (world.person("9"), [Vec::new(), Vec::new()]);
    for number in 0..20 {
        for (name, took) in ["private-course.1".to_owned(), format!("private-course.no-{number}")].iter().zip(&mut took)
        {
            let since = std::time::Instant::now();
            let refused = world.authorize(&stranger, name, None).await.unwrap_err();
            took.push(since.elapsed());
            let AuthRefused::Denied(decision) = refused else { panic!("{refused:?}") };
            let told = decision.for_people();
            assert_eq!(
                (told.reason, told.detail.as_str()),
                (Reason::NotEnrolled, "no enrollment of yours opens this channel")
            );
        }
    }
    for took in &mut took {
        took.sort_unstable();
        assert!(took[0] >= EVEN, "{took:?}");
    }
    println!("median of what is there {:?}, of what is nowhere {:?}", took[0][10], took[1][10]);
    let since = std::time::Instant::now();
    world.authorize(&world.person("7"), "private-course.1", None).await.unwrap();
    println!("a grant waits for nothing: {:?}", since.elapsed());
}

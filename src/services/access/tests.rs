//! What is hard to time from outside: changes between a decision and its use, leases, a database that is away. The roster is
//! real.

mod changes;
mod endpoint;

use std::time::Duration;

use super::*;
use crate::{
    domain::{
        access::Reason,
        app::{AppSettings, Authz, GuardedPublic, MasterKey, Secret, SessionLease},
        audit::{AuditEntry, AuditFilter},
        caller::{Caller, Subject, Who},
        presence::Member,
        roster::{Change, Course, Enrollment, Kind, Object, Operation, Person, Role, Status, Visibility},
    },
    hub::Socket,
    ids::{AppKey, ExternalId},
    metrics::Metrics,
    protocol::{CloseReason, signature},
    services::Apps,
    store::RosterWrite,
};
use chrono::TimeDelta;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn user(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}

fn channel(text: &str) -> ChannelName {
    ChannelName::parse(text, (&AppSettings::default()).into()).unwrap()
}

/// One app with course `1`, in which user `7` is a student.
struct World {
    store: Store,
    apps: Apps,
    live: Arc<LiveApp>,
}

impl World {
    async fn with(set: impl FnOnce(&mut AppSettings)) -> Self {
        let config = store::Config { url: "sqlite::memory:".to_owned(), ..store::Config::default() };
        let store = Store::open(&config).await.unwrap();
        store.migrate().await.unwrap();
        let apps = Apps::new(Arc::new(Metrics::new().unwrap()), store.clone());
        let apps = apps.with_master_key(Some(MasterKey::new(std::array::from_fn(|at| at as u8))));
        let mut settings = AppSettings { authz: Authz::Enforce, ..AppSettings::default() };
        set(&mut settings);
        apps.replace(vec![App {
            id: AppId::parse("campus").unwrap(),
            key: AppKey::parse("campus-key").unwrap(),
            name: "Campus".to_owned(),
            secrets: vec![Secret::new("0123456789abcdef")],
            enabled: true,
            settings,
        }]);
        let live = apps.by_id("campus").unwrap();
        let world = Self { store, apps, live };
        let course = Course {
            id: id("1"),
            org: None,
            code: None,
            title: "A course".to_owned(),
            starts_at: None,
            ends_at: None,
            visibility: Visibility::Enrolled,
            archived_at: None,
            overrides: Vec::new(),
        };
        world.write(Operation::Put(Box::new(Object::Course(course)))).await;
        world.enroll("7").await;
        world
    }

    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// Writes to the roster; the app is not told.
    async fn write(&self, operation: Operation) -> Vec<Change> {
        let by = RosterWrite { source: "test", actor: "test", ip: None, now: now() };
        let done = self.store.roster_apply(&self.live.app().id, by, &[operation]).await.unwrap();
        assert!(!done.changes.is_empty(), "{done:?}");
        done.changes
    }

    async fn enroll(&self, of: &str) -> Vec<Change> {
        let person = Person {
            id: user(of),
            org: None,
            name: format!("Name of {of}"),
            email: Some("private@example.org".to_owned()),
            avatar: Some("https://example.org/7.png".to_owned()),
            org_role: None,
            deactivated_at: None,
        };
        let enrollment = Enrollment {
            id: id(&format!("e{of}")),
            user: user(of),
            course: id("1"),
            class: None,
            role: Role::Student,
            status: Status::Active,
            begin_at: None,
            end_at: None,
            observed_user: None,
            limit_to_class: false,
        };
        let known = self.store.roster_object(&self.live.app().id, Kind::User, of).await.unwrap().is_some();
        let mut changes = Vec::new();
        if !known {
            changes = self.write(Operation::Put(Box::new(Object::User(person)))).await;
        }
        changes.extend(self.write(Operation::Put(Box::new(Object::Enrollment(enrollment)))).await);
        changes
    }

    async fn drop_student(&self) -> Vec<Change> {
        self.write(Operation::Delete(Kind::Enrollment, "e7".to_owned())).await
    }

    /// What the audit says of an action, newest first.
    async fn audit(&self, action: &str) -> Vec<AuditEntry> {
        let all = self.store.audit_list(&self.live.app().id, &AuditFilter::default(), None, 100_000).await.unwrap();
        all.into_iter().map(|(_, entry)| entry).filter(|entry| entry.action == action).collect()
    }

    /// Gives the app other settings.
    fn set(&self, set: impl FnOnce(&mut AppSettings)) {
        let mut app = App::clone(&self.live.app());
        set(&mut app.settings);
        self.apps.replace(vec![app]);
    }

    fn socket(&self, bits: u64) -> Arc<Socket> {
        self.live.open_socket(1 << 20, bits).unwrap()
    }

    async fn judge(&self, socket: &Socket, name: &str, claimed: Option<&str>) -> Judged {
        let wish =
            Wish { channel: channel(name), member: None, claimed: claimed.map(user), voucher: None, heard: None };
        self.judge_wish(socket, wish).await
    }

    async fn judge_wish(&self, socket: &Socket, wish: Wish) -> Judged {
        let question = self.live.question(&wish, self.live.access.seats.find(socket.id()).as_deref()).unwrap();
        if question.needs_judging() { Arc::clone(&self.live).judge(question, now()).await } else { question.unasked() }
    }

    /// Subscribes a socket with what the auth endpoint has signed for it, read as the socket door reads it.
    async fn show(&self, socket: &Arc<Socket>, name: &str, auth: &ChannelAuth) -> Result<(), NotAdmitted> {
        let authentic =
            signature::verify_channel(&self.live.app(), socket.id(), name, auth.channel_data.as_deref(), &auth.auth);
        let voucher = authentic.unwrap().voucher;
        let wish = Wish { channel: channel(name), member: None, claimed: None, voucher, heard: None };
        let judged = self.judge_wish(socket, wish).await;
        self.live.admit(socket, &mut None, judged, now()).map(drop)
    }

    /// Subscribes a socket whose user is known by signed data.
    async fn subscribe(&self, socket: &Arc<Socket>, name: &str, claimed: Option<&str>) -> Result<(), NotAdmitted> {
        let judged = self.judge(socket, name, claimed).await;
        self.live.admit(socket, &mut None, judged, now()).map(drop)
    }

    fn caller(&self, who: Who) -> Caller {
        Caller { app: self.live.app().id.clone(), who }
    }

    fn person(&self, of: &str) -> Caller {
        let expires_at = now() + TimeDelta::seconds(60);
        let (name, avatar) = (Some("Token's name".to_owned()), None);
        let subject = Subject { user: user(of), issuer: "issuer".to_owned(), expires_at, name, avatar, through: None };
        self.caller(Who::User(Box::new(subject)))
    }

    async fn authorize(&self, caller: &Caller, name: &str, data: Option<&str>) -> Result<ChannelAuth, AuthRefused> {
        let request =
            ChannelAuthRequest { socket_id: "1.1", channel_name: name, channel_data: data, last_event_id: None };
        self.live.authorize_channel(caller, request, now()).await
    }
}

fn is_denied(outcome: Result<(), NotAdmitted>, reason: Reason) -> bool {
    matches!(outcome, Err(NotAdmitted::Denied(denied)) if denied.reason == reason)
}

#[tokio::test]
async fn a_drop_between_the_decision_and_its_use_makes_the_decision_stale() {
    let world = World::new().await;
    let socket = world.socket(1);
    let judged = world.judge(&socket, "private-course.1", Some("7")).await;
    assert!(judged.is_allowed());
    let changes = world.drop_student().await;
    assert!(world.live.roster_changed(&changes, now()).await.is_empty(), "nobody hears it yet");
    let outcome = world.live.admit(&socket, &mut None, judged, now());
    let Err(NotAdmitted::Stale(question)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(world.live.hub.channel_count(), 0, "nobody is subscribed by an old decision");
    let judged = Arc::clone(&world.live).judge(*question, now()).await;
    let outcome = world.live.admit(&socket, &mut None, judged, now()).map(drop);
    assert!(is_denied(outcome, Reason::EnrollmentInactive));
    assert!(world.live.audience(&channel("private-course.1")).is_empty());
}

#[tokio::test]
async fn a_subscription_that_is_asked_for_again_stays_within_reach_while_the_question_is_judged_anew() {
    let world = World::new().await;
    let (socket, name) = (world.socket(1), channel("private-course.1"));
    let again = async || {
        world.subscribe(&socket, name.as_str(), Some("7")).await.unwrap();
        let judged = world.judge(&socket, name.as_str(), Some("7")).await;
        world.live.access.advance();
        let outcome = world.live.admit(&socket, &mut None, judged, now());
        let Err(NotAdmitted::Stale(question)) = outcome else { panic!("{outcome:?}") };
        question
    };
    let question = again().await;
    let changes = world.drop_student().await;
    assert_eq!(world.live.roster_changed(&changes, now()).await.len(), 1, "a change in the gap finds it");
    assert_eq!(world.live.hub.channel_count(), 0);
    drop(question);

    let changes = world.enroll("7").await;
    world.live.roster_changed(&changes, now()).await;
    let question = again().await;
    world.drop_student().await;
    world.live.access.people.clear();
    let judged = Arc::clone(&world.live).judge(*question, now()).await;
    let outcome = world.live.admit(&socket, &mut None, judged, now()).map(drop);
    assert!(is_denied(outcome, Reason::EnrollmentInactive));
    assert_eq!(world.live.hub.channel_count(), 0, "nothing is heard of what was denied");
}

#[tokio::test]
async fn a_drop_after_the_subscription_finds_it_and_tells_whose_it_was_once() {
    let world = World::new().await;
    let (one, two) = (world.socket(1), world.socket(2));
    for socket in [&one, &two] {
        world.subscribe(socket, "private-course.1", Some("7")).await.unwrap();
        world.subscribe(socket, "private-course-1", Some("7")).await.unwrap();
        world.subscribe(socket, "private-orders", Some("7")).await.unwrap();
    }
    let changes = world.drop_student().await;
    let revoked = world.live.roster_changed(&changes, now()).await;
    let [revoked_user] = revoked.as_slice() else { panic!("{revoked:?}") };
    assert_eq!((&revoked_user.user, revoked_user.sockets), (&user("7"), 2));
    assert_eq!(revoked_user.channels, [channel("private-course-1"), channel("private-course.1")]);
    assert!(world.live.roster_changed(&changes, now()).await.is_empty(), "the same change again is no harm");
    let seat = world.live.access.seats.find(one.id()).unwrap();
    assert_eq!(seat.take_revoked().len(), 2);
    assert!(seat.take_revoked().is_empty());
    assert_eq!(world.live.audience(&channel("private-orders")).len(), 2);
}

#[tokio::test]
async fn seats_and_indexes_go_with_their_sockets() {
    let world = World::new().await;
    for bits in 0..100 {
        let socket = world.socket(bits);
        let mut seat = None;
        for name in ["private-course.1", "private-role.student", "private-user.7", "private-orders"] {
            let judged = world.judge(&socket, name, Some("7")).await;
            world.live.admit(&socket, &mut seat, judged, now()).unwrap();
        }
        let names = ["private-course.1", "private-role.student", "private-user.7", "private-orders"].map(channel);
        if bits % 2 == 0 {
            for name in &names {
                world.live.unsubscribe(name, &socket, None, seat.as_ref());
            }
        }
        world.live.close_socket(&socket, names.iter().map(|name| (name, None)), None, (seat.as_deref(), now()));
        world.live.hub.release(&socket);
    }
    assert!(world.live.access.seats.is_empty(), "{:?}", world.live.access.seats);
    assert_eq!(world.live.hub.channel_count(), 0);
}

#[tokio::test]
async fn a_token_bounds_the_life_of_its_socket_and_a_newer_one_prolongs_it() {
    let world = World::with(|settings| settings.session_lease = SessionLease::Token).await;
    let (ends, later) = (now() + TimeDelta::seconds(60), now() + TimeDelta::seconds(600));
    let grace = TimeDelta::seconds(25);
    let (old, renewed) = (world.socket(1), world.socket(2));
    let _old = world.live.bind_by_token(&old, &user("7"), ends, now());
    let _renewed = world.live.bind_by_token(&renewed, &user("7"), ends, now());
    let mut newer = world.person("7");
    if let Who::User(subject) = &mut newer.who {
        subject.expires_at = later;
    }
    let signed = world.live.authorize_user(&newer, &renewed.id().to_string(), now()).await.unwrap();
    let authentic = signature::verify_user(&world.live.app(), renewed.id(), &signed.user_data, &signed.auth).unwrap();
    let _signed_in = world.live.bind_signed_in(&renewed, &user("7"), authentic.voucher.as_ref(), now());
    world.live.keep_deadlines(ends + grace - TimeDelta::milliseconds(1)).await;
    assert_eq!((old.outbox().ending(), renewed.outbox().ending()), (None, None));
    world.live.keep_deadlines(ends + grace).await;
    assert_eq!((old.outbox().ending(), renewed.outbox().ending()), (Some(CloseReason::TokenExpired), None));
    world.live.keep_deadlines(later + grace).await;
    assert_eq!(renewed.outbox().ending(), Some(CloseReason::TokenExpired));
}

#[tokio::test]
async fn under_the_roster_lease_a_socket_lives_twelve_hours_however_often_its_token_is_renewed() {
    let world = World::new().await;
    let socket = world.socket(1);
    let _seat = world.live.bind_by_token(&socket, &user("7"), now() + TimeDelta::seconds(60), now());
    let half = now() + TimeDelta::hours(6);
    let _again = world.live.bind_by_token(&socket, &user("7"), half + TimeDelta::seconds(60), half);
    world.live.keep_deadlines(now() + TimeDelta::hours(12) - TimeDelta::milliseconds(1)).await;
    assert_eq!(socket.outbox().ending(), None);
    world.live.keep_deadlines(now() + TimeDelta::hours(12)).await;
    assert_eq!(socket.outbox().ending(), Some(CloseReason::LeaseOver));
}

#[tokio::test]
async fn access_taken_away_by_hand_ends_at_once_and_stays_closed_as_long_as_was_said() {
    let world = World::with(|settings| settings.authz = Authz::Trust).await;
    let socket = world.socket(1);
    let channels = ["private-course.1", "private-orders", "private-user.7"];
    for name in channels {
        world.subscribe(&socket, name, Some("7")).await.unwrap();
    }
    let revoke = async |scope: BlockScope, until: Option<DateTime<Utc>>| {
        let who = user("7");
        let revocation = Revocation { user: &who, scope: &scope, until, reason: "test", actor: "key:ck_1" };
        world.live.revoke(revocation, now()).await.unwrap()
    };
    let once = revoke(BlockScope::Course(id("1")), None).await;
    assert_eq!((once.channels, once.sockets), (vec![channel("private-course.1")], 1));
    world.subscribe(&socket, "private-course.1", Some("7")).await.unwrap();

    let until = now() + TimeDelta::hours(1);
    assert_eq!(revoke(BlockScope::Channel("private-course-1".to_owned()), Some(until)).await.sockets, 1);
    let denied = world.subscribe(&socket, "private-course.1", Some("7")).await;
    assert!(is_denied(denied, Reason::Banned), "in all spellings, and under trust too");
    let decision = world.live.decide(Some(&user("7")), &channel("private-course.1"), until).await.unwrap();
    assert!(decision.allow, "until then and no longer");

    let all = revoke(BlockScope::All, Some(until)).await;
    assert_eq!(all.channels, [channel("private-orders"), channel("private-user.7")]);
    assert!(is_denied(world.subscribe(&socket, "private-orders", Some("7")).await, Reason::Blocked));
    let refused = world.live.authorize_user(&world.person("7"), "1.1", now()).await;
    assert!(matches!(refused, Err(AuthRefused::Denied(decision)) if decision.reason == Reason::Blocked));
    let by = By { actor: "key:ck_1", ip: None, now: now() };
    assert_eq!(world.live.disconnect(&user("7"), by).await, 1);
    assert_eq!(
        (socket.outbox().ending(), world.live.disconnect(&user("8"), by).await),
        (Some(CloseReason::Terminated), 0)
    );
    let told: Vec<_> =
        world.audit("user.disconnected").await.into_iter().map(|row| (row.target_id, row.after)).collect();
    let sockets = |count: u32| Some(format!(r#"{{"sockets":{count}}}"#));
    assert_eq!(told, [("8".to_owned(), sockets(0)), ("7".to_owned(), sockets(1))]);
}

#[tokio::test]
async fn the_audience_tells_who_hears_a_channel_and_why() {
    let world = World::with(|settings| settings.authz = Authz::Trust).await;
    let sockets = [1, 2, 3].map(|bits| world.socket(bits));
    let [student, stranger, nobody] = &sockets;
    world.subscribe(student, "private-course.1", Some("7")).await.unwrap();
    world.subscribe(stranger, "private-course.1", Some("8")).await.unwrap();
    world.subscribe(nobody, "private-course.1", None).await.unwrap();
    world.live.subscribe(&channel("room"), nobody, None).unwrap();
    let mut audience = world.live.audience(&channel("private-course.1"));
    audience.sort_by_key(|listener| listener.socket);
    let told: Vec<_> = audience.iter().map(|listener| (listener.user.clone(), listener.reason)).collect();
    let by_data = |text: &str| Some((user(text), Bound::ChannelData));
    assert_eq!(told, [(by_data("7"), Reason::Enrolled), (by_data("8"), Reason::Signed), (None, Reason::Signed)]);
    let [open] = &world.live.audience(&channel("room"))[..] else { panic!() };
    assert_eq!((open.socket, open.reason), (nobody.id(), Reason::Public));
    assert!(world.live.audience(&channel("nobody-is-here")).is_empty());
}

#[tokio::test]
async fn without_its_database_enforce_refuses_and_trust_trusts_and_known_ends_are_kept() {
    let world = World::new().await;
    let (held, late) = (world.socket(1), world.socket(2));
    let member = Member { id: user("7"), numeric_id: false, info: Arc::from("{}"), is_staff: false };
    let wish = Wish {
        channel: channel("presence-course.1.users"),
        member: Some(member),
        claimed: Some(user("7")),
        voucher: None,
        heard: None,
    };
    let question = world.live.question(&wish, None).unwrap();
    let mut judged = Arc::clone(&world.live).judge(question, now()).await;
    judged.expect_end(now() + TimeDelta::seconds(60));
    world.live.admit(&held, &mut None, judged, now()).unwrap();
    world.store.clone().close().await.unwrap();
    world.live.access.people.clear();
    world.live.access.places.clear();
    assert!(is_denied(world.subscribe(&late, "private-course.1", Some("7")).await, Reason::SourceUnavailable));
    world.live.keep_deadlines(now() + TimeDelta::seconds(59)).await;
    assert_eq!(world.live.audience(&wish.channel).len(), 1, "what was given stays");
    world.live.keep_deadlines(now() + TimeDelta::seconds(60)).await;
    assert!(world.live.audience(&wish.channel).is_empty(), "until its known end");

    let mut app = App::clone(&world.live.app());
    app.settings.authz = Authz::Trust;
    world.apps.replace(vec![app]);
    world.subscribe(&late, "private-course.1", Some("7")).await.unwrap();
}

#[tokio::test]
async fn stricter_settings_count_for_what_is_heard_already() {
    let world = World::with(|settings| settings.authz = Authz::Trust).await;
    let (student, stranger) = (world.socket(1), world.socket(2));
    world.subscribe(&student, "private-course.1", Some("7")).await.unwrap();
    world.subscribe(&stranger, "private-course.1", Some("8")).await.unwrap();
    let mut app = App::clone(&world.live.app());
    app.settings.authz = Authz::Enforce;
    world.apps.replace(vec![app]);
    world.live.keep_deadlines(now()).await;
    let audience = world.live.audience(&channel("private-course.1"));
    assert_eq!(audience.iter().map(|listener| listener.socket).collect::<Vec<_>>(), [student.id()]);
}

#[tokio::test]
async fn changes_that_could_not_be_judged_are_judged_when_the_database_is_back() {
    let world = World::new().await;
    let socket = world.socket(1);
    world.subscribe(&socket, "private-course.1", Some("7")).await.unwrap();
    let changes = world.drop_student().await;
    let broken = "ALTER TABLE enrollment RENAME TO enrollment_away";
    world.store.run(broken).await;
    assert!(world.live.roster_changed(&changes, now()).await.is_empty());
    world.live.keep_deadlines(now()).await;
    assert_eq!(world.live.audience(&channel("private-course.1")).len(), 1, "nothing is taken away on a guess");
    world.store.run("ALTER TABLE enrollment_away RENAME TO enrollment").await;
    world.live.keep_deadlines(now()).await;
    assert!(world.live.audience(&channel("private-course.1")).is_empty());
}

#[tokio::test]
async fn however_long_the_database_is_away_nobody_who_was_put_off_is_forgotten() {
    let world = World::new().await;
    let people = ["7", "8", "9"];
    world.enroll("8").await;
    world.enroll("9").await;
    for (name, bits) in people.into_iter().zip(1..) {
        world.subscribe(&world.socket(bits), "private-course.1", Some(name)).await.unwrap();
    }
    let mut changes = Vec::new();
    for name in people {
        changes.extend(world.write(Operation::Delete(Kind::Enrollment, format!("e{name}"))).await);
    }
    world.store.run("ALTER TABLE enrollment RENAME TO enrollment_away").await;
    assert!(world.live.roster_changed(&changes, now()).await.is_empty());
    for seconds in 1..4 {
        world.live.keep_deadlines(now() + TimeDelta::seconds(seconds)).await;
    }
    assert_eq!(world.live.audience(&channel("private-course.1")).len(), people.len());
    world.store.run("ALTER TABLE enrollment_away RENAME TO enrollment").await;
    world.live.keep_deadlines(now() + TimeDelta::seconds(5)).await;
    assert!(world.live.audience(&channel("private-course.1")).is_empty());
}

/// Prints what a decision from memory costs; asserts nothing about time.
#[tokio::test]
async fn a_decision_from_memory_is_the_same_each_time() {
    const TIMES: u32 = 2_000;
    let world = World::new().await;
    let (student, name) = (user("7"), channel("private-course.1"));
    let first = world.live.decide(Some(&student), &name, now()).await.unwrap();
    let since = std::time::Instant::now();
    for _ in 0..TIMES {
        assert!(world.live.decide(Some(&student), &name, now()).await.unwrap().allow);
    }
    let each: Duration = since.elapsed() / TIMES;
    println!("a decision from memory: {each:?}, {} steps", first.steps.len());
}

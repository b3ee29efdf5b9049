//! Tabs, leases and graces, and what of them others are told.

use proptest::prelude::*;

use super::*;

const GRACE: TimeDelta = TimeDelta::seconds(10);

const AWAY_AFTER: TimeDelta = TimeDelta::seconds(300);

fn at(seconds: i64) -> Moment {
    let now = DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap();
    Moment { now, grace: GRACE, away_after: Some(AWAY_AFTER) }
}

fn user(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn socket(number: u64) -> SocketId {
    SocketId::from_random(number)
}

fn signal(device: &str) -> Signal<'_> {
    Signal { device, scope: None, valid_for: LEASE, availability: None, is_reported: false }
}

/// All that is news by now.
fn news(roll: &mut Roll, moment: Moment) -> Vec<Edge> {
    let next = |roll: &mut Roll| roll.next_news(moment.now).and_then(|user| roll.take_news_of(&user, moment.now));
    std::iter::from_fn(|| next(roll)).collect()
}

/// What is told by now, with the status of everybody read: user and availability, or `-` for offline.
fn told(roll: &mut Roll, moment: Moment) -> Vec<String> {
    roll.tick(moment);
    for user in roll.unread(usize::MAX) {
        roll.learn(&user, Status::default(), moment);
    }
    let word = |edge: Edge| {
        let after = edge.after.map_or("-", |shown| shown.availability.name());
        format!("{} {after}", edge.user)
    };
    news(roll, moment).into_iter().map(word).collect()
}

fn left(roll: &mut Roll) -> Vec<(i64, i64, &'static str)> {
    let second = |at: DateTime<Utc>| at.timestamp() - 1_000_000;
    let ended = |stay: Stay| {
        stay.left.filter(|_| stay.scope.is_none()).map(|(left, reason)| (second(stay.joined_at), second(left), reason))
    };
    roll.take_stays().into_iter().filter_map(ended).collect()
}

#[test]
fn first_tab_is_told_and_the_last_one_after_the_grace() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    roll.arrive(&ada, socket(1), at(0));
    roll.arrive(&ada, socket(2), at(0));
    assert_eq!(told(&mut roll, at(0)), ["7 online"]);
    assert_eq!(roll.shown_count(), 1);
    roll.depart(&ada, socket(1), at(1));
    roll.depart(&ada, socket(2), at(2));
    assert!(told(&mut roll, at(11)).is_empty());
    assert_eq!(told(&mut roll, at(12)), ["7 -"]);
    assert_eq!((roll.shown_count(), left(&mut roll)), (0, vec![(0, 2, "closed")]));
    assert!(roll.people.is_empty() && roll.due.is_empty() && roll.news.is_empty(), "nothing is kept");
}

#[test]
fn refresh_inside_the_grace_is_no_news_and_one_stay() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    roll.arrive(&ada, socket(1), at(0));
    told(&mut roll, at(0));
    for second in 1..20 {
        roll.depart(&ada, socket(1), at(second * 9));
        roll.arrive(&ada, socket(1), at(second * 9 + 8));
        assert!(told(&mut roll, at(second * 9 + 8)).is_empty());
    }
    assert!(left(&mut roll).is_empty());
}

#[test]
fn coming_and_going_before_anybody_was_told_is_no_news() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    roll.arrive(&ada, socket(1), at(0));
    roll.depart(&ada, socket(1), at(0));
    roll.tick(at(10));
    assert!(told(&mut roll, at(10)).is_empty());
    assert_eq!(left(&mut roll), [(0, 0, "closed")]);
    assert!(roll.people.is_empty());
}

#[test]
fn a_lease_counts_until_its_end_and_its_stay_ends_with_it() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    roll.renew(&ada, signal(""), at(0)).unwrap();
    assert_eq!(told(&mut roll, at(0)), ["7 online"]);
    roll.renew(&ada, signal(""), at(30)).unwrap();
    assert!(told(&mut roll, at(114)).is_empty());
    assert_eq!(told(&mut roll, at(115)), ["7 -"], "75 s after the last sign, and the grace");
    assert_eq!(left(&mut roll), [(0, 105, "expired")]);
}

#[test]
fn a_socket_outlives_the_lease_and_a_lease_the_socket() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    roll.renew(&ada, signal(""), at(0)).unwrap();
    roll.arrive(&ada, socket(1), at(1));
    assert_eq!(told(&mut roll, at(200)), ["7 online"]);
    roll.renew(&ada, signal(""), at(200)).unwrap();
    roll.depart(&ada, socket(1), at(201));
    assert!(told(&mut roll, at(284)).is_empty());
    assert_eq!(told(&mut roll, at(285)), ["7 -"]);
    assert_eq!(left(&mut roll), [(0, 275, "expired")]);
}

#[test]
fn one_device_goes_offline_and_the_others_keep_their_user_online() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    roll.renew(&ada, signal("phone"), at(0)).unwrap();
    roll.renew(&ada, signal("tablet"), at(0)).unwrap();
    told(&mut roll, at(0));
    roll.end(&ada, "phone", Offline::Device, at(1));
    roll.end(&ada, "desk", Offline::Device, at(1));
    assert!(told(&mut roll, at(60)).is_empty());
    roll.end(&ada, "tablet", Offline::Device, at(60));
    assert_eq!(told(&mut roll, at(70)), ["7 -"]);
    assert_eq!(left(&mut roll), [(0, 60, "left")]);
}

#[test]
fn what_somebody_is_at_is_a_stay_of_its_own_with_the_same_grace() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    let at_course = |device, course| Signal { scope: Some(course), ..signal(device) };
    roll.arrive(&ada, socket(1), at(0));
    roll.renew(&ada, at_course("", "course.1"), at(0)).unwrap();
    roll.renew(&ada, at_course("phone", "course.1"), at(0)).unwrap();
    roll.end(&ada, "", Offline::Device, at(5));
    roll.end(&ada, "phone", Offline::Device, at(5));
    roll.renew(&ada, at_course("", "course.1"), at(14)).unwrap();
    roll.renew(&ada, at_course("", "course.2"), at(20)).unwrap();
    roll.tick(at(30));
    roll.tick(at(1_000));
    let scoped = roll.take_stays().into_iter().filter_map(|stay| {
        let left = stay.left.map(|(left, reason)| (left.timestamp() - 1_000_000, reason));
        Some((stay.scope?, stay.joined_at.timestamp() - 1_000_000, left))
    });
    let expected = [
        ("course.1", 0, None),
        ("course.2", 20, None),
        ("course.1", 0, Some((20, "expired"))),
        ("course.2", 20, Some((95, "expired"))),
    ];
    assert_eq!(scoped.collect::<Vec<_>>(), expected.map(|(scope, joined, left)| (scope.to_owned(), joined, left)));
    assert!(roll.people[&ada].spots.is_empty());
}

#[test]
fn whoever_goes_offline_as_a_whole_is_gone_at_once_though_tabs_live() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    roll.arrive(&ada, socket(1), at(0));
    told(&mut roll, at(0));
    roll.end(&ada, "", Offline::All, at(1));
    assert_eq!(told(&mut roll, at(1)), ["7 -"]);
    roll.arrive(&ada, socket(2), at(2));
    assert_eq!(told(&mut roll, at(2)), ["7 online"], "a tab that opens");
    roll.end(&ada, "", Offline::Invisible, at(3));
    assert_eq!(told(&mut roll, at(3)), ["7 -"]);
    roll.arrive(&ada, socket(3), at(4));
    assert!(told(&mut roll, at(4)).is_empty());
    roll.renew(&ada, signal(""), at(5)).unwrap();
    assert_eq!(told(&mut roll, at(5)), ["7 online"], "a sign of life");
    assert_eq!(left(&mut roll), [(0, 1, "left"), (2, 3, "left")], "and what is kept says no more than that");
}

#[test]
fn whoever_hides_is_remembered_while_a_tab_lives_and_their_stay_ends_once() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    roll.arrive(&ada, socket(1), at(0));
    told(&mut roll, at(0));
    roll.end(&ada, "", Offline::Invisible, at(1));
    assert_eq!(told(&mut roll, at(1)), ["7 -"]);
    assert!(roll.knows(&ada) && roll.watched.is_empty());
    assert_eq!(roll.own(&ada), (1, None));
    assert_eq!(left(&mut roll), [(0, 1, "left")]);
    roll.depart(&ada, socket(1), at(2));
    assert!(told(&mut roll, at(12)).is_empty());
    assert!(left(&mut roll).is_empty() && roll.people.is_empty() && roll.due.is_empty());
}

#[test]
fn the_invisible_are_never_told_and_nothing_is_told_before_it_is_known() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    roll.arrive(&ada, socket(1), at(0));
    roll.tick(at(1));
    assert!(roll.next_news(at(1).now).is_none(), "it was not read yet");
    roll.learn(&ada, Status { invisible: true, ..Status::default() }, at(1));
    assert!(told(&mut roll, at(1)).is_empty());
    assert_eq!((roll.shown(&ada), roll.shown_count()), (None, 0));
    roll.say(&ada, Status::default(), at(2));
    assert_eq!(told(&mut roll, at(2)), ["7 online"]);
    roll.learn(&ada, Status { invisible: true, ..Status::default() }, at(2));
    assert!(told(&mut roll, at(2)).is_empty(), "what was said counts, not what was read before");
}

#[test]
fn a_status_is_told_when_it_changes_and_cleared_at_its_time() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    roll.arrive(&ada, socket(1), at(0));
    told(&mut roll, at(0));
    let away = Status { availability: Availability::Away, clear_at: Some(at(60).now), ..Status::default() };
    roll.say(&ada, away.clone(), at(1));
    assert_eq!(told(&mut roll, at(1)), ["7 away"]);
    roll.say(&ada, away, at(2));
    assert!(told(&mut roll, at(59)).is_empty());
    assert_eq!(told(&mut roll, at(60)), ["7 online"]);
    roll.renew(&ada, Signal { availability: Some(Availability::Busy), ..signal("") }, at(61)).unwrap();
    assert_eq!(told(&mut roll, at(61)), ["7 busy"]);
}

#[test]
fn whoever_is_expelled_is_gone_without_grace() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    roll.arrive(&ada, socket(1), at(0));
    roll.renew(&ada, signal(""), at(0)).unwrap();
    told(&mut roll, at(0));
    roll.expel(&ada, at(1).now);
    assert_eq!(told(&mut roll, at(1)), ["7 -"]);
    assert_eq!(left(&mut roll), [(0, 1, "deactivated")]);
    roll.depart(&ada, socket(1), at(2));
    assert!(roll.people.is_empty());
}

#[test]
fn news_about_one_may_be_taken_first_and_are_not_taken_again() {
    let mut roll = Roll::default();
    for user in [7, 8] {
        roll.arrive(&user.into(), socket(u64::from(user)), at(0));
        roll.learn(&user.into(), Status::default(), at(0));
    }
    assert!(roll.take_news_of(&8.into(), at(0).now).is_some());
    assert!(roll.take_news_of(&8.into(), at(0).now).is_none());
    assert_eq!(told(&mut roll, at(0)), ["7 online"]);
    roll.expel(&8.into(), at(1).now);
    assert_eq!(told(&mut roll, at(1)), ["8 -"]);
    assert!(roll.news.is_empty());
}

#[test]
fn news_that_are_not_taken_stay_and_let_those_of_others_go_first() {
    let mut roll = Roll::default();
    for user in [7, 8] {
        roll.arrive(&user.into(), socket(u64::from(user)), at(0));
        roll.learn(&user.into(), Status::default(), at(0));
    }
    let next = |roll: &mut Roll| roll.next_news(at(0).now).unwrap().to_string();
    assert_eq!([next(&mut roll), next(&mut roll), next(&mut roll)], ["7", "8", "7"]);
    assert_eq!(told(&mut roll, at(0)), ["8 online", "7 online"]);
    assert!(roll.news.is_empty());
}

#[test]
fn at_the_limit_of_devices_the_one_that_ends_first_makes_room() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    for number in 0..=MAX_LEASES {
        roll.renew(&ada, signal(&number.to_string()), at(number as i64)).unwrap();
        assert_eq!(roll.people[&ada].leases.len(), (number + 1).min(MAX_LEASES));
    }
    assert!(roll.people[&ada].leases.iter().all(|lease| lease.device != "0"));
}

proptest! {
    #[test]
    fn those_who_were_told_are_those_who_are_here(
        steps in proptest::collection::vec((0..5_u8, 0..3_u32, 0..3_u64, 0..40_i64), 0..60)
    ) {
        let (mut roll, mut second, mut online) = (Roll::default(), 0, BTreeSet::new());
        for (what, who, number, later) in steps {
            second += later;
            let (who, moment) = (UserId::from(who), at(second));
            match what {
                0 | 1 => roll.arrive(&who, socket(number), moment),
                2 => roll.depart(&who, socket(number), moment),
                3 => drop(roll.renew(&who, signal(""), moment)),
                _ => roll.end(&who, "", Offline::Device, moment),
            }
            roll.tick(moment);
            for user in roll.unread(usize::MAX) {
                roll.learn(&user, Status::default(), moment);
            }
            for edge in news(&mut roll, moment) {
                let is_news = if edge.after.is_some() { online.insert(edge.user) } else { online.remove(&edge.user) };
                prop_assert!(is_news, "told twice");
            }
            prop_assert_eq!(roll.shown_count(), online.len());
            prop_assert!(roll.people.keys().all(|user| online.contains(user)));
            prop_assert!(roll.due.len() <= roll.people.len());
        }
        let end = at(second + 1_000);
        for user in 0..3 {
            for number in 0..3 {
                roll.depart(&UserId::from(user), socket(number), end);
            }
        }
        roll.tick(at(second + 2_000));
        prop_assert!(news(&mut roll, end).iter().all(|edge| online.remove(&edge.user)));
        prop_assert!(online.is_empty() && roll.people.is_empty() && roll.due.is_empty());
    }
}

/// Looks who is idle; `active` tells when a socket did something last.
fn look(roll: &mut Roll, moment: Moment, active: impl Fn(SocketId) -> Option<i64>) -> Vec<String> {
    for (user, sockets) in roll.drowsy(10, moment) {
        let active = sockets.into_iter().filter_map(&active).map(|second| at(second).now).max();
        roll.rest(&user, active, moment);
    }
    told(roll, moment)
}

#[test]
fn whoever_does_nothing_for_long_looks_away_until_they_do_something() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    for number in [1, 2] {
        roll.arrive(&ada, socket(number), at(0));
    }
    assert_eq!(told(&mut roll, at(0)), ["7 online"]);
    assert!(roll.drowsy(10, at(299)).is_empty());
    assert!(look(&mut roll, at(300), |it| (it == socket(2)).then_some(200)).is_empty(), "one of the tabs was used");
    assert!(roll.drowsy(10, at(499)).is_empty());
    assert_eq!(look(&mut roll, at(500), |_| None), ["7 away"]);
    assert_eq!(roll.own(&ada).1.unwrap().availability, Availability::Away);
    assert!(look(&mut roll, at(5_000), |_| None).is_empty(), "told once");
    roll.stir(&ada, at(5_000));
    assert_eq!(told(&mut roll, at(5_000)), ["7 online"]);
    assert_eq!(look(&mut roll, at(5_300), |_| None), ["7 away"]);
    roll.arrive(&ada, socket(3), at(5_301));
    assert_eq!(told(&mut roll, at(5_301)), ["7 online"], "a new tab is somebody's doing");
}

#[test]
fn what_somebody_says_themselves_is_not_overwritten_by_idleness_and_whoever_goes_is_watched_no_more() {
    let (mut roll, ada) = (Roll::default(), user("7"));
    roll.arrive(&ada, socket(1), at(0));
    assert_eq!(told(&mut roll, at(0)), ["7 online"]);
    roll.say(&ada, Status { availability: Availability::Busy, ..Status::default() }, at(1));
    assert_eq!(told(&mut roll, at(1)), ["7 busy"]);
    assert!(look(&mut roll, at(300), |_| None).is_empty());
    roll.say(&ada, Status::default(), at(301));
    assert_eq!(told(&mut roll, at(301)), ["7 away"], "idle all the while");
    roll.say(&ada, Status { availability: Availability::Away, ..Status::default() }, at(302));
    roll.stir(&ada, at(303));
    assert!(told(&mut roll, at(303)).is_empty(), "away by their own word");
    roll.say(&ada, Status { invisible: true, ..Status::default() }, at(304));
    assert_eq!(told(&mut roll, at(304)), ["7 -"]);
    assert!(look(&mut roll, at(700), |_| None).is_empty(), "nobody sees the invisible go away");
    roll.depart(&ada, socket(1), at(701));
    roll.tick(at(720));
    assert!(roll.watched.is_empty() && roll.people.is_empty());
}

#[test]
fn whoever_somebody_else_reports_is_never_idle_and_nobody_is_where_it_is_switched_off() {
    let (mut roll, ada, bo) = (Roll::default(), user("7"), user("8"));
    let reported = Signal { valid_for: TimeDelta::hours(1), is_reported: true, ..signal("hosted") };
    roll.renew(&ada, reported, at(0)).unwrap();
    roll.arrive(&bo, socket(1), at(0));
    assert_eq!(told(&mut roll, at(0)), ["7 online", "8 online"]);
    let never = Moment { away_after: None, ..at(1_000) };
    assert!(look(&mut roll, never, |_| None).is_empty());
    assert_eq!(look(&mut roll, at(1_000), |_| None), ["8 away"]);
}

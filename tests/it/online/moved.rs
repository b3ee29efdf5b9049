//! Whoever comes into a course or leaves it while they are online is told of there, once.

use campanile::domain::roster::{Enrollment, Kind, Person};
use chrono::{SubsecRound, TimeDelta};
use tempfile::TempDir;

use super::*;

const OTHER: &str = "private-course-2";

/// Course `1` of four, and course `2` with the instructor 6; a program that writes the roster.
async fn two_courses(app: &TestApp) -> Voice<'_> {
    course_of_four(app).await;
    let roster = app.roster().await;
    let teaches = Enrollment { course: id("2"), ..enrollment("6", Role::Instructor) };
    roster.put([Object::Course(course("2")), Object::User(person("6")), Object::Enrollment(teaches)]).await;
    app.program(&[Scope::RosterWrite]).await
}

/// A tab of somebody of whom the watcher has heard.
async fn tab_of(app: &TestApp, who: &str, watcher: &mut Client) -> Client {
    let mut tab = app.connect().await;
    tab.sign_in(who).await;
    told(watcher, "user:online", who).await;
    tab
}

fn part(who: &str, course: &str, role: &str) -> Value {
    json!({ "user": who, "course": course, "role": role })
}

/// Somebody comes and goes: whatever was to be told before has been told then.
async fn nothing_before_the_next(app: &TestApp, watcher: &mut Client, who: &str) {
    app.person(who).post(ONLINE, json!({})).await.ok();
    told(watcher, "user:online", who).await;
    app.person(who).post(OFFLINE, json!({})).await;
    told(watcher, "user:offline", who).await;
    watcher.expect_silence().await;
}

#[tokio::test]
async fn whoever_is_dropped_while_online_is_offline_to_the_course_and_online_again_when_they_are_back() {
    let app = without_grace().await;
    let office = two_courses(&app).await;
    let mut watcher = listener(&app, "8", COURSE).await;
    let _tab = tab_of(&app, "7", &mut watcher).await;
    office.delete("/api/enrollments/e7").await.ok();
    let gone = told(&mut watcher, "user:offline", "7").await;
    assert_eq!((&gone["status"], &gone["name"]), (&json!("offline"), &json!("Name of 7")));
    nothing_before_the_next(&app, &mut watcher, "9").await;
    office.keep("/api/enrollments/e7", part("7", "1", "student")).await;
    let seen = told(&mut watcher, "user:online", "7").await;
    assert_eq!(seen, json!({ "id": "7", "name": "Name of 7", "role": "student", "status": "online" }));
    office.keep("/api/enrollments/more", part("7", "1", "assistant")).await;
    office.delete("/api/enrollments/more").await.ok();
    nothing_before_the_next(&app, &mut watcher, "9").await;
}

#[tokio::test]
async fn whoever_goes_from_one_course_to_another_is_told_to_both_and_with_what_they_say_of_themselves() {
    let app = without_grace().await;
    let office = two_courses(&app).await;
    let (mut old, mut new) = (listener(&app, "8", COURSE).await, listener(&app, "6", OTHER).await);
    let _tab = tab_of(&app, "7", &mut old).await;
    patch(&app.person("7"), json!({ "status": "away" })).await.ok();
    told(&mut old, "user:away", "7").await;
    office.keep("/api/enrollments/e7", part("7", "2", "student")).await;
    told(&mut old, "user:offline", "7").await;
    let data = inner(&new.expect_on("user:online", OTHER).await);
    assert_eq!((&data["user"]["id"], &data["user"]["status"]), (&json!("7"), &json!("away")));
    patch(&app.person("7"), json!({ "status": "online" })).await.ok();
    new.expect_on("user:active", OTHER).await;
    nothing_before_the_next(&app, &mut old, "9").await;
    new.expect_silence().await;
}

#[tokio::test]
async fn changes_that_another_process_writes_are_told_too_and_so_are_those_of_orgs_and_courses() {
    let app = without_grace().await;
    two_courses(&app).await;
    let roster = app.roster().await;
    let of_org = |who: &str| Object::User(Person { org: Some(id("o")), ..person(who) });
    roster.put([Object::Org(Org { id: id("o"), name: "A school".to_owned() }), of_org("8")]).await;
    let mut watcher = listener(&app, "8", COURSE).await;
    let mut in_org = listener(&app, "8", "private-org-o").await;
    let _tab = tab_of(&app, "7", &mut watcher).await;
    roster.put([of_org("7")]).await;
    in_org.expect_on("user:online", "private-org-o").await;
    roster.put([Object::User(person("7"))]).await;
    in_org.expect_on("user:offline", "private-org-o").await;
    roster.drop("7").await;
    told(&mut watcher, "user:offline", "7").await;
    roster.put([Object::Enrollment(enrollment("7", Role::Student))]).await;
    told(&mut watcher, "user:online", "7").await;

    let mut teacher = listener(&app, "6", OTHER).await;
    let also = Enrollment { id: id("also"), course: id("2"), ..enrollment("7", Role::Student) };
    roster.put([Object::Enrollment(also)]).await;
    teacher.expect_on("user:online", OTHER).await;
    let archived = |at| Object::Course(campanile::domain::roster::Course { archived_at: at, ..course("2") });
    roster.put([archived(Some(now()))]).await;
    teacher.expect_on("user:offline", OTHER).await;
    roster.put([archived(None)]).await;
    teacher.expect_on("user:online", OTHER).await;
    roster.delete(Kind::User, "7").await;
    teacher.expect_on("user:offline", OTHER).await;
    told(&mut watcher, "user:offline", "7").await;
    nothing_before_the_next(&app, &mut watcher, "9").await;
    teacher.expect_silence().await;
}

#[tokio::test]
async fn an_enrollment_that_begins_or_ends_by_the_clock_is_told_when_its_time_has_come() {
    let app = without_grace().await;
    two_courses(&app).await;
    let roster = app.roster().await;
    let mut watcher = listener(&app, "8", COURSE).await;
    let mut teacher = listener(&app, "6", OTHER).await;
    let _tab = tab_of(&app, "7", &mut watcher).await;
    // Times of the roster are whole seconds.
    let turn = now().trunc_subsecs(0) + TimeDelta::seconds(3);
    let ends = Enrollment { end_at: Some(turn), ..enrollment("7", Role::Student) };
    let begins = Enrollment { id: id("next"), course: id("2"), begin_at: Some(turn), ..enrollment("7", Role::Student) };
    roster.put([Object::Enrollment(ends), Object::Enrollment(begins)]).await;
    told(&mut watcher, "user:offline", "7").await;
    assert!(now() >= turn, "not before");
    teacher.expect_on("user:online", OTHER).await;
    nothing_before_the_next(&app, &mut watcher, "9").await;
    teacher.expect_silence().await;
}

#[tokio::test]
async fn of_the_invisible_and_of_observers_nothing_is_told_and_whoever_only_observes_from_now_on_is_gone() {
    let app = without_grace().await;
    let office = two_courses(&app).await;
    let (mut watcher, mut teacher) = (listener(&app, "8", COURSE).await, listener(&app, "6", OTHER).await);
    patch(&app.person("9"), json!({ "invisible": true })).await.ok();
    let mut tabs = vec![tab_of(&app, "7", &mut watcher).await];
    for who in ["9", "5"] {
        let mut tab = app.connect().await;
        tab.sign_in(who).await;
        tabs.push(tab);
    }
    office.delete("/api/enrollments/e9").await.ok();
    office.keep("/api/enrollments/x9", part("9", "2", "student")).await;
    let observes = json!({ "user": "5", "course": "2", "role": "observer", "observed_user": "7" });
    office.keep("/api/enrollments/x5", observes).await;
    office.keep("/api/enrollments/x7", part("7", "2", "student")).await;
    let data = inner(&teacher.expect_on("user:online", OTHER).await);
    assert_eq!(data["user"]["id"], "7", "of the others nothing was told before");
    office.keep("/api/enrollments/e7", json!({ "user": "7", "course": "1", "role": "observer" })).await;
    told(&mut watcher, "user:offline", "7").await;
    patch(&app.person("9"), json!({ "invisible": false })).await.ok();
    let data = inner(&teacher.expect_on("user:online", OTHER).await);
    assert_eq!(data["user"]["id"], "9");
    watcher.expect_silence().await;
    teacher.expect_silence().await;
}

#[tokio::test]
async fn a_drop_on_one_of_two_servers_is_told_once_where_the_person_is() {
    let folder = TempDir::new().unwrap();
    let server = async || {
        TestApp::with(|config| {
            config.store.url = format!("sqlite://{}", folder.path().join("shared.db").display()).parse().unwrap();
            crate::support::app::settings(config).presence_grace = 0;
        })
        .await
    };
    let (first, second) = (server().await, server().await);
    course_of_four(&first).await;
    let mut watcher = listener(&first, "8", COURSE).await;
    let _tab = tab_of(&first, "7", &mut watcher).await;
    let office = second.program(&[Scope::RosterWrite]).await;
    office.delete("/api/enrollments/e7").await.ok();
    told(&mut watcher, "user:offline", "7").await;
    office.keep("/api/enrollments/e7", part("7", "1", "student")).await;
    told(&mut watcher, "user:online", "7").await;
    nothing_before_the_next(&first, &mut watcher, "9").await;
}

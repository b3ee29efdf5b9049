//! Session tokens from the command line: printed, usable at once, with an enrollment when one is asked for.

use campanile::{
    domain::roster::{Course, Kind, Object, Operation, Role, Status, Visibility},
    ids::{AppId, ExternalId},
    store::{self, Page, RosterFilter, RosterWrite, Store},
};
use chrono::DateTime;

use crate::support::{binary::Folder, client::Client};

async fn open(folder: &Folder) -> Store {
    let url = format!("sqlite://{}", folder.path("campanile.db").display());
    Store::open(&store::Config { url, ..store::Config::default() }).await.unwrap()
}

#[tokio::test]
async fn issued_token_opens_a_socket_of_the_first_app() {
    let folder = Folder::new();
    let server = folder.serve();
    // A program that reads gets the token, and nothing that it has to cut off.
    let token = folder.run(&["token", "issue", "--user", "7", "--name", "Student", "--ttl", "15m"]).ok();
    let path = format!("/app/{}?token={token}", server.keys().key);
    Client::open(server.address, &path, &[]).await.unwrap().established().await;
    let bad = format!("/app/{}?token={token}x", server.keys().key);
    Client::open(server.address, &bad, &[]).await.unwrap().refused_with(4009).await;
    server.stop();
}

#[tokio::test]
async fn role_and_course_enrol_the_user_once_and_change_the_role_the_next_time() {
    let folder = Folder::new();
    let server = folder.serve();
    let app = AppId::parse(server.keys().id).unwrap();
    let issue = |role: &str| folder.run(&["token", "issue", "--user", "a b", "--role", role, "--course", "c1"]);
    assert!(issue("student").failed().contains("there is no course 'c1'"));

    let store = open(&folder).await;
    let course = Course {
        id: ExternalId::parse("c1").unwrap(),
        org: None,
        code: None,
        title: "Course".to_owned(),
        starts_at: None,
        ends_at: None,
        visibility: Visibility::Enrolled,
        archived_at: None,
        overrides: Vec::new(),
    };
    let by = RosterWrite { source: "api", actor: "app", ip: None, now: DateTime::UNIX_EPOCH };
    store.roster_apply(&app, by, &[Operation::Put(Box::new(Object::Course(course)))]).await.unwrap();
    for (role, expected) in [("student", Role::Student), ("instructor", Role::Instructor)] {
        issue(role).ok();
        let page = Page { after: None, limit: 10 };
        let found = store.roster_list(&app, Kind::Enrollment, &RosterFilter::default(), &page).await.unwrap();
        let [one] = &*found else { panic!("{found:?}") };
        let Object::Enrollment(enrollment) = &one.object else { panic!("{one:?}") };
        assert_eq!((enrollment.user.as_str(), enrollment.role, enrollment.status), ("a b", expected, Status::Active));
        assert_eq!(one.source, "dev");
    }
    server.stop();
}

#[test]
fn token_without_an_app_is_refused() {
    let folder = Folder::with_database();
    let issue = |more: &[&str]| folder.run(&[&["token", "issue", "--user", "7"], more].concat()).failed();
    assert!(issue(&[]).contains("there is no app that is enabled"));
    assert!(issue(&["--app", "nobody"]).contains("there is no app 'nobody'"));
}

//! Imports into a real database.

use super::{
    plan::{Spared, Step},
    sheet::{Error, SHEET_MAX},
    *,
};
use crate::domain::roster::{Object, Standing, Status};
use crate::ids::UserId;
use crate::store::Config;

fn app() -> AppId {
    AppId::parse("campus").unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

async fn store() -> Store {
    let store = Store::open(&Config { url: "sqlite::memory:".to_owned(), ..Config::default() }).await.unwrap();
    store.migrate().await.unwrap();
    store
}

fn sheet(name: &str, text: impl AsRef<[u8]>) -> Sheet {
    Sheet::read(name, text.as_ref()).unwrap()
}

fn importer<'a>(store: &'a Store, app: &'a AppId, source: &'a str) -> Import<'a> {
    Import { store, app, source, actor: "cli" }
}

async fn planned(store: &Store, sheets: &[Sheet]) -> Plan {
    importer(store, &app(), "csv").plan(sheets, now()).await.unwrap()
}

/// Plans and applies; what is refused then is a difference between the two.
async fn import_as(store: &Store, source: &str, sheets: &[Sheet]) -> Plan {
    let app = app();
    let import = importer(store, &app, source);
    let plan = import.plan(sheets, now()).await.unwrap();
    let mut progress = 0;
    let done = import.apply(&plan, now(), |count| progress = count).await.unwrap();
    assert!(done.iter().all(|(_, outcome)| !matches!(outcome, Outcome::Refused(_) | Outcome::Unchanged)), "{done:?}");
    assert_eq!(progress, plan.operations().count());
    plan
}

async fn import(store: &Store, sheets: &[Sheet]) -> Plan {
    import_as(store, "csv", sheets).await
}

/// Course 1 and as many users as wanted.
async fn base(store: &Store, users: usize) {
    let people: String = (1..=users).map(|number| format!("{number},Student {number}\n")).collect();
    import(store, &[sheet("courses.csv", "id,title\n1,Bells\n"), sheet("users.csv", format!("id,name\n{people}"))])
        .await;
}

/// An enrollments file for these users of course 1: `e1` is that of user 1, and so on.
fn students(users: impl IntoIterator<Item = usize>) -> Sheet {
    let row = |user: usize| format!("e{user},{user},1,student\n");
    sheet("enrollments.csv", format!("id,user,course,role\n{}", users.into_iter().map(row).collect::<String>()))
}

fn counts(plan: &Plan) -> Vec<(&'static str, usize)> {
    let counts = plan.sheets.iter().flat_map(|sheet| &sheet.counts);
    counts.map(|(step, count)| (step.name(), *count)).collect()
}

fn faults(plan: &Plan) -> Vec<String> {
    let faults = plan.sheets.iter().flat_map(|sheet| &sheet.faults);
    faults.map(|fault| format!("{} {} {}", fault.row, fault.column.unwrap_or("-"), fault.text)).collect()
}

async fn status(store: &Store, user: &str) -> Vec<Status> {
    let Standing { enrollments, .. } =
        store.roster_standing(&app(), &UserId::parse(user).unwrap()).await.unwrap().unwrap();
    enrollments.iter().map(|enrollment| enrollment.status).collect()
}

#[test]
fn kind_is_told_by_the_name_or_else_by_the_header() {
    for (name, header, kind) in [
        ("/tmp/Users-2026.csv", "id,name", Kind::User),
        ("orgs.csv", "name,id,more", Kind::Org),
        ("x.csv", "id,name,email", Kind::User),
        ("x.csv", "id;course;title", Kind::Chapter),
        ("x.csv", "course,id,name", Kind::Class),
        ("x.csv", "role,course,user,id", Kind::Enrollment),
        ("x.csv", "id,title", Kind::Course),
    ] {
        assert_eq!(sheet(name, header).kind, kind, "{name} {header}");
    }
    let error = |name: &str, text: &[u8]| Sheet::read(name, text).unwrap_err();
    assert_eq!(error("x.csv", b"id,name"), Error::UnknownKind);
    assert_eq!(error("users.csv", b""), Error::Empty);
    assert_eq!(error("users.csv", b"\xff\xfei\0d\0"), Error::Encoding);
    assert_eq!(error("users.csv", b"id,n\xe4me"), Error::Encoding);
    assert_eq!(error("users.csv", b"id,name,id"), Error::TwoColumns { name: "id".to_owned() });
    assert_eq!(error("users.csv", b"Id,name").to_string(), "has no column 'id': a file of users needs id, name");
}

#[test]
fn file_is_read_at_the_limit_and_refused_beyond() {
    let mut text = b"id,name\n".to_vec();
    text.resize(SHEET_MAX, b'\n');
    assert!(sheet("users.csv", &text).rows.is_empty());
    text.push(b'\n');
    assert_eq!(Sheet::read("users.csv", &text).unwrap_err(), Error::TooLarge { got: SHEET_MAX + 1 });
}

#[tokio::test]
async fn mark_line_ends_quotes_and_blanks_are_read_as_spreadsheets_write_them() {
    let store = store().await;
    let text = "\u{feff}id, name ,email,shoe size\r\n1,\"Bell, \"\"Big\"\"\",,43\r\n 2 ,\"two\nlines\",b@campus.example,\r\n\
                3,Three,,\r\n";
    let plan = import(&store, &[sheet("users.csv", text)]).await;
    assert_eq!(faults(&plan), ["3 name name must have no control characters and no blanks at its ends"]);
    assert_eq!(plan.sheets[0].unknown_columns, ["shoe size"]);
    let row = store.roster_object(&app(), Kind::User, "1").await.unwrap().unwrap();
    let Object::User(person) = row.object else { panic!("another kind") };
    assert_eq!((person.name.as_str(), person.email), ("Bell, \"Big\"", None));
}

#[tokio::test]
async fn wrong_rows_are_told_with_row_column_and_what_would_be_right() {
    let store = store().await;
    base(&store, 3).await;
    let text = "id,user,course,role,begin_at,limit_to_class\n\
                a.b,1,1,student,,\n\
                b,1,1,teacher,,\n\
                c,1,1,student,1.9.2026,\n\
                d,1,1,student,,perhaps\n\
                e,9,1,student,,\n\
                f,1,2,student,,\n\
                g,1,1,student,,yes\n\
                h,,1,student,,\n\
                i,2,1,student,,\n\
                i,3,1,student,,\n\
                j,2,1,student,,\n\
                k,2\n";
    let plan = planned(&store, &[sheet("enrollments.csv", text)]).await;
    assert_eq!(
        faults(&plan),
        [
            "2 id id may hold only letters, digits, '-' and '_'",
            "3 role 'teacher' is no role; there are student, assistant, instructor, admin, observer",
            "4 begin_at '1.9.2026' is no date: write 2026-09-01 (its first moment, UTC) or 2026-09-01T08:00:00+02:00",
            "5 limit_to_class 'perhaps' is neither true nor false",
            "6 user there is no user '9': put them first",
            "7 course there is no course '2': put it first",
            "8 limit_to_class limit_to_class needs a class",
            "9 user must not be empty",
            "11 id 'i' stands in an earlier row already",
            "12 - enrollment 'i' gives the same user the same role in the same course and class: change or delete that one",
            "13 - has 2 cells, the header has 6",
        ]
    );
    assert_eq!(counts(&plan), [("create", 1)]);
}

#[tokio::test]
async fn second_import_of_the_same_files_changes_nothing() {
    let store = store().await;
    base(&store, 2).await;
    assert_eq!(counts(&import(&store, &[students([1, 2])]).await), [("create", 2)]);
    let seq = store.roster_seq().await.unwrap();
    assert_eq!(counts(&import(&store, &[students([1, 2])]).await), [("unchanged", 2)]);
    assert_eq!(store.roster_seq().await.unwrap(), seq);
}

#[tokio::test]
async fn missing_student_is_dropped_and_comes_back_and_the_plan_says_so() {
    let store = store().await;
    base(&store, 2).await;
    import(&store, &[students([1, 2])]).await;
    let plan = import(&store, &[students([1])]).await;
    assert_eq!(counts(&plan), [("drop", 1), ("unchanged", 1)]);
    let example = &plan.sheets[0].examples[0];
    assert_eq!((example.step, example.row), (Step::Drop, None));
    assert!(example.text.starts_with("enrollment e2: user 2, course 1, role student"), "{}", example.text);
    assert_eq!(status(&store, "2").await, [Status::Dropped]);

    let plan = import(&store, &[students([1, 2])]).await;
    assert_eq!(counts(&plan), [("reactivate", 1), ("unchanged", 1)]);
    assert_eq!(plan.sheets[0].examples[0].text, "enrollment e2: status dropped -> active");
    assert_eq!(status(&store, "2").await, [Status::Active]);
}

#[tokio::test]
async fn staff_rows_of_others_other_courses_and_other_states_are_never_dropped() {
    let store = store().await;
    base(&store, 9).await;
    import(&store, &[sheet("courses.csv", "id,title\n2,Ropes\n")]).await;
    let text = "id,user,course,role,status\n\
                a,1,1,assistant,\nb,2,1,instructor,\nc,3,1,admin,\nd,4,2,student,\ne,5,1,student,inactive\n\
                f,6,1,observer,\ng,7,1,student,\n";
    import(&store, &[sheet("enrollments.csv", text)]).await;
    import_as(&store, "api", &[sheet("enrollments.csv", "id,user,course,role\nh,8,1,student\n")]).await;
    let plan = import(&store, &[sheet("enrollments.csv", "id,user,course,role\ng,7,1,student\n")]).await;
    let dropped: Vec<_> = plan.drops.iter().flat_map(|course| &course.enrollments).map(ToString::to_string).collect();
    assert_eq!(dropped, ["f"]);

    let text = "id,user,course,role\nh,8,1,assistant\n";
    let foreign = planned(&store, &[sheet("enrollments.csv", text)]).await;
    assert!(faults(&foreign)[0].contains("belongs to the source 'api'"), "{foreign:?}");
    let nobody = planned(&store, &[sheet("enrollments.csv", "id,user,course,role\n")]).await;
    assert!(nobody.drops.is_empty());
}

#[tokio::test]
async fn wrong_row_is_not_a_missing_one() {
    let store = store().await;
    base(&store, 4).await;
    import(&store, &[students([1, 2, 3])]).await;
    let head = "id,user,course,role\ne1,1,1,student\n";
    let with = async |rows: &str| planned(&store, &[sheet("enrollments.csv", format!("{head}{rows}"))]).await;
    let missing = |plan: &Plan| plan.drops.iter().map(|course| course.enrollments.len()).sum::<usize>();

    let known_id = with("e2,2,1,teacher\n").await;
    assert_eq!((missing(&known_id), known_id.spared), (1, Spared::Courses(BTreeSet::new())));
    let other_id = with("e9,2,1,teacher\n").await;
    assert_eq!((missing(&other_id), other_id.spared), (1, Spared::Courses(BTreeSet::new())), "only user 3 is missing");
    let nobody = with("e9,,1,student\n").await;
    assert_eq!(missing(&nobody), 0, "it may be anybody");
    let no_id = with(",2,1,student\n").await;
    assert_eq!(missing(&no_id), 0);
    assert!(matches!(&no_id.spared, Spared::Courses(courses) if courses.len() == 1));
    let no_course = with(",2,,student\n").await;
    assert_eq!((missing(&no_course), no_course.spared), (0, Spared::Everywhere));
    let torn = with("e2,2\n").await;
    assert_eq!((missing(&torn), torn.spared), (0, Spared::Everywhere));
}

#[tokio::test]
async fn many_drops_at_once_need_a_look() {
    for (all, dropped, is_mass) in [(19, 19, false), (20, 20, true), (199, 20, true), (200, 20, false), (209, 21, true)]
    {
        let store = store().await;
        base(&store, all).await;
        import(&store, &[students(1..=all)]).await;
        let plan = planned(
            &store,
            &[students([]), students(dropped + 1..=all), sheet("e.csv", "id,user,course,role\nx,1,1,admin\n")],
        )
        .await;
        assert_eq!(plan.mass_drops().count(), usize::from(is_mass), "{dropped} of {all}");
    }
}

#[tokio::test]
async fn report_is_named_by_its_drops() {
    let store = store().await;
    base(&store, 3).await;
    import(&store, &[students([1, 2, 3])]).await;
    let id = async |users: &[usize]| planned(&store, &[students(users.iter().copied())]).await.id;
    assert_eq!(id(&[1]).await, id(&[1]).await);
    assert_ne!(id(&[1]).await, id(&[2]).await);
    assert_eq!(id(&[1]).await.len(), 12);
}

#[tokio::test]
async fn column_that_is_absent_leaves_the_field_as_it_is_and_an_empty_cell_empties_it() {
    let store = store().await;
    let full = "id,title,code,starts_at,visibility\n1,Bells,B-1,2026-09-01,public\n";
    import(&store, &[sheet("courses.csv", full)]).await;
    let plan = import(&store, &[sheet("courses.csv", "id,title,code\n1,Bells,\n")]).await;
    assert_eq!(plan.sheets[0].examples[0].text, "course 1: code B-1 -> none");
    let row = store.roster_object(&app(), Kind::Course, "1").await.unwrap().unwrap();
    let Object::Course(course) = row.object else { panic!("another kind") };
    assert_eq!(course.starts_at.unwrap().to_rfc3339(), "2026-09-01T00:00:00+00:00");
    assert_eq!((course.code, course.visibility.name()), (None, "public"));
}

#[tokio::test]
async fn new_id_for_the_same_part_takes_the_place_of_the_old_one() {
    let store = store().await;
    base(&store, 1).await;
    import(&store, &[students([1])]).await;
    let plan = import(&store, &[sheet("enrollments.csv", "id,user,course,role\nnew,1,1,student\n")]).await;
    assert_eq!(counts(&plan), [("create", 1), ("drop", 1)]);
    assert_eq!(status(&store, "1").await, [Status::Active]);
}

#[tokio::test]
async fn files_may_come_in_any_order_and_need_each_other() {
    let store = store().await;
    let sheets = [
        sheet("enrollments.csv", "id,user,course,class,role,limit_to_class\ne,7,1,k,student,yes\n"),
        sheet("users.csv", "id,name,org,org_role\n7,Student,o,admin\n"),
        sheet("classes.csv", "id,course,name,guests\nk,1,Monday,TRUE\n"),
        sheet("chapters.csv", "id,course,title,position\nc,1,Ropes,3\n"),
        sheet("courses.csv", "id,title,org\n1,Bells,o\n"),
        sheet("orgs.csv", "id,name\no,School\n"),
    ];
    let plan = import(&store, &sheets).await;
    assert_eq!(counts(&plan), [("create", 1); 6]);
    let kinds: Vec<Kind> = plan.sheets.iter().map(|sheet| sheet.kind).collect();
    assert_eq!(kinds, Kind::ALL);
}

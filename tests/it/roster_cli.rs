//! `campanile roster` and `campanile api-key` as a user meets them: the real program, real files.

use std::{fs, path::Path};

use crate::support::binary::{Ended, Folder};

const HEAD: &str = "id,user,course,role\n";

/// A folder with an app and the example roster.
fn folder() -> Folder {
    let folder = Folder::with_database();
    folder.run(&["app", "create", "--id", "7"]).ok();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/roster");
    for file in fs::read_dir(example).unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&file, folder.path(file.file_name().unwrap().to_str().unwrap())).unwrap();
    }
    folder
}

const FILES: [&str; 6] = ["enrollments.csv", "users.csv", "orgs.csv", "courses.csv", "classes.csv", "chapters.csv"];

fn import(folder: &Folder, files: &[&str], further: &[&str]) -> Ended {
    folder.run(&[&["roster", "import"], files, further].concat())
}

/// What the program said, when rows were wrong and the rest was done.
fn with_wrong_rows(ended: Ended, count: usize) -> String {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains(&format!("wrong rows: {count};")), "{ended:?}");
    ended.out
}

/// Brings 40 students into course 1, beside the example roster.
fn forty_students(folder: &Folder) {
    let users: String = (101..=140).map(|id| format!("{id},Student {id}\n")).collect();
    folder.write("users-more.csv", &format!("id,name\n{users}"));
    folder.write("enrollments-more.csv", &format!("{HEAD}{}", students(101..=140)));
    import(folder, &["users-more.csv", "enrollments-more.csv"], &["--apply", "--source", "lms"]).ok();
}

fn students(ids: impl IntoIterator<Item = usize>) -> String {
    ids.into_iter().map(|id| format!("e{id},{id},1,student\n")).collect()
}

#[test]
fn example_roster_is_shown_first_then_imported_and_then_known() {
    let folder = folder();
    let dry = import(&folder, &FILES, &[]).ok();
    assert!(
        dry.contains("users.csv (users): create 10") && dry.contains("enrollments.csv (enrollments): create 9"),
        "{dry}"
    );
    assert!(dry.contains("create     row 2: org campus: name Online Campus"), "{dry}");
    let users: Vec<_> = dry.lines().skip_while(|line| !line.starts_with("users.csv")).skip(1).take(6).collect();
    assert!(users[4].starts_with("  create     row 6: user 5") && users[5] == "  create     … and 5 more", "{dry}");
    assert!(dry.ends_with("Nothing was changed. To do it: the same command with --apply"), "{dry}");
    assert_eq!(folder.run(&["roster", "show"]).ok(), "none");

    let done = import(&folder, &FILES, &["--apply"]).ok();
    assert!(done.ends_with("Imported into app 7: 26 created, 0 updated, 0 dropped"), "{done}");
    assert!(import(&folder, &FILES, &[]).ok().ends_with("Nothing to do"));

    let courses = folder.run(&["roster", "show"]).ok();
    let line = courses.lines().nth(1).unwrap();
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>().join(" "),
        "1 Bells and Towers campus BELL-101 enrolled csv"
    );
    let user = folder.run(&["roster", "show", "--user", "1"]).ok();
    assert!(user.contains("Student One") && user.contains("ENROLLMENTS") && user.lines().count() >= 8, "{user}");
    let course = folder.run(&["roster", "show", "--course", "1"]).ok();
    assert!(
        course.contains("Monday evening") && course.contains("Casting a bell") && course.contains("observer"),
        "{course}"
    );
    let some = folder.run(&["roster", "show", "users", "--limit", "2"]).ok();
    assert!(some.lines().count() == 4 && some.ends_with("--limit shows them"), "{some}");
    let nobody = folder.run(&["roster", "show", "--user", "nobody"]).failed();
    assert!(nobody.contains("there is no user 'nobody' in the roster: 'campanile roster show users'"), "{nobody}");
}

#[test]
fn column_that_is_left_out_leaves_what_it_names_as_it_is() {
    let folder = folder();
    import(&folder, &FILES, &["--apply"]).ok();
    folder.write("users.csv", "id,name\n1,Renamed One\n");
    folder.write("courses.csv", "id,title\n1,Renamed course\n");
    folder.write("enrollments.csv", "id,user,course,role\n2,2,1,assistant\n");
    let shown = import(&folder, &["enrollments.csv"], &[]).ok();
    assert!(shown.contains("enrollments.csv (enrollments): update 1, drop"), "{shown}");
    for file in ["users.csv", "courses.csv"] {
        let done = import(&folder, &[file], &["--apply"]).ok();
        assert!(done.ends_with("0 created, 1 updated, 0 dropped"), "{file}: {done}");
    }
    assert!(import(&folder, &["users.csv", "orgs.csv"], &[]).ok().ends_with("Nothing to do"));
}

#[test]
fn wrong_rows_are_told_and_the_others_are_imported() {
    let folder = folder();
    folder.write("users.csv", "id,name\n1,One\n2,\n");
    folder.write("enrollments.csv", &format!("{HEAD}a,1,1,student\nb,2,1,student\nc,1,1,teacher\n"));
    let out = with_wrong_rows(import(&folder, &FILES, &["--apply"]), 3);
    for line in [
        "users.csv (users): create 1, error 1",
        "error      row 3, column name: must not be empty",
        "error      row 3, column user: there is no user '2': put them first",
        "error      row 4, column role: 'teacher' is no role",
        "Imported into app 7: 9 created",
    ] {
        assert!(out.contains(line), "{line} is missing in\n{out}");
    }
}

#[test]
fn people_whose_ids_no_channel_name_can_hold_are_imported_and_told() {
    let folder = folder();
    folder.write("users.csv", "id,name\nauth0|7,Ada\na b,Bo\nada@campus.example,Cy\n");
    let done = import(&folder, &["users.csv"], &["--apply"]).ok();
    assert!(done.contains("note       no channel of their own: 2, such as 'auth0|7'."), "{done}");
    assert!(done.ends_with("3 created, 0 updated, 0 dropped"), "{done}");
}

#[test]
fn file_with_a_byte_order_mark_is_read_and_one_in_another_charset_is_refused_by_the_row() {
    let folder = folder();
    let users = |text: &[u8]| {
        fs::write(folder.path("users.csv"), text).unwrap();
        import(&folder, &["users.csv"], &["--apply"])
    };
    let done = users("\u{feff}id,name\n1,Zo\u{eb}\n".as_bytes()).ok();
    assert!(done.ends_with("1 created, 0 updated, 0 dropped"), "{done}");
    let out = with_wrong_rows(users(b"id,name\n2,Two\n3,M\xfcller\n"), 1);
    assert!(out.contains("error      row 3: is not UTF-8: save the file as 'CSV UTF-8'"), "{out}");
    let told = users(b"id,name,gr\xfc\xdfe\n4,Four,no\n").failed();
    assert!(told.contains("users.csv is not UTF-8 (row 1): save it as 'CSV UTF-8'"), "{told}");
}

#[test]
fn files_that_cannot_be_read_are_told_together_and_nothing_is_imported() {
    let folder = folder();
    folder.write("people.csv", "id,name\n1,One\n");
    folder.write("users.csv", "id\n1\n");
    let refused = import(&folder, &["people.csv", "users.csv", "orgs.csv"], &["--apply"]).failed();
    assert!(refused.contains("people.csv could hold anything"), "{refused}");
    assert!(refused.contains("users.csv has no column 'name': a file of users needs id, name"), "{refused}");
    let missing = import(&folder, &["nowhere.csv"], &[]).failed();
    assert!(missing.contains("nowhere.csv: No such file"), "{missing}");
    assert_eq!(folder.run(&["roster", "show", "orgs"]).ok(), "none");
}

#[test]
fn mass_drop_needs_its_own_report_to_be_confirmed() {
    let folder = folder();
    import(&folder, &FILES, &["--apply"]).ok();
    forty_students(&folder);
    folder.write("enrollments-more.csv", &format!("{HEAD}{}", students(101..=119)));
    let lms = |further: &[&str]| import(&folder, &["enrollments-more.csv"], &[&["--source", "lms"], further].concat());
    let dry = lms(&[]).ok();
    assert!(dry.contains("enrollments-more.csv (enrollments): drop 21, unchanged 19"), "{dry}");
    assert!(dry.contains("Course 1: 21 of 40 active enrollments would be dropped!"), "{dry}");
    let id = dry.rsplit_once("--confirm ").unwrap().1.trim().to_owned();

    let refused = lms(&["--apply"]);
    assert!(refused.code == Some(1) && refused.err.contains(&format!("add --confirm {id}")), "{refused:?}");
    let other = lms(&["--apply", "--confirm", "0123456789ab"]);
    assert!(other.code == Some(1) && other.err.contains(&format!("this is report {id}")), "{other:?}");
    assert!(lms(&[]).ok().contains("drop 21"), "nothing was dropped");
    assert!(lms(&["--apply", "--confirm", &id]).ok().ends_with("0 created, 0 updated, 21 dropped"));
    assert!(folder.run(&["roster", "show", "--user", "140"]).ok().contains("dropped"));
    assert!(folder.run(&["roster", "show", "--user", "1"]).ok().contains("active"), "rows of others stay");
}

#[test]
fn app_is_the_named_one_or_the_configured_one_or_the_oldest() {
    let folder = Folder::with_database();
    folder.write("users.csv", "id,name\n1,One\n");
    let none = import(&folder, &["users.csv"], &[]).failed();
    assert!(none.contains("campanile app create"), "{none}");
    for id in ["7", "8"] {
        folder.run(&["app", "create", "--id", id]).ok();
    }
    let imports = |further: &[&str]| import(&folder, &["users.csv"], &[&["--apply"], further].concat());
    assert!(imports(&["--app", "8"]).ok().contains("into app 8: 1 created"));
    assert!(imports(&["--app", "9"]).failed().contains("there is no app '9'"));
    let configured =
        [("CAMPANILE_APP_ID", "mine"), ("CAMPANILE_APP_KEY", "k"), ("CAMPANILE_APP_SECRET", "0123456789abcdef")];
    let of_configured = folder.run_with(&["roster", "import", "users.csv", "--apply"], &configured).ok();
    assert!(of_configured.contains("into app mine: 1 created"), "{of_configured}");
    assert!(imports(&[]).ok().contains("into app 7: 1 created"));
}

#[test]
fn api_key_is_shown_once_listed_without_its_secret_and_revoked() {
    let folder = folder();
    let create = ["api-key", "create", "--name", "LMS", "--scope", "roster:write,access:read", "--expires", "90d"];
    // A program that reads gets the key, and nothing that it has to cut off.
    let key = folder.run(&[&create[..], &["--ip", "192.0.2.0/24"]].concat()).ok();
    let (id, secret) = key.rsplit_once('_').unwrap();
    assert_eq!((id.len(), secret.len()), (15, 40), "{key}");
    let listed = folder.run(&["api-key", "list"]).ok();
    assert!(listed.contains(id) && listed.contains("valid") && listed.contains("roster:write,access:read"), "{listed}");
    assert!(!listed.contains(secret));
    for name in ["campanile.db", "campanile.db-wal"] {
        let bytes = fs::read(folder.path(name)).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{name} holds the secret");
    }

    assert_eq!(folder.run(&["api-key", "revoke", id]).ok(), format!("API key {id} is revoked"));
    assert!(folder.run(&["api-key", "revoke", id]).ok().contains("was revoked before"));
    assert!(folder.run(&["api-key", "list"]).ok().contains("revoked"));
    assert!(folder.run(&["api-key", "revoke", "ck_000000000000"]).failed().contains("campanile api-key list"));
}

//! Which of the answers that the description promises have the tests seen? Not fewer than before.

use std::{
    collections::HashSet,
    fmt::Write as _,
    fs,
    io::{Write as _, stdout},
};

use crate::support::description::{notes, operations};

/// Answers that no test can bring about on a server that is well.
const FAULTS: [&str; 2] = ["500", "503"];

/// Percent of the answers that the tests have to see: a little less than they do.
const FLOOR: usize = 72;

#[test]
#[ignore = "a report on all other tests; tests/run asks for it after them"]
fn coverage_of_operations_and_statuses_is_printed_and_does_not_fall() {
    let notes = fs::read_to_string(notes()).unwrap_or_default();
    let seen: HashSet<_> = notes.lines().collect();
    let (mut table, mut promised, mut met) = (String::new(), 0, 0);
    for (_, _, operation) in operations() {
        let id = operation["operationId"].as_str().unwrap();
        let statuses =
            operation["responses"].as_object().unwrap().keys().filter(|status| !FAULTS.contains(&&***status));
        let (yes, no): (Vec<_>, Vec<_>) =
            statuses.map(String::as_str).partition(|status| seen.contains(&*format!("{id} {status}")));
        promised += yes.len() + no.len();
        met += yes.len();
        writeln!(table, "{id:<32} {:<40} missing: {}", yes.join(" "), no.join(" ")).unwrap();
    }
    let percent = 100 * met / promised;
    let sum = format!(
        "{met} of {promised} answers that the description promises were seen ({percent} %), faults of the server apart\n"
    );
    stdout().write_all((table + &sum).as_bytes()).unwrap();
    assert!(percent >= FLOOR, "{percent} % of the answers were seen, {FLOOR} % have to be: see what is missing above");
}

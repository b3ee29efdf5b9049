//! `campanile roster …`: bringing the roster in from files, and looking at it. A running server follows within a second.

use std::{fmt::Write as _, fs, path::PathBuf};

use super::{Error, Result, table, target};
use crate::{
    bench::progress::Stage,
    cli::{self, RosterCommand},
    config::Config,
    domain::roster::{Kind, Operation, Outcome},
    ids::{AppId, ExternalId, UserId},
    services::import::{
        Import, Plan, Sheet,
        plan::{Example, SheetPlan, Spared, Step},
        sheet::{self, Fault},
    },
    services::now,
    store::{Page, RosterFilter, Store},
};

/// Most wrong rows that are shown of one file.
const FAULTS_SHOWN: usize = 1_000;

/// What to import, and how.
struct Order {
    files: Vec<PathBuf>,
    source: ExternalId,
    apply: bool,
    confirm: Option<String>,
}

/// Runs one of the commands.
pub(super) async fn run(config: &Config, command: RosterCommand) -> Result<()> {
    let store = target::store(config).await?;
    let done = match command {
        RosterCommand::Import { files, app, source, apply, confirm } => {
            let app = target::app(config, &store, app.as_ref()).await?.id;
            import(&store, &app, &Order { files, source, apply, confirm }).await
        }
        RosterCommand::Show { what, app, user, course, limit } => {
            let app = target::app(config, &store, app.as_ref()).await?.id;
            let shown = match (user, course) {
                (Some(user), _) => show_user(&store, &app, &user).await,
                (None, Some(course)) => show_course(&store, &app, (&course, limit)).await,
                (None, None) => list(&store, &app, (what.into(), &RosterFilter::default()), limit).await,
            };
            shown.and_then(|text| Ok(cli::say(&text)?))
        }
    };
    store.close().await?;
    done
}

async fn import(store: &Store, app: &AppId, order: &Order) -> Result<()> {
    let sheets = read(&order.files)?;
    let import = Import { store, app, source: order.source.as_str(), actor: "cli" };
    let plan = import.plan(&sheets, now()).await?;
    cli::say(&report(&plan))?;
    let count = plan.operations().count();
    if !order.apply {
        cli::say(&advice(&plan, count))?;
        return wrong_rows(&plan);
    }
    let needs_look = plan.mass_drops().next().is_some();
    match &order.confirm {
        Some(id) if *id != plan.id => return Err(Error::OtherReport { wanted: plan.id.clone(), got: id.clone() }),
        None if needs_look => return Err(Error::Unconfirmed(plan.id.clone())),
        _ => {}
    }
    let stage = Stage::counting("importing", u64::try_from(count).unwrap_or(u64::MAX));
    let progress = |done: usize| stage.bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    let done = import.apply(&plan, now(), progress).await?;
    drop(stage);
    cli::say(&summary(app, &done))?;
    wrong_rows(&plan)
}

fn read(files: &[PathBuf]) -> Result<Vec<Sheet>> {
    let (mut sheets, mut wrong) = (Vec::new(), Vec::new());
    for path in files {
        let name = path.display().to_string();
        let file = |source| Error::File { path: name.clone(), source };
        // Looked at first, so that a wrong file of any size is refused and not read.
        let size = usize::try_from(fs::metadata(path).map_err(file)?.len()).unwrap_or(usize::MAX);
        let sheet = if size > sheet::SHEET_MAX {
            Err(sheet::Error::TooLarge { got: size })
        } else {
            Sheet::read(&name, &fs::read(path).map_err(file)?)
        };
        match sheet {
            Ok(sheet) => sheets.push(sheet),
            Err(error) => wrong.push(format!("{name} {error}")),
        }
    }
    if wrong.is_empty() { Ok(sheets) } else { Err(Error::Sheets(wrong.join("\n"))) }
}

fn wrong_rows(plan: &Plan) -> Result<()> {
    match plan.fault_count() {
        0 => Ok(()),
        count => Err(Error::WrongRows(count)),
    }
}

/// What would change, file by file, as lines.
fn report(plan: &Plan) -> String {
    let mut text = String::new();
    for sheet in &plan.sheets {
        let _infallible = write!(text, "{}", of_sheet(sheet));
    }
    match &plan.spared {
        Spared::Everywhere => {
            text.push_str("Nothing is dropped: a row of the enrollments cannot be read, and may be about anybody.\n");
        }
        Spared::Courses(courses) if !courses.is_empty() => {
            let ids: Vec<&str> = courses.iter().map(ExternalId::as_str).collect();
            let ids = ids.join(", ");
            let _infallible =
                writeln!(text, "Nothing is dropped in {ids}: a row without a valid id may be about anybody.");
        }
        Spared::Courses(_) => {}
    }
    for course in plan.mass_drops() {
        let (count, active) = (course.enrollments.len(), course.active);
        let _infallible =
            writeln!(text, "Course {}: {count} of {active} active enrollments would be dropped!", course.course);
    }
    text
}

fn of_sheet(sheet: &SheetPlan) -> String {
    let count = |(step, count): (&Step, &usize)| format!("{} {count}", step.name());
    let mut counts: Vec<String> = sheet.counts.iter().map(count).collect();
    if !sheet.faults.is_empty() {
        counts.push(format!("error {}", sheet.faults.len()));
    }
    let counts = if counts.is_empty() { "no rows".to_owned() } else { counts.join(", ") };
    let mut lines = vec![format!("{} ({}): {counts}", sheet.name, sheet.kind.plural())];
    if !sheet.unknown_columns.is_empty() {
        let known: Vec<&str> = sheet::columns(sheet.kind).iter().map(|column| column.name).collect();
        let (unknown, known) = (legible(&sheet.unknown_columns.join(", ")), known.join(", "));
        lines.push(format!("  columns not read: {unknown}; known are {known}"));
    }
    let example = |example: &Example| {
        let row = example.row.map_or_else(|| "missing".to_owned(), |row| format!("row {row}"));
        format!("  {:<10} {row}: {}", example.step.name(), example.text)
    };
    for (step, count) in sheet.counts.iter().filter(|(step, _)| **step != Step::Unchanged) {
        let shown: Vec<_> = sheet.examples.iter().filter(|example| example.step == *step).map(example).collect();
        let rest = count.saturating_sub(shown.len());
        lines.extend(shown);
        lines.extend((rest > 0).then(|| and_more(step.name(), rest)));
    }
    if let Some(first) = sheet.unspeakable.first() {
        let (count, first) = (sheet.unspeakable.len(), legible(first));
        lines.push(format!(
            "  {:<10} no channel of their own: {count}, such as '{first}'. Only letters, digits and -_=@,.; can stand in its \
             name; these people hear 'notifications'",
            "note"
        ));
    }
    let fault = |fault: &Fault| {
        let column = fault.column.map(|column| format!(", column {column}")).unwrap_or_default();
        format!("  {:<10} row {}{column}: {}", "error", fault.row, legible(&fault.text))
    };
    lines.extend(sheet.faults.iter().take(FAULTS_SHOWN).map(fault));
    let rest = sheet.faults.len().saturating_sub(FAULTS_SHOWN);
    lines.extend((rest > 0).then(|| and_more("error", rest)));
    lines.join("\n") + "\n"
}

/// Says how many there are beside those that are shown.
fn and_more(what: &str, count: usize) -> String {
    format!("  {what:<10} … and {count} more")
}

/// A text from a file, fit for a terminal.
fn legible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// What to do after a dry run.
fn advice(plan: &Plan, count: usize) -> String {
    if count == 0 {
        return "Nothing to do".to_owned();
    }
    if plan.mass_drops().next().is_some() {
        return format!(
            "Nothing was changed. If so many are meant to go: the same command with --apply --confirm {}",
            plan.id
        );
    }
    "Nothing was changed. To do it: the same command with --apply".to_owned()
}

fn summary(app: &AppId, done: &[(Operation, Outcome)]) -> String {
    let count = |wanted: &str| done.iter().filter(|(_, outcome)| outcome.name() == wanted).count();
    let mut lines = vec![format!(
        "Imported into app {app}: {} created, {} updated, {} dropped",
        count("created"),
        count("updated"),
        count("deleted")
    )];
    for (operation, outcome) in done {
        let Outcome::Refused(error) = outcome else { continue };
        let (kind, id) = match operation {
            Operation::Put(object) => (object.kind(), object.id()),
            Operation::Delete(kind, id) => (*kind, id.as_str()),
        };
        lines.push(format!("refused, for the roster changed meanwhile: {kind} {id}: {error}"));
    }
    lines.join("\n")
}

async fn list(store: &Store, app: &AppId, (kind, filter): (Kind, &RosterFilter), limit: u32) -> Result<String> {
    // One more than is shown tells that there are more.
    let page = Page { after: None, limit: limit.saturating_add(1) };
    let mut rows = store.roster_list(app, kind, filter, &page).await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = if rows.len() > shown { "\n… and more: --limit shows them" } else { "" };
    rows.truncate(shown);
    Ok(table::list(&rows) + more)
}

async fn show_user(store: &Store, app: &AppId, user: &UserId) -> Result<String> {
    let row = store.roster_object(app, Kind::User, user.as_str()).await?;
    let row = row.ok_or_else(|| Error::NotInRoster { kind: Kind::User, id: user.to_string() })?;
    let filter = RosterFilter { user: Some(user.clone()), ..RosterFilter::default() };
    let enrollments = list(store, app, (Kind::Enrollment, &filter), u32::MAX).await?;
    let identities = store.identities_of(app, user).await?;
    let known_as = |(issuer, subject): &(String, String)| format!("\n{subject} at {issuer}");
    let known_as: String = identities.iter().map(known_as).collect();
    let known_as = if known_as.is_empty() { known_as } else { format!("\n\nIDENTITIES{known_as}") };
    Ok(format!("{}\n\nENROLLMENTS\n{enrollments}{known_as}", table::single(&row.object)))
}

async fn show_course(store: &Store, app: &AppId, (course, limit): (&ExternalId, u32)) -> Result<String> {
    let row = store.roster_object(app, Kind::Course, course.as_str()).await?;
    let row = row.ok_or_else(|| Error::NotInRoster { kind: Kind::Course, id: course.to_string() })?;
    let filter = RosterFilter { course: Some(course.clone()), ..RosterFilter::default() };
    let mut text = table::single(&row.object);
    for (head, kind) in [("CLASSES", Kind::Class), ("CHAPTERS", Kind::Chapter), ("ENROLLMENTS", Kind::Enrollment)] {
        let rows = list(store, app, (kind, &filter), limit).await?;
        let _infallible = write!(text, "\n\n{head}\n{rows}");
    }
    Ok(text)
}

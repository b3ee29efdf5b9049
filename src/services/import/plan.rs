//! What files would change, row by row, and what would be dropped because it is missing. Pure.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{
    cells,
    sheet::{Fault, Row, Sheet},
};
use crate::{
    domain::roster::{Enrollment, Kind, Ledger, Object, Operation, Status, Verdict, Versioned},
    ids::{ExternalId, UserId},
    protocol::{ChannelName, channel_name::NameRules},
};

/// Fewest drops in a course that need to be confirmed.
pub const GUARD_COUNT: usize = 20;

/// Share of a course's enrollments, in percent, above which drops need to be confirmed.
pub const GUARD_PERCENT: usize = 10;

/// Most examples of each step that a plan shows for a file.
pub const EXAMPLES: usize = 5;

/// What an import does with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// It is new.
    Create,
    /// It is different.
    Update,
    /// It is an enrollment that was dropped and counts again.
    Reactivate,
    /// It is an enrollment that is dropped.
    Drop,
    /// It is so already.
    Unchanged,
}

impl Step {
    /// The word for it in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Reactivate => "reactivate",
            Self::Drop => "drop",
            Self::Unchanged => "unchanged",
        }
    }
}

/// One object of a step, to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// What is done.
    pub step: Step,
    /// Number of the row; `None` = it is missing in the file.
    pub row: Option<u64>,
    /// The object and what changes.
    pub text: String,
}

/// What one file would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetPlan {
    /// Name of the file.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Columns that are not read.
    pub unknown_columns: Vec<String>,
    /// How many objects of each step. The last enrollments file counts what is missing in all of them.
    pub counts: BTreeMap<Step, usize>,
    /// Some of each step but [`Step::Unchanged`]; at most [`EXAMPLES`].
    pub examples: Vec<Example>,
    /// Ids of users that can stand in no channel name: such people have no channel of their own.
    pub unspeakable: Vec<String>,
    /// Rows that are wrong, by number. They change nothing, and nothing is dropped for them.
    pub faults: Vec<Fault>,
}

/// Drops in one course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CourseDrops {
    /// The course.
    pub course: ExternalId,
    /// Enrollments that would be dropped, by id.
    pub enrollments: Vec<ExternalId>,
    /// How many of this source are active now.
    pub active: usize,
}

impl CourseDrops {
    /// Tells whether it is so many that somebody should look first.
    #[must_use]
    pub fn is_mass(&self) -> bool {
        let count = self.enrollments.len();
        count >= GUARD_COUNT && count * 100 > self.active * GUARD_PERCENT
    }
}

/// What an import would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Each file, in the order in which they are applied.
    pub sheets: Vec<SheetPlan>,
    /// What is dropped because the files lack it.
    pub drops: Vec<CourseDrops>,
    /// Courses in which nothing is dropped although something may be missing, because a row cannot be read.
    pub spared: Spared,
    /// Names the planned drops; other drops have another name.
    pub id: String,
    /// Ordered by kind.
    puts: Vec<Object>,
}

/// Where a row that cannot be read keeps others from being dropped: it may be about any of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spared {
    /// In these courses; often none.
    Courses(BTreeSet<ExternalId>),
    /// Everywhere.
    Everywhere,
}

impl Plan {
    /// All that has to be written, in the order in which objects need each other.
    pub fn operations(&self) -> impl Iterator<Item = Operation> {
        let first = self.puts.partition_point(|object| object.kind() < Kind::Enrollment);
        let (before, after) = self.puts.split_at_checked(first).unwrap_or((&self.puts, &[]));
        let put = |object: &Object| Operation::Put(Box::new(object.clone()));
        let ids = self.drops.iter().flat_map(|course| &course.enrollments);
        let drops = ids.map(|id| Operation::Delete(Kind::Enrollment, id.as_str().to_owned()));
        before.iter().map(put).chain(drops).chain(after.iter().map(put))
    }

    /// How many rows are wrong.
    #[must_use]
    pub fn fault_count(&self) -> usize {
        self.sheets.iter().map(|sheet| sheet.faults.len()).sum()
    }

    /// Courses that would lose so many at once that it has to be confirmed.
    pub fn mass_drops(&self) -> impl Iterator<Item = &CourseDrops> {
        self.drops.iter().filter(|course| course.is_mass())
    }
}

/// Plans an import. The ledger knows everything that the sheets name, and all enrollments of the courses that enrollment
/// sheets name.
#[must_use]
pub fn plan(source: &str, sheets: &[Sheet], ledger: Ledger, now: DateTime<Utc>) -> Plan {
    let (drops, spared) = Missing::find(sheets, &ledger).drops(source, &ledger);
    let gone = || drops.iter().flat_map(|course| &course.enrollments).map(ExternalId::as_str);
    let row = |id| ledger.get(Kind::Enrollment, id).map(|row| shown(&row.object)).unwrap_or_default();
    let gone_shown: Vec<String> = gone().take(EXAMPLES).map(row).collect();
    let mut planner = Planner { source, now, ledger, seen: HashSet::new(), puts: Vec::new() };
    let mut plans = Vec::new();
    for kind in Kind::ALL {
        // First, because a new row may take over the part of one that goes.
        if *kind == Kind::Enrollment {
            gone().for_each(|id| planner.drop_missing(id));
        }
        for sheet in sheets.iter().filter(|sheet| sheet.kind == *kind) {
            plans.push(planner.sheet(sheet));
        }
    }
    if let Some(last) = plans.last_mut().filter(|last| last.kind == Kind::Enrollment) {
        let mut texts = gone_shown.into_iter();
        gone().for_each(|_id| last.count(Step::Drop, None, || texts.next().unwrap_or_default()));
    }
    Plan { id: report_id(source, &drops), sheets: plans, drops, spared, puts: planner.puts }
}

impl SheetPlan {
    fn count(&mut self, step: Step, row: Option<u64>, text: impl FnOnce() -> String) {
        *self.counts.entry(step).or_default() += 1;
        let shown = self.examples.iter().filter(|example| example.step == step).count();
        if step != Step::Unchanged && shown < EXAMPLES {
            self.examples.push(Example { step, row, text: text() });
        }
    }
}

/// Judges row after row.
struct Planner<'a> {
    source: &'a str,
    now: DateTime<Utc>,
    ledger: Ledger,
    seen: HashSet<(Kind, String)>,
    puts: Vec<Object>,
}

impl Planner<'_> {
    fn sheet(&mut self, sheet: &Sheet) -> SheetPlan {
        let mut plan = SheetPlan {
            name: sheet.name.clone(),
            kind: sheet.kind,
            unknown_columns: sheet.unknown_columns.clone(),
            counts: BTreeMap::new(),
            examples: Vec::new(),
            unspeakable: Vec::new(),
            faults: sheet.unreadable.clone(),
        };
        for row in &sheet.rows {
            match self.row(sheet, row, &mut plan) {
                Ok(()) => plan.unspeakable.extend(unspeakable(sheet, row).map(str::to_owned)),
                Err(fault) => plan.faults.push(fault),
            }
        }
        plan.faults.sort_by_key(|fault| fault.row);
        plan
    }

    fn drop_missing(&mut self, id: &str) {
        if let Verdict::Write(write) = self.ledger.judge_drop(id, self.now) {
            self.ledger.accept(&write);
        }
    }

    fn row(&mut self, sheet: &Sheet, row: &Row, plan: &mut SheetPlan) -> Result<(), Fault> {
        let fault = |column: Option<&'static str>, text: String| Fault { row: row.number, column, text };
        let id = sheet.cell(row, "id").unwrap_or_default();
        if !id.is_empty() && !self.seen.insert((sheet.kind, id.to_owned())) {
            return Err(fault(Some("id"), format!("'{id}' stands in an earlier row already")));
        }
        let before = self.ledger.get(sheet.kind, id);
        let object = cells::object(sheet, row, before)?;
        if let Some(other) = before.filter(|before| sheet.kind == Kind::Enrollment && before.source != self.source) {
            let text = format!(
                "'{id}' belongs to the source '{0}', not to '{1}': leave the row out, or import with --source {0}",
                other.source, self.source
            );
            return Err(fault(Some("id"), text));
        }
        match self.ledger.judge_put(&object, self.source, self.now) {
            Verdict::Refused(error) => {
                let is_column = |name: &str| sheet.cell(row, name).is_some();
                return Err(fault(error.field().filter(|name| is_column(name)), error.to_string()));
            }
            Verdict::Unchanged => plan.count(Step::Unchanged, Some(row.number), String::new),
            Verdict::Write(write) => {
                let before = write.before.as_ref();
                plan.count(step(before, &object), Some(row.number), || compared(before, &object));
                self.ledger.accept(&write);
                self.puts.push(object);
            }
        }
        Ok(())
    }
}

/// The id of a user that no channel name can hold, whatever names the app accepts beside Pusher's.
fn unspeakable<'a>(sheet: &Sheet, row: &'a Row) -> Option<&'a str> {
    let rules = NameRules { max_length: usize::MAX, lenient: false };
    let id = sheet.cell(row, "id").filter(|_| sheet.kind == Kind::User)?;
    ChannelName::parse(&format!("private-user.{id}"), rules).is_err().then_some(id)
}

fn step(before: Option<&Versioned>, after: &Object) -> Step {
    let is_dropped = |object: &Object| matches!(object, Object::Enrollment(Enrollment { status: Status::Dropped, .. }));
    match before {
        None => Step::Create,
        Some(before) => match (is_dropped(&before.object), is_dropped(after)) {
            (true, false) => Step::Reactivate,
            (false, true) => Step::Drop,
            _ => Step::Update,
        },
    }
}

fn shown(object: &Object) -> String {
    let field = |(name, text): (&str, Option<String>)| text.map(|text| format!("{name} {text}"));
    let fields: Vec<_> = object.fields().into_iter().filter_map(field).collect();
    format!("{} {}: {}", object.kind(), object.id(), fields.join(", "))
}

/// The object with the fields that change.
fn compared(before: Option<&Versioned>, after: &Object) -> String {
    let Some(before) = before else { return shown(after) };
    let after_rounded = after.clone().in_whole_seconds();
    let pairs = before.object.fields().into_iter().zip(after_rounded.fields());
    let text = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let changes: Vec<_> = pairs
        .filter(|(before, after)| before != after)
        .map(|((name, before), (_, after))| format!("{name} {} -> {}", text(before), text(after)))
        .collect();
    format!("{} {}: {}", after.kind(), after.id(), changes.join(", "))
}

/// What enrollment sheets say about who is there, right or wrong.
struct Missing<'a> {
    courses: BTreeSet<ExternalId>,
    /// Ids of all rows: one that is wrong otherwise is not missing.
    present: HashSet<&'a str>,
    /// Whom wrong rows with other ids are about: in that course they are not missing.
    misread: HashSet<(UserId, ExternalId)>,
    spared: Spared,
}

impl<'a> Missing<'a> {
    fn find(sheets: &'a [Sheet], ledger: &Ledger) -> Self {
        let mut found = Self {
            courses: BTreeSet::new(),
            present: HashSet::new(),
            misread: HashSet::new(),
            spared: Spared::Courses(BTreeSet::new()),
        };
        for sheet in sheets.iter().filter(|sheet| sheet.kind == Kind::Enrollment) {
            if !sheet.unreadable.is_empty() {
                found.spared = Spared::Everywhere;
            }
            for row in &sheet.rows {
                let course = sheet.cell(row, "course").and_then(|course| ExternalId::parse(course).ok());
                match sheet.cell(row, "id").filter(|id| ExternalId::parse(id).is_ok()) {
                    Some(id) => {
                        found.present.insert(id);
                        let is_right = cells::object(sheet, row, ledger.get(sheet.kind, id)).is_ok();
                        let user = || sheet.cell(row, "user").and_then(|user| UserId::parse(user).ok());
                        (!is_right).then(|| found.misread(user(), course.clone()));
                    }
                    None => found.spare(course.clone()),
                }
                found.courses.extend(course);
            }
        }
        found
    }

    /// A row that is wrong is about somebody all the same.
    fn misread(&mut self, user: Option<UserId>, course: Option<ExternalId>) {
        match user.zip(course.clone()) {
            Some(who) => drop(self.misread.insert(who)),
            None => self.spare(course),
        }
    }

    /// A row whose id cannot be read may be about anybody in its course; without a course, about anybody at all.
    fn spare(&mut self, course: Option<ExternalId>) {
        match (&mut self.spared, course) {
            (Spared::Courses(courses), Some(course)) => {
                courses.insert(course);
            }
            (spared, None) => *spared = Spared::Everywhere,
            (Spared::Everywhere, _) => {}
        }
    }

    fn is_spared(&self, course: &ExternalId) -> bool {
        match &self.spared {
            Spared::Courses(courses) => courses.contains(course),
            Spared::Everywhere => true,
        }
    }

    fn drops(self, source: &str, ledger: &Ledger) -> (Vec<CourseDrops>, Spared) {
        let mut active: BTreeMap<&ExternalId, Vec<&Enrollment>> = BTreeMap::new();
        for (enrollment, row) in ledger.enrollments() {
            let counts = row.source == source && enrollment.status == Status::Active;
            if counts && self.courses.contains(&enrollment.course) && !self.is_spared(&enrollment.course) {
                active.entry(&enrollment.course).or_default().push(enrollment);
            }
        }
        let is_missing = |enrollment: &&&Enrollment| {
            let is_named = self.present.contains(enrollment.id.as_str())
                || self.misread.contains(&(enrollment.user.clone(), enrollment.course.clone()));
            !enrollment.role.is_staff() && !is_named
        };
        let drops = active.into_iter().map(|(course, active)| {
            let mut ids: Vec<_> = active.iter().filter(is_missing).map(|enrollment| enrollment.id.clone()).collect();
            ids.sort();
            CourseDrops { course: course.clone(), enrollments: ids, active: active.len() }
        });
        (drops.filter(|course| !course.enrollments.is_empty()).collect(), self.spared)
    }
}

/// Twelve hexadecimal digits that name these drops.
fn report_id(source: &str, drops: &[CourseDrops]) -> String {
    let mut hash = Sha256::new();
    hash.update(source);
    for course in drops {
        // Ids hold neither of the two, so no two lists read alike.
        hash.update(format!("\n{}:", course.course));
        course.enrollments.iter().for_each(|id| hash.update(format!(" {id}")));
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

//! The workload `decision`: what one decision about access costs when its facts are in memory.
//!
//! The one workload without a wire: it asks [`LiveApp::decide`](crate::services::LiveApp::decide) in this process, on one
//! thread, about people of a roster in a database in memory. Everybody has been asked about once before the clock starts.

use std::{
    io::{self, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Error, Result, options};
use crate::{
    domain::{
        app::{App, AppSettings},
        roster::{Course, Enrollment, Object, Operation, Person, Role, Status, Visibility},
    },
    ids::{AppId, AppKey, ExternalId, UserId},
    metrics::Metrics,
    protocol::ChannelName,
    services::{Apps, LiveApp, now},
    store::{self, RosterWrite, Store},
};

/// Parts of the run that are timed each for itself.
const PARTS: u32 = 20;

/// Courses of the roster; each person is in one.
const COURSES: u32 = 50;

fn inside(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Inside(error.into())
}

/// Runs `decision`.
///
/// # Errors
///
/// When the database in memory fails, or a decision is not as it must be.
pub(super) fn run(options: &options::Decision) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Error::Io { what: "start a runtime", source })?;
    let each = runtime.block_on(measure(options))?;
    let (Some(best), Some(median), Some(worst)) = (each.first(), each.get(each.len() / 2), each.last()) else {
        return Err(inside("nothing was measured"));
    };
    let line = format!(
        "decision from memory: median {median:?}, best {best:?}, worst {worst:?} of {} parts of {} decisions; {} people",
        each.len(),
        options.rounds / PARTS,
        options.users
    );
    writeln!(io::stdout(), "{line}").map_err(|source| Error::Io { what: "write the figures", source })
}

/// Time per decision in each part, the shortest first.
async fn measure(options: &options::Decision) -> Result<Vec<Duration>> {
    let live = world(options.users).await?;
    let questions = (0..options.users).map(question).collect::<Result<Vec<_>>>()?;
    let at = now();
    let ask = async |(user, channel): &(UserId, ChannelName)| -> Result<()> {
        let decision = live.decide(Some(user), channel, at).await.map_err(inside)?;
        if decision.allow { Ok(()) } else { Err(inside(decision.detail)) }
    };
    for question in &questions {
        ask(question).await?;
    }
    let rounds = options.rounds / PARTS;
    let mut each = Vec::with_capacity(PARTS as usize);
    let mut people = questions.iter().cycle();
    for _ in 0..PARTS {
        let since = Instant::now();
        for question in people.by_ref().take(rounds as usize) {
            ask(question).await?;
        }
        each.push(since.elapsed() / rounds.max(1));
    }
    each.sort_unstable();
    Ok(each)
}

/// One app whose people are in one course each.
async fn world(users: u32) -> Result<Arc<LiveApp>> {
    let config = store::Config { url: "sqlite::memory:".to_owned(), ..store::Config::default() };
    let store = Store::open(&config).await.map_err(inside)?;
    store.migrate().await.map_err(inside)?;
    let apps = Apps::new(Arc::new(Metrics::new().map_err(inside)?), store.clone());
    let app = AppId::parse("bench").map_err(inside)?;
    apps.replace(vec![App {
        id: app.clone(),
        key: AppKey::parse("bench").map_err(inside)?,
        name: "Bench".to_owned(),
        secrets: Vec::new(),
        enabled: true,
        settings: AppSettings::default(),
    }]);
    let courses = (0..COURSES).map(course);
    let people = (0..users).flat_map(|number| [person(number), enrollment(number)]);
    let rows = courses.chain(people).collect::<Result<Vec<_>>>()?;
    let by = RosterWrite { source: "bench", actor: "bench", ip: None, now: now() };
    for some in rows.chunks(5_000) {
        store.roster_apply(&app, by, some).await.map_err(inside)?;
    }
    apps.by_id(app.as_str()).ok_or_else(|| inside("the app is gone"))
}

fn question(number: u32) -> Result<(UserId, ChannelName)> {
    let name = format!("private-course.{}", number % COURSES);
    let channel = ChannelName::parse(&name, (&AppSettings::default()).into()).map_err(inside)?;
    Ok((user(number)?, channel))
}

fn user(number: u32) -> Result<UserId> {
    UserId::parse(&number.to_string()).map_err(inside)
}

fn id(number: u32) -> Result<ExternalId> {
    ExternalId::parse(&number.to_string()).map_err(inside)
}

fn put(object: Object) -> Operation {
    Operation::Put(Box::new(object))
}

fn course(number: u32) -> Result<Operation> {
    Ok(put(Object::Course(Course {
        id: id(number)?,
        org: None,
        code: None,
        title: format!("Course {number}"),
        starts_at: None,
        ends_at: None,
        visibility: Visibility::Enrolled,
        archived_at: None,
        overrides: Vec::new(),
    })))
}

fn person(number: u32) -> Result<Operation> {
    Ok(put(Object::User(Person {
        id: user(number)?,
        org: None,
        name: format!("Student {number}"),
        email: None,
        avatar: None,
        org_role: None,
        deactivated_at: None,
    })))
}

fn enrollment(number: u32) -> Result<Operation> {
    Ok(put(Object::Enrollment(Enrollment {
        id: id(number)?,
        user: user(number)?,
        course: id(number % COURSES)?,
        class: None,
        role: Role::Student,
        status: Status::Active,
        begin_at: None,
        end_at: None,
        observed_user: None,
        limit_to_class: false,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_timed() {
        let each = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let each = each.block_on(measure(&options::Decision { users: 60, rounds: 200 })).unwrap();
        assert_eq!(each.len(), PARTS as usize);
    }
}

//! `campanile token …`: makes session tokens for trying things out.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{Error, Result, target};
use crate::{
    cli::{self, TokenCommand},
    config::{Config, Scheme},
    domain::roster::{Enrollment, Kind, Object, Operation, Outcome, Person, Role, Status},
    identity::session::{self, NewSession},
    ids::{AppId, ExternalId, UserId},
    server,
    services::now,
    store::{Page, RosterFilter, RosterWrite, Store},
};

/// Whose rows people and enrollments are that this command makes.
const SOURCE: &str = "dev";

/// Runs the command.
pub(super) async fn run(config: &Config, command: TokenCommand) -> Result<()> {
    let store = target::store(config).await?;
    let (token, about) = issue(config, &store, command).await?;
    store.close().await?;
    Ok(cli::hand_out(&token, &about)?)
}

/// Makes a token; answers it, and how to use it.
async fn issue(config: &Config, store: &Store, command: TokenCommand) -> Result<(String, String)> {
    let TokenCommand::Issue { user, name, avatar, ttl, app, role, course } = command;
    let app = target::app(config, store, app.as_ref()).await?;
    let now = now();
    if let (Some(role), Some(course)) = (role, &course) {
        let roster = Roster { store, app: &app.id, now };
        roster.put_person(&user, name.as_deref(), avatar.as_deref()).await?;
        roster.enrol(&user, course, role).await?;
    }
    let new = NewSession { user: &user, name: name.as_deref(), avatar: avatar.as_deref(), ttl };
    let token = session::issue(&app, &new, now).ok_or_else(|| Error::NoSuchApp(app.id.to_string()))?;
    let until = (now + ttl).format("%Y-%m-%d %H:%M:%S UTC");
    let enrolled = match (role, course) {
        (Some(role), Some(course)) => format!("\nenrolled in course {course} as {role}"),
        _ => String::new(),
    };
    let port = config.server.port;
    let address = config.public.address(&config.server, port);
    let socket = if address.scheme == Scheme::Https { "wss" } else { "ws" };
    let place = format!("{}:{}{}", address.host, address.port, address.path);
    let about = format!(
        "user {user} of app {} until {until}{enrolled}\n\n\
         HTTP     curl -H 'Authorization: Bearer TOKEN' {address}/api/realtime/status\n\
         socket   {socket}://{place}/app/{}?token=TOKEN\n\
         Echo     auth: {{ headers: {{ Authorization: 'Bearer TOKEN' }} }}, authEndpoint: '{address}/broadcasting/auth'",
        app.id, app.key
    );
    Ok((token, about))
}

/// The roster of one app, as this command changes it.
struct Roster<'a> {
    store: &'a Store,
    app: &'a AppId,
    now: DateTime<Utc>,
}

impl Roster<'_> {
    async fn put(&self, object: Object) -> Result<()> {
        let by = RosterWrite { source: SOURCE, actor: "cli", ip: None, now: self.now };
        let applied = self.store.roster_apply(self.app, by, &[Operation::Put(Box::new(object))]).await?;
        match applied.outcomes.into_iter().next() {
            Some(Outcome::Refused(refused)) => Err(Error::Roster(refused)),
            _ => Ok(()),
        }
    }

    /// Puts the person into the roster; somebody who is there keeps what is not said anew.
    async fn put_person(&self, user: &UserId, name: Option<&str>, avatar: Option<&str>) -> Result<()> {
        let found = self.store.roster_object(self.app, Kind::User, user.as_str()).await?;
        let mut person = match found.map(|found| found.object) {
            Some(Object::User(person)) => person,
            _ => Person {
                id: user.clone(),
                org: None,
                name: user.to_string(),
                email: None,
                avatar: None,
                org_role: None,
                deactivated_at: None,
            },
        };
        if let Some(name) = name {
            name.clone_into(&mut person.name);
        }
        person.avatar = avatar.map(str::to_owned).or(person.avatar);
        self.put(Object::User(person)).await
    }

    /// Enrols the person in the course as a whole; an enrollment that is there gets the role and counts again.
    async fn enrol(&self, user: &UserId, course: &ExternalId, role: Role) -> Result<()> {
        let filter = RosterFilter { user: Some(user.clone()), course: Some(course.clone()), ..RosterFilter::default() };
        let page = Page { after: None, limit: 1_000 };
        let found = self.store.roster_list(self.app, Kind::Enrollment, &filter, &page).await?;
        let whole = found.into_iter().find_map(|found| match found.object {
            Object::Enrollment(enrollment) if enrollment.class.is_none() => Some(enrollment),
            _ => None,
        });
        let enrollment = match whole {
            Some(enrollment) => Enrollment { role, status: Status::Active, begin_at: None, end_at: None, ..enrollment },
            None => Enrollment {
                id: drawn_id(user, course)?,
                user: user.clone(),
                course: course.clone(),
                class: None,
                role,
                status: Status::Active,
                begin_at: None,
                end_at: None,
                observed_user: None,
                limit_to_class: false,
            },
        };
        self.put(Object::Enrollment(enrollment)).await
    }
}

/// An id that the same two always have: a user id may hold what an id of the roster may not.
fn drawn_id(user: &UserId, course: &ExternalId) -> Result<ExternalId> {
    let digest = hex::encode(Sha256::digest(format!("{user}\0{course}")));
    let short = digest.get(..16).unwrap_or(&digest);
    Ok(ExternalId::parse(&format!("{SOURCE}-{short}")).map_err(server::Error::from)?)
}

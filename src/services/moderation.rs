//! Against those who disturb a chat: mute, ban, reports.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{
    Chats,
    chat::{Asking, Entry, Error, Page, Result, chat_facts},
    new_id,
};
use crate::{
    domain::{
        access::{Topic, capability::Capability},
        moderation::{Complaint, MINUTES_MAX, Measure, NOTE_MAX, REASON_MAX, Report, ReportState, Sanction},
        roster::Role,
    },
    ids::{ExternalId, USER_ID_MAX, UserId},
    store::ChatWrite,
};

/// What is to be done against whom.
#[derive(Debug, Clone)]
pub struct NewSanction {
    /// Against whom.
    pub user: UserId,
    /// What.
    pub measure: Measure,
    /// Of a mute: the person does not notice, and goes on writing for themselves and staff.
    pub is_shadow: bool,
    /// For how many minutes; `None` = until it is lifted.
    pub minutes: Option<u32>,
    /// Why, in words.
    pub reason: String,
}

/// A text within its bound and without control characters.
fn legible(pointer: &'static str, text: &str, max: usize) -> Result<()> {
    let got = text.chars().count();
    if got > max {
        return Err(Error::field(pointer, format!("may have at most {max} characters, this one has {got}")));
    }
    let is_legible = text.chars().all(|c| !c.is_control() || c == '\n');
    if is_legible { Ok(()) } else { Err(Error::field(pointer, "may not hold control characters".to_owned())) }
}

const fn needs(measure: Measure) -> Capability {
    match measure {
        Measure::Mute => Capability::ChatModerate,
        Measure::Ban => Capability::ChatControl,
    }
}

/// When a measure ends.
fn end(minutes: Option<u32>, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    match minutes {
        Some(minutes) if !(1..=MINUTES_MAX).contains(&minutes) => {
            Err(Error::field("/minutes", format!("must be a whole number from 1 to {MINUTES_MAX}")))
        }
        minutes => Ok(minutes.map(|minutes| now + TimeDelta::minutes(minutes.into()))),
    }
}

/// Why whoever asks may do nothing for or against somebody: they are staff of their rank or above, or themselves.
pub(in crate::services) async fn outranked(
    asking: &Asking<'_>,
    entry: &Entry,
    user: &UserId,
) -> Result<Option<&'static str>> {
    let Some(own) = entry.user() else { return Ok(None) };
    if own == user {
        return Ok(Some("you cannot do this to yourself"));
    }
    let theirs = asking.live.chat_rights(user, &entry.circle().chat.id, asking.now).await?;
    let rank = |role: Option<Role>| role.map_or(0, Role::rank);
    let theirs = theirs.and_then(|rights| rights.role());
    let is_above = theirs.is_some_and(Role::is_staff) && rank(theirs) >= rank(entry.role());
    Ok(is_above.then_some("they are staff of your rank or above"))
}

/// Whether a measure against somebody can be one that they do not notice.
async fn check_shadow(asking: &Asking<'_>, entry: &Entry, new: &NewSanction) -> Result<()> {
    if new.measure != Measure::Mute {
        return Err(Error::field("/shadow", "goes with a mute: nobody overlooks a ban".to_owned()));
    }
    let theirs = asking.live.chat_rights(&new.user, &entry.circle().chat.id, asking.now).await?;
    if theirs.is_some_and(|rights| rights.is_staff_if_let_in()) {
        return Err(Error::field(
            "/user",
            "they are staff, who see what is in the shadow: mute them openly".to_owned(),
        ));
    }
    Ok(())
}

/// Nobody finds out that they are muted in the shadow, also when they have become staff since.
fn is_known_to(entry: &Entry, one: &Sanction) -> bool {
    !one.is_shadow || entry.user() != Some(&one.user)
}

impl Chats {
    /// Mutes or bans somebody in a chat, in the place of an earlier measure of the kind. Whoever is banned hears the chat no
    /// more when this returns. Whoever is muted in the shadow is not told; those who knew that they were muted hear that they are
    /// not any more. Staff is not muted so: it would find out.
    ///
    /// # Errors
    /// When whoever asks may not: nobody acts against somebody of their own rank or above.
    pub async fn sanction(&self, asking: &Asking<'_>, chat: &ExternalId, new: NewSanction) -> Result<Sanction> {
        let entry = Entry::find(asking, chat).await?;
        entry.demand(needs(new.measure))?;
        legible("/user", new.user.as_str(), USER_ID_MAX)?;
        legible("/reason", &new.reason, REASON_MAX)?;
        let until = end(new.minutes, asking.now)?;
        self.check_person(asking, &entry, &new.user).await?;
        if let Some(why) = outranked(asking, &entry, &new.user).await? {
            return Err(Error::field("/user", why.to_owned()));
        }
        if new.is_shadow {
            check_shadow(asking, &entry, &new).await?;
        }
        let sanction = Sanction {
            id: new_id(asking.now),
            user: new.user,
            measure: new.measure,
            is_shadow: new.is_shadow,
            reason: new.reason,
            until,
            created_by: asking.caller.actor(),
            created_at: asking.now,
            lifted_at: None,
        };
        let Sanction { measure, reason, is_shadow, .. } = &sanction;
        let minutes = new.minutes;
        let after = json!({ "measure": measure.name(), "minutes": minutes, "reason": reason, "shadow": is_shadow });
        let action = if sanction.measure == Measure::Ban { "banned" } else { "muted" };
        let audit = [asking.audit(action, ("user", sanction.user.as_str()), chat, Some(after))];
        let (app, epoch) = (asking.app(), new_id(asking.now));
        let write = ChatWrite { at: asking.now, audit: &audit, epoch: &epoch };
        // Only the person is told: a mute is nobody else's business.
        let was_told =
            entry.circle().sanction(&sanction.user, sanction.measure, asking.now).is_some_and(|one| !one.is_shadow);
        let is_told = !sanction.is_shadow || was_told;
        let topics = is_told.then(|| Topic::User(sanction.user.clone())).into_iter().collect();
        let told = if sanction.is_shadow { "lifted" } else { action };
        let facts = chat_facts(asking, Some(&entry), &entry.circle().chat, (told, topics));
        let save = Box::pin(self.store.sanction_insert((&app, chat), &sanction, write, facts));
        if !self.tell_changed((asking, chat), save).await? {
            return Err(Error::TooMany("the chat has as many mutes and bans as it may have: lift some".to_owned()));
        }
        asking.live.typing_stopped(&Topic::Chat(chat.clone()), &sanction.user, asking.now);
        asking.live.chat_changed(chat, asking.now).await;
        Ok(sanction)
    }

    /// Refuses whoever has nothing to do with a chat: the roster does not know them, or they have and had no part in its course
    /// or class. Whoever has written there had, and an app without a roster knows nobody.
    pub(super) async fn check_person(&self, asking: &Asking<'_>, entry: &Entry, user: &UserId) -> Result<()> {
        let (app, chat) = (asking.app(), &entry.circle().chat);
        let rights = asking.live.chat_rights(user, &chat.id, asking.now).await?.ok_or(Error::Unknown("chat"))?;
        let had_part = rights.has_had_part();
        if had_part == Some(true) || self.store.message_any_of(&app, &chat.id, user).await? {
            return Ok(());
        }
        let message = match chat.place().filter(|_| had_part.is_some()) {
            Some(place) => format!("user '{user}' takes no part in {}", Topic::of(&place)),
            None if self.store.roster_has_nobody(&app).await? => return Ok(()),
            None => format!("the roster does not know user '{user}'"),
        };
        Err(Error::field("/user", message))
    }

    /// Who is muted or banned now, newest first, one more than a page has where there are more.
    ///
    /// # Errors
    /// When whoever asks may not know.
    pub async fn sanctions(&self, asking: &Asking<'_>, chat: &ExternalId, page: &Page) -> Result<Vec<Sanction>> {
        let entry = Entry::find(asking, chat).await?;
        entry.demand(Capability::ChatModerate)?;
        let is_later = |one: &&Sanction| page.after.as_ref().is_none_or(|after| one.id < *after);
        let active =
            entry.circle().sanctions.iter().filter(|one| one.is_active(asking.now) && is_known_to(&entry, one));
        let mut active: Vec<&Sanction> = active.filter(is_later).collect();
        active.sort_unstable_by(|one, other| other.id.cmp(&one.id));
        Ok(active.into_iter().take(page.limit as usize).cloned().collect())
    }

    /// Lifts a mute or a ban.
    ///
    /// # Errors
    /// When whoever asks may not, or there is no such measure: nobody frees themselves, nor somebody of their own rank or above.
    pub async fn lift(&self, asking: &Asking<'_>, chat: &ExternalId, id: &str) -> Result<()> {
        let entry = Entry::find(asking, chat).await?;
        entry.demand(Capability::ChatModerate)?;
        let found = entry.circle().sanctions.iter().find(|one| one.id == id && is_known_to(&entry, one));
        let found = found.ok_or(Error::Unknown("measure"))?;
        entry.demand(needs(found.measure))?;
        if let Some(why) = outranked(asking, &entry, &found.user).await? {
            return Err(Error::Rank(why));
        }
        let after = json!({ "measure": found.measure.name() });
        let audit = [asking.audit("lifted", ("user", found.user.as_str()), chat, Some(after))];
        let (app, epoch, by) = (asking.app(), new_id(asking.now), asking.caller.actor());
        let write = ChatWrite { at: asking.now, audit: &audit, epoch: &epoch };
        let topics = (!found.is_shadow).then(|| Topic::User(found.user.clone())).into_iter().collect();
        let facts = chat_facts(asking, Some(&entry), &entry.circle().chat, ("lifted", topics));
        let save = Box::pin(self.store.sanction_lift((&app, chat), (id, &by), write, facts));
        if !self.tell_changed((asking, chat), save).await? {
            return Err(Error::Unknown("measure"));
        }
        asking.live.chat_changed(chat, asking.now).await;
        Ok(())
    }

    /// Reports a message; whoever has reported it before finds that report. Tells whether it is new.
    ///
    /// # Errors
    /// When the message is not there for them: only whoever is in the chat reports.
    pub async fn report(
        &self,
        asking: &Asking<'_>,
        message: &str,
        (reason, note): (Complaint, &str),
    ) -> Result<(Report, bool)> {
        legible("/note", note, NOTE_MAX)?;
        let (entry, message) = self.find(asking, message).await?;
        let Some(reporter) = entry.user() else { return Err(Error::NotYours) };
        if message.deleted_at.is_some() {
            return Err(Error::Deleted);
        }
        let report = Report {
            id: new_id(asking.now),
            chat: message.chat,
            message: message.id,
            reporter: Some(reporter.clone()),
            reason,
            note: note.to_owned(),
            state: ReportState::Open,
            created_at: asking.now,
            handled_by: None,
            handled_at: None,
        };
        Ok(self.store.report_insert(&asking.app(), &report).await?)
    }

    /// Reports of a chat, oldest first, one more than a page has where there are more.
    ///
    /// # Errors
    /// When whoever asks may not know.
    pub async fn reports(
        &self,
        asking: &Asking<'_>,
        chat: &ExternalId,
        state: Option<ReportState>,
        page: &Page,
    ) -> Result<Vec<Report>> {
        let entry = Entry::find(asking, chat).await?;
        entry.demand(Capability::ChatModerate)?;
        Ok(self.store.report_list(&asking.app(), chat, state, page).await?)
    }

    /// Notes what became of a report.
    ///
    /// # Errors
    /// When whoever asks may not, or there is no such report.
    pub async fn handle(&self, asking: &Asking<'_>, chat: &ExternalId, id: &str, state: ReportState) -> Result<Report> {
        let entry = Entry::find(asking, chat).await?;
        entry.demand(Capability::ChatModerate)?;
        let audit = [asking.audit("report_handled", ("report", id), chat, Some(json!({ "state": state.name() })))];
        let (app, epoch, by) = (asking.app(), new_id(asking.now), asking.caller.actor());
        let write = ChatWrite { at: asking.now, audit: &audit, epoch: &epoch };
        let handled = self.store.report_handle((&app, chat), id, (state, &by), write).await?;
        handled.ok_or(Error::Unknown("report"))
    }
}

//! Word lists: kept by staff and programs, and asked about everything that is said in chats.
//!
//! The list of the app counts in every chat, that of a course in its chats as well. Lists are compiled when they are first needed
//! and kept in memory; what another node writes counts here within two seconds.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use lru::LruCache;
use parking_lot::Mutex;
use serde_json::json;

use super::{
    Chats,
    chat::{Asking, Entry, Error, Result},
    new_id,
};
use crate::{
    domain::{
        access::capability::Capability,
        audit::AuditEntry,
        chat::{Message, message::Content},
        moderation::{Complaint, Report, ReportState},
        roster::{Expected, PlaceId},
        word_list::{self, Filter, WordList, checked, judge},
    },
    ids::{AppId, ExternalId},
    store::Store,
};

/// How long lists are believed before it is asked whether another node has written one.
const BELIEVED_FOR: Duration = Duration::from_secs(2);

/// Lists that are kept in memory.
const KEPT: usize = 500;

/// The list of an app, or of one of its courses.
type Key = (AppId, Option<ExternalId>);

/// A list made ready; `None` = it finds nothing.
type Ready = Option<Arc<Filter>>;

/// A list in memory.
#[derive(Debug, Clone)]
struct Known {
    /// Version and time of the list: one that is made anew begins with the version of another one.
    edition: (i64, Option<DateTime<Utc>>),
    ready: Ready,
    /// What [`Kept::forgotten`] was when it was read: it is read again when more was forgotten, and compiled if it is another.
    mark: u64,
}

/// Compiled lists in memory.
#[derive(Debug)]
pub(in crate::services) struct Filters {
    store: Store,
    /// Guards what is kept; nothing is read under it.
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    ready: LruCache<Key, Known>,
    /// Revision of the lists when it was last asked for.
    revision: i64,
    asked_at: Option<Instant>,
    /// Counts how often a list was written: what was begun to be read before may be old.
    forgotten: u64,
}

impl Filters {
    pub(in crate::services) fn new(store: Store) -> Self {
        let kept = Kept { ready: LruCache::unbounded(), revision: 0, asked_at: None, forgotten: 0 };
        Self { store, kept: Mutex::new(kept) }
    }

    fn forget(&self) {
        self.kept.lock().forgotten += 1;
    }

    /// Forgets what is known if another node has written a list. Asked by one, while the others go on.
    async fn follow(&self) -> Result<()> {
        {
            let mut kept = self.kept.lock();
            if kept.asked_at.is_some_and(|asked_at| asked_at.elapsed() < BELIEVED_FOR) {
                return Ok(());
            }
            kept.asked_at = Some(Instant::now());
        }
        let revision = self.store.word_list_revision().await?;
        let mut kept = self.kept.lock();
        if kept.revision != revision {
            kept.revision = revision;
            kept.forgotten += 1;
        }
        Ok(())
    }

    async fn ready(&self, key: Key) -> Result<Ready> {
        let (mark, before) = {
            let mut kept = self.kept.lock();
            let mark = kept.forgotten;
            match kept.ready.get(&key) {
                Some(known) if known.mark == mark => return Ok(known.ready.clone()),
                known => (mark, known.cloned()),
            }
        };
        let list = self.store.word_list(&key.0, key.1.as_ref()).await?;
        let edition = (list.version, list.updated_at);
        let ready = match before {
            Some(known) if known.edition == edition => known.ready,
            _ => Filter::new(&list.entries)?.map(Arc::new),
        };
        let mut kept = self.kept.lock();
        if kept.forgotten == mark {
            kept.ready.put(key, Known { edition, ready: ready.clone(), mark });
            if kept.ready.len() > KEPT {
                kept.ready.pop_lru();
            }
        }
        Ok(ready)
    }

    /// The lists that count in a chat of this course.
    async fn in_force(&self, app: AppId, course: Option<&ExternalId>) -> Result<Vec<Arc<Filter>>> {
        self.follow().await?;
        let mut filters = Vec::new();
        if let Some(course) = course {
            filters.extend(self.ready((app.clone(), Some(course.clone()))).await?);
        }
        filters.extend(self.ready((app, None)).await?);
        Ok(filters)
    }
}

/// Demands that whoever asks may have to do with the list: that of the app is for programs, which the door has asked for the
/// scope, that of a course for staff there.
async fn demand(asking: &Asking<'_>, course: Option<&ExternalId>, store: &Store, needs: Capability) -> Result<()> {
    let Some(course) = course else { return Ok(()) };
    let (place, unknown) = (PlaceId::Course(course.clone()), Error::Unknown("course"));
    let Some(user) = asking.caller.user() else {
        let found = store.roster_place(&asking.app(), &place).await?;
        return found.map(|_there| ()).ok_or(unknown);
    };
    let decision = asking.live.rights(user, &place, asking.now).await?.decide(needs);
    if decision.allow {
        return Ok(());
    }
    Err(match Error::denied(decision) {
        Error::Unknown(_) => unknown,
        denied => denied,
    })
}

impl Chats {
    /// The word list of the app, or of a course.
    ///
    /// # Errors
    /// When whoever asks may not know it, or there is no such course.
    pub async fn word_list(&self, asking: &Asking<'_>, course: Option<&ExternalId>) -> Result<WordList> {
        demand(asking, course, &self.store, Capability::ChatModerate).await?;
        Ok(self.store.word_list(&asking.app(), course).await?)
    }

    /// Puts these entries in the place of the word list of the app, or of a course. What is said from then on is judged by them.
    ///
    /// # Errors
    /// When whoever asks may not, an entry is wrong, or the list has another version than expected.
    pub async fn word_list_put(
        &self,
        asking: &Asking<'_>,
        course: Option<&ExternalId>,
        entries: Vec<word_list::Entry>,
        expected: &Expected,
    ) -> Result<WordList> {
        demand(asking, course, &self.store, Capability::ChatControl).await?;
        let entries = checked(entries)?;
        let (app, actor) = (asking.app(), asking.caller.actor());
        let audit = AuditEntry {
            app: app.clone(),
            actor: actor.clone(),
            action: "word_list.updated".to_owned(),
            target_type: "word_list".to_owned(),
            target_id: course.map_or_else(|| app.to_string(), ToString::to_string),
            scope: course.map(|course| format!("course.{course}")),
            before: None,
            after: Some(json!({ "entries": entries.len() }).to_string()),
            ip: asking.ip.map(|ip| ip.to_string()),
            at: asking.now,
        };
        let new = WordList { entries, version: 0, updated_at: Some(asking.now), updated_by: Some(actor) };
        let written = Box::pin(self.store.word_list_put((&app, course), new, expected, audit)).await?;
        self.filters.forget();
        written.map_err(Error::Mismatch)
    }

    /// What somebody says, as the word lists that count there let it be said, and the word for which staff has a look at it.
    ///
    /// # Errors
    /// When a list refuses a word of it.
    pub(in crate::services) async fn judged(
        &self,
        asking: &Asking<'_>,
        entry: &Entry,
        mut content: Content,
    ) -> Result<(Content, Option<String>)> {
        let filters = self.filters.in_force(asking.app(), entry.circle().chat.course.as_ref()).await?;
        if filters.is_empty() {
            return Ok((content, None));
        }
        let mut flagged = None;
        let names = content.attachments.iter_mut().map(|attachment| ("/attachments", &mut attachment.name));
        for (part, text) in std::iter::once(("/body", &mut content.body)).chain(names) {
            let judged = judge(text, filters.iter().map(AsRef::as_ref));
            let judged = judged.map_err(|blocked| Error::Blocked { part, blocked })?;
            flagged = flagged.or(judged.flagged);
            *text = judged.text;
        }
        Ok((content, flagged))
    }

    /// Reports an edited message to staff for a word in it. It is edited whether or not this succeeds.
    pub(in crate::services) async fn flag(&self, asking: &Asking<'_>, message: &Message, word: &str) {
        let report = listed(message, word, asking.now);
        if let Err(error) = self.store.report_insert(&asking.app(), &report).await {
            tracing::warn!(app.id = %asking.app(), %error, "a message with a listed word is not reported");
        }
    }
}

/// The report of a message for a word in it.
pub(in crate::services) fn listed(message: &Message, word: &str, now: DateTime<Utc>) -> Report {
    Report {
        id: new_id(now),
        chat: message.chat.clone(),
        message: message.id.clone(),
        reporter: None,
        reason: Complaint::Other,
        note: format!("'{word}' is on a word list"),
        state: ReportState::Open,
        created_at: now,
        handled_by: None,
        handled_at: None,
    }
}

//! What was said in a chat, taken away as a file: part by part, so that no answer is larger than it may be.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use super::{Asking, Chats, Entry, Result};
use crate::{
    domain::{access::capability::Capability, chat::Message},
    ids::ExternalId,
    services::spreadsheet::inert,
    store::Window,
};

/// Most messages in one part.
pub const EXPORT_MAX: usize = 5_000;

/// Bytes of texts and attachments after which a part ends.
const BYTES: usize = 4 << 20;

/// Messages that are read at once.
const PAGE: u64 = 100;

/// Columns of the file for spreadsheets.
const COLUMNS: [&str; 15] = [
    "seq",
    "id",
    "created_at",
    "author_kind",
    "author_id",
    "author_name",
    "author_role",
    "parent_id",
    "visibility",
    "shadowed",
    "body",
    "attachments",
    "edited_at",
    "deleted_at",
    "version",
];

/// A part of what was said in a chat.
#[derive(Debug)]
pub struct Export {
    /// The chat.
    pub chat: ExternalId,
    /// Messages in the order of their numbers; of those that were deleted, the trace.
    pub messages: Vec<Message>,
    /// The number after which the next part begins; `None` = this is the last one.
    pub next_after: Option<i64>,
}

/// About how many bytes a message has in a file.
fn weight(message: &Message) -> usize {
    message.body.len() + message.attachments.iter().map(|one| one.url.len() + one.name.len()).sum::<usize>()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl Chats {
    /// Exports what was said after a number, as far as whoever asks may see it: at most [`EXPORT_MAX`] messages.
    ///
    /// # Errors
    /// When whoever asks may not.
    pub async fn export(&self, asking: &Asking<'_>, chat: &ExternalId, after: i64) -> Result<Export> {
        let entry = Entry::find(asking, chat).await?;
        entry.demand(Capability::ChatControl)?;
        let (app, seen_as) = (asking.app(), (entry.viewer(), entry.hidden()));
        let mut export = Export { chat: chat.clone(), messages: Vec::new(), next_after: None };
        let (mut last, mut bytes) = (after, 0);
        loop {
            let mut some = self.store.message_list((&app, chat), seen_as, Window::After(last), PAGE).await?;
            // One more than was asked for, where there are more.
            let is_over = some.len() as u64 <= PAGE;
            some.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
            bytes += some.iter().map(weight).sum::<usize>();
            last = some.last().map_or(last, |message| message.seq);
            export.messages.extend(some.into_iter().map(|message| entry.shown(message)));
            if is_over {
                break;
            }
            if export.messages.len() >= EXPORT_MAX || bytes >= BYTES {
                export.next_after = Some(last);
                break;
            }
        }
        let told = json!({ "after_seq": after, "messages": export.messages.len() });
        let audit = asking.audit("exported", ("chat", chat.as_str()), chat, Some(told));
        self.store.audit_insert(&[audit]).await?;
        Ok(export)
    }
}

impl Export {
    /// The messages as CSV with a head, for spreadsheets: no text of a person is a formula there.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut sheet = csv::Writer::from_writer(Vec::new());
        let _in_memory = sheet.write_record(COLUMNS);
        for message in &self.messages {
            let urls: Vec<&str> = message.attachments.iter().map(|one| one.url.as_str()).collect();
            let _in_memory = sheet.write_record([
                message.seq.to_string(),
                message.id.clone(),
                time(message.created_at),
                message.author.kind().to_owned(),
                inert(message.author.id()),
                inert(&message.author_name),
                message.author_role.map(|role| role.name().to_owned()).unwrap_or_default(),
                message.parent.clone().unwrap_or_default(),
                message.visibility.name().to_owned(),
                if message.is_shadowed { "true".to_owned() } else { String::new() },
                inert(&message.body),
                urls.join(" "),
                message.edited_at.map(time).unwrap_or_default(),
                message.deleted_at.map(time).unwrap_or_default(),
                message.version.to_string(),
            ]);
        }
        let bytes = sheet.into_inner().unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    }
}

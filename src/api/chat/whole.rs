//! What is done with much of a chat at once: taken away as a file, deleted by its author.

use poem_openapi::{
    ApiResponse, Object, ResponseContent,
    payload::{Json, PlainText},
    types::Example,
};
use serde::Deserialize;

use super::{
    super::{
        file::Form,
        word::{Meaning, Word},
    },
    message::MessageView,
};
use crate::{
    domain::chat::Purge,
    ids::{ExternalId, UserId},
    services::chat::Export,
};

/// A part of what was said in a chat.
#[derive(Debug, Object)]
#[oai(rename = "ChatExport", skip_serializing_if_is_none, example)]
pub(in crate::api) struct ExportView {
    /// The chat.
    chat_id: Word<ExternalId>,
    /// Messages in the order of their numbers; of those that were deleted, the trace.
    #[oai(validator(max_items = 5_000))]
    messages: Vec<MessageView>,
    /// The `after_seq` of the next part; absent in the last one.
    #[oai(validator(minimum(value = "1")))]
    next_after_seq: Option<i64>,
}

impl Example for ExportView {
    fn example() -> Self {
        Self { chat_id: Word(5.into()), messages: vec![MessageView::example()], next_after_seq: Some(42) }
    }
}

/// What is in the file.
#[derive(ResponseContent)]
pub(super) enum File {
    /// Everything.
    Json(Json<Box<ExportView>>),
    /// The messages, line by line.
    #[oai(content_type = "text/csv")]
    Csv(PlainText<String>),
}

/// A file.
#[derive(ApiResponse)]
pub(super) enum Exported {
    /// The file.
    #[oai(status = 200)]
    File(
        File,
        /// That it is one, and its name.
        #[oai(header = "Content-Disposition")]
        String,
        /// Where the next part is (`rel="next"`), relative to this one; absent in the last one.
        #[oai(header = "Link")]
        Option<String>,
    ),
}

impl Exported {
    pub(super) fn of(export: Export, form: Form) -> Self {
        let Export { chat, next_after, .. } = &export;
        let form_name = form.write();
        let name = format!("attachment; filename=\"chat-{chat}.{form_name}\"");
        let next = next_after.map(|after| format!("<?format={form_name}&after_seq={after}>; rel=\"next\""));
        let file = match form {
            Form::Csv => File::Csv(PlainText(export.csv())),
            Form::Json => File::Json(Json(Box::new(ExportView {
                chat_id: Word(export.chat),
                messages: export.messages.into_iter().map(MessageView::from).collect(),
                next_after_seq: export.next_after,
            }))),
        };
        Self::File(file, name, next)
    }
}

/// Whose messages are to be deleted.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ChatPurgeBody", deny_unknown_fields, example)]
pub(in crate::api) struct PurgeBody {
    /// Whose.
    pub(super) user: Word<UserId>,
}

impl Example for PurgeBody {
    fn example() -> Self {
        Self { user: Word(7.into()) }
    }
}

/// Messages of one person that were deleted in one go: all that they had said from one number to another.
#[derive(Debug, Object)]
#[oai(rename = "ChatPurge", skip_serializing_if_is_none, example)]
pub(in crate::api) struct PurgeView {
    /// The chat.
    chat_id: Word<ExternalId>,
    /// Who said them.
    user_id: Word<UserId>,
    /// Number of the first; 0 = there was nothing to delete.
    #[oai(validator(minimum(value = "0")))]
    from_seq: i64,
    /// Number of the last.
    #[oai(validator(minimum(value = "0")))]
    to_seq: i64,
    /// How many.
    #[oai(validator(minimum(value = "0")))]
    count: u64,
    /// In events for staff: only they and the author could find them. Absent = it is not so.
    shadowed: Option<bool>,
}

impl Example for PurgeView {
    fn example() -> Self {
        Self { chat_id: Word(5.into()), user_id: Word(7.into()), from_seq: 12, to_seq: 42, count: 9, shadowed: None }
    }
}

impl From<Purge> for PurgeView {
    fn from(Purge { chat, author, from, to, count, is_shadowed }: Purge) -> Self {
        let shadowed = is_shadowed.then_some(true);
        Self { chat_id: Word(chat), user_id: Word(author), from_seq: from, to_seq: to, count, shadowed }
    }
}

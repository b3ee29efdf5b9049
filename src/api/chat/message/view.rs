//! Messages as bodies and answers tell them. Answers have the shape of events (`dialect/chat.rs`).

use chrono::{DateTime, Utc};
use poem_openapi::{Object, types::Example};
use serde::Deserialize;

use super::super::super::{problem::Field, word::Word};
use crate::{
    domain::{
        chat::{
            Attachment, Author, Message, Reaction, Visibility,
            message::{AUDIENCE_MAX, Content, OwnMarks},
        },
        roster::Role,
    },
    ids::{ExternalId, UserId},
    services::chat::{NewMessage, Shown},
};

type Time = Word<DateTime<Utc>>;

/// Who said something.
#[derive(Debug, Object)]
#[oai(rename = "MessageAuthor", skip_serializing_if_is_none)]
struct AuthorView {
    /// `user` or `program`.
    #[oai(validator(max_length = 16))]
    kind: String,
    /// The user; `program` for a program.
    #[oai(validator(max_length = 128))]
    id: String,
    /// Their name when they said it.
    #[oai(validator(max_length = 255))]
    name: String,
    /// Their role when they said it.
    role: Option<Word<Role>>,
}

/// Something that goes with a message; the file itself is elsewhere.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "Attachment", deny_unknown_fields, skip_serializing_if_is_none)]
struct AttachmentView {
    /// Where it is: begins with `https://` or `http://`.
    #[oai(validator(max_length = 2_000))]
    url: String,
    /// Its name.
    #[oai(validator(max_length = 255))]
    name: String,
    /// Its media type, such as `image/png`.
    #[oai(validator(max_length = 100))]
    content_type: Option<String>,
    /// Its size in bytes.
    #[oai(validator(maximum(value = "9007199254740991")))]
    size: Option<u64>,
}

impl From<Attachment> for AttachmentView {
    fn from(Attachment { url, name, content_type, size }: Attachment) -> Self {
        Self { url, name, content_type, size }
    }
}

impl From<AttachmentView> for Attachment {
    fn from(AttachmentView { url, name, content_type, size }: AttachmentView) -> Self {
        Self { url, name, content_type, size }
    }
}

/// How many put an emoji on a message.
#[derive(Debug, Object)]
#[oai(rename = "Reaction", skip_serializing_if_is_none)]
struct ReactionView {
    /// The emoji.
    #[oai(validator(max_length = 64))]
    emoji: String,
    /// How many.
    #[oai(validator(minimum(value = "1")))]
    count: u64,
    /// True where the person who asks is among them; else absent, also in events, which are the same for all.
    mine: Option<bool>,
}

impl From<Reaction> for ReactionView {
    fn from(Reaction { emoji, count }: Reaction) -> Self {
        Self { emoji, count, mine: None }
    }
}

/// A message. The text is Markdown as it was sent: whoever shows it makes it safe.
#[derive(Debug, Object)]
#[oai(rename = "Message", skip_serializing_if_is_none, example)]
pub(in crate::api) struct MessageView {
    /// Its id.
    #[oai(validator(max_length = 26))]
    id: String,
    /// The chat.
    chat_id: Word<ExternalId>,
    /// Number within the chat: the order in which messages were said. What is not for everybody leaves gaps for the others.
    #[oai(validator(minimum(value = "1")))]
    seq: i64,
    /// 1 when new, one more with each edit, pin or deletion.
    #[oai(validator(minimum(value = "1")))]
    version: i64,
    /// Who said it.
    author: AuthorView,
    /// The author's id.
    #[oai(validator(max_length = 128))]
    author_id: String,
    /// The author's id, if it is a user.
    #[oai(validator(max_length = 128))]
    user_id: Option<String>,
    /// The message that it replies to.
    #[oai(validator(max_length = 26))]
    parent_id: Option<String>,
    /// The author's own name for it.
    #[oai(validator(max_length = 64))]
    client_id: Option<String>,
    /// The text; empty once deleted.
    #[oai(validator(max_length = 4_000))]
    body: String,
    /// The same, for clients that look for it here.
    #[oai(validator(max_length = 4_000))]
    content: String,
    /// The same, for clients that look for it here.
    #[oai(validator(max_length = 4_000))]
    text: String,
    /// Whom it mentions: user ids, `@staff`, `@class`.
    #[oai(validator(max_items = 20))]
    mentions: Vec<Word<UserId>>,
    /// For whom it is.
    visibility: Word<Visibility>,
    /// Whom it is for besides the author, where it is for some alone.
    #[oai(validator(max_items = 21))]
    visible_to: Option<Vec<Word<UserId>>>,
    /// For staff: the author is muted without noticing, nobody but them and staff finds the message. Absent = it is not so.
    shadowed: Option<bool>,
    /// What goes with it.
    #[oai(validator(max_items = 10))]
    attachments: Vec<AttachmentView>,
    /// Reactions, by emoji.
    #[oai(validator(max_items = 20))]
    reactions: Vec<ReactionView>,
    /// How many have acknowledged it.
    #[oai(validator(minimum(value = "0")))]
    ack_count: u64,
    /// True where the person who asks has; else absent, also in events, which are the same for all.
    acked: Option<bool>,
    /// When it was said.
    created_at: Time,
    /// When it was last edited.
    edited_at: Option<Time>,
    /// When it was deleted.
    deleted_at: Option<Time>,
    /// When it was pinned.
    pinned_at: Option<Time>,
    /// Until when it is pinned; absent = until it is taken off.
    pinned_until: Option<Time>,
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        let (kind, author_id) = (message.author.kind().to_owned(), message.author.id().to_owned());
        let (name, role) = (message.author_name, message.author_role.map(Word));
        let audience = message.audience.into_iter().map(Word).collect();
        // Each has been checked when it was said.
        let mentions = message.mentions.iter().filter_map(|mention| UserId::parse(mention).ok()).map(Word).collect();
        Self {
            id: message.id,
            chat_id: Word(message.chat),
            seq: message.seq,
            version: message.version,
            author: AuthorView { kind, id: author_id.clone(), name, role },
            user_id: matches!(message.author, Author::User(_)).then(|| author_id.clone()),
            author_id,
            parent_id: message.parent,
            client_id: message.client_id,
            content: message.body.clone(),
            text: message.body.clone(),
            body: message.body,
            mentions,
            visibility: Word(message.visibility),
            visible_to: (message.visibility == Visibility::Users).then_some(audience),
            shadowed: message.is_shadowed.then_some(true),
            attachments: message.attachments.into_iter().map(AttachmentView::from).collect(),
            reactions: message.reactions.into_iter().map(ReactionView::from).collect(),
            ack_count: message.acks,
            acked: None,
            created_at: Word(message.created_at),
            edited_at: message.edited_at.map(Word),
            deleted_at: message.deleted_at.map(Word),
            pinned_at: message.pinned_at.map(Word),
            pinned_until: message.pinned_until.map(Word),
        }
    }
}

impl From<Shown> for MessageView {
    fn from(Shown { message, own }: Shown) -> Self {
        let mut view = Self::from(message);
        view.acked = own.is_acknowledged.then_some(true);
        for reaction in &mut view.reactions {
            reaction.mine = own.reactions.contains(&reaction.emoji).then_some(true);
        }
        view
    }
}

/// A message for examples.
fn example() -> Message {
    Message {
        id: "01K5HZ3Y8Q6V0N1B7T2M9C4XDF".to_owned(),
        chat: 5.into(),
        seq: 42,
        author: Author::User(7.into()),
        author_name: "Ada Lovelace".to_owned(),
        author_role: Some(Role::Student),
        parent: None,
        client_id: Some("c-1".to_owned()),
        body: "Does the loop end?".to_owned(),
        mentions: vec!["@staff".to_owned()],
        visibility: Visibility::All,
        audience: Vec::new(),
        is_shadowed: false,
        was_open: false,
        attachments: vec![Attachment {
            url: "https://files.school.example/loop.png".to_owned(),
            name: "loop.png".to_owned(),
            content_type: Some("image/png".to_owned()),
            size: Some(48_213),
        }],
        reactions: vec![Reaction { emoji: "👍".to_owned(), count: 2 }],
        acks: 1,
        created_at: DateTime::from_timestamp_millis(1_788_249_600_123).unwrap_or_default(),
        edited_at: None,
        deleted_at: None,
        pinned_at: None,
        pinned_until: None,
        version: 1,
    }
}

impl Example for MessageView {
    fn example() -> Self {
        let own = OwnMarks { reactions: vec!["👍".to_owned()], is_acknowledged: true };
        Shown { message: example(), own }.into()
    }
}

/// Something that somebody wants to say.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "MessageBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(in crate::api) struct MessageBody {
    /// The chat.
    chat_id: Word<ExternalId>,
    /// The text: Markdown, at most 4,000 characters.
    #[oai(validator(max_length = 4_000))]
    body: Option<String>,
    /// The text, for clients that name it so; not beside `body`.
    #[oai(validator(max_length = 4_000))]
    message: Option<String>,
    /// The message that it replies to. A reply to what is not for all is for those whom that is for.
    #[oai(validator(max_length = 26))]
    parent_id: Option<String>,
    /// The author's own name for it: sent again under it, it is not said twice. 1 to 64 letters, digits, `-`, `_`, `.`, `:`.
    #[oai(validator(max_length = 64))]
    client_id: Option<String>,
    /// For whom it is; `all` if absent.
    visibility: Option<Word<Visibility>>,
    /// Whom it is for, with the visibility `users`.
    #[oai(validator(max_items = 20))]
    visible_to: Option<Vec<Word<UserId>>>,
    /// Whom it mentions: user ids, `@staff`, `@class`. People who are named by their ids are notified.
    #[oai(validator(max_items = 20))]
    mentions: Option<Vec<Word<UserId>>>,
    /// What goes with it.
    #[oai(validator(max_items = 10))]
    attachments: Option<Vec<AttachmentView>>,
}

impl Example for MessageBody {
    fn example() -> Self {
        Self {
            chat_id: Word(5.into()),
            body: Some("Does the loop end?".to_owned()),
            message: None,
            parent_id: None,
            client_id: Some("c-1".to_owned()),
            visibility: None,
            visible_to: None,
            mentions: None,
            attachments: None,
        }
    }
}

fn one_text(body: Option<String>, message: Option<String>) -> Result<Option<String>, Field> {
    if body.is_some() && message.is_some() {
        return Err(Field::at("/message", "invalid", "goes in the place of 'body', not beside it".to_owned()));
    }
    Ok(body.or(message))
}

fn mentions(words: Vec<Word<UserId>>) -> Vec<String> {
    words.into_iter().map(|word| word.0.to_string()).collect()
}

fn attachments(views: Vec<AttachmentView>) -> Vec<Attachment> {
    views.into_iter().map(Attachment::from).collect()
}

impl MessageBody {
    /// Checks the body as far as it is a matter of form.
    ///
    /// # Errors
    /// With the field that is wrong.
    pub(super) fn read(self) -> Result<NewMessage, Field> {
        let audience = self.visible_to.unwrap_or_default();
        if audience.len() > AUDIENCE_MAX {
            let message = format!("may have at most {AUDIENCE_MAX} entries, these are {}", audience.len());
            return Err(Field::at("/visible_to", "too_long", message));
        }
        Ok(NewMessage {
            chat: self.chat_id.0,
            content: Content {
                body: one_text(self.body, self.message)?.unwrap_or_default(),
                mentions: mentions(self.mentions.unwrap_or_default()),
                attachments: attachments(self.attachments.unwrap_or_default()),
            },
            parent: self.parent_id,
            client_id: self.client_id,
            visibility: self.visibility.map(|visibility| visibility.0),
            audience: audience.into_iter().map(|user| user.0).collect(),
        })
    }
}

/// What a message shall say. What is left out stays.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "MessageEditBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(in crate::api) struct EditBody {
    /// The text: Markdown, at most 4,000 characters.
    #[oai(validator(max_length = 4_000))]
    body: Option<String>,
    /// The text, for clients that name it so; not beside `body`.
    #[oai(validator(max_length = 4_000))]
    message: Option<String>,
    /// Whom it mentions: user ids, `@staff`, `@class`.
    #[oai(validator(max_items = 20))]
    mentions: Option<Vec<Word<UserId>>>,
    /// What goes with it.
    #[oai(validator(max_items = 10))]
    attachments: Option<Vec<AttachmentView>>,
}

impl Example for EditBody {
    fn example() -> Self {
        Self { body: Some("Does this loop end?".to_owned()), message: None, mentions: None, attachments: None }
    }
}

impl EditBody {
    /// What the message says then.
    ///
    /// # Errors
    /// With the field that is wrong.
    pub(super) fn read(self, before: Message) -> Result<Content, Field> {
        Ok(Content {
            body: one_text(self.body, self.message)?.unwrap_or(before.body),
            mentions: self.mentions.map_or(before.mentions, mentions),
            attachments: self.attachments.map_or(before.attachments, attachments),
        })
    }
}

/// How long a message is pinned.
#[derive(Debug, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "PinBody", deny_unknown_fields, skip_serializing_if_is_none, example)]
pub(in crate::api) struct PinBody {
    /// Until when; absent = until it is taken off.
    until: Option<Time>,
}

impl Example for PinBody {
    fn example() -> Self {
        Self { until: DateTime::from_timestamp(1_788_336_000, 0).map(Word) }
    }
}

impl PinBody {
    /// Checks the body.
    ///
    /// # Errors
    /// With the field that is wrong.
    pub(super) fn read(self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Field> {
        let until = self.until.map(|until| until.0);
        if until.is_some_and(|until| until <= now) {
            return Err(Field::at("/until", "invalid", "must be a time to come".to_owned()));
        }
        Ok(until)
    }
}

/// What a message said before.
#[derive(Debug, Object)]
#[oai(rename = "MessageVersion", example)]
pub(in crate::api) struct VersionView {
    /// Version of the message that said so.
    #[oai(validator(minimum(value = "1")))]
    version: i64,
    /// What it said.
    #[oai(validator(max_length = 4_000))]
    body: String,
    /// When it was replaced.
    replaced_at: Time,
    /// Who replaced it, such as `user:7`.
    #[oai(validator(max_length = 160))]
    replaced_by: String,
}

impl Example for VersionView {
    fn example() -> Self {
        let at = DateTime::from_timestamp(1_788_249_660, 0).unwrap_or_default();
        (1, "Does the loop end?".to_owned(), at, "user:7".to_owned()).into()
    }
}

impl From<(i64, String, DateTime<Utc>, String)> for VersionView {
    fn from((version, body, replaced_at, replaced_by): (i64, String, DateTime<Utc>, String)) -> Self {
        Self { version, body, replaced_at: Word(replaced_at), replaced_by }
    }
}

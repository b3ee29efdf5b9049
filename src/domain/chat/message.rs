//! What is said in a chat, and what makes it well formed.

use chrono::{DateTime, Utc};

use super::{Chat, normalised};
use crate::{
    domain::{
        access::Topic,
        roster::{Role, words},
    },
    ids::{ExternalId, UserId},
};

/// Longest body in characters.
pub const BODY_MAX: usize = 4_000;

/// Most attachments of a message.
pub const ATTACHMENTS_MAX: usize = 10;

/// Most mentions in a message.
pub const MENTIONS_MAX: usize = 20;

/// Most people whom a message is for, when it is for some alone.
pub const AUDIENCE_MAX: usize = 20;

/// Longest address of an attachment in bytes.
pub const URL_MAX: usize = 2_000;

/// Longest name of an attachment in characters.
pub const FILE_NAME_MAX: usize = 255;

/// Longest media type of an attachment in bytes.
pub const MEDIA_TYPE_MAX: usize = 100;

/// Longest name that a client gives its message, in bytes.
pub const CLIENT_ID_MAX: usize = 64;

/// Most earlier wordings of a message that are kept.
pub const VERSIONS_MAX: u64 = 100;

/// Longest emoji in characters: families are long.
pub const EMOJI_MAX: usize = 16;

/// Most different emoji on a message.
pub const EMOJI_KINDS_MAX: usize = 20;

words! {
    /// For whom a message is.
    Visibility("visibility") {
        /// Everybody in the chat.
        All "all",
        /// The author and staff.
        Staff "staff",
        /// The author and whom they have named.
        Users "users",
    }
}

/// Who says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// A person.
    User(UserId),
    /// A program of the learning platform.
    Program,
}

impl Author {
    /// Kind of the author in rows and answers.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Program => "program",
        }
    }

    /// Id of the author.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::User(user) => user.as_str(),
            Self::Program => "program",
        }
    }
}

/// Something that goes with a message; the file itself is elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Where it is: `https://…` or `http://…`; at most [`URL_MAX`] bytes.
    pub url: String,
    /// Its name; at most [`FILE_NAME_MAX`] characters.
    pub name: String,
    /// Its media type; at most [`MEDIA_TYPE_MAX`] bytes.
    pub content_type: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

/// How many put an emoji on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// How many.
    pub count: u64,
}

/// What one person has put on a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnMarks {
    /// The emoji.
    pub reactions: Vec<String>,
    /// They have acknowledged it.
    pub is_acknowledged: bool,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Unique name: a ULID.
    pub id: String,
    /// The chat.
    pub chat: ExternalId,
    /// Number within the chat.
    pub seq: i64,
    /// Who said it.
    pub author: Author,
    /// Their name when they said it.
    pub author_name: String,
    /// Their role when they said it.
    pub author_role: Option<Role>,
    /// The message that it replies to.
    pub parent: Option<String>,
    /// The author's own name for it.
    pub client_id: Option<String>,
    /// Markdown as it was sent; empty once deleted.
    pub body: String,
    /// Whom it mentions: user ids, `@staff`, `@class`.
    pub mentions: Vec<String>,
    /// For whom it is.
    pub visibility: Visibility,
    /// Whom it is for, where it is for some alone.
    pub audience: Vec<UserId>,
    /// Of those whom it is for only staff finds it, and its author, who does not know: they were muted in the shadow.
    pub is_shadowed: bool,
    /// Before it was edited in the shadow everybody has found it whom it is for: its deletion is for all of them.
    pub was_open: bool,
    /// What goes with it.
    pub attachments: Vec<Attachment>,
    /// Reactions, by emoji.
    pub reactions: Vec<Reaction>,
    /// How many have acknowledged it.
    pub acks: u64,
    /// When it was said.
    pub created_at: DateTime<Utc>,
    /// When it was last edited.
    pub edited_at: Option<DateTime<Utc>>,
    /// When it was deleted; what replies to it stays.
    pub deleted_at: Option<DateTime<Utc>>,
    /// When it was pinned.
    pub pinned_at: Option<DateTime<Utc>>,
    /// Until when it is pinned; `None` = until it is taken off.
    pub pinned_until: Option<DateTime<Utc>>,
    /// 1 when new, one more with each edit, pin or deletion.
    pub version: i64,
}

impl Message {
    /// What hears of it: the chat, or those alone whom it is for. Nobody else learns that there is something.
    #[must_use]
    pub fn topics(&self, chat: &Chat) -> Vec<Topic> {
        let own = match &self.author {
            Author::User(user) => Some(Topic::User(user.clone())),
            Author::Program => None,
        };
        match self.visibility {
            Visibility::All => vec![Topic::Chat(chat.id.clone())],
            Visibility::Staff => {
                let is_by_staff = self.author_role.is_some_and(Role::is_staff);
                chat.staff().into_iter().chain(own.filter(|_| !is_by_staff)).collect()
            }
            Visibility::Users => {
                let others = self.audience.iter().cloned().map(Topic::User).filter(|topic| own.as_ref() != Some(topic));
                others.chain(own.clone()).collect()
            }
        }
    }

    /// Tells whether somebody may see it, who may be staff.
    #[must_use]
    pub fn is_for(&self, user: &UserId, is_staff: bool) -> bool {
        let is_own = matches!(&self.author, Author::User(author) if author == user);
        let is_meant = match self.visibility {
            Visibility::All => true,
            Visibility::Staff => is_staff,
            Visibility::Users => self.audience.contains(user),
        };
        is_own || (is_meant && (is_staff || !self.is_shadowed))
    }
}

/// What the author says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Markdown; at most [`BODY_MAX`] characters.
    pub body: String,
    /// User ids, `@staff`, `@class`; at most [`MENTIONS_MAX`].
    pub mentions: Vec<String>,
    /// At most [`ATTACHMENTS_MAX`].
    pub attachments: Vec<Attachment>,
}

/// What is wrong with what somebody wants to say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It says nothing.
    #[error("a message has a text or an attachment")]
    Empty,
    /// It is too long.
    #[error("may have at most {max} characters, this one has {got}")]
    TooLong {
        /// Which part, as a JSON pointer.
        part: &'static str,
        /// Most characters.
        max: usize,
        /// Characters of the refused text.
        got: usize,
    },
    /// There are too many.
    #[error("may have at most {max} entries, these are {got}")]
    TooMany {
        /// Which part, as a JSON pointer.
        part: &'static str,
        /// Most entries.
        max: usize,
        /// Entries of the refused list.
        got: usize,
    },
    /// It holds what no database keeps.
    #[error("may not hold the character NUL")]
    Nul {
        /// Which part, as a JSON pointer.
        part: &'static str,
    },
    /// It has another form.
    #[error("{right}")]
    Form {
        /// Which part, as a JSON pointer.
        part: &'static str,
        /// What would be right.
        right: &'static str,
    },
}

impl Flaw {
    /// JSON pointer to the part.
    #[must_use]
    pub const fn part(&self) -> &'static str {
        match self {
            Self::Empty => "/body",
            Self::TooLong { part, .. } | Self::TooMany { part, .. } | Self::Nul { part } | Self::Form { part, .. } => {
                part
            }
        }
    }
}

impl Content {
    /// Checks lengths, counts and forms. Names of attachments lose what is not seen.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn checked(mut self) -> Result<Self, Flaw> {
        long("/body", &self.body, BODY_MAX)?;
        many("/mentions", self.mentions.len(), MENTIONS_MAX)?;
        many("/attachments", self.attachments.len(), ATTACHMENTS_MAX)?;
        if self.body.trim().is_empty() && self.attachments.is_empty() {
            return Err(Flaw::Empty);
        }
        self.mentions.iter().try_for_each(|mention| checked_mention(mention))?;
        for attachment in &mut self.attachments {
            attachment.name = normalised(&attachment.name);
            checked_attachment(attachment)?;
        }
        Ok(self)
    }
}

fn long(part: &'static str, text: &str, max: usize) -> Result<(), Flaw> {
    let got = text.chars().count();
    if got > max {
        return Err(Flaw::TooLong { part, max, got });
    }
    if text.contains('\0') { Err(Flaw::Nul { part }) } else { Ok(()) }
}

const fn many(part: &'static str, got: usize, max: usize) -> Result<(), Flaw> {
    if got > max { Err(Flaw::TooMany { part, max, got }) } else { Ok(()) }
}

fn checked_mention(mention: &str) -> Result<(), Flaw> {
    let is_group = matches!(mention, "@staff" | "@class");
    if is_group || (!mention.starts_with('@') && !mention.contains('\0') && UserId::parse(mention).is_ok()) {
        return Ok(());
    }
    Err(Flaw::Form { part: "/mentions", right: "a mention is a user id, '@staff' or '@class'" })
}

fn checked_attachment(attachment: &Attachment) -> Result<(), Flaw> {
    let part = "/attachments";
    long(part, &attachment.url, URL_MAX)?;
    long(part, &attachment.name, FILE_NAME_MAX)?;
    let rest = attachment.url.strip_prefix("https://").or_else(|| attachment.url.strip_prefix("http://"));
    let is_address = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    if !is_address || attachment.url.chars().any(|c| !c.is_ascii_graphic()) {
        let right = "the address of an attachment begins with https:// or http:// and is URL-encoded";
        return Err(Flaw::Form { part, right });
    }
    if attachment.name.is_empty() {
        return Err(Flaw::Form { part, right: "an attachment has a name" });
    }
    let is_media = |text: &String| {
        text.len() <= MEDIA_TYPE_MAX && text.contains('/') && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
    };
    if attachment.content_type.as_ref().is_some_and(|text| !is_media(text)) {
        return Err(Flaw::Form { part, right: "a media type has a form such as image/png" });
    }
    Ok(())
}

/// Checks the name that a client gives its message.
///
/// # Errors
/// When it is none.
pub fn check_client_id(text: &str) -> Result<(), Flaw> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if (1..=CLIENT_ID_MAX).contains(&text.len()) && text.bytes().all(legal) {
        return Ok(());
    }
    Err(Flaw::Form { part: "/client_id", right: "has 1 to 64 letters, digits, '-', '_', '.' and ':'" })
}

/// Checks an emoji: short, and without letters of the alphabet, blanks and control characters.
#[must_use]
pub fn is_emoji(text: &str) -> bool {
    let count = text.chars().count();
    let is_short = |c: char| c.is_ascii_alphanumeric() || b"_+-:".contains(&u8::try_from(c).unwrap_or_default());
    let is_name = text.len() > 2 && text.starts_with(':') && text.ends_with(':') && text.chars().all(is_short);
    let is_sign = |c: char| !c.is_whitespace() && !c.is_control() && (!c.is_alphanumeric() || c.is_ascii_digit());
    let has_sign = !text.is_ascii();
    (count <= 32 && is_name) || ((1..=EMOJI_MAX).contains(&count) && has_sign && text.chars().all(is_sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: &str, name: &str) -> Attachment {
        Attachment { url: url.to_owned(), name: name.to_owned(), content_type: None, size: None }
    }

    fn said(body: &str) -> Content {
        Content { body: body.to_owned(), ..Content::default() }
    }

    #[test]
    fn texts_and_lists_are_accepted_at_their_limits_and_refused_beyond() {
        assert!(said(&"é".repeat(BODY_MAX)).checked().is_ok());
        let flaw = said(&"é".repeat(BODY_MAX + 1)).checked().unwrap_err();
        assert_eq!(flaw, Flaw::TooLong { part: "/body", max: BODY_MAX, got: BODY_MAX + 1 });
        let with = |mentions: usize, attachments: usize| {
            let attachments = vec![file("https://files.example/a", "a"); attachments];
            Content { mentions: vec!["7".to_owned(); mentions], attachments, ..said("x") }.checked()
        };
        assert!(with(MENTIONS_MAX, ATTACHMENTS_MAX).is_ok());
        assert_eq!(with(MENTIONS_MAX + 1, 0).unwrap_err().part(), "/mentions");
        assert_eq!(with(0, ATTACHMENTS_MAX + 1).unwrap_err().part(), "/attachments");
        for text in ["", " \n"] {
            assert_eq!(said(text).checked().unwrap_err(), Flaw::Empty);
        }
        assert_eq!(said("a\0b").checked().unwrap_err(), Flaw::Nul { part: "/body" });
    }

    #[test]
    fn markdown_stays_as_it_is_and_names_of_files_do_not() {
        let raw = "<script>alert(1)</script> **b** \u{202e}";
        let content = Content { attachments: vec![file("http://a.example/x", "c\u{202e}gpj.exe")], ..said(raw) };
        let kept = content.checked().unwrap();
        assert_eq!((kept.body.as_str(), kept.attachments[0].name.as_str()), (raw, "cgpj.exe"));
    }

    #[test]
    fn attachments_lead_to_the_web_only() {
        let check = |url: &str| Content { attachments: vec![file(url, "a")], ..Content::default() }.checked();
        for good in ["https://files.example/a?b=c", "http://x.example"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in
            ["javascript:alert(1)", "data:text/html,x", "https://", "https:///x", "https://a b", "//x.example", ""]
        {
            assert!(check(bad).is_err(), "{bad}");
        }
        let long = |bytes: usize| format!("https://x/{}", "a".repeat(bytes - 10));
        assert!(check(&long(URL_MAX)).is_ok() && check(&long(URL_MAX + 1)).is_err());
    }

    #[test]
    fn mentions_client_ids_and_emoji_have_their_forms() {
        for (mention, good) in [("7", true), ("@staff", true), ("@class", true), ("@all", false), ("", false)] {
            assert_eq!(checked_mention(mention).is_ok(), good, "{mention}");
        }
        assert!(check_client_id(&"a".repeat(64)).is_ok() && check_client_id(&"a".repeat(65)).is_err());
        assert!(check_client_id("").is_err() && check_client_id("a b").is_err());
        for good in ["👍", "👩‍👩‍👧‍👦", "🇨🇭", "1️⃣", ":tada:", "❤️"] {
            assert!(is_emoji(good), "{good}");
        }
        for bad in ["", "a", "ä", "👍 ", "<b>", "::", ":a b:", "👍x", &"👍".repeat(EMOJI_MAX + 1)] {
            assert!(!is_emoji(bad), "{bad}");
        }
        assert!(is_emoji(&"👍".repeat(EMOJI_MAX)));
    }
}

//! Notifications: what a person is told and can look up later, and what they want to be told.

use chrono::{DateTime, Utc};

use super::{audience::Audience, fact::Actor, roster::words};
use crate::ids::{ExternalId, SocketId, UserId};

/// Longest title in characters.
pub const TITLE_MAX: usize = 255;
/// Longest body in characters.
pub const BODY_MAX: usize = 4_000;
/// Longest address in characters.
pub const URL_MAX: usize = 1_024;
/// Longest type in characters.
pub const TYPE_MAX: usize = 64;
/// Longest group key in characters.
pub const GROUP_KEY_MAX: usize = 128;
/// Largest data in bytes of JSON text.
pub const DATA_MAX: usize = 16_384;
/// Most preferences of one person.
pub const PREFERENCES_MAX: usize = 500;

words! {
    /// What a notification is about.
    Category("category") {
        /// From the platform itself.
        System "system",
        /// Somebody has named the person.
        Mention "mention",
        /// Something new to read or to do.
        Content "content",
        /// A grade.
        Grade "grade",
        /// A live class.
        Live "live",
        /// Something is due.
        Reminder "reminder",
    }
}

words! {
    /// Ways to reach a person.
    Medium("medium") {
        /// In the platform itself: kept, and told over sockets.
        InApp "inapp",
    }
}

words! {
    /// How far the sending of a notification to many has come.
    BroadcastState("state") {
        /// It waits for its time.
        Scheduled "scheduled",
        /// It is going out.
        Sending "sending",
        /// Everybody has it.
        Sent "sent",
        /// It was called off before its time.
        Cancelled "cancelled",
        /// Its end came before it went out.
        Expired "expired",
    }
}

/// What a notification says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What it is about.
    pub category: Category,
    /// The application's own name for this kind of notification; at most [`TYPE_MAX`] characters.
    pub kind: Option<String>,
    /// Its first line; at most [`TITLE_MAX`] characters.
    pub title: String,
    /// The rest; at most [`BODY_MAX`] characters, may be empty.
    pub body: String,
    /// Where it leads: an address or a path; at most [`URL_MAX`] characters.
    pub url: Option<String>,
    /// The application's own data: a JSON object as text, at most [`DATA_MAX`] bytes.
    pub data: Option<String>,
    /// Notifications of one key become one with a counter, until it is read; at most [`GROUP_KEY_MAX`] characters.
    pub group_key: Option<String>,
    /// Since when nobody needs it any more.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Why a notification cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// A text is empty.
    #[error("must not be empty")]
    Empty(&'static str),
    /// A text is too long.
    #[error("may have at most {max} characters, this has {got}")]
    TooLong {
        /// Which field.
        field: &'static str,
        /// Its limit in characters.
        max: usize,
        /// What it has.
        got: usize,
    },
    /// A text has characters that no screen shows.
    #[error("may hold no control characters")]
    Illegible(&'static str),
    /// The address leads nowhere good.
    #[error("must be an address with http:// or https://, or a path that starts with one /")]
    Url,
    /// The data is too large.
    #[error("may have at most {DATA_MAX} bytes as JSON, this has {got}")]
    DataTooLarge {
        /// Its size.
        got: usize,
    },
    /// It ends before it begins.
    #[error("must be later than the time of sending")]
    EndsBeforeItBegins,
}

impl ContentError {
    /// The field that is wrong.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Empty(field) | Self::TooLong { field, .. } | Self::Illegible(field) => field,
            Self::Url => "url",
            Self::DataTooLarge { .. } => "data",
            Self::EndsBeforeItBegins => "expires_at",
        }
    }
}

fn text(field: &'static str, text: &str, max: usize) -> Result<(), ContentError> {
    let got = text.chars().count();
    if got > max {
        return Err(ContentError::TooLong { field, max, got });
    }
    let is_shown = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    if text.chars().all(is_shown) { Ok(()) } else { Err(ContentError::Illegible(field)) }
}

fn short(field: &'static str, value: Option<&String>, max: usize) -> Result<(), ContentError> {
    let Some(value) = value else { return Ok(()) };
    if value.is_empty() { Err(ContentError::Empty(field)) } else { text(field, value, max) }
}

/// A page opens what a notification leads to: nothing that runs as a script, and no path that is another site's.
fn leads_somewhere(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    let is_path = url.starts_with('/') && !url.starts_with("//") && !url.starts_with("/\\");
    (is_path || lower.starts_with("https://") || lower.starts_with("http://")) && !url.contains(char::is_whitespace)
}

impl Content {
    /// Checks lengths and forms, and that it does not end before `begin`.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, begin: DateTime<Utc>) -> Result<(), ContentError> {
        if self.title.trim().is_empty() {
            return Err(ContentError::Empty("title"));
        }
        text("title", &self.title, TITLE_MAX)?;
        text("body", &self.body, BODY_MAX)?;
        short("type", self.kind.as_ref(), TYPE_MAX)?;
        short("group_key", self.group_key.as_ref(), GROUP_KEY_MAX)?;
        short("url", self.url.as_ref(), URL_MAX)?;
        if self.url.as_deref().is_some_and(|url| !leads_somewhere(url)) {
            return Err(ContentError::Url);
        }
        if let Some(got) = self.data.as_ref().map(String::len).filter(|got| *got > DATA_MAX) {
            return Err(ContentError::DataTooLarge { got });
        }
        if self.expires_at.is_some_and(|end| end <= begin) {
            return Err(ContentError::EndsBeforeItBegins);
        }
        Ok(())
    }
}

/// A notification of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its id: a ULID.
    pub id: String,
    /// Whose it is.
    pub user: UserId,
    /// What it says.
    pub content: Content,
    /// The course that it comes from.
    pub course: Option<ExternalId>,
    /// Who sent it.
    pub actor: Option<Actor>,
    /// The sending to many that it belongs to.
    pub broadcast: Option<String>,
    /// How many of its group it stands for, from 1.
    pub count: i32,
    /// When the first of them came.
    pub created_at: DateTime<Utc>,
    /// When the last of them came.
    pub updated_at: DateTime<Utc>,
    /// When the person first saw it in a list.
    pub seen_at: Option<DateTime<Utc>>,
    /// When they read it.
    pub read_at: Option<DateTime<Utc>>,
    /// When they put it away.
    pub archived_at: Option<DateTime<Utc>>,
}

/// What a person does to a notification; `None` leaves it as it is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Read, or unread again.
    pub read: Option<bool>,
    /// Seen, or unseen again.
    pub seen: Option<bool>,
    /// Put away, or taken out again.
    pub archived: Option<bool>,
}

/// Which notifications are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// These.
    Ids(Vec<String>),
    /// All that came before a moment.
    Before(DateTime<Utc>),
}

/// Whether a person wants notifications of a category by a medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    /// The category.
    pub category: Category,
    /// The medium.
    pub medium: Medium,
    /// Only those of this course; `None` = of all that have no preference of their own.
    pub course: Option<ExternalId>,
    /// They want them.
    pub enabled: bool,
}

/// Whether a person with these preferences wants a notification: a word about the course counts before a general one.
#[must_use]
pub fn is_wanted(preferences: &[Preference], category: Category, medium: Medium, course: Option<&ExternalId>) -> bool {
    let said = |scope: Option<&ExternalId>| {
        let fits = |one: &&Preference| one.category == category && one.medium == medium && one.course.as_ref() == scope;
        preferences.iter().find(fits).map(|one| one.enabled)
    };
    course.and_then(|course| said(Some(course))).or_else(|| said(None)).unwrap_or(true)
}

/// Somebody who is sent a notification, and the course by which they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub user: UserId,
    /// The course whose preferences count.
    pub course: Option<ExternalId>,
}

/// A notification to many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationBroadcast {
    /// Its id: a ULID. Also the `event_id` of every copy.
    pub id: String,
    /// Whom it is for.
    pub audience: Audience,
    /// What it says.
    pub content: Content,
    /// Callers who are not known hear it too, on the channel `notifications`. Only for an audience of all.
    pub is_public: bool,
    /// Who sends it, as the audit names callers.
    pub created_by: String,
    /// Socket that does not hear of it, usually the sender's own.
    pub except: Option<SocketId>,
    /// Who sends it, as everybody may know.
    pub actor: Option<Actor>,
    /// How far it has come.
    pub state: BroadcastState,
    /// People in the audience when it was made.
    pub estimated: i64,
    /// People who got it.
    pub recipients: i64,
    /// People who did not want it.
    pub muted: i64,
    /// The last person, by id, who was taken care of.
    pub done_up_to: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it shall go out.
    pub scheduled_at: DateTime<Utc>,
    /// When everybody had it.
    pub sent_at: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content {
            category: Category::Content,
            kind: None,
            title: "Sheet 5".to_owned(),
            body: String::new(),
            url: None,
            data: None,
            group_key: None,
            expires_at: None,
        }
    }

    fn refused(edit: impl FnOnce(&mut Content)) -> Option<&'static str> {
        let mut content = content();
        edit(&mut content);
        content.check(DateTime::UNIX_EPOCH).err().map(|error| error.field())
    }

    #[test]
    fn texts_are_taken_at_their_limit_and_refused_beyond() {
        let set = |field: &'static str, length: usize| {
            let text = "é".repeat(length);
            refused(|content| match field {
                "title" => content.title = text,
                "body" => content.body = text,
                "type" => content.kind = Some(text),
                "group_key" => content.group_key = Some(text),
                _ => content.url = Some(format!("/{}", "x".repeat(length - 1))),
            })
        };
        let limits = [
            ("title", TITLE_MAX),
            ("body", BODY_MAX),
            ("type", TYPE_MAX),
            ("group_key", GROUP_KEY_MAX),
            ("url", URL_MAX),
        ];
        for (field, max) in limits {
            assert_eq!(set(field, max), None, "{field}");
            assert_eq!(set(field, max + 1), Some(field));
        }
        assert_eq!(refused(|content| content.title = " ".to_owned()), Some("title"));
        assert_eq!(refused(|content| content.body = "a\u{0}".to_owned()), Some("body"));
        assert_eq!(refused(|content| content.data = Some("x".repeat(DATA_MAX))), None);
        assert_eq!(refused(|content| content.data = Some("x".repeat(DATA_MAX + 1))), Some("data"));
        assert_eq!(refused(|content| content.expires_at = Some(DateTime::UNIX_EPOCH)), Some("expires_at"));
    }

    #[test]
    fn an_address_leads_to_a_page_and_nowhere_else() {
        for good in ["https://school.example/a?b#c", "http://x", "/courses/5", "HTTPS://x"] {
            assert_eq!(refused(|content| content.url = Some(good.to_owned())), None, "{good}");
        }
        for bad in ["javascript:alert(1)", "//evil.example", "/\\evil.example", "courses/5", "data:text/html,x", "/a b"]
        {
            assert_eq!(refused(|content| content.url = Some(bad.to_owned())), Some("url"), "{bad}");
        }
    }

    #[test]
    fn a_word_about_the_course_counts_before_a_general_one() {
        let course = ExternalId::parse("1").unwrap();
        let entry = |course: Option<&ExternalId>, enabled| Preference {
            category: Category::Content,
            medium: Medium::InApp,
            course: course.cloned(),
            enabled,
        };
        let wanted = |list: &[Preference], category, course| is_wanted(list, category, Medium::InApp, course);
        assert!(wanted(&[], Category::Content, None));
        let off = [entry(None, false)];
        assert!(!wanted(&off, Category::Content, Some(&course)) && wanted(&off, Category::Grade, None));
        let but = [entry(None, false), entry(Some(&course), true)];
        assert!(wanted(&but, Category::Content, Some(&course)) && !wanted(&but, Category::Content, None));
    }
}

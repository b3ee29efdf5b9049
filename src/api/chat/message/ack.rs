//! Who has acknowledged a message, as answers tell it.

use chrono::{DateTime, Utc};
use poem_openapi::{Object, types::Example};

use super::super::super::{
    list::{List, PageView},
    word::Word,
};
use crate::{
    ids::UserId,
    services::chat::{Acknowledged, Acks},
};

/// Somebody who has acknowledged a message.
#[derive(Debug, Object)]
#[oai(rename = "MessageAck")]
struct AckView {
    /// The user.
    user: Word<UserId>,
    /// Name as others see it; empty when the roster does not know them any more.
    #[oai(validator(max_length = 255))]
    name: String,
    /// When.
    at: Word<DateTime<Utc>>,
}

impl From<Acknowledged> for AckView {
    fn from(Acknowledged { user, name, at }: Acknowledged) -> Self {
        Self { user: Word(user), name, at: Word(at) }
    }
}

/// One page of those who have acknowledged a message.
#[derive(Debug, Object)]
#[oai(rename = "MessageAcks", example)]
pub(super) struct AcksView {
    /// Those who have, by user id.
    #[oai(validator(max_items = 100))]
    data: Vec<AckView>,
    /// Where the page stands.
    page: PageView,
    /// How many have in all.
    #[oai(validator(minimum(value = "0")))]
    ack_count: u64,
    /// How many have not, of those who belong to the chat and whom the message is for, its author left out.
    #[oai(validator(minimum(value = "0")))]
    pending_count: u64,
}

impl AcksView {
    /// A page of at most `limit` people, of whom one more was read.
    pub(super) fn new(Acks { some, count, pending }: Acks, limit: u32) -> Self {
        let rows = some.into_iter().map(|one| (one.user.to_string(), AckView::from(one))).collect();
        let List { data, page } = List::new(rows, limit);
        Self { data, page, ack_count: count, pending_count: pending }
    }
}

impl Example for AcksView {
    fn example() -> Self {
        let at = DateTime::from_timestamp(1_788_249_660, 0).unwrap_or_default();
        let some = vec![Acknowledged { user: 7.into(), name: "Ada Lovelace".to_owned(), at }];
        Self::new(Acks { some, count: 1, pending: 30 }, 25)
    }
}

//! Events of some messages of a chat, taken out of the streams that keep them: whoever has not heard them finds a gap.

use entity::stream_event;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

use super::{Result, TOPICS, of_messages};
use crate::ids::{AppId, ExternalId};

/// Events that are looked through at once: a payload may have more than 64 KiB.
const PAGE: u64 = 100;

/// Takes what these topics keep of messages of a chat away, as far as `is_gone` says so of the message that an event tells.
pub(in crate::store) async fn forget_where(
    change: &DatabaseTransaction,
    (app, topics): (&AppId, &[String]),
    chat: &ExternalId,
    is_gone: impl Fn(&Value) -> bool + Send + Sync,
) -> Result<()> {
    let piece = format!(r#""chat_id":"{chat}""#);
    for some in topics.chunks(TOPICS) {
        let mut after = 0;
        loop {
            let which = of_messages(app, some, &piece).add(stream_event::Column::Id.gt(after));
            let found = stream_event::Entity::find()
                .select_only()
                .columns([stream_event::Column::Id, stream_event::Column::Payload])
                .filter(which)
                .order_by_asc(stream_event::Column::Id)
                .limit(PAGE);
            let events: Vec<(i64, String)> = found.into_tuple().all(change).await?;
            let Some((last, _)) = events.last() else { break };
            after = *last;
            let tells_gone = |payload: &str| {
                let payload: Value = serde_json::from_str(payload).unwrap_or_default();
                let message = payload.get("message");
                message.is_some_and(|message| message["chat_id"] == chat.as_str() && is_gone(message))
            };
            let gone: Vec<i64> = events.iter().filter(|(_, payload)| tells_gone(payload)).map(|(id, _)| *id).collect();
            if !gone.is_empty() {
                stream_event::Entity::delete_many().filter(stream_event::Column::Id.is_in(gone)).exec(change).await?;
            }
        }
    }
    Ok(())
}

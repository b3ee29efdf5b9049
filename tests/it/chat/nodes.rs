//! What other nodes change in a chat.

use campanile::{
    domain::{
        chat::ChatEdit,
        moderation::{Measure, Sanction},
        roster::Expected,
    },
    ids::{ExternalId, UserId},
    store::ChatWrite,
};
use chrono::{DateTime, Utc};

use crate::support::{app::MAIN, chat::enforcing};

#[tokio::test]
async fn what_another_node_changes_in_a_chat_holds_here_too() {
    let app = enforcing().await;
    let room = app.room().await;
    room.said("8", "from memory, from now on").await;
    let mut banned = room.hears("7", "private-chat.c").await;
    let (other, main, chat) = (app.store().await, MAIN.app().id, ExternalId::parse("c").unwrap());
    let now: DateTime<Utc> = campanile::services::now();
    let write = ChatWrite { at: now, audit: &[], epoch: "e" };
    let edit = ChatEdit { is_frozen: Some(true), ..ChatEdit::default() };
    let facts = |_chat: &campanile::domain::chat::Chat| Vec::new();
    Box::pin(other.chat_update((&main, &chat), &edit, &Expected::Any, (write, facts))).await.unwrap();
    let ban = Sanction {
        id: "ban".to_owned(),
        user: UserId::parse("7").unwrap(),
        measure: Measure::Ban,
        is_shadow: false,
        reason: String::new(),
        until: None,
        created_by: "user:9".to_owned(),
        created_at: now,
        lifted_at: None,
    };
    assert!(Box::pin(other.sanction_insert((&main, &chat), &ban, write, Vec::new())).await.unwrap().0);
    let frame = banned.expect_on("pusher:subscription_error", "private-chat.c").await;
    assert_eq!(frame["data"]["reason"], "banned");
    room.get("7", "/api/chats/c").await.problem(403, "banned");
    room.say("8", "x").await.problem(409, "chat_frozen");
    room.said("9", "staff").await;
    banned.expect_silence().await;
}

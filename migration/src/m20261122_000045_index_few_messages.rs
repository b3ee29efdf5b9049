//! Leaves messages that answer none and are not pinned, which is most of them, out of the indexes of answers and of pinned ones:
//! each index is paid for at every message. MySQL and MariaDB have no such indexes and keep those they have.

use sea_orm_migration::prelude::*;

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden, Clone, Copy)]
enum ChatMessage {
    Table,
    AppId,
    ChatId,
    ParentId,
    PinnedAt,
}

const INDEXES: [(&str, ChatMessage); 2] =
    [("chat_message_parent", ChatMessage::ParentId), ("chat_message_pinned", ChatMessage::PinnedAt)];

const fn by(column: ChatMessage) -> [ChatMessage; 3] {
    [ChatMessage::AppId, ChatMessage::ChatId, column]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, column) in INDEXES {
            let fit = Expr::col(column).is_not_null();
            table::index_of_some(manager, (name, ChatMessage::Table), by(column), fit).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, column) in INDEXES {
            table::index_anew(manager, (name, ChatMessage::Table), by(column)).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

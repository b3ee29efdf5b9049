//! Leaves messages that answer none and are not pinned, which is most of them, out of the indexes of answers and of pinned ones:
//! each index is paid for at every message. MySQL and MariaDB have no such indexes and keep those they have.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

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

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::MySql {
            return Ok(());
        }
        for (name, column) in INDEXES {
            manager.drop_index(Index::drop().name(name).table(ChatMessage::Table).to_owned()).await?;
            let mut index = Index::create();
            index.name(name).table(ChatMessage::Table);
            index.col(ChatMessage::AppId).col(ChatMessage::ChatId).col(column);
            manager.create_index(index.and_where(Expr::col(column).is_not_null()).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::MySql {
            return Ok(());
        }
        for (name, column) in INDEXES {
            manager.drop_index(Index::drop().name(name).table(ChatMessage::Table).to_owned()).await?;
            let by = [ChatMessage::AppId, ChatMessage::ChatId, column];
            table::index(manager, name, ChatMessage::Table, by).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

//! Creates `chat_mark`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum ChatMessage {
    Table,
    AppId,
    Id,
}

#[derive(DeriveIden)]
enum ChatMark {
    Table,
    AppId,
    MessageId,
    UserId,
    Kind,
    Value,
    At,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut chat_message = ForeignKey::create()
            .name("fk_chat_mark_message_id")
            .from(ChatMark::Table, (ChatMark::AppId, ChatMark::MessageId))
            .to(ChatMessage::Table, (ChatMessage::AppId, ChatMessage::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, ChatMark::Table);
        table
            .col(schema::string_len(ChatMark::AppId, 64))
            .col(schema::string_len(ChatMark::MessageId, 26))
            .col(schema::string_len(ChatMark::UserId, 128))
            .col(schema::string_len(ChatMark::Kind, 8))
            .col(schema::string_len(ChatMark::Value, 64))
            .col(schema::big_integer(ChatMark::At))
            .primary_key(
                Index::create()
                    .col(ChatMark::AppId)
                    .col(ChatMark::MessageId)
                    .col(ChatMark::Kind)
                    .col(ChatMark::Value)
                    .col(ChatMark::UserId),
            )
            .foreign_key(&mut chat_message);
        manager.create_table(table).await?;
        let (table, by) = (ChatMark::Table, [ChatMark::AppId, ChatMark::UserId, ChatMark::Kind]);
        table::index(manager, "chat_mark_user", table, by).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ChatMark::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

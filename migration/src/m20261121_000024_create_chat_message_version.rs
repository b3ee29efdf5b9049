//! Creates `chat_message_version`.

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
enum ChatMessageVersion {
    Table,
    AppId,
    MessageId,
    Version,
    Body,
    Attachments,
    ReplacedAt,
    ReplacedBy,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut chat_message = ForeignKey::create()
            .name("fk_chat_message_version_message_id")
            .from(ChatMessageVersion::Table, (ChatMessageVersion::AppId, ChatMessageVersion::MessageId))
            .to(ChatMessage::Table, (ChatMessage::AppId, ChatMessage::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, ChatMessageVersion::Table);
        table
            .col(schema::string_len(ChatMessageVersion::AppId, 64))
            .col(schema::string_len(ChatMessageVersion::MessageId, 26))
            .col(schema::big_integer(ChatMessageVersion::Version))
            .col(schema::text(ChatMessageVersion::Body))
            .col(schema::text(ChatMessageVersion::Attachments))
            .col(schema::big_integer(ChatMessageVersion::ReplacedAt))
            .col(schema::string_len(ChatMessageVersion::ReplacedBy, 160))
            .primary_key(
                Index::create()
                    .col(ChatMessageVersion::AppId)
                    .col(ChatMessageVersion::MessageId)
                    .col(ChatMessageVersion::Version),
            )
            .foreign_key(&mut chat_message);
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ChatMessageVersion::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

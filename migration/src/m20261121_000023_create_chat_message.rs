//! Creates `chat_message`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Chat {
    Table,
    AppId,
    Id,
}

#[derive(DeriveIden)]
enum ChatMessage {
    Table,
    AppId,
    Id,
    ChatId,
    Seq,
    AuthorKind,
    AuthorId,
    AuthorName,
    AuthorRole,
    ParentId,
    ClientId,
    Body,
    Mentions,
    Visibility,
    Shadowed,
    Attachments,
    CreatedAt,
    EditedAt,
    DeletedAt,
    DeletedBy,
    PinnedAt,
    PinnedUntil,
    Version,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut chat = ForeignKey::create()
            .name("fk_chat_message_chat_id")
            .from(ChatMessage::Table, (ChatMessage::AppId, ChatMessage::ChatId))
            .to(Chat::Table, (Chat::AppId, Chat::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, ChatMessage::Table);
        table
            .col(schema::string_len(ChatMessage::AppId, 64))
            .col(schema::string_len(ChatMessage::Id, 26))
            .col(schema::string_len(ChatMessage::ChatId, 64))
            .col(schema::big_integer(ChatMessage::Seq))
            .col(schema::string_len(ChatMessage::AuthorKind, 16))
            .col(schema::string_len(ChatMessage::AuthorId, 128))
            .col(schema::string_len(ChatMessage::AuthorName, 255))
            .col(schema::string_len_null(ChatMessage::AuthorRole, 16))
            .col(schema::string_len_null(ChatMessage::ParentId, 26))
            .col(schema::string_len_null(ChatMessage::ClientId, 64))
            .col(schema::text(ChatMessage::Body))
            .col(schema::text(ChatMessage::Mentions))
            .col(schema::string_len(ChatMessage::Visibility, 16))
            .col(schema::boolean(ChatMessage::Shadowed))
            .col(schema::text(ChatMessage::Attachments))
            .col(schema::big_integer(ChatMessage::CreatedAt))
            .col(schema::big_integer_null(ChatMessage::EditedAt))
            .col(schema::big_integer_null(ChatMessage::DeletedAt))
            .col(schema::string_len_null(ChatMessage::DeletedBy, 160))
            .col(schema::big_integer_null(ChatMessage::PinnedAt))
            .col(schema::big_integer_null(ChatMessage::PinnedUntil))
            .col(schema::big_integer(ChatMessage::Version))
            .primary_key(Index::create().col(ChatMessage::AppId).col(ChatMessage::Id))
            .index(
                Index::create()
                    .unique()
                    .name("chat_message_seq")
                    .col(ChatMessage::AppId)
                    .col(ChatMessage::ChatId)
                    .col(ChatMessage::Seq),
            )
            .index(
                Index::create()
                    .unique()
                    .name("chat_message_client")
                    .col(ChatMessage::AppId)
                    .col(ChatMessage::ChatId)
                    .col(ChatMessage::AuthorKind)
                    .col(ChatMessage::AuthorId)
                    .col(ChatMessage::ClientId),
            )
            .foreign_key(&mut chat);
        manager.create_table(table).await?;
        let (table, by) = (ChatMessage::Table, [ChatMessage::AppId, ChatMessage::ChatId, ChatMessage::ParentId]);
        table::index(manager, "chat_message_parent", table, by).await?;
        let (table, by) = (ChatMessage::Table, [ChatMessage::AppId, ChatMessage::ChatId, ChatMessage::PinnedAt]);
        table::index(manager, "chat_message_pinned", table, by).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ChatMessage::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

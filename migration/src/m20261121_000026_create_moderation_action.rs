//! Creates `moderation_action`.

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
enum ModerationAction {
    Table,
    AppId,
    Id,
    ChatId,
    UserId,
    Action,
    Shadow,
    Reason,
    UntilAt,
    CreatedBy,
    CreatedAt,
    LiftedAt,
    LiftedBy,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut chat = ForeignKey::create()
            .name("fk_moderation_action_chat_id")
            .from(ModerationAction::Table, (ModerationAction::AppId, ModerationAction::ChatId))
            .to(Chat::Table, (Chat::AppId, Chat::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, ModerationAction::Table);
        table
            .col(schema::string_len(ModerationAction::AppId, 64))
            .col(schema::string_len(ModerationAction::Id, 26))
            .col(schema::string_len(ModerationAction::ChatId, 64))
            .col(schema::string_len(ModerationAction::UserId, 128))
            .col(schema::string_len(ModerationAction::Action, 16))
            .col(schema::boolean(ModerationAction::Shadow))
            .col(schema::string_len(ModerationAction::Reason, 255))
            .col(schema::big_integer_null(ModerationAction::UntilAt))
            .col(schema::string_len(ModerationAction::CreatedBy, 160))
            .col(schema::big_integer(ModerationAction::CreatedAt))
            .col(schema::big_integer_null(ModerationAction::LiftedAt))
            .col(schema::string_len_null(ModerationAction::LiftedBy, 160))
            .primary_key(Index::create().col(ModerationAction::AppId).col(ModerationAction::Id))
            .foreign_key(&mut chat);
        manager.create_table(table).await?;
        let (table, by) =
            (ModerationAction::Table, [ModerationAction::AppId, ModerationAction::ChatId, ModerationAction::UserId]);
        table::index(manager, "moderation_action_chat", table, by).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ModerationAction::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

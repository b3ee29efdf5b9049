//! Creates `report`.

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
enum Report {
    Table,
    AppId,
    Id,
    ChatId,
    MessageId,
    ReporterId,
    Reason,
    Note,
    State,
    CreatedAt,
    HandledBy,
    HandledAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut chat_message = ForeignKey::create()
            .name("fk_report_message_id")
            .from(Report::Table, (Report::AppId, Report::MessageId))
            .to(ChatMessage::Table, (ChatMessage::AppId, ChatMessage::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, Report::Table);
        table
            .col(schema::string_len(Report::AppId, 64))
            .col(schema::string_len(Report::Id, 26))
            .col(schema::string_len(Report::ChatId, 64))
            .col(schema::string_len(Report::MessageId, 26))
            .col(schema::string_len(Report::ReporterId, 128))
            .col(schema::string_len(Report::Reason, 32))
            .col(schema::string_len(Report::Note, 500))
            .col(schema::string_len(Report::State, 16))
            .col(schema::big_integer(Report::CreatedAt))
            .col(schema::string_len_null(Report::HandledBy, 160))
            .col(schema::big_integer_null(Report::HandledAt))
            .primary_key(Index::create().col(Report::AppId).col(Report::Id))
            .index(
                Index::create()
                    .unique()
                    .name("report_reporter")
                    .col(Report::AppId)
                    .col(Report::MessageId)
                    .col(Report::ReporterId),
            )
            .foreign_key(&mut chat_message);
        manager.create_table(table).await?;
        let (table, by) = (Report::Table, [Report::AppId, Report::ChatId, Report::State]);
        table::index(manager, "report_chat", table, by).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Report::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

//! Creates `poll_option`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Poll {
    Table,
    AppId,
    Id,
}

#[derive(DeriveIden)]
enum PollOption {
    Table,
    AppId,
    PollId,
    Id,
    Label,
    IsCorrect,
    SuggestedBy,
    HiddenAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut poll = ForeignKey::create()
            .name("fk_poll_option_poll_id")
            .from(PollOption::Table, (PollOption::AppId, PollOption::PollId))
            .to(Poll::Table, (Poll::AppId, Poll::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, PollOption::Table);
        table
            .col(schema::string_len(PollOption::AppId, 64))
            .col(schema::string_len(PollOption::PollId, 64))
            .col(schema::integer(PollOption::Id))
            .col(schema::string_len(PollOption::Label, 255))
            .col(schema::boolean(PollOption::IsCorrect))
            .col(schema::string_len_null(PollOption::SuggestedBy, 128))
            .col(schema::big_integer_null(PollOption::HiddenAt))
            .primary_key(Index::create().col(PollOption::AppId).col(PollOption::PollId).col(PollOption::Id))
            .foreign_key(&mut poll);
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(PollOption::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

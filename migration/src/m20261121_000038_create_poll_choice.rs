//! Creates `poll_choice`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum PollBallot {
    Table,
    AppId,
    Id,
}

#[derive(DeriveIden)]
enum PollChoice {
    Table,
    AppId,
    BallotId,
    Slot,
    PollId,
    Round,
    OptionId,
    Place,
    Thousandths,
    Words,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut ballot = ForeignKey::create()
            .name("fk_poll_choice_ballot_id")
            .from(PollChoice::Table, (PollChoice::AppId, PollChoice::BallotId))
            .to(PollBallot::Table, (PollBallot::AppId, PollBallot::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, PollChoice::Table);
        table
            .col(schema::string_len(PollChoice::AppId, 64))
            .col(schema::string_len(PollChoice::BallotId, 32))
            .col(schema::integer(PollChoice::Slot))
            .col(schema::string_len(PollChoice::PollId, 64))
            .col(schema::integer(PollChoice::Round))
            .col(schema::integer_null(PollChoice::OptionId))
            .col(schema::integer_null(PollChoice::Place))
            .col(schema::big_integer_null(PollChoice::Thousandths))
            .col(schema::string_len_null(PollChoice::Words, 500))
            .primary_key(Index::create().col(PollChoice::AppId).col(PollChoice::BallotId).col(PollChoice::Slot))
            .foreign_key(&mut ballot);
        manager.create_table(table).await?;
        let by = [PollChoice::AppId, PollChoice::PollId, PollChoice::Round, PollChoice::OptionId];
        table::index(manager, "poll_choice_tally", PollChoice::Table, by).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(PollChoice::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

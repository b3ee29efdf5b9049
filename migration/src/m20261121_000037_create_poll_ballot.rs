//! Creates `poll_ballot`.

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
enum PollBallot {
    Table,
    AppId,
    Id,
    PollId,
    Round,
    VoterKey,
    UserId,
    IsGuest,
    CastAt,
    Revision,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut poll = ForeignKey::create()
            .name("fk_poll_ballot_poll_id")
            .from(PollBallot::Table, (PollBallot::AppId, PollBallot::PollId))
            .to(Poll::Table, (Poll::AppId, Poll::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, PollBallot::Table);
        table
            .col(schema::string_len(PollBallot::AppId, 64))
            .col(schema::string_len(PollBallot::Id, 32))
            .col(schema::string_len(PollBallot::PollId, 64))
            .col(schema::integer(PollBallot::Round))
            .col(schema::string_len(PollBallot::VoterKey, 128))
            .col(schema::string_len_null(PollBallot::UserId, 128))
            .col(schema::boolean(PollBallot::IsGuest))
            .col(schema::big_integer_null(PollBallot::CastAt))
            .col(schema::integer(PollBallot::Revision))
            .primary_key(Index::create().col(PollBallot::AppId).col(PollBallot::Id))
            .index(
                Index::create()
                    .unique()
                    .name("poll_ballot_voter")
                    .col(PollBallot::AppId)
                    .col(PollBallot::PollId)
                    .col(PollBallot::Round)
                    .col(PollBallot::VoterKey),
            )
            .foreign_key(&mut poll);
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(PollBallot::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

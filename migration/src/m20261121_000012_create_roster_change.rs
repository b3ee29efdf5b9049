//! Creates `roster_change`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum RosterChange {
    Table,
    Seq,
    AppId,
    Kind,
    ObjectId,
    Action,
    UserId,
    CourseId,
    At,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, RosterChange::Table);
        table
            .col(schema::big_integer(RosterChange::Seq).primary_key())
            .col(schema::string_len(RosterChange::AppId, 64))
            .col(schema::string_len(RosterChange::Kind, 16))
            .col(schema::string_len(RosterChange::ObjectId, 128))
            .col(schema::string_len(RosterChange::Action, 16))
            .col(schema::string_len_null(RosterChange::UserId, 128))
            .col(schema::string_len_null(RosterChange::CourseId, 64))
            .col(schema::date_time(RosterChange::At));
        manager.create_table(table).await?;
        table::index(manager, "roster_change_app_seq", RosterChange::Table, [RosterChange::AppId, RosterChange::Seq])
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(RosterChange::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

//! Creates `stream`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Stream {
    Table,
    AppId,
    Topic,
    Epoch,
    Seq,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, Stream::Table);
        table
            .col(schema::string_len(Stream::AppId, 64))
            .col(schema::string_len(Stream::Topic, 200))
            .col(schema::string_len(Stream::Epoch, 26))
            .col(schema::big_integer(Stream::Seq))
            .primary_key(Index::create().col(Stream::AppId).col(Stream::Topic));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Stream::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

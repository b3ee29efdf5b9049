//! Creates `org`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Org {
    Table,
    AppId,
    Id,
    Name,
    Source,
    Version,
    UpdatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, Org::Table);
        table
            .col(schema::string_len(Org::AppId, 64))
            .col(schema::string_len(Org::Id, 64))
            .col(schema::string_len(Org::Name, 255))
            .col(schema::string_len(Org::Source, 64))
            .col(schema::big_integer(Org::Version))
            .col(schema::date_time(Org::UpdatedAt))
            .primary_key(Index::create().col(Org::AppId).col(Org::Id));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Org::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

//! Creates `change_counter`. A counter starts with its first change; no row means none yet.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum ChangeCounter {
    Table,
    Name,
    Value,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, ChangeCounter::Table);
        table
            .col(schema::string_len(ChangeCounter::Name, 64).primary_key())
            .col(schema::big_integer(ChangeCounter::Value));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ChangeCounter::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

//! Creates `app`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum App {
    Table,
    Id,
    Key,
    Name,
    Enabled,
    CreatedAt,
    UpdatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, App::Table);
        table
            .col(schema::string_len(App::Id, 64).primary_key())
            .col(schema::string_len_uniq(App::Key, 128))
            .col(schema::string_len(App::Name, 128))
            .col(schema::boolean(App::Enabled))
            .col(schema::date_time(App::CreatedAt))
            .col(schema::date_time(App::UpdatedAt));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(App::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

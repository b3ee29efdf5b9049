//! Creates `broadcast`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Broadcast {
    Table,
    Id,
    AppId,
    Audience,
    Event,
    Payload,
    Durable,
    RequireAck,
    CreatedBy,
    Receivers,
    CreatedAt,
    ExpiresAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, Broadcast::Table);
        table
            .col(schema::string_len(Broadcast::Id, 26).primary_key())
            .col(schema::string_len(Broadcast::AppId, 64))
            .col(table::long_column(manager, Broadcast::Audience))
            .col(schema::string_len(Broadcast::Event, 200))
            .col(table::long_column(manager, Broadcast::Payload))
            .col(schema::boolean(Broadcast::Durable))
            .col(schema::boolean(Broadcast::RequireAck))
            .col(schema::string_len(Broadcast::CreatedBy, 160))
            .col(schema::big_integer(Broadcast::Receivers))
            .col(schema::big_integer(Broadcast::CreatedAt))
            .col(schema::big_integer_null(Broadcast::ExpiresAt));
        manager.create_table(table).await?;
        table::index(manager, "broadcast_created", Broadcast::Table, [Broadcast::CreatedAt]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Broadcast::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

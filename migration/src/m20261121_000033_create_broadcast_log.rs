//! Creates `broadcast_log`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum BroadcastLog {
    Table,
    Id,
    AppId,
    Kind,
    Channel,
    Event,
    EventId,
    Bytes,
    Actor,
    Ip,
    Receivers,
    LatencyUs,
    Outcome,
    CreatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, BroadcastLog::Table);
        table
            .col(schema::big_integer(BroadcastLog::Id).auto_increment().primary_key())
            .col(schema::string_len(BroadcastLog::AppId, 64))
            .col(schema::string_len(BroadcastLog::Kind, 16))
            .col(schema::string_len(BroadcastLog::Channel, 255))
            .col(schema::string_len(BroadcastLog::Event, 200))
            .col(schema::string_len_null(BroadcastLog::EventId, 26))
            .col(schema::big_integer(BroadcastLog::Bytes))
            .col(schema::string_len(BroadcastLog::Actor, 160))
            .col(schema::string_len_null(BroadcastLog::Ip, 45))
            .col(schema::big_integer(BroadcastLog::Receivers))
            .col(schema::big_integer(BroadcastLog::LatencyUs))
            .col(schema::string_len(BroadcastLog::Outcome, 16))
            .col(schema::big_integer(BroadcastLog::CreatedAt));
        manager.create_table(table).await?;
        table::index(manager, "broadcast_log_app", BroadcastLog::Table, [BroadcastLog::AppId, BroadcastLog::Id])
            .await?;
        table::index(
            manager,
            "broadcast_log_channel",
            BroadcastLog::Table,
            [BroadcastLog::AppId, BroadcastLog::Channel, BroadcastLog::Id],
        )
        .await?;
        table::index(
            manager,
            "broadcast_log_actor",
            BroadcastLog::Table,
            [BroadcastLog::AppId, BroadcastLog::Actor, BroadcastLog::Id],
        )
        .await?;
        table::index(manager, "broadcast_log_created", BroadcastLog::Table, [BroadcastLog::CreatedAt]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(BroadcastLog::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

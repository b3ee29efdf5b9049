//! Creates `broadcast_ack`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum BroadcastAck {
    Table,
    BroadcastId,
    UserId,
    AppId,
    At,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, BroadcastAck::Table);
        table
            .col(schema::string_len(BroadcastAck::BroadcastId, 26))
            .col(schema::string_len(BroadcastAck::UserId, 128))
            .col(schema::string_len(BroadcastAck::AppId, 64))
            .col(schema::big_integer(BroadcastAck::At))
            .primary_key(Index::create().col(BroadcastAck::BroadcastId).col(BroadcastAck::UserId));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(BroadcastAck::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

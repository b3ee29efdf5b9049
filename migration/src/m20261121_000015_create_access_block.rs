//! Creates `access_block`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum AccessBlock {
    Table,
    Id,
    AppId,
    UserId,
    ScopeKind,
    ScopeId,
    UntilAt,
    Reason,
    CreatedBy,
    CreatedAt,
    LiftedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, AccessBlock::Table);
        table
            .col(schema::big_pk_auto(AccessBlock::Id))
            .col(schema::string_len(AccessBlock::AppId, 64))
            .col(schema::string_len(AccessBlock::UserId, 128))
            .col(schema::string_len(AccessBlock::ScopeKind, 16))
            .col(schema::string_len(AccessBlock::ScopeId, 200))
            .col(schema::date_time_null(AccessBlock::UntilAt))
            .col(schema::string_len(AccessBlock::Reason, 255))
            .col(schema::string_len(AccessBlock::CreatedBy, 160))
            .col(schema::date_time(AccessBlock::CreatedAt))
            .col(schema::date_time_null(AccessBlock::LiftedAt));
        manager.create_table(table).await?;
        table::index(manager, "access_block_user", AccessBlock::Table, [AccessBlock::AppId, AccessBlock::UserId]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(AccessBlock::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

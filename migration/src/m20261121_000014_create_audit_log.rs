//! Creates `audit_log`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum AuditLog {
    Table,
    Id,
    AppId,
    Actor,
    Action,
    TargetType,
    TargetId,
    Scope,
    Before,
    After,
    Ip,
    CreatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, AuditLog::Table);
        table
            .col(schema::big_pk_auto(AuditLog::Id))
            .col(schema::string_len(AuditLog::AppId, 64))
            .col(schema::string_len(AuditLog::Actor, 160))
            .col(schema::string_len(AuditLog::Action, 64))
            .col(schema::string_len(AuditLog::TargetType, 32))
            .col(schema::string_len(AuditLog::TargetId, 200))
            .col(schema::string_len_null(AuditLog::Scope, 255))
            .col(schema::text_null(AuditLog::Before))
            .col(schema::text_null(AuditLog::After))
            .col(schema::string_len_null(AuditLog::Ip, 45))
            .col(schema::date_time(AuditLog::CreatedAt));
        manager.create_table(table).await?;
        table::index(
            manager,
            "audit_log_target",
            AuditLog::Table,
            [AuditLog::AppId, AuditLog::TargetType, AuditLog::TargetId],
        )
        .await?;
        table::index(manager, "audit_log_actor", AuditLog::Table, [AuditLog::AppId, AuditLog::Actor]).await?;
        table::index(manager, "audit_log_time", AuditLog::Table, [AuditLog::AppId, AuditLog::CreatedAt]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(AuditLog::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

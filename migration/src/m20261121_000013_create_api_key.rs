//! Creates `api_key`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum ApiKey {
    Table,
    Id,
    AppId,
    Name,
    Hash,
    Scopes,
    IpAllow,
    ExpiresAt,
    LastUsedAt,
    RevokedAt,
    CreatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, ApiKey::Table);
        table
            .col(schema::string_len(ApiKey::Id, 32).primary_key())
            .col(schema::string_len(ApiKey::AppId, 64))
            .col(schema::string_len(ApiKey::Name, 128))
            .col(schema::var_binary(ApiKey::Hash, 32))
            .col(schema::string_len(ApiKey::Scopes, 255))
            .col(schema::text(ApiKey::IpAllow))
            .col(schema::date_time_null(ApiKey::ExpiresAt))
            .col(schema::date_time_null(ApiKey::LastUsedAt))
            .col(schema::date_time_null(ApiKey::RevokedAt))
            .col(schema::date_time(ApiKey::CreatedAt));
        manager.create_table(table).await?;
        table::index(manager, "api_key_app", ApiKey::Table, [ApiKey::AppId]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ApiKey::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

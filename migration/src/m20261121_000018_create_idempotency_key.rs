//! Creates `idempotency_key`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum IdempotencyKey {
    Table,
    Id,
    AppId,
    Caller,
    Request,
    Status,
    Location,
    Etag,
    ContentType,
    Body,
    UntilAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, IdempotencyKey::Table);
        table
            .col(schema::string_len(IdempotencyKey::Id, 43).primary_key())
            .col(schema::string_len(IdempotencyKey::AppId, 64))
            .col(schema::string_len(IdempotencyKey::Caller, 255))
            .col(schema::string_len(IdempotencyKey::Request, 43))
            .col(schema::integer_null(IdempotencyKey::Status))
            .col(schema::text_null(IdempotencyKey::Location))
            .col(schema::text_null(IdempotencyKey::Etag))
            .col(schema::text_null(IdempotencyKey::ContentType))
            .col(ColumnDef::new(IdempotencyKey::Body).custom(table::long_text(manager)).null())
            .col(schema::big_integer(IdempotencyKey::UntilAt));
        manager.create_table(table).await?;
        let (table, by) = (IdempotencyKey::Table, [IdempotencyKey::UntilAt]);
        table::index(manager, "idempotency_key_until", table, by).await?;
        let (table, by) =
            (IdempotencyKey::Table, [IdempotencyKey::AppId, IdempotencyKey::Caller, IdempotencyKey::UntilAt]);
        table::index(manager, "idempotency_key_caller", table, by).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(IdempotencyKey::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

//! Creates `notification_broadcast`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum NotificationBroadcast {
    Table,
    Id,
    AppId,
    Audience,
    Category,
    Kind,
    Title,
    Body,
    Url,
    Data,
    GroupKey,
    IsPublic,
    CreatedBy,
    ExceptSocket,
    ActorId,
    ActorName,
    ActorRole,
    State,
    Estimated,
    Recipients,
    Muted,
    DoneUpTo,
    CreatedAt,
    ScheduledAt,
    SentAt,
    ExpiresAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, NotificationBroadcast::Table);
        table
            .col(schema::string_len(NotificationBroadcast::Id, 26).primary_key())
            .col(schema::string_len(NotificationBroadcast::AppId, 64))
            .col(table::long_column(manager, NotificationBroadcast::Audience))
            .col(schema::string_len(NotificationBroadcast::Category, 16))
            .col(schema::string_len_null(NotificationBroadcast::Kind, 64))
            .col(schema::string_len(NotificationBroadcast::Title, 255))
            .col(table::long_column(manager, NotificationBroadcast::Body))
            .col(schema::string_len_null(NotificationBroadcast::Url, 1024))
            .col(table::long_column_null(manager, NotificationBroadcast::Data))
            .col(schema::string_len_null(NotificationBroadcast::GroupKey, 128))
            .col(schema::boolean(NotificationBroadcast::IsPublic))
            .col(schema::string_len(NotificationBroadcast::CreatedBy, 160))
            .col(schema::string_len_null(NotificationBroadcast::ExceptSocket, 64))
            .col(schema::string_len_null(NotificationBroadcast::ActorId, 128))
            .col(schema::string_len_null(NotificationBroadcast::ActorName, 255))
            .col(schema::string_len_null(NotificationBroadcast::ActorRole, 16))
            .col(schema::string_len(NotificationBroadcast::State, 16))
            .col(schema::big_integer(NotificationBroadcast::Estimated))
            .col(schema::big_integer(NotificationBroadcast::Recipients))
            .col(schema::big_integer(NotificationBroadcast::Muted))
            .col(schema::string_len_null(NotificationBroadcast::DoneUpTo, 128))
            .col(schema::big_integer(NotificationBroadcast::CreatedAt))
            .col(schema::big_integer(NotificationBroadcast::ScheduledAt))
            .col(schema::big_integer_null(NotificationBroadcast::SentAt))
            .col(schema::big_integer_null(NotificationBroadcast::ExpiresAt));
        manager.create_table(table).await?;
        table::index(
            manager,
            "notification_broadcast_due",
            NotificationBroadcast::Table,
            [NotificationBroadcast::State, NotificationBroadcast::ScheduledAt],
        )
        .await?;
        table::index(
            manager,
            "notification_broadcast_creator",
            NotificationBroadcast::Table,
            [NotificationBroadcast::AppId, NotificationBroadcast::CreatedBy, NotificationBroadcast::CreatedAt],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(NotificationBroadcast::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

//! Creates `notification`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Notification {
    Table,
    Id,
    AppId,
    UserId,
    Category,
    Kind,
    Title,
    Body,
    Url,
    Data,
    CourseId,
    ActorId,
    ActorName,
    ActorRole,
    BroadcastId,
    GroupKey,
    GroupSlot,
    Times,
    CreatedAt,
    UpdatedAt,
    SeenAt,
    ReadAt,
    ArchivedAt,
    ExpiresAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, Notification::Table);
        table
            .col(schema::string_len(Notification::Id, 26).primary_key())
            .col(schema::string_len(Notification::AppId, 64))
            .col(schema::string_len(Notification::UserId, 128))
            .col(schema::string_len(Notification::Category, 16))
            .col(schema::string_len_null(Notification::Kind, 64))
            .col(schema::string_len(Notification::Title, 255))
            .col(table::long_column(manager, Notification::Body))
            .col(schema::string_len_null(Notification::Url, 1024))
            .col(table::long_column_null(manager, Notification::Data))
            .col(schema::string_len_null(Notification::CourseId, 64))
            .col(schema::string_len_null(Notification::ActorId, 128))
            .col(schema::string_len_null(Notification::ActorName, 255))
            .col(schema::string_len_null(Notification::ActorRole, 16))
            .col(schema::string_len_null(Notification::BroadcastId, 26))
            .col(schema::string_len_null(Notification::GroupKey, 128))
            .col(schema::string_len_null(Notification::GroupSlot, 128))
            .col(schema::integer(Notification::Times))
            .col(schema::big_integer(Notification::CreatedAt))
            .col(schema::big_integer(Notification::UpdatedAt))
            .col(schema::big_integer_null(Notification::SeenAt))
            .col(schema::big_integer_null(Notification::ReadAt))
            .col(schema::big_integer_null(Notification::ArchivedAt))
            .col(schema::big_integer_null(Notification::ExpiresAt))
            .index(
                Index::create()
                    .unique()
                    .name("notification_group")
                    .col(Notification::AppId)
                    .col(Notification::UserId)
                    .col(Notification::GroupSlot),
            );
        manager.create_table(table).await?;
        table::index(
            manager,
            "notification_user",
            Notification::Table,
            [Notification::AppId, Notification::UserId, Notification::UpdatedAt, Notification::Id],
        )
        .await?;
        table::index(
            manager,
            "notification_unread",
            Notification::Table,
            [Notification::AppId, Notification::UserId, Notification::ReadAt],
        )
        .await?;
        table::index(manager, "notification_expires", Notification::Table, [Notification::ExpiresAt]).await?;
        table::index(manager, "notification_updated", Notification::Table, [Notification::UpdatedAt]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Notification::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

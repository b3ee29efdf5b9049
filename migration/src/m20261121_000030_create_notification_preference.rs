//! Creates `notification_preference`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum NotificationPreference {
    Table,
    AppId,
    UserId,
    Category,
    Medium,
    CourseId,
    Enabled,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, NotificationPreference::Table);
        table
            .col(schema::string_len(NotificationPreference::AppId, 64))
            .col(schema::string_len(NotificationPreference::UserId, 128))
            .col(schema::string_len(NotificationPreference::Category, 16))
            .col(schema::string_len(NotificationPreference::Medium, 16))
            .col(schema::string_len(NotificationPreference::CourseId, 64))
            .col(schema::boolean(NotificationPreference::Enabled))
            .primary_key(
                Index::create()
                    .col(NotificationPreference::AppId)
                    .col(NotificationPreference::UserId)
                    .col(NotificationPreference::Category)
                    .col(NotificationPreference::Medium)
                    .col(NotificationPreference::CourseId),
            );
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(NotificationPreference::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

//! Creates `user_status`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum UserStatus {
    Table,
    AppId,
    UserId,
    Availability,
    Note,
    Emoji,
    Invisible,
    HidesTyping,
    ClearAt,
    LastSeenAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, UserStatus::Table);
        table
            .col(schema::string_len(UserStatus::AppId, 64))
            .col(schema::string_len(UserStatus::UserId, 128))
            .col(schema::string_len(UserStatus::Availability, 16))
            .col(schema::string_len_null(UserStatus::Note, 255))
            .col(schema::string_len_null(UserStatus::Emoji, 64))
            .col(schema::boolean(UserStatus::Invisible))
            .col(schema::boolean(UserStatus::HidesTyping))
            .col(schema::big_integer_null(UserStatus::ClearAt))
            .col(schema::big_integer_null(UserStatus::LastSeenAt))
            .primary_key(Index::create().col(UserStatus::AppId).col(UserStatus::UserId));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(UserStatus::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

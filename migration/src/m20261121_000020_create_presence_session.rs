//! Creates `presence_session`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum PresenceSession {
    Table,
    Id,
    AppId,
    UserId,
    Scope,
    JoinedAt,
    Node,
    LeftAt,
    Reason,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = table::create(manager, PresenceSession::Table);
        table
            .col(schema::big_pk_auto(PresenceSession::Id))
            .col(schema::string_len(PresenceSession::AppId, 64))
            .col(schema::string_len(PresenceSession::UserId, 128))
            .col(schema::string_len(PresenceSession::Scope, 200))
            .col(schema::big_integer(PresenceSession::JoinedAt))
            .col(schema::string_len(PresenceSession::Node, 32))
            .col(schema::big_integer_null(PresenceSession::LeftAt))
            .col(schema::string_len_null(PresenceSession::Reason, 16));
        manager.create_table(table).await?;
        let (table, by) =
            (PresenceSession::Table, [PresenceSession::AppId, PresenceSession::UserId, PresenceSession::JoinedAt]);
        table::index(manager, "presence_session_user", table, by).await?;
        let by = [PresenceSession::AppId, PresenceSession::Scope, PresenceSession::JoinedAt];
        table::index(manager, "presence_session_scope", PresenceSession::Table, by).await?;
        let by = [PresenceSession::LeftAt, PresenceSession::AppId];
        table::index(manager, "presence_session_left", PresenceSession::Table, by).await?;
        let by = [PresenceSession::Node, PresenceSession::LeftAt];
        table::index(manager, "presence_session_node", PresenceSession::Table, by).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(PresenceSession::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

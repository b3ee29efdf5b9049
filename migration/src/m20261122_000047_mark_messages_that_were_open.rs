//! Marks messages in the shadow that others may have before them from before: their deletion is for everybody.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum ChatMessage {
    Table,
    WasOpen,
}

impl Migration {
    async fn is_there(manager: &SchemaManager<'_>) -> Result<bool, DbErr> {
        manager.has_column(ChatMessage::Table.to_string(), ChatMessage::WasOpen.to_string()).await
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if Self::is_there(manager).await? {
            return Ok(());
        }
        let column = ColumnDef::new(ChatMessage::WasOpen).boolean().not_null().default(false).take();
        manager.alter_table(Table::alter().table(ChatMessage::Table).add_column(column).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if !Self::is_there(manager).await? {
            return Ok(());
        }
        manager.alter_table(Table::alter().table(ChatMessage::Table).drop_column(ChatMessage::WasOpen).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

//! Indexes `stream_event` by what tells rows apart and no more, for each index is paid for at every event: by the id of the event
//! alone, and, where the database can leave rows out of an index, those that were told no longer.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden, Clone, Copy)]
enum StreamEvent {
    Table,
    Id,
    AppId,
    Topic,
    EventId,
    PublishedAt,
}

const BY_EVENT: &str = "stream_event_event";
const UNTOLD: &str = "stream_event_published";

async fn drop_index(manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
    manager.drop_index(Index::drop().name(name).table(StreamEvent::Table).to_owned()).await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_index(manager, BY_EVENT).await?;
        table::index(manager, BY_EVENT, StreamEvent::Table, [StreamEvent::EventId]).await?;
        if manager.get_database_backend() == DbBackend::MySql {
            return Ok(());
        }
        drop_index(manager, UNTOLD).await?;
        let mut index = Index::create();
        index.name(UNTOLD).table(StreamEvent::Table).col(StreamEvent::PublishedAt).col(StreamEvent::Id);
        manager.create_index(index.and_where(Expr::col(StreamEvent::PublishedAt).is_null()).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_index(manager, BY_EVENT).await?;
        let by = [StreamEvent::EventId, StreamEvent::AppId, StreamEvent::Topic];
        table::index(manager, BY_EVENT, StreamEvent::Table, by).await?;
        if manager.get_database_backend() == DbBackend::MySql {
            return Ok(());
        }
        drop_index(manager, UNTOLD).await?;
        table::index(manager, UNTOLD, StreamEvent::Table, [StreamEvent::PublishedAt, StreamEvent::Id]).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

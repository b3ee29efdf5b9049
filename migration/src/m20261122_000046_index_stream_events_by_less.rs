//! Indexes `stream_event` by what tells rows apart and no more, for each index is paid for at every event: by the id of the event
//! alone, and, where the database can leave rows out of an index, those that were told no longer.

use sea_orm_migration::prelude::*;

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

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        table::index_anew(manager, (BY_EVENT, StreamEvent::Table), [StreamEvent::EventId]).await?;
        let fit = Expr::col(StreamEvent::PublishedAt).is_null();
        table::index_of_some(manager, (UNTOLD, StreamEvent::Table), [StreamEvent::PublishedAt, StreamEvent::Id], fit)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let by = [StreamEvent::EventId, StreamEvent::AppId, StreamEvent::Topic];
        table::index_anew(manager, (BY_EVENT, StreamEvent::Table), by).await?;
        table::index_anew(manager, (UNTOLD, StreamEvent::Table), [StreamEvent::PublishedAt, StreamEvent::Id]).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

//! Creates `poll`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Course {
    Table,
    AppId,
    Id,
}

#[derive(DeriveIden)]
enum CourseClass {
    Table,
    AppId,
    Id,
}

#[derive(DeriveIden)]
enum Poll {
    Table,
    AppId,
    Id,
    CourseId,
    ClassId,
    Question,
    Kind,
    Settings,
    State,
    Round,
    CreatedBy,
    CreatedAt,
    OpensAt,
    OpenedAt,
    ClosesAt,
    SealedAt,
    ClosedAt,
    PublishedAt,
    Version,
    VoterSecret,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut course = ForeignKey::create()
            .name("fk_poll_course_id")
            .from(Poll::Table, (Poll::AppId, Poll::CourseId))
            .to(Course::Table, (Course::AppId, Course::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut class = ForeignKey::create()
            .name("fk_poll_class_id")
            .from(Poll::Table, (Poll::AppId, Poll::ClassId))
            .to(CourseClass::Table, (CourseClass::AppId, CourseClass::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, Poll::Table);
        table
            .col(schema::string_len(Poll::AppId, 64))
            .col(schema::string_len(Poll::Id, 64))
            .col(schema::string_len(Poll::CourseId, 64))
            .col(schema::string_len_null(Poll::ClassId, 64))
            .col(schema::text(Poll::Question))
            .col(schema::string_len(Poll::Kind, 16))
            .col(schema::text(Poll::Settings))
            .col(schema::string_len(Poll::State, 16))
            .col(schema::integer(Poll::Round))
            .col(schema::string_len(Poll::CreatedBy, 160))
            .col(schema::big_integer(Poll::CreatedAt))
            .col(schema::big_integer_null(Poll::OpensAt))
            .col(schema::big_integer_null(Poll::OpenedAt))
            .col(schema::big_integer_null(Poll::ClosesAt))
            .col(schema::big_integer_null(Poll::SealedAt))
            .col(schema::big_integer_null(Poll::ClosedAt))
            .col(schema::big_integer_null(Poll::PublishedAt))
            .col(schema::big_integer(Poll::Version))
            .col(schema::string_len_null(Poll::VoterSecret, 64))
            .primary_key(Index::create().col(Poll::AppId).col(Poll::Id))
            .foreign_key(&mut course)
            .foreign_key(&mut class);
        manager.create_table(table).await?;
        let by = [Poll::AppId, Poll::CourseId, Poll::ClassId, Poll::State];
        table::index(manager, "poll_place", Poll::Table, by).await?;
        table::index(manager, "poll_class", Poll::Table, [Poll::AppId, Poll::ClassId]).await?;
        table::index(manager, "poll_due", Poll::Table, [Poll::State, Poll::ClosesAt]).await?;
        table::index(manager, "poll_sealed", Poll::Table, [Poll::State, Poll::SealedAt]).await?;
        table::index(manager, "poll_opens", Poll::Table, [Poll::State, Poll::OpensAt]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Poll::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

//! Creates `chapter`.

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
enum Chapter {
    Table,
    AppId,
    Id,
    CourseId,
    Title,
    Position,
    Source,
    Version,
    UpdatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut course = ForeignKey::create()
            .name("fk_chapter_course_id")
            .from(Chapter::Table, (Chapter::AppId, Chapter::CourseId))
            .to(Course::Table, (Course::AppId, Course::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, Chapter::Table);
        table
            .col(schema::string_len(Chapter::AppId, 64))
            .col(schema::string_len(Chapter::Id, 64))
            .col(schema::string_len(Chapter::CourseId, 64))
            .col(schema::string_len(Chapter::Title, 255))
            .col(schema::integer(Chapter::Position))
            .col(schema::string_len(Chapter::Source, 64))
            .col(schema::big_integer(Chapter::Version))
            .col(schema::date_time(Chapter::UpdatedAt))
            .primary_key(Index::create().col(Chapter::AppId).col(Chapter::Id))
            .foreign_key(&mut course);
        manager.create_table(table).await?;
        table::index(
            manager,
            "chapter_course_position",
            Chapter::Table,
            [Chapter::AppId, Chapter::CourseId, Chapter::Position],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Chapter::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

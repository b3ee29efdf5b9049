//! Creates `course_class`.

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
    CourseId,
    Name,
    Guests,
    Source,
    Version,
    UpdatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut course = ForeignKey::create()
            .name("fk_course_class_course_id")
            .from(CourseClass::Table, (CourseClass::AppId, CourseClass::CourseId))
            .to(Course::Table, (Course::AppId, Course::Id))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, CourseClass::Table);
        table
            .col(schema::string_len(CourseClass::AppId, 64))
            .col(schema::string_len(CourseClass::Id, 64))
            .col(schema::string_len(CourseClass::CourseId, 64))
            .col(schema::string_len(CourseClass::Name, 255))
            .col(schema::boolean(CourseClass::Guests))
            .col(schema::string_len(CourseClass::Source, 64))
            .col(schema::big_integer(CourseClass::Version))
            .col(schema::date_time(CourseClass::UpdatedAt))
            .primary_key(Index::create().col(CourseClass::AppId).col(CourseClass::Id))
            .foreign_key(&mut course);
        manager.create_table(table).await?;
        table::index(manager, "course_class_course", CourseClass::Table, [CourseClass::AppId, CourseClass::CourseId])
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(CourseClass::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

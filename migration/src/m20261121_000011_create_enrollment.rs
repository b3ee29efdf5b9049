//! Creates `enrollment`.

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
enum Person {
    Table,
    AppId,
    Id,
}

#[derive(DeriveIden)]
enum Enrollment {
    Table,
    AppId,
    Id,
    UserId,
    CourseId,
    ClassId,
    ClassKey,
    Role,
    Status,
    BeginAt,
    EndAt,
    ObservedUserId,
    LimitToClass,
    Source,
    Version,
    UpdatedAt,
}

/// A reference to a row that takes this one along when it goes.
fn below<P: Iden>(name: &str, column: Enrollment, (table, app, id): (P, P, P)) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(name)
        .from(Enrollment::Table, (Enrollment::AppId, column))
        .to(table, (app, id))
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let person = || (Person::Table, Person::AppId, Person::Id);
        let mut user = below("fk_enrollment_user_id", Enrollment::UserId, person());
        let mut observed_user = below("fk_enrollment_observed_user_id", Enrollment::ObservedUserId, person());
        let course = (Course::Table, Course::AppId, Course::Id);
        let mut course = below("fk_enrollment_course_id", Enrollment::CourseId, course);
        let class = (CourseClass::Table, CourseClass::AppId, CourseClass::Id);
        let mut class = below("fk_enrollment_class_id", Enrollment::ClassId, class);
        let mut table = table::create(manager, Enrollment::Table);
        table
            .col(schema::string_len(Enrollment::AppId, 64))
            .col(schema::string_len(Enrollment::Id, 64))
            .col(schema::string_len(Enrollment::UserId, 128))
            .col(schema::string_len(Enrollment::CourseId, 64))
            .col(schema::string_len_null(Enrollment::ClassId, 64))
            .col(schema::string_len(Enrollment::ClassKey, 64))
            .col(schema::string_len(Enrollment::Role, 16))
            .col(schema::string_len(Enrollment::Status, 16))
            .col(schema::date_time_null(Enrollment::BeginAt))
            .col(schema::date_time_null(Enrollment::EndAt))
            .col(schema::string_len_null(Enrollment::ObservedUserId, 128))
            .col(schema::boolean(Enrollment::LimitToClass))
            .col(schema::string_len(Enrollment::Source, 64))
            .col(schema::big_integer(Enrollment::Version))
            .col(schema::date_time(Enrollment::UpdatedAt))
            .primary_key(Index::create().col(Enrollment::AppId).col(Enrollment::Id))
            .index(
                Index::create()
                    .unique()
                    .name("enrollment_place")
                    .col(Enrollment::AppId)
                    .col(Enrollment::UserId)
                    .col(Enrollment::CourseId)
                    .col(Enrollment::ClassKey)
                    .col(Enrollment::Role)
                    .col(Enrollment::Source),
            )
            .foreign_key(&mut user)
            .foreign_key(&mut course)
            .foreign_key(&mut class)
            .foreign_key(&mut observed_user);
        manager.create_table(table).await?;
        table::index(
            manager,
            "enrollment_course_status",
            Enrollment::Table,
            [Enrollment::AppId, Enrollment::CourseId, Enrollment::Status],
        )
        .await?;
        table::index(
            manager,
            "enrollment_user_status",
            Enrollment::Table,
            [Enrollment::AppId, Enrollment::UserId, Enrollment::Status],
        )
        .await?;
        table::index(manager, "enrollment_class", Enrollment::Table, [Enrollment::AppId, Enrollment::ClassId]).await?;
        table::index(manager, "enrollment_observed", Enrollment::Table, [Enrollment::AppId, Enrollment::ObservedUserId])
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Enrollment::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

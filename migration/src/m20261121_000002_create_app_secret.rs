//! Creates `app_secret`.

use sea_orm_migration::{prelude::*, schema};

use crate::table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum App {
    Table,
    Id,
}

#[derive(DeriveIden)]
enum AppSecret {
    Table,
    Id,
    AppId,
    Secret,
    CreatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut app = ForeignKey::create()
            .name("fk_app_secret_app_id")
            .from(AppSecret::Table, AppSecret::AppId)
            .to(App::Table, App::Id)
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, AppSecret::Table);
        table
            .col(schema::big_pk_auto(AppSecret::Id))
            .col(schema::string_len(AppSecret::AppId, 64))
            .col(schema::string_len(AppSecret::Secret, 255))
            .col(schema::date_time(AppSecret::CreatedAt))
            .foreign_key(&mut app);
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(AppSecret::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

//! Creates `app_setting`.

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
enum AppSetting {
    Table,
    AppId,
    Name,
    Value,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut app = ForeignKey::create()
            .name("fk_app_setting_app_id")
            .from(AppSetting::Table, AppSetting::AppId)
            .to(App::Table, App::Id)
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        let mut table = table::create(manager, AppSetting::Table);
        table
            .col(schema::string_len(AppSetting::AppId, 64))
            .col(schema::string_len(AppSetting::Name, 64))
            .col(schema::text(AppSetting::Value))
            .primary_key(Index::create().col(AppSetting::AppId).col(AppSetting::Name))
            .foreign_key(&mut app);
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(AppSetting::Table).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

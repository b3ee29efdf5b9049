//! The history of Campanile's tables: one step a file, each with its way back.
//!
//! A step that has been released is never edited, and none imports `entity`: history must not move with the models.
//! Each step runs in a transaction, on SQLite too, and makes one table: MySQL and MariaDB commit every DDL statement at
//! once and could leave a longer step half done. `campanile::store` runs the steps; nothing else does.
#![expect(
    elided_lifetimes_in_paths,
    reason = "`MigrationTrait` leaves out the lifetime of `SchemaManager`, and async_trait wants the same form here"
)]

mod m20261121_000001_create_app;
mod m20261121_000002_create_app_secret;
mod m20261121_000003_create_app_setting;
mod m20261121_000004_create_change_counter;
mod table;

pub use sea_orm_migration::{MigrationStatus, MigratorTrait};

use sea_orm_migration::{MigrationTrait, async_trait};

/// All steps, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_create_app::Migration),
            Box::new(m20261121_000002_create_app_secret::Migration),
            Box::new(m20261121_000003_create_app_setting::Migration),
            Box::new(m20261121_000004_create_change_counter::Migration),
        ]
    }
}

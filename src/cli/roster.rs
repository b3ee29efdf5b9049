//! `campanile roster …`: bringing the roster in from files, and looking at it.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::{
    domain::roster::Kind,
    ids::{AppId, ExternalId, UserId},
};

const IMPORT_HELP: &str = "\
A file holds one kind of objects, told by its name (orgs*.csv, users*.csv, courses*.csv,
classes*.csv, chapters*.csv, enrollments*.csv) or else by its header. Columns may stand in any
order; * = needed:

  orgs         id* name*
  courses      id* title* org code starts_at ends_at visibility archived_at
  classes      id* course* name* guests
  chapters     id* course* title* position
  users        id* name* org email avatar org_role deactivated_at
  enrollments  id* user* course* role* class status begin_at end_at observed_user
               limit_to_class

A column that is left out leaves the field as it is; an empty cell empties it. All enrollment
files of one import together are the whole truth for their source and the courses that they
name: whoever is active there and missing in them is dropped, except assistants, instructors,
admins, and rows of other sources.

Examples:
  campanile roster import school/*.csv            show what would change
  campanile roster import school/*.csv --apply    change it";

/// What to do with the roster.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum RosterCommand {
    /// Bring in CSV files: shows what would change; --apply changes it
    #[command(after_help = IMPORT_HELP)]
    Import {
        /// CSV files with a header
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// The app [default: the configured one, else the oldest that is enabled]
        #[arg(long, value_name = "ID", value_parser = AppId::parse)]
        app: Option<AppId>,
        /// Whose rows these are; an import never drops those of others
        #[arg(long, value_name = "NAME", default_value = "csv")]
        source: ExternalId,
        /// Change the roster
        #[arg(long)]
        apply: bool,
        /// Drop many enrollments at once, as the report of this id says
        #[arg(long, value_name = "REPORT", requires = "apply")]
        confirm: Option<String>,
    },
    /// Show what is in the roster
    Show {
        /// Which kind of objects
        #[arg(value_enum, default_value_t = Listed::Courses)]
        what: Listed,
        /// The app [default: the configured one, else the oldest that is enabled]
        #[arg(long, value_name = "ID", value_parser = AppId::parse)]
        app: Option<AppId>,
        /// One user with their enrollments
        #[arg(long, value_name = "ID", conflicts_with_all = ["what", "course"])]
        user: Option<UserId>,
        /// One course with its classes, chapters and enrollments
        #[arg(long, value_name = "ID", conflicts_with = "what")]
        course: Option<ExternalId>,
        /// Most rows of each list
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
}

/// Kinds of objects, as lists are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Orgs.
    Orgs,
    /// Courses.
    Courses,
    /// Classes.
    Classes,
    /// Chapters.
    Chapters,
    /// People.
    Users,
    /// Enrollments.
    Enrollments,
}

impl From<Listed> for Kind {
    fn from(listed: Listed) -> Self {
        match listed {
            Listed::Orgs => Self::Org,
            Listed::Courses => Self::Course,
            Listed::Classes => Self::Class,
            Listed::Chapters => Self::Chapter,
            Listed::Users => Self::User,
            Listed::Enrollments => Self::Enrollment,
        }
    }
}

//! The forms of files that are taken away.

use std::borrow::Cow;

use poem_openapi::registry::MetaSchema;

use super::word::Meaning;

/// Form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines for spreadsheets.
    Csv,
    /// Everything, for programs.
    Json,
}

impl Meaning for Form {
    const NAME: &'static str = "format";

    fn schema() -> MetaSchema {
        MetaSchema { enum_items: ["csv", "json"].map(Into::into).to_vec(), ..MetaSchema::new("string") }
    }

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            _ => Err("must be csv or json".to_owned()),
        }
    }

    fn write(&self) -> Cow<'_, str> {
        match self {
            Self::Csv => "csv".into(),
            Self::Json => "json".into(),
        }
    }
}

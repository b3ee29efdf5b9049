//! Files for spreadsheets, which take a text for a formula when it begins like one.

/// A text that no spreadsheet takes for a formula.
pub(super) fn inert(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text.to_owned() }
}

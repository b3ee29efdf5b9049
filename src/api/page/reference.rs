//! The API reference: Swagger UI, taken apart so that no script and no style stands in the page.
//!
//! poem-openapi gives Swagger UI as one page with everything inline, which a strict content security policy refuses. Its two
//! large parts are served as files; the page around them and the call that starts it are ours.

use bytes::Bytes;

use super::{assets, markup::Markup};

/// Swagger UI.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) style: Bytes,
    pub(super) script: Bytes,
}

/// Swagger UI as poem-openapi has it; a test makes sure that it is found.
pub(super) fn parts() -> Parts {
    let page = crate::api::reference_html();
    let part = |tag: &str| Bytes::from(inner(&page, tag).unwrap_or_default().to_owned());
    Parts { style: part("style"), script: part("script") }
}

/// What stands in the first element of this name.
fn inner<'a>(page: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("<{tag}"))?;
    let (_attributes, rest) = rest.split_once('>')?;
    rest.split_once(&format!("</{tag}>")).map(|(inner, _)| inner)
}

/// The page, whole.
pub(super) fn page() -> String {
    let values = [
        ("icon", assets::link("icon.svg")),
        ("base-style", assets::link("page.css")),
        ("library-style", assets::link("swagger-ui.css")),
        ("style", assets::link("reference.css")),
        ("library", assets::link("swagger-ui.js")),
        ("script", assets::link("reference.js")),
        ("version", Markup::text(env!("CARGO_PKG_VERSION"))),
    ];
    Markup::fill(include_str!("reference.html"), &values).into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_of_swagger_ui_are_found_whole() {
        let Parts { style, script } = parts();
        assert!(style.len() > 50_000 && style.starts_with(b".swagger-ui"), "{} bytes", style.len());
        assert!(script.len() > 500_000, "{} bytes", script.len());
        let script = String::from_utf8(script.to_vec()).unwrap();
        assert!(script.contains("SwaggerUIBundle") && !script.contains("dom_id: '#ui'"));
    }

    #[test]
    fn the_page_has_no_script_and_no_style_of_its_own() {
        let page = page();
        assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"), "{page}");
        assert!(!page.contains("<style") && !page.contains("style="), "{page}");
        for script in page.split("<script").skip(1) {
            assert!(script.contains("src=\"assets/") && script.contains("></script>"), "{script}");
        }
    }
}

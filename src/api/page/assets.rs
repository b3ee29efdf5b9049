//! Files of the pages: part of the program, served from here and from nowhere else.
//!
//! A page names a file with a hash of its content; under that name a browser may keep it for ever. Under any other name it
//! asks again each time.

use std::sync::LazyLock;

use bytes::Bytes;
use poem::{Body, Response, http::header::CACHE_CONTROL};
use sha2::{Digest, Sha256};

use super::{markup::Markup, reference};

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// One file.
struct Asset {
    name: &'static str,
    kind: &'static str,
    body: Bytes,
    /// First half of the content's SHA-256 in hexadecimal digits.
    version: String,
}

/// Hashed once, when the first page is asked for.
static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let reference::Parts { style, script } = reference::parts();
    vec![
        asset("icon.svg", SVG, include_str!("icon.svg").into()),
        asset("page.css", CSS, include_str!("page.css").into()),
        asset("first.css", CSS, include_str!("first.css").into()),
        asset("first.js", JS, include_str!("first.js").into()),
        asset("console.js", JS, include_str!("console.js").into()),
        asset("frames.js", JS, include_str!("frames.js").into()),
        asset("json.js", JS, include_str!("json.js").into()),
        asset("socket.js", JS, include_str!("socket.js").into()),
        asset("problems.css", CSS, include_str!("problems.css").into()),
        asset("reference.css", CSS, include_str!("reference.css").into()),
        asset("reference.js", JS, include_str!("reference.js").into()),
        asset("swagger-ui.css", CSS, style),
        asset("swagger-ui.js", JS, script),
    ]
});

fn asset(name: &'static str, kind: &'static str, body: Bytes) -> Asset {
    let digest = Sha256::digest(&body);
    let version = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Asset { name, kind, body, version }
}

fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// Address of a file, relative to a page at the root.
pub(super) fn link(name: &str) -> Markup {
    let version = find(name).map_or("", |asset| &asset.version);
    debug_assert!(!version.is_empty(), "there is no file '{name}'");
    Markup::text(&format!("assets/{name}?v={version}"))
}

/// The file of this name; `query` is what stood after the question mark.
pub(super) fn serve(name: &str, query: Option<&str>) -> Option<Response> {
    let asset = find(name)?;
    let is_current = query.and_then(|query| query.strip_prefix("v=")) == Some(&asset.version);
    let caching = if is_current { "public, max-age=31536000, immutable" } else { "no-cache" };
    let response = Response::builder().content_type(asset.kind).header(CACHE_CONTROL, caching);
    Some(response.body(Body::from_bytes(asset.body.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_for_ever_under_the_name_of_its_content_only() {
        let caching = |query: Option<&str>| {
            let response = serve("first.css", query).unwrap();
            response.headers().get(CACHE_CONTROL).unwrap().to_str().unwrap().to_owned()
        };
        let link = link("first.css").into_string();
        let (path, query) = link.split_once('?').unwrap();
        assert_eq!(path, "assets/first.css");
        assert!(caching(Some(query)).contains("immutable"));
        for other in [None, Some(""), Some("v="), Some("v=00")] {
            assert_eq!(caching(other), "no-cache", "{other:?}");
        }
        assert!(serve("first.html", None).is_none());
    }

    #[test]
    fn no_file_of_ours_names_another_server() {
        for asset in ASSETS.iter().filter(|asset| !asset.name.starts_with("swagger-ui")) {
            let text = String::from_utf8(asset.body.to_vec()).unwrap().replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{}", asset.name);
        }
    }
}

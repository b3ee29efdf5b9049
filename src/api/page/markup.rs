//! Texts become HTML here and nowhere else.
//!
//! A [`Markup`] is made of templates, which are part of the program, and of texts, which are escaped. There is no third way
//! to make one, so a page cannot hold what somebody else wrote as anything but text.

/// HTML that may be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Markup(String);

impl Markup {
    /// Escapes a text, for the content of an element or a quoted attribute.
    pub(super) fn text(text: &str) -> Self {
        let mut out = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                other => out.push(other),
            }
        }
        Self(out)
    }

    /// Puts values into the places `{{name}}` of a template, in one pass: what a value holds is not looked at again. A place
    /// without a value stays empty.
    pub(super) fn fill(template: &'static str, values: &[(&str, Self)]) -> Self {
        let mut out = String::with_capacity(template.len());
        let mut pieces = template.split("{{");
        out.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (name, rest) = piece.split_once("}}").unwrap_or(("", piece));
            let value = values.iter().find(|(known, _)| *known == name);
            debug_assert!(value.is_some(), "no value for '{name}'");
            if let Some((_, Self(value))) = value {
                out.push_str(value);
            }
            out.push_str(rest);
        }
        Self(out)
    }

    /// One after the other.
    pub(super) fn join(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(parts.into_iter().map(|Self(part)| part).collect())
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_a_text_in_content_and_in_attributes() {
        let page =
            Markup::fill("<p title=\"{{a}}\">{{a}}</p>", &[("a", Markup::text("\"><img src=x onerror='x()'>&"))]);
        let safe = "&quot;&gt;&lt;img src=x onerror=&#39;x()&#39;&gt;&amp;";
        assert_eq!(page.into_string(), format!("<p title=\"{safe}\">{safe}</p>"));
    }

    #[test]
    fn a_value_that_looks_like_a_place_is_not_filled() {
        let values = [("a", Markup::text("{{b}}")), ("b", Markup::text("secret"))];
        assert_eq!(Markup::fill("{{a}} {{b}}", &values).into_string(), "{{b}} secret");
    }

    #[test]
    fn parts_are_joined_in_order() {
        assert_eq!(Markup::join([Markup::text("a<"), Markup::text("b")]).into_string(), "a&lt;b");
    }
}

//! The text that greets whoever starts the server: where it is, and settings ready to be pasted.
//!
//! Pure: it renders what it is given and neither prints nor looks anything up. The secret appears only in development mode
//! or when it was made just now, since then nobody else knows it yet.

use std::fmt::{self, Write};

use super::{Mode, PublicAddress};
use crate::domain::app::{App, Secret};

/// Whether the app was there before this start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppIs {
    /// Made at this start; nobody knows its secret yet.
    New,
    /// Found in the database, from where commands show its secret.
    Stored,
    /// Named by the configuration, which holds its secret.
    Configured,
}

/// What the text tells of.
#[derive(Debug, Clone)]
pub struct Banner<'a> {
    /// URL that the server listens on.
    pub bound: &'a str,
    /// Address that clients use.
    pub address: &'a PublicAddress,
    /// How careful the server is.
    pub mode: Mode,
    /// The app whose settings are printed.
    pub app: &'a App,
    /// Whether the app was there before.
    pub app_is: AppIs,
    /// Cluster name for client libraries that insist on one; `None` = `mt1`, which is what Laravel takes.
    pub cluster: Option<&'a str>,
}

/// Stands where a secret is not shown.
const MASK: &str = "********";

impl Banner<'_> {
    fn secret(&self) -> Option<&str> {
        let shown = self.mode == Mode::Development || self.app_is == AppIs::New;
        self.app.secrets.first().filter(|_| shown).map(Secret::expose)
    }

    fn quoted_secret(&self) -> String {
        self.secret().map_or(MASK.to_owned(), quoted)
    }

    fn laravel(&self) -> Vec<(&'static str, String)> {
        let PublicAddress { scheme, host, port, .. } = self.address;
        vec![
            ("BROADCAST_CONNECTION", "reverb".to_owned()),
            ("REVERB_APP_ID", self.app.id.to_string()),
            ("REVERB_APP_KEY", self.app.key.to_string()),
            ("REVERB_APP_SECRET", self.quoted_secret()),
            ("REVERB_HOST", host.to_string()),
            ("REVERB_PORT", port.to_string()),
            ("REVERB_SCHEME", scheme.to_string()),
            ("VITE_REVERB_APP_KEY", "\"${REVERB_APP_KEY}\"".to_owned()),
            ("VITE_REVERB_HOST", "\"${REVERB_HOST}\"".to_owned()),
            ("VITE_REVERB_PORT", "\"${REVERB_PORT}\"".to_owned()),
            ("VITE_REVERB_SCHEME", "\"${REVERB_SCHEME}\"".to_owned()),
        ]
    }

    fn cluster(&self) -> String {
        self.cluster.unwrap_or("mt1").to_owned()
    }

    fn next(&self) -> Vec<(&'static str, String)> {
        let PublicAddress { scheme, host, port, .. } = self.address;
        vec![
            ("PUSHER_APP_ID", self.app.id.to_string()),
            ("PUSHER_KEY", self.app.key.to_string()),
            ("PUSHER_SECRET", self.quoted_secret()),
            ("PUSHER_HOST", host.to_string()),
            ("PUSHER_PORT", port.to_string()),
            ("PUSHER_CLUSTER", self.cluster()),
            ("NEXT_PUBLIC_PUSHER_KEY", self.app.key.to_string()),
            ("NEXT_PUBLIC_PUSHER_HOST", host.to_string()),
            ("NEXT_PUBLIC_PUSHER_PORT", port.to_string()),
            ("NEXT_PUBLIC_PUSHER_SCHEME", scheme.to_string()),
            ("NEXT_PUBLIC_PUSHER_CLUSTER", self.cluster()),
        ]
    }

    fn vite(&self) -> Vec<(&'static str, String)> {
        let PublicAddress { scheme, host, port, .. } = self.address;
        vec![
            ("VITE_PUSHER_KEY", self.app.key.to_string()),
            ("VITE_PUSHER_HOST", host.to_string()),
            ("VITE_PUSHER_PORT", port.to_string()),
            ("VITE_PUSHER_SCHEME", scheme.to_string()),
            ("VITE_PUSHER_CLUSTER", self.cluster()),
        ]
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let secret = self.secret().unwrap_or(MASK);
        writeln!(out, "Campanile listens on {}   ({} mode)", self.bound, self.mode)?;
        if self.bound != self.address.to_string() {
            writeln!(out, "Clients come to {}", self.address)?;
        }
        writeln!(out)?;
        writeln!(out, "  app id   {}\n  key      {}\n  secret   {secret}", self.app.id, self.app.key)?;
        if !self.address.path.is_empty() {
            writeln!(out, "  path     {0}   (clients: wsPath: '{0}')", self.address.path)?;
        }
        for (title, block) in
            [("Laravel: .env", self.laravel()), ("Next.js: .env.local", self.next()), ("Vite: .env", self.vite())]
        {
            writeln!(out, "\n# {title}")?;
            for (name, value) in block {
                writeln!(out, "{name}={value}")?;
            }
        }
        writeln!(out, "\nNext:")?;
        match self.mode {
            Mode::Development => {
                writeln!(out, "  open {0} in a browser; the API is described at {0}/docs", self.bound)?
            }
            Mode::Production => writeln!(out, "  the API is described at {}/docs", self.bound)?,
        }
        if self.secret().is_none() && self.app_is == AppIs::Stored {
            writeln!(out, "  campanile app show {} --secrets     shows the secret", self.app.id)?;
        }
        writeln!(
            out,
            "  campanile roster import FILE.csv…    says who may hear what; examples are in examples/roster"
        )?;
        writeln!(out, "  campanile token issue --user ID      makes a token to try it with")?;
        writeln!(out, "  campanile app create --name NAME     makes another app")
    }
}

/// Renders the text. Ends with a line end.
#[must_use]
pub fn render(banner: &Banner<'_>) -> String {
    let mut out = String::new();
    // Writing to a text cannot fail.
    let _infallible = banner.write(&mut out);
    out
}

/// A value in a form that dotenv readers take literally: bare when it is plain, else in quotes.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:+=@%".contains(&byte);
    if text.bytes().all(plain) {
        return text.to_owned();
    }
    if !text.contains('\'') {
        return format!("'{text}'");
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use url::Host;

    use super::*;
    use crate::{
        config::Scheme,
        domain::app::AppSettings,
        ids::{AppId, AppKey},
    };

    fn app(secret: &str) -> App {
        App {
            id: AppId::parse("campus").unwrap(),
            key: AppKey::parse("campus-key").unwrap(),
            name: "Campus".to_owned(),
            secrets: vec![Secret::new(secret)],
            enabled: true,
            settings: AppSettings::default(),
        }
    }

    fn address(path: &str) -> PublicAddress {
        let host = Host::Domain("localhost".to_owned());
        PublicAddress { scheme: Scheme::Http, host, port: 8080, path: path.to_owned() }
    }

    const BOUND: &str = "http://localhost:8080";

    #[test]
    fn development_shows_everything_ready_to_paste() {
        let (address, app) = (address(""), app("0123456789abcdef"));
        let banner = Banner {
            bound: BOUND,
            address: &address,
            mode: Mode::Development,
            app: &app,
            app_is: AppIs::Stored,
            cluster: None,
        };
        insta::assert_snapshot!(render(&banner), @r#"
        Campanile listens on http://localhost:8080   (development mode)

          app id   campus
          key      campus-key
          secret   0123456789abcdef

        # Laravel: .env
        BROADCAST_CONNECTION=reverb
        REVERB_APP_ID=campus
        REVERB_APP_KEY=campus-key
        REVERB_APP_SECRET=0123456789abcdef
        REVERB_HOST=localhost
        REVERB_PORT=8080
        REVERB_SCHEME=http
        VITE_REVERB_APP_KEY="${REVERB_APP_KEY}"
        VITE_REVERB_HOST="${REVERB_HOST}"
        VITE_REVERB_PORT="${REVERB_PORT}"
        VITE_REVERB_SCHEME="${REVERB_SCHEME}"

        # Next.js: .env.local
        PUSHER_APP_ID=campus
        PUSHER_KEY=campus-key
        PUSHER_SECRET=0123456789abcdef
        PUSHER_HOST=localhost
        PUSHER_PORT=8080
        PUSHER_CLUSTER=mt1
        NEXT_PUBLIC_PUSHER_KEY=campus-key
        NEXT_PUBLIC_PUSHER_HOST=localhost
        NEXT_PUBLIC_PUSHER_PORT=8080
        NEXT_PUBLIC_PUSHER_SCHEME=http
        NEXT_PUBLIC_PUSHER_CLUSTER=mt1

        # Vite: .env
        VITE_PUSHER_KEY=campus-key
        VITE_PUSHER_HOST=localhost
        VITE_PUSHER_PORT=8080
        VITE_PUSHER_SCHEME=http
        VITE_PUSHER_CLUSTER=mt1

        Next:
          open http://localhost:8080 in a browser; the API is described at http://localhost:8080/docs
          campanile roster import FILE.csv…    says who may hear what; examples are in examples/roster
          campanile token issue --user ID      makes a token to try it with
          campanile app create --name NAME     makes another app
        "#);
    }

    #[test]
    fn production_hides_the_secret_of_a_known_app_and_says_how_to_see_it() {
        let (address, app) = (address("/rt"), app("canary-0123456789abcdef"));
        let known = Banner {
            bound: "http://0.0.0.0:9000/rt",
            address: &address,
            mode: Mode::Production,
            app: &app,
            app_is: AppIs::Stored,
            cluster: Some("eu"),
        };
        let text = render(&known);
        assert!(!text.contains("canary") && text.contains("REVERB_APP_SECRET=********"), "{text}");
        assert!(text.contains("campanile app show campus --secrets"), "{text}");
        assert!(
            text.contains("listens on http://0.0.0.0:9000/rt ") && text.contains("come to http://localhost:8080/rt\n"),
            "{text}"
        );
        assert!(text.contains("http://0.0.0.0:9000/rt/docs") && text.contains("wsPath: '/rt'"), "{text}");
        assert!(text.contains("PUSHER_CLUSTER=eu"), "{text}");

        let configured = render(&Banner { app_is: AppIs::Configured, ..known.clone() });
        assert!(!configured.contains("canary") && !configured.contains("--secrets"), "{configured}");
        let new = render(&Banner { app_is: AppIs::New, ..known });
        assert!(new.contains("REVERB_APP_SECRET=canary-0123456789abcdef") && !new.contains("--secrets"), "{new}");
    }

    #[test]
    fn values_with_special_characters_are_quoted() {
        assert_eq!(quoted("a-b_c.d/e"), "a-b_c.d/e");
        assert_eq!(quoted("a#b $c"), "'a#b $c'");
        assert_eq!(quoted("it's $1\\\""), "\"it's \\$1\\\\\\\"\"");
    }
}

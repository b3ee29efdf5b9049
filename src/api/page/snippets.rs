//! What a developer pastes to connect: ready for one app and one address, without its secret.
//!
//! Ids, keys and path prefixes have alphabets that need no quoting in any of these languages. The secret is taken from the
//! environment, so that nothing pasted here ends up in a repository with it.

use super::{Address, Development};
use crate::{domain::app::App, ids::AppId};

/// One way to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snippet {
    /// Names its tab in the page.
    pub(super) id: &'static str,
    /// Name of the tab.
    pub(super) title: &'static str,
    /// Where it goes, or what has to be installed before.
    pub(super) lead: &'static str,
    /// To be pasted.
    pub(super) code: String,
}

/// Clients that listen.
pub(super) fn listen(development: &Development, app: &App) -> Vec<Snippet> {
    let Development { address, cluster, .. } = development;
    vec![echo(address, app), pusher_js(address, app, cluster)]
}

/// Servers that publish.
pub(super) fn publish(development: &Development, app: &App) -> Vec<Snippet> {
    let address = &development.address;
    vec![laravel(address, app), php(address, app), python(address, app), curl(address, app)]
}

const fn scheme(address: &Address) -> &'static str {
    if address.tls { "https" } else { "http" }
}

/// Options that Echo and pusher-js share.
fn client_options(Address { tls, host, port, path }: &Address) -> String {
    let path = if path.is_empty() { String::new() } else { format!("\n  wsPath: '{path}',") };
    format!(
        "  wsHost: '{host}',\n  wsPort: {port},\n  wssPort: {port},{path}\n  forceTLS: {tls},\n  \
         enabledTransports: ['ws', 'wss'],"
    )
}

fn echo(address: &Address, App { key, .. }: &App) -> Snippet {
    let options = client_options(address);
    let code = format!(
        "\
import Echo from 'laravel-echo';
import Pusher from 'pusher-js';

window.Pusher = Pusher;
window.Echo = new Echo({{
  broadcaster: 'reverb',
  key: '{key}',
{options}
}});

window.Echo.channel('class-7').listen('.message', (data) => {{
  console.log(data);
}});"
    );
    Snippet { id: "echo", title: "Laravel Echo", lead: "npm install laravel-echo pusher-js", code }
}

fn pusher_js(address: &Address, App { key, .. }: &App, cluster: &str) -> Snippet {
    let options = client_options(address);
    let code = format!(
        "\
import Pusher from 'pusher-js';

const pusher = new Pusher('{key}', {{
  cluster: '{cluster}', // demanded by the library, not used here
{options}
}});

pusher.subscribe('class-7').bind('message', (data) => {{
  console.log(data);
}});"
    );
    Snippet { id: "pusher-js", title: "pusher-js", lead: "npm install pusher-js", code }
}

fn laravel(address: &Address, App { id, key, .. }: &App) -> Snippet {
    let (scheme, Address { host, port, path, .. }) = (scheme(address), address);
    let path = if path.is_empty() {
        String::new()
    } else {
        format!("\n# and in config/broadcasting.php, options of 'reverb': 'path' => '{path}'")
    };
    let code = format!(
        "\
BROADCAST_CONNECTION=reverb
REVERB_APP_ID={id}
REVERB_APP_KEY={key}
REVERB_APP_SECRET=
REVERB_HOST={host}
REVERB_PORT={port}
REVERB_SCHEME={scheme}{path}

# Then, anywhere in the application:
# Broadcast::on('class-7')->as('message')
#     ->with(['text' => 'Hello'])->sendNow();"
    );
    Snippet { id: "laravel", title: "Laravel", lead: ".env, with the secret filled in", code }
}

fn php(address: &Address, App { id, key, .. }: &App) -> Snippet {
    let (scheme, Address { tls, host, port, path, .. }) = (scheme(address), address);
    let path = if path.is_empty() { String::new() } else { format!("\n        'path' => '{path}',") };
    let code = format!(
        "\
require 'vendor/autoload.php';

$pusher = new Pusher\\Pusher(
    '{key}',
    getenv('PUSHER_SECRET'),
    '{id}',
    [
        'host' => '{host}',
        'port' => {port},
        'scheme' => '{scheme}',
        'useTLS' => {tls},{path}
    ],
);

$pusher->trigger('class-7', 'message', ['text' => 'Hello']);"
    );
    Snippet { id: "php", title: "PHP", lead: "composer require pusher/pusher-php-server", code }
}

/// What the Python SDK cannot do with this app or address.
fn python_notes(id: &AppId, path: &str) -> String {
    let mut notes = String::new();
    if !id.as_str().bytes().all(|byte| byte.is_ascii_digit()) {
        notes.push_str("# This SDK takes app ids of digits only: campanile app create --id 1001\n");
    }
    if !path.is_empty() {
        notes.push_str("# This SDK has no option for a path prefix: let a proxy add it, or set no CAMPANILE_PATH\n");
    }
    notes
}

fn python(address: &Address, App { id, key, .. }: &App) -> Snippet {
    let Address { tls, host, port, path } = address;
    let notes = python_notes(id, path);
    let ssl = if *tls { "True" } else { "False" };
    let code = format!(
        "\
{notes}import os
import pusher

client = pusher.Pusher(
    app_id=\"{id}\",
    key=\"{key}\",
    secret=os.environ[\"PUSHER_SECRET\"],
    host=\"{host}\",
    port={port},
    ssl={ssl},
)

client.trigger(\"class-7\", \"message\", {{\"text\": \"Hello\"}})"
    );
    Snippet { id: "python", title: "Python", lead: "pip install pusher", code }
}

fn curl(address: &Address, App { id, key, .. }: &App) -> Snippet {
    let (scheme, Address { host, port, path, .. }) = (scheme(address), address);
    let code = format!(
        "\
body='{{\"name\":\"message\",\"channel\":\"class-7\",\"data\":\"{{\\\"text\\\":\\\"Hello\\\"}}\"}}'
path='{path}/apps/{id}/events'
md5=$(printf %s \"$body\" | openssl md5 -r | cut -d' ' -f1)
query=\"auth_key={key}&auth_timestamp=$(date +%s)&auth_version=1.0&body_md5=$md5\"
signature=$(printf 'POST\\n%s\\n%s' \"$path\" \"$query\" |
  openssl sha256 -hmac \"$PUSHER_SECRET\" -r | cut -d' ' -f1)
curl -d \"$body\" \"{scheme}://{host}:{port}$path?$query&auth_signature=$signature\""
    );
    Snippet { id: "curl", title: "curl", lead: "A request and its signature, by hand", code }
}

#[cfg(test)]
mod tests;

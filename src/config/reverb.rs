//! Laravel Reverb's variables where a plain alias in the table is not enough.
//!
//! Turns groups of Reverb's variables into the form the table reads, gives an app that was configured for Reverb the limits
//! it had there, and tells what Reverb would do and this server does not.

use super::{Environment, Problem, Source, value::switch};
use crate::domain::app::{AppSettings, ClientEvents};

const CLIENT_EVENTS: &str = "REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM";
const RATE_LIMITING: &str = "REVERB_APP_RATE_LIMITING_ENABLED";
const RATE_LIMIT: [(&str, &str); 3] = [
    ("REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS", "60"),
    ("REVERB_APP_RATE_LIMIT_DECAY_SECONDS", "60"),
    ("REVERB_APP_RATE_LIMIT_TERMINATE", "false"),
];
/// Where Laravel may keep its own database.
const DATABASE: &str = "DATABASE_URL";
const SCALING: &str = "REVERB_SCALING_ENABLED";

/// The variable whose key makes the configured app one of Reverb's.
pub(super) const KEY_VARIABLE: &str = "REVERB_APP_KEY";

/// The environment with Reverb's variables in the form the aliases of the table read.
///
/// Its rate limit counts only when it is switched on, with defaults of its own; and whoever else than "all" or "members"
/// may send client events there, nobody does. `DATABASE_URL` beside them is the application's, not ours to make tables in.
pub(super) fn translate(environment: &Environment, problems: &mut Vec<Problem>) -> Environment {
    let mut translated = environment.clone();
    if is_of_laravel(environment) {
        translated.put(DATABASE, None);
    }
    if environment.get(CLIENT_EVENTS).is_some_and(|from| !matches!(from, "all" | "members")) {
        translated.put(CLIENT_EVENTS, Some("none"));
    }
    let limited = environment.get(RATE_LIMITING).is_some_and(|text| {
        switch(text).unwrap_or_else(|expected| {
            let from = Source::Variable(RATE_LIMITING.to_owned());
            problems.push(Problem::Refused { from, shown: format!("{text:?}"), expected });
            false
        })
    });
    for (name, default) in RATE_LIMIT {
        translated.put(name, limited.then(|| environment.get(name).unwrap_or(default)));
    }
    translated
}

/// Tells whether the environment is one of Laravel, which this server shares.
fn is_of_laravel(environment: &Environment) -> bool {
    environment.names("REVERB_").any(|name| environment.get(name).is_some())
}

/// What to say when no database is given but by the variable that is left to Laravel.
pub(super) fn database_notice(environment: &Environment) -> Option<String> {
    let ignored = is_of_laravel(environment) && environment.get(DATABASE).is_some();
    ignored.then(|| {
        format!(
            "{DATABASE} is ignored beside REVERB_*, because it may be the application's own database; \
             set CAMPANILE_DATABASE_URL"
        )
    })
}

/// What an app that comes from Reverb starts from: where Reverb has no limit, ours is as wide as it can be.
///
/// Reverb bounds an event only by the size of the request, so its largest `data` follows `max_request_bytes`.
pub(super) fn profile(max_request_bytes: usize) -> AppSettings {
    let base = AppSettings::default();
    let request = u32::try_from(max_request_bytes).unwrap_or(u32::MAX);
    AppSettings {
        client_events: ClientEvents::Members,
        client_events_on_public: true,
        lenient_channel_names: true,
        max_batch_events: 1_000,
        max_channel_name_length: 500,
        max_channels_per_connection: 10_000,
        max_event_bytes: request.clamp(base.max_event_bytes, 102_400),
        max_event_channels: 1_000,
        max_event_name_length: 1_000,
        max_presence_member_bytes: 65_536,
        max_presence_members: 10_000,
        presence_full_member_limit: 10_000,
        ..base
    }
}

/// What Reverb would do by these variables and this server does not.
pub(super) fn notices(environment: &Environment) -> Vec<String> {
    let scaling = environment.get(SCALING).is_some_and(|text| switch(text).unwrap_or(false));
    let text = || format!("{SCALING} asks for several nodes; this server runs as one node and uses no Redis");
    scaling.then(text).into_iter().collect()
}

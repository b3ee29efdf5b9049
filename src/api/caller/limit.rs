//! How many requests whoever calls may send, and what the answer says about it.
//!
//! Headers as in the IETF draft "RateLimit header fields for HTTP", version 10: a policy, and its state. The same in the older
//! `X-RateLimit-*`, which more clients read.

use poem::{Response, http::HeaderValue};

use super::super::problem::Problem;
use crate::{
    domain::caller::{Caller, Who},
    services::LiveApp,
    throttle::{Exceeded, Passed},
};

/// State of one limit, for the headers of an answer.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct Told {
    /// Whom the limit is for: `address`, `user`, `key`, `app`.
    policy: &'static str,
    passed: Passed,
}

impl Told {
    /// The state after something passed.
    ///
    /// # Errors
    /// When it did not pass.
    pub(super) fn of(policy: &'static str, taken: Result<Passed, Exceeded>) -> Result<Self, Problem> {
        match taken {
            Ok(passed) => Ok(Self { policy, passed }),
            Err(exceeded) => {
                let Exceeded { limit, period, .. } = exceeded;
                let passed = Passed { limit, period, remaining: 0 };
                Err(Problem::from(exceeded).with_limit(Self { policy, passed }))
            }
        }
    }

    /// Tells it in the headers.
    pub(in crate::api) fn write(self, response: &mut Response) {
        let Self { policy, passed: Passed { limit, period, remaining } } = self;
        let seconds = period.as_secs();
        let headers = response.headers_mut();
        for (name, text) in [
            ("RateLimit-Policy", format!("\"{policy}\";q={limit};w={seconds}")),
            ("RateLimit", format!("\"{policy}\";r={remaining};t={seconds}")),
            ("X-RateLimit-Limit", limit.to_string()),
            ("X-RateLimit-Remaining", remaining.to_string()),
            ("X-RateLimit-Reset", seconds.to_string()),
        ] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
    }
}

/// Takes one request of a caller who is known, and one of their app.
///
/// # Errors
/// When there is none left.
pub(super) fn take(live: &LiveApp, caller: &Caller) -> Result<Option<Told>, Problem> {
    let limits = live.limits();
    let counted = |told: Result<Told, Problem>| {
        told.inspect_err(|problem| {
            if let Some(told) = problem.limit() {
                live.metrics().count_rate_limited(told.policy);
            }
        })
    };
    let own = match &caller.who {
        Who::User(subject) => {
            limits.user_requests.as_ref().map(|limit| counted(Told::of("user", limit.take(&subject.user))))
        }
        Who::Key(key) => limits.key_requests.as_ref().map(|limit| counted(Told::of("key", limit.take(&key.id)))),
        Who::Guest | Who::App => None,
    };
    let own = own.transpose()?;
    let app = limits.requests.as_ref().map(|limit| counted(Told::of("app", limit.take(1)))).transpose()?;
    Ok(own.or(app))
}

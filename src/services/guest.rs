//! Guests without an account, where the app lets them take part: each is known by the cookie that they bring back.
//!
//! To the rules they are people whom the roster does not know; nowhere else than where the door lets them in are they anybody.

use super::LiveApp;
use crate::{identity::guest, ids::UserId};

/// A guest without an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// By what name they are known.
    pub user: UserId,
    /// The cookie that they have to keep; `None` = they have brought it.
    pub cookie: Option<String>,
}

impl LiveApp {
    /// The guest who brings this cookie, or a new one if it is none of this app's; `None` when the app does not let guests without
    /// an account take part.
    #[must_use]
    pub fn guest(&self, cookie: Option<&str>) -> Option<Guest> {
        self.limits().guest_votes.as_ref()?;
        let app = self.app();
        if let Some(user) = cookie.and_then(|cookie| guest::verify(&app, cookie)) {
            return Some(Guest { user, cookie: None });
        }
        let cookie = guest::issue(&app)?;
        Some(Guest { user: guest::verify(&app, &cookie)?, cookie: Some(cookie) })
    }
}

//! Access taken away by hand and given back, and who hears what at this moment.

use std::{net::IpAddr, sync::Arc, time::Instant};

use chrono::{DateTime, Utc};

use super::{
    admit::Denied,
    review::{Cuts, gather},
    seats::{Basis, Bound, Held, Key, Seat},
};
use crate::{
    dialect::route,
    domain::{
        access::Reason,
        app::App,
        audit::AuditEntry,
        block::{Block, BlockScope, NewBlock},
        roster::Role,
    },
    ids::{ExternalId, SocketId, UserId},
    protocol::{ChannelName, CloseReason},
    services::{LiveApp, roster::Revoked},
    store,
};

/// What is taken from whom.
#[derive(Debug, Clone, Copy)]
pub struct Revocation<'a> {
    /// Whose access.
    pub user: &'a UserId,
    /// To what.
    pub scope: &'a BlockScope,
    /// Until when it stays closed; `None` = it is only cut now, and open again to whoever asks.
    pub until: Option<DateTime<Utc>>,
    /// Why, for operators and the audit; at most 255 characters.
    pub reason: &'a str,
    /// Who does it, as the audit names callers.
    pub actor: &'a str,
}

/// Who acts by hand, from where and when, for the audit.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// Who, as the audit names callers.
    pub actor: &'a str,
    /// Where they call from.
    pub ip: Option<IpAddr>,
    /// When.
    pub now: DateTime<Utc>,
}

/// A socket that hears a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The socket.
    pub socket: SocketId,
    /// Its user, if known, and by what.
    pub user: Option<(UserId, Bound)>,
    /// Why the roster agrees; [`Reason::Signed`] = the application's signature alone opened it, [`Reason::Public`] = nobody
    /// had to be asked.
    pub reason: Reason,
    /// The role that decided.
    pub role: Option<Role>,
    /// The enrollment that decided.
    pub enrollment: Option<ExternalId>,
    /// When the access ends, as far as is known.
    pub not_after: Option<DateTime<Utc>>,
}

impl LiveApp {
    /// Takes guarded channels away from a user's sockets on this node and, with an end, keeps them closed until then.
    ///
    /// # Errors
    /// When the block cannot be kept; nothing was taken away then.
    pub async fn revoke(&self, revocation: Revocation<'_>, now: DateTime<Utc>) -> store::Result<Revoked> {
        let since = Instant::now();
        let Revocation { user, scope, until, reason, actor } = revocation;
        let app = self.app();
        // The follower of the roster acts on the block too, and must not be first: the answer tells whose access it ended.
        let _turn = self.roster_turn().await;
        if until.is_some() {
            let (reason, created_by) = (reason.to_owned(), actor.to_owned());
            let block = NewBlock { user: user.clone(), scope: scope.clone(), until, reason, created_by };
            self.access.store.block_insert(&app.id, &block, now).await?;
            self.access.people.forget(user);
            self.access.advance();
        }
        let mut cuts = Vec::new();
        for seat in self.access.seats.concerned(std::iter::once(&Key::User(user.clone()))) {
            for cut in self.cut_scope(&app, &seat, (user, scope)) {
                self.metrics().revocation_latency_ms.observe(since.elapsed().as_secs_f64() * 1e3);
                self.note_cut(&cut.0, actor, now);
                cuts.push(cut);
            }
        }
        self.write_journal().await;
        let nothing = || Revoked { user: user.clone(), channels: Vec::new(), sockets: 0 };
        Ok(gather(cuts).pop().unwrap_or_else(nothing))
    }

    /// Blocks of a user that count now, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blocks(&self, user: &UserId, now: DateTime<Utc>) -> store::Result<Vec<Block>> {
        self.access.store.blocks_of(&self.app().id, user, now).await
    }

    /// Lifts a block: the user may come back at once. False if there is no such block, or it is lifted already.
    ///
    /// # Errors
    /// When the database fails; the block stays then.
    pub async fn lift_block(&self, id: i64, by: By<'_>) -> store::Result<bool> {
        let app = self.app();
        let Some(block) = self.access.store.block_lift(&app.id, id, by.now).await? else { return Ok(false) };
        self.access.people.forget(&block.user);
        self.access.advance();
        let (kind, of) = block.scope.parts();
        self.note(AuditEntry {
            app: app.id.clone(),
            actor: by.actor.to_owned(),
            action: "access.restored".to_owned(),
            target_type: "user".to_owned(),
            target_id: block.user.to_string(),
            scope: Some(format!("{kind}.{of}").trim_end_matches('.').to_owned()),
            before: None,
            after: Some(format!(r#"{{"revocation":"{id}"}}"#)),
            ip: by.ip.map(|ip| ip.to_string()),
            at: by.now,
        });
        self.write_journal().await;
        Ok(true)
    }

    fn cut_scope(&self, app: &App, seat: &Arc<Seat>, (user, scope): (&UserId, &BlockScope)) -> Cuts {
        let topic = match scope {
            BlockScope::Channel(name) => ChannelName::parse(name, (&app.settings).into()).ok(),
            _ => None,
        };
        let topic = topic.map(|name| route::topic(&name, &app.settings.channel_routes)).filter(|it| it.is_rostered());
        let is_within = |channel: &ChannelName, held: &Held| match scope {
            BlockScope::All => true,
            BlockScope::Course(id) => held.within.course.as_ref() == Some(id),
            BlockScope::Class(id) => held.within.class.as_ref() == Some(id),
            BlockScope::Channel(name) => name == channel.as_str() || topic.as_ref() == Some(&held.topic),
        };
        let mut state = seat.lock();
        let theirs =
            state.held.iter().filter(|(channel, held)| held.subject.as_ref() == Some(user) && is_within(channel, held));
        let channels: Vec<ChannelName> = theirs.map(|(channel, _)| channel.clone()).collect();
        let reason = if *scope == BlockScope::All { Reason::Blocked } else { Reason::Banned };
        let denied = Denied { reason, detail: "access was taken away".to_owned(), status: 403 };
        channels.iter().filter_map(|channel| self.cut(app, (seat, &mut state), channel, &denied)).collect()
    }

    /// Ends all sockets of a user; they do not come back by themselves (4009). Tells how many there were on this node.
    pub async fn disconnect(&self, user: &UserId, by: By<'_>) -> usize {
        let ended = |seat: &Arc<Seat>| seat.socket().outbox().end(CloseReason::Terminated);
        let sockets = self.seats_of(user).iter().filter(|seat| ended(seat)).count();
        self.note(AuditEntry {
            app: self.app().id.clone(),
            actor: by.actor.to_owned(),
            action: "user.disconnected".to_owned(),
            target_type: "user".to_owned(),
            target_id: user.to_string(),
            scope: None,
            before: None,
            after: Some(format!(r#"{{"sockets":{sockets}}}"#)),
            ip: by.ip.map(|ip| ip.to_string()),
            at: by.now,
        });
        self.write_journal().await;
        sockets
    }

    /// Who hears a channel now on this node, and why. In no particular order.
    #[must_use]
    pub fn audience(&self, channel: &ChannelName) -> Vec<Listener> {
        let listener = |socket: SocketId| {
            let seat = self.access.seats.find(socket);
            let (mut user, mut held) = (None, None);
            if let Some(seat) = seat {
                let state = seat.lock();
                (user, held) = (state.user.clone(), state.held.get(channel).cloned());
            }
            if let Some(subject) = held.as_ref().and_then(|held| held.subject.clone())
                && user.as_ref().is_none_or(|(bound, _)| *bound != subject)
            {
                user = Some((subject, Bound::ChannelData));
            }
            let open = if held.is_some() { Reason::Signed } else { Reason::Public };
            let unheard = Basis { reason: open, role: None, enrollment: None, not_after: None };
            let Basis { reason, role, enrollment, not_after } = held.and_then(|held| held.basis).unwrap_or(unheard);
            Listener { socket, user, reason, role, enrollment, not_after }
        };
        self.hub.subscribers(channel.as_str()).into_iter().map(listener).collect()
    }
}

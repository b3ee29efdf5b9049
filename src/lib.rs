//! Campanile: a self-hosted real-time server for learning platforms, compatible with Pusher and Laravel Reverb.
//!
//! This is the map of the house. Rooms are modules; they stand on floors, and a room uses only floors below its own, as the
//! table says. `tests/it/house.rs` checks it.
//!
//! # Floors
//!
//! | floor | room | owns | may use |
//! |---|---|---|---|
//! | 0 | [`ids`] | checked identifiers | – |
//! | 0 | [`domain`] | rules without I/O, clock or serialisation: apps and their settings, presence, typing, rates, the roster, callers, who may hear what, audiences, chats, polls, notifications, broadcasts | `ids` |
//! | 0 | [`protocol`] | the Pusher wire: names, frames, signatures, close codes | `ids`, `domain` |
//! | 0 | [`dialect`] | the grammars of clients: what a channel name stands for | `ids`, `domain`, `protocol` |
//! | 0 | [`metrics`] | what is counted | `ids` |
//! | 1 | [`hub`] | sockets, subscriptions and outboxes of one app on this node; the fan-out | floor 0 |
//! | 1 | [`throttle`] | rate limits that are shared, bounded in memory | floor 0 |
//! | 1 | [`store`] | the database; the only room that knows `sea_orm`, `entity` and `migration` | floor 0 |
//! | 1 | [`outbound`] | the one guarded HTTP client | floor 0 |
//! | 1 | [`identity`] | from a signed token to what it proves | floor 0, `outbound` |
//! | 2 | [`services`] | what the product does: check, act, tell; who may hear what, now | floors 0 and 1 |
//! | 3 | [`api`] | the HTTP door | floors 0 and 2; `hub` and `throttle` for their plain types |
//! | 3 | [`ws`] | the socket door | floors 0 and 2; `hub`, `throttle` |
//! | roof | [`config`], [`cli`], [`command`], [`server`], [`telemetry`], [`bench`](mod@bench) | wiring, and the load tool | everything |
//!
//! # What always holds
//!
//! - **Nothing is allocated for the unauthorised.** A handshake is judged before a place is taken, a signature before a
//!   channel exists. A refusal is told over the socket, because stock clients understand nothing else.
//! - **An app is a world.** Each has its own [`hub::Hub`]; no key is shared between two apps.
//! - **One order per channel.** Whatever must not interleave happens under the channel's lock: a member list and the
//!   joiner's registration, an event and its cached copy. No lock that guards data is held across an await.
//! - **Nobody waits for a slow reader.** A push never blocks; an [`hub::Outbox`] that is full ends its own socket.
//! - **One task per connection**, no timer or writer task beside it, and no buffers while it is idle.
//! - **The compiler asks for a code.** Close codes and statuses are exhaustive matches at one place each:
//!   [`protocol::CloseReason::code`], `api/error.rs` for the Pusher API, `api/problem.rs` for the REST API.
//! - **What is in no table is not served.** `api/caller/need.rs` says for each operation of the REST API what it demands of
//!   its caller, and every query behind it is within the caller's app.
//!
//! # Six walks
//!
//! **A client event.** [`ws::connection`] reads bytes in its one task, `ws/socket.rs` makes messages of them,
//! [`protocol::client_message`] gives them meaning, `ws/session.rs` judges them and returns actions without touching the
//! socket, [`services::client_event`] counts the shared limits, [`hub::Hub::publish`] pushes to everybody but the sender.
//!
//! **An event over HTTP.** `server/door.rs` hands the request to [`api`], [`api::auth`] finds the app and verifies the
//! signature over the whole body, `api/pusher_events.rs` translates, [`services::publish`] checks everything before it sends
//! anything, [`hub::Frame`] encodes the WebSocket frame once, `hub/fanout.rs` pushes it to each [`hub::Outbox`]; each
//! connection drains what is queued in one vectored write.
//!
//! **A presence join.** `ws/session.rs` verifies `auth` and reads the member from `channel_data`, `hub/channel.rs` asks
//! [`domain::presence`] whether this is an arrival, tells the others, registers the socket and answers it with the whole list,
//! all under one lock.
//!
//! **A student is dropped.** `api/caller.rs` asks [`services::callers`] who calls, looks up what the operation demands,
//! counts the limits and only then reads the body; `api/roster.rs` translates, [`services::roster`] writes rows and change
//! log in one transaction and calls [`services::LiveApp::roster_changed`]. (What a command or another node wrote,
//! `server/roster.rs` finds in the change log; what became of chats, `server/chat.rs` in their rows.)
//! `services/access/review.rs` forgets the facts that changed, finds the seats that they concern, and asks
//! [`domain::access::decide`] again. Whoever is refused is unsubscribed from the hub, which tells the others, and then
//! told; the seat's lock keeps this apart from a subscription of the same socket, and the session forgets the channel
//! before its next message. The answer says whose access ended; a refusal leaves `api/caller.rs` as a problem.
//!
//! **A class is notified.** `api/notification.rs` reads audience and words, [`services::notification`] asks the roster whether
//! the sender may, counts the limits and keeps the sending; `services/audience.rs` finds out who that is, now or when its time
//! has come, and `services/notification/sending.rs` writes some people's rows and facts at a time, through
//! [`services::Teller::keep_and_tell`]: committed first, then spelled by [`dialect::spelling`] for each channel that somebody
//! hears. How far it has come stands in the same transaction, so that the next start of the server goes on from there. (A message
//! of a chat goes the same way; those that come at nearly the same time share the commit, in `services/chat/together.rs`.)
//!
//! **A student comes back.** The client has said how far it has heard, to the auth endpoint or with its subscription. While
//! `ws/connection/acts.rs` waits for the roster, [`services::replay`] reads what was missed from the log of the topic, takes the
//! turn of the [`services::Teller`], reads the rest, and holds the turn until the socket is subscribed and has been sent all of it:
//! nothing is told in between. Of what is not whole only the gap is told.
//!
//! **Going down.** [`server::Server::run`] turns `/ready` to 503, `server/drain.rs` ends sockets with 4200 at a measured
//! pace, then listeners and HTTP connections, then the database.

pub mod ids;
pub mod domain;
pub mod protocol;
pub mod dialect;
pub mod metrics;

pub mod hub;
pub mod throttle;
pub mod store;
pub mod outbound;
pub mod identity;

pub mod services;

pub mod api;
pub mod ws;

pub mod config;
pub mod cli;
pub mod command;
pub mod server;
pub mod telemetry;
pub mod bench;

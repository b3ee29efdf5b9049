//! The grammars that clients speak about the classroom: dots as Laravel Echo has them, dashes as pusher-js applications do.
//!
//! Owns what a channel name stands for. Pure; whoever needs the topic of a channel asks here, so that two spellings can never
//! be judged differently.

pub mod chat;
pub mod notification;
pub mod presence;
pub mod poll;
pub mod route;
pub mod spelling;
pub mod typing;
pub mod stream;

//! The rules of the product, without the world around them.
//!
//! Owns decisions that need no I/O, no clock and no serialisation. Never imports tokio, serde, poem, sea-orm or redis.

pub mod access;
pub mod api_key;
pub mod app;
pub mod audience;
pub mod audit;
pub mod block;
pub mod broadcast;
pub mod caller;
pub mod chat;
pub mod fact;
pub mod moderation;
pub mod moment;
pub mod notification;
pub mod poll;
pub mod presence;
pub mod rate;
pub mod roster;
pub mod stream;
pub mod typing;
pub mod word_list;

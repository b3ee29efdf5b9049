//! Chats: said over HTTP, heard over sockets, by those whom it is for and by nobody else.

mod access;
mod acks;
mod forgotten;
mod groups;
mod half_done;
mod limits;
mod mentions;
mod messages;
mod moderation;
mod nodes;
mod oversight;
mod reading;
mod search;
mod shadow;
mod shadow_edits;
mod whispers;
mod words;
mod whole;

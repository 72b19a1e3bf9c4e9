//! The gateway in front of the stand-in, over real sockets: what a client sees of Google's moods.

mod answers;
mod cookies;
mod documents;
mod faults;
mod guest;
mod kept_chats;
mod kill;
mod login;
mod media;
mod rotation;
mod surface;
pub(crate) mod world;

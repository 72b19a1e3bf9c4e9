//! The Gemini web app as an upstream, through the owner's own session.
//!
//! The pure half knows the wire and does no I/O and reads no clock: `protocol` is every volatile fact as data, `page`
//! and `request` make a request, `frames`, `reply`, `clean` and `delta` read its answer, `rpc` and `account` what the
//! account has, and `errors` says what went wrong and what cures it.

#![cfg_attr(
    not(test),
    expect(dead_code, reason = "the session and the transport, its users, come after it")
)]
mod account;
mod clean;
mod delta;
mod errors;
mod frames;
mod page;
mod protocol;
mod reply;
mod request;
mod rpc;
pub mod prompt;

//! Whole-service tests.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy.toml's exception does not reach helpers of integration tests"
)]

mod auth;
mod bench;
mod chat_client;
mod check;
mod config_cli;
mod cors;
mod explain;
mod fetch;
mod fidelity;
mod files;
pub(crate) mod gemini;
mod gemini_native;
mod golden;
mod healthcheck;
mod http;
mod json;
mod lifecycle;
mod links;
mod long;
mod messages;
mod places;
mod plain;
mod responses;
mod standin;
mod stream;
mod support;
mod tools;
pub(crate) mod upstreams;

//! An authenticated gateway from OpenAI-compatible clients to the owner's own Gemini web session.
//!
//! # Layout
//! One request comes in and goes down this list; its answer comes back up.

// The way in.
pub mod auth;
mod handlers;
mod routes;
pub mod server;
mod service;
pub mod surface;

// The wire formats, and the vocabulary they share with the upstreams.
pub mod api;
pub mod chat;
pub mod conversations;
pub mod media;

// Who answers.
pub mod upstream;

// What all of them use.
pub mod app;
mod body;
pub mod error;
mod exchange;
mod ids;
mod links;
mod respond;
mod room;
mod sse;
mod stall;
pub mod state;
pub mod tasks;
pub mod telemetry;

// From the command line to a running gateway.
pub mod check;
pub mod config;
pub mod explain;
pub mod healthcheck;
pub mod serve;

// A client of its own.
pub mod terminal;

// Off the way: the upstream of the demo and of the tests.
pub mod demo;
#[cfg(fuzzing)]
pub mod fuzz;
pub mod standin;

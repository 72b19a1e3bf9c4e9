//! Calls of a client's tools, by an upstream that knows none: the prompt says how a call is written, the answer is read
//! for calls, and each is held against the client's schema.
//!
//! Only what the model writes anew is ever read for calls. Messages and results may hold what looks like one: they
//! stay text, since nobody reads them.

mod arguments;
mod calls;
mod extract;
mod fence;
mod repair;
mod sample;
mod schema;
mod syntax;

use std::sync::Arc;

pub(in crate::upstream) use self::syntax::past_call;
use super::reading::Reading;
use crate::chat::{Message, Request, Role};

/// Adds to a request what makes the model call tools, if it has any.
pub(super) fn prepare(request: &mut Request) {
    let Some(toolbox) = &request.tools else { return };
    let reminder = syntax::reminder(toolbox);
    let instructions = Message::text(Role::System, syntax::instructions(toolbox));
    request.messages.insert(0, instructions);
    request.closing = Some(match request.closing.take() {
        Some(before) => format!("{before}\n{reminder}"),
        None => reminder,
    });
}

/// A reader of the answer to a request with tools.
pub(super) fn reader(request: &Arc<Request>) -> Option<Box<dyn Reading>> {
    request.tools.as_ref()?;
    Some(Box::new(calls::First::new(Arc::clone(request))))
}

#[cfg(any(fuzzing, test))]
mod whole;

#[cfg(fuzzing)]
pub(crate) use self::whole::fuzz_tool_calls;

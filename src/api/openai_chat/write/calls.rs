//! Writes calls of tools.

use bytes::{BufMut, BytesMut};

use crate::{api::escape::json_string, chat::ToolCall};

/// How a client names what it lets the model call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api::openai_chat) enum Form {
    /// Tools, of which several may be called.
    Tools,
    /// Functions, as before there were tools: one call, without an id.
    Function,
}

/// The calls of a whole answer: fields of its message, after others. Nothing without calls.
pub(super) fn whole(out: &mut BytesMut, calls: &[ToolCall], form: Form) {
    match (calls, form) {
        ([], _) => {}
        ([call, ..], Form::Function) => {
            out.put_slice(b",\"function_call\":");
            function(out, call, &call.arguments);
        }
        (calls, Form::Tools) => {
            out.put_slice(b",\"tool_calls\":[");
            for (index, call) in calls.iter().enumerate() {
                out.put_slice(if index == 0 { b"{" } else { b",{" });
                identity(out, call);
                function(out, call, &call.arguments);
                out.put_slice(b"}");
            }
            out.put_slice(b"]");
        }
    }
}

/// The delta that begins a call: everything but the arguments. Clients append, so nothing of it may come again.
pub(super) fn begin(out: &mut BytesMut, call: &ToolCall, index: usize, form: Form) {
    match form {
        Form::Function => {
            out.put_slice(b"\"function_call\":");
            function(out, call, "");
        }
        Form::Tools => {
            out.put_slice(format!("\"tool_calls\":[{{\"index\":{index},").as_bytes());
            identity(out, call);
            function(out, call, "");
            out.put_slice(b"}]");
        }
    }
}

/// The delta with the arguments.
pub(super) fn arguments(out: &mut BytesMut, call: &ToolCall, index: usize, form: Form) {
    match form {
        Form::Function => out.put_slice(b"\"function_call\":{\"arguments\":"),
        Form::Tools => {
            let begin = format!("\"tool_calls\":[{{\"index\":{index},\"function\":{{\"arguments\":");
            out.put_slice(begin.as_bytes());
        }
    }
    json_string(out, &call.arguments);
    out.put_slice(match form {
        Form::Function => b"}",
        Form::Tools => b"}}]",
    });
}

fn identity(out: &mut BytesMut, call: &ToolCall) {
    out.put_slice(b"\"id\":");
    json_string(out, &call.id);
    out.put_slice(b",\"type\":\"function\",\"function\":");
}

fn function(out: &mut BytesMut, call: &ToolCall, arguments: &str) {
    out.put_slice(b"{\"name\":");
    json_string(out, &call.name);
    out.put_slice(b",\"arguments\":");
    json_string(out, arguments);
    out.put_slice(b"}");
}

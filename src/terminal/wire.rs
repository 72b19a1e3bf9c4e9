//! OpenAI's chat format as servers really write it: what is there is read, what is missing is nothing, null is missing.

use serde::Serialize;
use serde_json::Value;

use super::conversation::Message;

/// One request.
#[derive(Debug, Serialize)]
pub(super) struct Question<'a> {
    pub(super) model: &'a str,
    pub(super) messages: &'a [Message],
    pub(super) stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream_options: Option<StreamOptions>,
}

/// What else a stream shall hold.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct StreamOptions {
    pub(super) include_usage: bool,
}

/// One thing that an answer brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The model that answers.
    Model(String),
    /// What it thought.
    Thought(String),
    /// What it says.
    Text(String),
    Usage(Usage),
    /// It ended, for this reason.
    Finish(String),
    /// The stream is over.
    Done,
    /// It failed.
    Failed(ServerError),
}

/// What the server counted, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) prompt: u64,
    pub(super) completion: u64,
}

/// What a server says of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerError {
    pub(super) message: String,
    pub(super) code: Option<String>,
}

/// The pieces of one event's data. None when it is no answer in this format.
pub(super) fn pieces(data: &str) -> Option<Vec<Piece>> {
    if data.trim() == "[DONE]" {
        return Some(vec![Piece::Done]);
    }
    let chunk: Value = serde_json::from_str(data).ok()?;
    answer(&chunk)
}

/// The pieces of a chunk, or of a whole answer from a server that does not stream.
pub(super) fn answer(value: &Value) -> Option<Vec<Piece>> {
    if let Some(error) = server_error(value) {
        return Some(vec![Piece::Failed(error)]);
    }
    if !value.is_object() {
        return None;
    }
    let mut pieces = Vec::new();
    let choice = &value["choices"][0];
    let said = if choice["delta"].is_object() {
        &choice["delta"]
    } else {
        &choice["message"]
    };
    pieces.extend(filled(&value["model"]).map(Piece::Model));
    // Two names for the same, and some servers send both.
    let thought = text(&said["reasoning_content"]).or_else(|| text(&said["reasoning"]));
    pieces.extend(thought.map(Piece::Thought));
    pieces.extend(text(&said["content"]).map(Piece::Text));
    pieces.extend(text(&said["refusal"]).map(Piece::Text));
    pieces.extend(usage(&value["usage"]).map(Piece::Usage));
    pieces.extend(filled(&choice["finish_reason"]).map(Piece::Finish));
    Some(pieces)
}

/// The failure that a JSON value tells of, in any of the shapes that servers have for it.
pub(super) fn server_error(value: &Value) -> Option<ServerError> {
    let error = &value["error"];
    let message = filled(error).or_else(|| filled(&error["message"]));
    if message.is_none() && !error.is_object() {
        return None;
    }
    let code = filled(&error["code"]).or_else(|| error["code"].as_i64().map(|code| code.to_string()));
    Some(ServerError {
        message: message.unwrap_or_else(|| "the server did not say what is wrong".to_owned()),
        code: code.or_else(|| filled(&error["type"])),
    })
}

/// The failure in the body of an HTTP error.
pub(super) fn refusal(body: &[u8]) -> Option<ServerError> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let other = || filled(&value["message"]).or_else(|| filled(&value["detail"]));
    server_error(&value).or_else(|| other().map(|message| ServerError { message, code: None }))
}

/// The ids in a list of models.
pub(super) fn models(body: &[u8]) -> Option<Vec<String>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let list = value["data"].as_array()?;
    Some(list.iter().filter_map(|model| filled(&model["id"])).collect())
}

/// What a health page says, in a line.
pub(super) fn health(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let mut line = filled(&value["status"])?;
    let upstreams = value["upstreams"].as_array().map(Vec::as_slice).unwrap_or_default();
    let reasons = upstreams.iter().filter_map(|upstream| filled(&upstream["reason"]));
    for more in filled(&value["reason"])
        .into_iter()
        .chain(reasons)
        .chain(filled(&value["stand_in"]))
    {
        line.push_str(if line.contains(": ") { " " } else { ": " });
        line.push_str(&more);
    }
    Some(line)
}

fn filled(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A text, or the texts of a list of parts.
fn text(value: &Value) -> Option<String> {
    let parts = value
        .as_array()
        .map(|parts| parts.iter().filter_map(|part| part["text"].as_str()).collect());
    filled(value).or(parts.filter(|text: &String| !text.is_empty()))
}

fn usage(value: &Value) -> Option<Usage> {
    let prompt = value["prompt_tokens"].as_u64()?;
    let completion = value["completion_tokens"].as_u64().unwrap_or_default();
    Some(Usage { prompt, completion })
}

#[cfg(test)]
mod tests;

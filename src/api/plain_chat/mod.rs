//! Plain chat: `POST /chat`, the wire format of a small service that many scripts were written for. A message goes in,
//! its answer comes out; what was said before is kept on this side: see [`crate::conversations`].
//!
//! Its clients know three statuses: 400, 401 and the 500s. So all others are told as the nearest of them.

mod fields;

use bytes::{BufMut, Bytes, BytesMut};
use http::StatusCode;
use serde_json::Number;

use self::fields::FIELDS;
use super::{
    Defaults, Incoming, Meta, Reply, Target,
    escape::json_string,
    fields::{Ignored, name_ignored, name_once},
    format::Wire,
    json::{Object, Path},
    usual,
};
use crate::{
    chat::{Answer, Event, FinishReason, Knob, Message, Request, Role, Usage},
    error::{Failure, Kind},
};

/// Its door.
pub(in crate::api) static WIRE: Wire = Wire {
    name: "plain-chat",
    title: "Plain chat",
    fields: FIELDS,
    read,
    error_body: |failure, _request_id| error_body(failure),
    status,
    keeps_history: true,
    ..Wire::OPENAI
};

/// The most tokens of an answer, and how freely it is drawn, where the client says nothing.
const MAX_TOKENS: u64 = 512;
const TEMPERATURE: f64 = 0.7;

/// The least and the greatest temperature that servers take.
const TEMPERATURES: std::ops::RangeInclusive<f64> = 0.0..=2.0;

/// Reads the body of a message.
///
/// # Errors
/// With the path of the field at fault unless the body as a whole is. No message shows any of the body's texts.
fn read(body: &[u8], _target: &Target<'_>, defaults: &Defaults<'_>) -> Result<Incoming, Failure> {
    let mut fields = Object::parse(body)?;
    let mut ignored = Vec::new();
    let message = fields.require(Path::root("message"))?;
    let text = message.string()?;
    if text.trim().is_empty() {
        return Err(message.invalid("must say something"));
    }
    let limit = fields.take(Path::root("max_tokens"));
    let max_tokens = limit.map_or(Ok(MAX_TOKENS), |limit| usual::token_limit(&limit))?;
    let temperature = temperature(&mut fields, &mut ignored)?;
    let requested_model = usual::model(&mut fields, defaults).map_err(without_model)?;
    let mut sampling = name_ignored(FIELDS, &mut fields, &mut ignored)?;
    if let Some(temperature) = temperature {
        sampling.set(Knob::Temperature, temperature, "temperature");
    }
    let request = Request {
        model: defaults.model(&requested_model),
        messages: vec![Message::text(Role::User, text.clone())],
        max_tokens: Some(max_tokens),
        sampling,
        ..Request::default()
    };
    Ok(Incoming {
        request,
        requested_model,
        stream: false,
        ignored,
        reply: Box::new(PlainReply { message: text }),
    })
}

/// Clients of this format name no model, so the cure is most often the owner's.
fn without_model(failure: Failure) -> Failure {
    if failure.kind() != Kind::MissingParameter {
        return failure;
    }
    let message = "'model' is missing, and no model is listed now that could be asked instead. The gateway's owner can \
                   set DEFAULT_MODEL; or send it.";
    Failure::new(Kind::MissingParameter, message).param("model")
}

/// Only a temperature that the client has set is named where it has no effect.
fn temperature(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<Option<Number>, Failure> {
    let Some(given) = fields.take(Path::root("temperature")) else {
        return Ok(Number::from_f64(TEMPERATURE));
    };
    let number = given.number()?;
    if !number.as_f64().is_some_and(|number| TEMPERATURES.contains(&number)) {
        let (least, greatest) = (TEMPERATURES.start(), TEMPERATURES.end());
        return Err(given.invalid(&format!("must be a number from {least} to {greatest}")));
    }
    name_once("temperature", ignored);
    Ok(Some(number))
}

/// The body of a failure: one text, the cause and then the cure.
fn error_body(failure: &Failure) -> Bytes {
    let mut out = BytesMut::new();
    out.put_slice(b"{\"error\":");
    json_string(&mut out, &failure.told());
    out.put_slice(b"}");
    out.freeze()
}

/// The nearest status that clients of this format know. That a method is not allowed is not about this format.
fn status(status: StatusCode) -> StatusCode {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::METHOD_NOT_ALLOWED => status,
        // The upstream's word, and cured by waiting.
        StatusCode::TOO_MANY_REQUESTS => StatusCode::SERVICE_UNAVAILABLE,
        _ if status.is_client_error() => StatusCode::BAD_REQUEST,
        _ => status,
    }
}

/// The answer to `POST /reset`.
pub(crate) const CLEARED: &str = r#"{"message":"The conversation is cleared.","status":"success"}"#;

/// What `GET /status` tells of a caller's conversation and of the gateway.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Status {
    /// The model that answered last in this conversation, else the one that will be asked.
    pub(crate) model_name: Option<String>,
    /// The upstream that has this model.
    pub(crate) device: Option<String>,
    /// The rounds that are kept.
    pub(crate) conversation_length: usize,
    /// The bytes of memory this process has, where the system tells.
    pub(crate) memory_allocated: Option<u64>,
    /// Since when conversations are kept, and where, in words.
    pub(crate) history: String,
}

impl Status {
    /// Its body.
    pub(crate) fn body(&self) -> Bytes {
        // Texts and numbers can always be written.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// One answer on its way to the client, with the message it answers.
struct PlainReply {
    message: String,
}

impl Reply for PlainReply {
    fn whole(&self, _meta: &Meta, answer: &Answer, _usage: &Usage) -> Bytes {
        let mut out = BytesMut::new();
        out.put_slice(b"{\"message\":");
        json_string(&mut out, &self.message);
        out.put_slice(b",\"response\":");
        json_string(&mut out, &answer.text);
        out.put_slice(b",\"status\":\"success\"");
        let finish = answer.finish.unwrap_or(FinishReason::Length);
        if !matches!(finish, FinishReason::Stop | FinishReason::StopText(_)) {
            out.put_slice(b",\"finish_reason\":");
            json_string(&mut out, &finish.to_string());
        }
        out.put_slice(b"}");
        out.freeze()
    }

    fn counts_tokens(&self) -> bool {
        false
    }

    // The format has no streams.
    fn begin(&mut self, _meta: &Meta, _out: &mut BytesMut) {}
    fn event(&mut self, _event: &Event, _out: &mut BytesMut) {}
    fn nothing(&mut self, _out: &mut BytesMut) {}
    fn finish(&mut self, _reason: FinishReason, _usage: Option<&Usage>, _out: &mut BytesMut) {}
    fn error(&mut self, _failure: &Failure, _out: &mut BytesMut) {}
}

#[cfg(test)]
mod tests;

//! What every wire format can do, and the list of them.

use std::{borrow::Cow, collections::BTreeMap};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderName, StatusCode};

use super::{
    Field, anthropic_messages, gemini_native, openai_chat, openai_completions, openai_error, openai_images,
    openai_models, openai_responses, plain_chat,
};
use crate::{
    chat::{Answer, Dialect, Event, FinishReason, Request, Usage},
    error::{Failure, Kind},
    upstream::Model,
};

/// A wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenAI's chat completions.
    OpenAiChat,
    /// OpenAI's image generations.
    OpenAiImages,
    /// Anthropic's messages.
    AnthropicMessages,
    /// Google's own, as its API for developers speaks it.
    GeminiNative,
    /// OpenAI's responses.
    OpenAiResponses,
    /// OpenAI's legacy completions.
    OpenAiCompletions,
    /// Plain chat: one message, one answer, and the gateway keeps the conversation.
    PlainChat,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 7] = [
        Format::OpenAiChat,
        Format::OpenAiImages,
        Format::AnthropicMessages,
        Format::GeminiNative,
        Format::OpenAiResponses,
        Format::OpenAiCompletions,
        Format::PlainChat,
    ];

    /// What it is and can do.
    fn wire(self) -> &'static Wire {
        match self {
            Format::OpenAiChat => &openai_chat::WIRE,
            Format::OpenAiImages => &openai_images::WIRE,
            Format::AnthropicMessages => &anthropic_messages::WIRE,
            Format::GeminiNative => &gemini_native::WIRE,
            Format::OpenAiResponses => &openai_responses::WIRE,
            Format::OpenAiCompletions => &openai_completions::WIRE,
            Format::PlainChat => &plain_chat::WIRE,
        }
    }

    /// Its name, in the docs and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.wire().name
    }

    /// Its title, for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.wire().title
    }

    /// How it treats each field of a request.
    #[must_use]
    pub fn fields(self) -> &'static [Field] {
        self.wire().fields
    }

    /// The header in which its clients look for the request's id, where it is not `x-request-id`.
    #[must_use]
    pub fn request_id_header(self) -> Option<HeaderName> {
        self.wire().request_id_header.map(HeaderName::from_static)
    }

    /// Whether its clients may present their key in the query (`?key=`): a habit of Google's older ones. The key is
    /// taken out of the query before anything else sees it, in every format.
    #[must_use]
    pub fn key_in_query(self) -> bool {
        self.wire().key_in_query
    }

    /// The list of models in its own shape.
    #[must_use]
    pub fn models(self, models: &[Model]) -> Bytes {
        (self.wire().models)(models)
    }

    /// One model, by its public id; none if there is none.
    #[must_use]
    pub fn model(self, models: &[Model], id: &str) -> Option<Bytes> {
        (self.wire().model)(models, id)
    }

    /// The wire format as some upstreams speak it too, if they do.
    #[must_use]
    pub fn dialect(self) -> Option<Dialect> {
        self.wire().outline.map(|(dialect, _)| dialect)
    }

    /// Reads no more of a request than an upstream needs that speaks this very format: the model, and whether to
    /// stream. The reply passes on what comes back.
    ///
    /// # Errors
    /// As [`Format::read`]; [`Kind::Internal`] for a format without a [`Format::dialect`].
    pub fn outline(self, body: &Bytes, defaults: &Defaults<'_>) -> Result<Incoming, Failure> {
        match self.wire().outline {
            Some((_, outline)) => outline(body, defaults),
            None => Err(Failure::new(Kind::Internal, "No upstream speaks this format.")),
        }
    }

    /// Reads a request.
    ///
    /// # Errors
    /// A failure of the client's side that names the field at fault in the format's own path syntax, unless the body
    /// as a whole is.
    pub fn read(self, body: &[u8], target: &Target<'_>, defaults: &Defaults<'_>) -> Result<Incoming, Failure> {
        (self.wire().read)(body, target, defaults)
    }

    /// The body of a failure in this format's own shape, for the request of this id.
    #[must_use]
    pub fn error_body(self, failure: &Failure, request_id: &str) -> Bytes {
        (self.wire().error_body)(failure, request_id)
    }

    /// The status of a failure as this format's clients know it, for that of [`crate::error::Kind::facts`].
    #[must_use]
    pub fn status(self, usual: StatusCode) -> StatusCode {
        (self.wire().status)(usual)
    }

    /// Whether its clients send no more than their next words, so that the gateway keeps the conversation and knows a
    /// model for those who name none.
    #[must_use]
    pub fn keeps_history(self) -> bool {
        self.wire().keeps_history
    }

    /// The body that tells how many tokens a prompt has. None: the format has no such question.
    #[must_use]
    pub fn count(self, tokens: u64) -> Option<Bytes> {
        self.wire().count.map(|count| count(tokens))
    }
}

/// What a format is and can do: each has one of these as its door.
pub(in crate::api) struct Wire {
    /// Lower case, with hyphens.
    pub(in crate::api) name: &'static str,
    /// For people.
    pub(in crate::api) title: &'static str,
    /// Every field that means something.
    pub(in crate::api) fields: &'static [Field],
    /// See [`Format::read`].
    pub(in crate::api) read: fn(&[u8], &Target<'_>, &Defaults<'_>) -> Result<Incoming, Failure>,
    /// See [`Format::outline`].
    pub(in crate::api) outline: Option<(Dialect, Outline)>,
    /// See [`Format::error_body`].
    pub(in crate::api) error_body: fn(&Failure, request_id: &str) -> Bytes,
    /// See [`Format::status`].
    pub(in crate::api) status: fn(StatusCode) -> StatusCode,
    /// See [`Format::keeps_history`].
    pub(in crate::api) keeps_history: bool,
    /// See [`Format::count`].
    pub(in crate::api) count: Option<fn(u64) -> Bytes>,
    /// See [`Format::request_id_header`]; in lower case.
    pub(in crate::api) request_id_header: Option<&'static str>,
    /// See [`Format::key_in_query`].
    pub(in crate::api) key_in_query: bool,
    /// See [`Format::models`].
    pub(in crate::api) models: fn(&[Model]) -> Bytes,
    /// See [`Format::model`].
    pub(in crate::api) model: fn(&[Model], id: &str) -> Option<Bytes>,
}

/// See [`Format::outline`].
pub(in crate::api) type Outline = fn(&Bytes, &Defaults<'_>) -> Result<Incoming, Failure>;

impl Wire {
    /// What OpenAI's formats have in common, for each to name the rest.
    pub(in crate::api) const OPENAI: Wire = Wire {
        name: "",
        title: "",
        fields: &[],
        read: |_, _, _| Err(Failure::new(Kind::UnknownUrl, "This format has no requests.")),
        outline: None,
        error_body: |failure, _request_id| openai_error::body(failure),
        status: |usual| usual,
        keeps_history: false,
        count: None,
        request_id_header: None,
        key_in_query: false,
        models: openai_models::list,
        model: openai_models::one,
    };
}

/// What a request says beside its body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Target<'a> {
    /// What stands for `{id}` in the route's path; empty where there is none.
    pub id: &'a str,
    /// The query, without its question mark; empty where there is none.
    pub query: &'a str,
    /// What the request is read for.
    pub purpose: Purpose,
}

/// What a request is read for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To be answered.
    #[default]
    Answer,
    /// To have its tokens counted: what only an answer needs may be missing.
    Count,
}

/// What the gateway's configuration says about requests.
#[derive(Clone, Copy, Debug)]
pub struct Defaults<'a> {
    /// The model of a request that names none. Without it such a request is refused.
    pub default_model: Option<&'a str>,
    /// Names that clients insist on, and the models they stand for. Applied once: an alias of an alias is not followed.
    pub aliases: &'a BTreeMap<String, String>,
}

impl Defaults<'_> {
    /// The model that a name stands for.
    #[must_use]
    pub fn model(&self, named: &str) -> String {
        self.aliases.get(named).map_or(named, String::as_str).to_owned()
    }
}

/// A request as it came in.
pub struct Incoming {
    /// What is asked, in neutral words; its model is the name after aliases.
    pub request: Request,
    /// The model as the client wrote it (or the default): any text, of any length.
    pub requested_model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Fields that were set and cannot act, each once, fit for a header: 1 to 64 characters of `A-Za-z0-9_.-`.
    pub ignored: Vec<Cow<'static, str>>,
    /// How the answer has to be written.
    pub reply: Box<dyn Reply>,
}

/// How an answer shows what can only be seen or heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaForm {
    /// As Markdown in the text, and as an event with a link. Beside a text that is one document: as a note with the
    /// link, and as the event.
    InText,
    /// As an event with a link alone.
    Link,
    /// As an event with all its bytes in a `data:` URL.
    Inline,
}

/// What all parts of one answer have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Unique per request: 32 hexadecimal digits, to which a format adds its own prefix.
    pub id: String,
    /// When the answer began, in seconds of Unix time.
    pub created: u64,
    /// The model that answers.
    pub model: String,
    /// The estimated tokens of the prompt; 0 in a stream whose reply does not count tokens.
    pub prompt_tokens: u64,
}

/// Writes one answer as its client asked for it: either [`Reply::whole`], or the rest.
///
/// The order of a stream is the caller's part: any number of [`Reply::comment`]; [`Reply::begin`]; any number of
/// [`Reply::event`], with [`Reply::comment`] and [`Reply::nothing`] in silences; then [`Reply::finish`]. At any point
/// [`Reply::error`] may come instead of what is left. All of them append to a buffer of the caller's.
pub trait Reply: Send + Sync {
    /// The body of a whole answer.
    ///
    /// An answer without a finish reason was cut: the body says so in the format's word for a length limit. Callers
    /// that know why should fail instead.
    fn whole(&self, meta: &Meta, answer: &Answer, usage: &Usage) -> Bytes;

    /// The content type of a stream.
    fn stream_type(&self) -> &'static str {
        "text/event-stream"
    }

    /// Whether a stream tells its usage, so that tokens have to be counted.
    fn counts_tokens(&self) -> bool;

    /// How pictures, films and recordings are shown.
    fn media_form(&self) -> MediaForm {
        MediaForm::InText
    }

    /// What opens the stream.
    fn begin(&mut self, meta: &Meta, out: &mut BytesMut);

    /// One output event; never [`Event::Finished`]. What the format has no word for is left out: its text is in the
    /// stream anyway.
    fn event(&mut self, event: &Event, out: &mut BytesMut);

    /// A piece of a stream that is in this very format already: see [`Event::Original`]. Comes instead of
    /// [`Reply::begin`] and [`Reply::event`].
    fn original(&mut self, piece: &[u8], out: &mut BytesMut) {
        let mut rest = piece;
        loop {
            let end = memchr::memchr(b'\n', rest);
            out.put_slice(b"data: ");
            out.put_slice(rest.get(..end.unwrap_or(rest.len())).unwrap_or_default());
            out.put_u8(b'\n');
            let Some(end) = end else { break };
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        out.put_u8(b'\n');
    }

    /// The end of a complete answer of such pieces.
    fn finish_original(&mut self, out: &mut BytesMut) {
        out.put_slice(b"data: [DONE]\n\n");
    }

    /// An event that says nothing, for clients whose patience counts events and not bytes.
    fn nothing(&mut self, out: &mut BytesMut);

    /// A comment, which every client skips: it keeps connections open that are cut when silent, and tells people who
    /// look. The text holds no line break.
    fn comment(&mut self, text: &str, out: &mut BytesMut) {
        out.put_slice(b": ");
        out.put_slice(text.as_bytes());
        out.put_slice(b"\n\n");
    }

    /// The end of a complete answer; usage is there when [`Reply::counts_tokens`]. The body has to end right after it.
    fn finish(&mut self, reason: FinishReason, usage: Option<&Usage>, out: &mut BytesMut);

    /// The end of a stream that fails: nothing in it may look like the end of a complete answer.
    fn error(&mut self, failure: &Failure, out: &mut BytesMut);
}

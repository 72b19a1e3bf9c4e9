//! What a request would become, without sending it: `gemini-gateway explain`, and the dry run of a running gateway.

use std::{
    borrow::Cow,
    io::{self, Read},
    sync::Arc,
};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    api::{Defaults, Format, Incoming, Target},
    chat::{FileContent, Request},
    config::Config,
    error::{Failure, Kind},
    media::Media,
    serve::{self, StartError},
    state::StateDir,
    upstream::{ExplainedFile, Explanation, Upstream, gemini_web::GeminiWeb},
};

/// What `explain` is told on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The name of the wire format; OpenAI's chat format if none.
    pub format: Option<String>,
    /// What stands for `{id}` in the path of formats that have one.
    pub id: Option<String>,
}

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// No such wire format.
    #[error("no such format; there are {0}")]
    Format(String),
    /// The request could not be read from standard input.
    #[error("the request could not be read: {0}")]
    Input(#[from] io::Error),
    /// The configuration turns out unusable.
    #[error("{0}")]
    Start(#[from] StartError),
    /// The gateway would refuse the request: the body of its answer.
    #[error("{0}")]
    Refused(String),
}

/// Explains the request in `input`, without a session: models and language are the built-in ones.
///
/// # Errors
/// See [`ExplainError`].
pub fn explain(config: &Config, wish: &Wish, input: impl Read) -> Result<String, ExplainError> {
    let format = format(wish.format.as_deref())?;
    let mut body = Vec::new();
    // One byte more than is allowed, so that too much is seen as such.
    input.take(config.max_body_bytes as u64 + 1).read_to_end(&mut body)?;
    let mut settings = serve::settings(config, Arc::new(StateDir::memory()));
    // Without credentials no session is made, and so nothing is sent.
    settings.credentials = None;
    let gemini = GeminiWeb::start(settings, TaskTracker::new(), &CancellationToken::new()).map_err(StartError::Exit)?;
    let upstream = serve::router(config, gemini, serve::named(config).map_err(StartError::Exit)?);
    let explained = one(config, wish, format, &body, &upstream);
    explained.map_err(|failure| {
        let body = format.error_body(&failure, "explain");
        ExplainError::Refused(String::from_utf8_lossy(&body).into_owned())
    })
}

fn format(name: Option<&str>) -> Result<Format, ExplainError> {
    let Some(name) = name else {
        return Ok(Format::OpenAiChat);
    };
    let found = Format::ALL.into_iter().find(|format| format.name() == name);
    found.ok_or_else(|| ExplainError::Format(Format::ALL.map(Format::name).join(", ")))
}

fn one(config: &Config, wish: &Wish, format: Format, body: &[u8], upstream: &dyn Upstream) -> Result<String, Failure> {
    if body.len() > config.max_body_bytes {
        let message = format!("The request body is over the limit of {} bytes.", config.max_body_bytes);
        return Err(Failure::new(Kind::BodyTooLarge, message));
    }
    let defaults = Defaults {
        default_model: config.default_model.as_deref(),
        aliases: &config.model_aliases,
    };
    let target = Target {
        id: wish.id.as_deref().unwrap_or_default(),
        ..Target::default()
    };
    let mut incoming = format.read(body, &target, &defaults)?;
    incoming.request.model = upstream.resolve(&incoming.request.model)?;
    Media::new(config).inspect(&mut incoming.request)?;
    let asked = Asked::new(&incoming);
    document(&asked, &incoming.request, upstream)
}

/// What of a request the explanation repeats.
pub(crate) struct Asked<'a> {
    requested_model: &'a str,
    stream: bool,
    ignored: &'a [Cow<'static, str>],
}

impl<'a> Asked<'a> {
    pub(crate) fn new(incoming: &'a Incoming) -> Self {
        Self {
            requested_model: &incoming.requested_model,
            stream: incoming.stream,
            ignored: &incoming.ignored,
        }
    }
}

/// The explanation of a request whose model is resolved and whose files were inspected, as a JSON text.
///
/// # Errors
/// Those of [`Upstream::explain`].
pub(crate) fn document(asked: &Asked<'_>, request: &Request, upstream: &dyn Upstream) -> Result<String, Failure> {
    let Explanation {
        model,
        method,
        url,
        headers,
        prompt,
        prompt_limit,
        attachments,
        notes,
    } = upstream.explain(request)?;
    let attachments: Vec<Value> = attachments.iter().map(attachment).collect();
    let headers: Map<String, Value> = headers.into_iter().map(|(name, value)| (name, value.into())).collect();
    let notes: Map<String, Value> = notes
        .into_iter()
        .map(|note| (format!("x-gateway-{}", note.name), note.value.into()))
        .collect();
    let document = json!({
        "requested_model": asked.requested_model,
        "model": request.model,
        "upstream_model": model,
        "stream": asked.stream,
        "ignored": asked.ignored,
        "prompt_bytes": prompt.len(),
        "prompt_limit_bytes": prompt_limit,
        "prompt": prompt,
        "attachments": attachments,
        "request": { "method": method, "url": url, "headers": headers },
        "response_headers": notes,
    });
    Ok(format!("{document:#}\n"))
}

fn attachment(file: &ExplainedFile) -> Value {
    let mut shown = json!({ "name": file.name, "mime": file.mime });
    match &file.content {
        FileContent::Url(url) => shown["would_be_fetched_from"] = json!(url),
        FileContent::Bytes(bytes) => {
            let digest = Sha256::digest(bytes);
            shown["bytes"] = json!(bytes.len());
            shown["sha256"] = digest
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                .into();
            if file.of_messages {
                shown["text"] = json!(String::from_utf8_lossy(bytes));
            }
        }
    }
    shown
}

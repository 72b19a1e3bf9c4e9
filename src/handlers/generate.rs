//! The one driver from a client's body to its answer, in any wire format, whole or streamed.

use std::{
    borrow::Cow,
    pin::Pin,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use tokio::time::{Instant, timeout_at};

use super::{
    dry_run,
    media::Delivery,
    plain::{self, Round},
    pump::{Pump, pump},
    turn,
};
use crate::{
    api::{Defaults, Format, Incoming, Meta, Purpose, Reply, Target},
    app::App,
    body::{Body, Upload},
    chat::{Answer, Event, Note, Original, Request, Sampling, Served},
    error::{Failure, Kind},
    exchange::Exchange,
    respond,
    room::Held,
    telemetry::access::{printable, visible},
    upstream::{Call, Speaks},
};

type Events = Pin<Box<dyn Stream<Item = Result<Event, Failure>> + Send>>;

/// Reads the request, asks the upstream, and answers.
///
/// # Errors
/// Whatever goes wrong before the head of the answer is out, with its own HTTP status.
pub(crate) async fn generate(
    exchange: Exchange,
    format: Format,
    upload: &mut Upload,
) -> Result<Response<Body>, Failure> {
    let app = &exchange.app;
    let deadline = Instant::now() + app.limits.request;
    let dry_run = dry_run::wanted(&exchange.head.headers)?;
    let held = app.room.account();
    let mut incoming = read(&exchange, format, Purpose::Answer, upload, &held, deadline).await?;
    let model = app.upstream.resolve(&incoming.request.model)?;
    incoming.request.model.clone_from(&model);
    let round = if format.keeps_history() {
        Some(Round::begin(&exchange, &mut incoming.request, &held, deadline).await?)
    } else {
        None
    };
    if is_understood(&incoming.request) {
        app.media.inspect(&mut incoming.request)?;
    }
    if dry_run {
        return dry_run::answer(app, &incoming);
    }
    // Before the wait for files and for a place: what cannot be answered must neither wait nor keep others waiting.
    app.upstream
        .check(&incoming.request)
        .inspect_err(|failure| exchange.record.upstream_failed(failure))?;
    if is_understood(&incoming.request) {
        app.media.fetch(&mut incoming.request, &held, deadline).await?;
    }
    let request = Arc::new(incoming.request);
    let call = Call {
        request: Arc::clone(&request),
        model: Arc::from(model.as_str()),
        incremental: incoming.stream,
        deadline,
    };
    let form = incoming.reply.media_form();
    let delivery = Delivery::new(app, form, &request, &exchange.head.headers, deadline);
    let events = Box::pin(turn::events(
        Arc::clone(app),
        Arc::clone(&exchange.record),
        call,
        delivery,
        held,
    ));
    let asked = Asked {
        model,
        request,
        reply: incoming.reply,
        round,
    };
    let (mut response, disclosed) = if incoming.stream {
        streamed(&exchange, asked, events).await?
    } else {
        whole(asked, events).await?
    };
    disclose(
        response.headers_mut(),
        &incoming.requested_model,
        &incoming.ignored,
        &disclosed,
    );
    Ok(response)
}

/// Whether the neutral words say what is asked: if not, the upstream that gets the original sees to all of it, files
/// included.
fn is_understood(request: &Request) -> bool {
    request.original.as_ref().is_none_or(|original| original.understood)
}

/// What was asked, as far as the answer needs it.
struct Asked {
    /// Public id of the resolved model.
    model: String,
    request: Arc<Request>,
    reply: Box<dyn Reply>,
    /// What becomes part of a conversation that is kept here.
    round: Option<Round>,
}

/// What the head tells of the answer.
#[derive(Default)]
pub(super) struct Disclosed {
    served: Served,
    notes: Vec<Note>,
    /// Whether the request had its effect as it was written, all fields included.
    original: bool,
    /// The controls that had an effect where the upstream has them.
    sampling: Sampling,
}

/// Receives the body and reads it.
///
/// # Errors
/// When it does not come in time, is over the limit or finds no room, and whatever the format refuses.
pub(super) async fn read(
    exchange: &Exchange,
    format: Format,
    purpose: Purpose,
    upload: &mut Upload,
    held: &Held,
    deadline: Instant,
) -> Result<Incoming, Failure> {
    let (app, record) = (&exchange.app, &exchange.record);
    let limits = &app.limits;
    let body = upload.read(limits.body_bytes, held, limits.body_idle, deadline).await?;
    record.received(body.len());
    let fallback = format.keeps_history().then(|| plain::default_model(app)).flatten();
    let defaults = Defaults {
        default_model: app.default_model.as_deref().or(fallback.as_deref()),
        aliases: &app.aliases,
    };
    let target = Target {
        id: &exchange.id,
        query: exchange.head.uri.query().unwrap_or_default(),
        purpose,
    };
    let incoming = match purpose {
        Purpose::Answer => read_for_answer(app, format, &body, &target, &defaults)?,
        Purpose::Count => format.read(&body, &target, &defaults)?,
    };
    record.model(&incoming.requested_model);
    Ok(incoming)
}

/// Reads a request as far as those who may answer it need it: where all of them speak its format it is kept as it is,
/// where some do it is kept and read, and where it cannot be read it is for these alone.
fn read_for_answer(
    app: &App,
    format: Format,
    body: &Bytes,
    target: &Target<'_>,
    defaults: &Defaults<'_>,
) -> Result<Incoming, Failure> {
    let known = format.dialect().filter(|dialect| app.passes_on(*dialect));
    let Some(dialect) = known else {
        return format.read(body, target, defaults);
    };
    let outline = format.outline(body, defaults)?;
    let model = app.upstream.resolve(&outline.request.model)?;
    let speaks = app.upstream.speaks(Some(&model), dialect);
    if speaks == Speaks::All {
        return Ok(outline);
    }
    match (format.read(body, target, defaults), speaks) {
        (Ok(mut incoming), Speaks::First | Speaks::Later) => {
            incoming.request.original = outline.request.original.map(|original| Original {
                understood: true,
                ..original
            });
            Ok(incoming)
        }
        // What is wrong with it is for the upstream to say.
        (Err(_), Speaks::First) => Ok(outline),
        (Err(failure), Speaks::Later) if failure.kind() == Kind::UnsupportedParameter => Ok(outline),
        (other, _) => other,
    }
}

async fn whole(asked: Asked, mut events: Events) -> Result<(Response<Body>, Disclosed), Failure> {
    let mut answer = Answer::default();
    while let Some(event) = events.next().await {
        answer.push(event?);
    }
    // The permit is free before the client has read a byte.
    drop(events);
    if let Some(round) = asked.round {
        let model = answered_by(&asked.model, &answer.served).to_owned();
        answer.notes.push(round.end(&answer, &model));
    }
    let original = answer.original.take();
    let disclosed = Disclosed {
        original: original.is_some(),
        notes: std::mem::take(&mut answer.notes),
        served: answer.served.clone(),
        sampling: asked.request.sampling.clone(),
    };
    let body = original.unwrap_or_else(|| {
        let prompt_tokens = asked.request.prompt_tokens();
        let usage = answer.usage(prompt_tokens);
        asked
            .reply
            .whole(&meta(&asked.model, &answer.served, prompt_tokens), &answer, &usage)
    });
    Ok((respond::json(StatusCode::OK, body), disclosed))
}

/// Holds the head back until there is output or a failure, at most as long as configured: so that a failure that
/// comes early keeps its HTTP status.
async fn streamed(
    exchange: &Exchange,
    asked: Asked,
    mut events: Events,
) -> Result<(Response<Body>, Disclosed), Failure> {
    let limits = &exchange.app.limits;
    let head_due = Instant::now() + limits.first_event_wait;
    let mut served = None;
    let mut notes = Vec::new();
    let mut early = None;
    let mut counted = None;
    while let Ok(Some(event)) = timeout_at(head_due, events.next()).await {
        match event? {
            Event::Served(news) => served = Some(news),
            Event::Note(note) => notes.push(note),
            // It goes on with the stream: what is counted is told at its end.
            usage @ Event::Usage(_) => counted = Some(usage),
            output => {
                early = Some(output);
                break;
            }
        }
    }
    let silent = served.is_none() && early.is_none();
    let served = served.unwrap_or_default();
    let prompt_tokens = if asked.reply.counts_tokens() {
        asked.request.prompt_tokens()
    } else {
        0
    };
    let stream_type = asked.reply.stream_type();
    let sampling = asked.request.sampling.clone();
    let original = matches!(early, Some(Event::Original(_)));
    let pump_parts = Pump {
        meta: meta(&asked.model, &served, prompt_tokens),
        reply: asked.reply,
        silent,
        passes_on: asked.request.original.is_some(),
        record: Arc::clone(&exchange.record),
        comment_after: limits.comment_after,
        empty_delta_after: limits.empty_delta_after,
    };
    let mut response = Response::new(Body::stream(pump(pump_parts, counted.into_iter().chain(early), events)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(stream_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Some reverse proxies collect a whole answer unless told not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    let disclosed = Disclosed {
        served,
        notes,
        original,
        sampling,
    };
    Ok((response, disclosed))
}

/// The model that answers: the one that was asked, unless the upstream says otherwise.
fn answered_by<'a>(resolved: &'a str, served: &'a Served) -> &'a str {
    if served.model.is_empty() {
        resolved
    } else {
        &served.model
    }
}

fn meta(resolved: &str, served: &Served, prompt_tokens: u64) -> Meta {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Meta {
        id: crate::ids::secret().simple().to_string(),
        created: now.as_secs(),
        model: answered_by(resolved, served).to_owned(),
        prompt_tokens,
    }
}

/// Says in headers what the body has no room for: what was asked, who answered, what had no effect.
pub(super) fn disclose(headers: &mut HeaderMap, requested: &str, ignored: &[Cow<'static, str>], disclosed: &Disclosed) {
    let mut set = |name: &'static str, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-gateway-requested-model", &printable(requested));
    if let Some(label) = &disclosed.served.label {
        set("x-gateway-served-label", &visible(label));
    }
    let acted = |name: &str| disclosed.original || disclosed.served.native && disclosed.sampling.has_field(name);
    let ignored: Vec<&str> = ignored.iter().map(AsRef::as_ref).filter(|name| !acted(name)).collect();
    if !ignored.is_empty() {
        set("x-gateway-ignored-params", &ignored.join(", "));
    }
    for note in &disclosed.notes {
        let name = HeaderName::try_from(format!("x-gateway-{}", note.name));
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&note.value)) {
            // There may be several of a name: each is a header of its own.
            headers.append(name, value);
        }
    }
}

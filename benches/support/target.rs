//! A process under load: where it is, and what it is asked.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    Result,
    check::Check,
    child::Child,
    completions, gateway,
    options::{Options, Role},
    wire::{ARGUMENTS, Shape},
};

/// What is asked for, and what becomes of it in the gateway. The proxy hands everything on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// OpenAI's format to the Gemini web app: translated.
    Gemini,
    /// OpenAI's format to an OpenAI-compatible server: handed on word for word.
    PassedOn,
    /// Anthropic's format to the same server: translated.
    Messages,
}

/// The two things compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The bare reverse proxy.
    Proxy,
    /// The gateway.
    Gateway,
}

impl Kind {
    /// Its name in the report.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Proxy => "bare proxy",
            Self::Gateway => "gateway",
        }
    }

    /// Starts it before the upstream and waits until it is live.
    pub(super) fn start(self, upstream: &Child, scratch: &std::path::Path, options: &Options) -> Result<Child> {
        let upstream = upstream.address;
        match self {
            Self::Proxy => Child::part(self.name(), |port| Role::Proxy { port, upstream }),
            Self::Gateway => Child::start(self.name(), |port| {
                gateway::command(port, upstream, scratch, options.show_log)
            }),
        }
    }

    /// The request that makes it answer in this shape. The proxy gets what the upstream gets, the gateway what its
    /// clients send; the prompt is the same.
    pub(super) fn ask(self, way: Way, shape: Shape) -> Result<Arc<Ask>> {
        let ask = match (self, way) {
            (Self::Proxy, Way::Gemini) => generation(shape)?,
            (Self::Proxy, Way::PassedOn | Way::Messages) => upstream_completion(shape)?,
            (Self::Gateway, Way::Gemini) => completion(shape)?,
            (Self::Gateway, Way::PassedOn) => passed_on(shape)?,
            (Self::Gateway, Way::Messages) => message(shape)?,
        };
        Ok(Arc::new(ask))
    }
}

/// A request made ready once and sent many times, and what must come back.
pub(super) struct Ask {
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    /// What the answer must be.
    pub(super) check: Check,
}

impl Ask {
    /// The request, once more.
    pub(super) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

fn completion(shape: Shape) -> Result<Ask> {
    let streamed = shape != Shape::Whole;
    let mut body = json!({
        "model": "gemini-flash",
        "stream": streamed,
        "messages": [{ "role": "user", "content": shape.prompt() }],
    });
    let bearer = format!("Bearer {}", gateway::KEY);
    let text = shape.content();
    let call = (shape == Shape::Call).then_some(ARGUMENTS);
    if call.is_some() {
        body["tools"] = json!([{ "type": "function", "function": {
            "name": "count",
            "description": "Counts the waves.",
            "parameters": { "type": "object", "properties": { "waves": { "type": "integer" } }, "required": ["waves"] },
        }}]);
    }
    Ok(Ask {
        uri: Uri::from_static("/v1/chat/completions"),
        headers: headers("application/json", &[(header::AUTHORIZATION.as_str(), &bearer)])?,
        body: Bytes::from(body.to_string()),
        check: if streamed {
            Check::Chunks { text, call }
        } else {
            Check::Completion { text }
        },
    })
}

/// What a client of the OpenAI-compatible server posts.
fn upstream_completion(shape: Shape) -> Result<Ask> {
    Ok(Ask {
        uri: Uri::from_static("/v1/chat/completions"),
        headers: headers("application/json", &[])?,
        body: chat(completions::MODEL, shape),
        check: match shape {
            Shape::Whole => Check::Exact(completions::whole()),
            Shape::Stream | Shape::Call | Shape::Held => Check::Events(Bytes::from(completions::chunks().concat())),
        },
    })
}

/// The same by way of the gateway: the upstream's name before the model's, and the gateway's key.
fn passed_on(shape: Shape) -> Result<Ask> {
    let bearer = format!("Bearer {}", gateway::KEY);
    Ok(Ask {
        headers: headers("application/json", &[(header::AUTHORIZATION.as_str(), &bearer)])?,
        body: chat(&local_model(), shape),
        ..upstream_completion(shape)?
    })
}

/// The name of the OpenAI-compatible server's model at the gateway.
fn local_model() -> String {
    format!("local:{}", completions::MODEL)
}

fn chat(model: &str, shape: Shape) -> Bytes {
    let body = json!({
        "model": model,
        "stream": shape != Shape::Whole,
        "messages": [{ "role": "user", "content": shape.prompt() }],
        "max_tokens": 512,
        "temperature": 0.7,
    });
    Bytes::from(body.to_string())
}

/// What Anthropic's clients send, streamed.
fn message(shape: Shape) -> Result<Ask> {
    let body = json!({
        "model": local_model(),
        "stream": true,
        "messages": [{ "role": "user", "content": shape.prompt() }],
        "max_tokens": 512,
    });
    let further = [("x-api-key", gateway::KEY), ("anthropic-version", "2023-06-01")];
    Ok(Ask {
        uri: Uri::from_static("/v1/messages"),
        headers: headers("application/json", &further)?,
        body: Bytes::from(body.to_string()),
        check: Check::Message { text: shape.text() },
    })
}

/// What a client of the Gemini web app posts to have this prompt answered.
fn generation(shape: Shape) -> Result<Ask> {
    let uri = "/_/BardChatUi/data/assistant.lamda.BardFrontendService/StreamGenerate\
               ?hl=en&_reqid=112233&rt=c&bl=boq_assistant-bard-web-server_20261110.05_p0&f.sid=-7132290681884234964";
    let mut slots = vec![Value::Null; 81];
    slots[0] = json!([shape.prompt(), 0, null, null, null, null, 0]);
    slots[1] = json!(["en"]);
    slots[2] = json!(["", "", "", null, null, null, null, null, null, ""]);
    slots[45] = json!(1);
    slots[59] = json!("5AD1B0D6-4F0B-4D0B-9B7A-0D3B3B1F7C11");
    let slots = Value::Array(slots).to_string();
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("at", "ABenchToken0123456789abcdefghij:1795176562810")
        .append_pair("f.req", &json!([null, slots]).to_string())
        .finish();
    let further = [
        ("origin", "https://gemini.google.com"),
        ("referer", "https://gemini.google.com/"),
        ("cookie", "__Secure-1PSID=g.a000-bench; __Secure-1PSIDTS=sidts-bench"),
        (
            "x-goog-ext-525005358-jspb",
            r#"["5AD1B0D6-4F0B-4D0B-9B7A-0D3B3B1F7C11",1]"#,
        ),
        ("x-goog-ext-73010989-jspb", "[0]"),
        ("x-same-domain", "1"),
    ];
    Ok(Ask {
        uri: uri.parse()?,
        headers: headers("application/x-www-form-urlencoded;charset=utf-8", &further)?,
        body: Bytes::from(body),
        check: Check::Exact(Bytes::from(shape.chunks().concat())),
    })
}

fn headers(content_type: &'static str, further: &[(&'static str, &str)]) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("gateway-bench"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in further {
        headers.insert(*name, HeaderValue::from_str(value)?);
    }
    Ok(headers)
}

//! The requests themselves: pure builders from tokens and texts to method, URL, headers and body.
//!
//! Names and order follow the web app's own requests, with two differences: no cookie header, because the jar adds
//! it, and no `accept-encoding`, because the HTTP client asks for exactly the encodings it can undo.

mod files;
mod fixed;
mod form;

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use uuid::Uuid;

use self::form::FieldWriter;
pub(crate) use self::{
    files::{Reference, upload_headers},
    fixed::Fixed,
};
use super::{
    account::AccountModel,
    page::PageTokens,
    protocol::{Capacity, Fill, Fills, HeaderRule, Protocol, RpcRule},
};
use crate::{
    chat::ThinkingLevel,
    error::{Failure, Kind},
};

/// A request ready to be sent. Its Debug output has no query, header or body.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// One generation: a new conversation with one message.
pub(crate) struct Generate<'a> {
    pub(crate) tokens: &'a PageTokens,
    pub(crate) prompt: &'a str,
    /// Uploaded files, in the order in which the prompt mentions them.
    pub(crate) files: &'a [Reference],
    /// None: the upstream picks the account's default model.
    pub(crate) model: Option<&'a AccountModel>,
    pub(crate) capacity: Capacity,
    pub(crate) thinking: Option<ThinkingLevel>,
    /// A temporary chat is in no history and cannot be read back.
    pub(crate) temporary: bool,
    /// New for every request.
    pub(crate) turn: Uuid,
    /// Made once per session.
    pub(crate) client: Uuid,
    /// Grows by 100000 from request to request, RPCs included.
    pub(crate) request_id: u32,
}

/// Several RPCs in one request.
pub(crate) struct Rpc<'a> {
    pub(crate) tokens: &'a PageTokens,
    /// At least one; the first decides the source path.
    pub(crate) calls: &'a [RpcCall<'a>],
    pub(crate) client: Uuid,
    pub(crate) request_id: u32,
}

/// One RPC with its payload.
#[derive(Clone, Debug)]
pub(crate) struct RpcCall<'a> {
    pub(crate) rule: &'a RpcRule,
    payload: String,
}

impl<'a> RpcCall<'a> {
    /// Asks for the account's status and models.
    ///
    /// # Errors
    /// [`Kind::Internal`], as for every builder here: only when the protocol data cannot be written.
    pub(crate) fn account(protocol: &'a Protocol) -> Result<Self, Failure> {
        Self::new(&protocol.rpcs.account, &[])
    }

    /// Asks for the newest `count` turns of a chat.
    pub(crate) fn read_chat(protocol: &'a Protocol, cid: &str, count: u32) -> Result<Self, Failure> {
        let fills = [("$cid", Fill::Text(cid)), ("$count", Fill::Number(count.into()))];
        Self::new(&protocol.rpcs.read_chat, &fills)
    }

    /// Deletes a chat.
    pub(crate) fn delete_chat(protocol: &'a Protocol, cid: &str) -> Result<Self, Failure> {
        Self::new(&protocol.rpcs.delete_chat, &[("$cid", Fill::Text(cid))])
    }

    /// Asks for the address of a generated image in its full size.
    pub(crate) fn full_size(protocol: &'a Protocol, image: &str, turn: [&str; 3]) -> Result<Self, Failure> {
        let [cid, rid, rcid] = turn.map(Fill::Text);
        let fills = [
            ("$image", Fill::Text(image)),
            ("$cid", cid),
            ("$rid", rid),
            ("$rcid", rcid),
        ];
        Self::new(&protocol.rpcs.full_size, &fills)
    }

    /// The sign of life of an open web app.
    pub(crate) fn activity(protocol: &'a Protocol) -> Result<Self, Failure> {
        Self::new(&protocol.rpcs.activity, &[])
    }

    fn new(rule: &'a RpcRule, fills: &Fills<'_>) -> Result<Self, Failure> {
        let payload = rule.payload.to_json(fills).map_err(unwritable)?;
        Ok(Self { rule, payload })
    }
}

/// The request for the app page.
pub(crate) fn page(protocol: &Protocol) -> Result<Outgoing, Failure> {
    Ok(Outgoing {
        method: Method::GET,
        url: protocol.page_url(),
        headers: headers(protocol, &protocol.headers.page, &Computed::default())?,
        body: Bytes::new(),
    })
}

/// The request for an image, a film or a recording of an answer.
pub(crate) fn media(protocol: &Protocol, url: Url) -> Result<Outgoing, Failure> {
    Ok(Outgoing {
        method: Method::GET,
        url,
        headers: headers(protocol, &protocol.headers.media, &Computed::default())?,
        body: Bytes::new(),
    })
}

/// The request that rotates the cookies.
pub(crate) fn rotate(protocol: &Protocol) -> Result<Outgoing, Failure> {
    let mut headers = headers(protocol, &protocol.headers.rotate, &Computed::default())?;
    // The account service has one session for all accounts.
    headers.remove(protocol.account.header.as_str());
    Ok(Outgoing {
        method: Method::POST,
        url: protocol.rotate_url(),
        headers,
        body: Bytes::copy_from_slice(protocol.rotation.body.as_bytes()),
    })
}

/// A request for RPCs.
pub(crate) fn rpc(protocol: &Protocol, call: &Rpc<'_>) -> Result<Outgoing, Failure> {
    let client = upper(call.client);
    let selector = protocol
        .request
        .selector_rpc
        .to_json(&[("$client", Fill::Text(&client))])
        .map_err(unwritable)?;
    let ids: Vec<_> = call.calls.iter().map(|call| call.rule.id.as_str()).collect();
    let ids = ids.join(",");
    let source_path = call.calls.first().map(|call| call.rule.source_path.as_str());
    let mut url = protocol.batch_url();
    query(
        &mut url,
        &protocol.request.rpc_query,
        call.tokens,
        call.request_id,
        Some(&ids),
        source_path,
    );
    let entries: Vec<_> = call
        .calls
        .iter()
        .map(|call| (&call.rule.id, &call.payload, (), &call.rule.identifier))
        .collect();
    let size = call.calls.iter().map(|call| call.payload.len()).sum();
    Ok(Outgoing {
        method: Method::POST,
        url,
        headers: headers(protocol, &protocol.headers.rpc, &Computed::selecting(Some(&selector)))?,
        body: form_body(call.tokens.at.as_ref(), size, |form| {
            serde_json::to_writer(FieldWriter(form), &[entries])
        })?,
    })
}

/// A request for an answer.
pub(crate) fn generate(protocol: &Protocol, ask: &Generate<'_>) -> Result<Outgoing, Failure> {
    let (turn, client) = (upper(ask.turn), upper(ask.client));
    let templates = &protocol.request;
    let thinking = match ask.thinking {
        Some(ThinkingLevel::Extended) => templates.thinking_extended,
        Some(ThinkingLevel::Standard) | None => templates.thinking_standard,
    };
    let number = ask.model.map_or(templates.default_model_number, |model| model.number);
    let files: Vec<_> = ask.files.iter().map(Reference::fills).collect();
    let files = match files.as_slice() {
        [] => Fill::Null,
        files => Fill::Each(&templates.file, files),
    };
    let fills = [
        ("$prompt", Fill::Text(ask.prompt)),
        ("$files", files),
        ("$lang", Fill::Text(&ask.tokens.language)),
        ("$uuid", Fill::Text(&turn)),
        ("$client", Fill::Text(&client)),
        ("$temporary", if ask.temporary { Fill::Number(1) } else { Fill::Null }),
        ("$model_number", Fill::Number(number.into())),
        ("$thinking", Fill::Number(thinking.into())),
        ("$capacity", Fill::Number(ask.capacity.value.into())),
        ("$model_id", ask.model.map_or(Fill::Null, |model| Fill::Text(&model.id))),
    ];
    let selector = match (ask.model, ask.capacity.field) {
        (None, _) => None,
        (Some(_), 13) => Some(templates.selector_chat_field_13.to_json(&fills).map_err(unwritable)?),
        (Some(_), _) => Some(templates.selector_chat.to_json(&fills).map_err(unwritable)?),
    };
    let turn_header = templates.turn_header.to_json(&fills).map_err(unwritable)?;
    let fixed = protocol.fixed()?;
    let headers = match &selector {
        Some(selector) => fixed.headers(selector, &turn_header)?,
        None => headers(
            protocol,
            &protocol.headers.generate,
            &Computed {
                turn: Some(&turn_header),
                ..Computed::default()
            },
        )?,
    };
    let mut url = fixed.url.clone();
    query(
        &mut url,
        &templates.generate_query,
        ask.tokens,
        ask.request_id,
        None,
        None,
    );
    Ok(Outgoing {
        method: Method::POST,
        url,
        headers,
        body: form_body(ask.tokens.at.as_ref(), ask.prompt.len(), |form| {
            fixed.write(&fills, form)
        })?,
    })
}

/// `at=<token>&f.req=<what write writes>`. The token is first, and empty when there is none: some sessions are
/// accepted so, and the others are told a fresh one.
fn form_body(
    at: Option<&SecretString>,
    size: usize,
    write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
) -> Result<Bytes, Failure> {
    // Room for a text of which every third byte needs escapes; longer ones grow the buffer a few times.
    let mut form = Vec::with_capacity(size + size / 2 + 1024);
    form.extend_from_slice(b"at=");
    let at = at.map(ExposeSecret::expose_secret).unwrap_or_default();
    form::encode(at.as_bytes(), &mut form);
    form.extend_from_slice(b"&f.req=");
    write(&mut form).map_err(unwritable)?;
    Ok(form.into())
}

/// The query in its order. A parameter whose value is not known is left out.
fn query(
    url: &mut Url,
    rules: &[(String, String)],
    tokens: &PageTokens,
    request_id: u32,
    rpc_ids: Option<&str>,
    source_path: Option<&str>,
) {
    let request_id = request_id.to_string();
    let mut pairs = url.query_pairs_mut();
    for (name, value) in rules {
        let value = match value.as_str() {
            "$lang" => Some(tokens.language.as_str()),
            "$request_id" => Some(request_id.as_str()),
            "$build_label" => tokens.build_label.as_deref(),
            "$session_id" => tokens.session_id.as_deref(),
            "$rpc_ids" => rpc_ids,
            "$source_path" => source_path,
            literal => Some(literal),
        };
        if let Some(value) = value {
            pairs.append_pair(name, value);
        }
    }
}

/// The values of headers that are not fixed.
#[derive(Clone, Copy, Default)]
struct Computed<'a> {
    selector: Option<&'a str>,
    turn: Option<&'a str>,
    push_id: Option<&'a str>,
}

impl<'a> Computed<'a> {
    fn selecting(selector: Option<&'a str>) -> Self {
        Self {
            selector,
            ..Self::default()
        }
    }
}

/// The common headers, then the endpoint's, in their order.
fn headers(protocol: &Protocol, endpoint: &[HeaderRule], computed: &Computed<'_>) -> Result<HeaderMap, Failure> {
    let account = &protocol.account;
    let referer = (account.index > 0).then(|| protocol.for_account(&account.referer));
    let mut headers = HeaderMap::with_capacity(32);
    for rule in protocol.headers.common.iter().chain(endpoint) {
        let value = match rule.value.as_str() {
            _ if rule.with_model_only && computed.selector.is_none() => None,
            "$selector" => computed.selector,
            "$turn" => computed.turn,
            "$push_id" => computed.push_id,
            _ if rule.name.eq_ignore_ascii_case("referer") => referer.as_deref().or(Some(&rule.value)),
            literal => Some(literal),
        };
        if let Some(value) = value {
            insert(&mut headers, &rule.name, value)?;
        }
    }
    if account.index > 0 {
        insert(&mut headers, &account.header, &account.index.to_string())?;
    }
    Ok(headers)
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Failure> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(unwritable)?;
    headers.insert(name, HeaderValue::from_str(value).map_err(unwritable)?);
    Ok(())
}

/// Upper case, as the web app writes them; a client that sends lower case ones is told apart by it.
fn upper(id: Uuid) -> String {
    format!("{:X}", id.hyphenated())
}

fn unwritable(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::new(
        Kind::Internal,
        "The request to Gemini could not be written. Check the protocol overlay file, or run without it.",
    )
    .source(error)
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("path", &self.url.path())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

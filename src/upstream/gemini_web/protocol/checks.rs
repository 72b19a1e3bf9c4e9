//! What a type cannot say about the protocol data.

use http::{HeaderName, HeaderValue};
use url::{Host, Url};

use super::{
    Protocol,
    schema::HeaderRule,
    template::{Template, is_placeholder},
};

/// Placeholders of the inner array and of the model selectors.
const GENERATE: [&str; 9] = [
    "$prompt",
    "$files",
    "$lang",
    "$uuid",
    "$temporary",
    "$model_number",
    "$thinking",
    "$model_id",
    "$capacity",
];
const SELECTOR: [&str; 5] = ["$model_id", "$capacity", "$model_number", "$thinking", "$client"];
const QUERY: [&str; 6] = [
    "$lang",
    "$request_id",
    "$build_label",
    "$session_id",
    "$rpc_ids",
    "$source_path",
];
const HEADER: [&str; 3] = ["$selector", "$turn", "$push_id"];
/// No known generation of the inner array is longer than 102; a typing error must not cost megabytes a request.
const MAX_INNER_LENGTH: usize = 1000;

/// Every problem of a protocol that was read, each beginning with its path.
pub(super) fn problems(protocol: &Protocol) -> Vec<String> {
    let mut found = Vec::new();
    endpoints(protocol, &mut found);
    headers(protocol, &mut found);
    templates(protocol, &mut found);
    essentials(protocol, &mut found);
    tables(protocol, &mut found);
    numbers(protocol, &mut found);
    found
}

/// A base URL: https, or plain http to this machine only. The text is never echoed: it may hold a password.
pub(super) fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => return Err("plain http would show the cookies to the network; only loopback may have it".to_owned()),
        _ => return Err("the scheme of a base URL must be https".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("a base URL must not have a user, a query or a fragment".to_owned());
    }
    Ok(url)
}

fn endpoints(protocol: &Protocol, found: &mut Vec<String>) {
    let paths = &protocol.paths;
    for (name, path) in [
        ("paths.page", &paths.page),
        ("paths.generate", &paths.generate),
        ("paths.batch", &paths.batch),
        ("paths.rotate", &paths.rotate),
        ("paths.upload", &paths.upload),
        ("account.path_prefix", &protocol.account.path_prefix),
    ] {
        if !path.starts_with('/') {
            found.push(format!("{name}: must begin with a slash"));
        }
    }
    for (name, hosts) in [
        ("redirect_hosts", &protocol.redirect_hosts),
        ("downloads.hosts", &protocol.downloads.hosts),
    ] {
        for (n, host) in hosts.iter().enumerate() {
            if host.is_empty() || host.starts_with('.') || host.contains(['/', ':']) {
                found.push(format!("{name}[{n}]: must be a bare domain"));
            }
        }
    }
}

fn headers(protocol: &Protocol, found: &mut Vec<String>) {
    let sets = &protocol.headers;
    for (set, rules) in [
        ("common", &sets.common),
        ("page", &sets.page),
        ("rpc", &sets.rpc),
        ("generate", &sets.generate),
        ("rotate", &sets.rotate),
        ("media", &sets.media),
        ("upload", &sets.upload),
    ] {
        for (n, rule) in rules.iter().enumerate() {
            header(rule, &format!("headers.{set}[{n}]"), found);
        }
    }
    let account = &protocol.account;
    name(&account.header, "account.header", found);
    value(&account.referer, "account.referer", found);
}

fn header(rule: &HeaderRule, path: &str, found: &mut Vec<String>) {
    name(&rule.name, &format!("{path}.name"), found);
    if is_placeholder(&rule.value) {
        if !HEADER.contains(&rule.value.as_str()) {
            found.push(format!("{path}.value: unknown placeholder {}", rule.value));
        }
    } else {
        value(&rule.value, &format!("{path}.value"), found);
    }
}

fn name(text: &str, path: &str, found: &mut Vec<String>) {
    let own = ["cookie", "host", "content-length", "accept-encoding", "authorization"];
    match HeaderName::from_bytes(text.as_bytes()) {
        Err(_) => found.push(format!("{path}: not a header name")),
        Ok(name) if own.contains(&name.as_str()) => found.push(format!("{path}: {name} is not for this table")),
        Ok(_) => {}
    }
}

fn value(text: &str, path: &str, found: &mut Vec<String>) {
    if HeaderValue::from_str(text).is_err() {
        found.push(format!("{path}: not a header value"));
    }
}

fn templates(protocol: &Protocol, found: &mut Vec<String>) {
    let request = &protocol.request;
    let mut check = |path: String, template: &Template, known: &[&str]| {
        let unknown = template.unknown_placeholders(known);
        found.extend(unknown.iter().map(|name| format!("{path}: unknown placeholder {name}")));
    };
    for (slot, template) in &request.slots {
        check(format!("request.slots.{slot}"), template, &GENERATE);
    }
    check(
        "request.file".to_owned(),
        &request.file,
        &["$reference", "$name", "$mime"],
    );
    check("request.selector_chat".to_owned(), &request.selector_chat, &SELECTOR);
    let wide = &request.selector_chat_field_13;
    check("request.selector_chat_field_13".to_owned(), wide, &SELECTOR);
    check("request.selector_rpc".to_owned(), &request.selector_rpc, &["$client"]);
    check("request.turn_header".to_owned(), &request.turn_header, &["$uuid"]);
    let rpcs = &protocol.rpcs;
    check("rpcs.account.payload".to_owned(), &rpcs.account.payload, &[]);
    check("rpcs.activity.payload".to_owned(), &rpcs.activity.payload, &[]);
    let read = &rpcs.read_chat.payload;
    check("rpcs.read_chat.payload".to_owned(), read, &["$cid", "$count"]);
    check(
        "rpcs.delete_chat.payload".to_owned(),
        &rpcs.delete_chat.payload,
        &["$cid"],
    );
    check(
        "rpcs.full_size.payload".to_owned(),
        &rpcs.full_size.payload,
        &["$image", "$rid", "$rcid", "$cid"],
    );
    for (name, query) in [
        ("generate_query", &request.generate_query),
        ("rpc_query", &request.rpc_query),
    ] {
        for (key, value) in query {
            if is_placeholder(value) && !QUERY.contains(&value.as_str()) {
                found.push(format!("request.{name}.{key}: unknown placeholder {value}"));
            }
        }
    }
}

/// What must not be lost on the way, however the templates change.
fn essentials(protocol: &Protocol, found: &mut Vec<String>) {
    let request = &protocol.request;
    for needed in ["$prompt", "$files"] {
        if !request.slots.values().any(|template| template.mentions(needed)) {
            found.push(format!("request.slots: {needed} is missing, so it would not be sent"));
        }
    }
    if !request.file.mentions("$reference") {
        found.push("request.file: $reference is missing, so it would not be sent".to_owned());
    }
}

fn tables(protocol: &Protocol, found: &mut Vec<String>) {
    for (n, model) in protocol.models.iter().enumerate() {
        if !super::super::account::is_model_id(&model.id) {
            found.push(format!("models[{n}].id: not a model id"));
        }
    }
    let capacity = &protocol.capacity;
    let fields = capacity.rules.iter().map(|rule| rule.field);
    if fields
        .chain([capacity.default.field])
        .any(|field| !(12..=13).contains(&field))
    {
        found.push("capacity: field must be 12 or 13".to_owned());
    }
    let cleanup = &protocol.cleanup;
    let spans = cleanup.spans.iter().flat_map(|(from, to)| [from, to]);
    let lists = [
        &cleanup.placeholder_urls,
        &cleanup.card_urls,
        &cleanup.internal_fences,
        &cleanup.trailing_tags,
        &cleanup.literals,
        &cleanup.brackets,
    ];
    // The scanner cuts at these texts, so they must not begin or end inside a character.
    if lists
        .into_iter()
        .flatten()
        .chain(spans)
        .any(|text| text.is_empty() || !text.is_ascii())
    {
        found.push("cleanup: every text must be ASCII and not empty".to_owned());
    }
}

fn numbers(protocol: &Protocol, found: &mut Vec<String>) {
    let request = &protocol.request;
    let last = request.slots.keys().next_back().copied().unwrap_or_default();
    if request.inner_length <= last || request.inner_length > MAX_INNER_LENGTH {
        found.push(format!(
            "request.inner_length: must be above {last}, the last slot, and at most {MAX_INNER_LENGTH}"
        ));
    }
    let rotation = &protocol.rotation;
    if rotation.min_interval_s == 0 || rotation.interval_s < rotation.min_interval_s {
        found.push("rotation.interval_s: must be at least min_interval_s, and that above 0".to_owned());
    }
    let limits = &protocol.limits;
    for (name, value) in [
        ("connect_s", limits.connect_s),
        ("first_byte_s", limits.first_byte_s),
        ("recovery_s", limits.recovery_s),
        ("signin_wait_s", limits.signin_wait_s),
        ("frame_bytes", limits.frame_bytes as u64),
        ("stream_bytes", limits.stream_bytes),
        ("page_bytes", limits.page_bytes as u64),
        ("upload_s", limits.upload_s),
        ("reference_s", limits.reference_s),
        ("attachment_bytes", limits.attachment_bytes as u64),
    ] {
        if value == 0 {
            found.push(format!("limits.{name}: must be above 0"));
        }
    }
}

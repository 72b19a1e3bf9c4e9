//! How single values are read. Every function says what would be right, and never repeats the value.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Origins, OutboundProxy};

pub(super) fn switch(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("must be one of true, false, 1, 0, yes, no, on, off".to_owned()),
    }
}

pub(super) fn host(value: &str) -> Result<IpAddr, String> {
    if value.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let bare = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(value);
    bare.parse()
        .map_err(|_| "must be an IP address, such as 0.0.0.0 or ::, or localhost".to_owned())
}

pub(super) fn prefix(value: &str) -> Result<String, String> {
    let segments: Vec<&str> = value.split('/').filter(|segment| !segment.is_empty()).collect();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-');
    if !value.starts_with('/') || !segments.iter().all(|segment| segment.bytes().all(plain)) {
        return Err("must be a path such as /v1: a slash, then letters, digits, `.`, `_`, `~` or `-`".to_owned());
    }
    Ok(segments.iter().map(|segment| format!("/{segment}")).collect())
}

pub(super) fn origins(value: &str) -> Result<Origins, String> {
    let items: Vec<&str> = items(value).collect();
    if items.contains(&"*") {
        return if items.len() == 1 {
            Ok(Origins::Any)
        } else {
            Err("must be either `*` or a list of origins, not both".to_owned())
        };
    }
    items
        .into_iter()
        .map(origin)
        .collect::<Result<_, _>>()
        .map(Origins::List)
}

pub(super) fn public_url(value: &str) -> Result<String, String> {
    let wrong = || "must be a URL such as https://gateway.example, without a query".to_owned();
    let url = Url::parse(value).map_err(|_| wrong())?;
    let plain =
        url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
        return Err(wrong());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn origin(item: &str) -> Result<HeaderValue, String> {
    let wrong = || "must hold origins such as https://chat.example (scheme, host and port, without a path)".to_owned();
    if item == "null" {
        return Ok(HeaderValue::from_static("null"));
    }
    let url = Url::parse(item).map_err(|_| wrong())?;
    // Extensions have schemes whose origin a URL parser calls opaque; they are taken as written.
    let serialised = url.origin().ascii_serialization();
    if url.host().is_none() || (serialised != "null" && serialised != item.trim_end_matches('/')) {
        return Err(wrong());
    }
    HeaderValue::from_str(item.trim_end_matches('/')).map_err(|_| wrong())
}

pub(super) fn aliases(value: &str) -> Result<BTreeMap<String, String>, String> {
    items(value)
        .map(|item| match item.split_once('=') {
            Some((name, model)) if !name.trim().is_empty() && !model.trim().is_empty() => {
                Ok((name.trim().to_owned(), model.trim().to_owned()))
            }
            _ => Err("must be pairs such as gpt-4o=gemini-pro, separated by commas".to_owned()),
        })
        .collect()
}

pub(super) fn cookie(value: &str) -> Result<SecretString, String> {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\' | b'\'');
    if !value.bytes().all(allowed) || value.starts_with("__Secure-") {
        return Err(
            "holds characters a cookie value cannot have; copy the value alone, without its name, quotes or semicolons"
                .to_owned(),
        );
    }
    Ok(value.into())
}

pub(super) fn keys(value: &str) -> Result<Vec<SecretString>, String> {
    value.split(',').map(key).collect()
}

pub(super) fn key(value: &str) -> Result<SecretString, String> {
    let value = value.trim();
    if value.is_empty() {
        return Err("holds an empty key between its commas".to_owned());
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            "holds a key with characters that cannot be sent in an HTTP header; use ASCII without blanks".to_owned(),
        );
    }
    Ok(value.into())
}

pub(super) fn proxy(value: &str) -> Result<OutboundProxy, String> {
    let wrong = || "must be a URL such as http://host:3128 or socks5h://user:password@host:1080".to_owned();
    let url = Url::parse(value).map_err(|_| wrong())?;
    let (true, Some(host)) = (
        matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h"),
        url.host_str().filter(|host| !host.is_empty()),
    ) else {
        return Err(wrong());
    };
    let port = url
        .port_or_known_default()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    Ok(OutboundProxy {
        shown: format!("{}://{host}{port}", url.scheme()),
        url: value.into(),
    })
}

/// Whether any of these keys appears twice, which would be an oversight worth naming.
pub(super) fn has_duplicates(keys: &[SecretString]) -> bool {
    let mut seen = std::collections::HashSet::new();
    !keys.iter().all(|key| seen.insert(key.expose_secret()))
}

fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

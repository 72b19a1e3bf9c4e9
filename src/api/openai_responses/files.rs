//! Files as clients send them: a data URL, base64, or an address.

use base64::{Engine as _, engine::general_purpose};
use bytes::Bytes;

use crate::{
    chat::{File, FileContent, FileKind},
    error::{Failure, Kind},
};

/// A file behind a `data:`, `http:` or `https:` URL.
///
/// # Errors
/// [`Kind::InvalidRequest`] with `param` for any other address, and for a data URL that cannot be read.
pub(super) fn from_url(kind: FileKind, url: &str, name: Option<String>, param: String) -> Result<File, Failure> {
    let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
    match scheme.as_str() {
        "data" => data(kind, url, name, param),
        "http" | "https" => Ok(File {
            kind,
            content: FileContent::Url(url.to_owned()),
            name,
            mime: None,
            param,
        }),
        _ => Err(invalid(&param, "must be a data:, http: or https: URL")),
    }
}

/// A file as base64.
///
/// # Errors
/// [`Kind::InvalidRequest`] with `param` when it is none.
pub(super) fn from_base64(
    kind: FileKind,
    mime: Option<&str>,
    name: Option<String>,
    data: &str,
    param: String,
) -> Result<File, Failure> {
    let bytes = general_purpose::STANDARD
        .decode(data)
        .map_err(|_| invalid(&param, "must be base64"))?;
    Ok(File {
        kind,
        content: FileContent::Bytes(Bytes::from(bytes)),
        name,
        mime: mime.map(str::to_owned),
        param,
    })
}

fn data(kind: FileKind, url: &str, name: Option<String>, param: String) -> Result<File, Failure> {
    let read = || {
        let (head, data) = url.split_once(',')?;
        let mime = head.get("data:".len()..)?.strip_suffix(";base64")?;
        Some((mime.split(';').next().filter(|mime| !mime.is_empty()), data))
    };
    let Some((mime, data)) = read() else {
        return Err(invalid(&param, "must be a data URL in base64"));
    };
    from_base64(kind, mime, name, data, param)
}

fn invalid(param: &str, rule: &str) -> Failure {
    Failure::new(Kind::InvalidRequest, format!("'{param}' {rule}.")).param(param)
}

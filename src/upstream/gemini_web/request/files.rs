//! Files of a prompt: the headers of an upload, and what refers to it.

use http::HeaderMap;

use super::{
    super::protocol::{Fill, Protocol},
    Computed, headers,
};
use crate::error::Failure;

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// What its upload was answered with: it stands for the content, for a day.
    pub(crate) id: String,
    /// Its name for the model; it need not be the one it was uploaded under.
    pub(crate) name: String,
    /// Its MIME type.
    pub(crate) mime: String,
}

impl Reference {
    /// The values of its template.
    pub(super) fn fills(&self) -> Vec<(&'static str, Fill<'_>)> {
        vec![
            ("$reference", Fill::Text(&self.id)),
            ("$name", Fill::Text(&self.name)),
            ("$mime", Fill::Text(&self.mime)),
        ]
    }
}

/// The headers of an upload; its body is a form, which the HTTP client writes.
pub(crate) fn upload_headers(protocol: &Protocol, push_id: &str) -> Result<HeaderMap, Failure> {
    let computed = Computed {
        push_id: Some(push_id),
        ..Computed::default()
    };
    let mut headers = headers(protocol, &protocol.headers.upload, &computed)?;
    // The storage service knows no accounts.
    headers.remove(protocol.account.header.as_str());
    Ok(headers)
}

//! What would be sent for a request, without sending it.

use bytes::Bytes;

use crate::chat::{FileContent, Note};

/// What stands in an explanation in place of a secret.
pub(crate) const SECRET: &str = "<secret>";

/// A request as it would go out. Secrets are shown as `<secret>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The upstream's own id of the model.
    pub model: String,
    /// HTTP method.
    pub method: String,
    /// Where it would go.
    pub url: String,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// The whole text that the model would read.
    pub prompt: String,
    /// The most bytes the prompt may have.
    pub prompt_limit: usize,
    /// What would be sent along, in order.
    pub attachments: Vec<ExplainedFile>,
    /// What would be done on the client's behalf that it must be able to see.
    pub notes: Vec<Note>,
}

/// A file that would be sent along.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedFile {
    /// Its name, as far as it is known before it was fetched.
    pub name: Option<String>,
    /// Its MIME type, as far as it is known before it was fetched.
    pub mime: Option<String>,
    /// Its bytes, or where they would be fetched from.
    pub content: FileContent,
    /// Whether the gateway wrote it, of older messages.
    pub of_messages: bool,
}

impl ExplainedFile {
    /// Its bytes, if they are there.
    #[must_use]
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.content {
            FileContent::Bytes(bytes) => Some(bytes),
            FileContent::Url(_) => None,
        }
    }
}

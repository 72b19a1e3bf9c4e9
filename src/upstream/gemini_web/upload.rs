//! Files on their way to Google: pushed to its storage, known again by their content, referred to in a prompt.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use quick_cache::sync::Cache;
use reqwest::{
    Body, Response,
    multipart::{Form, Part},
};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{
    errors,
    page::{self, PageKind},
    protocol::Protocol,
    request::{Reference, upload_headers},
    session::{Live, Session},
    transport::{read_all, redirect_target, retry_after},
};
use crate::{
    chat::{self, FileContent, FileKind},
    error::{Failure, FileFault, Kind},
};

/// Uploads of one request at a time: as many as the most careful of the known clients makes.
const AT_A_TIME: usize = 4;
/// References remembered. Each is some 200 bytes.
const REMEMBERED: usize = 1_000;

/// A file to be sent along with a prompt.
#[derive(Clone, Debug)]
pub(super) struct Attachment {
    kind: FileKind,
    name: String,
    mime: String,
    bytes: bytes::Bytes,
    /// The request field it came in.
    param: String,
    /// What the cache knows it by.
    digest: [u8; 32],
}

impl Attachment {
    /// A file of a request whose content is there; none of one that would still have to be fetched.
    pub(super) fn of_file(file: &chat::File) -> Option<Self> {
        let FileContent::Bytes(bytes) = &file.content else {
            return None;
        };
        let name = file.name.clone().unwrap_or_else(|| "file".to_owned());
        let mime = file.mime.clone().unwrap_or_else(|| OCTETS.to_owned());
        Some(Self::new(file.kind, name, mime, bytes.clone(), file.param.clone()))
    }

    /// A text.
    pub(super) fn of_text(name: String, text: String) -> Self {
        let (mime, param) = ("text/plain".to_owned(), "messages".to_owned());
        Self::new(FileKind::Document, name, mime, text.into(), param)
    }

    fn new(kind: FileKind, name: String, mime: String, bytes: bytes::Bytes, param: String) -> Self {
        // The type is part of what was uploaded. The length keeps it apart from the content.
        let mut hash = Sha256::new();
        hash.update((mime.len() as u64).to_be_bytes());
        hash.update(&mime);
        hash.update(&bytes);
        Self {
            digest: hash.finalize().into(),
            kind,
            name,
            mime,
            bytes,
            param,
        }
    }
}

const OCTETS: &str = "application/octet-stream";

/// References to what was uploaded for this account, each as long as it lives.
pub(super) struct Uploads {
    known: Cache<[u8; 32], Known>,
    life: Duration,
}

#[derive(Clone)]
struct Known {
    id: Arc<str>,
    until: Instant,
}

/// The references of one request.
#[derive(Debug, Default)]
pub(super) struct References {
    pub(super) list: Vec<Reference>,
    /// Whether any was made for an earlier request, and so may be dead without anybody's knowing.
    pub(super) remembered: bool,
}

impl Uploads {
    pub(super) fn new(protocol: &Protocol) -> Self {
        Self {
            known: Cache::new(REMEMBERED),
            life: Duration::from_secs(protocol.limits.reference_s),
        }
    }

    /// References to these files, in their order: remembered ones, and new ones for what has to be uploaded first.
    ///
    /// # Errors
    /// Of the first upload that fails, with the file's field where the file is at fault.
    pub(super) async fn references(
        &self,
        session: &Session,
        live: &Live,
        files: &[Attachment],
        deadline: Instant,
    ) -> Result<References, Failure> {
        if files.is_empty() {
            return Ok(References::default());
        }
        // Collected first: a stream over a closure that borrows is not known to be `Send`.
        let uploads: Vec<_> = files
            .iter()
            .map(|file| self.reference(session, live, file, deadline))
            .collect();
        let ready: Vec<(Arc<str>, bool)> = stream::iter(uploads).buffered(AT_A_TIME).try_collect().await?;
        let remembered = ready.iter().any(|(_, remembered)| *remembered);
        let reference = |(file, (id, _)): (&Attachment, (Arc<str>, bool))| Reference {
            id: id.to_string(),
            name: file.name.clone(),
            mime: file.mime.clone(),
        };
        let list = files.iter().zip(ready).map(reference).collect();
        Ok(References { list, remembered })
    }

    /// Forgets these files: what refers to them was refused.
    pub(super) fn forget(&self, files: &[Attachment]) {
        for file in files {
            self.known.remove(&file.digest);
        }
    }

    async fn reference(
        &self,
        session: &Session,
        live: &Live,
        file: &Attachment,
        deadline: Instant,
    ) -> Result<(Arc<str>, bool), Failure> {
        match self.known.get(&file.digest) {
            Some(known) if Instant::now() < known.until => return Ok((known.id, true)),
            Some(_) => drop(self.known.remove(&file.digest)),
            None => {}
        }
        // Requests with the same file wait for one upload of it.
        let uploaded = self.known.get_or_insert_async(&file.digest, async {
            let until = Instant::now() + self.life;
            let id = upload(session, live, file, deadline).await?;
            Ok(Known { id: id.into(), until })
        });
        Ok((uploaded.await?.id, false))
    }
}

/// Uploads one file, following redirects between Google's own hosts.
async fn upload(session: &Session, live: &Live, file: &Attachment, deadline: Instant) -> Result<String, Failure> {
    const MAX_REDIRECTS: usize = 3;
    /// A reference has some 70 bytes, a page in place of it far more.
    const ANSWER_BYTES: usize = 1 << 20;
    let protocol = &session.transport.protocol;
    let deadline = deadline.min(Instant::now() + Duration::from_secs(protocol.limits.upload_s));
    let headers = upload_headers(protocol, &live.tokens.push_id)?;
    let mut url = protocol.upload_url();
    let mut response = session
        .transport
        .post_form(url.clone(), headers.clone(), form(file)?, deadline)
        .await?;
    for _ in 0..MAX_REDIRECTS {
        let Some(target) = redirect_target(&response, &url) else {
            break;
        };
        // Before the next hop: a page gets no file.
        if let Some(failure) = page_instead(page::classify(protocol, &target, b"")) {
            return Err(failure);
        }
        if !protocol.redirect_allowed(&target) {
            break;
        }
        url = target;
        response = session
            .transport
            .post_form(url.clone(), headers.clone(), form(file)?, deadline)
            .await?;
    }
    if response.status() != StatusCode::OK {
        return Err(refused(&response, file));
    }
    let answer = read_all(response, ANSWER_BYTES, deadline).await?;
    let page = || page_instead(page::classify(protocol, &url, &answer));
    reference_in(&answer).ok_or_else(|| page().unwrap_or_else(errors::unreadable_upload))
}

/// The failure of a page in place of storage; none for one that says nothing.
fn page_instead(kind: PageKind) -> Option<Failure> {
    match kind {
        PageKind::Sorry | PageKind::Consent => errors::page(kind),
        // Storage is shown no cookies, so this is no proof that the session is over.
        PageKind::SignIn => Some(errors::http(StatusCode::FORBIDDEN, None)),
        PageKind::App | PageKind::Unknown => None,
    }
}

/// The form with the file's bytes, which are shared and not copied.
fn form(file: &Attachment) -> Result<Form, Failure> {
    let part = Part::stream_with_length(Body::from(file.bytes.clone()), file.bytes.len() as u64)
        .file_name(file.name.clone())
        .mime_str(&file.mime)
        .or_else(|_| {
            let plain = Part::stream_with_length(Body::from(file.bytes.clone()), file.bytes.len() as u64);
            plain.file_name(file.name.clone()).mime_str(OCTETS)
        })
        .map_err(|error| Failure::new(Kind::Internal, "The upload could not be written.").source(error))?;
    // Names as they are, as browsers write them; quotes and line ends are not in them.
    Ok(Form::new().percent_encode_noop().part("file", part))
}

/// The answer to an upload: a path and nothing else (protocol notes, upload).
fn reference_in(answer: &[u8]) -> Option<String> {
    let text = str::from_utf8(answer).ok()?.trim();
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    (text.starts_with('/') && text.len() > 1 && plain).then(|| text.to_owned())
}

fn refused(response: &Response, file: &Attachment) -> Failure {
    let (fault, why) = match response.status().as_u16() {
        413 => (FileFault::TooLarge, "it is too large for Gemini. Send a smaller one"),
        400 | 415 | 422 => (
            FileFault::Unsupported,
            "Gemini does not take it. Send it in another format",
        ),
        // What is not the file's fault is most often a stale place of uploads.
        401 | 403 | 404 => return errors::http(StatusCode::FORBIDDEN, None),
        _ => return errors::http(response.status(), retry_after(response.headers())),
    };
    let message = format!("'{}' cannot be taken: {why}.", file.param);
    Failure::new(Kind::of_file(file.kind, fault), message).param(file.param.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_is_a_reference() {
        let good = "/contrib_service/ttl_1d/1709764705i7wdlyx3mdzndme3a767pluckv4flj";
        assert_eq!(reference_in(format!("{good}\n").as_bytes()).as_deref(), Some(good));
        for bad in ["", "/", "<html>", "/a b", "{\"error\":1}", "/\u{fc}"] {
            assert_eq!(reference_in(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn the_same_bytes_of_another_type_are_another_file() {
        let file = |mime: &str, text: &'static str| {
            Attachment::new(
                FileKind::Document,
                "a".to_owned(),
                mime.to_owned(),
                text.into(),
                String::new(),
            )
            .digest
        };
        assert_eq!(file("text/plain", "a"), file("text/plain", "a"));
        assert_ne!(file("text/plain", "a"), file("text/csv", "a"));
        assert_ne!(file("text/plain", "a"), file("text/plain", "b"));
        assert_ne!(file("text/plai", "na"), file("text/plain", "a"));
    }
}

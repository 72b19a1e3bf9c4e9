//! `POST /upload`: files that prompts refer to later. (Protocol notes, "Upload".)

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use memchr::memmem;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    reply::{self, Body},
    serve::Exchange,
    state::Inner,
    token::{alphanumeric, unix_seconds},
};

/// Where clients push to that found no place on the page.
const OLD_PLACE: &str = "feeds/mcudyrk2a4khkz";
/// What is kept of all uploads together; the oldest goes first.
const KEPT_BYTES: usize = 64 << 20;
/// The largest file that is taken.
const MAX_FILE: usize = 50 << 20;

/// A file as it was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// What the upload was answered with.
    pub reference: String,
    /// Its name in the form.
    pub name: String,
    /// Its type in the form.
    pub mime: String,
    /// Its bytes.
    pub content: Bytes,
}

pub(super) fn answer(x: &Exchange) -> Response<Body> {
    let file = match read(x) {
        Ok(file) => file,
        Err(status) => return reply::plain(status),
    };
    let reference = file.reference.clone();
    let mut inner = x.state.lock();
    inner.uploads.push_back(file);
    let mut bytes: usize = inner.uploads.iter().map(|file| file.content.len()).sum();
    while bytes > KEPT_BYTES
        && let Some(oldest) = inner.uploads.pop_front()
    {
        bytes -= oldest.content.len();
    }
    reply::text(reference)
}

fn read(x: &Exchange) -> Result<Uploaded, StatusCode> {
    // The real service does without cookies; here they are not wanted, so that a client that shows them is found out.
    let polite = !x.headers.contains_key(header::COOKIE) && text(&x.headers, "x-tenant-id") == "bard-storage";
    if !polite {
        return Err(StatusCode::BAD_REQUEST);
    }
    if !x.state.lock().is_place(text(&x.headers, "push-id")) {
        return Err(StatusCode::FORBIDDEN);
    }
    let file = part(text(&x.headers, "content-type"), &x.body).ok_or(StatusCode::BAD_REQUEST)?;
    if file.content.len() > MAX_FILE {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    Ok(file)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

/// The only part of a form, which has to be called `file`.
fn part(content_type: &str, body: &Bytes) -> Option<Uploaded> {
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=")?;
    let rest = body.strip_prefix(format!("--{boundary}\r\n").as_bytes())?;
    let content = rest.strip_suffix(format!("\r\n--{boundary}--\r\n").as_bytes())?;
    let end = memmem::find(content, b"\r\n\r\n")?;
    let head = str::from_utf8(&content[..end]).ok()?;
    let field = |name: &str| {
        let mut lines = head.split("\r\n");
        lines.find_map(|line| {
            let (given, value) = line.split_once(": ")?;
            given.eq_ignore_ascii_case(name).then_some(value)
        })
    };
    let name = field("content-disposition")?.strip_prefix("form-data; name=\"file\"; filename=\"")?;
    Some(Uploaded {
        reference: format!(
            "/contrib_service/ttl_1d/{}{}",
            unix_seconds(),
            alphanumeric(30).to_lowercase()
        ),
        name: name.strip_suffix('"')?.to_owned(),
        mime: field("content-type")?.to_owned(),
        content: body.slice_ref(&content[end + 4..]),
    })
}

impl Inner {
    /// Whether uploads are pushed here.
    fn is_place(&self, place: &str) -> bool {
        let mut accounts = self.accounts.values().chain([&self.guest]);
        place == OLD_PLACE || accounts.any(|account| account.push_id == place)
    }

    /// What the references of a prompt stand for, in order, each with the name the prompt gives it; none if one of
    /// them stands for nothing. (Protocol notes, "Reference in slot 0".)
    pub(super) fn received(&self, references: &Value) -> Option<Vec<(String, Uploaded)>> {
        let list = references.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter()
            .map(|entry| {
                let reference = entry.pointer("/0/0")?.as_str()?;
                let name = entry.get(1)?.as_str()?.to_owned();
                let file = self.uploads.iter().find(|file| file.reference == reference)?;
                Some((name, file.clone()))
            })
            .collect()
    }
}

/// Files as an answer describes them.
pub(super) fn described(files: &[(String, Uploaded)]) -> String {
    let file = |(name, file): &(String, Uploaded)| {
        let digest = Sha256::digest(&file.content);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({
            "name": name, "uploaded_as": file.name, "mime": file.mime, "bytes": file.content.len(), "sha256": digest,
        })
    };
    Value::from_iter(files.iter().map(file)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_one_file_is_read_and_no_other() {
        let form = |field: &str| {
            Bytes::from(format!(
                "--b\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"a.png\"\r\n\
                 Content-Type: image/png\r\n\r\n\r\n--bytes\r\n\r\n--b--\r\n"
            ))
        };
        let file = part("multipart/form-data; boundary=b", &form("file")).unwrap();
        assert_eq!((file.name.as_str(), file.mime.as_str()), ("a.png", "image/png"));
        assert_eq!(file.content, "\r\n--bytes\r\n");
        assert_eq!(part("multipart/form-data; boundary=b", &form("other")), None);
        assert_eq!(part("multipart/form-data; boundary=c", &form("file")), None);
        assert_eq!(part("text/plain", &form("file")), None);
    }
}

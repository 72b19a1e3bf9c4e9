//! Files inside a request body: base64, data URLs, and the addresses of files elsewhere.
//!
//! Every wire format reads its files through here. Nothing is looked into: what the bytes are is found out later,
//! for all formats alike.

use std::borrow::Cow;

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use url::Url;

use super::{
    json::{Object, Path, Value},
    usual,
};
use crate::{
    chat::{File, FileContent, FileKind},
    error::{Failure, FileFault, Kind},
};

/// A file from its base64, of either alphabet, with or without padding and line breaks. What begins with `data:` is
/// read as a data URL, since clients send one where plain base64 belongs; its MIME type stands in for `mime`.
///
/// # Errors
/// [`FileFault::Data`] or [`FileFault::Empty`], for `param`.
pub(in crate::api) fn from_base64(
    kind: FileKind,
    mime: Option<&str>,
    name: Option<String>,
    data: &str,
    param: String,
) -> Result<File, Failure> {
    let (mime, content) = match after_scheme(data, "data") {
        Some(rest) => data_url(kind, rest, &param).map(|(own, content)| (own.or(mime), content))?,
        None => (mime, decode(kind, data, &param)?),
    };
    Ok(File {
        kind,
        content: FileContent::Bytes(content),
        name,
        mime: mime.map(str::to_owned),
        param,
    })
}

/// A file from a `data:` URL, or at an `http:` or `https:` one, which is fetched later.
///
/// # Errors
/// [`FileFault::Url`] for any other address, and those of [`from_base64`], for `param`.
pub(in crate::api) fn from_url(
    kind: FileKind,
    url: &str,
    name: Option<String>,
    param: String,
) -> Result<File, Failure> {
    let url = url.trim();
    if after_scheme(url, "data").is_some() {
        return from_base64(kind, None, name, url, param);
    }
    let fetchable = |url: Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    if !Url::parse(url).is_ok_and(fetchable) {
        let message = format!("'{param}' must be a data: URL, or an http: or https: address that can be fetched.");
        return Err(failure(kind, FileFault::Url, message, param));
    }
    Ok(File {
        kind,
        content: FileContent::Url(url.to_owned()),
        name,
        mime: None,
        param,
    })
}

/// A recording as both of OpenAI's formats have it: `data`, and perhaps its `format`. The bytes decide.
///
/// # Errors
/// With the path of the field at fault; those of [`from_base64`].
pub(in crate::api) fn audio(audio: &Value<'_, '_>) -> Result<File, Failure> {
    let mut fields = audio.object()?;
    let format = usual::text(&mut fields, audio.path().field("format"))?;
    let mime = format.map(|format| format!("audio/{format}"));
    let data = fields.require(audio.path().field("data"))?;
    let param = data.path().to_string();
    from_base64(FileKind::Audio, mime.as_deref(), None, &data.string()?, param)
}

/// Refuses a file that was stored beforehand, by OpenAI's name for it.
///
/// # Errors
/// [`Kind::UnsupportedParameter`] when there is a `file_id`.
pub(in crate::api) fn not_stored(fields: &mut Object<'_>, path: &Path<'_>) -> Result<(), Failure> {
    let Some(id) = fields.take(path.field("file_id")) else {
        return Ok(());
    };
    Err(usual::unsupported(
        &id,
        "no files are stored here. Send the file itself",
    ))
}

/// What follows `scheme:`, in any case.
fn after_scheme<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    let (given, rest) = url.split_once(':')?;
    given.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// The MIME type and the bytes of a data URL, from behind its scheme: `[type][;parameter...][;base64],data`.
fn data_url<'a>(kind: FileKind, rest: &'a str, param: &str) -> Result<(Option<&'a str>, Bytes), Failure> {
    let Some((head, data)) = rest.split_once(',') else {
        let message = format!("'{param}' is a data: URL without a comma, so it holds no data.");
        return Err(failure(kind, FileFault::Data, message, param));
    };
    let mime = head.split(';').next().map(str::trim).filter(|mime| !mime.is_empty());
    let in_base64 = head
        .rsplit(';')
        .next()
        .is_some_and(|last| last.trim().eq_ignore_ascii_case("base64"));
    if in_base64 {
        // Some encoders escape the plus signs and slashes of the data as if it were a query.
        let data = percent_decode_str(data).decode_utf8_lossy();
        return Ok((mime, decode(kind, &data, param)?));
    }
    let bytes: Cow<'_, [u8]> = percent_decode_str(data).into();
    not_empty(kind, Bytes::from(bytes.into_owned()), param).map(|bytes| (mime, bytes))
}

/// As browsers decode it (the infra standard's forgiving base64), and the URL-safe alphabet as well.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const FOR_URLS: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

fn decode(kind: FileKind, data: &str, param: &str) -> Result<Bytes, Failure> {
    let data = without_white_space(data);
    let engine = if memchr::memchr2(b'-', b'_', &data).is_some() {
        &FOR_URLS
    } else {
        &PLAIN
    };
    match engine.decode(&data) {
        Ok(bytes) => not_empty(kind, bytes.into(), param),
        Err(_) => {
            let message =
                format!("'{param}' is not valid base64. Encode the file's bytes, and nothing else, in base64.");
            Err(failure(kind, FileFault::Data, message, param))
        }
    }
}

/// Most base64 has none, and is not copied.
fn without_white_space(data: &str) -> Cow<'_, [u8]> {
    let bytes = data.as_bytes();
    if !bytes.iter().any(u8::is_ascii_whitespace) {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(
        bytes
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect(),
    )
}

fn not_empty(kind: FileKind, bytes: Bytes, param: &str) -> Result<Bytes, Failure> {
    if bytes.is_empty() {
        let message = format!("'{param}' holds a file without any bytes. Send one that has some.");
        return Err(failure(kind, FileFault::Empty, message, param));
    }
    Ok(bytes)
}

fn failure(kind: FileKind, fault: FileFault, message: String, param: impl Into<String>) -> Failure {
    Failure::new(Kind::of_file(kind, fault), message).param(param)
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn bytes(file: &File) -> &[u8] {
        match &file.content {
            FileContent::Bytes(bytes) => bytes,
            FileContent::Url(url) => panic!("{url}"),
        }
    }

    #[track_caller]
    fn refused(read: Result<File, Failure>, code: &str) {
        let failure = read.unwrap_err();
        assert_eq!(
            (failure.kind().facts().code, failure.param_name()),
            (code, Some("here"))
        );
        assert!(failure.message().starts_with("'here' "), "{failure}");
    }

    fn image(url: &str) -> Result<File, Failure> {
        from_url(FileKind::Image, url, None, "here".to_owned())
    }

    fn audio(data: &str) -> Result<File, Failure> {
        from_base64(FileKind::Audio, Some("audio/wav"), None, data, "here".to_owned())
    }

    #[test]
    fn a_data_url_is_decoded_with_its_type() {
        for url in [
            "data:image/png;base64,aGk=",
            "DATA:image/png;BASE64,aGk",
            " data:image/png;name=a.png;base64,aG\nk= ",
            "data:image/png;base64,aGk%3D",
            "data:image/png,hi",
            "data:image/png,%68i",
        ] {
            let file = image(url).unwrap();
            assert_eq!(
                (file.mime.as_deref(), bytes(&file)),
                (Some("image/png"), &b"hi"[..]),
                "{url}"
            );
        }
        let file = image("data:;base64,aGk=").unwrap();
        assert_eq!((file.mime, file.name, file.kind), (None, None, FileKind::Image));
    }

    #[test]
    fn plain_base64_keeps_the_declared_type_and_a_data_url_in_its_place_brings_its_own() {
        let file = audio("-_8").unwrap();
        assert_eq!(
            (file.mime.as_deref(), bytes(&file)),
            (Some("audio/wav"), &[0xfb, 0xff][..])
        );
        let file = audio("data:audio/mp3;base64,aGk=").unwrap();
        assert_eq!((file.mime.as_deref(), bytes(&file)), (Some("audio/mp3"), &b"hi"[..]));
    }

    #[test]
    fn an_address_is_kept_as_it_is() {
        let file = image("https://example.com/a%20b.png?x=1#y").unwrap();
        let expected = "https://example.com/a%20b.png?x=1#y".to_owned();
        assert_eq!(file.content, FileContent::Url(expected));
    }

    #[test]
    fn every_fault_has_its_code() {
        refused(image("data:image/png;base64,a?"), "invalid_base64_image");
        refused(image("data:image/png;base64"), "invalid_base64_image");
        refused(image("data:image/png;base64,"), "empty_image_file");
        refused(image("data:,"), "empty_image_file");
        for url in [
            "",
            "a.png",
            "file:///etc/passwd",
            "ftp://example.com/a",
            "http:",
            "https://",
            "blob:x",
        ] {
            refused(image(url), "invalid_image_url");
        }
        refused(audio("a"), "invalid_base64_file");
        refused(audio("aGk=aGk="), "invalid_base64_file");
        refused(audio(" \n"), "empty_file");
        let video = from_url(FileKind::Video, "rtsp://example.com/", None, "here".to_owned());
        refused(video, "invalid_file_url");
    }

    #[test]
    fn no_failure_shows_the_address() {
        let failure = image("ftp://user:secret@example.com/").unwrap_err();
        assert!(!format!("{failure:?}").contains("secret"));
    }

    proptest! {
        #[test]
        fn all_bytes_survive(content in proptest::collection::vec(any::<u8>(), 1..200)) {
            let encoded = BASE64_STANDARD.encode(&content);
            let plain = audio(&encoded).unwrap();
            prop_assert_eq!(bytes(&plain), &content);
            let url = format!("data:image/png;base64,{encoded}");
            let in_url = image(&url).unwrap();
            prop_assert_eq!(bytes(&in_url), &content);
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let _ = image(&text);
            let _ = image(&format!("data:{text}"));
            let _ = audio(&text);
        }
    }
}

//! What a file really is: its first bytes decide, and neither its name nor what anybody calls it.

use std::borrow::Cow;

use crate::{
    chat::{File, FileKind},
    error::{Failure, FileFault, Kind},
};

/// What a file was found to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) kind: FileKind,
    /// Its true MIME type, without parameters.
    pub(super) mime: String,
    /// The usual end of its name, without the dot.
    pub(super) extension: &'static str,
}

/// A type of file that the web app takes: the kind, as a library of magic numbers names it, as the world does, and the
/// end of its name.
type Row = (FileKind, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const TAKEN: &[Row] = &[
    (FileKind::Image, "image/png", "image/png", "png"),
    (FileKind::Image, "image/jpeg", "image/jpeg", "jpg"),
    (FileKind::Image, "image/gif", "image/gif", "gif"),
    (FileKind::Image, "image/webp", "image/webp", "webp"),
    (FileKind::Image, "image/heif", "image/heif", "heif"),
    (FileKind::Image, "image/avif", "image/avif", "avif"),
    (FileKind::Image, "image/bmp", "image/bmp", "bmp"),
    (FileKind::Audio, "audio/mpeg", "audio/mpeg", "mp3"),
    (FileKind::Audio, "audio/m4a", "audio/mp4", "m4a"),
    (FileKind::Audio, "audio/opus", "audio/ogg", "opus"),
    (FileKind::Audio, "audio/ogg", "audio/ogg", "ogg"),
    (FileKind::Audio, "audio/x-flac", "audio/flac", "flac"),
    (FileKind::Audio, "audio/x-wav", "audio/wav", "wav"),
    (FileKind::Audio, "audio/aac", "audio/aac", "aac"),
    (FileKind::Audio, "audio/x-aiff", "audio/aiff", "aiff"),
    (FileKind::Video, "video/mp4", "video/mp4", "mp4"),
    (FileKind::Video, "video/x-m4v", "video/mp4", "m4v"),
    (FileKind::Video, "video/quicktime", "video/quicktime", "mov"),
    (FileKind::Video, "video/webm", "video/webm", "webm"),
    (FileKind::Video, "video/x-msvideo", "video/x-msvideo", "avi"),
    (FileKind::Video, "video/x-ms-wmv", "video/x-ms-wmv", "wmv"),
    (FileKind::Video, "video/mpeg", "video/mpeg", "mpg"),
    (FileKind::Video, "video/x-flv", "video/x-flv", "flv"),
    (FileKind::Document, PDF, PDF, "pdf"),
    (FileKind::Document, "application/msword", "application/msword", "doc"),
    (FileKind::Document, "application/vnd.ms-excel", "application/vnd.ms-excel", "xls"),
    (FileKind::Document, "application/vnd.ms-powerpoint", "application/vnd.ms-powerpoint", "ppt"),
    (FileKind::Document, DOCX, DOCX, "docx"),
    (FileKind::Document, XLSX, XLSX, "xlsx"),
    (FileKind::Document, PPTX, PPTX, "pptx"),
];

const PDF: &str = "application/pdf";
const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const PPTX: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";

/// Looks at the bytes of a file. A wrong word for its type is put right, as OpenAI does, as long as the bytes are of
/// the kind that the client asks for: a PNG called JPEG is a PNG, a ZIP archive called PNG is refused.
///
/// # Errors
/// [`FileFault::Unsupported`] for bytes of another kind, [`FileFault::Format`] for bytes of no kind that is known.
pub(super) fn look(file: &File, bytes: &[u8]) -> Result<Seen, Failure> {
    let magic = infer::get(bytes).map(|found| found.mime_type());
    if is_text(bytes) && magic != Some(PDF) {
        return match file.kind {
            FileKind::Document => text(file),
            _ => Err(refused(file, Some(magic.unwrap_or("text/plain")))),
        };
    }
    let row = TAKEN.iter().find(|(_, known, ..)| Some(*known) == magic);
    let seen = row.and_then(|row| match (file.kind, row.0) {
        (FileKind::Document, _) => Some(seen(row)),
        (asked, found) if asked == found => Some(seen(row)),
        (FileKind::Audio, FileKind::Video) => sound_only(row),
        _ => None,
    });
    seen.ok_or_else(|| refused(file, magic))
}

fn seen(&(kind, _, mime, extension): &Row) -> Seen {
    Seen {
        kind,
        mime: mime.to_owned(),
        extension,
    }
}

/// Two containers hold sound alone as well as films.
fn sound_only(row: &Row) -> Option<Seen> {
    let (mime, extension) = match row.2 {
        "video/mp4" => ("audio/mp4", "m4a"),
        "video/webm" => ("audio/webm", "weba"),
        _ => return None,
    };
    Some(Seen {
        kind: FileKind::Audio,
        mime: mime.to_owned(),
        extension,
    })
}

/// Whether these bytes are text. Some magic numbers are letters (`BM`, `GIF`, `ID3`), and a text may begin with them;
/// what they stand for always holds control characters.
fn is_text(bytes: &[u8]) -> bool {
    let printable = |byte: &u8| *byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c' | b'\x1b');
    bytes.iter().all(printable) && str::from_utf8(bytes).is_ok()
}

/// A text has no magic number, so the client's word for its type is taken, unless it speaks of something else.
fn text(file: &File) -> Result<Seen, Failure> {
    const TEXT: &str = "text/plain";
    let declared = file.mime.as_deref().map(essence).unwrap_or(Cow::Borrowed(TEXT));
    let mime = match declared.split_once('/') {
        Some(("text", _)) => declared.into_owned(),
        Some(("application", kind)) if TAKEN.iter().any(|(.., mime, _)| *mime == declared) || kind == "zip" => {
            return Err(refused(file, Some(TEXT)));
        }
        Some(("application", kind)) if kind != "octet-stream" => declared.into_owned(),
        _ => TEXT.to_owned(),
    };
    Ok(Seen {
        kind: FileKind::Document,
        mime,
        extension: "txt",
    })
}

/// A MIME type without its parameters, in lower case. What is none becomes plain text.
fn essence(mime: &str) -> Cow<'_, str> {
    let essence = mime.split(';').next().unwrap_or_default().trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/+.-_".contains(&byte);
    if essence.len() > 100 || essence.split('/').count() != 2 || !essence.bytes().all(plain) {
        return Cow::Borrowed("text/plain");
    }
    Cow::Owned(essence.to_ascii_lowercase())
}

/// The refusal of bytes that are something else (`found`), or nothing known.
fn refused(file: &File, found: Option<&str>) -> Failure {
    let wanted = match file.kind {
        FileKind::Image => "PNG, JPEG, GIF, WebP, HEIF, AVIF or BMP",
        FileKind::Audio => "MP3, M4A, Ogg, Opus, FLAC, WAV, AAC, AIFF or WebM",
        FileKind::Video => "MP4, QuickTime, WebM, AVI, WMV, MPEG or FLV",
        FileKind::Document => "text in UTF-8, PDF, Word, Excel, PowerPoint, an image, a recording or a film",
    };
    let (fault, is) = match found {
        Some(mime) => (FileFault::Unsupported, format!("its bytes are {mime}")),
        None => (FileFault::Format, "its bytes are of no known format".to_owned()),
    };
    let message = format!("'{}' cannot be taken: {is}. Send {wanted}.", file.param);
    Failure::new(Kind::of_file(file.kind, fault), message).param(file.param.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::FileContent;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0";
    const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\x08\0";
    const MP4: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";
    const WAV: &[u8] = b"RIFF\x24\0\0\0WAVEfmt ";

    fn file(kind: FileKind, mime: Option<&str>) -> File {
        File {
            kind,
            content: FileContent::Url(String::new()),
            name: None,
            mime: mime.map(str::to_owned),
            param: "here".to_owned(),
        }
    }

    #[track_caller]
    fn seen(kind: FileKind, mime: Option<&str>, bytes: &[u8], expected: (FileKind, &str, &str)) {
        let found = look(&file(kind, mime), bytes).unwrap();
        assert_eq!((found.kind, found.mime.as_str(), found.extension), expected);
    }

    #[track_caller]
    fn refused(kind: FileKind, mime: Option<&str>, bytes: &[u8], code: &str) {
        let failure = look(&file(kind, mime), bytes).unwrap_err();
        assert_eq!(
            (failure.kind().facts().code, failure.param_name()),
            (code, Some("here")),
            "{failure}"
        );
    }

    #[test]
    fn the_bytes_decide() {
        use FileKind::{Audio, Document, Image, Video};
        seen(Image, Some("image/png"), PNG, (Image, "image/png", "png"));
        seen(Image, Some("image/png"), JPEG, (Image, "image/jpeg", "jpg"));
        seen(
            Image,
            Some("application/octet-stream"),
            PNG,
            (Image, "image/png", "png"),
        );
        seen(Image, None, PNG, (Image, "image/png", "png"));
        seen(Document, None, PNG, (Image, "image/png", "png"));
        seen(
            Document,
            Some("text/plain"),
            b"%PDF-1.7\n",
            (Document, "application/pdf", "pdf"),
        );
        seen(Audio, Some("audio/mp3"), WAV, (Audio, "audio/wav", "wav"));
        seen(Audio, Some("audio/m4a"), MP4, (Audio, "audio/mp4", "m4a"));
        seen(Video, None, MP4, (Video, "video/mp4", "mp4"));
    }

    #[test]
    fn text_is_text_whatever_it_begins_with() {
        use FileKind::Document;
        for text in [
            "BMW is a car.",
            "GIF or JPEG?",
            "ID3 tags\n",
            "<svg></svg>",
            "<html></html>",
            "π\r\n",
            "MThd",
        ] {
            seen(Document, None, text.as_bytes(), (Document, "text/plain", "txt"));
        }
        seen(
            Document,
            Some("text/Markdown; charset=utf-8"),
            b"# a",
            (Document, "text/markdown", "txt"),
        );
        seen(
            Document,
            Some("application/json"),
            b"{}",
            (Document, "application/json", "txt"),
        );
        seen(
            Document,
            Some("application/octet-stream"),
            b"a",
            (Document, "text/plain", "txt"),
        );
        seen(Document, Some("no type\r\nx: y"), b"a", (Document, "text/plain", "txt"));
        refused(
            Document,
            Some("application/pdf"),
            b"<html>log in</html>",
            "unsupported_file_type",
        );
    }

    #[test]
    fn what_is_called_an_image_has_to_be_one() {
        use FileKind::Image;
        let unsupported = "unsupported_image_media_type";
        refused(Image, Some("image/png"), ZIP, unsupported);
        refused(Image, Some("image/png"), b"%PDF-1.7\n\0", unsupported);
        refused(
            Image,
            Some("image/svg+xml"),
            b"<?xml version='1.0'?><svg/>",
            unsupported,
        );
        refused(Image, Some("image/svg+xml"), b"<svg onload='x'/>", unsupported);
        refused(Image, Some("image/png"), b"<!DOCTYPE html><p>", unsupported);
        refused(
            Image,
            Some("image/gif"),
            b"GIF89a is what this text begins with",
            unsupported,
        );
        refused(Image, Some("image/png"), MP4, unsupported);
        refused(Image, Some("image/tiff"), b"II*\0\x08\0\0\0\x0c\0\0\0\0", unsupported);
        refused(Image, Some("image/png"), b"\x00\x01\x02\x03", "invalid_image_format");
    }

    #[test]
    fn other_files_have_to_be_what_they_are_sent_as() {
        use FileKind::{Audio, Document, Video};
        refused(Audio, Some("audio/wav"), PNG, "unsupported_file_type");
        refused(Audio, Some("audio/wav"), b"\0\x01\x02", "invalid_file_format");
        refused(Audio, Some("audio/wav"), b"words", "unsupported_file_type");
        refused(Video, None, WAV, "unsupported_file_type");
        refused(Document, Some("application/pdf"), ZIP, "unsupported_file_type");
        refused(Document, None, b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "unsupported_file_type");
        refused(Document, None, b"a\0b", "invalid_file_format");
    }

    proptest! {
        /// Whatever follows a magic number: an answer comes, and it names the field or a type that is taken.
        #[test]
        fn no_bytes_are_too_strange(
            magic in prop::sample::select(vec![PNG, JPEG, ZIP, MP4, WAV, b"%PDF", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04\x14\0\x06\0"]),
            rest in prop::collection::vec(any::<u8>(), 0..3_000),
            kept in 0usize..40,
        ) {
            let bytes = [&magic[..kept.min(magic.len())], &rest].concat();
            for kind in [FileKind::Image, FileKind::Audio, FileKind::Video, FileKind::Document] {
                match look(&file(kind, Some("image/png")), &bytes) {
                    Ok(seen) => prop_assert!(kind == FileKind::Document || seen.kind == kind),
                    Err(failure) => prop_assert_eq!(failure.param_name(), Some("here")),
                }
            }
        }
    }
}

//! What an answer has beside its text: images and sources.

use bytes::{BufMut, BytesMut};

use crate::{
    api::escape::json_string,
    chat::{Answer, Citation, Media, MediaKind, MediaSource},
};

/// Appends the fields of a whole message, each with a comma before it; nothing where there is nothing.
pub(super) fn put_all(out: &mut BytesMut, answer: &Answer) {
    if !answer.citations.is_empty() {
        out.put_u8(b',');
        put_annotations(out, &answer.citations);
    }
    let mut images = answer.media.iter().filter_map(image).peekable();
    if images.peek().is_some() {
        out.put_u8(b',');
        put_images(out, 0, images);
    }
}

/// The address of an image; films and recordings stand in the text alone.
pub(super) fn image(media: &Media) -> Option<&str> {
    match (&media.source, media.kind) {
        (MediaSource::Url(url), MediaKind::Image) => Some(url),
        _ => None,
    }
}

/// The field `images`; the first of them has the index `first`.
pub(super) fn put_images<'a>(out: &mut BytesMut, first: usize, urls: impl IntoIterator<Item = &'a str>) {
    out.put_slice(b"\"images\":[");
    for (index, url) in (first..).zip(urls) {
        if index > first {
            out.put_u8(b',');
        }
        out.put_slice(b"{\"type\":\"image_url\",\"index\":");
        out.put_slice(index.to_string().as_bytes());
        out.put_slice(b",\"image_url\":{\"url\":");
        json_string(out, url);
        out.put_slice(b"}}");
    }
    out.put_u8(b']');
}

/// The field `annotations`. All four keys are always there, because strict readers want them: a source of the answer
/// as a whole stands at its beginning.
pub(super) fn put_annotations<'a>(out: &mut BytesMut, citations: impl IntoIterator<Item = &'a Citation>) {
    out.put_slice(b"\"annotations\":[");
    for (index, citation) in citations.into_iter().enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        let (start, end) = citation.passage.unwrap_or_default();
        let place = format!(
            "{{\"type\":\"url_citation\",\"url_citation\":{{\"start_index\":{start},\"end_index\":{end},\"url\":"
        );
        out.put_slice(place.as_bytes());
        json_string(out, &citation.url);
        out.put_slice(b",\"title\":");
        json_string(out, &citation.title);
        out.put_slice(b"}}");
    }
    out.put_u8(b']');
}

//! Pictures, films and sources beside an answer's text, and where they are fetched. (Protocol notes, "Rich block" and
//! "Downloading media".)

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    account::Account,
    reply::{self, Body},
    rpc::slots,
    serve::Exchange,
    target::Target,
    token::alphanumeric,
    words::Plan,
};

const PICTURES: &str = "lh3.googleusercontent.com";
const FULL_SIZE: &str = "work.fife.usercontent.google.com";
const FILMS: &str = "contribution.usercontent.google.com";

/// The rich block of an answer, if it has one.
pub(super) fn rich(target: &Target, account: &mut Account, plan: &Plan) -> Option<Value> {
    let mut fields = Vec::new();
    if plan.images > 0 {
        let pictures: Vec<Value> = (0..plan.images).map(|n| picture(target, account, n)).collect();
        fields.push((7, json!([pictures])));
    }
    if plan.video {
        let film = target.url(FILMS, &format!("/download?c={}&filename=video.mp4", alphanumeric(12)));
        let thumbnail = target.url(FILMS, "/download?filename=thumb.jpg");
        fields.push((59, json!([[[[slots(8, [(7, json!([thumbnail, film]))])]]]])));
    }
    if plan.citations > 0 {
        let numbers: Vec<String> = (1..=plan.citations).map(|n| n.to_string()).collect();
        let source = |n: &String| {
            let (icon, url) = ("https://t0.gstatic.com/faviconV2", format!("https://example.org/{n}"));
            slots(4, [(3, json!([[icon, url, format!("Source {n}")]]))])
        };
        let sources: Vec<Value> = numbers.iter().map(source).collect();
        fields.push((43, json!([[[mark(plan.citations)], sources]])));
    }
    (!fields.is_empty()).then(|| slots(60, fields))
}

/// What stands in the text for the sources.
pub(super) fn mark(citations: usize) -> String {
    let numbers: Vec<String> = (1..=citations).map(|n| n.to_string()).collect();
    format!(" [cite: {}]", numbers.join(", "))
}

fn picture(target: &Target, account: &mut Account, n: usize) -> Value {
    let id = alphanumeric(24);
    account.add_picture(id.clone());
    let image_id = format!("http://googleusercontent.com/image_generation_content/{n}");
    let described = slots(
        12,
        [
            (1, json!(1)),
            (2, json!(format!("picture {n}.png"))),
            (3, json!(target.url(PICTURES, &format!("/gg/{id}")))),
            (11, json!("image/png")),
        ],
    );
    json!([[null, null, null, described], [image_id, null, 0]])
}

/// The address of a picture in its full size.
pub(super) fn full_size(x: &Exchange) -> Value {
    json!([x.target.url(PICTURES, &format!("/gg-dl/{}", alphanumeric(16)))])
}

/// A request to one of the media hosts; none if it is for another.
pub(super) fn answer(x: &Exchange) -> Option<Response<Body>> {
    if ![PICTURES, FULL_SIZE, FILMS].contains(&x.target.host.as_str()) {
        return None;
    }
    let (path, bare) = (
        x.target.path.as_str(),
        x.target.path.split('=').next().unwrap_or_default(),
    );
    if let Some(id) = bare.strip_prefix("/gg-dl/") {
        let next = x.target.url(FULL_SIZE, &format!("/rd-gg-dl/{id}"));
        return Some(if path.ends_with("=d-I") { text(next) } else { missing() });
    }
    if let Some(id) = bare.strip_prefix("/rd-gg-dl/") {
        if x.target.host != FULL_SIZE {
            return Some(file("image/png", &png(2)));
        }
        // The host within google.com wants the account's cookies; the other must not get them.
        return Some(if x.verdict.is_live() {
            text(x.target.url(PICTURES, &format!("/rd-gg-dl/{id}")))
        } else {
            reply::plain(StatusCode::FORBIDDEN)
        });
    }
    if let Some(id) = bare.strip_prefix("/gg/") {
        let inner = x.state.lock();
        let known = inner
            .accounts
            .values()
            .any(|account| account.pictures.iter().any(|known| known == id));
        return Some(if known { file("image/png", &png(1)) } else { missing() });
    }
    if path.starts_with("/download") {
        return Some(film(x));
    }
    Some(missing())
}

/// A film is rendered when it was asked for so many times.
fn film(x: &Exchange) -> Response<Body> {
    let mut inner = x.state.lock();
    if inner.settings.unfinished_films > 0 {
        inner.settings.unfinished_films -= 1;
        return reply::plain(StatusCode::PARTIAL_CONTENT);
    }
    file(
        "video/mp4",
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom a film of the stand-in",
    )
}

fn missing() -> Response<Body> {
    reply::plain(StatusCode::NOT_FOUND)
}

fn text(text: String) -> Response<Body> {
    let mut response = reply::json(StatusCode::OK, text);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn file(mime: &'static str, bytes: &[u8]) -> Response<Body> {
    let mut response = reply::json(StatusCode::OK, bytes.to_vec());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    response
}

/// A grey PNG so many pixels wide and high.
fn png(side: u8) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap_or_default();
        let tagged = [&kind[..], data].concat();
        [&length.to_be_bytes()[..], &tagged, &crc32(&tagged).to_be_bytes()].concat()
    };
    let head = [0, 0, 0, side, 0, 0, 0, side, 8, 0, 0, 0, 0];
    // One stored block of rows, each a filter byte and its pixels.
    let rows = vec![0x80; usize::from(side) * (usize::from(side) + 1)]
        .iter()
        .enumerate()
        .map(|(at, grey)| if at % (usize::from(side) + 1) == 0 { 0 } else { *grey })
        .collect::<Vec<u8>>();
    let length = u16::try_from(rows.len()).unwrap_or_default();
    let data = [
        &[0x78, 1, 1][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        &rows,
        &adler32(&rows).to_be_bytes(),
    ]
    .concat();
    let parts = [chunk(b"IHDR", &head), chunk(b"IDAT", &data), chunk(b"IEND", b"")];
    [&b"\x89PNG\r\n\x1a\n"[..], &parts.concat()].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn adler32(bytes: &[u8]) -> u32 {
    const BASE: u32 = 65_521;
    let (a, b) = bytes.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % BASE;
        (a, (b + a) % BASE)
    });
    (b << 16) | a
}

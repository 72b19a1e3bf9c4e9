//! OpenAI's image generations: `POST /images/generations`.
//!
//! The web app makes images in a conversation, so the request becomes one message and the answer's images the data.

mod fields;

use bytes::{BufMut, Bytes, BytesMut};

use self::fields::FIELDS;
use super::{
    Defaults, Incoming, MediaForm, Meta, Reply, Target,
    escape::json_string,
    fields::name_ignored,
    format::Wire,
    json::{Object, Path},
    usual,
};
use crate::{
    chat::{Answer, Event, FinishReason, MediaKind, MediaSource, Message, OutputForm, Request, Role, Usage},
    error::{Failure, Kind},
};

/// Its door.
pub(in crate::api) static WIRE: Wire = Wire {
    name: "openai-images",
    title: "OpenAI image generations",
    fields: FIELDS,
    read,
    ..Wire::OPENAI
};

/// Reads the body of an image request.
///
/// # Errors
/// With the path of the field at fault unless the body as a whole is.
fn read(body: &[u8], _target: &Target<'_>, defaults: &Defaults<'_>) -> Result<Incoming, Failure> {
    let mut fields = Object::parse(body)?;
    let mut ignored = Vec::new();
    let prompt = fields.require(Path::root("prompt"))?;
    let text = prompt.string()?;
    if text.trim().is_empty() {
        return Err(prompt.invalid("must say what the image shall show"));
    }
    let requested_model = usual::model(&mut fields, defaults)?;
    let shape = shape(&mut fields)?;
    one_only(&mut fields)?;
    let links = links(&mut fields)?;
    let sampling = name_ignored(FIELDS, &mut fields, &mut ignored)?;
    let request = Request {
        model: defaults.model(&requested_model),
        messages: vec![Message::text(Role::User, format!("Generate an image{shape}: {text}"))],
        form: OutputForm::Image,
        sampling,
        ..Request::default()
    };
    Ok(Incoming {
        request,
        requested_model,
        stream: false,
        ignored,
        reply: Box::new(Images { links }),
    })
}

/// The wished proportions in words: the web app knows no other way.
fn shape(fields: &mut Object<'_>) -> Result<&'static str, Failure> {
    let Some(size) = fields.take(Path::root("size")) else {
        return Ok("");
    };
    let text = size.string()?;
    if text == "auto" {
        return Ok("");
    }
    let sides = text
        .split_once('x')
        .and_then(|(width, height)| Some((width.parse::<u32>().ok()?, height.parse::<u32>().ok()?)));
    match sides {
        Some((width, height)) if width > 0 && height > 0 => Ok(match width.cmp(&height) {
            std::cmp::Ordering::Less => " in portrait format",
            std::cmp::Ordering::Equal => " in square format",
            std::cmp::Ordering::Greater => " in landscape format",
        }),
        _ => Err(size.invalid("must be auto or WIDTHxHEIGHT")),
    }
}

fn one_only(fields: &mut Object<'_>) -> Result<(), Failure> {
    if let Some(n) = fields.take(Path::root("n"))
        && n.integer()? != 1
    {
        let message =
            "'n' must be 1: Gemini gives as many images as it sees fit, most often one. Send several requests.";
        return Err(n.failure(Kind::UnsupportedParameter, message));
    }
    if let Some(stream) = fields.take(Path::root("stream"))
        && stream.boolean()?
    {
        let message = "'stream' cannot be served: Gemini shows no partial images. Leave it out.";
        return Err(stream.failure(Kind::UnsupportedParameter, message));
    }
    Ok(())
}

fn links(fields: &mut Object<'_>) -> Result<bool, Failure> {
    let Some(format) = fields.take(Path::root("response_format")) else {
        return Ok(false);
    };
    match format.string()?.as_str() {
        "b64_json" => Ok(false),
        "url" => Ok(true),
        _ => Err(format.invalid("must be b64_json or url")),
    }
}

/// One answer on its way to the client.
struct Images {
    links: bool,
}

impl Reply for Images {
    fn media_form(&self) -> MediaForm {
        if self.links { MediaForm::Link } else { MediaForm::Inline }
    }

    fn whole(&self, meta: &Meta, answer: &Answer, usage: &Usage) -> Bytes {
        let mut out = BytesMut::new();
        out.put_slice(format!("{{\"created\":{},\"data\":[", meta.created).as_bytes());
        let images = answer.media.iter().filter(|media| media.kind == MediaKind::Image);
        let urls = images.filter_map(|image| match &image.source {
            MediaSource::Url(url) => Some(url),
            MediaSource::Account(_) => None,
        });
        for (index, url) in urls.enumerate() {
            out.put_slice(if index > 0 { b",{" } else { b"{" });
            match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
                Some((_mime, data)) => {
                    out.put_slice(b"\"b64_json\":");
                    json_string(&mut out, data);
                }
                None => {
                    out.put_slice(b"\"url\":");
                    json_string(&mut out, url);
                }
            }
            out.put_slice(b"}");
        }
        let (input, output, total) = (usage.prompt, usage.completion, usage.total());
        let usage = format!(
            "],\"usage\":{{\"input_tokens\":{input},\"input_tokens_details\":{{\"text_tokens\":{input},\"image_tokens\":0}},\
             \"output_tokens\":{output},\"total_tokens\":{total}}}}}"
        );
        out.put_slice(usage.as_bytes());
        out.freeze()
    }

    fn counts_tokens(&self) -> bool {
        false
    }

    // Images are never streamed: `stream` is refused.
    fn begin(&mut self, _meta: &Meta, _out: &mut BytesMut) {}
    fn event(&mut self, _event: &Event, _out: &mut BytesMut) {}
    fn nothing(&mut self, _out: &mut BytesMut) {}
    fn finish(&mut self, _reason: FinishReason, _usage: Option<&Usage>, _out: &mut BytesMut) {}
    fn error(&mut self, _failure: &Failure, _out: &mut BytesMut) {}
}

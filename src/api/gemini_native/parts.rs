//! One part of a content.

use std::borrow::Cow;

use super::named::Fields;
use crate::{
    api::{
        fields::{Ignored, name_once},
        files,
        json::{Type, Value},
    },
    chat::{File, FileKind, Part},
    error::{Failure, Kind},
};

/// What a part says.
#[derive(Debug)]
pub(super) enum Piece {
    Text(String),
    File(File),
    Call(Call),
    Outcome(Outcome),
}

/// A call the model made.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: Option<String>,
    pub(super) name: String,
    /// An object, as the client wrote it.
    pub(super) args: String,
}

/// What came of a call.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) parts: Vec<Part>,
}

/// Reads a part. None: it says nothing that the model has to read again, namely its own thoughts.
///
/// # Errors
/// When it holds nothing, or more than one thing, or something that cannot be passed on; as the single kinds say.
pub(super) fn read(part: &Value<'_, '_>, ignored: &mut Ignored) -> Result<Option<Piece>, Failure> {
    let mut fields = Fields::of(part)?;
    if let Some(thought) = fields.take("thought")
        && thought.boolean()?
    {
        name_once("contents.parts.thought", ignored);
        return Ok(None);
    }
    let mut piece = Slot::default();
    if let Some(text) = fields.take("text") {
        piece.put(part, Piece::Text(text.string()?))?;
    }
    let mut signed = false;
    if fields.rest().next().is_some() {
        data(part, &mut fields, &mut piece, ignored)?;
        refuse_foreign(&mut fields)?;
        if let Some(signature) = fields.take("thoughtSignature") {
            signature.expect(Type::String)?;
            name_once("contents.parts.thoughtSignature", ignored);
            signed = true;
        }
        fields.name_ignored("contents.parts.", ignored)?;
    }
    if piece.0.is_none() && !signed {
        return Err(part.invalid("must hold one of text, inlineData, fileData, functionCall, functionResponse"));
    }
    Ok(piece.0)
}

/// Room for one piece.
#[derive(Default)]
struct Slot(Option<Piece>);

impl Slot {
    fn put(&mut self, part: &Value<'_, '_>, piece: Piece) -> Result<(), Failure> {
        if self.0.replace(piece).is_some() {
            return Err(
                part.invalid("must hold only one of text, inlineData, fileData, functionCall, functionResponse")
            );
        }
        Ok(())
    }
}

fn data(
    part: &Value<'_, '_>,
    fields: &mut Fields<'_, '_>,
    piece: &mut Slot,
    ignored: &mut Ignored,
) -> Result<(), Failure> {
    if let Some(data) = fields.take("inlineData") {
        piece.put(part, Piece::File(inline(&data, ignored)?))?;
    }
    if let Some(data) = fields.take("fileData") {
        piece.put(part, Piece::File(referred(&data, ignored)?))?;
    }
    if let Some(value) = fields.take("functionCall") {
        piece.put(part, Piece::Call(call(&value, ignored)?))?;
    }
    if let Some(value) = fields.take("functionResponse") {
        piece.put(part, Piece::Outcome(outcome(&value, ignored)?))?;
    }
    Ok(())
}

/// Parts that only Google's own API puts into an answer.
fn refuse_foreign(fields: &mut Fields<'_, '_>) -> Result<(), Failure> {
    for name in ["executableCode", "codeExecutionResult", "toolCall", "toolResponse"] {
        if let Some(found) = fields.take(name) {
            let message = format!("'{}' cannot be passed on. Send what it says as text.", found.path());
            return Err(found.failure(Kind::UnsupportedParameter, message));
        }
    }
    Ok(())
}

fn inline(data: &Value<'_, '_>, ignored: &mut Ignored) -> Result<File, Failure> {
    let mut fields = Fields::of(data)?;
    let (kind, mime, name) = label(&mut fields)?;
    let bytes = fields.require("data")?;
    fields.name_ignored("contents.parts.inlineData.", ignored)?;
    let param = bytes.path().to_string();
    files::from_base64(kind, mime.as_deref(), name, &bytes.string()?, param)
}

fn referred(data: &Value<'_, '_>, ignored: &mut Ignored) -> Result<File, Failure> {
    let mut fields = Fields::of(data)?;
    let (kind, mime, name) = label(&mut fields)?;
    let uri = fields.require("fileUri")?;
    fields.name_ignored("contents.parts.fileData.", ignored)?;
    let address = uri.string()?;
    if is_googles(&address) {
        let message = format!(
            "'{}' is a file that was uploaded to Google, which this gateway cannot read. Send its bytes as inlineData.",
            uri.path()
        );
        return Err(uri.failure(Kind::UnsupportedParameter, message));
    }
    let mut file = files::from_url(kind, &address, name, uri.path().to_string())?;
    file.mime = mime.or(file.mime);
    Ok(file)
}

/// Whether an address is one of Google's Files API or of its cloud storage, which open to no one else.
fn is_googles(address: &str) -> bool {
    let stored = address.starts_with("gs://") || address.starts_with("files/");
    stored || address.starts_with("https://generativelanguage.googleapis.com/")
}

/// What is told of a file: what it is, its MIME type, its name.
fn label(fields: &mut Fields<'_, '_>) -> Result<(FileKind, Option<String>, Option<String>), Failure> {
    let mime = fields.take("mimeType").map(|mime| mime.string()).transpose()?;
    let name = fields.take("displayName").map(|name| name.string()).transpose()?;
    let family = mime.as_deref().and_then(|mime| mime.split_once('/'));
    let kind = match family.map(|(family, _)| family) {
        Some("image") => FileKind::Image,
        Some("audio") => FileKind::Audio,
        Some("video") => FileKind::Video,
        _ => FileKind::Document,
    };
    Ok((kind, mime, name))
}

fn call(call: &Value<'_, '_>, ignored: &mut Ignored) -> Result<Call, Failure> {
    let mut fields = Fields::of(call)?;
    let id = id(&mut fields)?;
    let name = fields.require("name")?.string()?;
    let args = match fields.take("args") {
        None => "{}".to_owned(),
        Some(args) => {
            args.expect(Type::Object)?;
            args.raw().to_owned()
        }
    };
    fields.name_ignored("contents.parts.functionCall.", ignored)?;
    Ok(Call { id, name, args })
}

fn outcome(outcome: &Value<'_, '_>, ignored: &mut Ignored) -> Result<Outcome, Failure> {
    let mut fields = Fields::of(outcome)?;
    let id = id(&mut fields)?;
    let name = fields.require("name")?.string()?;
    let mut parts = Vec::new();
    if let Some(response) = fields.take("response") {
        parts.push(Part::Text(said(&response)?.into_owned()));
    }
    if let Some(list) = fields.take("parts") {
        for (index, item) in list.array()?.into_iter().enumerate() {
            parts.push(Part::File(attached(&list.element(index, item), ignored)?));
        }
    }
    if parts.is_empty() {
        return Err(fields.at("response").missing());
    }
    fields.name_ignored("contents.parts.functionResponse.", ignored)?;
    Ok(Outcome { id, name, parts })
}

/// An empty id is what some clients send for none.
fn id(fields: &mut Fields<'_, '_>) -> Result<Option<String>, Failure> {
    let id = fields.take("id").map(|id| id.string()).transpose()?;
    Ok(id.filter(|id| !id.is_empty()))
}

/// What a function gave back: by Google's convention a text stands under `output`, and anything else is the whole
/// object.
fn said<'a>(response: &Value<'a, '_>) -> Result<Cow<'a, str>, Failure> {
    let mut fields = Fields::of(response)?;
    if let Some(output) = fields.take("output")
        && output.json_type() == Type::String
        && fields.rest().next().is_none()
    {
        return Ok(Cow::Owned(output.string()?));
    }
    Ok(Cow::Borrowed(response.raw()))
}

/// A file that a function gave back.
fn attached(part: &Value<'_, '_>, ignored: &mut Ignored) -> Result<File, Failure> {
    let mut fields = Fields::of(part)?;
    if let Some(data) = fields.take("inlineData") {
        return inline(&data, ignored);
    }
    if let Some(data) = fields.take("fileData") {
        return referred(&data, ignored);
    }
    Err(part.invalid("must hold inlineData or fileData"))
}

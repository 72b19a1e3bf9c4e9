//! The content of a message: a text, or parts of which some are files.

use crate::{
    api::{
        fields::{Ignored, name_once},
        files,
        json::{Object, Path, Type, Value},
    },
    chat::{File, FileKind, Part, Role},
    error::{Failure, Kind},
};

/// Reads the content of a message. Files may stand in any role: clients put pictures into the results of tools too.
///
/// # Errors
/// Of the field at fault: a wrong or missing one, an unknown type of part, a file that cannot be decoded.
pub(super) fn read(content: &Value<'_, '_>, role: Role, ignored: &mut Ignored) -> Result<Vec<Part>, Failure> {
    match content.json_type() {
        Type::String => Ok(vec![Part::Text(content.string()?)]),
        Type::Array => content
            .array()?
            .into_iter()
            .enumerate()
            .map(|(index, item)| part(&content.element(index, item), role, ignored))
            .collect(),
        _ => Err(content.wrong_type("a string or an array of parts")),
    }
}

fn part(part: &Value<'_, '_>, role: Role, ignored: &mut Ignored) -> Result<Part, Failure> {
    let mut fields = part.object()?;
    let path = part.path();
    let kind = fields.require(path.field("type"))?;
    let mut text = |name| fields.require(path.field(name))?.string().map(Part::Text);
    let file = match kind.string()?.as_str() {
        "text" => return text("text"),
        "refusal" if role == Role::Assistant => return text("refusal"),
        "image_url" => image(&fields.require(path.field("image_url"))?, ignored),
        "video_url" => at_url(FileKind::Video, &fields.require(path.field("video_url"))?),
        "input_audio" => audio(&fields.require(path.field("input_audio"))?),
        "file" => document(&fields.require(path.field("file"))?),
        _ => Err(kind.invalid("must be one of text, image_url, input_audio, video_url, file")),
    };
    file.map(Part::File)
}

/// How closely the model looks at a picture cannot be chosen; `auto` asks for nothing else.
fn image(image: &Value<'_, '_>, ignored: &mut Ignored) -> Result<File, Failure> {
    if image.json_type() == Type::Object
        && let Some(detail) = image.object()?.take(image.path().field("detail"))
        && detail.string()? != "auto"
    {
        name_once("messages.image_url.detail", ignored);
    }
    at_url(FileKind::Image, image)
}

/// `{"url": "..."}`, or the bare text that older clients send in its place.
fn at_url(kind: FileKind, value: &Value<'_, '_>) -> Result<File, Failure> {
    if value.json_type() == Type::String {
        return from_text(kind, value, None);
    }
    let url = value.object()?.require(value.path().field("url"))?;
    from_text(kind, &url, None)
}

fn from_text(kind: FileKind, url: &Value<'_, '_>, name: Option<String>) -> Result<File, Failure> {
    files::from_url(kind, &url.string()?, name, url.path().to_string())
}

fn audio(audio: &Value<'_, '_>) -> Result<File, Failure> {
    let mut fields = audio.object()?;
    let path = audio.path();
    let mime = match fields.take(path.field("format")) {
        Some(format) => Some(format!("audio/{}", format.string()?)),
        None => None,
    };
    let data = fields.require(path.field("data"))?;
    let param = data.path().to_string();
    files::from_base64(FileKind::Audio, mime.as_deref(), None, &data.string()?, param)
}

fn document(file: &Value<'_, '_>) -> Result<File, Failure> {
    let mut fields = file.object()?;
    let path = file.path();
    no_file_id(&mut fields, path)?;
    let name = match fields.take(path.field("filename")) {
        Some(name) => Some(name.string()?),
        None => None,
    };
    let data = fields.require(path.field("file_data"))?;
    let text = data.string()?;
    let param = data.path().to_string();
    // An extension of other gateways: the address in place of the data. Base64 has no colon.
    if text.starts_with("http://") || text.starts_with("https://") {
        return files::from_url(FileKind::Document, &text, name, param);
    }
    files::from_base64(FileKind::Document, None, name, &text, param)
}

fn no_file_id(fields: &mut Object<'_>, path: &Path<'_>) -> Result<(), Failure> {
    let Some(id) = fields.take(path.field("file_id")) else {
        return Ok(());
    };
    let message = format!(
        "'{}' names a stored file, and this gateway stores none. Send the file itself in 'file_data'.",
        id.path()
    );
    Err(id.failure(Kind::UnsupportedParameter, message))
}

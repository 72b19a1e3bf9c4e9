//! The content of a message: a text, or parts of which some are files.

use crate::{
    api::{
        fields::{Ignored, name_once, name_rest},
        files,
        json::{Type, Value},
        usual,
    },
    chat::{File, FileKind, Part, Role},
    error::Failure,
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
    let read = match kind.string()?.as_str() {
        "text" => Part::Text(fields.require(path.field("text"))?.string()?),
        "refusal" if role == Role::Assistant => Part::Text(fields.require(path.field("refusal"))?.string()?),
        "image_url" => Part::File(image(&fields.require(path.field("image_url"))?, ignored)?),
        "video_url" => Part::File(at_url(FileKind::Video, &fields.require(path.field("video_url"))?)?),
        "input_audio" => Part::File(files::audio(&fields.require(path.field("input_audio"))?)?),
        "file" => Part::File(document(&fields.require(path.field("file"))?, ignored)?),
        _ => return Err(kind.invalid("must be one of text, image_url, input_audio, video_url, file")),
    };
    name_rest("messages", &fields, ignored);
    Ok(read)
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

fn document(file: &Value<'_, '_>, ignored: &mut Ignored) -> Result<File, Failure> {
    let mut fields = file.object()?;
    let path = file.path();
    files::not_stored(&mut fields, path)?;
    let name = usual::text(&mut fields, path.field("filename"))?;
    let data = fields.require(path.field("file_data"))?;
    name_rest("messages", &fields, ignored);
    let text = data.string()?;
    let param = data.path().to_string();
    // An extension of other gateways: the address in place of the data. Base64 has no colon.
    if text.starts_with("http://") || text.starts_with("https://") {
        return files::from_url(FileKind::Document, &text, name, param);
    }
    files::from_base64(FileKind::Document, None, name, &text, param)
}

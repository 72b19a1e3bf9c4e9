//! The content of a message or of a tool's output: a text, or parts.

use crate::{
    api::{
        fields::{Ignored, name_once, name_rest},
        files,
        json::{Object, Path, Type, Value},
        usual,
    },
    chat::{File, FileKind, Part, Role},
    error::Failure,
};

/// Reads all parts.
///
/// # Errors
/// With the path of the part at fault.
pub(super) fn read(content: &Value<'_, '_>, role: Role, ignored: &mut Ignored) -> Result<Vec<Part>, Failure> {
    let parts = match content.json_type() {
        Type::String => return Ok(vec![Part::Text(content.string()?)]),
        Type::Array => content.array()?,
        _ => return Err(content.wrong_type("a string or an array of parts")),
    };
    // An assistant that says nothing is what comes back of an empty answer.
    if parts.is_empty() && role != Role::Assistant {
        return Err(content.invalid("must hold at least one part"));
    }
    let parts = parts.into_iter().enumerate();
    parts
        .map(|(index, raw)| part(&content.element(index, raw), role, ignored))
        .collect()
}

fn part(part: &Value<'_, '_>, role: Role, ignored: &mut Ignored) -> Result<Part, Failure> {
    let mut fields = part.object()?;
    let path = part.path();
    let kind = fields.require(path.field("type"))?;
    let read = match kind.string()?.as_str() {
        "input_text" | "output_text" | "text" => Part::Text(fields.require(path.field("text"))?.string()?),
        "refusal" if role == Role::Assistant => Part::Text(fields.require(path.field("refusal"))?.string()?),
        "input_image" => Part::File(image(&mut fields, path, ignored)?),
        "input_file" => Part::File(document(&mut fields, path, ignored)?),
        "input_audio" => Part::File(files::audio(&fields.require(path.field("input_audio"))?)?),
        _ => return Err(kind.invalid("must be one of input_text, input_image, input_file, input_audio, output_text")),
    };
    // What else stands in an assistant's part is sent back of an earlier answer.
    if role != Role::Assistant {
        name_rest("input", &fields, ignored);
    }
    Ok(read)
}

fn image(fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<File, Failure> {
    detail(fields, path, ignored)?;
    files::not_stored(fields, path)?;
    let url = fields.require(path.field("image_url"))?;
    files::from_url(FileKind::Image, &url.string()?, None, url.path().to_string())
}

fn document(fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<File, Failure> {
    detail(fields, path, ignored)?;
    files::not_stored(fields, path)?;
    let name = usual::text(fields, path.field("filename"))?;
    if let Some(url) = fields.take(path.field("file_url")) {
        return files::from_url(FileKind::Document, &url.string()?, name, url.path().to_string());
    }
    let data = fields.require(path.field("file_data"))?;
    let param = data.path().to_string();
    files::from_base64(FileKind::Document, None, name, &data.string()?, param)
}

/// How closely an image is looked at is the web app's own affair.
fn detail(fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<(), Failure> {
    if let Some(detail) = fields.take(path.field("detail"))
        && detail.string()? != "auto"
    {
        name_once("input.detail", ignored);
    }
    Ok(())
}

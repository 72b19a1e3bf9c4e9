//! The content of a message or of a tool's output: a text, or parts.

use super::files;
use crate::{
    api::{
        fields::{Ignored, name_once},
        json::{Object, Path, Type, Value},
    },
    chat::{File, FileKind, Part, Role},
    error::{Failure, Kind},
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
        "input_audio" => Part::File(audio(&mut fields, path)?),
        _ => return Err(kind.invalid("must be one of input_text, input_image, input_file, input_audio, output_text")),
    };
    if fields.take(path.field("prompt_cache_breakpoint")).is_some() {
        name_once("input.prompt_cache_breakpoint", ignored);
    }
    Ok(read)
}

fn image(fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<File, Failure> {
    detail(fields, path, ignored)?;
    no_stored_file(fields, path)?;
    let url = fields.require(path.field("image_url"))?;
    files::from_url(FileKind::Image, &url.string()?, None, url.path().to_string())
}

fn document(fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<File, Failure> {
    detail(fields, path, ignored)?;
    no_stored_file(fields, path)?;
    let name = fields.take(path.field("filename"));
    let name = name.map(|name| name.string()).transpose()?;
    if let Some(url) = fields.take(path.field("file_url")) {
        return files::from_url(FileKind::Document, &url.string()?, name, url.path().to_string());
    }
    let data = fields.require(path.field("file_data"))?;
    let (text, at) = (data.string()?, data.path().to_string());
    if text.starts_with("data:") {
        return files::from_url(FileKind::Document, &text, name, at);
    }
    files::from_base64(FileKind::Document, None, name, &text, at)
}

fn audio(fields: &mut Object<'_>, path: &Path<'_>) -> Result<File, Failure> {
    let at = path.field("input_audio");
    let audio = fields.require(at)?;
    let mut inner = audio.object()?;
    let format = inner.require(at.field("format"))?;
    let mime = match format.string()?.as_str() {
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        _ => return Err(format.invalid("must be wav or mp3")),
    };
    let data = inner.require(at.field("data"))?;
    files::from_base64(
        FileKind::Audio,
        Some(mime),
        None,
        &data.string()?,
        data.path().to_string(),
    )
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

fn no_stored_file(fields: &mut Object<'_>, path: &Path<'_>) -> Result<(), Failure> {
    let Some(id) = fields.take(path.field("file_id")) else {
        return Ok(());
    };
    let message = format!(
        "'{}' cannot be served: no files are kept here. Send the file itself.",
        id.path()
    );
    Err(id.failure(Kind::UnsupportedParameter, message))
}

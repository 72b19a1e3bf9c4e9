//! Images and documents, and where their bytes come from.

use super::blocks::{self, Place};
use crate::{
    api::{
        fields::{Ignored, name_rest},
        files,
        json::{Object, Path, Value},
        usual,
    },
    chat::{File, FileContent, FileKind, Part},
    error::Failure,
};

/// The image of a block.
///
/// # Errors
/// A failure of the client's side with the path of the field at fault.
pub(super) fn image(fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<Part, Failure> {
    let source = fields.require(path.field("source"))?;
    let mut inner = source.object()?;
    let kind = inner.require(source.path().field("type"))?;
    let file = match kind.string()?.as_str() {
        "base64" => base64(FileKind::Image, None, &source, &mut inner)?,
        "url" => url(FileKind::Image, None, &source, &mut inner)?,
        "file" => return Err(no_stored_files(&source)),
        _ => return Err(kind.invalid("must be one of base64, url")),
    };
    name_rest("messages", &inner, ignored);
    Ok(Part::File(file))
}

/// The document of a block, after what the client says about it. One that is made of blocks becomes these blocks.
///
/// # Errors
/// As for [`image`].
pub(super) fn document(fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<Vec<Part>, Failure> {
    let source = fields.require(path.field("source"))?;
    let title = usual::text(fields, path.field("title"))?;
    let context = usual::text(fields, path.field("context"))?;
    let mut inner = source.object()?;
    let kind = inner.require(source.path().field("type"))?;
    let mut parts = Vec::new();
    let file = match kind.string()?.as_str() {
        "base64" => base64(FileKind::Document, title, &source, &mut inner)?,
        "url" => url(FileKind::Document, title, &source, &mut inner)?,
        "text" => plain_text(title, &source, &mut inner)?,
        "content" => {
            let content = inner.require(source.path().field("content"))?;
            parts.extend(title.into_iter().chain(context).map(Part::Text));
            parts.extend(blocks::inside(&content, Place::Document, ignored)?);
            name_rest("messages", &inner, ignored);
            return Ok(parts);
        }
        "file" => return Err(no_stored_files(&source)),
        _ => return Err(kind.invalid("must be one of base64, url, text, content")),
    };
    name_rest("messages", &inner, ignored);
    parts.extend(context.map(Part::Text));
    parts.push(Part::File(file));
    Ok(parts)
}

fn base64(
    kind: FileKind,
    name: Option<String>,
    source: &Value<'_, '_>,
    fields: &mut Object<'_>,
) -> Result<File, Failure> {
    let path = source.path();
    let mime = usual::text(fields, path.field("media_type"))?;
    let data = fields.require(path.field("data"))?.string()?;
    let param = path.field("data").to_string();
    files::from_base64(kind, mime.as_deref(), name, &data, param)
}

fn url(kind: FileKind, name: Option<String>, source: &Value<'_, '_>, fields: &mut Object<'_>) -> Result<File, Failure> {
    let address = source.path().field("url");
    let url = fields.require(address)?.string()?;
    files::from_url(kind, &url, name, address.to_string())
}

fn plain_text(name: Option<String>, source: &Value<'_, '_>, fields: &mut Object<'_>) -> Result<File, Failure> {
    let path = source.path();
    let mime = usual::text(fields, path.field("media_type"))?;
    let data = path.field("data");
    let text = fields.require(data)?;
    let param = data.to_string();
    let content = text.string()?;
    if content.is_empty() {
        return Err(text.invalid("must hold at least one character"));
    }
    Ok(File {
        kind: FileKind::Document,
        content: FileContent::Bytes(content.into()),
        name,
        mime: mime.or_else(|| Some("text/plain".to_owned())),
        param,
    })
}

fn no_stored_files(source: &Value<'_, '_>) -> Failure {
    usual::unsupported(source, "the gateway stores no files. Send the file itself as base64")
}

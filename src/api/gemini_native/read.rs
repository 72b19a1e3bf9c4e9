//! Reads a request.
//!
//! Every field is honoured, named as ignored, or refused with its path; none is dropped without a word. A field that
//! is `null` counts as absent, as Google's own JSON has it.

use super::{contents, generation, named::Fields, target, target::Delivery, tools};
use crate::{
    api::{Defaults, Purpose, Target, fields::Ignored, usual},
    chat::Request,
    error::Failure,
};

/// A request as it came in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    /// What is asked, in neutral words; its model is the name after aliases.
    pub(super) request: Request,
    /// The model as the path names it.
    pub(super) requested_model: String,
    /// How the answer is to go out.
    pub(super) delivery: Delivery,
    /// Whether the client wants to see the model's thoughts.
    pub(super) include_thoughts: bool,
    /// Fields and query parameters that were set and cannot act.
    pub(super) ignored: Ignored,
}

/// Reads the body of a request to generate content, or to count its tokens.
///
/// # Errors
/// [`UnknownUrl`](crate::error::Kind::UnknownUrl) for an unknown method; else a failure of the client's side with the
/// path of the field at fault, unless the body as a whole is.
pub(super) fn request(body: &[u8], target: &Target<'_>, defaults: &Defaults<'_>) -> Result<Asked, Failure> {
    let mut ignored = Ignored::new();
    let (model, delivery) = target::read(target, &mut ignored)?;
    let mut fields = Fields::of_body(body)?;
    let wrapped = match target.purpose {
        Purpose::Count => fields.take("generateContentRequest"),
        Purpose::Answer => None,
    };
    let Some(wrapped) = wrapped else {
        return content(fields, model, delivery, defaults, ignored);
    };
    if fields.take("contents").is_some() {
        let failure = wrapped.invalid("takes the place of contents: send one of the two");
        return Err(failure);
    }
    fields.name_ignored("", &mut ignored)?;
    content(Fields::of(&wrapped)?, model, delivery, defaults, ignored)
}

/// What stands in the body, or in the request inside a request to count.
fn content(
    mut fields: Fields<'_, '_>,
    model: &str,
    delivery: Delivery,
    defaults: &Defaults<'_>,
    mut ignored: Ignored,
) -> Result<Asked, Failure> {
    same_model(&mut fields, model)?;
    refuse(
        &mut fields,
        "cachedContent",
        "nothing is cached here. Send the content itself",
    )?;
    refuse(
        &mut fields,
        "continuationToken",
        "no answer of this gateway gives one. Send the conversation",
    )?;
    let mut messages = contents::system(&mut fields, &mut ignored)?;
    messages.append(&mut contents::read(&fields.require("contents")?, &mut ignored)?);
    let wishes = generation::read(&mut fields, &mut ignored)?;
    let tools = tools::read(&mut fields, &mut ignored)?;
    fields.name_ignored("", &mut ignored)?;
    Ok(Asked {
        request: Request {
            model: defaults.model(model),
            messages,
            stop: wishes.stop,
            max_tokens: wishes.max_tokens,
            thinking: wishes.thinking,
            tools,
            form: wishes.form,
            sampling: wishes.sampling,
            ..Request::default()
        },
        requested_model: model.to_owned(),
        delivery,
        include_thoughts: wishes.include_thoughts,
        ignored,
    })
}

/// The path names the model. Some clients name it in the body too.
fn same_model(fields: &mut Fields<'_, '_>, model: &str) -> Result<(), Failure> {
    let Some(named) = fields.take("model") else {
        return Ok(());
    };
    if target::model_id(&named.string()?) == model {
        return Ok(());
    }
    Err(named.invalid("must be the model that the path names, or be left out"))
}

fn refuse(fields: &mut Fields<'_, '_>, name: &'static str, why: &str) -> Result<(), Failure> {
    let Some(value) = fields.take(name) else { return Ok(()) };
    Err(usual::unsupported(&value, why))
}

#[cfg(test)]
mod tests;

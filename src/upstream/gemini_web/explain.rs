//! What would be sent to Google for a request. Pure: no session is asked for, nothing is fetched, uploaded or counted.

use secrecy::SecretString;

use super::{
    Inner,
    page::PageTokens,
    prompt::{self, Attached},
    protocol::Protocol,
    request::{self, Generate, Outgoing, Reference},
    session::View,
    unknown_model,
};
use crate::{
    chat::{File, FileContent, Note, Part, Request},
    error::Failure,
    ids,
    upstream::{ExplainedFile, Explanation, explanation::SECRET},
};

/// Explains a request, by the account's models where they are known and else by the built-in ones.
///
/// # Errors
/// Those that the request itself would meet before anything is sent.
pub(super) fn explain(web: &Inner, asked: &Request) -> Result<Explanation, Failure> {
    let prompt = prompt::pack(asked, web.prompt_limits)?;
    let note = prompt.attached.as_ref().map(Attached::note);
    let attachments = attachments(asked, prompt.attached);
    let references: Vec<Reference> = attachments.iter().map(reference).collect();
    let live = match web.seat.view() {
        Some(View::Ready { live, .. }) => Some(live),
        _ => None,
    };
    let models = live.as_ref().map_or(&web.fallback, |live| web.models_of(live));
    let model = models.resolve(&asked.model).ok_or_else(|| unknown_model(models))?;
    let tokens = shown_tokens(&web.protocol, live.as_ref().map(|live| &live.tokens));
    let outgoing = request::generate(
        &web.protocol,
        &Generate {
            tokens: &tokens,
            prompt: &prompt.text,
            files: &references,
            model: Some(model),
            capacity: live
                .as_ref()
                .map_or(web.protocol.capacity.default, |live| live.account.capacity),
            thinking: asked.thinking,
            temporary: web.temporary_chats,
            turn: ids::unique(),
            client: ids::unique(),
            request_id: 0,
        },
    )?;
    Ok(Explanation {
        model: model.id.clone(),
        method: outgoing.method.to_string(),
        url: shown_url(&outgoing),
        headers: shown_headers(&outgoing),
        prompt: prompt.text,
        prompt_limit: web.prompt_limits.prompt,
        attachments,
        notes: note.into_iter().collect(),
    })
}

fn attachments(request: &Request, attached: Option<Attached>) -> Vec<ExplainedFile> {
    let older = attached.map(|attached| ExplainedFile {
        name: Some(attached.name),
        mime: Some("text/plain".to_owned()),
        content: FileContent::Bytes(attached.text.into()),
        of_messages: true,
    });
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let own = parts.filter_map(|part| match part {
        Part::File(file) => Some(explained(file)),
        Part::Text(_) => None,
    });
    older.into_iter().chain(own).collect()
}

fn explained(file: &File) -> ExplainedFile {
    ExplainedFile {
        name: file.name.clone(),
        mime: file.mime.clone(),
        content: file.content.clone(),
        of_messages: false,
    }
}

fn reference(file: &ExplainedFile) -> Reference {
    Reference {
        id: String::new(),
        name: file.name.clone().unwrap_or_default(),
        mime: file.mime.clone().unwrap_or_default(),
    }
}

/// The page's values with the secret ones hidden.
fn shown_tokens(protocol: &Protocol, live: Option<&PageTokens>) -> PageTokens {
    let fallback = &protocol.page.fallback;
    PageTokens {
        at: Some(SecretString::from(SECRET.to_owned())),
        build_label: live.map_or(fallback.build_label.clone(), |tokens| tokens.build_label.clone()),
        session_id: Some(SECRET.to_owned()),
        language: live.map_or(fallback.language.clone(), |tokens| tokens.language.clone()),
        push_id: SECRET.to_owned(),
    }
}

fn shown_url(outgoing: &Outgoing) -> String {
    outgoing.url.as_str().replace("%3Csecret%3E", SECRET)
}

/// The headers, and the cookies that the jar would add.
fn shown_headers(outgoing: &Outgoing) -> Vec<(String, String)> {
    let shown = outgoing.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), value)
    });
    shown.chain([("cookie".to_owned(), SECRET.to_owned())]).collect()
}

impl Attached {
    /// Tells the client that its older messages were moved.
    pub(super) fn note(&self) -> Note {
        Note {
            name: "prompt-attachment",
            value: format!("name={}; bytes={}", self.name, self.text.len()),
        }
    }
}

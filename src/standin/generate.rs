//! `POST …/StreamGenerate`: a prompt, and how it shall be answered.

use std::sync::Arc;

use http::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    account::{Chat, Turn},
    control::About,
    media, models,
    pages::{instead, renew_side_cookies},
    record::Verdict,
    reply::{self, Body, Dropped},
    script::Script,
    serve::{Exchange, pairs},
    settings::DeadPrompt,
    state::Inner,
    stream,
    text::{Alphabet, tail},
    token::{alphanumeric, hex_id, unix_seconds},
    upload, wire,
    words::{self, BadWord, Plan},
};

/// How much of the prompt the default answer repeats, in characters.
const REPEATED: usize = 400;
/// A continuation that is not accepted: of a guest, or of a conversation nobody knows.
const GUEST_CONTINUATION: u32 = 1096;
const UNKNOWN_CHAT: u32 = 1097;

pub(super) async fn answer(x: &Exchange) -> Result<Response<Body>, Dropped> {
    let form = pairs(&x.body);
    let Some(inner) = read(&form) else {
        return Ok(reply::json(StatusCode::BAD_REQUEST, wire::http_error(400, None)));
    };
    let question = Question::new(x, &inner);
    let (plan, prompt) = plan(x, &question.prompt);
    x.state.note(x.id, |record| {
        record.model.clone_from(&question.model);
        record.inner = Some(inner);
    });
    tokio::time::sleep(plan.head).await;
    if let Some(response) = instead(x, &plan)? {
        return Ok(response);
    }
    if let Some(refusal) = refuse_dead(x).or_else(|| refuse(x, &form)) {
        return Ok(refusal);
    }
    let replay = x.state.lock().settings.replay.clone();
    if let Some(recorded) = replay {
        return Ok(reply::json(StatusCode::OK, recorded));
    }
    let script = Arc::new(open_turn(x, question, &prompt, &plan));
    x.state
        .note(x.id, |record| record.answer = Some(Arc::clone(&script.text)));
    let mut response = reply::stream(stream::pieces(&x.state, x.id, script, plan));
    renew_side_cookies(x, &mut response);
    Ok(response)
}

/// Refuses what comes with another build label than the page's, or without the session's token.
pub(super) fn refuse(x: &Exchange, form: &[(String, String)]) -> Option<Response<Body>> {
    let mut inner = x.state.lock();
    let settings = inner.settings.clone();
    let label_matches = x.build_label.as_deref() == Some(&settings.build_label);
    let given = form.iter().find(|(name, _)| name == "at");
    let given = given.map_or("", |(_, value)| value);
    let account = inner.account(x);
    let token_matches = given == account.token;
    let fresh = settings
        .token_in_400
        .then(|| (account.token.clone(), account.number.clone()));
    drop(inner);

    x.state.note(x.id, |record| {
        record.token_matches = (!given.is_empty()).then_some(token_matches);
    });
    if settings.check_build_label && !label_matches {
        return Some(reply::plain(StatusCode::METHOD_NOT_ALLOWED));
    }
    if token_matches || !settings.require_token || !x.verdict.is_live() {
        return None;
    }
    let fresh = fresh.as_ref().map(|(token, number)| (token.as_str(), number.as_str()));
    Some(reply::json(StatusCode::BAD_REQUEST, wire::http_error(400, fresh)))
}

/// What a prompt request asks for.
struct Question {
    prompt: String,
    model: Option<String>,
    /// The conversation to continue.
    cid: Option<String>,
    temporary: bool,
    /// References to uploaded files, or null.
    files: Value,
}

impl Question {
    /// `inner` has a prompt: see [`read`].
    fn new(x: &Exchange, inner: &Value) -> Self {
        let text = |pointer: &str| inner.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Self {
            prompt: text("/0/0").unwrap_or_default(),
            model: model_id(x),
            cid: text("/2/0").filter(|cid| !cid.is_empty()),
            temporary: inner.get(45).and_then(Value::as_u64) == Some(1),
            files: inner.pointer("/0/3").cloned().unwrap_or_default(),
        }
    }
}

/// The inner array of `f.req`, if it has a prompt.
fn read(form: &[(String, String)]) -> Option<Value> {
    let (_, text) = form.iter().find(|(name, _)| name == "f.req")?;
    let outer: Value = serde_json::from_str(text).ok()?;
    let inner: Value = serde_json::from_str(outer.get(1)?.as_str()?).ok()?;
    inner.pointer("/0/0")?.is_string().then_some(inner)
}

/// The model id of the selection header. (Protocol notes, "Model selection": element 4.)
fn model_id(x: &Exchange) -> Option<String> {
    let header = x.headers.get("x-goog-ext-525001261-jspb")?.to_str().ok()?;
    let selection: Value = serde_json::from_str(header).ok()?;
    selection.get(4)?.as_str().map(str::to_owned)
}

/// The plan of the settings, a rule and the prompt's own words, and the prompt without them.
fn plan(x: &Exchange, prompt: &str) -> (Plan, String) {
    let (words, clean) = words::read(prompt);
    let mut inner = x.state.lock();
    let base = Plan::default().with(&inner.settings.defaults.clone());
    let ruled = base.with(&inner.rule(About::Prompt(prompt)));
    let plan = match words {
        Ok(words) => ruled.with(&words),
        Err(bad) => explain(ruled, &bad),
    };
    (plan, clean)
}

/// A misspelt magic word is answered with the reason, so that a test of it fails where the mistake is.
fn explain(mut plan: Plan, bad: &BadWord) -> Plan {
    plan.text = Some(format!("{bad}."));
    plan
}

/// A dead session's prompt, where it is not answered as a guest's.
fn refuse_dead(x: &Exchange) -> Option<Response<Body>> {
    if x.verdict.is_live() || x.verdict == Verdict::NoCookies {
        return None;
    }
    let inner = x.state.lock();
    match inner.settings.dead_prompt {
        DeadPrompt::Guest => None,
        DeadPrompt::Status(status) => {
            let code = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
            Some(reply::json(code, wire::http_error(status, None)))
        }
        DeadPrompt::Denied => {
            let entry = json!([["wrb.fr", null, null, null, null, [7]]]);
            Some(reply::json(StatusCode::OK, wire::whole(&entry)))
        }
        DeadPrompt::FreshToken => {
            let fresh = (inner.guest.token.as_str(), "");
            Some(reply::json(StatusCode::BAD_REQUEST, wire::http_error(400, Some(fresh))))
        }
    }
}

/// Finds or makes the conversation, stores the turn, and writes the script of its answer.
fn open_turn(x: &Exchange, question: Question, prompt: &str, plan: &Plan) -> Script {
    let mut inner = x.state.lock();
    let live = x.verdict.is_live();
    let label = models::label(question.model.as_deref(), !live);
    let received = inner.received(&question.files);
    let unknown_file = received.is_none().then_some(inner.settings.unknown_file_error);
    let error = plan
        .error
        .or(unknown_file)
        .or_else(|| continuation_error(x, &mut inner, question.cid.as_deref()));
    let account = inner.account(x);
    let rich = media::rich(&x.target, account, plan);
    let known = question.cid.as_deref().and_then(|cid| account.chat(cid));
    let title = plan.title.clone().unwrap_or_else(|| prompt.chars().take(40).collect());
    let mut fresh = Chat::new(question.temporary, title.clone());
    let is_new = known.is_none();
    let chat = known.unwrap_or(&mut fresh);

    let mut text = match received.filter(|_| plan.files) {
        Some(files) => upload::described(&files),
        None => answer_text(plan, prompt, chat),
    };
    if plan.citations > 0 {
        text.push_str(&media::mark(plan.citations));
    }
    let text: Arc<str> = text.into();
    let thoughts: Arc<str> = Alphabet::Ascii.text(plan.thoughts).into();
    let mut script = Script {
        cid: chat.cid.clone(),
        rid: hex_id("r_"),
        rcid: hex_id("rc_"),
        title: is_new.then_some(title),
        label: plan.label.clone().unwrap_or_else(|| label.to_owned()),
        context: None,
        text,
        thoughts,
        rich,
        steps: Vec::new(),
    };
    script.plan(plan, error);
    let refused = error.is_some() && plan.error_replaces_answer();
    if live && !plan.forget && !refused {
        chat.turns.push(turn(&script, question.prompt, plan));
        chat.updated = unix_seconds();
        if !plan.no_context {
            script.context = Some(format!("AwAAAAAAAAAQ{}", alphanumeric(40)));
        }
        if is_new {
            account.keep(fresh);
        }
    }
    script
}

fn turn(script: &Script, prompt: String, plan: &Plan) -> Turn {
    Turn {
        rid: script.rid.clone(),
        rcid: script.rcid.clone(),
        prompt,
        text: Arc::clone(&script.text),
        thoughts: Arc::clone(&script.thoughts),
        done: Instant::now() + script.duration() + plan.after,
        asked: unix_seconds(),
    }
}

fn continuation_error(x: &Exchange, inner: &mut Inner, cid: Option<&str>) -> Option<u32> {
    let cid = cid?;
    if !x.verdict.is_live() {
        return Some(GUEST_CONTINUATION);
    }
    let lenient = inner.settings.unknown_chat_is_new;
    let known = inner.account(x).chat(cid).is_some();
    (!known && !lenient).then_some(UNKNOWN_CHAT)
}

fn answer_text(plan: &Plan, prompt: &str, chat: &Chat) -> String {
    if let Some(text) = &plan.text {
        return text.clone();
    }
    if plan.echo {
        return prompt.to_owned();
    }
    if plan.recall {
        let earlier: Vec<&str> = chat.turns.iter().map(|turn| turn.prompt.as_str()).collect();
        return json!(earlier).to_string();
    }
    if plan.length.is_some() || plan.alphabet.is_some() {
        let alphabet = plan.alphabet.unwrap_or(Alphabet::Ascii);
        return alphabet.text(plan.length.unwrap_or(400));
    }
    format!(
        "This is the gateway's built-in stand-in, not Gemini: no model has read your message. \
        The way to here was the real one, though. Your message ended with:\n\n{}",
        tail(prompt, REPEATED)
    )
}

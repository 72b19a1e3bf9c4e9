//! `gemini-gateway check`: whether each upstream can be reached, takes its credential, lists models and answers.
//!
//! Nothing is taken for granted: what a table's cell says was seen just now. A gateway that runs at the configured
//! address has the session, and two must not renew it: Gemini is then asked through it.

mod running;
mod table;

use std::{
    sync::Arc,
    time::{Duration, Instant as Clock},
};

use futures_util::StreamExt;
use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::table::Row;
use self::table::{Cell, render};
use crate::{
    chat::{Answer, Message, Request, Role},
    config::Config,
    error::{Failure, Kind},
    serve,
    state::StateDir,
    upstream::{
        Call, HealthState, ModelSource, Upstream,
        gemini_web::{self, ExitError, GeminiWeb},
        openai_compatible::OpenAiCompatible,
        router::SEPARATOR,
    },
};

/// The most time for one upstream.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked, and the most tokens of an answer.
const QUESTION: &str = "Answer with the one word: ready";
const TOKENS: u64 = 16;

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// No upstream has that name. Holds those there are.
    #[error("there is no upstream of that name; there are {0}")]
    Unknown(String),
    /// The configured way out cannot be used.
    #[error("{0}")]
    Exit(#[from] ExitError),
}

/// What came of it: the table for people, and whether every upstream can answer.
pub struct Report {
    /// Some lines, the last with its end.
    pub text: String,
    /// Whether all is well.
    pub good: bool,
}

/// Checks every upstream, or only the one of this name.
///
/// # Errors
/// See [`CheckError`].
pub async fn check(config: &Config, only: Option<&str>) -> Result<Report, CheckError> {
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    let named = serve::named(config)?;
    let names = config.upstreams.iter().map(|settings| settings.name.as_str());
    let mut rows = Vec::new();
    if wanted(gemini_web::NAME) {
        rows.push(gemini(config).await?);
    }
    for (name, upstream) in names.clone().zip(&named).filter(|(name, _)| wanted(name)) {
        rows.push(openai_compatible(config, name, upstream).await);
    }
    if rows.is_empty() {
        let all: Vec<&str> = std::iter::once(gemini_web::NAME).chain(names).collect();
        return Err(CheckError::Unknown(all.join(", ")));
    }
    Ok(Report {
        text: render(&rows),
        good: rows.iter().all(Row::is_good),
    })
}

/// The owner's session: through the gateway that runs here, else by signing in.
async fn gemini(config: &Config) -> Result<Row, ExitError> {
    if let Some(gateway) = running::find(config).await? {
        return Ok(gateway.ask().await);
    }
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let state = Arc::new(StateDir::open(config.state_dir.as_deref()));
    let upstream = GeminiWeb::start(serve::settings(config, state), tasks.clone(), &stop)?;
    let row = signed_in(&upstream).await;
    // A rotation in flight is on disk before this ends.
    stop.cancel();
    tasks.close();
    let _ = tokio::time::timeout(PATIENCE, tasks.wait()).await;
    Ok(row)
}

async fn signed_in(upstream: &GeminiWeb) -> Row {
    const OFTEN: Duration = Duration::from_millis(50);
    let mut row = Row::new(gemini_web::NAME);
    let due = Instant::now() + PATIENCE;
    let health = loop {
        let health = upstream.health().pop();
        match &health {
            Some(health) if health.state == HealthState::Starting && Instant::now() < due => sleep(OFTEN).await,
            _ => break health,
        }
    };
    let Some(health) = health else { return row };
    if health.state != HealthState::Ready {
        let reason = health
            .reason
            .unwrap_or_else(|| "It did not sign in in time. Try again.".to_owned());
        let code = health.code.unwrap_or("upstream_timeout");
        row.reached = match code {
            "upstream_unreachable" | "upstream_timeout" => Cell::Failed(code.to_owned()),
            "upstream_not_configured" => Cell::Unknown,
            _ => Cell::Good("yes".to_owned()),
        };
        row.credential = Cell::Failed(code.to_owned());
        row.problems.push(reason);
        return row;
    }
    row.reached = Cell::Good("yes".to_owned());
    row.credential = Cell::Good("signed in".to_owned());
    let models = upstream.models();
    row.models = match models.first() {
        Some(model) if model.source == ModelSource::Account => Cell::Good(models.len().to_string()),
        _ => Cell::Unknown,
    };
    if let Some(model) = models.first() {
        answers(&mut row, upstream, &model.id).await;
    }
    row
}

/// A server of OpenAI's format.
async fn openai_compatible(config: &Config, name: &str, upstream: &OpenAiCompatible) -> Row {
    let mut row = Row::new(name);
    match upstream.ask_for_list().await {
        None => row.models = Cell::Good(format!("{} configured", upstream.models().len())),
        Some(Ok(())) => {
            row.reached = Cell::Good("yes".to_owned());
            row.models = Cell::Good(upstream.models().len().to_string());
        }
        Some(Err(failure)) => {
            reached(&mut row, &failure);
            if failure.kind() == Kind::UpstreamCredential {
                row.credential = Cell::Failed("refused".to_owned());
            }
            row.models = Cell::Failed(code(&failure));
            row.problems.push(failure.message().to_owned());
        }
    }
    let Some(model) = model_of(config, name, upstream) else {
        row.answers = Cell::Failed("no model to try".to_owned());
        // Where the list could not be had, that is the trouble.
        if row.problems.is_empty() {
            let variable = name.to_ascii_uppercase().replace('-', "_");
            let text = format!("It lists no model. Name those to ask for in {variable}_MODELS.");
            row.problems.push(text);
        }
        return row;
    };
    answers(&mut row, upstream, &model).await;
    row
}

/// The model to try: one the owner uses, else the first there is.
fn model_of(config: &Config, name: &str, upstream: &OpenAiCompatible) -> Option<String> {
    let prefix = format!("{name}{SEPARATOR}");
    let used = config
        .default_model
        .iter()
        .map(String::as_str)
        .chain(config.chains.names());
    let used = used.filter_map(|model| {
        let is_hubs = name == "hf" && model.contains('/') && !model.contains(SEPARATOR);
        (model.starts_with(&prefix) || is_hubs).then(|| upstream.resolve(model).ok())?
    });
    let listed = upstream.models().into_iter().map(|model| model.id);
    used.chain(listed).next()
}

/// Asks for a word and looks what comes.
async fn answers(row: &mut Row, upstream: &dyn Upstream, model: &str) {
    let request = Request {
        model: model.to_owned(),
        messages: vec![Message::text(Role::User, QUESTION)],
        max_tokens: Some(TOKENS),
        ..Request::default()
    };
    let call = Call {
        request: Arc::new(request),
        model: model.into(),
        incremental: false,
        deadline: Instant::now() + PATIENCE,
    };
    let began = Clock::now();
    match tokio::time::timeout(PATIENCE, answer(upstream, call)).await {
        Ok(Ok(served)) => {
            row.reached = Cell::Good("yes".to_owned());
            row.credential = Cell::Good("accepted".to_owned());
            row.answers = Cell::Good(format!("{served} in {} ms", began.elapsed().as_millis()));
        }
        Ok(Err(failure)) => failed(row, model, &failure),
        Err(_elapsed) => failed(
            row,
            model,
            &Failure::new(Kind::UpstreamTimeout, "No answer came within a minute."),
        ),
    }
}

fn failed(row: &mut Row, model: &str, failure: &Failure) {
    reached(row, failure);
    if failure.kind() == Kind::UpstreamCredential {
        row.credential = Cell::Failed("refused".to_owned());
    }
    row.answers = Cell::Failed(code(failure));
    row.problems.push(format!("{model}: {}", failure.told()));
}

/// Whatever is no failure of the connection came over one.
fn reached(row: &mut Row, failure: &Failure) {
    row.reached = match failure.kind() {
        Kind::UpstreamUnreachable | Kind::UpstreamTimeout => Cell::Failed(code(failure)),
        _ => Cell::Good("yes".to_owned()),
    };
}

/// The whole answer of an upstream: the model that gave it.
async fn answer(upstream: &dyn Upstream, call: Call) -> Result<String, Failure> {
    let model = call.model.to_string();
    let (mut events, mut answer) = (upstream.generate(call), Answer::default());
    while let Some(event) = events.next().await {
        answer.push(event?);
    }
    if answer.finish.is_none() {
        return Err(Failure::new(
            Kind::UpstreamInterrupted,
            "The answer broke off before its end.",
        ));
    }
    Ok(if answer.served.model.is_empty() {
        model
    } else {
        answer.served.model
    })
}

fn code(failure: &Failure) -> String {
    failure.kind().facts().code.to_owned()
}

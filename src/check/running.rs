//! Gemini through the gateway that runs already: its session must not be renewed twice.

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{
    PATIENCE, QUESTION, TOKENS,
    table::{Cell, Row},
};
use crate::{
    config::Config,
    upstream::gemini_web::{self, Exit, ExitError},
};

/// How long a gateway may take to say that it is alive.
const ALIVE: Duration = Duration::from_secs(2);

/// A gateway on this machine.
pub(super) struct Running {
    client: reqwest::Client,
    base: String,
    prefix: String,
    key: Option<SecretString>,
}

/// The gateway at the configured address, if one answers there.
pub(super) async fn find(config: &Config) -> Result<Option<Running>, ExitError> {
    // What is on this machine is not reached through a proxy.
    let builder = Exit::default().apply(reqwest::Client::builder())?;
    let client = builder.build().map_err(ExitError::Client)?;
    let base = format!("http://{}", config.reached_at());
    let alive = client.get(format!("{base}/livez")).timeout(ALIVE).send().await;
    let body = match alive {
        Ok(response) if response.status().is_success() => response.text().await.unwrap_or_default(),
        _ => return Ok(None),
    };
    Ok(body.contains(r#""status":"alive""#).then(|| Running {
        client,
        base,
        prefix: config.api_prefix.clone(),
        key: config.api_keys.first().or(config.hf_token.as_ref()).cloned(),
    }))
}

impl Running {
    /// What it says of its session, and what it answers.
    pub(super) async fn ask(&self) -> Row {
        let mut row = Row::new(gemini_web::NAME);
        let health = self.get("/health").await;
        let upstreams = health["upstreams"].as_array();
        let gemini = upstreams.and_then(|all| all.iter().find(|upstream| upstream["name"] == gemini_web::NAME));
        let Some(gemini) = gemini else {
            row.problems
                .push(format!("What answers at {} is no gateway of this kind.", self.base));
            return row;
        };
        if gemini["state"] == "ready" {
            row.reached = Cell::Good("yes".to_owned());
            row.credential = Cell::Good("signed in".to_owned());
        } else {
            row.credential = Cell::Failed(gemini["code"].as_str().unwrap_or("not ready").to_owned());
            row.problems.extend(gemini["reason"].as_str().map(str::to_owned));
        }
        let models = self.get(&format!("{}/models", self.prefix)).await;
        let googles = |model: &&Value| model["owned_by"] == "google" && model["source"] == "account";
        let models: Vec<&Value> = models["data"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(googles)
            .collect();
        if let Some(model) = models.first().and_then(|model| model["id"].as_str()) {
            row.models = Cell::Good(models.len().to_string());
            self.answers(&mut row, model).await;
        }
        row.problems.push(format!(
            "Asked through the gateway that runs at {}, since the session is its.",
            self.base
        ));
        row
    }

    async fn answers(&self, row: &mut Row, model: &str) {
        let body = json!({
            "model": model,
            "max_tokens": TOKENS,
            "messages": [{"role": "user", "content": QUESTION}],
        });
        let began = Instant::now();
        let request = self
            .client
            .post(format!("{}{}/chat/completions", self.base, self.prefix))
            .body(body.to_string());
        let answer = self.send(request).await;
        // Another model of a chain says nothing about this one.
        match (answer["model"].as_str(), answer["choices"][0]["finish_reason"].as_str()) {
            (Some(served), Some(_)) if served == model => {
                row.answers = Cell::Good(format!("{served} in {} ms", began.elapsed().as_millis()));
            }
            (Some(served), _) => {
                row.answers = Cell::Failed(format!("{served} answered"));
                row.problems.push(format!("{model} was asked, and {served} answered."));
            }
            _ => {
                row.answers = Cell::Failed(answer["error"]["code"].as_str().unwrap_or("no answer").to_owned());
                row.problems
                    .extend(answer["error"]["message"].as_str().map(str::to_owned));
            }
        }
    }

    async fn get(&self, path: &str) -> Value {
        self.send(self.client.get(format!("{}{path}", self.base))).await
    }

    /// The answer as JSON, whatever its status; null if none came.
    async fn send(&self, mut request: reqwest::RequestBuilder) -> Value {
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        let response = request
            .header("content-type", "application/json")
            .timeout(PATIENCE)
            .send()
            .await;
        let Ok(response) = response else { return Value::Null };
        let body = response.bytes().await.unwrap_or_default();
        serde_json::from_slice(&body).unwrap_or_default()
    }
}

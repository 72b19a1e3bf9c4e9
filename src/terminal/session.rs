//! A conversation with one server: what is said, who answered, what it cost.

use std::io::{self, Write};

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::{
    answer::{Answer, End},
    conversation::Conversation,
    options::Chat,
    screen::Screen,
    transport::Transport,
    trouble::Trouble,
    wire::Usage,
};

/// One conversation.
pub(super) struct Session {
    transport: Transport,
    model: String,
    conversation: Conversation,
    /// The model that gave the last answer, as the server named it.
    answered_by: Option<String>,
    /// What has to be said of it.
    news: Option<String>,
    /// Of the last answer; none if the server did not say.
    last: Option<Usage>,
    /// Of all answers for which the server said it.
    total: Usage,
}

impl Session {
    /// Begins one. Asks the server for its models if none was named.
    ///
    /// # Errors
    /// When there is no client, no server or no model.
    pub(super) async fn begin(chat: &Chat) -> Result<Self, Trouble> {
        let transport = Transport::new(&chat.server)?;
        let model = match &chat.model {
            Some(model) => model.clone(),
            None => first_model(&transport).await?,
        };
        Ok(Self {
            transport,
            model,
            conversation: Conversation::new(chat.system.as_deref()),
            answered_by: None,
            news: None,
            last: None,
            total: Usage::default(),
        })
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// Asks, and shows the answer while it comes. What was shown is remembered, whole or not.
    ///
    /// # Errors
    /// When it cannot be shown.
    pub(super) async fn ask<W: Write>(
        &mut self,
        question: String,
        screen: &mut Screen<W>,
        stop: &CancellationToken,
    ) -> io::Result<End> {
        self.conversation.ask(question);
        let mut answer = Answer::default();
        let end = self.receive(&mut answer, screen, stop).await;
        let closed = screen.close();
        if let Some(model) = answer.model {
            self.answered_by(model);
        }
        self.last = answer.usage;
        if let Some(usage) = answer.usage {
            self.total.prompt = self.total.prompt.saturating_add(usage.prompt);
            self.total.completion = self.total.completion.saturating_add(usage.completion);
        }
        self.conversation.answered(answer.text);
        let end = end?;
        closed?;
        Ok(end)
    }

    fn answered_by(&mut self, model: String) {
        let known = self.answered_by.as_ref().unwrap_or(&self.model);
        self.news = (model != *known).then(|| format!("(answered by {model})"));
        self.answered_by = Some(model);
    }

    /// That another model answers than the one asked for, or than before: once.
    pub(super) fn news(&mut self) -> Option<String> {
        self.news.take()
    }

    async fn receive<W: Write>(
        &self,
        answer: &mut Answer,
        screen: &mut Screen<W>,
        stop: &CancellationToken,
    ) -> io::Result<End> {
        let asked = self.transport.ask(&self.model, self.conversation.messages());
        let mut pieces = match stop.run_until_cancelled(asked).await {
            None => return Ok(stopped(answer)),
            Some(Err(trouble)) => return Ok(End::Failed(trouble)),
            Some(Ok(pieces)) => pieces,
        };
        while !answer.is_done() {
            let some = match stop.run_until_cancelled(pieces.next()).await {
                None => return Ok(stopped(answer)),
                Some(None) => break,
                Some(Some(Ok(some))) => some,
                // The server had said that this is all.
                Some(Some(Err(_))) if answer.is_whole() => break,
                Some(Some(Err(trouble))) => return Ok(End::Failed(trouble)),
            };
            for piece in some {
                match answer.take(piece) {
                    Ok(seen) => screen.show(&seen)?,
                    Err(trouble) => return Ok(End::Failed(trouble)),
                }
            }
        }
        Ok(answer.end())
    }

    /// Forgets what was said.
    pub(super) fn reset(&mut self) {
        self.conversation.reset();
    }

    /// How things are, in lines.
    pub(super) async fn status(&self) -> String {
        let said = self.conversation.said();
        let messages = match (said, self.conversation.has_system()) {
            (0, false) => "none yet".to_owned(),
            (0, true) => "none yet, after the system text".to_owned(),
            (said, false) => said.to_string(),
            (said, true) => format!("{said} after the system text"),
        };
        let answered = match &self.answered_by {
            Some(model) => format!("answered by {model}"),
            None => "no answer yet".to_owned(),
        };
        let count = |usage: &Usage| format!("{} in, {} out", usage.prompt, usage.completion);
        let tokens = match (&self.last, self.total == Usage::default()) {
            (Some(last), _) => format!("{} in the last answer; {} in all", count(last), count(&self.total)),
            (None, false) => format!("not told for the last answer; {} in all", count(&self.total)),
            (None, true) => "not told yet".to_owned(),
        };
        format!(
            "server    {}\nhealth    {}\nkey       {}\nmodel     {}, {answered}\nmessages  {messages}\ntokens    {tokens}",
            self.transport.base().shown(),
            self.transport.health().await,
            self.transport.key_source().unwrap_or("none"),
            self.model,
        )
    }
}

fn stopped(answer: &Answer) -> End {
    End::Stopped {
        shown: !answer.text.is_empty(),
    }
}

async fn first_model(transport: &Transport) -> Result<String, Trouble> {
    let models = transport.models().await?;
    models.into_iter().next().ok_or_else(|| {
        Trouble::new(format!("{} has no model.", transport.base().shown())).cure("Name one with --model.")
    })
}

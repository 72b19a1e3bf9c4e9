//! One request's way through its chain: until the first output event of some model, or until nobody is left to ask.

use std::{sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, sleep};
use tracing::Span;

use super::{
    Inner, Member,
    attempts::Attempts,
    gate::Pass,
    rules::{Step, rule},
};
use crate::{
    chat::{Event, Note, Request},
    error::{Failure, Kind, Retry},
    upstream::{Call, EventStream, Speaks},
};

/// How often the same model is asked again because it is still loading.
const WAITS: usize = 3;

/// The pause before the one further try after a passing fault, in milliseconds.
const AGAIN_MS: std::ops::RangeInclusive<u64> = 250..=500;

/// The events of one answer, whoever gives it.
pub(super) fn answer(router: Arc<Inner>, call: Call, span: Span) -> EventStream {
    Box::pin(async_stream::stream! {
        let plan = router.plan(&call.model);
        let mut attempts = Attempts::new(span);
        // With one model there is nothing to find out: the head can say it, however long the answer takes.
        let told = plan.len() == 1;
        if told {
            yield Ok(upstream_note(&router.member(&call.model).0.name));
        }
        match begin(&router, &call, &plan, &mut attempts).await {
            Err(failure) => yield Err(failure.attempts(attempts.header())),
            Ok(mut begun) => {
                if !told {
                    yield Ok(upstream_note(&router.member(&begun.model).0.name));
                }
                for event in begun.early.drain(..) {
                    // Last of what the head tells.
                    if event.is_output() {
                        yield Ok(note("attempts", attempts.header()));
                    }
                    yield Ok(event);
                }
                while let Some(event) = begun.events.next().await {
                    if let Err(failure) = &event {
                        begun.pass.failed(&begun.model, failure, Instant::now());
                    }
                    yield event;
                }
            }
        }
    })
}

/// An answer whose first output is there.
struct Begun {
    model: String,
    early: Vec<Event>,
    events: EventStream,
    pass: Pass,
}

/// Asks one after the other. Where all fail, what the first one said is the answer: it was asked for.
async fn begin(router: &Inner, call: &Call, plan: &[String], attempts: &mut Attempts) -> Result<Begun, Failure> {
    let mut first_failure = None;
    for (place, model) in plan.iter().enumerate() {
        let (member, _) = router.member(model);
        if !is_understood_by(member, &call.request) {
            let text = format!("The request asks for something that {} cannot do.", member.name);
            let failure = Failure::new(Kind::UnsupportedParameter, text);
            attempts.skipped(&member.name, model, &failure);
            first_failure.get_or_insert(failure);
            continue;
        }
        let failure = match ask(member, call, model, place + 1 < plan.len(), attempts).await {
            Ok(begun) => return Ok(begun),
            Err(failure) => failure,
        };
        if rule(failure.kind()).step == Step::Stop {
            return Err(failure);
        }
        first_failure.get_or_insert(failure);
        if Instant::now() >= call.deadline {
            break;
        }
    }
    Err(first_failure.unwrap_or_else(|| Failure::new(Kind::Internal, "There was nobody to ask.")))
}

/// Asks one model (`others`: are left to ask after it), and again while it is loading and there is time.
async fn ask(
    member: &Member,
    call: &Call,
    model: &str,
    others: bool,
    attempts: &mut Attempts,
) -> Result<Begun, Failure> {
    let mut patience = Patience::default();
    loop {
        let began = Instant::now();
        let mut pass = match member.gate.admit(model, others, began) {
            Ok(pass) => pass,
            Err(failure) => {
                attempts.skipped(&member.name, model, &failure);
                return Err(failure);
            }
        };
        let call = Call {
            model: model.into(),
            ..call.clone()
        };
        let deadline = call.deadline;
        let failure = match first_output(member.upstream.generate(call)).await {
            Ok((early, events)) => {
                pass.succeeded();
                attempts.answered(&member.name, model, began);
                return Ok(Begun {
                    model: model.to_owned(),
                    early,
                    events,
                    pass,
                });
            }
            Err(failure) => failure,
        };
        pass.failed(model, &failure, Instant::now());
        attempts.failed(&member.name, model, &failure, began);
        // Whoever finds out whether an upstream is back asks it once.
        let pause = patience.after(&failure).filter(|_| !pass.is_probe());
        match pause.filter(|pause| Instant::now() + *pause < deadline) {
            Some(pause) => sleep(pause).await,
            None => return Err(failure),
        }
    }
}

/// What is still worth asking the same model again for.
#[derive(Default)]
struct Patience {
    waits: usize,
    tried_again: bool,
}

impl Patience {
    /// How long to wait before that, if it is to be.
    fn after(&mut self, failure: &Failure) -> Option<Duration> {
        match (rule(failure.kind()).step, failure.wait()) {
            (Step::Wait, Some(wait)) if self.waits < WAITS => {
                self.waits += 1;
                Some(wait)
            }
            // An upstream that names a wait is not asked before it is over, and others need not wait for it.
            (_, None) if failure.retry_rule() == Retry::Backoff && !self.tried_again => {
                self.tried_again = true;
                Some(Duration::from_millis(fastrand::u64(AGAIN_MS)))
            }
            _ => None,
        }
    }
}

/// What the gateway has no words for is only for those who speak the client's own format.
fn is_understood_by(member: &Member, request: &Request) -> bool {
    request
        .original
        .as_ref()
        .is_none_or(|original| original.understood || member.upstream.speaks(None, original.dialect) != Speaks::No)
}

/// Everything up to the first output event, that event included.
async fn first_output(mut events: EventStream) -> Result<(Vec<Event>, EventStream), Failure> {
    let mut early = Vec::new();
    loop {
        match next(&mut events).await? {
            event if event.is_output() => {
                early.push(event);
                return Ok((early, events));
            }
            event => early.push(event),
        }
    }
}

async fn next(events: &mut (impl Stream<Item = Result<Event, Failure>> + Unpin)) -> Result<Event, Failure> {
    let cut = || {
        Failure::new(
            Kind::UpstreamInterrupted,
            "The answer broke off before it began. Ask again.",
        )
    };
    events.next().await.unwrap_or_else(|| Err(cut()))
}

fn upstream_note(name: &str) -> Event {
    note("upstream", name.to_owned())
}

fn note(name: &'static str, value: String) -> Event {
    Event::Note(Note { name, value })
}

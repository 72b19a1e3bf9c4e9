//! The page of failures and what follows from them, made from the tables that decide it.

use std::fmt::Write;

use super::rules::{Step, rule};
use crate::{
    error::{Kind, Retry, Side},
    upstream::{gemini_web, openai_compatible::failures},
};

const INTRODUCTION: &str = "\
<!-- Generated from src/upstream; `UPDATE_DOCS=1 cargo test` rewrites it. -->
# Failures and fallback

What the gateway does when an upstream fails, with and without a [chain](upstreams.md#the-chain). All of this happens before the first word of an answer. Once a client
has any of it, nothing is asked again: the answer ends in an error that says that it was cut.

Each failure is first given a name (its `code`), by what the upstream said; the name decides the rest.

";

const STEPS: &str = "
## What follows

| step | |
|---|---|
| **stop** | the failure is the answer |
| **next** | the next model of the chain is asked; without one, the failure is the answer |
| **cool down** | as next, and until the wait that the upstream named is over, requests for the model go on to the next one at once, as long as there is one |
| **cool down all** | the same for all models of the upstream |
| **wait** | the same model is asked again after the wait that the upstream named, up to three times, if that ends before the request's deadline; else next |

Failures marked ● count for the upstream's circuit breaker. After 5 of them in a row it is left alone for 5 s; then one request, and no other, finds out whether it is back.
If not, the time doubles, up to 5 minutes.

| code | HTTP status for the client | step | ● | why |
|---|---|---|---|---|
";

/// `docs/fallback.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    openai_compatible(&mut page);
    gemini(&mut page);
    page.push_str(STEPS);
    for kind in Kind::ALL {
        let (facts, rule) = (kind.facts(), rule(kind));
        if facts.side == Side::Client && rule.step == Step::Stop && kind != Kind::UpstreamRejectedRequest {
            continue;
        }
        let counts = if rule.counts { "●" } else { "" };
        let status = facts.status.as_u16();
        let _ = writeln!(
            page,
            "| `{}` | {status} | {} | {counts} | {} |",
            facts.code,
            word(rule.step),
            rule.why
        );
    }
    page.push_str("\nEvery other failure is the request's own and stops: no other upstream would change it.\n");
    page
}

fn openai_compatible(page: &mut String) {
    page.push_str("## HTTP statuses of OpenAI-compatible upstreams\n\n| status | code | step | |\n|---|---|---|---|\n");
    for row in failures::TABLE {
        let code = row.kind.facts().code;
        let _ = writeln!(
            page,
            "| {} | `{code}` | {} | {} |",
            row.statuses,
            word(rule(row.kind).step),
            row.note
        );
    }
    page.push_str(
        "\nAn error inside a successful answer counts as the status it names. No connection is `upstream_unreachable` (tried \
         once more), silence `upstream_timeout`, a cut answer `upstream_interrupted`, anything that is no chat completion \
         `upstream_protocol_changed`.\n",
    );
}

fn gemini(page: &mut String) {
    page.push_str("\n## Gemini's own codes\n\n| code of Gemini's | code | what the gateway does first | then |\n|---|---|---|---|\n");
    for (code, kind, retry) in gemini_web::known_errors() {
        let first = match retry {
            Retry::Never => "nothing",
            Retry::Refresh => "makes the session fresh, models included, and asks once more",
            Retry::Backoff => "asks up to twice more, with growing pauses",
        };
        let _ = writeln!(
            page,
            "| {code} | `{}` | {first} | {} |",
            kind.facts().code,
            word(rule(kind).step)
        );
    }
    page.push_str("\nA session that is over, refused or not configured goes on to the next model too; `/health` says what cures it.\n");
}

fn word(step: Step) -> &'static str {
    match step {
        Step::Stop => "stop",
        Step::Next => "next",
        Step::Cool => "cool down",
        Step::CoolAll => "cool down all",
        Step::Wait => "wait",
    }
}

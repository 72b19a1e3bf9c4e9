//! `POST …/batchexecute`: every remote call but the prompt itself. (Protocol notes, "batchexecute".)

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    account::Account,
    control::About,
    generate, media, models,
    pages::{instead, renew_side_cookies},
    reply::{self, Body, Dropped},
    serve::{Exchange, pairs},
    state::Inner,
    token::unix_seconds,
    wire,
    words::Plan,
};

/// Status of a call that needs a live session.
const PERMISSION_DENIED: u32 = 7;
const UNAUTHENTICATED: u32 = 1016;
/// Account statuses that come without a list of models.
const BLOCKED: [u32; 5] = [1014, 1021, 1054, 1057, 1060];
const FIVE_HOURS: u64 = 5 * 3600;
const WEEK: u64 = 7 * 86_400;

/// One call of a batch.
struct Call {
    id: String,
    payload: Value,
    /// Tells several calls with the same id apart.
    identifier: String,
}

pub(super) async fn answer(x: &Exchange) -> Result<Response<Body>, Dropped> {
    let form = pairs(&x.body);
    let Some(calls) = read(&form) else {
        return Ok(reply::json(StatusCode::BAD_REQUEST, wire::http_error(400, None)));
    };
    x.state.note(x.id, |record| {
        record.calls = calls
            .iter()
            .map(|call| (call.id.clone(), call.payload.to_string()))
            .collect();
    });
    let plan = first_plan(x, &calls);
    tokio::time::sleep(plan.head).await;
    if let Some(response) = instead(x, &plan)? {
        return Ok(response);
    }
    if let Some(refusal) = generate::refuse(x, &form) {
        return Ok(refusal);
    }
    let mut inner = x.state.lock();
    let mut entries = Vec::with_capacity(calls.len() + 1);
    for call in &calls {
        let answer = plan.reject.map_or_else(|| call_answer(x, &mut inner, call), Err);
        entries.push(wire::call_entry(&call.id, answer, &call.identifier));
    }
    drop(inner);
    entries.push(json!(["di", 53]));
    let mut response = reply::json(StatusCode::OK, wire::whole(&json!(entries)));
    renew_side_cookies(x, &mut response);
    Ok(response)
}

/// An array of `length` elements, null but for the given ones.
pub(super) fn slots(length: usize, given: impl IntoIterator<Item = (usize, Value)>) -> Value {
    let mut all = vec![Value::Null; length];
    for (index, value) in given {
        if let Some(slot) = all.get_mut(index) {
            *slot = value;
        }
    }
    Value::Array(all)
}

/// The calls of `f.req`, or `None` if it is no batch. A payload that is no JSON is read as none: one client sends a
/// list in single quotes, and the real service accepts it.
fn read(form: &[(String, String)]) -> Option<Vec<Call>> {
    let (_, text) = form.iter().find(|(name, _)| name == "f.req")?;
    let outer: Value = serde_json::from_str(text).ok()?;
    let calls = outer.get(0)?.as_array()?.iter().map(|call| {
        Some(Call {
            id: call.get(0)?.as_str()?.to_owned(),
            payload: serde_json::from_str(call.get(1)?.as_str()?).unwrap_or_default(),
            identifier: call.get(3).and_then(Value::as_str).unwrap_or("generic").to_owned(),
        })
    });
    calls.collect()
}

/// The plan of the first call that a rule is about.
fn first_plan(x: &Exchange, calls: &[Call]) -> Plan {
    let mut inner = x.state.lock();
    let faults = calls.iter().map(|call| inner.rule(About::Call(&call.id)));
    let fault = faults.into_iter().find(|fault| *fault != Default::default());
    Plan::default().with(&fault.unwrap_or_default())
}

/// The answer of one call, or the status it is refused with.
fn call_answer(x: &Exchange, inner: &mut Inner, call: &Call) -> Result<Value, u32> {
    match call.id.as_str() {
        "otAQ7b" => return Ok(user_status(x, inner)),
        "ESY5D" => return Ok(json!([])),
        _ if !x.verdict.is_live() => return Err(PERMISSION_DENIED),
        _ => {}
    }
    let account = inner.account(x);
    let cid = call.payload.get(0).and_then(Value::as_str).unwrap_or_default();
    let reset = unix_seconds() + FIVE_HOURS;
    Ok(match call.id.as_str() {
        "MaZiqc" => list_chats(account, &call.payload),
        "hNvQHb" => {
            let limit = call.payload.get(1).and_then(Value::as_u64).unwrap_or(10);
            let chat = account.chat(cid).filter(|chat| !chat.temporary);
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            chat.map_or(json!([]), |chat| json!([chat.history(limit), null, null, null]))
        }
        "GzXR5e" => {
            account.delete(cid);
            json!([])
        }
        "c8o8Fe" => media::full_size(x),
        "jSf9Qc" => json!([
            1,
            [[600, 0, 1, [[reset, 0]]], [12096, 0, 2, [[reset + WEEK, 0]]]],
            false
        ]),
        "qpEbW" => {
            let kinds = call.payload.get(0).and_then(Value::as_array).cloned();
            let items = kinds.unwrap_or_default().into_iter();
            json!([items
                .map(|kind| json!([kind, null, 12.5, [reset, 0], 100, 87]))
                .collect::<Vec<_>>()])
        }
        "aPya6c" => json!([false, 0.05, [reset, 0]]),
        "GPRiHf" => json!([null, null]),
        // Any other call is accepted and has nothing to say.
        _ => json!([]),
    })
}

/// Account status, models and what the account pays for.
fn user_status(x: &Exchange, inner: &Inner) -> Value {
    let settings = &inner.settings;
    let status = match x.verdict.is_live() {
        true => settings.status,
        false => UNAUTHENTICATED,
    };
    let models = match BLOCKED.contains(&status) {
        true => Value::Null,
        false => json!(models::list(settings.tier)),
    };
    let (tier, capabilities) = models::flags(settings.tier);
    slots(20, [(14, json!(status)), (15, models), (16, tier), (17, capabilities)])
}

/// A page of the conversations kept, newest first. None of them is pinned.
fn list_chats(account: &Account, payload: &Value) -> Value {
    let number = |value: Option<&Value>| value.and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let count = number(payload.get(0)).unwrap_or(13);
    let cursor = payload
        .get(1)
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok());
    let start: usize = cursor.unwrap_or(0);
    let pinned = payload.pointer("/2/0").and_then(Value::as_u64) == Some(1);
    let listed = || account.chats.iter().rev().filter(|chat| !chat.temporary && !pinned);
    let page = listed().skip(start).take(count);
    let items: Vec<Value> = page
        .map(|chat| {
            json!([
                chat.cid,
                chat.title,
                null,
                null,
                null,
                [chat.updated, 0],
                null,
                null,
                null,
                1
            ])
        })
        .collect();
    let end = start.saturating_add(count);
    let next = (end < listed().count()).then(|| end.to_string());
    json!([null, next, items])
}

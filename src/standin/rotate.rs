//! `POST /RotateCookies`. (Protocol notes, "Cookie rotation".)

use http::{HeaderName, Response, StatusCode};
use serde_json::json;
use tokio::time::Instant;

use super::{
    account::Account,
    pages::{set_cookie, set_side_cookies, sorry},
    record::Verdict,
    reply::{self, Body},
    serve::Exchange,
    settings::{Rotation, Settings},
    token::alphanumeric,
    wire,
};

/// The only body that is accepted. Its leading zeros matter, and it is no valid JSON.
const BODY: &[u8] = b"[000,\"-0000000000000000000\"]";
/// The hint that means "never".
const NEVER: u64 = 2_147_483_647;
const CHALLENGE: HeaderName = HeaderName::from_static("sec-session-google-challenge");

pub(super) async fn answer(x: &Exchange) -> Response<Body> {
    if x.body != BODY {
        return reply::json(StatusCode::BAD_REQUEST, wire::http_error(400, None));
    }
    let settings = x.state.lock().settings.clone();
    match settings.rotation {
        Rotation::Hang => std::future::pending().await,
        Rotation::Refused => hint(StatusCode::UNAUTHORIZED, settings.rotation_hint),
        Rotation::Forbidden => hint(StatusCode::FORBIDDEN, NEVER),
        Rotation::Throttled => sorry(),
        Rotation::Unavailable => reply::plain(StatusCode::SERVICE_UNAVAILABLE),
        Rotation::DeviceBound => challenge(),
        Rotation::Renew | Rotation::NotIssued => rotate(x, &settings),
    }
}

fn rotate(x: &Exchange, settings: &Settings) -> Response<Body> {
    // An expired session is the one that a rotation is for; the other dead ones stay dead.
    let entitled = x.verdict.is_live() || x.verdict == Verdict::Expired;
    let mut inner = x.state.lock();
    let account = x.psid.as_ref().and_then(|psid| inner.accounts.get_mut(psid));
    let Some(account) = account.filter(|_| entitled) else {
        return hint(StatusCode::UNAUTHORIZED, settings.rotation_hint);
    };
    if too_soon(account, settings) {
        return sorry();
    }
    account.last_rotation = Some(Instant::now());
    let mut response = hint(StatusCode::OK, settings.rotation_hint);
    set_side_cookies(&mut response);
    if settings.rotation == Rotation::Renew {
        let value = account.rotate(settings);
        set_cookie(&mut response, "__Secure-1PSIDTS", value, "; Secure; HttpOnly");
        set_cookie(
            &mut response,
            "__Secure-3PSIDTS",
            value,
            "; Secure; HttpOnly; SameSite=none",
        );
    }
    response
}

fn too_soon(account: &Account, settings: &Settings) -> bool {
    let last = account.last_rotation;
    last.is_some_and(|last| last.elapsed() < settings.rotation_min_gap)
}

/// A device-bound session: the answer would have to be signed by the device's own key.
fn challenge() -> Response<Body> {
    let mut response = reply::html(StatusCode::UNAUTHORIZED, "");
    let value = format!("session_id=sidts_session; challenge={}", alphanumeric(32));
    reply::set(&mut response, CHALLENGE, &value);
    response
}

fn hint(status: StatusCode, seconds: u64) -> Response<Body> {
    let body = json!([["identity.hfcr", seconds], ["di", 41]]);
    reply::json(status, format!("{}{body}", wire::PREFIX))
}

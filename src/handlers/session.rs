//! The owner's view of the session, and the door for new cookies. Both need a key.

use http::{Response, StatusCode};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::health::Report;
use crate::{
    body::{Body, Upload},
    error::{Failure, Kind},
    exchange::Exchange,
    respond,
    telemetry::troubles::Trouble,
};

/// The longest body with cookies in it, in bytes: twice a whole browser's cookies, once more for JSON's escapes.
const LONGEST: usize = 2 << 20;

/// `GET /session`: what `/health` says, and what has failed lately.
pub(crate) fn session(exchange: &Exchange) -> Response<Body> {
    #[derive(Serialize)]
    struct Session {
        #[serde(flatten)]
        report: Report,
        /// The latest first.
        errors: Vec<Trouble>,
    }
    let session = Session {
        report: Report::of(&exchange.app),
        errors: exchange.app.troubles.list(),
    };
    answer(&session)
}

/// `POST /session/cookies`: tries the cookies of its body, and goes over to them if they work.
///
/// # Errors
/// When the body holds no usable cookies, or the upstream takes none. That they do not work is told in the answer.
pub(crate) async fn cookies(exchange: &Exchange, upload: &mut Upload) -> Result<Response<Body>, Failure> {
    let app = &exchange.app;
    if !app.cookie_updates {
        let text = "This gateway takes no new cookies (COOKIE_UPDATES). Its owner has to set SECURE_1PSID and \
            SECURE_1PSIDTS and restart it.";
        return Err(Failure::new(Kind::UnknownUrl, text));
    }
    let deadline = Instant::now() + app.limits.request;
    let held = app.room.account();
    let limit = LONGEST.min(app.limits.body_bytes);
    let body = upload.read(limit, &held, app.limits.body_idle, deadline).await?;
    exchange.record.received(body.len());
    let text = text_of(&body)?;
    let replacement = app.upstream.replace_credentials(text).await?;
    Ok(answer(&replacement))
}

/// The field `cookies`: a text, or the JSON of an export as it is.
fn text_of(body: &[u8]) -> Result<SecretString, Failure> {
    let wrong = |message: &'static str| Failure::new(Kind::InvalidRequest, message).param("cookies");
    // The reader's own message may quote the body.
    let document: Value = serde_json::from_slice(body)
        .map_err(|_| wrong("The body is not JSON. Send an object with the field `cookies`."))?;
    match document.get("cookies") {
        Some(Value::String(text)) => Ok(text.clone().into()),
        Some(export @ (Value::Array(_) | Value::Object(_))) => Ok(export.to_string().into()),
        _ => Err(wrong(
            "`cookies` is missing. It is a text (a Cookie header, a cookies.txt, a JSON export, two values) or an object \
             such as {\"__Secure-1PSID\": \"…\", \"__Secure-1PSIDTS\": \"…\"}.",
        )),
    }
}

fn answer(document: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(document) {
        Ok(body) => respond::json(StatusCode::OK, body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            respond::json(StatusCode::INTERNAL_SERVER_ERROR, "{}")
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn cookies_come_as_a_text_or_as_json() {
        for (body, text) in [
            (r#"{"cookies": "a=b; c=d"}"#, "a=b; c=d"),
            (
                r#"{"cookies": [{"name": "a", "value": "b"}]}"#,
                r#"[{"name":"a","value":"b"}]"#,
            ),
            (r#"{"cookies": {"a": "b"}}"#, r#"{"a":"b"}"#),
        ] {
            assert_eq!(text_of(body.as_bytes()).unwrap().expose_secret(), text);
        }
        for body in ["", "secret", "[]", r#"{"cookies": 1}"#, r#"{"cookie": "secret"}"#] {
            let failure = text_of(body.as_bytes()).unwrap_err();
            assert_eq!(
                (failure.kind(), failure.param_name()),
                (Kind::InvalidRequest, Some("cookies"))
            );
            assert!(!failure.message().contains("secret"), "{failure}");
        }
    }
}

//! Sending a prompt, up to the beginning of its answer.

use std::{borrow::Cow, sync::Arc, time::Duration};

use http::StatusCode;
use reqwest::Response;
use tokio::time::Instant;

use super::{
    Inner, errors, page,
    request::{self, Generate, Reference, RpcCall},
    session::{Live, Session},
    signin::not_the_app,
    transport::{read_all, redirect_target, retry_after},
    unknown_model,
};
use crate::{
    error::{Failure, Kind, Retry},
    ids,
    upstream::Call,
};

/// A sign-in page does not prove that the session is over: other cookies, or a rotation, may mend it.
pub(super) fn healing(failure: Failure) -> Failure {
    match failure.kind() {
        Kind::UpstreamAuthExpired => failure.retry(Retry::Refresh),
        _ => failure,
    }
}

/// Sends the prompt; a response is given back only when it is the beginning of an answer.
pub(super) async fn open(
    web: &Arc<Inner>,
    session: &Arc<Session>,
    live: &Live,
    call: &Call,
    prompt: &str,
    files: &[Reference],
) -> Result<Response, Failure> {
    let protocol = &web.protocol;
    // The name may have been accepted before the account's own models were known.
    let models = web.models_of(live);
    let model = models.resolve(&call.model).ok_or_else(|| unknown_model(models))?;
    let mut tokens = Cow::Borrowed(&live.tokens);
    if protocol.activity_before_generation {
        // A sign of life, as the web app gives it; its answer says nothing.
        let _ = session
            .rpc(tokens.to_mut(), &RpcCall::activity(protocol)?, call.deadline)
            .await;
    }
    let mut healed = false;
    loop {
        let outgoing = request::generate(
            protocol,
            &Generate {
                tokens: &tokens,
                prompt,
                files,
                model: Some(model),
                capacity: live.account.capacity,
                thinking: call.request.thinking,
                temporary: web.temporary_chats,
                turn: ids::unique(),
                client: session.client_id,
                request_id: session.request_id(),
            },
        )?;
        let patience = call
            .deadline
            .min(Instant::now() + Duration::from_secs(protocol.limits.first_byte_s));
        let response = session.transport.send(outgoing, patience).await?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        if let Some(target) = redirect_target(&response, response.url()) {
            return Err(healing(not_the_app(page::classify(protocol, &target, b""))));
        }
        let headers = response.headers().clone();
        if status == StatusCode::BAD_REQUEST && !healed {
            /// A refusal is a few hundred bytes.
            const REFUSAL_BYTES: usize = 1 << 20;
            let body = read_all(response, REFUSAL_BYTES, patience).await?;
            if let Some(token) = page::xsrf_token(&body) {
                healed = true;
                tokens.to_mut().at = Some(token);
                session.amend(live.serial, |live| live.with_tokens(tokens.clone().into_owned()));
                continue;
            }
        }
        return Err(errors::http(status, retry_after(&headers)));
    }
}

//! The web app's pages: the app with its tokens, and what comes instead of it.

use std::time::{Duration, SystemTime};

use http::{Response, StatusCode, header};
use serde_json::json;

use super::{
    account::Account,
    reply::{self, Body, Dropped},
    serve::Exchange,
    settings::{Page, PageToken, Settings},
    token::alphanumeric,
    wire,
    words::Plan,
};

const SIGN_IN: &str = "<!doctype html><title>Sign in</title><h1>Sign in</h1>\
    <form action=\"/v3/signin/identifier\"><input type=\"email\" name=\"identifier\"></form>";
const CONSENT: &str = "<!doctype html><title>Before you continue</title>\
    <form action=\"https://consent.google.com/save\" method=\"post\"><button>Accept all</button></form>";
const SORRY: &str = "<!doctype html><title>Sorry</title><p>Our systems have detected unusual traffic from your computer network.</p>\
    <div id=\"recaptcha\"></div>";
const DAY: Duration = Duration::from_secs(86_400);

/// A page that stands where an answer should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Html {
    SignIn,
    Consent,
    Sorry,
}

impl Html {
    /// The page of a name in a magic word.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "signin" => Some(Self::SignIn),
            "consent" => Some(Self::Consent),
            "sorry" => Some(Self::Sorry),
            _ => None,
        }
    }
}

/// What a plan puts in the place of any response: a page, a status, nothing at all.
///
/// # Errors
/// [`Dropped`] if the connection shall be closed.
pub(super) fn instead(x: &Exchange, plan: &Plan) -> Result<Option<Response<Body>>, Dropped> {
    if plan.drop {
        return Err(Dropped);
    }
    if let Some(page) = plan.redirect {
        return Ok(Some(redirect(x, page)));
    }
    if let Some(page) = plan.html {
        let html = match page {
            Html::SignIn => SIGN_IN,
            Html::Consent => CONSENT,
            Html::Sorry => SORRY,
        };
        return Ok(Some(reply::html(StatusCode::OK, html)));
    }
    let Some(status) = plan.http else {
        return Ok(None);
    };
    let mut response = match status {
        StatusCode::BAD_REQUEST => reply::json(status, wire::http_error(400, None)),
        StatusCode::TOO_MANY_REQUESTS => sorry(),
        _ => reply::plain(status),
    };
    if let Some(seconds) = plan.retry_after {
        reply::set(&mut response, header::RETRY_AFTER, &seconds.to_string());
    }
    Ok(Some(response))
}

/// `GET /app`.
pub(super) fn app(x: &Exchange) -> Response<Body> {
    let mut inner = x.state.lock();
    inner.page_loads += 1;
    let loads = inner.page_loads;
    let live = x.verdict.is_live();
    let settings = inner.settings.clone();
    match if live { settings.page } else { settings.dead_page } {
        Page::App => {}
        Page::SignInRedirect => return redirect(x, Html::SignIn),
        Page::SignIn => return sign_in(),
        Page::ConsentRedirect => return redirect(x, Html::Consent),
        Page::SorryRedirect => return redirect(x, Html::Sorry),
        Page::Status(status) => return reply::plain(StatusCode::from_u16(status).unwrap_or_default()),
    }
    let with_token = live
        && match settings.page_token {
            PageToken::Always => true,
            PageToken::Never => false,
            PageToken::Every(n) => loads.is_multiple_of(n),
        };
    let page = app_page(inner.account(x), &settings, with_token);
    drop(inner);
    let mut response = reply::html(StatusCode::OK, page);
    if settings.page_header_bytes > 0 {
        let padding = "p".repeat(settings.page_header_bytes);
        reply::set(&mut response, header::CONTENT_SECURITY_POLICY, &padding);
    }
    renew_side_cookies(x, &mut response);
    response
}

/// `GET https://www.google.com/`, where a client without cookies gets anonymous ones.
pub(super) fn home() -> Response<Body> {
    let mut response = reply::html(StatusCode::OK, "<!doctype html><title>Stand-in</title>");
    for name in ["NID", "AEC"] {
        set_cookie(&mut response, name, &alphanumeric(40), "; Secure; HttpOnly");
    }
    response
}

pub(super) fn sign_in() -> Response<Body> {
    reply::html(StatusCode::OK, SIGN_IN)
}

pub(super) fn consent() -> Response<Body> {
    reply::html(StatusCode::OK, CONSENT)
}

pub(super) fn sorry() -> Response<Body> {
    reply::html(StatusCode::TOO_MANY_REQUESTS, SORRY)
}

/// Renews what nearly every answer to a live session renews.
pub(super) fn renew_side_cookies(x: &Exchange, response: &mut Response<Body>) {
    if x.verdict.is_live() && x.state.lock().settings.side_cookies {
        set_side_cookies(response);
    }
}

/// The cookies beside the log-in, which nobody needs.
pub(super) fn set_side_cookies(response: &mut Response<Body>) {
    set_cookie(response, "SIDCC", &alphanumeric(40), "");
    set_cookie(response, "__Secure-1PSIDCC", &alphanumeric(40), "; Secure; HttpOnly");
}

/// A cookie for all of the web app's hosts, good for a year.
pub(super) fn set_cookie(response: &mut Response<Body>, name: &str, value: &str, attributes: &str) {
    let expires = httpdate::fmt_http_date(SystemTime::now() + 365 * DAY);
    let cookie = format!("{name}={value}; expires={expires}; path=/; domain=.google.com{attributes}");
    reply::set(response, header::SET_COOKIE, &cookie);
}

fn redirect(x: &Exchange, to: Html) -> Response<Body> {
    let (host, path) = match to {
        Html::SignIn => (
            "accounts.google.com",
            "/ServiceLogin?continue=https://gemini.google.com/app",
        ),
        Html::Consent => ("consent.google.com", "/ml?continue=https://gemini.google.com/app"),
        Html::Sorry => ("www.google.com", "/sorry/index?continue=https://gemini.google.com/app"),
    };
    reply::redirect(&x.target.url(host, path))
}

/// The page with the values a client scrapes. (Protocol notes, "Page request".)
fn app_page(account: &Account, settings: &Settings, with_token: bool) -> String {
    let mut data = json!({
        "cfb2h": settings.build_label,
        "FdrFJe": account.session_id,
        "TuX5cc": settings.language,
        "qKIAYe": account.push_id,
    });
    if with_token {
        data["SNlM0e"] = json!(account.token);
        data["S06Grb"] = json!(account.number);
    }
    format!(
        "<!doctype html><html><head><title>Stand-in for the Gemini web app</title>\
        <script>window.WIZ_global_data = {data};</script></head>\
        <body><p>This is the gateway's built-in stand-in, not Gemini.</p></body></html>"
    )
}

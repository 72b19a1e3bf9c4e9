//! `GET /`: what runs here, what is missing, and how to call it. For people and for programs; no key, at once, and
//! always 200, because platforms probe it.
//!
//! One answer holds all of it, style and script too, so that nothing else has to be open without a key. Whoever enters a
//! key there calls the same API as any other client.

use std::fmt::Write;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use uuid::Uuid;

use super::{
    health::{Report, State},
    media::base_of,
};
use crate::{body::Body, error::Kind, exchange::Exchange, respond};

const TEMPLATE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// In this order: the second uses the first.
const SCRIPTS: [&str; 2] = [include_str!("page/page.js"), include_str!("page/chat.js")];

/// How to get new cookies.
const COOKIES: &str = include_str!("page/cookies.html");

/// Where the gateway is, for a client that does not say by what name it called.
const SOMEWHERE: &str = "https://your-gateway";

/// The page, or the same facts as JSON for whoever does not ask for HTML.
pub(crate) fn page(exchange: &Exchange) -> Response<Body> {
    let report = Report::of(&exchange.app);
    let headers = &exchange.head.headers;
    let mut response = if wants_html(headers) {
        let base = exchange.app.public_url.clone().unwrap_or_else(|| base_of(headers));
        html(&report, &base, &exchange.app.prefix)
    } else {
        respond::json(StatusCode::OK, report.json())
    };
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

fn wants_html(headers: &HeaderMap) -> bool {
    let mut accept = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    accept.any(|value| value.contains("text/html"))
}

fn html(report: &Report, base: &str, prefix: &str) -> Response<Body> {
    // A fresh nonce lets exactly this page's own style and script through, and nothing else at all.
    let nonce = Uuid::new_v4().simple().to_string();
    let mut response = respond::answer(
        StatusCode::OK,
        "text/html; charset=utf-8",
        render(report, base, prefix, &nonce),
    );
    // `data:` is for the icon alone, which is written in the page itself.
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
        .headers_mut()
        .insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Fills the template. Only its own placeholders are looked at, so no value can bring in another one.
fn render(report: &Report, base: &str, prefix: &str, nonce: &str) -> String {
    let base = if base.is_empty() { SOMEWHERE } else { base };
    let parts = SCRIPTS.iter().chain([&TEMPLATE, &STYLE, &COOKIES]);
    let mut page = String::with_capacity(parts.map(|part| part.len()).sum::<usize>() + 4096);
    let wanted = wants_cookies(report);
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else {
            break;
        };
        page.push_str(before);
        match name {
            "nonce" => page.push_str(nonce),
            "notice" => page.push_str(&notice(report)),
            "css" => page.push_str(STYLE),
            "js" => SCRIPTS.iter().for_each(|script| page.push_str(script)),
            "cookies" => page.push_str(COOKIES),
            "cookies-title" if wanted => page.push_str("How its owner gives it cookies"),
            "cookies-title" => page.push_str("New cookies, when the session ends"),
            "open" if wanted => page.push_str(" open"),
            "space" if base.ends_with(".hf.space") => page.push_str(" open"),
            "class" => page.push_str(class(report.status)),
            "state" => page.push_str(state(report.status)),
            "facts" => page.push_str(&facts(report)),
            "base" => page.push_str(&escape(base)),
            "prefix" => page.push_str(&escape(prefix)),
            "version" => page.push_str(report.version),
            _ => {}
        }
        rest = after;
    }
    page.push_str(rest);
    page
}

fn class(state: State) -> &'static str {
    match state {
        State::Starting => "starting",
        State::Untried => "untried",
        State::Ready => "ready",
        State::Degraded => "degraded",
        State::Failed => "failed",
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Starting => "is starting",
        State::Untried => "was not asked yet",
        State::Ready => "is ready",
        State::Degraded => "is ready in part",
        State::Failed => "cannot answer now",
    }
}

fn notice(report: &Report) -> String {
    let texts = report.stand_in.into_iter().chain(report.reason);
    let reasons = report
        .upstreams
        .iter()
        .filter_map(|upstream| upstream.reason.as_deref());
    texts.chain(reasons).fold(String::new(), |mut html, text| {
        let _ = write!(html, "<p class=\"notice\">{}</p>", escape(text));
        html
    })
}

/// Whether the owner has to bring cookies: there are none, or their session is over.
fn wants_cookies(report: &Report) -> bool {
    const CURED: [Kind; 2] = [Kind::UpstreamNotConfigured, Kind::UpstreamAuthExpired];
    let cured = |code: &str| CURED.iter().any(|kind| kind.facts().code == code);
    report.upstreams.iter().filter_map(|upstream| upstream.code).any(cured)
}

fn facts(report: &Report) -> String {
    let mut html = String::new();
    let mut row = |name: &str, text: &str| {
        let _ = write!(html, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(text));
    };
    let keys = if report.client_keys_configured {
        "configured"
    } else {
        "none: set API_KEY"
    };
    row("Client keys", keys);
    for upstream in &report.upstreams {
        let state = format!("{} for {}", short(upstream.state), span(upstream.since_s));
        row(&format!("Upstream {}", upstream.name), &state);
        if let Some(code) = upstream.code {
            row("Code", code);
        }
        if let Some(age) = upstream.last_success_s {
            row("Last answer", &format!("{} ago", span(age)));
        }
        for (name, text) in &upstream.details {
            row(&words(name), text);
        }
    }
    row("Running for", &span(report.uptime_s));
    html
}

fn short(state: State) -> &'static str {
    match state {
        State::Starting => "starting",
        State::Untried => "not asked yet",
        State::Ready => "ready",
        State::Degraded => "ready in part",
        State::Failed => "out of order",
    }
}

/// `next_rotation` as words.
fn words(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters.map(|c| if c == '_' { ' ' } else { c })).collect()
}

/// A time as a person would say it.
fn span(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{} d {} h", seconds / DAY, seconds % DAY / HOUR),
    }
}

/// Text as HTML text or attribute value.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
        html
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::health::UpstreamReport;

    #[test]
    fn values_are_escaped_and_bring_in_no_placeholder() {
        let hostile = UpstreamReport::hostile("<script>'\"&{{nonce}}");
        let report = Report {
            status: State::Failed,
            reason: None,
            stand_in: Some("a <b>stand-in</b>"),
            version: "0",
            uptime_s: 1,
            client_keys_configured: true,
            upstreams: vec![hostile],
        };
        let page = render(&report, "https://a.example", "/v1", "NONCE");
        assert_eq!(page.matches("NONCE").count(), 2, "only style and script carry it");
        assert_eq!(
            (page.matches("<script").count(), page.matches("</script>").count()),
            (1, 1)
        );
        assert!(!page.contains("<b>stand-in"));
        assert!(page.contains("&lt;script&gt;&#39;&quot;&amp;{{nonce}}"));
        assert!(page.contains("a &lt;b&gt;stand-in&lt;/b&gt;"));
        assert!(page.contains("https://a.example/v1/chat/completions"));
    }

    #[test]
    fn nothing_in_the_page_needs_another_host_or_a_store() {
        let own = [TEMPLATE, STYLE, COOKIES]
            .iter()
            .chain(&SCRIPTS)
            .copied()
            .collect::<String>();
        for forbidden in [
            "src=",
            "@import",
            "url(",
            "localStorage",
            "sessionStorage",
            "document.cookie",
            "innerHTML",
            "eval(",
            "style=\"",
            "onclick",
        ] {
            assert!(!own.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn times_are_said_as_people_do() {
        let said = [0, 59, 60, 3599, 3600, 86_399, 90_000].map(span);
        assert_eq!(
            said,
            ["0 s", "59 s", "1 min", "59 min", "1 h 0 min", "23 h 59 min", "1 d 1 h"]
        );
    }
}

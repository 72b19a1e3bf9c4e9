//! `GET /`: what runs here, what is missing, and how to call it. For people and for programs; no key, at once, and
//! always 200, because platforms probe it.

use std::fmt::Write;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use uuid::Uuid;

use super::health::{Report, State};
use crate::{body::Body, error::Kind, exchange::Exchange, respond};

const TEMPLATE: &str = include_str!("page.html");

/// What the owner has to do when only new cookies help.
const COOKIES: &str = include_str!("cookies.html");

/// The page, or the same facts as JSON for whoever does not ask for HTML.
pub(crate) fn page(exchange: &Exchange) -> Response<Body> {
    let report = Report::of(&exchange.app);
    let mut response = if wants_html(&exchange.head.headers) {
        html(&report, &exchange.app.prefix)
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

fn html(report: &Report, prefix: &str) -> Response<Body> {
    // A fresh nonce lets exactly this page's own style through, and nothing else at all.
    let nonce = Uuid::new_v4().simple().to_string();
    let mut response = respond::answer(
        StatusCode::OK,
        "text/html; charset=utf-8",
        render(report, prefix, &nonce),
    );
    let policy = format!("default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'");
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
        .headers_mut()
        .insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Fills the template. Only its own placeholders are looked at, so no value can bring in another one.
fn render(report: &Report, prefix: &str, nonce: &str) -> String {
    let mut page = String::with_capacity(TEMPLATE.len() + 1024);
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else {
            break;
        };
        page.push_str(before);
        match name {
            "nonce" => page.push_str(nonce),
            "notice" => page.push_str(&notice(report)),
            "cookies" if wants_cookies(report) => page.push_str(COOKIES),
            "state" => page.push_str(state(report.status)),
            "facts" => page.push_str(&facts(report)),
            "prefix" => page.push_str(&escape(prefix)),
            "version" => page.push_str(report.version),
            _ => {}
        }
        rest = after;
    }
    page.push_str(rest);
    page
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
        let _ = write!(html, "<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(text));
    };
    row(
        "client keys",
        if report.client_keys_configured {
            "configured"
        } else {
            "none: set API_KEY"
        },
    );
    for upstream in &report.upstreams {
        row("upstream", state(upstream.state));
        if let Some(code) = upstream.code {
            row("code", code);
        }
        for (name, text) in &upstream.details {
            row(name, text);
        }
    }
    row("uptime", &format!("{} s", report.uptime_s));
    html
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
        let page = render(&report, "/v1", "NONCE");
        assert_eq!(page.matches("NONCE").count(), 1, "only the style carries it");
        assert!(!page.contains("<script>") && !page.contains("<b>"));
        assert!(page.contains("&lt;script&gt;&#39;&quot;&amp;{{nonce}}"));
        assert!(page.contains("a &lt;b&gt;stand-in&lt;/b&gt;"));
    }
}

//! Statuses and bodies as servers really send them.

use http::HeaderValue;

use super::*;

fn fault(status: u16, retry_after: Option<&str>, body: &str) -> Failure {
    let secrets = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer sk-very-secret"))]);
    let said = Said {
        upstream: "lab",
        key_setting: "LAB_API_KEY",
        secrets: &secrets,
    };
    let headers = retry_after.map(|wait| (header::RETRY_AFTER, HeaderValue::from_str(wait).unwrap()));
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    of_status(
        &said,
        StatusCode::from_u16(status).unwrap(),
        &HeaderMap::from_iter(headers),
        body.as_bytes(),
        now,
    )
}

fn told(status: u16, retry_after: Option<&str>, body: &str) -> (Kind, Option<u64>) {
    let failure = fault(status, retry_after, body);
    assert_eq!(failure.seen_status(), status);
    (failure.kind(), failure.wait().map(|wait| wait.as_secs()))
}

#[test]
fn every_status_is_in_the_table_and_means_what_it_says() {
    let listed = |number: u16, row: &Row| {
        row.statuses.split(", ").any(|each| match each {
            "other 4xx" => (400..500).contains(&number),
            "other 5xx" => (500..600).contains(&number),
            "1xx" => (100..200).contains(&number),
            "3xx" => (300..400).contains(&number),
            exact => exact == number.to_string(),
        })
    };
    for number in (100..200).chain(300..600) {
        let kind = fault(number, None, "").kind();
        let rows: Vec<&Row> = TABLE.iter().filter(|row| listed(number, row)).collect();
        let exact = TABLE
            .iter()
            .any(|row| row.statuses.split(", ").any(|each| each == number.to_string()));
        let found = rows
            .iter()
            .any(|row| row.kind == kind && (!exact || row.statuses.contains(&number.to_string())));
        assert!(found, "{number} is {kind:?}");
    }
}

#[test]
fn bodies_of_real_servers_are_understood() {
    for (status, after, body, expected) in [
        (
            503,
            None,
            r#"{"error":"Model x is currently loading","estimated_time":20.5}"#,
            (Kind::UpstreamLoading, Some(20)),
        ),
        (
            503,
            None,
            r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
            (Kind::UpstreamLoading, Some(2)),
        ),
        (503, Some("7"), "<html>", (Kind::UpstreamLoading, Some(7))),
        (503, None, "Service Unavailable", (Kind::UpstreamUnavailable, None)),
        (429, Some("30"), "", (Kind::UpstreamRateLimited, Some(30))),
        (429, Some("1.5"), "", (Kind::UpstreamRateLimited, Some(1))),
        (
            429,
            Some("Sun, 06 Nov 1994 08:50:37 GMT"),
            "",
            (Kind::UpstreamRateLimited, Some(60)),
        ),
        (429, Some("-5"), "", (Kind::UpstreamRateLimited, Some(20))),
        (429, Some("1e300"), "", (Kind::UpstreamRateLimited, Some(86_400))),
        (429, Some("soon"), "", (Kind::UpstreamRateLimited, Some(20))),
        (
            429,
            None,
            r#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            (Kind::UpstreamUsageLimit, Some(300)),
        ),
        (
            402,
            None,
            r#"{"error":"You have exceeded your monthly included credits"}"#,
            (Kind::UpstreamUsageLimit, Some(300)),
        ),
        (
            400,
            None,
            r#"{"error":{"code":"context_length_exceeded","message":"m"}}"#,
            (Kind::ContextLength, None),
        ),
        (
            400,
            None,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
            (Kind::ContextLength, None),
        ),
        (
            400,
            None,
            r#"{"object":"error","message":"This model's maximum context length is 8 tokens","code":400}"#,
            (Kind::ContextLength, None),
        ),
        (
            422,
            None,
            r#"{"detail":"no such field"}"#,
            (Kind::UpstreamRejectedRequest, None),
        ),
        (500, Some("3"), "{}", (Kind::UpstreamUnavailable, Some(3))),
        (302, None, "", (Kind::UpstreamProtocol, None)),
    ] {
        assert_eq!(told(status, after, body), expected, "{status} {body}");
    }
}

#[test]
fn its_words_go_to_the_client_where_they_help_and_never_to_the_log() {
    let failure = fault(
        422,
        None,
        "{\"detail\":\"the prompt\\nof sk-very-secret\\u0007 fails\"}",
    );
    assert_eq!(
        failure.told(),
        "The upstream lab refused this request (HTTP 422). It said: the prompt of <secret> fails"
    );
    assert_eq!(failure.message(), "The upstream lab refused this request (HTTP 422).");
    let failure = fault(
        401,
        None,
        r#"{"error":{"message":"Incorrect API key provided: sk-ver***"}}"#,
    );
    assert!(
        failure.told().contains("LAB_API_KEY") && !failure.told().contains("sk-"),
        "{failure}"
    );
    let endless = format!(r#"{{"error":"{}"}}"#, "ä".repeat(5_000));
    assert!(fault(400, None, &endless).told().len() < 2_000);
}

#[test]
fn an_error_inside_an_answer_means_what_its_own_code_says() {
    let secrets = HeaderMap::new();
    let said = Said {
        upstream: "lab",
        key_setting: "LAB_API_KEY",
        secrets: &secrets,
    };
    for (body, kind) in [
        (r#"{"error":{"message":"m","code":429}}"#, Kind::UpstreamRateLimited),
        (
            r#"{"error":{"message":"m","code":"400"}}"#,
            Kind::UpstreamRejectedRequest,
        ),
        (r#"{"error":{"message":"m","code":200}}"#, Kind::UpstreamUnavailable),
        (r#"{"error":{"message":"m","code":70000}}"#, Kind::UpstreamUnavailable),
        (r#"{"error":"m"}"#, Kind::UpstreamUnavailable),
    ] {
        assert_eq!(of_body(&said, body.as_bytes()).kind(), kind, "{body}");
    }
}

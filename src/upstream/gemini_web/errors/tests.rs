use super::*;

fn protocol() -> Protocol {
    Protocol::built_in().unwrap()
}

fn code(code: u32) -> Failure {
    stream(&protocol(), StreamError::Code { code, status: Some(13) })
}

#[test]
fn every_known_code_has_its_kind_and_retry_rule() {
    use Kind::*;
    for (number, kind, retry) in [
        (1003, UpstreamRejectedRequest, Retry::Never),
        (1013, UpstreamUnavailable, Retry::Backoff),
        (1037, UpstreamUsageLimit, Retry::Never),
        (1050, UpstreamModelUnavailable, Retry::Refresh),
        (1052, UpstreamModelUnavailable, Retry::Refresh),
        (1060, UpstreamIpBlocked, Retry::Never),
        (1095, UpstreamSessionRejected, Retry::Refresh),
        (1096, UpstreamSessionRejected, Retry::Refresh),
        (1097, UpstreamSessionRejected, Retry::Refresh),
        (1100, UpstreamSessionRejected, Retry::Refresh),
        (1152, UpstreamUnavailable, Retry::Never),
        (1155, UpstreamUnavailable, Retry::Backoff),
        (1157, UpstreamSessionRejected, Retry::Refresh),
        (1076, UpstreamUnknownError, Retry::Never),
        (4242, UpstreamUnknownError, Retry::Never),
    ] {
        let failure = code(number);
        assert_eq!((failure.kind(), failure.retry_rule()), (kind, retry), "{number}");
    }
    assert!(code(4242).message().contains("4242"));
    assert!(code(1152).wait().unwrap() >= Duration::from_secs(3600));
}

#[test]
fn an_overlay_teaches_a_new_code() {
    let protocol =
        Protocol::with_overlay(r#"{"errors": {"1076": "temporary"}, "statuses": {"13": "temporary"}}"#).unwrap();
    let failure = stream(
        &protocol,
        StreamError::Code {
            code: 1076,
            status: None,
        },
    );
    assert_eq!(failure.kind(), Kind::UpstreamUnavailable);
    assert_eq!(
        stream(&protocol, StreamError::Status(13)).kind(),
        Kind::UpstreamUnavailable
    );
}

#[test]
fn a_passing_stop_after_output_ends_the_answer_at_its_length() {
    let finish = |code| finish_after_output(&protocol(), StreamError::Code { code, status: None });
    assert_eq!(finish(1155), Some(FinishReason::Length));
    assert_eq!(finish(1013), None);
    assert_eq!(finish(4242), None);
    assert_eq!(finish_after_output(&protocol(), StreamError::Status(7)), None);
}

#[test]
fn account_statuses_name_their_own_cure() {
    let of = |status| account(&protocol(), status);
    assert!(of(1000).is_none());
    assert_eq!(of(1016).unwrap().kind(), Kind::UpstreamAuthExpired);
    assert_eq!(of(1060).unwrap().kind(), Kind::UpstreamRegionBlocked);
    for status in [1014, 1021, 1033, 1040, 1042, 1054, 1057, 9999] {
        assert_eq!(of(status).unwrap().kind(), Kind::UpstreamAccountRestricted, "{status}");
    }
    assert!(of(9999).unwrap().message().contains("9999"));
    assert!(of(1040).unwrap().message().contains("terms of service"));
    assert_ne!(of(1054).unwrap().message(), of(1057).unwrap().message());
}

#[test]
fn pages_and_statuses_have_their_kinds() {
    assert!(page(PageKind::App).is_none());
    for (page_kind, kind) in [
        (PageKind::SignIn, Kind::UpstreamAuthExpired),
        (PageKind::Consent, Kind::UpstreamConsentRequired),
        (PageKind::Sorry, Kind::UpstreamIpBlocked),
        (PageKind::Unknown, Kind::UpstreamProtocol),
    ] {
        assert_eq!(page(page_kind).unwrap().kind(), kind);
    }
    for (status, kind) in [
        (400, Kind::UpstreamSessionRejected),
        (401, Kind::UpstreamSessionRejected),
        (403, Kind::UpstreamSessionRejected),
        (405, Kind::UpstreamSessionRejected),
        (413, Kind::UpstreamRejectedRequest),
        (429, Kind::UpstreamRateLimited),
        (500, Kind::UpstreamUnavailable),
        (503, Kind::UpstreamUnavailable),
        (418, Kind::UpstreamProtocol),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(http(status, None).kind(), kind, "{status}");
        assert_eq!(
            stream(&protocol(), StreamError::Http(status.as_u16())).kind(),
            kind,
            "{status}"
        );
    }
    let wait = |seconds: Option<u64>| http(StatusCode::TOO_MANY_REQUESTS, seconds.map(Duration::from_secs)).wait();
    assert_eq!(wait(Some(7)), Some(Duration::from_secs(7)));
    assert_eq!(wait(None), Some(SLOW_DOWN));
    assert_eq!(
        stream(&protocol(), StreamError::Http(0)).kind(),
        Kind::UpstreamUnknownError
    );
}

/// Every message this module can make.
fn all() -> Vec<Failure> {
    let protocol = protocol();
    let mut all: Vec<Failure> = protocol.errors.keys().map(|number| code(*number)).collect();
    all.push(code(4242));
    all.extend(
        protocol
            .statuses
            .keys()
            .map(|status| stream(&protocol, StreamError::Status(*status))),
    );
    all.extend((1000..1100).filter_map(|status| account(&protocol, status)));
    all.extend(
        [PageKind::SignIn, PageKind::Consent, PageKind::Sorry, PageKind::Unknown]
            .into_iter()
            .filter_map(page),
    );
    all.extend((400..600).filter_map(|status| Some(http(StatusCode::from_u16(status).ok()?, None))));
    all.extend([FrameError::TooLarge, FrameError::Html].map(frame));
    all
}

#[test]
fn only_a_429_speaks_of_the_rate() {
    for failure in all() {
        let message = failure.message().to_ascii_lowercase().replace('_', " ");
        let of_rate = message.contains("rate limit");
        let is_429 = failure.kind().facts().status == StatusCode::TOO_MANY_REQUESTS;
        assert!(is_429 || !of_rate, "{message}");
    }
}

#[test]
fn every_message_has_a_cause_and_a_cure() {
    for failure in all() {
        let message = failure.message();
        assert!(
            message.matches(['.', ':', ';']).count() >= 2 && message.ends_with('.'),
            "{message}"
        );
        assert!(!message.contains("  "), "{message}");
    }
}

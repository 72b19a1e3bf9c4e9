use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::{
    chat::{FileKind, Message, Role},
    config::{Command, Sources, load},
    room::Room,
};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// This machine as well, but not trusted by the tests' guard.
const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

fn config(env: &[(&str, &str)]) -> Config {
    let env: HashMap<&str, &str> = env.iter().copied().collect();
    let environment = |name: &str| env.get(name).map(Into::into);
    let sources = Sources {
        environment: &environment,
        dotenv: std::path::Path::new("/nonexistent/.env"),
    };
    match load(["gemini-gateway".into()], &sources) {
        Ok(Command::Serve(config)) => *config,
        other => panic!("{other:?}"),
    }
}

/// Fetches from this machine, as far as names lead to [`HERE`].
fn media(env: &[(&str, &str)], lookup: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Media {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Media::with_guard(&config(env), Guard::trusting(vec![HERE], lookup))
}

fn trusting() -> Media {
    media(&[], |_| vec![HERE])
}

fn image(content: FileContent, name: Option<&str>) -> File {
    File {
        kind: FileKind::Image,
        content,
        name: name.map(str::to_owned),
        mime: None,
        param: "here".to_owned(),
    }
}

fn at(url: &str) -> File {
    image(FileContent::Url(url.to_owned()), None)
}

fn inline(bytes: &'static [u8]) -> File {
    image(FileContent::Bytes(bytes.into()), None)
}

fn request(files: Vec<File>) -> Request {
    let mut message = Message::text(Role::User, "Look.");
    message.parts.extend(files.into_iter().map(Part::File));
    Request {
        messages: vec![message],
        ..Request::default()
    }
}

/// Everything that happens to a request's files.
async fn gather(media: &Media, list: Vec<File>) -> Result<Vec<File>, Failure> {
    let mut request = request(list);
    media.inspect(&mut request)?;
    let held = Room::new(1 << 30).account();
    media
        .fetch(&mut request, &held, Instant::now() + Duration::from_secs(10))
        .await?;
    Ok(files(&mut request).map(|file| file.clone()).collect())
}

#[track_caller]
fn code(outcome: Result<Vec<File>, Failure>) -> &'static str {
    let failure = outcome.unwrap_err();
    assert_eq!(failure.param_name(), Some("here"), "{failure}");
    assert_eq!(failure.kind().facts().status, 400);
    failure.kind().facts().code
}

/// A server that answers every connection with these bytes, and counts them.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(at: IpAddr, response: impl Fn(SocketAddr) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((at, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let response = response(address);
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    let _ = stream.read(&mut head).await;
                    let _ = stream.write_all(&response).await;
                });
            }
        });
        Self { address, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn redirect_to(url: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn a_file_is_fetched_with_its_true_type_and_its_name() {
    let server = Server::start(HERE, |_| ok("content-type: image/jpeg\r\n", PNG)).await;
    let by_name = format!("http://pictures.test:{}/a/photo%201.png?size=2", server.address.port());
    let found = gather(&trusting(), vec![at(&by_name), at(&server.url("/")), inline(PNG)])
        .await
        .unwrap();
    let names: Vec<_> = found.iter().map(|file| file.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["photo 1.png", "image.png", "image-2.png"]);
    for file in &found {
        assert_eq!(file.content, FileContent::Bytes(PNG.into()));
        assert_eq!(file.mime.as_deref(), Some("image/png"));
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_before_any_connection() {
    let inside = Server::start(INSIDE, |_| ok("", PNG)).await;
    let port = inside.address.port();
    let rebinding = media(&[], |_| vec![INSIDE]);
    let half = media(&[], |_| vec![HERE, INSIDE]);
    for url in [
        inside.url("/a.png"),
        format!("http://2130706434:{port}/"),
        format!("http://0x7f.0.0.2:{port}/"),
        format!("http://[::ffff:127.0.0.2]:{port}/"),
        format!("http://[64:ff9b::7f00:2]:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://LOCALHOST.:{port}/"),
        format!("http://user:secret@example.test:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://metadata.google.internal/".to_owned(),
        "http://example.test:25/".to_owned(),
        "gopher://example.test/".to_owned(),
    ] {
        assert_eq!(
            code(gather(&trusting(), vec![at(&url)]).await),
            "invalid_image_url",
            "{url}"
        );
    }
    let named = format!("http://innocent.test:{port}/a.png");
    assert_eq!(code(gather(&rebinding, vec![at(&named)]).await), "invalid_image_url");
    assert_eq!(code(gather(&half, vec![at(&named)]).await), "invalid_image_url");
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_meaning_gains_nothing() {
    let inside = Server::start(INSIDE, |_| ok("", PNG)).await;
    let outside = Server::start(HERE, |address| {
        redirect_to(&format!("http://rebinding.test:{}/again", address.port()))
    })
    .await;
    // Public at the first look, inside at the second.
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let media = media(&[], move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => vec![HERE],
        _ => vec![INSIDE],
    });
    let url = format!("http://rebinding.test:{}/", outside.address.port());
    assert_eq!(code(gather(&media, vec![at(&url)]).await), "invalid_image_url");
    let seen = (
        looks.load(Ordering::SeqCst),
        outside.connections(),
        inside.connections(),
    );
    assert_eq!(seen, (2, 1, 0));
}

#[tokio::test]
async fn redirects_are_followed_outside_and_not_inside_and_not_for_ever() {
    let target = Server::start(HERE, |_| ok("", PNG)).await;
    let to = target.url("/real.png");
    let hop = Server::start(HERE, move |_| redirect_to(&to)).await;
    let found = gather(&trusting(), vec![at(&hop.url("/"))]).await.unwrap();
    assert_eq!(found[0].name.as_deref(), Some("real.png"));

    let inside = Server::start(INSIDE, |_| ok("", PNG)).await;
    for to in [
        inside.url("/"),
        "file:///etc/passwd".to_owned(),
        "http://a:b@example.test/".to_owned(),
    ] {
        let hop = Server::start(HERE, move |_| redirect_to(&to)).await;
        assert_eq!(
            code(gather(&trusting(), vec![at(&hop.url("/"))]).await),
            "invalid_image_url"
        );
    }
    assert_eq!(inside.connections(), 0);

    let circle = Server::start(HERE, |_| redirect_to("/again")).await;
    assert_eq!(
        code(gather(&trusting(), vec![at(&circle.url("/"))]).await),
        "failed_to_download_image"
    );
    assert_eq!(circle.connections(), 6);
}

#[tokio::test]
async fn what_is_too_large_is_not_read_to_its_end() {
    let small = [("MAX_FILE_BYTES", "100000"), ("MAX_FILES_BYTES", "150000")];
    let announced = Server::start(HERE, |_| {
        b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n\x89PNG".to_vec()
    })
    .await;
    let endless = Server::start(HERE, |_| {
        let mut response = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
        response.resize(400_000, 7);
        response
    })
    .await;
    let media_small = media(&small, |_| vec![HERE]);
    for server in [&announced, &endless] {
        assert_eq!(
            code(gather(&media_small, vec![at(&server.url("/"))]).await),
            "image_too_large"
        );
    }
    // Each is small enough, all together are not.
    let third = Server::start(HERE, |_| ok("", &[PNG, &[0; 60_000]].concat())).await;
    let urls = || vec![at(&third.url("/")), at(&third.url("/")), at(&third.url("/"))];
    assert_eq!(code(gather(&media_small, urls()).await), "image_too_large");
    assert_eq!(gather(&trusting(), urls()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_does_not_come_as_a_picture_is_refused() {
    let table: [(Vec<u8>, &str); 6] = [
        (ok("", b"<html>log in</html>"), "unsupported_image_media_type"),
        (ok("", b"PK\x03\x04\x14\0\0\0\x08\0"), "unsupported_image_media_type"),
        (ok("", b""), "empty_image_file"),
        (ok("content-encoding: gzip\r\n", PNG), "failed_to_download_image"),
        (
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            "failed_to_download_image",
        ),
        (b"nonsense\r\n\r\n".to_vec(), "failed_to_download_image"),
    ];
    for (response, expected) in table {
        let server = Server::start(HERE, move |_| response.clone()).await;
        assert_eq!(code(gather(&trusting(), vec![at(&server.url("/"))]).await), expected);
    }
    let cut = Server::start(HERE, |_| ok("", PNG)[..60].to_vec()).await;
    assert_eq!(
        code(gather(&trusting(), vec![at(&cut.url("/"))]).await),
        "failed_to_download_image"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let mut request = request(vec![at(&format!("http://{}/", listener.local_addr().unwrap()))]);
    let media = trusting();
    media.inspect(&mut request).unwrap();
    let deadline = Instant::now() + Duration::from_millis(50);
    let held = Room::new(1 << 30).account();
    let outcome = media.fetch(&mut request, &held, deadline).await.map(|()| Vec::new());
    assert_eq!(code(outcome), "failed_to_download_image");
}

#[tokio::test]
async fn what_finds_no_room_is_told_to_come_back() {
    let server = Server::start(HERE, |_| ok("", &[PNG, &[0; 100_000]].concat())).await;
    let room = Room::new(100_000);
    let deadline = Instant::now() + Duration::from_secs(10);
    let list = || request(vec![at(&server.url("/")), at(&server.url("/"))]);
    let (first, second) = (room.account(), room.account());
    let failure = trusting().fetch(&mut list(), &first, deadline).await.unwrap_err();
    assert_eq!((failure.kind(), failure.param_name()), (Kind::Overloaded, None));
    assert!(failure.wait().is_some());
    drop(first);
    let mut one = request(vec![at(&server.url("/"))]);
    trusting().fetch(&mut one, &second, deadline).await.unwrap();
}

#[tokio::test]
async fn fetching_can_be_switched_off_and_is_off_behind_a_proxy() {
    let server = Server::start(HERE, |_| ok("", PNG)).await;
    for env in [("FETCH_URLS", "false"), ("OUTBOUND_PROXY", "http://127.0.0.1:9")] {
        let outcome = gather(&media(&[env], |_| vec![HERE]), vec![at(&server.url("/"))]).await;
        assert_eq!(code(outcome), "invalid_image_url");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn through_a_proxy_what_can_be_judged_still_is() {
    let proxy = Server::start(HERE, |_| ok("", PNG)).await;
    let url = format!("http://{}", proxy.address);
    let media = media(&[("OUTBOUND_PROXY", &url), ("FETCH_URLS", "true")], |_| vec![INSIDE]);
    let found = gather(&media, vec![at("http://pictures.test/a.png")]).await.unwrap();
    assert_eq!((found[0].name.as_deref(), proxy.connections()), (Some("a.png"), 1));
    for url in [
        "http://127.0.0.2/",
        "http://10.0.0.1/",
        "http://localhost/",
        "http://db.internal/",
    ] {
        assert_eq!(code(gather(&media, vec![at(url)]).await), "invalid_image_url", "{url}");
    }
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn numbers_and_sizes_are_bounded() {
    let env = [("MAX_FILES", "2"), ("MAX_FILE_BYTES", "17"), ("MAX_FILES_BYTES", "33")];
    let media = media(&env, |_| vec![]);
    assert_eq!(gather(&media, vec![inline(PNG), inline(PNG)]).await.unwrap().len(), 2);
    let three = vec![inline(PNG), inline(PNG), inline(PNG)];
    assert_eq!(code(gather(&media, three).await), "too_many_files");
    let large = inline(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0");
    assert_eq!(code(gather(&media, vec![large]).await), "image_too_large");
    let together = vec![inline(PNG), inline(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0")];
    assert_eq!(gather(&media, together.clone()).await.unwrap().len(), 2);
    let tight = [("MAX_FILES_BYTES", "32")];
    let tight = self::media(&tight, |_| vec![]);
    assert_eq!(code(gather(&tight, together).await), "image_too_large");
}

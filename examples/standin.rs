//! The stand-in for the Gemini web app behind a proxy, for clients that know only Google's real host names.
//!
//! It answers `CONNECT` for any host with a TLS connection of its own, under a certificate authority made for this one
//! run, so that an unmodified client reaches it by two settings: a proxy and an extra trusted certificate.
//!
//! Prints one line of JSON: `port` of the proxy, `ca` the path of the authority's certificate, `base_url` of the same
//! stand-in over plain HTTP. Ends on SIGTERM or when its standard input ends. An argument is taken as magic words for
//! every prompt: `cargo run --example standin -- "delay=40"`.
//!
//! A line on its standard input steers it, and is answered by `ok` on its standard output: see [`steer`].

use std::{
    error::Error,
    io::{self, BufRead as _, Write as _},
    net::Ipv4Addr,
    path::Path,
    sync::Arc,
};

use gemini_gateway::standin::{Control, Options, Page, Rotation, StandIn};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use tokio_rustls::TlsAcceptor;

/// The hosts a client of the web app talks to: pages, uploads, media.
const HOSTS: [&str; 9] = [
    "gemini.google.com",
    "accounts.google.com",
    "www.google.com",
    "consent.google.com",
    "content-push.googleapis.com",
    "lh3.googleusercontent.com",
    "work.fife.usercontent.google.com",
    "contribution.usercontent.google.com",
    "localhost",
];
const MAX_HEAD: usize = 8192;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options::default();
    if let Some(words) = std::env::args().nth(1) {
        options.settings.defaults = words.parse()?;
    }
    let folder = tempfile::tempdir()?;
    let ca = folder.path().join("ca.pem");
    let tls = TlsAcceptor::from(Arc::new(server_config(&ca)?));
    let standin = Arc::new(StandIn::start(options).await?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;

    let line = serde_json::json!({
        "port": listener.local_addr()?.port(),
        "ca": ca,
        "base_url": standin.base_url(),
    });
    writeln!(io::stdout(), "{line}")?;

    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        result = accept(&listener, &tls, &standin) => result?,
        _ = terminated.recv() => {}
        () = steered(standin.control()) => {}
    }
    Ok(())
}

async fn accept(listener: &TcpListener, tls: &TlsAcceptor, standin: &Arc<StandIn>) -> io::Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        let (tls, standin) = (tls.clone(), Arc::clone(standin));
        // A connection that fails is the client's own business: it sees the failure itself.
        tokio::spawn(async move { tunnel(client, &tls, &standin).await });
    }
}

/// `CONNECT`, then TLS, then the stand-in.
async fn tunnel(mut client: TcpStream, tls: &TlsAcceptor, standin: &StandIn) -> io::Result<()> {
    client.set_nodelay(true)?;
    let head = read_head(&mut client).await?;
    if !head.starts_with(b"CONNECT ") {
        return client
            .write_all(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n")
            .await;
    }
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    let stream = tls.accept(client).await?;
    standin.serve_connection(stream).await;
    Ok(())
}

/// The request head. A client sends nothing after it before it has the answer.
async fn read_head(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 || head.len() > MAX_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(head)
}

/// A certificate for [`HOSTS`], signed by an authority whose own certificate goes to the file `ca`. The authority's
/// key is gone when this returns.
fn server_config(ca: &Path) -> Result<ServerConfig, Box<dyn Error>> {
    let mut authority = CertificateParams::default();
    // A name of its own: with the leaf's name, the leaf would look signed by itself.
    authority
        .distinguished_name
        .push(DnType::CommonName, "stand-in authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    std::fs::write(ca, authority.self_signed(&authority_key)?.pem())?;
    let issuer = Issuer::new(authority, authority_key);

    let mut leaf = CertificateParams::new(HOSTS.map(str::to_owned))?;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let leaf_key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&leaf_key, &issuer)?;

    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Steers by the lines of standard input, until it ends. A plain thread, because a read of a terminal cannot be cancelled.
async fn steered(control: Control) {
    let (ended, wait) = oneshot::channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let known = steer(&control, &words);
            let told = writeln!(io::stdout(), "{}", if known { "ok" } else { "not known" });
            if told.is_err() {
                break;
            }
        }
        let _ = ended.send(());
    });
    let _ = wait.await;
}

/// `seed PSID PSIDTS` makes a session; `sign-out` and `expire` end all of them; `rotation` is one of `renew`, `refused` and
/// `device-bound`, `page` one of `app` and `sorry`. False for any other line.
fn steer(control: &Control, words: &[&str]) -> bool {
    match words {
        ["seed", psid, psidts] => control.seed(psid, Some(psidts)),
        ["sign-out"] => control.sign_out(),
        ["expire"] => control.expire(),
        ["rotation", "renew"] => control.configure(|settings| settings.rotation = Rotation::Renew),
        ["rotation", "refused"] => control.configure(|settings| settings.rotation = Rotation::Refused),
        ["rotation", "device-bound"] => control.configure(|settings| settings.rotation = Rotation::DeviceBound),
        ["page", "app"] => control.configure(|settings| settings.page = Page::App),
        ["page", "sorry"] => control.configure(|settings| settings.page = Page::SorryRedirect),
        _ => return false,
    }
    true
}

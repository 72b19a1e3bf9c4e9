//! The project's own stand-in for the Gemini web app: the upstream of `gemini-gateway demo` and of the tests.
//!
//! It plays the hosts of the web app on one loopback port over plain HTTP/1.1: the app page with its tokens, cookie
//! rotation, remote calls, uploads, and streamed answers framed as the real service frames them, with faults on demand. No
//! model is behind it; every answer says so. It models what public sources know of the protocol and is worth only
//! what the reference client accepts, which `tests/clients/reference` checks.
//!
//! Nothing in the gateway's real mode refers to this module.
//!
//! - [`StandIn`] is one running stand-in, [`Options`] how it starts, [`Settings`] how it behaves.
//! - [`Control`] steers it and shows what it got: [`Record`], [`StoredChat`].
//! - [`Fault`] is a set of magic words, [`Rule`] says to which requests they apply. The words are listed at
//!   [`StandIn`].

mod account;
mod control;
mod generate;
mod media;
mod models;
mod pages;
mod record;
mod reply;
mod rotate;
mod rpc;
mod script;
mod serve;
mod settings;
mod state;
mod stream;
mod target;
mod text;
mod token;
mod upload;
mod wire;
mod words;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    control::{Control, Rule, StoredChat, When},
    record::{Outcome, Record, Verdict},
    settings::{DeadPrompt, Page, PageToken, Rotation, Settings, Tier},
    upload::Uploaded,
    words::{BadWord, Fault},
};
use self::{serve::Front, state::State};

/// How a stand-in starts.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Its behaviour at first.
    pub settings: Settings,
}

/// A running stand-in. It stops when dropped.
///
/// A prompt may say how it wants to be answered, in a block of magic words:
///
#[doc = include_str!("words.md")]
pub struct StandIn {
    addr: SocketAddr,
    front: Front,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl StandIn {
    /// Starts one on the current tokio runtime.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let standin = Self {
            addr: listener.local_addr()?,
            front: Front::new(Arc::new(State::new(options.settings))),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let (front, stop, tasks) = (standin.front.clone(), standin.stop.clone(), standin.tasks.clone());
        standin.tasks.spawn(async move {
            let accepting = accept(listener, front, stop.clone(), tasks);
            stop.run_until_cancelled(accepting).await;
        });
        Ok(standin)
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL to use for each of the web app's hosts: the path decides what is meant.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The handle to steer it by.
    #[must_use]
    pub fn control(&self) -> Control {
        self.front.control()
    }

    /// Serves one connection that was accepted elsewhere, such as behind TLS, until it ends or the stand-in stops.
    pub fn serve_connection<I>(&self, io: I) -> impl Future<Output = ()> + Send + use<I>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        connection(self.front.clone(), self.stop.clone(), io)
    }

    /// Stops listening, cuts what is open, and returns when all of it has ended.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, front: Front, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        match listener.accept().await {
            Ok((io, _)) => {
                tasks.spawn(tcp_connection(front.clone(), stop.clone(), io));
            }
            // Most likely out of file descriptors: wait for some to come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn tcp_connection(front: Front, stop: CancellationToken, io: TcpStream) {
    // Without it the kernel joins the small writes that a test asks for. Failing only means less exact cuts.
    let _ = io.set_nodelay(true);
    connection(front, stop, io).await;
}

async fn connection<I>(front: Front, stop: CancellationToken, io: I)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    stop.run_until_cancelled(front.connection(io)).await;
}

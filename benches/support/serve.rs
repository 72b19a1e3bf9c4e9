//! The accept loop of the upstream and the proxy.

use std::{
    convert::Infallible,
    io::{self, Read},
    net::{Ipv4Addr, SocketAddr},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::Result;

/// Serves plain HTTP/1.1 on loopback until the process ends.
pub(super) async fn forever<S, B>(port: u16, service: S) -> Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        // Without this a small write may wait for the peer's acknowledgement.
        stream.set_nodelay(true)?;
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        // A connection that breaks is seen, and judged, by the load generator.
        tokio::spawn(async move { connection.await.is_ok() });
    }
}

/// Ends this process when its parent does, however that ends: the pipe on standard input closes with it.
pub(super) fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
}

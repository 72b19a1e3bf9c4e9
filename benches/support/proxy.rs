//! The yardstick: a reverse proxy of hyper's server, hyper-util's pooled client, and nothing between them.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, uri};
use http_body_util::{Either, Empty};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{Result, serve};

type Pool = Client<HttpConnector, Incoming>;

/// Serves until the process ends, on as many threads as there are cores.
pub(crate) fn run(port: u16, upstream: SocketAddr) -> Result<()> {
    serve::end_with_parent();
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let pool: Pool = Client::builder(TokioExecutor::new()).build(connector);
    let authority = uri::Authority::try_from(upstream.to_string())?;
    let service = service_fn(move |request| {
        let (pool, authority) = (pool.clone(), authority.clone());
        async move { Ok::<_, Infallible>(forward(&pool, authority, request).await) }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve::forever(port, service))
}

async fn forward(
    pool: &Pool,
    authority: uri::Authority,
    mut request: Request<Incoming>,
) -> Response<Either<Incoming, Empty<Bytes>>> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(uri::Scheme::HTTP);
    parts.authority = Some(authority);
    let Ok(uri) = Uri::from_parts(parts) else {
        return empty(StatusCode::BAD_REQUEST);
    };
    *request.uri_mut() = uri;
    match pool.request(request).await {
        Ok(response) => response.map(Either::Left),
        Err(_) => empty(StatusCode::BAD_GATEWAY),
    }
}

fn empty(status: StatusCode) -> Response<Either<Incoming, Empty<Bytes>>> {
    let mut response = Response::new(Either::Right(Empty::new()));
    *response.status_mut() = status;
    response
}

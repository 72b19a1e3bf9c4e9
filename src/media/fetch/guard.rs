//! The rule about who may be connected to, applied where a connection is made.

use std::{
    error::Error as StdError,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::{
    Refusal,
    addresses::{is_local_name, is_public},
};

type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Who may be connected to, and how names are looked up. The HTTP client resolves names through it, so the addresses
/// it judges are the very ones that are connected to: a name that means something else a moment later gains nothing.
#[derive(Clone)]
pub struct Guard {
    allows: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    lookup: Arc<dyn Fn(String) -> Found + Send + Sync>,
}

impl Guard {
    /// The public internet, by the system's resolver.
    #[must_use]
    pub fn public() -> Self {
        Self {
            allows: Arc::new(is_public),
            lookup: Arc::new(|name| Box::pin(system_lookup(name))),
        }
    }

    /// The public internet and these addresses besides, with names looked up by `lookup`. For tests, whose servers
    /// are all on this machine: no setting leads here.
    #[must_use]
    pub fn trusting(addresses: Vec<IpAddr>, lookup: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Self {
        Self {
            allows: Arc::new(move |address| is_public(address) || addresses.contains(&address)),
            lookup: Arc::new(move |name| {
                let found = lookup(&name);
                Box::pin(async move { Ok(found) })
            }),
        }
    }

    /// Judges an address as far as it can be without looking its name up.
    pub(super) fn admit(&self, url: &Url) -> Result<(), Refusal> {
        /// Below 1024 only the web's own ports: the others are mail servers, databases and their like.
        const WEB: [u16; 2] = [80, 443];
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if port < 1024 && !WEB.contains(&port) {
            return Err(Refusal::Port);
        }
        match url.host() {
            Some(Host::Ipv4(address)) => self.judge(address.into()),
            Some(Host::Ipv6(address)) => self.judge(address.into()),
            Some(Host::Domain(name)) if is_local_name(name) => Err(Refusal::Private),
            Some(Host::Domain(_)) => Ok(()),
            None => Err(Refusal::Scheme),
        }
    }

    pub(super) fn judge(&self, address: IpAddr) -> Result<(), Refusal> {
        if (self.allows)(address) {
            return Ok(());
        }
        Err(Refusal::Private)
    }

    /// The addresses of a name, if every one of them may be connected to: a name with a public and a private one is
    /// an attempt to get in.
    async fn addresses(self, name: String) -> Result<Addrs, Box<dyn StdError + Send + Sync>> {
        let found = (self.lookup)(name).await?;
        for address in &found {
            self.judge(*address)?;
        }
        // The client puts the URL's port in.
        Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(self.clone().addresses(name.as_str().to_owned()))
    }
}

async fn system_lookup(name: String) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((name, 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}

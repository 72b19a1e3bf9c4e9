//! The rule about who may be connected to, applied where a connection is made.

use std::{
    error::Error as StdError,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
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
    /// The public internet but for this machine, by the system's resolver.
    #[must_use]
    pub fn public() -> Self {
        Self {
            allows: Arc::new(|address| is_public(address) && !is_own(address)),
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

/// Whether an address is one of this machine's own. A public one is still a way in: what listens on it is reached from
/// here past the firewall in front of the machine.
fn is_own(address: IpAddr) -> bool {
    /// Kept for documentation (RFC 5737), so nobody's. Where even that can be bound, the system lets anything be
    /// (`ip_nonlocal_bind`), and it means nothing.
    const NOBODYS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let binds = |address| UdpSocket::bind(SocketAddr::new(address, 0)).is_ok();
    binds(address) && !binds(NOBODYS)
}

async fn system_lookup(name: String) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((name, 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_told_from_others() {
        for own in ["127.0.0.1", "127.0.0.2"] {
            assert!(is_own(own.parse().unwrap()), "{own}");
        }
        for other in ["198.51.100.1", "8.8.8.8", "2001:db8::1"] {
            assert!(!is_own(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn no_spelling_of_an_address_gets_past() {
        let guard = Guard::public();
        for url in [
            "http://127.1/",
            "http://127.0.0.1./",
            "http://0177.0.0.1/",
            "http://0/",
            "http://017700000001/",
            "http://%31%32%37.0.0.1/",
            "http://１２７.0.0.1/",
            "http://127。0。0。1/",
            "http://169.254.169.254.:80/",
            "http://[::]/",
            "http://[::127.0.0.1]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[64:ff9b::169.254.169.254]/",
            "http://[2002:7f00:1::]/",
            "http://[2001:0:7f00:1::]/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://ⓛocalhost/",
            "http://x.LOCALHOST./",
            "http:/\\127.0.0.1/",
            "\thttp://12\n7.0.0.1/",
        ] {
            let refused = guard.admit(&Url::parse(url).unwrap());
            assert!(matches!(refused, Err(Refusal::Private)), "{url}: {refused:?}");
        }
        for url in [
            "http://[fe80::1%25eth0]/",
            "http://[::1",
            "http://127.0.0.256/",
            "http:///",
        ] {
            assert!(Url::parse(url).is_err(), "{url}");
        }
    }
}

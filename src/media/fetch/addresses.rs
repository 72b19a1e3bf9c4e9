//! Which addresses belong to the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network that nothing is fetched from: its first address and the length of its prefix in bits.
struct Network<A> {
    first: A,
    prefix: u32,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u32) -> Network<Ipv4Addr> {
    Network {
        first: Ipv4Addr::new(a, b, c, d),
        prefix,
    }
}

const fn v6(a: u16, b: u16, c: u16, prefix: u32) -> Network<Ipv6Addr> {
    Network {
        first: Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0),
        prefix,
    }
}

/// IANA's registry of special-purpose IPv4 addresses, as far as they are not global, and two single addresses that
/// clouds keep for themselves. Metadata services live in 169.254.0.0/16, 100.64.0.0/10 and 192.0.0.0/24.
#[rustfmt::skip]
const PRIVATE_V4: &[Network<Ipv4Addr>] = &[
    v4(0, 0, 0, 0, 8),        // this network, RFC 791
    v4(10, 0, 0, 0, 8),       // private use, RFC 1918
    v4(100, 64, 0, 0, 10),    // shared between a carrier's customers, RFC 6598
    v4(127, 0, 0, 0, 8),      // loopback, RFC 1122
    v4(168, 63, 129, 16, 32), // Azure's own services, on every virtual machine
    v4(169, 254, 0, 0, 16),   // link-local, RFC 3927
    v4(172, 16, 0, 0, 12),    // private use, RFC 1918
    v4(192, 0, 0, 0, 24),     // protocol assignments, RFC 6890
    v4(192, 0, 2, 0, 24),     // documentation, RFC 5737
    v4(192, 88, 99, 0, 24),   // 6to4 relays, withdrawn by RFC 7526
    v4(192, 168, 0, 0, 16),   // private use, RFC 1918
    v4(198, 18, 0, 0, 15),    // benchmarks, RFC 2544
    v4(198, 51, 100, 0, 24),  // documentation, RFC 5737
    v4(203, 0, 113, 0, 24),   // documentation, RFC 5737
    v4(224, 0, 0, 0, 4),      // multicast, RFC 5771
    v4(240, 0, 0, 0, 4),      // reserved, RFC 1112, and broadcast, RFC 919
];

/// The one block out of which global IPv6 addresses are given, RFC 4291. Everything outside is refused: loopback,
/// unspecified, unique local (fc00::/7, RFC 4193), link-local (fe80::/10), multicast (ff00::/8), discard (100::/64).
const GLOBAL_V6: Network<Ipv6Addr> = v6(0x2000, 0, 0, 3);

/// What is not global inside that block.
#[rustfmt::skip]
const PRIVATE_V6: &[Network<Ipv6Addr>] = &[
    v6(0x2001, 0, 0, 23),     // protocol assignments, RFC 2928: Teredo, benchmarks, ORCHID
    v6(0x2001, 0xdb8, 0, 32), // documentation, RFC 3849
    v6(0x2002, 0, 0, 16),     // 6to4, RFC 3056: an IPv4 address in disguise, and withdrawn
    v6(0x3fff, 0, 0, 20),     // documentation, RFC 9637
];

/// NAT64, RFC 6052: the last 32 bits are the IPv4 address that is really meant.
const NAT64: Network<Ipv6Addr> = v6(0x64, 0xff9b, 0, 96);

/// Whether an address belongs to the public internet. IPv4 addresses inside IPv6 ones are judged as what they are.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within = |network: &Network<Ipv4Addr>| {
        let differing = address.to_bits() ^ network.first.to_bits();
        differing.leading_zeros() >= network.prefix
    };
    !PRIVATE_V4.iter().any(within)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let within = |network: &Network<Ipv6Addr>| {
        let differing = address.to_bits() ^ network.first.to_bits();
        differing.leading_zeros() >= network.prefix
    };
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    if within(&NAT64) {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    within(&GLOBAL_V6) && !PRIVATE_V6.iter().any(within)
}

/// Whether a host name is known to mean something nearby, whatever a resolver says: names without a dot and those
/// set aside for local use (RFC 6761, 6762, 8375, and `internal`, which ICANN keeps for private networks).
pub(super) fn is_local_name(name: &str) -> bool {
    const LOCAL: [&str; 4] = ["localhost", "local", "internal", "home.arpa"];
    let name = name.trim_end_matches('.');
    let below = |suffix: &&str| {
        name.strip_suffix(*suffix)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !name.contains('.') || LOCAL.iter().any(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_public_internet_is_public() {
        let private = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "4000::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in private {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "126.255.255.255",
            "128.0.0.1",
            "168.63.129.15",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.255.255",
            "192.169.0.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2600::1",
            "2a00:1450::1",
            "3ffe::1",
        ];
        for address in public {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn names_for_nearby_things_are_known() {
        for name in [
            "localhost",
            "localhost.",
            "a.localhost",
            "printer.local",
            "metadata.google.internal",
            "router",
            "nas.home.arpa",
            "internal",
            "",
        ] {
            assert!(is_local_name(name), "{name}");
        }
        for name in [
            "example.com",
            "notlocalhost.com",
            "mylocal.example",
            "a.internal.example",
        ] {
            assert!(!is_local_name(name), "{name}");
        }
    }
}

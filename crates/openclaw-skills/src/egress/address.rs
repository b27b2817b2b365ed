//! Which addresses are the public internet, and which are somebody's own.
//!
//! After the IANA special-purpose address registries (RFC 6890 and its updates), and stricter than them: of IPv6 only what is
//! allocated for global unicast counts as public, and of the protocol assignments nothing does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Public,
    /// Reached when the user lists the name or the address.
    Private(&'static str),
    /// Reached only when the user lists the very address: a name is not meant to lead there.
    Special(&'static str),
}

/// An address in its plainest writing: an IPv4 address that is mapped into IPv6 is an IPv4 address, for the system, too.
pub(super) fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

pub(super) fn class(address: IpAddr) -> Class {
    match canonical(address) {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => class_v6(address),
    }
}

fn class_v4(address: Ipv4Addr) -> Class {
    use Class::{Private, Public, Special};
    match address.octets() {
        // AWS and most others; Azure; Alibaba; Oracle.
        [169, 254, 169, 254] | [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192] => {
            Special("a metadata address of a cloud")
        }
        [0, ..] => Special("an unspecified address"),
        [127, ..] => Private("a loopback address"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Private("a private address"),
        [100, 64..=127, ..] => Private("an address of a carrier's network"),
        [169, 254, ..] => Private("a link-local address"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Special("an address for documentation"),
        [198, 18..=19, ..] => Special("an address for benchmarks"),
        [192, 0, 0, _] | [192, 88, 99, _] => Special("a reserved address"),
        [224..=239, ..] => Special("a multicast address"),
        [240..=255, ..] => Special("a reserved address"),
        _ => Public,
    }
}

fn class_v6(address: Ipv6Addr) -> Class {
    use Class::{Private, Public, Special};
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        class_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // AWS; Google.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => {
            Special("a metadata address of a cloud")
        }
        [0, 0, 0, 0, 0, 0, 0, 0] => Special("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Private("a loopback address"),
        // NAT64: networks without IPv4 reach it this way.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // 6to4.
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo: the server, and the client in ones' complement.
        [0x2001, 0, high, low, _, _, client_high, client_low] => match embedded(high, low) {
            Public => embedded(!client_high, !client_low),
            other => other,
        },
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Special("an address for documentation"),
        [0x2001, 2, 0, ..] => Special("an address for benchmarks"),
        [0x2001, 0..=0x1ff, ..] => Special("a reserved address"),
        [0x2000..=0x3fff, ..] => Public,
        [0xfc00..=0xfdff, ..] => Private("a private address"),
        [0xfe80..=0xfebf, ..] => Private("a link-local address"),
        [0xfec0..=0xfeff, ..] => Private("a site-local address"),
        [0xff00..=0xffff, ..] => Special("a multicast address"),
        _ => Special("a reserved address"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Class {
        class(text.parse().unwrap())
    }

    #[test]
    fn public_ones() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "3ffe::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
            "2001:0:808:808:0:0:f7f7:f7f7",
        ] {
            assert_eq!(of(text), Class::Public, "{text}");
        }
    }

    #[test]
    fn private_ones() {
        for text in [
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "64:ff9b::192.168.1.1",
            "2002:a00:1::1",
            "2002:7f00:1::",
            "2001:0:808:808:0:0:f5ff:fffe",
            "2001:0:a00:1:0:0:f7f7:f7f7",
            "fc00::",
            "fd12:3456::1",
            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fe80::1",
            "febf::1",
            "fec0::1",
        ] {
            assert!(matches!(of(text), Class::Private(_)), "{text}: {:?}", of(text));
        }
    }

    #[test]
    fn special_ones() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "100.100.100.200",
            "168.63.129.16",
            "169.254.169.254",
            "192.0.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::2",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "::ffff:0:127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::10.0.0.1",
            "100::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:a9fe:a9fe::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "ff02::1",
        ] {
            assert!(matches!(of(text), Class::Special(_)), "{text}: {:?}", of(text));
        }
    }

    proptest! {
        #[test]
        fn writing_an_ipv4_address_as_ipv6_gains_nothing(bits: u32) {
            let [a, b, c, d] = bits.to_be_bytes();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let plain = class(IpAddr::V4(bits.into()));
            for segments in [
                [0, 0, 0, 0, 0, 0xffff, high, low],
                [0x64, 0xff9b, 0, 0, 0, 0, high, low],
                [0x2002, high, low, 0, 0, 0, 0, 1],
                [0x2001, 0, 0x808, 0x808, 0, 0, !high, !low],
            ] {
                prop_assert_eq!(class(IpAddr::V6(segments.into())), plain);
            }
            prop_assert_ne!(class(IpAddr::V6([0, 0, 0, 0, 0, 0, high, low].into())), Class::Public);
        }

        /// The standard library's view of the clear cases.
        #[test]
        fn nothing_that_is_plainly_private_is_public(bits: u32) {
            let address = Ipv4Addr::from(bits);
            if address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast()
                || address.is_broadcast() || address.is_documentation() || address.is_unspecified() {
                prop_assert_ne!(class_v4(address), Class::Public);
            }
        }
    }
}

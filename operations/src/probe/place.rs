//! Where a side answers: an `http` or `https` URL, and the addresses that are never asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A base URL: scheme, host, port, and a path that goes before every request's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Whether the scheme is `https`.
    pub tls: bool,
    /// A name or an address, in lower case and without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Empty, or a path that begins with `/` and does not end with one.
    pub path: String,
}

impl Place {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong, as the rest of a sentence that begins with the field's name. The URL is not repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (tls, rest) = if let Some(rest) = text.strip_prefix("https://") {
            (true, rest)
        } else if let Some(rest) = text.strip_prefix("http://") {
            (false, rest)
        } else {
            return Err("must begin with http:// or https://".to_owned());
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("must not have a user name: put credentials into a header".to_owned());
        }
        let (host, port) = split_port(authority)?;
        let default = if tls { 443 } else { 80 };
        let port = match port {
            Some(text) => text.parse().ok().filter(|port| *port > 0).ok_or("must have a port between 1 and 65535")?,
            None => default,
        };
        if let Ok(address) = host.parse()
            && let Some(what) = refused(address)
        {
            return Err(format!("must not be {what}"));
        }
        let path = path.trim_end_matches('/');
        if !path.is_empty() {
            check_path(path)?;
        }
        if path.contains('?') {
            return Err("must not have a query: it belongs to a request's path".to_owned());
        }
        Ok(Self { tls, host: host.to_ascii_lowercase(), port, path: path.to_owned() })
    }

    /// The path of a request at this place.
    pub fn target(&self, path: &str) -> String {
        format!("{}{path}", self.path)
    }

    /// Host and port as the `Host` header has them: the scheme's own port is left out.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// The URL of a request at this place.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority(), self.target(path))
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), String> {
    let bad = || "must have a host: a name, an IPv4 address, or an IPv6 address in brackets".to_owned();
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
        host.parse::<Ipv6Addr>().map_err(|_| bad())?;
        let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(bad)?) };
        return Ok((host, port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if host.is_empty() || !host.bytes().all(plain) { Err(bad()) } else { Ok((host, port)) }
}

/// Checks a path with or without a query: it begins with one `/`, and has only characters that need no encoding.
///
/// # Errors
/// What is wrong, as the rest of a sentence.
pub(crate) fn check_path(path: &str) -> Result<(), String> {
    if !path.starts_with('/') || path.starts_with("//") {
        return Err("must begin with one /".to_owned());
    }
    let odd = |character: char| !character.is_ascii_graphic() || matches!(character, '#' | '"' | '<' | '>' | '\\');
    match path.chars().find(|character| odd(*character)) {
        Some(character) => Err(format!("has {character:?}: encode it with %, and leave fragments out")),
        None => Ok(()),
    }
}

/// What is wrong with an address, whoever named it; `None` for one that may be asked.
///
/// Link-local addresses are where clouds answer with credentials (169.254.169.254, fd00:ec2::254). Private networks
/// and this machine are not refused: internal load balancers and local stacks are there, and only the catalogue
/// says what is asked.
pub fn refused(address: IpAddr) -> Option<&'static str> {
    let address = match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    let (link_local, other) = match address {
        IpAddr::V4(four) => (four.is_link_local(), four == Ipv4Addr::BROADCAST),
        IpAddr::V6(six) => {
            let metadata = six.segments()[..2] == [0xfd00, 0x0ec2];
            (six.is_unicast_link_local() || metadata, false)
        }
    };
    if link_local {
        Some("a link-local or metadata address")
    } else if other || address.is_unspecified() || address.is_multicast() {
        Some("an address that is no single host's")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_read_in_their_parts() {
        let place = Place::parse("https://Checkout.internal/base/").unwrap();
        assert_eq!((place.host.as_str(), place.port, place.path.as_str()), ("checkout.internal", 443, "/base"));
        assert_eq!(place.url("/orders?limit=1"), "https://checkout.internal/base/orders?limit=1");
        let place = Place::parse("http://[::1]:8085").unwrap();
        assert_eq!((place.authority().as_str(), place.target("/")), ("[::1]:8085", "/".to_owned()));
        assert_eq!(Place::parse("http://a:80/").unwrap(), Place::parse("http://a").unwrap());
    }

    #[test]
    fn what_is_no_place_to_ask_is_refused() {
        let cases = [
            ("ftp://a", "must begin with http"),
            ("checkout.internal", "must begin with http"),
            ("http://", "must have a host"),
            ("http://a b", "must have a host"),
            ("http://user:secret@a", "must not have a user name"),
            ("http://a:0", "must have a port"),
            ("http://a:99999", "must have a port"),
            ("http://[::1", "must have a host"),
            ("http://[::1]8080", "must have a host"),
            ("http://a/?x=1", "must not have a query"),
            ("http://a?x=1", "must begin with one /"),
            ("http://a/x#y", "has '#'"),
            ("http://a//b", "must begin with one /"),
            ("http://169.254.169.254/latest", "must not be a link-local"),
            ("http://[fe80::1]/", "must not be a link-local"),
            ("http://[fd00:ec2::254]/", "must not be a link-local"),
            ("http://[::ffff:169.254.169.254]/", "must not be a link-local"),
            ("http://0.0.0.0/", "must not be an address that is no single"),
            ("http://224.0.0.1/", "must not be an address that is no single"),
        ];
        for (url, problem) in cases {
            let found = Place::parse(url).unwrap_err();
            assert!(found.starts_with(problem), "{url}: {found}");
            assert!(!found.contains("secret"), "credentials are not repeated");
        }
        for fine in ["http://127.0.0.1:8085", "https://10.0.3.7", "http://[fd00::1]"] {
            Place::parse(fine).unwrap();
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader_and_what_it_takes_reads_back(text in "(https?://)?[a-z0-9.:/@\\[\\]?#-]{0,24}") {
            if let Ok(place) = Place::parse(&text) {
                prop_assert_eq!(Place::parse(&place.url("")).unwrap(), place);
            }
        }

        #[test]
        fn every_link_local_address_is_refused(low in 0u32..65_536) {
            let address = Ipv4Addr::from(0xa9fe_0000 + low);
            prop_assert!(refused(IpAddr::V4(address)).is_some());
            prop_assert!(refused(IpAddr::V6(address.to_ipv6_mapped())).is_some());
        }
    }
}

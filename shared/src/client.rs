//! Where a request comes from: the address that limits count and that a person sees in the list of their sign-ins.

use std::net::{IpAddr, Ipv4Addr};

use http::header;

use crate::describe::Operation;
use crate::error::Result;
use crate::language;
use crate::request::{FromRequest, Request};
use crate::settings::SettingError;

/// The longest `User-Agent` that is kept, in characters.
const USER_AGENT_CHARS: usize = 256;

/// The other end of the connection to API Gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The address that API Gateway saw (`requestContext.identity.sourceIp`). `X-Forwarded-For` counts for nothing:
    /// anybody can write it.
    pub ip: IpAddr,
    /// What the program says of itself, without control characters, at most 256 characters.
    pub user_agent: Option<String>,
    /// The language that the request prefers (BCP 47), for somebody who is new.
    pub locale: String,
}

impl Client {
    /// The part of the address that one subscriber has: an IPv4 address, or the /64 that providers assign in IPv6
    /// (RFC 6177), because whoever has one address there has 2^64.
    pub fn network(&self) -> String {
        network(self.ip)
    }

    /// The /48 around an IPv6 network: what a provider gives to a whole site, or to anybody who asks for it (RFC 6177), and
    /// so 65,536 networks of one person. An IPv4 address has none.
    pub fn site(&self) -> Option<String> {
        match self.ip.to_canonical() {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => {
                let [a, b, c, ..] = ip.segments();
                Some(format!("{a:x}:{b:x}:{c:x}::/48"))
            }
        }
    }
}

/// See [`Client::network`].
pub(crate) fn network(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

impl FromRequest for Client {
    fn start() -> Result<(), SettingError> {
        language::start()
    }

    async fn from_request(request: &mut Request) -> Result<Client> {
        let user_agent = request.header(header::USER_AGENT.as_str()).map(|text| {
            text.chars()
                .filter(|character| !character.is_control())
                .take(USER_AGENT_CHARS)
                .collect::<String>()
        });
        Ok(Client {
            ip: request.source_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            user_agent: user_agent.filter(|text| !text.trim().is_empty()),
            locale: language::of_request(&request.headers),
        })
    }

    fn describe(_: &mut Operation) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_what_one_subscriber_has() {
        let network =
            |ip: &str| Client { ip: ip.parse().unwrap(), user_agent: None, locale: String::new() }.network();
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
        assert_eq!(network("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2:ffff::1"), "2001:db8:1:2::/64");
        let site =
            |ip: &str| Client { ip: ip.parse().unwrap(), user_agent: None, locale: "en".to_owned() }.site();
        assert_eq!(site("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1::/48"));
        assert_eq!(site("2001:db8:1:ffff::1").as_deref(), Some("2001:db8:1::/48"));
        assert_eq!((site("203.0.113.9"), site("::ffff:203.0.113.9")), (None, None));
    }
}

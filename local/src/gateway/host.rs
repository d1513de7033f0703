//! Which names the local stack answers to. A web page that a developer visits may make its own name lead to 127.0.0.1 and
//! then reads what is served there as its own: mock sign-in, and mails with links (DNS rebinding). It cannot change the
//! name, which the browser sends.

use std::net::IpAddr;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

/// Whether the request means this machine, by a name that no page of another site can have, or by one of `more`.
pub(super) fn is_ours(headers: &HeaderMap, more: &[String]) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Ok(host) = host.to_str() else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        || more.contains(&name)
}

/// RFC 9110, section 15.5.20.
pub(super) fn refusal() -> Response<Body> {
    let text =
        "cargo local answers to localhost and 127.0.0.1 alone; PRAXIS_LOCAL_HOSTS may name more hosts\n";
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = StatusCode::MISDIRECTED_REQUEST;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, plain);
    answer
}

/// `PRAXIS_LOCAL_HOSTS`, a comma list: names that a tunnel or a proxy of the developer's own calls this machine by.
pub(super) fn named_by_the_shell() -> Vec<String> {
    let list = std::env::var("PRAXIS_LOCAL_HOSTS").unwrap_or_default();
    list.split(',').map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_ours() {
        let named = ["dev.example.org".to_owned()];
        let ours = |host: &'static str| {
            is_ours(&HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]), &named)
        };
        for host in [
            "localhost",
            "localhost:3000",
            "LOCALHOST.",
            "127.0.0.1:3000",
            "127.8.9.1",
            "[::1]:3000",
            "app.localhost",
            "dev.example.org",
        ] {
            assert!(ours(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:3000",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "0.0.0.0:3000",
            "",
        ] {
            assert!(!ours(host), "{host}");
        }
        assert!(is_ours(&HeaderMap::new(), &[]), "no browser leaves it out");
    }
}

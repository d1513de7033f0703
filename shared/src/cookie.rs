//! Cookies: names, flags, and reading them (RFC 6265).

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, header};

use crate::error::Result;
use crate::settings::{self, Environment};

/// A cookie to set. It is for this host alone, for every path, and unreadable for scripts.
#[derive(Clone)]
pub struct Cookie {
    name: Cow<'static, str>,
    value: String,
    max_age: u64,
}

impl Cookie {
    /// A cookie that lasts `max_age` seconds. `value` is base64url or empty: nothing that needs quoting.
    pub fn new(name: impl Into<Cow<'static, str>>, value: String, max_age: u64) -> Cookie {
        Cookie { name: name.into(), value, max_age }
    }

    /// Takes the cookie away from the browser.
    pub fn removal(name: impl Into<Cow<'static, str>>) -> Cookie {
        Cookie { name: name.into(), value: String::new(), max_age: 0 }
    }

    /// The value of `Set-Cookie`. `SameSite=Lax` lets a link from elsewhere arrive signed in, and no other site's form.
    pub(crate) fn header(&self) -> Result<HeaderValue> {
        let secure = if is_secure() { "; Secure" } else { "" };
        let text = format!(
            "{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
            full_name(&self.name),
            self.value,
            self.max_age
        );
        let mut header = HeaderValue::from_str(&text)?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// The value of the cookie `name` that a request carries. What other cookies hold, which any script of the domain may have
/// set, does not matter; it need not even be text.
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let wanted = full_name(name);
    pairs(headers).find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// The cookies of a request whose names begin with `start`: what of the name follows, and the value.
pub fn find_all<'a>(headers: &'a HeaderMap, start: &str) -> Vec<(&'a str, &'a str)> {
    let start = full_name(start);
    pairs(headers).filter_map(|(name, value)| Some((name.strip_prefix(start.as_str())?, value))).collect()
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|header| header.as_bytes().split(|&byte| byte == b';'))
        .filter_map(|pair| str::from_utf8(pair).ok())
        .filter_map(|pair| pair.trim().split_once('='))
        .map(|(name, value)| (name, value.trim_matches('"')))
}

/// Over https the prefix makes the browser itself refuse a cookie that another host or plain http tries to plant.
fn full_name(name: &str) -> String {
    if is_secure() { format!("__Host-{name}") } else { name.to_owned() }
}

/// Whether browsers come over https, as they do wherever `COOKIES_OVER_HTTP` does not say `true`. A laptop has no https,
/// and Safari refuses there what is `Secure`. In production the setting counts for nothing.
fn is_secure() -> bool {
    Environment::current() == Environment::Production
        || settings::find("COOKIES_OVER_HTTP").is_none_or(|value| !value.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_exact_name() {
        let mut headers = HeaderMap::new();
        let first = b"a=1; theme=\xe4; __Host-session=x; __Host-session2=y";
        headers.append(header::COOKIE, HeaderValue::from_bytes(first).unwrap());
        headers.append(header::COOKIE, HeaderValue::from_static("b=\"2\""));
        // Without a setting it is https.
        assert_eq!(find(&headers, "session"), Some("x"));
        assert_eq!(find(&headers, "a"), None);
        assert_eq!(find(&headers, "sess"), None);
    }

    #[test]
    fn a_cookie_is_secure_and_out_of_reach_of_scripts() {
        let header = Cookie::new("session", "v".to_owned(), 60).header().unwrap();
        assert_eq!(header, "__Host-session=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
        assert!(header.is_sensitive());
    }
}

//! Who may see how the engine does, over a network.

use http::{HeaderMap, Uri, header};
use tidegate_policy::identity::same;
use tidegate_types::{Code, Error};

use crate::{facts::header as names, gateway::Gateway, pipeline::authenticate::credential};

/// Headers by which proxies say that somebody else asks.
const FORWARDED: &[&str] = &["forwarded", "x-forwarded-for", "x-real-ip"];

impl Gateway {
    /// Whether whoever sent these headers may see how the engine does. With `server.admin_key` they
    /// must carry it; without one, they must come from this machine (`local`), from no proxy, and
    /// name it: a page in a browser here that a stranger's name leads to does not.
    ///
    /// # Errors
    /// `missing_key`, `unknown_key`.
    pub fn admit_admin(&self, uri: &Uri, headers: &HeaderMap, local: bool) -> Result<(), Error> {
        let config = self.config();
        let Some(key) = &config.server.admin_key else {
            let forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
            if local && !forwarded && names_this_machine(uri, headers) {
                return Ok(());
            }
            let text = "only this machine may see this; `server.admin_key` opens it to others";
            return Err(Error::new(Code::MissingKey, text));
        };
        let own = headers.get(&names::KEY).and_then(|key| key.to_str().ok());
        match own.or_else(|| credential(headers)) {
            Some(given) if same(given, key.expose()) => Ok(()),
            Some(_) => Err(Error::new(
                Code::UnknownKey,
                "the key is not the administrator's",
            )),
            None => Err(Error::new(
                Code::MissingKey,
                "this needs the administrator's key",
            )),
        }
    }
}

fn names_this_machine(uri: &Uri, headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = uri.authority().map(http::uri::Authority::as_str).or(host);
    let Some(Ok(host)) = host.map(str::parse::<http::uri::Authority>) else {
        return false;
    };
    let name = host.host().trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_count() {
        let named = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            names_this_machine(&Uri::from_static("/metrics"), &headers)
        };
        for host in [
            "localhost:8787",
            "LOCALHOST",
            "127.0.0.1:1",
            "127.8.8.8",
            "[::1]:80",
        ] {
            assert!(named(host), "{host}");
        }
        for host in [
            "localhost.evil.example",
            "10.0.0.1:80",
            "127.0.0.1.nip.io",
            "[::2]",
            "",
        ] {
            assert!(!named(host), "{host}");
        }
    }
}

//! The HTTP server.

use super::{
    super::{Server, load::place::Place},
    Report, header_secret,
};

pub(super) fn check(server: &Server, report: Report<'_>) {
    let place = Place::key("server");
    if let Some(listen) = &server.listen
        && let Err(message) = listen_address(listen)
    {
        report(&place.then("listen"), message);
    }
    if let Some(key) = &server.admin_key {
        header_secret(key.expose(), &place.then("admin_key"), report);
    }
    if let Some(tls) = &server.tls {
        for (name, path) in [("cert", &tls.cert), ("key", &tls.key)] {
            if path.trim().is_empty() {
                report(
                    &place.then("tls").then(name),
                    "empty; name a PEM file".to_owned(),
                );
            }
        }
    }
    if server.max_body.is_some_and(|size| size.0 == 0) {
        report(&place.then("max_body"), "must be more than 0".to_owned());
    }
    match server.threads {
        Some(0) => report(&place.then("threads"), "must be 1 or more".to_owned()),
        Some(threads) if threads > 1024 => {
            report(&place.then("threads"), "must be 1024 or less".to_owned());
        }
        _ => {}
    }
}

fn listen_address(listen: &str) -> Result<(), String> {
    const SHAPE: &str = "must be host:port such as 127.0.0.1:8787, or unix:/path/to/socket";
    if let Some(path) = listen.strip_prefix("unix:") {
        return if path.is_empty() {
            Err(SHAPE.to_owned())
        } else {
            Ok(())
        };
    }
    if let Some(rest) = listen.split_once("://").map(|(_, rest)| rest) {
        return Err(format!(
            "{SHAPE}; leave out what stands before {:?}",
            shorten(rest)
        ));
    }
    if listen.parse::<u16>().is_ok() {
        return Err(format!(
            "{SHAPE}; for this machine alone write 127.0.0.1:{listen}"
        ));
    }
    let Some((host, port)) = listen.rsplit_once(':') else {
        return Err(SHAPE.to_owned());
    };
    if host.is_empty() {
        return Err(format!(
            "{SHAPE}; for every interface write 0.0.0.0:{}",
            shorten(port)
        ));
    }
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host_is_valid = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)),
    };
    if !host_is_valid {
        return Err(SHAPE.to_owned());
    }
    match port.parse::<u16>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("{SHAPE}; the port is a number up to 65535")),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

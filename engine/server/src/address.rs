//! Where the server listens.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
};

use socket2::{Domain, Protocol, Socket, Type};
use tidegate::{Code, Error};

/// Where the server listens when nobody says.
pub(crate) const DEFAULT: &str = "127.0.0.1:8787";

/// Connections the kernel may hold while the server is busy.
const BACKLOG: i32 = 1024;

/// A bound socket. Dropping one of a file removes the file.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixFile),
}

/// A listening unix socket and its file.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct UnixFile {
    pub(crate) listener: std::os::unix::net::UnixListener,
    path: std::path::PathBuf,
}

#[cfg(unix)]
impl Drop for UnixFile {
    fn drop(&mut self) {
        // The next server removes what stays here.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Listener {
    /// Binds `listen`: `host:port` or `unix:/path`.
    ///
    /// # Errors
    /// `invalid_config` naming `server.listen` when the address is wrong, taken or forbidden.
    pub(crate) fn bind(listen: &str) -> Result<Self, Error> {
        if let Some(path) = listen.strip_prefix("unix:") {
            return unix(path).map_err(|text| refused(listen, &text));
        }
        let addresses = listen
            .to_socket_addrs()
            .map_err(|_| refused(listen, "use host:port or unix:/path/to/socket"))?;
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match tcp(address) {
                Ok(listener) => return Ok(Self::Tcp(listener)),
                Err(error) => last = error,
            }
        }
        Err(refused(listen, &explain(&last)))
    }

    /// Where clients reach it: a URL, or `unix:/path`.
    pub(crate) fn url(&self, secure: bool) -> String {
        match self {
            Self::Tcp(listener) => {
                let scheme = if secure { "https" } else { "http" };
                match listener.local_addr() {
                    Ok(address) => format!("{scheme}://{address}"),
                    Err(_) => format!("{scheme}://?"),
                }
            }
            #[cfg(unix)]
            Self::Unix(file) => format!("unix:{}", file.path.display()),
        }
    }
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for connections of the last run to be forgotten. On Windows the same
    // flag would let another process take the port over.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(unix)]
fn unix(path: &str) -> Result<Listener, String> {
    use std::os::unix::{
        fs::FileTypeExt,
        net::{UnixListener, UnixStream},
    };

    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err("the file exists and is no socket".to_owned());
        }
        if UnixStream::connect(path).is_ok() {
            return Err(taken("socket"));
        }
        // Left behind by a server that ended without cleaning up: nobody answers.
        std::fs::remove_file(path).map_err(|error| explain(&error))?;
    }
    let listener = UnixListener::bind(path).map_err(|error| explain(&error))?;
    listener
        .set_nonblocking(true)
        .map_err(|error| explain(&error))?;
    Ok(Listener::Unix(UnixFile {
        listener,
        path: path.into(),
    }))
}

#[cfg(not(unix))]
fn unix(_: &str) -> Result<Listener, String> {
    Err("this system has no unix sockets".to_owned())
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => taken("port"),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    }
}

fn taken(what: impl fmt::Display) -> String {
    format!("another program uses this {what}; stop it, or listen elsewhere (`--listen`)")
}

fn refused(listen: &str, text: &str) -> Error {
    Error::new(
        Code::InvalidConfig,
        format!("server.listen: cannot listen on {listen}: {text}"),
    )
    .with_param("server.listen")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_port_is_named_with_what_to_do() {
        let first = Listener::bind("127.0.0.1:0").unwrap();
        let taken = first.url(false).replace("http://", "");
        let error = Listener::bind(&taken).unwrap_err();
        assert_eq!(error.code(), Code::InvalidConfig);
        assert!(error.message().contains(&taken), "{error}");
        assert!(error.message().contains("--listen"), "{error}");
    }

    #[test]
    fn nonsense_is_refused_with_the_shape() {
        for listen in ["", "localhost", "127.0.0.1:http", "http://127.0.0.1:1"] {
            let error = Listener::bind(listen).unwrap_err();
            assert!(error.message().contains("host:port"), "{error}");
        }
    }
}

//! What surrounds a face while its cases run: its upstream, dead ends, a folder.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    time::Duration,
};

use mock_upstream::{Options, Server};
use serde_json::Value;

/// One per face, so that faces can run side by side.
#[derive(Debug)]
pub(crate) struct World {
    pub upstream: Server,
    blackhole: Blackhole,
    refused: SocketAddr,
    tmp: PathBuf,
}

impl World {
    pub(crate) fn new(face: &str) -> std::io::Result<Self> {
        let upstream = Server::start(Options::default())?;
        // A port that was free a moment ago and is never listened on.
        let refused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let tmp = std::env::temp_dir().join(format!("tidegate-spec-{}-{face}", std::process::id()));
        Ok(Self {
            upstream,
            blackhole: Blackhole::open()?,
            refused,
            tmp,
        })
    }

    /// As new: no scripts, no records, an empty folder.
    pub(crate) fn reset(&self) -> std::io::Result<()> {
        self.upstream.reset();
        if self.tmp.exists() {
            std::fs::remove_dir_all(&self.tmp)?;
        }
        std::fs::create_dir_all(&self.tmp)
    }

    /// The text with its placeholders filled in.
    pub(crate) fn fill(&self, text: &str) -> String {
        if !text.contains('{') {
            return text.to_owned();
        }
        let upstream = self.upstream.url("");
        text.replace("{upstream}", upstream.trim_end_matches('/'))
            .replace("{refused}", &format!("http://{}", self.refused))
            .replace("{blackhole}", &format!("http://{}", self.blackhole.addr))
            .replace("{tmp}", &self.tmp.display().to_string())
    }

    /// The value with the placeholders in all its texts filled in.
    pub(crate) fn fill_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(elements) => elements
                .iter()
                .map(|element| self.fill_value(element))
                .collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| (name.clone(), self.fill_value(member)))
                .collect(),
            other => other.clone(),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.tmp));
    }
}

/// An address that neither accepts nor refuses: its queue of connections is full and stays so.
#[derive(Debug)]
struct Blackhole {
    addr: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Blackhole {
    fn open() -> std::io::Result<Self> {
        const QUEUE: usize = 64;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
            socket.listen(0)?.into_std()
        })?;
        let addr = listener.local_addr()?;
        let mut waiting = Vec::new();
        while waiting.len() < QUEUE {
            match TcpStream::connect_timeout(&addr, Duration::from_millis(50)) {
                Ok(stream) => waiting.push(stream),
                Err(_) => break,
            }
        }
        Ok(Self {
            addr,
            _listener: listener,
            _waiting: waiting,
        })
    }
}

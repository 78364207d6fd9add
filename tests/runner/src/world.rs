//! What surrounds a face while its cases run: its upstream, dead ends, a folder.

use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
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
    server: Mutex<Option<Serving>>,
}

/// A running `tidegate serve`. It ends when dropped.
#[derive(Debug)]
struct Serving {
    child: Child,
    url: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
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
            server: Mutex::default(),
        })
    }

    /// Starts a gateway of this configuration for clients that connect to it.
    pub(crate) fn serve(&self, config: &Value) -> Result<(), String> {
        let path = self.tmp.join("server.json");
        let say = |error: std::io::Error| format!("tidegate serve: {error}");
        std::fs::write(&path, config.to_string()).map_err(say)?;
        let mut child = Command::new(crate::faces::built("tidegate"))
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&path)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(say)?;
        let errors = child.stderr.take();
        let mut serving = Serving {
            child,
            url: String::new(),
        };
        let mut words = Vec::new();
        let mut lines = errors
            .into_iter()
            .flat_map(|errors| BufReader::new(errors).lines());
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some((_, url)) = line.split_once("listening on ") {
                serving.url = url.split_whitespace().take(1).collect();
                *self.server() = Some(serving);
                // Its log goes on; a full pipe would stop it.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(());
            }
            words.push(line);
        }
        Err(format!("tidegate serve: {}", words.join("\n")))
    }

    fn server(&self) -> std::sync::MutexGuard<'_, Option<Serving>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As new: no scripts, no records, an empty folder.
    pub(crate) fn reset(&self) -> std::io::Result<()> {
        self.upstream.reset();
        *self.server() = None;
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
        let server = self
            .server()
            .as_ref()
            .map_or_else(String::new, |server| server.url.clone());
        text.replace("{upstream}", upstream.trim_end_matches('/'))
            .replace("{server}", &server)
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

//! A raw upstream: what it reads and writes is in the test, byte for byte.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

pub(super) const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Upstream {
    listener: TcpListener,
    pub(super) address: SocketAddr,
}

pub(super) struct Peer<S = TcpStream>(pub(super) S);

impl Upstream {
    pub(super) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        Self { listener, address }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) async fn accept(&self) -> Peer {
        let accepted = timeout(PATIENCE, self.listener.accept())
            .await
            .expect("a connection in time");
        Peer(accepted.expect("a connection").0)
    }

    /// True when nobody connects for a moment.
    pub(super) async fn stays_alone(&self) -> bool {
        timeout(Duration::from_millis(50), self.listener.accept())
            .await
            .is_err()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Head and body of the next request; `None` when the client has closed.
    pub(super) async fn request(&mut self) -> Option<(String, String)> {
        let mut seen = Vec::new();
        loop {
            if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8(seen[..end].to_vec()).expect("text");
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.parse().expect("a number"));
                if seen.len() >= end + 4 + length {
                    let body = String::from_utf8(seen[end + 4..].to_vec()).expect("text");
                    return Some((head, body));
                }
            }
            let read = timeout(PATIENCE, self.0.read_buf(&mut seen))
                .await
                .expect("bytes in time");
            if read.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    pub(super) async fn write(&mut self, text: &str) {
        self.0
            .write_all(text.as_bytes())
            .await
            .expect("the client reads");
        self.0.flush().await.expect("the client reads");
    }

    pub(super) async fn bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the client reads");
    }

    /// Reads these bytes and no others.
    pub(super) async fn exactly(&mut self, expected: &[u8]) {
        let mut seen = vec![0; expected.len()];
        let read = timeout(PATIENCE, self.0.read_exact(&mut seen)).await;
        read.expect("bytes in time").expect("bytes");
        assert_eq!(seen, expected);
    }

    /// Waits until the client closes, and says how long that took.
    pub(super) async fn closed_after(&mut self) -> Duration {
        let start = tokio::time::Instant::now();
        let mut sink = Vec::new();
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut sink))
            .await
            .expect("the client closes");
        start.elapsed()
    }
}

pub(super) fn answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

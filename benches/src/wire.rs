//! Just enough HTTP/1.1 over a blocking socket to be a cheap client: the generator must not be what
//! the bench measures.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// One kept-alive connection.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// What one exchange showed.
#[derive(Debug)]
pub struct Exchange {
    /// Status of the answer.
    pub status: u16,
    /// From the first byte written to the first byte of the body.
    pub first_body: Duration,
    /// From the first byte written to the last byte read.
    pub total: Duration,
    /// Length of the body, chunk framing not counted.
    pub body_len: usize,
    /// Reads that brought body bytes; of a paced stream about one per event.
    pub reads: usize,
}

enum Framing {
    Length(usize),
    Chunked,
}

impl Connection {
    /// Connects to `address` (`host:port`) with Nagle's algorithm off.
    pub fn open(address: &str) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            socket,
            buffer: vec![0; 64 * 1024],
            filled: 0,
        })
    }

    /// Sends `request` (head and body) and reads one whole answer.
    pub fn exchange(&mut self, request: &[u8]) -> io::Result<Exchange> {
        let start = Instant::now();
        self.socket.write_all(request)?;
        self.filled = 0;
        let head_end = loop {
            self.fill()?;
            if let Some(end) = find(&self.buffer[..self.filled], b"\r\n\r\n") {
                break end + 4;
            }
        };
        let (status, framing) = parse_head(&self.buffer[..head_end])?;
        self.buffer.copy_within(head_end..self.filled, 0);
        self.filled -= head_end;
        let mut exchange = Exchange {
            status,
            first_body: start.elapsed(),
            total: Duration::ZERO,
            body_len: 0,
            reads: 0,
        };
        match framing {
            Framing::Length(length) => self.read_length(length, &mut exchange)?,
            Framing::Chunked => self.read_chunked(start, &mut exchange)?,
        }
        exchange.total = start.elapsed();
        Ok(exchange)
    }

    fn read_length(&mut self, length: usize, exchange: &mut Exchange) -> io::Result<()> {
        let mut left = length.saturating_sub(self.filled);
        while left > 0 {
            self.filled = 0;
            self.fill()?;
            left = left.saturating_sub(self.filled);
        }
        exchange.body_len = length;
        Ok(())
    }

    /// Walks the chunk framing; trailers are read and dropped.
    fn read_chunked(&mut self, start: Instant, exchange: &mut Exchange) -> io::Result<()> {
        let mut at = 0;
        loop {
            let line_end = loop {
                if let Some(end) = find(&self.buffer[at..self.filled], b"\r\n") {
                    break at + end;
                }
                self.compact(&mut at);
                self.fill()?;
                exchange.reads += 1;
            };
            let size = parse_size(&self.buffer[at..line_end])?;
            at = line_end + 2;
            if exchange.body_len == 0 && size > 0 {
                exchange.first_body = start.elapsed();
            }
            if size == 0 {
                return self.read_trailers(at);
            }
            exchange.body_len += size;
            let mut skip = size + 2;
            while self.filled - at < skip {
                skip -= self.filled - at;
                at = 0;
                self.filled = 0;
                self.fill()?;
                exchange.reads += 1;
            }
            at += skip;
        }
    }

    fn read_trailers(&mut self, mut at: usize) -> io::Result<()> {
        loop {
            match find(&self.buffer[at..self.filled], b"\r\n") {
                Some(0) => return Ok(()),
                Some(end) => at += end + 2,
                None => {
                    self.compact(&mut at);
                    self.fill()?;
                }
            }
        }
    }

    fn compact(&mut self, at: &mut usize) {
        self.buffer.copy_within(*at..self.filled, 0);
        self.filled -= *at;
        *at = 0;
    }

    fn fill(&mut self) -> io::Result<()> {
        let read = self.socket.read(&mut self.buffer[self.filled..])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.filled += read;
        Ok(())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

fn parse_head(head: &[u8]) -> io::Result<(u16, Framing)> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| io::Error::other("no status line"))?;
    let mut framing = Framing::Length(0);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            framing = Framing::Length(value.trim().parse().map_err(io::Error::other)?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            framing = Framing::Chunked;
        }
    }
    Ok((status, framing))
}

fn parse_size(line: &[u8]) -> io::Result<usize> {
    let text = String::from_utf8_lossy(line);
    let digits = text.split(';').next().unwrap_or_default().trim();
    usize::from_str_radix(digits, 16).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Serves `answer` in pieces of `piece` bytes, once.
    fn serve(answer: &'static [u8], piece: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("a client");
            let mut request = [0; 1024];
            let _ = socket.read(&mut request);
            for part in answer.chunks(piece) {
                let _ = socket.write_all(part);
            }
        });
        address
    }

    #[test]
    fn chunked_answers_are_read_at_every_split() {
        let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=1\r\n world\r\n0\r\nx-cost: 1\r\n\r\n";
        for piece in 1..answer.len() {
            let mut connection = Connection::open(&serve(answer, piece)).expect("connected");
            let exchange = connection
                .exchange(b"GET / HTTP/1.1\r\n\r\n")
                .expect("an answer");
            assert_eq!(
                (exchange.status, exchange.body_len),
                (200, 11),
                "pieces of {piece}"
            );
        }
    }

    #[test]
    fn an_answer_with_a_length_is_read_to_its_end() {
        let answer = b"HTTP/1.1 429 Slow\r\nContent-Length: 4\r\n\r\nbody";
        let mut connection = Connection::open(&serve(answer, 7)).expect("connected");
        let exchange = connection
            .exchange(b"GET / HTTP/1.1\r\n\r\n")
            .expect("an answer");
        assert_eq!((exchange.status, exchange.body_len), (429, 4));
    }
}

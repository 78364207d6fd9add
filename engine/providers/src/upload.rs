//! The end of a large request body, still arriving from its caller while it is sent on.

use std::{
    fmt,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    ops::Range,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tidegate_types::{Code, Error};
use tokio::{sync::Mutex as AsyncMutex, task::spawn_blocking};

use crate::transport::{BodyStream, TransportError};

/// Bytes read from the file at a time.
const CHUNK: u64 = 128 * 1024;

/// What follows the bytes of a body that are in memory.
///
/// It is taken from its caller as an upstream takes it, once. What was taken is kept in a temporary
/// file without a name, so that the next try begins again; memory holds a piece at a time. Without
/// such a file there is no next try. Clones share it.
#[derive(Clone)]
pub struct Upload {
    shared: Arc<Shared>,
    /// What takes the place of some of its bytes.
    edit: Option<(Range<u64>, Bytes)>,
}

/// Where the bytes come from.
type Source = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

struct Shared {
    len: OnceLock<u64>,
    /// Code and words.
    failure: OnceLock<(Code, String)>,
    state: AsyncMutex<State>,
}

struct State {
    source: Option<Source>,
    /// A piece that was taken and is not kept yet.
    pending: Option<Bytes>,
    /// Bytes taken from the source.
    taken: u64,
    kept: Kept,
}

#[derive(Clone)]
enum Kept {
    Nothing,
    File(Arc<Mutex<File>>),
    /// There is no room for it.
    Lost,
}

impl Upload {
    /// What `source` gives, which is `len` bytes where that was said.
    pub fn new(
        source: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
        len: Option<u64>,
    ) -> Self {
        let known = OnceLock::new();
        if let Some(len) = len {
            // It was just made.
            let _ = known.set(len);
        }
        Self {
            shared: Arc::new(Shared {
                len: known,
                failure: OnceLock::new(),
                state: AsyncMutex::new(State {
                    source: Some(Box::pin(source)),
                    pending: None,
                    taken: 0,
                    kept: Kept::Nothing,
                }),
            }),
            edit: None,
        }
    }

    /// The same with other bytes in the place of `range`, which must have been taken already.
    #[must_use]
    pub fn with_edit(&self, range: Range<u64>, with: Bytes) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            edit: Some((range, with)),
        }
    }

    /// Its length in bytes, edits included; `None` while nobody knows.
    pub fn size(&self) -> Option<u64> {
        let len = *self.shared.len.get()?;
        Some(match &self.edit {
            Some((range, with)) => len - (range.end - range.start) + with.len() as u64,
            None => len,
        })
    }

    /// Why the caller's bytes ended too early, if they did.
    pub fn failure(&self) -> Option<Error> {
        let (code, text) = self.shared.failure.get()?;
        Some(Error::new(*code, text.as_str()))
    }

    /// Whether it can be read from its start again.
    pub async fn is_replayable(&self) -> bool {
        !matches!(self.shared.state.lock().await.kept, Kept::Lost)
    }

    /// Its bytes from the start. One reader at a time makes sense.
    pub fn read(&self) -> BodyStream {
        let from = (self.clone(), 0);
        BodyStream::new(stream::unfold(from, |(mut upload, at)| async move {
            let (item, at) = match upload.piece(at).await? {
                Ok((piece, at)) => (Ok(piece), at),
                Err(error) => (Err(error), at),
            };
            Some((item, (upload, at)))
        }))
    }

    /// Takes everything that is still to come, and shows it to `see` until that says it has enough
    /// when the length is known: then the rest can come later.
    ///
    /// # Errors
    /// The source's own; `body_too_large` when there is no room to keep it.
    pub async fn look(&self, mut see: impl FnMut(&[u8]) -> bool) -> Result<(), Error> {
        let (mut reader, mut at) = (self.clone(), 0);
        while let Some(piece) = reader.piece(at).await {
            match piece {
                Ok((piece, next)) => {
                    at = next;
                    let enough = see(&piece);
                    if enough && self.size().is_some() {
                        break;
                    }
                }
                Err(error) => return Err(self.explain(&error)),
            }
        }
        if self.is_replayable().await {
            return Ok(());
        }
        let text = "the body must be read before it can be sent on, and there is no room for it \
                    among the temporary files";
        Err(Error::new(Code::BodyTooLarge, text))
    }

    /// All of it, in memory.
    ///
    /// # Errors
    /// The source's own.
    pub async fn gather(&self) -> Result<Vec<Bytes>, Error> {
        let mut all = Vec::new();
        let mut body = self.read();
        while let Some(piece) = body.next().await {
            all.push(piece.map_err(|error| self.explain(&error))?);
        }
        Ok(all)
    }

    /// Takes up to `most` bytes more and throws them away, for a caller who reads an answer only
    /// once everything is sent.
    pub async fn discard(&self, most: u64) {
        let mut state = self.shared.state.lock().await;
        let mut seen = 0;
        while let Some(source) = &mut state.source
            && seen < most
        {
            match source.next().await {
                Some(Ok(piece)) => seen += piece.len() as u64,
                _ => state.source = None,
            }
        }
    }

    fn explain(&self, error: &TransportError) -> Error {
        let told = self.failure();
        told.unwrap_or_else(|| Error::new(Code::Internal, error.to_string()))
    }

    /// The bytes at `at`, and where the next ones begin. An edit is given once, and then forgotten.
    async fn piece(&mut self, at: u64) -> Option<Result<(Bytes, u64), TransportError>> {
        let Some((range, with)) = self.edit.take() else {
            return self.unedited(at, u64::MAX).await;
        };
        if at == range.start {
            return Some(Ok((with, range.end)));
        }
        let until = range.start;
        self.edit = Some((range, with));
        self.unedited(at, until).await
    }

    async fn unedited(&self, at: u64, until: u64) -> Option<Result<(Bytes, u64), TransportError>> {
        let mut state = self.shared.state.lock().await;
        if at < state.taken {
            let Kept::File(file) = state.kept.clone() else {
                let text = "what the caller sent is not there any more".to_owned();
                return Some(Err(TransportError::ConnectionLost(text)));
            };
            let end = state.taken.min(until).min(at + CHUNK);
            let read = spawn_blocking(move || from_file(&file, at, end - at)).await;
            return Some(match read.map_err(io::Error::other).flatten() {
                Ok(piece) => Ok((piece, end)),
                Err(error) => Err(TransportError::ConnectionLost(error.to_string())),
            });
        }
        let piece = match state.next(&self.shared).await? {
            Ok(piece) => piece,
            Err(error) => {
                let text = error.message().to_owned();
                // The first failure is the one to tell.
                let _ = self.shared.failure.set((error.code(), text.clone()));
                return Some(Err(TransportError::ConnectionLost(text)));
            }
        };
        let next = at + piece.len() as u64;
        Some(Ok((piece, next)))
    }
}

impl State {
    /// The next piece from the source, once it is kept. A reader that goes away meanwhile loses
    /// nothing: the piece is kept again, at the same place.
    async fn next(&mut self, shared: &Shared) -> Option<Result<Bytes, Error>> {
        if let Some((code, text)) = shared.failure.get() {
            return Some(Err(Error::new(*code, text.as_str())));
        }
        let piece = match self.pending.clone() {
            Some(piece) => piece,
            None => match self.source.as_mut()?.next().await {
                Some(Ok(piece)) if piece.is_empty() => return Some(Ok(piece)),
                Some(Ok(piece)) => self.pending.insert(piece).clone(),
                Some(Err(error)) => {
                    self.source = None;
                    return Some(Err(error));
                }
                None => {
                    self.source = None;
                    let len = *shared.len.get_or_init(|| self.taken);
                    let text = "the request body is incomplete";
                    return (len != self.taken)
                        .then(|| Err(Error::new(Code::InvalidRequest, text)));
                }
            },
        };
        self.keep(&piece).await;
        self.taken += piece.len() as u64;
        self.pending = None;
        Some(Ok(piece))
    }

    async fn keep(&mut self, piece: &Bytes) {
        let known = match &self.kept {
            Kept::Lost => return,
            Kept::File(file) => Some(Arc::clone(file)),
            Kept::Nothing => None,
        };
        let (at, piece) = (self.taken, piece.clone());
        let written = spawn_blocking(move || {
            let file = match known {
                Some(file) => file,
                None => Arc::new(Mutex::new(tempfile::tempfile()?)),
            };
            to_file(&file, at, &piece)?;
            Ok::<_, io::Error>(file)
        });
        self.kept = match written.await.map_err(io::Error::other).flatten() {
            Ok(file) => Kept::File(file),
            Err(_) => Kept::Lost,
        };
    }
}

fn to_file(file: &Mutex<File>, at: u64, piece: &[u8]) -> io::Result<()> {
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(at))?;
    file.write_all(piece)
}

fn from_file(file: &Mutex<File>, at: u64, len: u64) -> io::Result<Bytes> {
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(at))?;
    let mut piece = vec![0; usize::try_from(len).unwrap_or(0)];
    file.read_exact(&mut piece)?;
    Ok(Bytes::from(piece))
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("len", &self.size()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arriving(parts: &[&'static str], len: Option<u64>) -> Upload {
        let parts: Vec<_> = parts.iter().map(|part| Ok(Bytes::from(*part))).collect();
        Upload::new(stream::iter(parts), len)
    }

    async fn all(upload: &Upload) -> String {
        let parts = upload.gather().await.unwrap();
        String::from_utf8(parts.concat()).unwrap()
    }

    #[tokio::test]
    async fn it_is_read_again_from_the_start_after_a_try_that_broke_off() {
        let upload = arriving(&["one ", "two ", "three"], Some(13));
        let mut first = upload.read();
        assert_eq!(first.next().await.unwrap().unwrap(), "one ");
        drop(first);
        assert_eq!(all(&upload).await, "one two three");
        assert_eq!(all(&upload).await, "one two three");
    }

    #[tokio::test]
    async fn bytes_that_were_seen_can_be_replaced() {
        let upload = arriving(&["one ", "two ", "three"], None);
        assert_eq!(upload.size(), None);
        upload.look(|_| false).await.unwrap();
        assert_eq!(upload.size(), Some(13));
        for (range, with, whole) in [
            (4..7, "zwei", "one zwei three"),
            (0..4, "", "two three"),
            (8..13, "drei", "one two drei"),
            (4..4, "and ", "one and two three"),
        ] {
            let edited = upload.with_edit(range, Bytes::from(with));
            assert_eq!(all(&edited).await, whole);
            assert_eq!(edited.size(), Some(whole.len() as u64));
        }
    }

    #[tokio::test]
    async fn a_body_that_ends_too_early_says_so_to_every_reader() {
        let upload = arriving(&["one "], Some(13));
        for _ in 0..2 {
            let error = upload.gather().await.unwrap_err();
            assert_eq!(error.code(), Code::InvalidRequest);
        }
        assert!(upload.failure().is_some());
    }
}

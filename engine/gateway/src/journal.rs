//! One line of JSON for every call that ends, added to a file. Calls never wait for it: a thread of its
//! own makes the lines and writes them, and what it cannot keep up with is left out, counted and told.

mod file;
mod notes;
mod read;
mod record;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use arc_swap::ArcSwapOption;
use serde::Serialize;
use serde_json::{Value, json};
use tidegate_types::config;
use tokio::sync::oneshot;

use file::LogFile;
pub(crate) use notes::{Ended, Notes};
pub use read::{Reading, read};
pub use record::{Features, Record, Tried};

/// Calls that may wait for the file, and bytes of their requests.
const MOST_WAITING: usize = 8192;
const MOST_BYTES: usize = 64 << 20;
/// Bytes that are written at once.
const BATCH: usize = 256 << 10;
/// Longest body, largest file and number of older ones when the configuration does not say.
const MOST_BODY: u64 = 64 << 10;
const MOST_FILE: u64 = 100 << 20;
const KEEP: u32 = 5;
/// How long the end of an engine waits for the last lines.
const LAST: Duration = Duration::from_secs(2);

/// Where calls are written down.
#[derive(Debug)]
pub(crate) struct Journal {
    settings: config::Log,
    /// Threads do not survive a fork: a child that finds its parent's starts its own.
    writer: ArcSwapOption<Writer>,
}

#[derive(Debug)]
struct Writer {
    pid: u32,
    messages: Sender<Message>,
    state: Arc<State>,
}

/// What is known of the writing.
#[derive(Debug, Default)]
struct State {
    waiting: AtomicUsize,
    bytes: AtomicUsize,
    written: AtomicU64,
    lost: AtomicU64,
    /// Why the last lines could not be written.
    error: Mutex<Option<String>>,
}

enum Message {
    Call(Box<Notes>),
    /// Everything before is to be in the file when this is answered.
    Flush(Box<dyn FnOnce() + Send>),
}

impl Journal {
    /// The journal of a configuration: the one before where nothing has changed. Nothing is opened
    /// before the first call has ended.
    pub(crate) fn of(log: Option<&config::Log>, before: Option<&Arc<Self>>) -> Option<Arc<Self>> {
        let log = log?;
        let same = before.filter(|before| before.settings == *log);
        Some(same.map_or_else(
            || {
                Arc::new(Self {
                    settings: log.clone(),
                    writer: ArcSwapOption::empty(),
                })
            },
            Arc::clone,
        ))
    }

    /// The longest body that is written; `None` where none is.
    fn most_body(&self) -> Option<u64> {
        let most = self.settings.max_body.map_or(MOST_BODY, |size| size.0);
        self.settings.bodies.then_some(most)
    }

    /// Has a call written down, without waiting.
    fn write(self: &Arc<Self>, notes: Box<Notes>) {
        let Some(writer) = self.writer() else { return };
        let state = &writer.state;
        let size = notes.size();
        let waiting = state.waiting.fetch_add(1, Ordering::Relaxed);
        let bytes = state.bytes.fetch_add(size, Ordering::Relaxed);
        let fits = waiting < MOST_WAITING && (bytes == 0 || bytes + size <= MOST_BYTES);
        if !fits || writer.messages.send(Message::Call(notes)).is_err() {
            state.waiting.fetch_sub(1, Ordering::Relaxed);
            state.bytes.fetch_sub(size, Ordering::Relaxed);
            state.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was written down is in the file, but not forever.
    pub(crate) async fn flush(&self) {
        let (answer, answered) = oneshot::channel();
        if self.when_written(move || {
            // Whoever asked may have gone.
            let _ = answer.send(());
        }) {
            // Whoever waits longer would rather end.
            let _ = tokio::time::timeout(LAST, answered).await;
        }
    }

    /// As [`flush`](Self::flush), where nothing can be awaited.
    pub(crate) fn flush_blocking(&self) {
        let (answer, answered) = channel();
        if self.when_written(move || {
            // Whoever asked may have gone.
            let _ = answer.send(());
        }) {
            let _ = answered.recv_timeout(LAST);
        }
    }

    /// False where nothing is being written.
    fn when_written(&self, answer: impl FnOnce() + Send + 'static) -> bool {
        let writer = self.writer.load_full();
        let own = writer.filter(|writer| writer.pid == std::process::id());
        let flush = Message::Flush(Box::new(answer));
        own.is_some_and(|writer| writer.messages.send(flush).is_ok())
    }

    /// Lines written and lost, and what is wrong, for the report on health.
    pub(crate) fn report(&self) -> Value {
        let (written, lost) = self.counts();
        let writer = self.writer.load();
        let error = writer.as_ref().and_then(|writer| {
            let error = writer.state.error.lock();
            error.unwrap_or_else(PoisonError::into_inner).clone()
        });
        json!({ "path": self.settings.path, "written": written, "lost": lost, "error": error })
    }

    /// Calls written and lost.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let writer = self.writer.load();
        writer.as_ref().map_or((0, 0), |writer| {
            let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
            (count(&writer.state.written), count(&writer.state.lost))
        })
    }

    fn writer(self: &Arc<Self>) -> Option<Arc<Writer>> {
        let pid = std::process::id();
        let current = self.writer.load_full();
        if let Some(writer) = current.as_ref().filter(|writer| writer.pid == pid) {
            return Some(Arc::clone(writer));
        }
        let (messages, received) = channel();
        let state = Arc::<State>::default();
        let fresh = Arc::new(Writer {
            pid,
            messages,
            state: Arc::clone(&state),
        });
        let found = self
            .writer
            .compare_and_swap(&current, Some(Arc::clone(&fresh)));
        let won = match (&*found, &current) {
            (None, None) => true,
            (Some(found), Some(current)) => Arc::ptr_eq(found, current),
            _ => false,
        };
        // A parent's channel must not be dropped in its child.
        std::mem::forget(current);
        if !won {
            // Another thread was quicker.
            return self.writer.load_full();
        }
        let (settings, most_body) = (self.settings.clone(), self.most_body());
        let thread = thread::Builder::new().name("tidegate-log".to_owned());
        let started = thread.spawn(move || run(&settings, most_body, &received, &state));
        if let Err(error) = started {
            tracing::error!("calls are not logged: {error}");
        }
        Some(fresh)
    }
}

/// Makes the lines and writes them, as many as there are at once. Ends when nobody can send any more.
fn run(
    settings: &config::Log,
    most_body: Option<u64>,
    messages: &Receiver<Message>,
    state: &State,
) {
    let mut file = None;
    let mut told = 0;
    let mut lines = Vec::new();
    while let Ok(first) = messages.recv() {
        let (mut count, mut flushes) = (0u64, Vec::new());
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Call(notes) => {
                    state.waiting.fetch_sub(1, Ordering::Relaxed);
                    state.bytes.fetch_sub(notes.size(), Ordering::Relaxed);
                    count += u64::from(push(&mut lines, &notes.record(most_body)));
                }
                Message::Flush(answer) => flushes.push(answer),
            }
            if lines.len() < BATCH {
                next = messages.try_recv().ok();
            }
        }
        let lost = state.lost.load(Ordering::Relaxed);
        if lost > told {
            push(&mut lines, &json!({ "lost": lost - told }));
        }
        let result = if lines.is_empty() {
            Ok(())
        } else {
            add(&mut file, settings, &lines)
        };
        lines.clear();
        let mut error = state.error.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => {
                if lost > told {
                    tracing::warn!("{} calls were too many for {}", lost - told, settings.path);
                }
                told = lost;
                state.written.fetch_add(count, Ordering::Relaxed);
                *error = None;
            }
            Err(failure) => {
                state.lost.fetch_add(count, Ordering::Relaxed);
                let failure = failure.to_string();
                if error.as_ref() != Some(&failure) {
                    tracing::error!("calls are not logged: {}: {failure}", settings.path);
                }
                *error = Some(failure);
            }
        }
        drop(error);
        for answer in flushes {
            answer();
        }
    }
}

fn push(lines: &mut Vec<u8>, record: &impl Serialize) -> bool {
    let start = lines.len();
    if serde_json::to_writer(&mut *lines, record).is_err() {
        lines.truncate(start);
        return false;
    }
    lines.push(b'\n');
    true
}

fn add(file: &mut Option<LogFile>, settings: &config::Log, lines: &[u8]) -> std::io::Result<()> {
    let open = match file {
        Some(open) => open,
        None => file.insert(LogFile::open(
            Path::new(&settings.path),
            settings.max_size.map_or(MOST_FILE, |size| size.0),
            settings.keep.unwrap_or(KEEP),
        )?),
    };
    open.add(lines)
}

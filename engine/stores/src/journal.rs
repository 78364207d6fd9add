//! What an engine has spent of shared budgets and not told the store yet, in files of this host.
//!
//! A line is written before a call is made, and before its answer goes to the caller: what the process
//! wrote outlives it, however it ends. Whoever opens the folder next books what dead engines left. An
//! engine holds a lock on its files, which the operating system takes from it when it dies.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use tidegate_policy::ledger::{Held, Log, Settled, cell::Written};

/// How files of a journal end.
const SUFFIX: &str = "journal";
/// Bytes after which a new file is begun.
const FULL: u64 = 4 << 20;

/// A line. Amounts are those of the ledger's measures.
#[derive(Debug, Serialize, Deserialize)]
enum Line<'l> {
    Named(u32, &'l str),
    Held(u64, Vec<(u32, u64, i64)>),
    Settled(u64, Vec<(u32, u64, u64, i64)>),
}

/// An engine's journal.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    engine: Arc<str>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The oldest first; the last is written to.
    files: Vec<Page>,
    next: u64,
    names: HashMap<u32, Arc<str>>,
    /// Number of the file in which each call began that has not ended.
    open: HashMap<u64, u64>,
    /// Whether a line could not be written.
    failed: bool,
}

#[derive(Debug)]
struct Page {
    path: PathBuf,
    file: File,
    bytes: u64,
    number: u64,
    /// Calls that began here and have not ended.
    open: usize,
    /// The last telling of each book that something here goes with.
    last: HashMap<u32, u64>,
}

impl Journal {
    /// A new journal of an engine, whose name no other has ever had.
    ///
    /// # Errors
    /// Those of making the folder and the file.
    pub fn create(folder: &Path, engine: &Arc<str>) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let journal = Self {
            folder: folder.to_owned(),
            engine: Arc::clone(engine),
            state: Mutex::new(State {
                files: Vec::new(),
                next: 0,
                names: HashMap::new(),
                open: HashMap::new(),
                failed: false,
            }),
        };
        journal.turn(&mut journal.state())?;
        Ok(journal)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a new file.
    fn turn(&self, state: &mut State) -> io::Result<()> {
        let name = format!("{}.{:06}.{SUFFIX}", self.engine, state.next);
        let path = self.folder.join(name);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)?;
        file.lock()?;
        let number = state.next;
        state.next += 1;
        state.files.push(Page {
            path,
            file,
            bytes: 0,
            number,
            open: 0,
            last: HashMap::new(),
        });
        let names: Vec<_> = state
            .names
            .iter()
            .map(|(number, key)| (*number, Arc::clone(key)))
            .collect();
        for (number, key) in names {
            append(state, &Line::Named(number, &key));
        }
        Ok(())
    }

    fn append(&self, state: &mut State, line: &Line<'_>) {
        append(state, line);
        let full = state.files.last().is_some_and(|page| page.bytes > FULL);
        if full && let Err(error) = self.turn(state) {
            tracing::error!(%error, "cannot begin a new file of the journal");
        }
    }

    /// The store has heard the telling `seq` of a book: files in which nothing is left to tell go.
    pub fn heard(&self, book: u32, seq: u64) {
        let mut state = self.state();
        let last = state.files.len().saturating_sub(1);
        let mut position = 0;
        state.files.retain_mut(|page| {
            if page.last.get(&book).is_some_and(|told| *told <= seq) {
                page.last.remove(&book);
            }
            let done = position < last && page.open == 0 && page.last.is_empty();
            position += 1;
            if done {
                let _ = fs::remove_file(&page.path);
            }
            !done
        });
    }

    /// Removes the journal of an engine that has told everything.
    pub fn remove(&self) {
        for page in self.state().files.drain(..) {
            let _ = fs::remove_file(&page.path);
        }
    }

    /// Whether a line could not be written since the journal was made.
    pub fn failed(&self) -> bool {
        self.state().failed
    }
}

/// Length and checksum, then the line: what a dying process wrote by half is seen.
fn append(state: &mut State, line: &Line<'_>) {
    let Some(page) = state.files.last_mut() else {
        return;
    };
    let written = postcard::to_extend(line, vec![0; 8])
        .map_err(io::Error::other)
        .and_then(|mut frame: Vec<u8>| {
            let (head, body) = frame.split_at_mut(8);
            let length = u32::try_from(body.len()).map_err(io::Error::other)?;
            head[..4].copy_from_slice(&length.to_le_bytes());
            head[4..].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
            page.bytes += frame.len() as u64;
            page.file.write_all(&frame)
        });
    if let Err(error) = written
        && !std::mem::replace(&mut state.failed, true)
    {
        tracing::error!(%error, "cannot write the journal: a crash could forget what was spent");
    }
}

impl Log for Journal {
    fn named(&self, number: u32, key: &str) {
        let mut state = self.state();
        state.names.insert(number, Arc::from(key));
        self.append(&mut state, &Line::Named(number, key));
    }

    fn held(&self, call: u64, books: &[Held]) {
        let books = books.iter().map(|held| (held.book, held.part, held.amount));
        let line = Line::Held(call, books.collect());
        let mut state = self.state();
        if let Some(page) = state.files.last_mut() {
            page.open += 1;
            let number = page.number;
            state.open.insert(call, number);
        }
        self.append(&mut state, &line);
    }

    fn settled(&self, call: u64, books: &[Settled]) {
        let spent = books.iter().filter(|settled| settled.amount != 0);
        let those = spent.map(|settled| (settled.book, settled.seq, settled.part, settled.amount));
        let line = Line::Settled(call, those.collect());
        let mut state = self.state();
        if let Some(page) = state.files.last_mut() {
            for settled in books.iter().filter(|settled| settled.amount != 0) {
                let last = page.last.entry(settled.book).or_default();
                *last = settled.seq.max(*last);
            }
        }
        if let Some(number) = state.open.remove(&call)
            && let Some(page) = state.files.iter_mut().find(|page| page.number == number)
        {
            page.open -= 1;
        }
        self.append(&mut state, &line);
    }
}

/// What an engine left that is no more.
#[derive(Debug)]
pub struct Left {
    /// Whose it was.
    pub engine: Arc<str>,
    /// What it had spent and perhaps not told, by book; calls whose end nobody knows as what was held
    /// back for them.
    pub written: Vec<(Arc<str>, Vec<Written>)>,
    /// Locked, so that nobody else books it too.
    files: Vec<(PathBuf, File)>,
}

impl Left {
    /// It has been booked.
    pub fn remove(self) {
        for (path, _) in &self.files {
            let _ = fs::remove_file(path);
        }
    }
}

/// What dead engines left in a folder, locked for whoever called.
///
/// # Errors
/// Those of reading the folder. Files that cannot be read are left alone.
pub fn left(folder: &Path) -> io::Result<Vec<Left>> {
    let mut engines: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let parts: Vec<_> = name.rsplitn(3, '.').collect();
        if let [SUFFIX, _, engine] = parts[..] {
            engines.entry(engine.to_owned()).or_default().push(path);
        }
    }
    let found = engines.into_iter().filter_map(|(engine, mut paths)| {
        paths.sort();
        let files: Option<Vec<_>> = paths.into_iter().map(take).collect();
        read(engine, files?)
    });
    Ok(found.collect())
}

/// The file, locked; `None` while its engine lives, and once somebody else has booked it.
fn take(path: PathBuf) -> Option<(PathBuf, File)> {
    let file = File::open(&path).ok()?;
    match file.try_lock() {
        Ok(()) => path.exists().then_some((path, file)),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
    }
}

fn read(engine: String, mut files: Vec<(PathBuf, File)>) -> Option<Left> {
    let mut names: HashMap<u32, Arc<str>> = HashMap::new();
    let mut open: BTreeMap<u64, Vec<(u32, u64, i64)>> = BTreeMap::new();
    let mut written: BTreeMap<Arc<str>, Vec<Written>> = BTreeMap::new();
    for (_, file) in &mut files {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        for line in Lines(&bytes) {
            match line {
                Line::Named(number, key) => {
                    let key: Arc<str> = Arc::from(key);
                    written.entry(Arc::clone(&key)).or_default();
                    names.insert(number, key);
                }
                Line::Held(call, books) => {
                    open.insert(call, books);
                }
                Line::Settled(call, books) => {
                    open.remove(&call);
                    for (book, seq, part, amount) in books {
                        if let Some(key) = names.get(&book) {
                            let entry = Written { seq, part, amount };
                            written.entry(Arc::clone(key)).or_default().push(entry);
                        }
                    }
                }
            }
        }
    }
    for (book, part, amount) in open.into_values().flatten() {
        if let Some(key) = names.get(&book) {
            let entry = Written {
                seq: u64::MAX,
                part,
                amount,
            };
            written.entry(Arc::clone(key)).or_default().push(entry);
        }
    }
    Some(Left {
        engine: Arc::from(engine),
        written: written.into_iter().collect(),
        files,
    })
}

/// The whole lines of a file.
struct Lines<'b>(&'b [u8]);

impl<'b> Iterator for Lines<'b> {
    type Item = Line<'b>;

    fn next(&mut self) -> Option<Line<'b>> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        let [a, b, c, d, sum @ ..] = *head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let body = rest.get(..length)?;
        if crc32fast::hash(body) != u32::from_le_bytes(sum) {
            return None;
        }
        self.0 = &rest[length..];
        postcard::from_bytes(body).ok()
    }
}

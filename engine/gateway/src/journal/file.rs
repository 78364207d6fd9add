//! The file of the log: only ever added to, by any number of processes, and put aside when it is full.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

/// An open log.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    most: u64,
    keep: u32,
    file: File,
    /// Whether the last line may lack its end.
    torn: bool,
}

impl LogFile {
    /// Opens the file at its end, made for its owner alone where there is none.
    pub(super) fn open(path: &Path, most: u64, keep: u32) -> io::Result<Self> {
        let (file, torn) = open(path)?;
        Ok(Self {
            path: path.to_owned(),
            most,
            keep,
            file,
            torn,
        })
    }

    /// Adds whole lines, in one go: another process' lines come before or after them.
    pub(super) fn add(&mut self, lines: &[u8]) -> io::Result<()> {
        self.follow()?;
        let size = self.file.metadata()?.len();
        if size > 0 && size.saturating_add(lines.len() as u64) > self.most {
            self.put_aside()?;
        }
        if self.torn {
            self.file.write_all(b"\n")?;
        }
        self.torn = true;
        self.file.write_all(lines)?;
        self.torn = false;
        Ok(())
    }

    /// Opens the file anew when its name leads elsewhere: another process has put it aside.
    fn follow(&mut self) -> io::Result<()> {
        if !same(&self.path, &self.file) {
            (self.file, self.torn) = open(&self.path)?;
        }
        Ok(())
    }

    /// Gives the file another name and begins a new one. Of several processes that find it full, one
    /// does: the others see under the lock that the name leads elsewhere.
    fn put_aside(&mut self) -> io::Result<()> {
        // Where files cannot be locked, one process is all there is.
        let locked = self.file.lock().is_ok();
        if same(&self.path, &self.file) {
            let older = |number: u32| {
                let mut name = self.path.clone().into_os_string();
                name.push(format!(".{number}"));
                PathBuf::from(name)
            };
            for number in (1..self.keep).rev() {
                match fs::rename(older(number), older(number + 1)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            if self.keep == 0 {
                fs::remove_file(&self.path)?;
            } else {
                fs::rename(&self.path, older(1))?;
            }
        }
        let opened = open(&self.path);
        if locked {
            // It ends with the file otherwise.
            let _ = self.file.unlock();
        }
        (self.file, self.torn) = opened?;
        Ok(())
    }
}

/// Opens for adding, and tells whether the last line lacks its end: whoever wrote it was killed.
fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let mut last = [b'\n'];
    // What cannot be sought in, a pipe, has no last line.
    if file.seek(SeekFrom::End(-1)).is_ok() {
        file.read_exact(&mut last)?;
    }
    Ok((file, last != *b"\n"))
}

/// Whether a name leads to an open file.
#[cfg(unix)]
fn same(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |told: fs::Metadata| (told.dev(), told.ino());
    match (fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(open)) => identity(named) == identity(open),
        _ => false,
    }
}

/// Whether a name leads to an open file, as far as that is known here.
#[cfg(not(unix))]
fn same(path: &Path, _: &File) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tidegate-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_ended_and_no_other_is_hurt() {
        let folder = folder("torn");
        let path = folder.join("calls.jsonl");
        fs::write(&path, "{\"a\":1}\n{\"b\":").unwrap();
        let mut file = LogFile::open(&path, 1 << 20, 1).unwrap();
        file.add(b"{\"c\":3}\n").unwrap();
        file.add(b"{\"d\":4}\n").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"a\":1}\n{\"b\":\n{\"c\":3}\n{\"d\":4}\n");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn full_files_are_put_aside_and_the_oldest_goes() {
        let folder = folder("full");
        let path = folder.join("calls.jsonl");
        let mut file = LogFile::open(&path, 20, 2).unwrap();
        for line in 0..9 {
            file.add(format!("line {line} of 9\n").as_bytes()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert_eq!(read("calls.jsonl"), "line 8 of 9\n");
        assert_eq!(read("calls.jsonl.1"), "line 7 of 9\n");
        assert_eq!(read("calls.jsonl.2"), "line 6 of 9\n");
        assert!(!folder.join("calls.jsonl.3").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn several_writers_lose_nothing_while_files_are_put_aside() {
        const WRITERS: usize = 4;
        const LINES: usize = 200;
        let folder = folder("several");
        let path = folder.join("calls.jsonl");
        // Each has a handle of its own, as processes have.
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let path = &path;
                scope.spawn(move || {
                    let mut file = LogFile::open(path, 2_000, 1000).unwrap();
                    for line in 0..LINES {
                        file.add(format!("{writer} {line}\n").as_bytes()).unwrap();
                    }
                });
            }
        });
        let mut lines = Vec::new();
        for entry in fs::read_dir(&folder).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), WRITERS * LINES);
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = folder("private");
        let path = folder.join("calls.jsonl");
        LogFile::open(&path, 20, 2).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::remove_dir_all(folder).unwrap();
    }
}

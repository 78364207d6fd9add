//! Files that take effect when they change.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Remembers how files looked.
#[derive(Debug, Default)]
pub(super) struct Watched(Vec<File>);

#[derive(Debug)]
struct File {
    name: PathBuf,
    /// As it was when it took effect.
    taken: Option<Look>,
    /// As it was the last time it was looked at.
    seen: Option<Look>,
}

/// Modification time and length: enough to notice an edit, cheap enough to ask every two seconds.
type Look = (SystemTime, u64);

/// What a look at the files told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// Someone may still be writing: look again soon.
    Under,
    /// A file differs from the one that took effect, and is as it was at the last look.
    Done,
}

impl Watched {
    /// Watches exactly `files` from now on; those that are new to it as they are now.
    pub(super) fn set(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        let mut known = std::mem::take(&mut self.0);
        let file = |name: PathBuf| {
            if let Some(at) = known.iter().position(|file| file.name == name) {
                return known.swap_remove(at);
            }
            let taken = look(&name);
            File {
                name,
                taken,
                seen: taken,
            }
        };
        self.0 = files.into_iter().map(file).collect();
    }

    /// Takes the files as they are now. To be called before they are read.
    pub(super) fn take(&mut self) {
        for file in &mut self.0 {
            file.taken = look(&file.name);
        }
    }

    /// Looks at the files. One that is missing or empty, as while an editor replaces it, has not
    /// changed yet.
    pub(super) fn look(&mut self) -> Change {
        let mut change = Change::None;
        for file in &mut self.0 {
            let now = look(&file.name);
            let differs = now.is_some_and(|(_, length)| length > 0) && now != file.taken;
            if differs && now != file.seen {
                change = Change::Under;
            } else if differs && change == Change::None {
                change = Change::Done;
            }
            file.seen = now;
        }
        change
    }
}

fn look(file: &Path) -> Option<Look> {
    let found = std::fs::metadata(file).ok()?;
    Some((found.modified().ok()?, found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edited_file_is_taken_once_it_rests() {
        let file = std::env::temp_dir().join(format!("tidegate-watch-{}", std::process::id()));
        std::fs::write(&file, "a").unwrap();
        let mut watched = Watched::default();
        watched.set([file.clone()]);
        assert_eq!(watched.look(), Change::None);
        std::fs::write(&file, "").unwrap();
        assert_eq!(watched.look(), Change::None);
        std::fs::write(&file, "ab").unwrap();
        assert_eq!(watched.look(), Change::Under);
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(watched.look(), Change::Under);
        assert_eq!(watched.look(), Change::Done);
        watched.take();
        assert_eq!(watched.look(), Change::None);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(watched.look(), Change::None);
    }
}

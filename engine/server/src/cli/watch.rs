//! Files that take effect when they change.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Remembers how files looked.
#[derive(Debug, Default)]
pub(super) struct Watched(Vec<(PathBuf, Option<Look>)>);

/// Modification time and length: enough to notice an edit, cheap enough to ask every two seconds.
type Look = (SystemTime, u64);

impl Watched {
    /// Watches exactly `files` from now on, those already watched as they were seen last.
    pub(super) fn set(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        let known = std::mem::take(&mut self.0);
        let keep = |file: PathBuf| {
            let seen = known.iter().find(|(name, _)| *name == file);
            let look = seen.map_or_else(|| look(&file), |(_, look)| *look);
            (file, look)
        };
        self.0 = files.into_iter().map(keep).collect();
    }

    /// True when a file differs from how it was seen last. One that is missing for a moment, as
    /// while an editor replaces it, has not changed yet.
    pub(super) fn changed(&mut self) -> bool {
        let mut changed = false;
        for (file, seen) in &mut self.0 {
            let now = look(file);
            if now.is_some() && now != *seen {
                *seen = now;
                changed = true;
            }
        }
        changed
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
    fn edited_file_is_noticed_once() {
        let file = std::env::temp_dir().join(format!("tidegate-watch-{}", std::process::id()));
        std::fs::write(&file, "a").unwrap();
        let mut watched = Watched::default();
        watched.set([file.clone()]);
        assert!(!watched.changed());
        std::fs::write(&file, "ab").unwrap();
        assert!(watched.changed());
        assert!(!watched.changed());
        std::fs::remove_file(&file).unwrap();
        assert!(!watched.changed());
    }
}

use std::{fs, io, path::PathBuf};

use crate::results::{Row, root};

/// Packages in `dist/`, as `cargo xtask build all --release` leaves them.
pub(super) fn run() -> io::Result<Vec<Row>> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("dist"))
        .map_err(|_| io::Error::other("no dist/; run `cargo xtask build all --release` first"))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "whl" || extension == "tgz")
        })
        .collect();
    files.sort();
    let mut rows = Vec::new();
    for file in files {
        let size = fs::metadata(&file)?.len() as f64 / 1024.0 / 1024.0;
        let name = file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        rows.push(Row::at_most(name, size, 15.0, " MiB"));
    }
    Ok(rows)
}

//! What the C and Go bindings are generated from and installed as.
//!
//! - [`generate`]: result codes, header, Go constants
//! - [`stage`]: an installed tree (`include/`, `lib/`, `lib/pkgconfig/`) from a cargo build

mod codes;
mod header;
pub mod stage;

use std::{fs, io, path::PathBuf};

/// Directory of the bindings.
pub fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// Every generated file and what it should hold. The header is made from the Rust sources, among
/// them the generated one, so that the order matters.
///
/// # Errors
/// Says which file cannot be read, or what cbindgen does not understand.
pub fn generate() -> Result<Vec<(PathBuf, String)>, String> {
    let root = root();
    let results = codes::rust();
    let header = header::generate(&root, &results)?;
    Ok(vec![
        (root.join("src/c/result_gen.rs"), results),
        (root.join("include/tidegate.h"), header.clone()),
        (root.join("go/tidegate.h"), header),
        (root.join("go/codes_gen.go"), codes::go()),
    ])
}

/// Brings the generated files up to date; gives back those that were not.
///
/// # Errors
/// As [`generate`], or when a file cannot be written.
pub fn write() -> Result<Vec<PathBuf>, String> {
    let mut changed = Vec::new();
    for (path, text) in stale()? {
        let fail = |error: io::Error| format!("{}: {error}", path.display());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(fail)?;
        }
        fs::write(&path, text).map_err(fail)?;
        changed.push(path);
    }
    Ok(changed)
}

/// The generated files that are not up to date, with what they should hold.
///
/// # Errors
/// As [`generate`].
pub fn stale() -> Result<Vec<(PathBuf, String)>, String> {
    let mut files = generate()?;
    files.retain(|(path, text)| fs::read_to_string(path).ok().as_ref() != Some(text));
    Ok(files)
}

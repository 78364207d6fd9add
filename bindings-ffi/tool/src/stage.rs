//! An installed tree from a cargo build.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::root;

/// System libraries a program needs that links the static library
/// (`cargo rustc -p tidegate-ffi --crate-type staticlib -- --print native-static-libs`).
pub const STATIC_LIBS: &str = if cfg!(target_os = "macos") {
    "-framework CoreFoundation -framework Security -liconv -lm"
} else {
    "-lgcc_s -lutil -lrt -lpthread -lm -ldl"
};

/// Lays out `include/`, `lib/` and `lib/pkgconfig/` below `prefix` from the artefacts in
/// `build`, a profile's directory such as `target/debug`.
///
/// # Errors
/// When a file is missing or cannot be written; the message names it.
pub fn stage(build: &Path, prefix: &Path) -> Result<PathBuf, String> {
    let root = root();
    let lib = prefix.join("lib");
    let include = prefix.join("include");
    let pkgconfig = lib.join("pkgconfig");
    for dir in [&include, &pkgconfig] {
        fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    }
    copy(
        &root.join("include/tidegate.h"),
        &include.join("tidegate.h"),
    )?;
    copy(&build.join("libtidegate_c.a"), &lib.join("libtidegate.a"))?;
    if cfg!(target_os = "macos") {
        copy(
            &build.join("libtidegate_c.dylib"),
            &lib.join("libtidegate.0.dylib"),
        )?;
        link("libtidegate.0.dylib", &lib.join("libtidegate.dylib"))?;
    } else {
        copy(
            &build.join("libtidegate_c.so"),
            &lib.join("libtidegate.so.0"),
        )?;
        link("libtidegate.so.0", &lib.join("libtidegate.so"))?;
    }
    let template = root.join("tidegate.pc.in");
    let text = fs::read_to_string(&template)
        .map_err(|error| format!("{}: {error}", template.display()))?
        .replace("@prefix@", &prefix.to_string_lossy())
        .replace("@version@", env!("CARGO_PKG_VERSION"))
        .replace("@static_libs@", STATIC_LIBS);
    let path = pkgconfig.join("tidegate.pc");
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(prefix.to_owned())
}

/// Writes the one file, not part of any release, that makes the Go module of this checkout find the
/// library below `prefix` without anything in the environment.
///
/// # Errors
/// When the file cannot be written.
pub fn point_go_at(prefix: &Path) -> Result<(), String> {
    let lib = prefix.join("lib");
    let text = format!(
        "package tidegate

// Written by `cargo xtask build ffi` for this checkout alone.

// #cgo LDFLAGS: -L{0} -Wl,-rpath,{0}
import \"C\"
",
        lib.display()
    );
    let path = root().join("go/link_checkout.go");
    if fs::read_to_string(&path).ok().as_ref() == Some(&text) {
        return Ok(());
    }
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Replaces a file by a new one under the same name, so that a running program keeps the old one.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let fresh = to.with_extension(format!("new{}", std::process::id()));
    fs::copy(from, &fresh)
        .and_then(|_| fs::rename(&fresh, to))
        .map_err(|error| format!("{} -> {}: {error}", from.display(), to.display()))
}

#[cfg(unix)]
fn link(target: &str, at: &Path) -> Result<(), String> {
    match std::os::unix::fs::symlink(target, at) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(format!("{}: {error}", at.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn link(target: &str, at: &Path) -> Result<(), String> {
    copy(&at.with_file_name(target), at)
}

//! `include/tidegate.h`.

use std::{env, fs, path::Path};

use cbindgen::{Builder, Config};

/// Sections of the header, in order.
const SOURCES: &[&str] = &[
    "version", "error", "buf", "head", "request", "reply", "gateway", "stream", "session", "host",
    "queue", "server",
];

const INITIALISERS: &str = "
/* Where every request begins: `tg_request request = TG_REQUEST_INIT;` */
#define TG_REQUEST_INIT \\
    { sizeof(tg_request), TG_MODE_NATIVE, NULL, NULL, NULL, 0, NULL, 0, NULL }

/* Where every scope begins: `tg_scope scope = TG_SCOPE_INIT;` */
#define TG_SCOPE_INIT \\
    { sizeof(tg_scope), NULL, NULL, NULL, NULL }

/* Where the options of tg_serve begin. */
#define TG_SERVE_OPTIONS_INIT \\
    { sizeof(tg_serve_options), NULL, 0 }";

/// The header made from the sources of the ABI and `results`, the text of `result_gen.rs`, which
/// may not have been written yet.
pub(crate) fn generate(root: &Path, results: &str) -> Result<String, String> {
    let mut config = Config::from_file(root.join("cbindgen.toml").to_string_lossy().as_ref())?;
    config.after_includes = Some(format!("{}\n{INITIALISERS}", version_defines()));

    // cbindgen reads files only.
    let scratch = env::temp_dir().join(format!("tidegate-results-{}.rs", std::process::id()));
    fs::write(&scratch, results).map_err(|error| format!("{}: {error}", scratch.display()))?;
    let mut builder = Builder::new().with_config(config).with_src(&scratch);
    for source in SOURCES {
        builder = builder.with_src(root.join(format!("src/c/{source}.rs")));
    }
    let bindings = builder.generate().map_err(|error| error.to_string());
    let _ = fs::remove_file(&scratch);
    let mut text = Vec::new();
    bindings?.write(&mut text);
    String::from_utf8(text).map_err(|error| error.to_string())
}

fn version_defines() -> String {
    format!(
        "
/* The release this header belongs to. `tg_version()` tells that of the loaded library. */
#define TG_VERSION \"{}\"
#define TG_VERSION_MAJOR {}
#define TG_VERSION_MINOR {}
#define TG_VERSION_PATCH {}",
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    )
}

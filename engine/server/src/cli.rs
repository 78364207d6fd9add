//! The `tidegate` command: arguments in, exit code out.
//!
//! The Python console script and `npx tidegate` call [`main`] too, so nothing here ends the process.

mod check;
mod demo;
mod explain;
mod keys;
mod logging;
mod paint;
mod replay;
mod serve;
mod watch;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, Parser, Subcommand};
use tidegate::{Error, VERSION, bridge::Source, config::schema::json_schema};

/// Nothing went wrong.
const OK: i32 = 0;
/// The command could not do what it was asked.
const FAILED: i32 = 1;
/// The arguments make no sense.
const USAGE: i32 = 2;

/// Names of a configuration file in the working directory, in the order they are looked for.
const FILES: [&str; 4] = [
    "tidegate.yaml",
    "tidegate.yml",
    "tidegate.toml",
    "tidegate.json",
];

/// An AI gateway: one address for every model provider, with fallbacks, retries, budgets and a
/// cache. The same engine also runs inside Python, Node, Go, C and Rust programs.
#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    version = VERSION,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Start here:\n  \
        tidegate demo                         see it work, without any key\n  \
        OPENAI_API_KEY=sk-... tidegate serve  serve with what the environment offers\n  \
        tidegate check tidegate.yaml          find the mistakes in a configuration"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the HTTP server
    ///
    /// Without a configuration, every provider whose usual environment variable is set can be called
    /// (OPENAI_API_KEY, ANTHROPIC_API_KEY and so on), as `openai/gpt-5-mini` or by the model's bare
    /// name. Clients use the server like the provider itself: for OpenAI's SDKs the base URL is
    /// http://127.0.0.1:8787/v1, for Anthropic's http://127.0.0.1:8787.
    ///
    /// The configuration is read again when its file changes and on SIGHUP; one with mistakes is
    /// reported and not taken. SIGTERM and SIGINT let running calls finish, a second one does not.
    Serve(Serve),
    /// Read a configuration and name every mistake in it
    Check {
        /// The file [default: as for `serve`]
        config: Option<PathBuf>,
    },
    /// Say what would become of a request, and why; calls nobody
    ///
    /// Which rule applies, whether limits and budgets let it in, which targets would be asked in which
    /// order and why, what it could cost, what would be lost in translation.
    Explain(Explain),
    /// Live through a log again under another configuration, and say what would have been different
    ///
    /// Reads what `log:` of a configuration has written. Rules, limits, budgets, strategies, breakers,
    /// retries, hedges and prices are the engine's own, in the time of the log; nobody is called, and
    /// keys need not be there. Prints cost, latency, errors and traffic per target, as it was and as
    /// it would have been.
    ///
    /// What it assumes: a try at a target goes as the same call's own try went there, or else as one
    /// drawn from the 64 nearest in time that other calls made there; a call that goes to a target
    /// which the log does not know is answered in the time it took before, and counted as such. A
    /// target is as quick under more load as it was. Tokens are the same everywhere. Stored answers
    /// stay stored answers where the route has a cache. Callers ask the same, whatever they are told.
    /// No text is compared for `strategy: semantic`. Panels, copies for comparison, brown-outs, streams that go on elsewhere, and endpoints other
    /// than conversations and embeddings are not lived through; neither are headers and metadata that
    /// rules look at, unless the log holds bodies.
    Replay(Replay),
    /// Make a key for a caller, or the hash by which a configuration knows one
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Print the JSON Schema of the configuration
    Schema,
    /// Show in a minute what the gateway does; needs no key and no network
    ///
    /// Scripted providers answer a few calls: a reply, a stream, a fallback, an answer from the
    /// cache, a call refused by its budget. Then the server is left running, to be tried by hand.
    /// Providers whose keys are in the environment are served too.
    Demo(Demo),
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
struct Serve {
    /// Configuration file, YAML, TOML or JSON by its ending [default: tidegate.yaml, .yml, .toml or
    /// .json of this directory, else the environment's keys alone]
    #[arg(short, long, value_name = "FILE", env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
    /// Where to listen: host:port, or unix:/path/to/socket [default: server.listen of the
    /// configuration, else 127.0.0.1:8787]
    #[arg(short, long, value_name = "ADDRESS", env = "TIDEGATE_LISTEN")]
    listen: Option<String>,
    /// Threads that serve requests [default: server.threads of the configuration, else one per
    /// core, at most 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// What to log to standard error: `quiet`, `normal`, `calls` (one line per call), `debug`, or
    /// tracing directives
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "normal",
        env = "TIDEGATE_LOG"
    )]
    log: String,
}

#[derive(Debug, Args)]
struct Explain {
    /// File with the body of the request; `-` reads standard input
    request: PathBuf,
    /// Configuration [default: as for `serve`]
    #[arg(short, long, value_name = "FILE", env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
    /// The path it would be sent to
    #[arg(long, value_name = "PATH", default_value = "/v1/chat/completions")]
    path: String,
    /// HTTP method
    #[arg(long, value_name = "METHOD", default_value = "POST")]
    method: String,
    /// A header it would have; may be given more than once
    #[arg(long, value_name = "NAME:VALUE")]
    header: Vec<String>,
    /// The Tidegate key it would be sent with [default: root]
    #[arg(long, value_name = "KEY", env = "TIDEGATE_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Ask a running gateway, which knows how its targets do and what was spent
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    url: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Replay {
    /// The configuration to live under
    #[arg(short, long, value_name = "FILE")]
    policy: PathBuf,
    /// The log, in as many files as there are; `-` reads standard input
    #[arg(required = true)]
    log: Vec<PathBuf>,
    /// What chance begins with: the same seed gives the same report
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Demo {
    /// End after the show instead of leaving the server running
    #[arg(long)]
    exit: bool,
    /// Where to listen [default: 127.0.0.1:8787, or any free port when that is taken]
    #[arg(short, long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// Runs the command line `args`, the program's name first, and gives its exit code: 0 when all went
/// well, 1 when something failed, 2 when the arguments make no sense, 130 when a second signal ended
/// the server before its calls were done. Installs signal handlers and a log subscriber.
pub fn main(args: impl IntoIterator<Item = OsString>) -> i32 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too.
            let _ = error.print();
            return if error.use_stderr() { USAGE } else { OK };
        }
    };
    match cli.command {
        Command::Serve(options) => serve::run(options),
        Command::Check { config } => check::run(config),
        Command::Explain(options) => explain::run(options),
        Command::Replay(options) => replay::run(options),
        Command::Keys(what) => keys::run(what),
        Command::Schema => print(&format!("{:#}\n", json_schema())),
        Command::Demo(options) => demo::run(options),
        Command::Version => print(&format!("tidegate {VERSION}\n")),
    }
}

/// Where the configuration comes from, and how to call that.
fn find(config: Option<PathBuf>) -> (Source, String) {
    let found = config.or_else(|| {
        let files = FILES.iter().map(Path::new);
        files
            .filter(|file| file.is_file())
            .map(Path::to_owned)
            .next()
    });
    match found {
        Some(path) => {
            let name = path.display().to_string();
            (Source::Path(path), name)
        }
        None => (Source::Env, "the environment".to_owned()),
    }
}

/// Writes to standard output. A reader that has gone away is no failure.
fn print(text: &str) -> i32 {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => FAILED,
        _ => OK,
    }
}

/// Writes an error to standard error, one line per problem.
fn complain(error: &Error) -> i32 {
    let mut stderr = io::stderr().lock();
    for line in error.message().lines() {
        // Nowhere is left to report that standard error is gone.
        let _ = writeln!(stderr, "tidegate: {line}");
    }
    FAILED
}

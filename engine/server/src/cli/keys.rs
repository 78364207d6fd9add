//! `tidegate keys`: making keys, and hashes of keys.

use std::io;

use clap::Subcommand;
use tidegate::{config::KeyHash, keys};

use super::{FAILED, complain, print};

/// Longer lines are no keys.
const LONGEST: usize = 4096;

#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum Keys {
    /// Make a key: print it, and its hash for the configuration
    ///
    /// The key has 256 random bits. It is shown this once; the configuration needs its hash alone:
    /// `keys: [ { id: alice, hash: "sha256:..." } ]`.
    New {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the hash of a key, which is read from standard input
    Hash,
}

pub(super) fn run(what: Keys) -> i32 {
    match what {
        Keys::New { json } => match keys::generate() {
            Ok(key) => {
                let (value, hash) = (key.value.expose(), key.hash.to_string());
                print(&if json {
                    format!("{}\n", serde_json::json!({ "value": value, "hash": hash }))
                } else {
                    format!("key   {value}\nhash  {hash}\n")
                })
            }
            Err(error) => complain(&error),
        },
        Keys::Hash => {
            let mut line = String::new();
            let key = match io::stdin().read_line(&mut line) {
                Ok(_) => line.trim(),
                Err(_) => "",
            };
            if key.is_empty() || key.len() > LONGEST {
                let text = "a key is expected in one line of standard input";
                complain(&tidegate::Error::new(tidegate::Code::InvalidRequest, text));
                return FAILED;
            }
            print(&format!("{}\n", KeyHash::of(key)))
        }
    }
}

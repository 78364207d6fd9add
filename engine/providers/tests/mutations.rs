//! Our own fixtures, changed at random: whatever comes of them must be borne.
//!
//! `MUTATIONS=100000 cargo test -p tidegate-providers --test mutations` does more of it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "support/hostile.rs"]
mod hostile;

use std::{fs, path::PathBuf};

use fastrand::Rng;
use tidegate_types::Dialect;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/spec/fixtures")
}

/// Fixtures of a kind, with the number of their dialect in front.
fn seeds(kind: &str) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (number, dialect) in Dialect::ALL.iter().enumerate() {
        for entry in fs::read_dir(folder().join(dialect.as_str())).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name.starts_with(kind) {
                let mut seed = vec![number as u8];
                seed.extend(fs::read(&path).unwrap());
                all.push((name, seed));
            }
        }
    }
    all.sort();
    all.into_iter().map(|(_, seed)| seed).collect()
}

/// Pieces that decoders look for, and numbers and texts at the edge of what they bear.
const PIECES: &[&str] = &[
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "0",
    "-1",
    "1e999",
    "18446744073709551616",
    "\"\\ud800\"",
    "[[",
    "]]",
    "{\"type\":",
    "\\",
    "\"",
    "\u{0}",
    "\r",
    "\n\n",
    "data: ",
    "event: ",
    ":",
    ",",
    "\"function\"",
    "\"data:image/png;base64,\"",
    "\"tidegate_json_reply\"",
    "\"tidegate_text_\"",
    "\"index\":4294967296,",
];

struct Mutator {
    rng: Rng,
}

impl Mutator {
    fn below(&mut self, most: usize) -> usize {
        self.rng.usize(..most.max(1))
    }

    fn change(&mut self, data: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..=self.below(4) {
            let at = 1 + self.below(data.len());
            let at = at.min(data.len());
            match self.below(6) {
                0 => data.truncate(at.max(1)),
                1 if at < data.len() => data[at] = self.rng.u8(..),
                2 if at < data.len() => {
                    let end = (at + self.below(20)).min(data.len());
                    data.drain(at..end);
                }
                3 => {
                    let piece = PIECES[self.below(PIECES.len())];
                    data.splice(at..at, piece.bytes());
                }
                4 => {
                    // A part of it once more.
                    let end = (at + self.below(200)).min(data.len());
                    let copy = data[at..end].to_vec();
                    data.splice(at..at, copy);
                }
                _ => {
                    let from = self.below(other.len());
                    let end = (from + self.below(200)).min(other.len());
                    data.splice(at..at, other[from..end].iter().copied());
                }
            }
        }
    }
}

fn rounds() -> usize {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long to go on is the caller's choice"
    )]
    let asked = std::env::var("MUTATIONS")
        .ok()
        .and_then(|text| text.parse().ok());
    asked.unwrap_or(600)
}

/// One test, because memory is measured for the whole process.
#[test]
fn whatever_comes_is_borne() {
    // Always the same, so that a failure comes again.
    let rng = Rng::with_seed(20_260_101);
    let mut mutator = Mutator { rng };
    for (name, check) in hostile::CHECKS {
        let kind = match *name {
            "request" | "outline" | "config" => "request",
            "response" => "response",
            "error" => "error",
            _ => "stream",
        };
        let seeds = seeds(kind);
        assert!(seeds.len() > 10, "{name}");
        for seed in &seeds {
            check(seed);
        }
        for _ in 0..rounds() {
            let mut data = seeds[mutator.below(seeds.len())].clone();
            let other = &seeds[mutator.below(seeds.len())];
            mutator.change(&mut data, other);
            // What breaks it is said before it does.
            let said = String::from_utf8_lossy(&data).into_owned();
            let outcome = std::panic::catch_unwind(|| check(&data));
            assert!(outcome.is_ok(), "{name}: {:?}\n{said}", data.first());
        }
    }
    regressions();
}

/// What once broke a decoder: one file each, named after the check, `tests/spec/hostile/CHECK_NAME`.
fn regressions() {
    let folder = folder().join("../hostile");
    let mut seen = 0;
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (name, _) = hostile::CHECKS
            .iter()
            .filter(|(name, _)| file.starts_with(name))
            .max_by_key(|(name, _)| name.len())
            .unwrap_or_else(|| panic!("{file} is of no check"));
        hostile::run(name, &fs::read(&path).unwrap());
        seen += 1;
    }
    assert!(seen > 0);
}

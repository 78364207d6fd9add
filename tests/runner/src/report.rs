//! Results, the table and the baselines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::Path,
};

use serde::Deserialize;
use serde_json::{Value, json};

/// How a case ended on a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    /// The face lacks a capability.
    Skipped,
    /// Failed, and the baseline says so.
    Expected,
}

/// `(face, case)` and how it ended.
pub(crate) type Results = BTreeMap<(String, String), Outcome>;

/// One expected failure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    case: String,
    reason: String,
}

/// Cases that are known to fail on `face`, with reasons.
pub(crate) fn baseline(folder: &Path, face: &str) -> Result<BTreeMap<String, String>, String> {
    let path = folder.join(format!("{face}.json"));
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let entries: Vec<Entry> =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(entries
        .into_iter()
        .map(|entry| (entry.case, entry.reason))
        .collect())
}

fn count<'a>(results: &(impl Iterator<Item = &'a Outcome> + Clone)) -> [usize; 4] {
    [
        Outcome::Passed,
        Outcome::Failed,
        Outcome::Skipped,
        Outcome::Expected,
    ]
    .map(|wanted| {
        results
            .clone()
            .filter(|outcome| **outcome == wanted)
            .count()
    })
}

/// Areas down, faces across, as Markdown. `12` passed, `11/12` not all, `–` none applies.
pub(crate) fn table(results: &Results, faces: &[String]) -> String {
    let area = |case: &str| case.split("::").next().unwrap_or(case).to_owned();
    let areas: BTreeSet<String> = results.keys().map(|(_, case)| area(case)).collect();
    let mut text = String::from("| area |");
    for face in faces {
        let _ = write!(text, " {face} |");
    }
    text.push_str("\n| --- |");
    text.push_str(&" ---: |".repeat(faces.len()));
    let cell = |face: &str, wanted: Option<&str>| {
        let [passed, failed, _, expected] = count(
            &results
                .iter()
                .filter(|((of, case), _)| {
                    of == face && wanted.is_none_or(|wanted| area(case) == wanted)
                })
                .map(|(_, outcome)| outcome),
        );
        match passed + failed + expected {
            0 => "–".to_owned(),
            run if run == passed => passed.to_string(),
            run => format!("{passed}/{run}"),
        }
    };
    for area in &areas {
        let _ = write!(text, "\n| {area} |");
        for face in faces {
            let _ = write!(text, " {} |", cell(face, Some(area)));
        }
    }
    text.push_str("\n| **all** |");
    for face in faces {
        let _ = write!(text, " {} |", cell(face, None));
    }
    text.push('\n');
    text
}

/// The counts, for programs.
pub(crate) fn summary(
    results: &Results,
    faces: &[String],
    skipped_faces: &BTreeMap<String, String>,
    seconds: f64,
) -> Value {
    let mut per_face = serde_json::Map::new();
    for face in faces {
        let of_face = results.iter().filter(|((of, _), _)| of == face);
        let [passed, failed, skipped, expected] =
            count(&of_face.clone().map(|(_, outcome)| outcome));
        let names = |wanted: Outcome| -> Vec<&String> {
            of_face
                .clone()
                .filter(|(_, outcome)| **outcome == wanted)
                .map(|((_, case), _)| case)
                .collect()
        };
        per_face.insert(
            face.clone(),
            json!({
                "passed": passed, "failed": failed, "skipped": skipped, "expected": expected,
                "failures": names(Outcome::Failed), "skips": names(Outcome::Skipped),
            }),
        );
    }
    let cases: BTreeSet<&String> = results.keys().map(|(_, case)| case).collect();
    let [passed, failed, skipped, expected] = count(&results.values());
    json!({
        "cases": cases.len(), "passed": passed, "failed": failed, "skipped": skipped,
        "expected": expected, "faces": per_face, "skipped_faces": skipped_faces,
        "seconds": (seconds * 10.0).round() / 10.0,
    })
}

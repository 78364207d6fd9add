//! Checks of the suite itself.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use libtest_mimic::{Failed, Trial};
use serde::Deserialize;
use tidegate_types::Code;

use crate::case::{self, Case};

/// A code that no case can raise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unraised {
    code: String,
    reason: String,
}

pub(crate) fn trials(cases: &Arc<Vec<Case>>, spec: &Path) -> Vec<Trial> {
    let (listed, schema) = (
        spec.join("baseline/codes.json"),
        spec.join("case.schema.json"),
    );
    let for_codes = Arc::clone(cases);
    vec![
        Trial::test("suite::every_error_code_is_raised_by_a_case", move || {
            every_code(&for_codes, &listed).map_err(Failed::from)
        }),
        Trial::test("suite::the_case_schema_is_up_to_date", move || {
            up_to_date(&schema).map_err(Failed::from)
        }),
    ]
}

fn every_code(cases: &[Case], listed: &Path) -> Result<(), String> {
    let mut raised = BTreeSet::new();
    for case in cases {
        case.expected_slugs(&mut raised);
    }
    let text = std::fs::read_to_string(listed).unwrap_or_else(|_| "[]".to_owned());
    let unraised: Vec<Unraised> =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", listed.display()))?;
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let excuse = unraised.iter().find(|entry| entry.code == code.slug());
        match (raised.contains(code.slug()), excuse) {
            (false, None) => wrong.push(format!("{} is raised by no case", code.slug())),
            (true, Some(entry)) => wrong.push(format!(
                "{} is raised, yet listed as unraised: {}",
                code.slug(),
                entry.reason
            )),
            _ => {}
        }
    }
    for entry in &unraised {
        if Code::from_slug(&entry.code).is_none() {
            wrong.push(format!("{} is no code", entry.code));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

fn up_to_date(path: &Path) -> Result<(), String> {
    let wanted = case::schema();
    let found = std::fs::read_to_string(path).unwrap_or_default();
    if found == wanted {
        return Ok(());
    }
    Err(format!(
        "run: cargo run -p runner -- --schema > {}",
        path.display()
    ))
}

//! Adds up what the test runners of six languages say about themselves.

/// Counts of one step or of all. Every skip has a name and a reason.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: Vec<Skip>,
}

/// Something that was not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    pub(crate) what: String,
    pub(crate) why: String,
    /// How many tests it stands for.
    pub(crate) count: usize,
}

impl Tally {
    /// One check that passed.
    pub(crate) fn one() -> Self {
        Self {
            passed: 1,
            ..Self::default()
        }
    }

    /// One thing that was not run.
    pub(crate) fn skipped(what: impl Into<String>, why: impl Into<String>) -> Self {
        let mut tally = Self::default();
        tally.skip(what, why);
        tally
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped.extend(other.skipped);
    }

    pub(crate) fn skip(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.skipped.push(Skip {
            what: what.into(),
            why: why.into(),
            count: 1,
        });
    }

    pub(crate) fn skips(&self) -> usize {
        self.skipped.iter().map(|skip| skip.count).sum()
    }

    /// Fails that a runner did not count itself (it ended badly without saying how many).
    pub(crate) fn at_least_one_failure(mut self) -> Self {
        self.failed = self.failed.max(1);
        self
    }
}

/// libtest and libtest-mimic: `test result: ok. 4 passed; 0 failed; 1 ignored; ...`.
pub(crate) fn libtest(output: &str) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines() {
        if let Some(rest) = line.strip_prefix("test result: ") {
            tally.passed += before(rest, " passed");
            tally.failed += before(rest, " failed");
        } else if let Some(rest) = line.strip_prefix("skipped ") {
            // A whole face of the suite: `skipped face go: Go is not installed`.
            if let Some((what, why)) = rest.split_once(": ") {
                tally.skip(what, why);
            }
        } else if let Some(rest) = line.strip_prefix("test ") {
            // `test name ... ignored, reason`, or `test [reason] name ... ignored`
            if let Some((what, why)) = rest.split_once(" ... ignored") {
                let why = why.trim_start_matches(',').trim();
                let kind = what
                    .strip_prefix('[')
                    .and_then(|rest| rest.split_once("] "));
                match kind {
                    Some((kind, what)) => tally.skip(what.trim(), format!("the face has {kind}")),
                    None => tally.skip(what, if why.is_empty() { "ignored" } else { why }),
                }
            }
        }
    }
    tally
}

/// pytest with `-rs`: `SKIPPED [2] tests/test_x.py:10: reason` and the last line.
pub(crate) fn pytest(output: &str) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines() {
        if let Some(rest) = line.strip_prefix("SKIPPED [") {
            let Some((count, rest)) = rest.split_once("] ") else {
                continue;
            };
            let (what, why) = rest.split_once(": ").unwrap_or((rest, "skipped"));
            let skip = Skip {
                what: what.into(),
                why: why.into(),
                count: count.parse().unwrap_or(1),
            };
            tally.skipped.push(skip);
        } else if line.contains(" in ")
            && (line.contains(" passed") || line.contains(" failed") || line.contains(" error"))
        {
            tally.passed += before(line, " passed") + before(line, " xfailed");
            tally.failed += before(line, " failed") + before(line, " error");
        }
    }
    tally
}

/// `node --test`, spec or TAP reporter.
pub(crate) fn node(output: &str) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines() {
        let line = line.trim();
        let summary = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "));
        if let Some((name, number)) = summary.and_then(|rest| rest.split_once(' ')) {
            let number: usize = number.trim().parse().unwrap_or(0);
            match name {
                "pass" => tally.passed += number,
                "fail" | "cancelled" => tally.failed += number,
                _ => {}
            }
        }
        if let Some((what, why)) = line.split_once(" # SKIP") {
            let what = what
                .trim_start_matches("ok")
                .trim_start_matches("﹣")
                .trim();
            let what = what.split_once(" - ").map_or(what, |(_, name)| name);
            tally.skip(
                what,
                if why.trim().is_empty() {
                    "skipped"
                } else {
                    why.trim()
                },
            );
        }
    }
    tally
}

/// `go test -v`: `--- PASS: TestName (0.00s)`; a skip's reason is on the line above it.
pub(crate) fn go(output: &str) -> Tally {
    let mut tally = Tally::default();
    let mut last = "";
    for line in output.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with("--- PASS") {
            tally.passed += 1;
        } else if trimmed.starts_with("--- FAIL") {
            tally.failed += 1;
        } else if let Some(rest) = trimmed.strip_prefix("--- SKIP: ") {
            tally.skip(rest.split(' ').next().unwrap_or(rest), last);
        } else {
            last = trimmed.split_once(".go:").map_or(trimmed, |(_, rest)| rest);
        }
    }
    tally
}

/// The number right before `word`.
fn before(line: &str, word: &str) -> usize {
    line.match_indices(word)
        .filter_map(|(at, _)| {
            line[..at]
                .rsplit(|c: char| !c.is_ascii_digit())
                .next()?
                .parse::<usize>()
                .ok()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(what: &str, why: &str) -> Skip {
        Skip {
            what: what.into(),
            why: why.into(),
            count: 1,
        }
    }

    #[test]
    fn cargo_output_is_counted_over_all_targets() {
        let output = "running 2 tests\ntest a ... ok\ntest b ... ignored, needs a network\n\n\
            test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s\n";
        let expected = Tally {
            passed: 4,
            failed: 2,
            skipped: vec![skip("b", "needs a network")],
        };
        assert_eq!(libtest(output), expected);
        let suite = "skipped face go: no cc\ntest [no reload] admin::again::c  ... ignored\n";
        let expected = vec![
            skip("face go", "no cc"),
            skip("admin::again::c", "the face has no reload"),
        ];
        assert_eq!(libtest(suite).skipped, expected);
    }

    #[test]
    fn pytest_output_is_counted_with_its_reasons() {
        let output = "SKIPPED [3] tests/test_fork.py:12: uvloop is not installed\n\
            ===== 1 failed, 20 passed, 3 skipped, 2 warnings in 4.21s =====\n";
        let tally = pytest(output);
        assert_eq!((tally.passed, tally.failed, tally.skips()), (20, 1, 3));
        assert_eq!(tally.skipped[0].why, "uvloop is not installed");
    }

    #[test]
    fn node_output_is_counted_in_both_reporters() {
        let tap = "ok 3 - streams # SKIP no addon\n# tests 4\n# pass 3\n# fail 0\n# skipped 1\n";
        assert_eq!(
            node(tap),
            Tally {
                passed: 3,
                failed: 0,
                skipped: vec![skip("streams", "no addon")]
            }
        );
        let spec = "﹣ streams (0.1ms) # SKIP\nℹ tests 4\nℹ pass 2\nℹ fail 1\nℹ cancelled 1\n";
        assert_eq!(
            (node(spec).passed, node(spec).failed, node(spec).skips()),
            (2, 2, 1)
        );
    }

    #[test]
    fn go_output_is_counted_with_its_reasons() {
        let output = "=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n    b_test.go:9: no valgrind\n--- SKIP: TestB (0.00s)\nok\n";
        let tally = go(output);
        assert_eq!((tally.passed, tally.failed), (1, 0));
        assert_eq!(tally.skipped, vec![skip("TestB", "9: no valgrind")]);
    }
}

//! `cargo xtask test`: everything that must hold, in one command with one closing line.

use std::{collections::BTreeMap, time::Instant};

use crate::{
    artefacts,
    count::{self, Skip, Tally},
    docs, examples, generate,
    job::Job,
    lint,
    machine::{Machine, runs, tracked},
    servers::Servers,
    step::{self, Step, Verdict},
    suite,
};

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> Result<bool, String> {
    let fast = arguments.iter().any(|argument| argument == "--fast");
    let only: Vec<&str> = arguments
        .iter()
        .zip(arguments.iter().skip(1))
        .filter(|(flag, _)| *flag == "--only")
        .map(|(_, name)| name.as_str())
        .collect();
    let mut steps = if fast { fast_steps() } else { all_steps() };
    if !only.is_empty() {
        if let Some(unknown) = only
            .iter()
            .find(|name| !steps.iter().any(|step| step.name == **name))
        {
            let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
            return Err(format!(
                "no step {unknown:?}; there are: {}",
                names.join(", ")
            ));
        }
        steps.retain(|step| only.contains(&step.name));
    }
    let begin = Instant::now();
    let tally = step::run_all(machine, &steps);
    close(&tally, begin);
    Ok(tally.failed == 0)
}

/// The skips by name, then the one closing line.
fn close(tally: &Tally, begin: Instant) {
    if !tally.skipped.is_empty() {
        println!("\nskipped:");
        let mut by_reason: BTreeMap<&str, Vec<&Skip>> = BTreeMap::new();
        for skip in &tally.skipped {
            by_reason.entry(&skip.why).or_default().push(skip);
        }
        for (why, skips) in by_reason {
            let names: Vec<String> = skips
                .iter()
                .map(|skip| {
                    if skip.count > 1 {
                        format!("{} ({})", skip.what, skip.count)
                    } else {
                        skip.what.clone()
                    }
                })
                .collect();
            println!("  {why}: {}", names.join(", "));
        }
    }
    println!(
        "\n{} passed, {} failed, {} skipped  ({})",
        tally.passed,
        tally.failed,
        tally.skips(),
        step::duration(begin.elapsed())
    );
}

fn fast_steps() -> Vec<Step> {
    vec![
        Step::new("build", build).cargo().minutes(40),
        Step::new("rust", rust)
            .cargo()
            .needs(&["build"])
            .minutes(40),
        Step::new("suite", |machine, job| {
            suite::run(machine, job, Some("rust,http"))
        })
        .needs(&["build"])
        .after(&["rust"]),
    ]
}

/// In the order of the report. What follows a build in the other lane goes on while cargo compiles.
fn all_steps() -> Vec<Step> {
    let mut steps = vec![
        Step::new("set-up python", |machine, job| {
            machine.set_up_python(job).map(|()| Tally::one()).into()
        }),
        Step::new("set-up node", set_up_node),
        Step::new("set-up debian", set_up_debian),
        Step::new("build", build).cargo().minutes(40),
        Step::new("set-up frameworks", |machine, job| {
            machine.set_up_frameworks(job).map(|()| Tally::one()).into()
        })
        .minutes(30),
        Step::new("dependencies", dependencies),
    ];
    steps.extend(lint::steps());
    steps.extend([
        Step::new("rust", rust)
            .cargo()
            .after(&["build", "set-up debian"])
            .minutes(40),
        Step::new("gen --check", |machine, job| {
            generate::check(machine, job).into()
        })
        .needs(&["build"]),
        Step::new("link python", |machine, _| {
            artefacts::link_python(machine, "debug")
                .map(|()| Tally::one())
                .into()
        })
        .needs(&["build", "set-up python"]),
        Step::new("link node", |machine, _| {
            artefacts::link_node(machine, "debug")
                .map(|()| Tally::one())
                .into()
        })
        .needs(&["build", "set-up node"]),
        Step::new("stage c", |machine, job| {
            artefacts::stage_ffi(machine, job, "debug")
                .map(|()| Tally::one())
                .into()
        })
        .needs(&["build"]),
        Step::new("suite", |machine, job| suite::run(machine, job, None))
            .needs(&["build"])
            .after(&["link python", "link node", "stage c", "set-up debian"])
            .minutes(20),
        Step::new("readme table", |machine, job| {
            generate::table(machine, job, false).into()
        })
        .needs(&["suite"]),
        Step::new("python", suite::pytest)
            .needs(&["link python"])
            .minutes(20),
        Step::new("python frameworks", suite::frameworks)
            .needs(&["link python", "set-up frameworks"])
            .minutes(20),
        Step::new("node", suite::node)
            .needs(&["link node"])
            .minutes(20),
        Step::new("go", suite::go)
            .needs(&["stage c"])
            .after(&["set-up debian"]),
        Step::new("examples", examples::run)
            .after(&["link python", "link node", "stage c", "set-up debian"])
            .needs(&["build"]),
        Step::new("docs", docs::run)
            .after(&["link python", "link node", "stage c"])
            .needs(&["build"]),
    ]);
    steps
}

/// `npm ci` wherever a lock file is.
pub(crate) fn set_up_node(machine: &Machine, job: &Job) -> Verdict {
    if !runs("npm", &["--version"]) {
        return Verdict::Skipped("Node is not installed".into());
    }
    let locks = tracked(&machine.root, &["*package-lock.json"]);
    let mut tally = Tally::default();
    for lock in locks.iter().filter(|lock| !lock.starts_with("benches/")) {
        let folder = lock
            .trim_end_matches("package-lock.json")
            .trim_end_matches('/');
        match machine.npm_ci(job, folder) {
            Ok(()) => tally.passed += 1,
            Err(problem) => return Verdict::Broke(problem),
        }
    }
    Verdict::Ran(tally)
}

/// Tools that sharpen the C tests; without them those tests say what they leave out.
fn set_up_debian(machine: &Machine, job: &Job) -> Verdict {
    let mut tally = Tally::default();
    for (package, program) in [
        ("gcc", "cc"),
        ("libc6-dev", "/usr/include/stdio.h"),
        ("valgrind", "valgrind"),
        ("curl", "curl"),
    ] {
        let present = || {
            if program.starts_with('/') {
                std::path::Path::new(program).exists() || cfg!(not(target_os = "linux"))
            } else {
                runs(program, &["--version"])
            }
        };
        match machine.debian(job, package, present) {
            Ok(()) => tally.passed += 1,
            Err(reason) => tally.skip(package, reason),
        }
    }
    Verdict::Ran(tally)
}

/// cargo-deny reads the same deny.toml as the house tests and knows licences better.
fn dependencies(machine: &Machine, job: &Job) -> Verdict {
    if !runs("cargo-deny", &["--version"]) {
        return Verdict::Skipped(
            "cargo-deny is not installed; `house` checks the same rules from cargo metadata".into(),
        );
    }
    // Advisories come from a repository outside; they are a release's business.
    lint::checked(
        job,
        machine.cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"]),
    )
}

/// Every Rust test of the workspace, the house rules among them. What takes long is compiling, and
/// that happens first and at low priority.
fn rust(machine: &Machine, job: &Job) -> Verdict {
    let compiled = artefacts::workspace(machine, &["test", "--no-run"]);
    match compiled.and_then(|mut command| job.must(&mut command)) {
        Ok(_) => {}
        Err(problem) => return Verdict::Broke(problem),
    }
    let features = match artefacts::testing_features(machine) {
        Ok(features) => features,
        Err(problem) => return Verdict::Broke(problem),
    };
    let servers = Servers::start(machine, job);
    let mut command = machine.cargo(&["test", "--workspace", "--no-fail-fast", "--features"]);
    command.arg(features).env("RUST_BACKTRACE", "1");
    command.envs(servers.variables.iter().cloned());
    match job.run(&mut command) {
        Ok(ended) => {
            let mut tally = suite::closed(count::libtest(&ended.output), ended.ok);
            for (what, why) in &servers.missing {
                tally.skip(*what, why.clone());
            }
            Verdict::Ran(tally)
        }
        Err(error) => Verdict::Broke(error.to_string()),
    }
}

/// All artefacts in one build, so that they share every dependency.
fn build(machine: &Machine, job: &Job) -> Verdict {
    match artefacts::workspace(machine, &["build"]) {
        Ok(command) => lint::checked(job, command),
        Err(problem) => Verdict::Broke(problem),
    }
}

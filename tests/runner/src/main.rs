//! `cargo run -p runner -- [--faces rust,http] [--table | --json] [--table-to FILE] [--schema] [FILTER] [libtest options]`
//!
//! Runs every case of `tests/spec/cases` on every face. See `tests/README.md`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a test tool keeps real time and reads its environment"
)]

mod case;
mod codes;
mod digest;
mod driver;
mod faces;
mod matcher;
mod report;
mod run;
mod world;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};

use case::Case;
use driver::Driver;
use faces::Unavailable;
use report::{Outcome, Results};
use world::World;

/// How long a driver may take to start.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A face that runs: one driver at a time, replaced when it breaks.
struct Face {
    name: String,
    root: PathBuf,
    driver: Mutex<Option<Driver>>,
    world: World,
    baseline: BTreeMap<String, String>,
}

#[derive(Default)]
struct Options {
    faces: Option<Vec<String>>,
    table: bool,
    /// Write the table there as well, and print results as usual.
    table_to: Option<PathBuf>,
    json: bool,
    schema: bool,
    rest: Vec<String>,
}

fn main() -> ExitCode {
    match start() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("runner: {message}");
            ExitCode::from(2)
        }
    }
}

fn start() -> Result<bool, String> {
    let options = options(std::env::args().skip(1))?;
    if options.schema {
        print!("{}", case::schema());
        return Ok(true);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().map_err(|error| error.to_string())?;
    let spec = root.join("tests/spec");
    let cases = Arc::new(case::load(&spec.join("cases"))?);

    let names = options
        .faces
        .clone()
        .unwrap_or_else(|| faces::ALL.iter().map(|face| (*face).to_owned()).collect());
    let mut trials = codes::trials(&cases, &spec);
    let mut skipped_faces = BTreeMap::new();
    let mut running = Vec::new();
    let results = Arc::new(Mutex::new(Results::new()));
    for name in &names {
        match open_face(name, &root, &spec) {
            Ok(face) => running.push(Arc::new(face)),
            Err(Unavailable::Missing(why)) if std::env::var("TIDEGATE_SPEC_STRICT").is_err() => {
                eprintln!("skipped face {name}: {why}");
                skipped_faces.insert(name.clone(), why);
            }
            Err(Unavailable::Missing(why) | Unavailable::Broken(why)) => {
                trials.push(Trial::test(format!("face::{name}"), move || {
                    Err(Failed::from(why))
                }));
            }
        }
    }
    // Case by case rather than face by face, so that the faces run side by side.
    for (index, case) in cases.iter().enumerate() {
        for face in &running {
            trials.push(trial(index, case, &cases, face, &results));
        }
    }

    let mut arguments = Arguments::from_iter(
        std::iter::once("runner".to_owned()).chain(options.rest.iter().cloned()),
    );
    arguments
        .test_threads
        .get_or_insert((running.len() + 1).max(2));
    let quiet = options.table || options.json;
    if quiet {
        arguments
            .logfile
            .get_or_insert_with(|| "/dev/null".to_owned());
    }
    let started = Instant::now();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let ran: Vec<String> = running.iter().map(|face| face.name.clone()).collect();
    let results = results.lock().unwrap_or_else(PoisonError::into_inner);
    let seconds = started.elapsed().as_secs_f64();
    if options.table {
        print!("{}", report::table(&results, &ran));
    }
    if let Some(path) = &options.table_to {
        std::fs::write(path, report::table(&results, &ran))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if options.json {
        println!(
            "{}",
            report::summary(&results, &ran, &skipped_faces, seconds)
        );
    }
    Ok(!conclusion.has_failed())
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(argument) = args.next() {
        match argument.as_str() {
            "--faces" => {
                let list = args
                    .next()
                    .ok_or("--faces needs a list such as rust,http")?;
                options.faces = Some(list.split(',').map(str::to_owned).collect());
            }
            "--table" => options.table = true,
            "--table-to" => options.table_to = args.next().map(PathBuf::from),
            "--json" => options.json = true,
            "--schema" => options.schema = true,
            _ => options.rest.push(argument),
        }
    }
    Ok(options)
}

fn open_face(name: &str, root: &Path, spec: &Path) -> Result<Face, Unavailable> {
    let broken = |why: String| Unavailable::Broken(why);
    let baseline = report::baseline(&spec.join("baseline"), name).map_err(broken)?;
    let driver = Driver::start(faces::command(name, root)?, START_LIMIT).map_err(broken)?;
    let world = World::new(name).map_err(|error| broken(error.to_string()))?;
    Ok(Face {
        name: name.to_owned(),
        root: root.to_owned(),
        driver: Mutex::new(Some(driver)),
        world,
        baseline,
    })
}

fn trial(
    index: usize,
    case: &Case,
    cases: &Arc<Vec<Case>>,
    face: &Arc<Face>,
    results: &Arc<Mutex<Results>>,
) -> Trial {
    let key = (face.name.clone(), case.name.clone());
    let record = {
        let results = Arc::clone(results);
        move |outcome| {
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results.insert(key.clone(), outcome);
        }
    };
    let lacks = {
        let driver = face.driver.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |what: &String| {
            driver
                .as_ref()
                .is_some_and(|driver| driver.capabilities.contains(what))
        };
        case.requirements().into_iter().find(|what| !has(what))
    };
    let title = format!("{}::{}", case.name, face.name);
    if let Some(what) = lacks {
        record(Outcome::Skipped);
        return Trial::test(title, || Ok(()))
            .with_kind(format!("no {what}"))
            .with_ignored_flag(true);
    }
    let (cases, face) = (Arc::clone(cases), Arc::clone(face));
    Trial::test(title, move || {
        let Some(case) = cases.get(index) else {
            return Err(Failed::from("no such case"));
        };
        let known = face.baseline.get(&case.name);
        let result = match on_face(case, &face) {
            Err(first) if known.is_none() => second_try(case, &face, &first),
            result => result,
        };
        let (outcome, result) = match (result, known) {
            (Ok(()), None) => (Outcome::Passed, Ok(())),
            (Err(_), Some(_)) => (Outcome::Expected, Ok(())),
            (Err(why), None) => (Outcome::Failed, Err(format!("{}\n{why}", case.about))),
            (Ok(()), Some(reason)) => {
                let why = format!("passes, yet the baseline expects it to fail: {reason}");
                (Outcome::Failed, Err(why))
            }
        };
        record(outcome);
        result.map_err(Failed::from)
    })
}

/// Real sockets and deadlines of milliseconds on a busy machine: a case that fails once and passes
/// alone afterwards is said to be unsteady, not wrong.
fn second_try(case: &Case, face: &Face, first: &str) -> Result<(), String> {
    on_face(case, face).inspect(|()| {
        eprintln!(
            "unsteady: {}::{} failed before it passed: {first}",
            case.name, face.name
        );
    })
}

fn on_face(case: &Case, face: &Face) -> Result<(), String> {
    let mut slot = face.driver.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.is_none() {
        let command = faces::command(&face.name, &face.root).map_err(|why| format!("{why:?}"))?;
        *slot = Some(Driver::start(command, START_LIMIT)?);
    }
    let Some(driver) = slot.as_mut() else {
        return Err("no driver".to_owned());
    };
    let mut broken = false;
    let result = run::run(case, driver, &face.world, &mut broken);
    if broken {
        *slot = None;
    }
    result
}

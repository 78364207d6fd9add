//! The rules of the house that a compiler does not know: arrows between crates, dependencies,
//! licences, file sizes. Read from `cargo metadata`, deny.toml and the files themselves.
#![expect(clippy::expect_used, reason = "a broken checkout may end these tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use serde_json::Value;

/// What each crate of the workspace may import from it. A crate that is missing here fails.
const ARROWS: &[(&str, &[&str])] = &[
    ("tidegate-types", &[]),
    ("tidegate-providers", &["tidegate-types"]),
    ("tidegate-policy", &["tidegate-types"]),
    ("tidegate-stores", &["tidegate-policy"]),
    (
        "tidegate",
        &[
            "tidegate-types",
            "tidegate-providers",
            "tidegate-policy",
            "tidegate-stores",
        ],
    ),
    ("tidegate-server", &["tidegate"]),
    ("tidegate-python", &["tidegate", "tidegate-server"]),
    ("tidegate-node", &["tidegate", "tidegate-server"]),
    ("tidegate-ffi", &["tidegate", "tidegate-server"]),
    ("tidegate-uniffi", &["tidegate", "tidegate-server"]),
    // Tools and tests: nothing that ships imports them.
    ("xtask", &["tidegate-types"]),
    ("tidegate-ffi-tool", &["tidegate-types"]),
    ("tidegate-examples", &["tidegate", "tidegate-server"]),
    (
        "benches",
        &[
            "tidegate",
            "tidegate-policy",
            "tidegate-providers",
            "tidegate-types",
        ],
    ),
    ("mock-upstream", &[]),
    (
        "runner",
        &["mock-upstream", "tidegate-types", "tidegate-providers"],
    ),
    ("driver-rust", &["tidegate", "tidegate-server"]),
];

/// Largest size of a file written by hand.
const LINES: usize = 800;

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("xtask lies two folders below the root")
        .to_path_buf()
});

static METADATA: LazyLock<Value> = LazyLock::new(|| {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--all-features",
            "--locked",
        ])
        .current_dir(&*ROOT)
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
});

static DENY: LazyLock<toml::Table> = LazyLock::new(|| {
    let text = fs::read_to_string(ROOT.join("deny.toml")).expect("deny.toml is there");
    text.parse().expect("deny.toml is TOML")
});

fn packages() -> &'static [Value] {
    METADATA["packages"]
        .as_array()
        .expect("packages are a list")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn members() -> Vec<&'static Value> {
    let ids: BTreeSet<&str> = METADATA["workspace_members"]
        .as_array()
        .expect("members are a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    packages()
        .iter()
        .filter(|package| ids.contains(text(package, "id")))
        .collect()
}

/// Names of the workspace crates that `package` imports in what it ships (not in its tests).
fn imports(package: &Value) -> BTreeSet<&str> {
    let names: BTreeSet<&str> = members()
        .iter()
        .map(|member| text(member, "name"))
        .collect();
    package["dependencies"]
        .as_array()
        .expect("dependencies are a list")
        .iter()
        .filter(|dependency| text(dependency, "kind") != "dev")
        .map(|dependency| text(dependency, "name"))
        .filter(|name| names.contains(name))
        .collect()
}

/// Files git knows or would know.
fn files(patterns: &[&str]) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "--",
        ])
        .args(patterns)
        .current_dir(&*ROOT)
        .output()
        .expect("git runs");
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    let files: BTreeSet<PathBuf> = listed.lines().map(|line| ROOT.join(line)).collect();
    files.into_iter().filter(|file| file.is_file()).collect()
}

#[test]
fn crates_import_only_along_the_arrows() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in members() {
        let name = text(package, "name");
        let Some(may) = allowed.get(name) else {
            wrong.push(format!(
                "{name} is not on the list of arrows in {}",
                file!()
            ));
            continue;
        };
        for import in imports(package) {
            if !may.contains(&import) {
                wrong.push(format!("{name} imports {import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_crate_takes_the_lint_table_and_the_shared_facts() {
    let mut wrong = Vec::new();
    for package in members() {
        let manifest = text(package, "manifest_path");
        let table: toml::Table = fs::read_to_string(manifest)
            .expect("a manifest")
            .parse()
            .expect("TOML");
        let inherits = |section: &str, key: &str| {
            let part = table.get(section).and_then(|part| part.as_table());
            let value = part.and_then(|part| part.get(key));
            value.is_some_and(|value| {
                value.as_bool() == Some(true)
                    || value.get("workspace").and_then(toml::Value::as_bool) == Some(true)
            })
        };
        for (section, key) in [
            ("lints", "workspace"),
            ("package", "version"),
            ("package", "edition"),
            ("package", "rust-version"),
            ("package", "license"),
        ] {
            if !inherits(section, key) {
                wrong.push(format!(
                    "{manifest}: [{section}] {key} is not the workspace's"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_dependency_comes_from_the_registry_unpatched() {
    let foreign: Vec<&str> = packages()
        .iter()
        .filter(|package| {
            !package["source"].is_null() && !text(package, "source").starts_with("registry+")
        })
        .map(|package| text(package, "id"))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let root = fs::read_to_string(ROOT.join("Cargo.toml")).expect("the root manifest");
    assert!(
        !root
            .lines()
            .any(|line| line.starts_with("[patch") || line.starts_with("[replace"))
    );
}

#[test]
fn dependencies_are_used_only_by_their_wrappers() {
    let deny = DENY["bans"]["deny"]
        .as_array()
        .expect("bans.deny is a list");
    let mut wrong = Vec::new();
    for ban in deny {
        let name = ban["crate"].as_str().expect("a name");
        let wrappers: BTreeSet<&str> = ban["wrappers"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|one| one.as_str())
            .collect();
        for (user, used) in edges() {
            if used == name && !wrappers.contains(user) {
                wrong.push(format!("{user} uses {name}: {}", ban["reason"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every (user, used) pair of the resolved graph, dev-dependencies of our own crates included.
fn edges() -> Vec<(&'static str, &'static str)> {
    let names: BTreeMap<&str, &str> = packages()
        .iter()
        .map(|package| (text(package, "id"), text(package, "name")))
        .collect();
    let mut edges = Vec::new();
    for node in METADATA["resolve"]["nodes"]
        .as_array()
        .expect("nodes are a list")
    {
        let user = names[text(node, "id")];
        for dependency in node["dependencies"].as_array().expect("a list") {
            edges.push((user, names[dependency.as_str().expect("an id")]));
        }
    }
    edges
}

#[test]
fn every_licence_is_on_the_list() {
    let list = |value: &toml::Value| -> BTreeSet<String> {
        value
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|one| Some(one.as_str()?.to_owned()))
            .collect()
    };
    let allowed = list(&DENY["licenses"]["allow"]);
    let mut excepted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for exception in DENY["licenses"]["exceptions"].as_array().expect("a list") {
        let name = exception["crate"].as_str().expect("a name").to_owned();
        excepted
            .entry(name)
            .or_default()
            .extend(list(&exception["allow"]));
    }
    let mut wrong = Vec::new();
    for package in packages() {
        let (name, licence) = (text(package, "name"), text(package, "license"));
        let more = excepted.get(name);
        let fine =
            |term: &str| allowed.contains(term) || more.is_some_and(|more| more.contains(term));
        if !satisfied(licence, &fine) {
            wrong.push(format!("{name}: {licence:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether an SPDX expression can be met: every operand of `AND`, one of `OR`. `/` is an old `OR`.
fn satisfied(expression: &str, fine: &dyn Fn(&str) -> bool) -> bool {
    let expression = expression.trim();
    if let Some(inner) = outer_brackets(expression) {
        return satisfied(inner, fine);
    }
    for (word, all) in [(" AND ", true), (" OR ", false), ("/", false)] {
        let parts = split_outside_brackets(expression, word);
        if parts.len() > 1 {
            let mut met = parts.iter().map(|part| satisfied(part, fine));
            return if all {
                met.all(|one| one)
            } else {
                met.any(|one| one)
            };
        }
    }
    fine(expression)
}

fn outer_brackets(expression: &str) -> Option<&str> {
    let inner = expression.strip_prefix('(')?.strip_suffix(')')?;
    let mut depth = 0_i32;
    for character in inner.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    Some(inner)
}

fn split_outside_brackets<'a>(expression: &'a str, word: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut depth, mut from) = (0_i32, 0);
    for (at, character) in expression.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 && at >= from && expression[at..].starts_with(word) {
            parts.push(&expression[from..at]);
            from = at + word.len();
        }
    }
    parts.push(&expression[from..]);
    parts
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    let fine = |term: &str| matches!(term, "MIT" | "Apache-2.0");
    assert!(satisfied("MIT", &fine));
    assert!(satisfied("GPL-3.0 OR MIT", &fine));
    assert!(satisfied("(MIT OR GPL-3.0) AND Apache-2.0", &fine));
    assert!(satisfied("MIT/GPL-3.0", &fine));
    assert!(!satisfied("MIT AND GPL-3.0", &fine));
    assert!(!satisfied("", &fine));
}

#[test]
fn every_package_has_the_one_version() {
    let engine = members()
        .into_iter()
        .find(|package| text(package, "name") == "tidegate");
    let version = text(engine.expect("the engine"), "version");
    let mut wrong = Vec::new();
    for file in files(&["npm/*/package.json", "npm/*/*/package.json"]) {
        let package: Value =
            serde_json::from_str(&fs::read_to_string(&file).expect("a file")).expect("JSON");
        if text(&package, "version") != version {
            wrong.push(format!("{}: {}", file.display(), package["version"]));
        }
    }
    let pyproject = fs::read_to_string(ROOT.join("bindings-python/pyproject.toml"));
    let pyproject: toml::Table = pyproject.expect("a file").parse().expect("TOML");
    let dynamic = pyproject["project"]["dynamic"].as_array().expect("a list");
    if !dynamic
        .iter()
        .any(|field| field.as_str() == Some("version"))
    {
        wrong.push("bindings-python/pyproject.toml names a version of its own".to_owned());
    }
    assert!(wrong.is_empty(), "not {version}:\n{}", wrong.join("\n"));
}

#[test]
fn no_file_is_larger_than_one_can_review() {
    let sources = files(&[
        "*.rs", "*.py", "*.pyi", "*.js", "*.mjs", "*.cjs", "*.ts", "*.go", "*.c", "*.h", "*.sh",
    ]);
    let large: Vec<String> = sources
        .iter()
        .filter_map(|file| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let generated = text
                .lines()
                .take(5)
                .any(|line| line.contains("by `cargo xtask gen`"));
            let lines = text.lines().count();
            (lines > LINES && !generated).then(|| format!("{}: {lines} lines", file.display()))
        })
        .collect();
    assert!(large.is_empty(), "split these:\n{}", large.join("\n"));
}

#[test]
fn modules_lie_beside_their_folder() {
    let old = files(&["*/mod.rs"]);
    assert!(old.is_empty(), "{old:?}");
}

#[test]
fn nothing_unfinished_and_no_path_of_one_machine_is_left() {
    // Spelled in parts, so that this file does not find itself.
    let words = [
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["/wo", "rk/"].concat(),
        ["/ho", "me/"].concat(),
        ["/ro", "ot/"].concat(),
    ];
    let mut found = Vec::new();
    for file in files(&["."]) {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        if file.ends_with("package-lock.json") || file.ends_with("Cargo.lock") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for word in &words {
                if line.contains(word.as_str()) {
                    found.push(format!("{}:{}: {word}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

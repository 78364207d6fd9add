//! What this machine has, and how the missing is got: `.venv`, `node_modules`, Debian packages.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
};

use crate::job::Job;

/// Where the frameworks are installed.
pub(crate) const FRAMEWORKS: &str = ".venv-frameworks";

/// The checkout and the tools around it.
pub(crate) struct Machine {
    pub(crate) root: PathBuf,
    apt: Mutex<Apt>,
}

#[derive(PartialEq, Clone, Copy)]
enum Apt {
    Untried,
    Ready,
    Unusable,
}

impl Machine {
    /// Finds the root of the checkout.
    pub(crate) fn here() -> Result<Self, String> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let start = manifest
            .or_else(|| std::env::current_dir().ok())
            .ok_or("no current directory")?;
        let root = start
            .ancestors()
            .find(|folder| folder.join("engine/xtask").is_dir())
            .ok_or("run this inside the checkout")?
            .to_path_buf();
        Ok(Self {
            root,
            apt: Mutex::new(Apt::Untried),
        })
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    pub(crate) fn has(&self, relative: &str) -> bool {
        self.path(relative).exists()
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.target().join("xtask")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.root
            .join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
    }

    /// Where the suite leaves its area x face table.
    pub(crate) fn table(&self) -> PathBuf {
        self.logs().join("table.md")
    }

    /// Where the C library is laid out as if it were installed.
    pub(crate) fn stage(&self) -> PathBuf {
        self.target().join("stage")
    }

    pub(crate) fn job(&self, name: &str, minutes: u64) -> Result<Job, String> {
        Job::new(
            &self.logs(),
            name,
            std::time::Duration::from_secs(minutes * 60),
        )
        .map_err(|error| format!("cannot log to {}: {error}", self.logs().display()))
    }

    /// A command in the root of the checkout.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        // Cargo tells its children about xtask's own package; theirs is another one.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST")
                || name == "CARGO_BIN_NAME"
            {
                command.env_remove(name.as_ref());
            }
        }
        // Logs are read as text, and only some tools notice that they write into a file.
        command
            .env("NO_COLOR", "1")
            .env("CARGO_TERM_COLOR", "never")
            .current_dir(&self.root);
        command
    }

    /// A program that `cargo build` left in `target/debug`. Started directly: `cargo run -p` would
    /// resolve features for that one package and build its dependencies once more.
    pub(crate) fn built(&self, name: &str) -> Command {
        self.command(self.target().join("debug").join(name))
    }

    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments);
        // The wheel's module finds its symbols in the interpreter that loads it. Said on every
        // build, because cargo builds PyO3 anew whenever it changes.
        command.env("PYO3_BUILD_EXTENSION_MODULE", "1");
        command
    }

    /// The interpreter of `.venv`, when that was set up.
    pub(crate) fn python(&self) -> PathBuf {
        self.path(".venv/bin/python")
    }

    /// A program installed into `.venv`.
    pub(crate) fn venv(&self, program: &str) -> PathBuf {
        self.path(".venv/bin").join(program)
    }

    /// Makes `.venv` and installs what the Python tests need, unless that is already so.
    pub(crate) fn set_up_python(&self, job: &Job) -> Result<(), String> {
        self.virtualenv(job, ".venv")?;
        self.pip(job, ".venv", "bindings-python/requirements-test.txt")
    }

    /// The same for the frameworks, which need other releases of the vendors' packages, in `FRAMEWORKS`.
    pub(crate) fn set_up_frameworks(&self, job: &Job) -> Result<(), String> {
        self.virtualenv(job, FRAMEWORKS)?;
        self.pip(
            job,
            FRAMEWORKS,
            "bindings-python/requirements-frameworks.txt",
        )
    }

    fn virtualenv(&self, job: &Job, folder: &str) -> Result<(), String> {
        let python = first_that_runs(
            &["python3", "python"],
            &["-c", "import sys; sys.exit(sys.version_info < (3, 10))"],
        )
        .ok_or("no Python 3.10 or newer on PATH")?;
        if !self.path(folder).join("bin/python").exists() {
            job.say(&format!("set-up  making {folder}"))?;
            let make = || {
                self.command(python)
                    .args(["-m", "venv", folder])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
            };
            if !make().is_ok_and(|status| status.success()) {
                // Debian keeps venv's pip in a package of its own.
                let _ = fs::remove_dir_all(self.path(folder));
                self.debian(job, "python3-venv", || false)?;
                job.must(self.command(python).args(["-m", "venv", folder]))?;
            }
        }
        Ok(())
    }

    /// Installs a requirements file into the environment in `folder` once per content.
    pub(crate) fn pip(&self, job: &Job, folder: &str, file: &str) -> Result<(), String> {
        let wanted =
            fs::read_to_string(self.path(file)).map_err(|error| format!("{file}: {error}"))?;
        let stamp = self.path(&format!("{folder}/.xtask-{}", file.replace('/', "-")));
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        job.say(&format!("set-up  pip install -r {file} into {folder}"))?;
        let mut command = self.command(self.path(folder).join("bin/python"));
        command.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            file,
        ]);
        job.must(&mut command)?;
        fs::write(&stamp, wanted).map_err(|error| error.to_string())
    }

    /// `npm ci` in `folder`, once per lock file.
    pub(crate) fn npm_ci(&self, job: &Job, folder: &str) -> Result<(), String> {
        let lock = fs::read_to_string(self.path(folder).join("package-lock.json"))
            .map_err(|error| format!("{folder}/package-lock.json: {error}"))?;
        let stamp = self.path(folder).join("node_modules/.xtask");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
            return Ok(());
        }
        job.say(&format!("set-up  npm ci in {folder}"))?;
        job.must(
            self.command("npm")
                .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
                .current_dir(self.path(folder)),
        )?;
        fs::create_dir_all(self.path(folder).join("node_modules"))
            .map_err(|error| error.to_string())?;
        fs::write(&stamp, lock).map_err(|error| error.to_string())
    }

    /// Installs a Debian package when `present` says it is missing and this machine lets us.
    pub(crate) fn debian(
        &self,
        job: &Job,
        package: &str,
        present: impl Fn() -> bool,
    ) -> Result<(), String> {
        if present() {
            return Ok(());
        }
        let mut apt = self.apt.lock().map_err(|_| "apt lock")?;
        if *apt == Apt::Untried {
            let usable = is_root() && runs("apt-get", &["--version"]);
            *apt = if usable { Apt::Ready } else { Apt::Unusable };
            if usable {
                job.say("set-up  apt-get update")?;
                // Without fresh lists the install below still works from a filled cache.
                let _ = job.run(self.apt_get(&["update", "-qq"]).stdout(Stdio::null()));
            }
        }
        if *apt == Apt::Unusable {
            return Err(format!(
                "{package} is not installed, and only root on Debian can have it installed here"
            ));
        }
        job.say(&format!("set-up  apt-get install {package}"))?;
        job.must(&mut self.apt_get(&["install", "-y", "-qq", "--no-install-recommends", package]))
            .map(drop)
            .map_err(|_| format!("apt-get cannot install {package}"))
    }

    fn apt_get(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("apt-get");
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
}

/// Whether `program` starts and ends well with `arguments`.
pub(crate) fn runs(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn first_that_runs<'a>(programs: &[&'a str], arguments: &[&str]) -> Option<&'a str> {
    programs
        .iter()
        .copied()
        .find(|program| runs(program, arguments))
}

pub(crate) fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|out| out.stdout.starts_with(b"0\n"))
}

/// Files git knows or would know, below `folder`, relative to the root.
pub(crate) fn tracked(root: &Path, patterns: &[&str]) -> Vec<String> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "--",
        ])
        .args(patterns)
        .current_dir(root)
        .output();
    let text = output
        .map(|out| String::from_utf8_lossy(&out.stdout).into_owned())
        .unwrap_or_default();
    let mut files: Vec<String> = text
        .lines()
        .filter(|file| root.join(file).is_file())
        .map(str::to_owned)
        .collect();
    files.sort();
    files.dedup();
    files
}

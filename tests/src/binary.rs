//! The futurelens binary under test, and how to run programs the way a user's shell would.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Long enough for a cold release build of the largest crate that is measured, on a busy machine.
pub const BUILD_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Variables with these prefixes describe where and how cargo downloads. They are the user's, and a
/// machine without them may not reach its registry.
const KEPT: [&str; 5] = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_"];

/// The root of the workspace that this package is a member of.
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in a folder of the workspace")
}

/// A directory of `tests/fixtures`. Not to be written to: see [`project::copy`](crate::project::copy).
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The release build of futurelens: what users run, and what the promises about speed are for.
///
/// Built once for each test process, and by cargo, so that it is never an old one. It is built the
/// way the tests were, with their toolchain and target directory. `TEST_BINARY` is another to take in its place.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(given) = std::env::var_os("TEST_BINARY") {
            return PathBuf::from(given);
        }
        let output = Command::new(env!("CARGO"))
            .args(["build", "--release", "--package", "futurelens"])
            .args(["--bins", "--message-format", "json"])
            .current_dir(workspace_root())
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo starts");
        assert!(output.status.success(), "futurelens does not build");
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|message| message["target"]["name"] == "futurelens")
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo says where the binary is")
    })
}

/// A place below the workspace's target directory that outlives a test run: downloads and what the
/// oracle printed are kept there.
pub fn cache_dir() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .current_dir(workspace_root())
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo starts");
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
        let target =
            metadata["target_directory"].as_str().expect("cargo metadata names the target directory");
        let cache = Path::new(target).join("tmp").join("futurelens-tests");
        std::fs::create_dir_all(&cache).expect("the target directory is writable");
        cache
    })
}

/// A command that starts without what `cargo test` (and the rustup proxy above it) sets for its
/// children, and without what the person who runs the tests has set for their own builds.
pub fn clean_command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let kept = KEPT.iter().any(|prefix| text.starts_with(prefix));
        let leaked = text == "CARGO"
            || text.starts_with("CARGO_")
            || text.starts_with("RUSTC")
            || text.starts_with("FUTURELENS")
            || matches!(
                &*text,
                "RUSTFLAGS"
                    | "RUSTDOCFLAGS"
                    | "RUSTUP_TOOLCHAIN"
                    | "RUST_RECURSION_COUNT"
                    | "RUST_LOG"
                    | "LD_LIBRARY_PATH"
                    | "DYLD_FALLBACK_LIBRARY_PATH"
            );
        if leaked && !kept {
            command.env_remove(&name);
        }
    }
    command.env("RUSTUP_HOME", own_rustup_home()).env("RUSTUP_AUTO_INSTALL", "0");
    // What is found out about compilers is not the user's.
    command.env("XDG_CACHE_HOME", cache_dir().join("user-cache"));
    command
}

/// The futurelens binary with a clean environment.
pub fn futurelens() -> Command {
    clean_command(binary())
}

/// `cargo +TOOLCHAIN` with a clean environment.
pub fn cargo(toolchain: &str) -> Command {
    let mut command = clean_command("cargo");
    command.arg(format!("+{toolchain}"));
    command
}

/// The nightly that the tests measure with, by rustup's name.
pub fn nightly() -> &'static str {
    static NIGHTLY: OnceLock<String> = OnceLock::new();
    NIGHTLY.get_or_init(|| format!("nightly-{}", rustup().host))
}

/// Which toolchains there are.
struct Rustup {
    /// The folder where they are.
    home: PathBuf,
    /// The triple that is part of their names.
    host: String,
    /// All of them.
    names: Vec<String>,
}

fn rustup() -> &'static Rustup {
    static RUSTUP: OnceLock<Rustup> = OnceLock::new();
    RUSTUP.get_or_init(|| {
        let ask = |arguments: &[&str]| {
            let output = Command::new("rustup").args(arguments).stderr(Stdio::inherit()).output();
            let output = output.expect("the tests need rustup");
            String::from_utf8(output.stdout).expect("rustup prints text").trim().to_owned()
        };
        let host = ask(&["show"]);
        let host = host.lines().find_map(|line| line.strip_prefix("Default host: "));
        let names = ask(&["toolchain", "list"]);
        let names = names.lines().filter_map(|line| line.split_whitespace().next());
        Rustup {
            home: ask(&["show", "home"]).into(),
            host: host.expect("rustup names its host").to_owned(),
            names: names.map(str::to_owned).collect(),
        }
    })
}

/// Is a toolchain of this name installed, with or without the triple in it?
pub fn is_installed(name: &str) -> bool {
    let Rustup { host, names, .. } = rustup();
    names.iter().any(|one| one == name || *one == format!("{name}-{host}"))
}

/// Makes a folder a rustup home in which only these toolchains are installed: the name there, and the installed one
/// that it stands for. The first is the default.
///
/// # Panics
///
/// If one of them is not installed, or the folder cannot be written.
pub fn rustup_home(folder: &Path, toolchains: &[(&str, &str)]) -> PathBuf {
    let Rustup { home, host, .. } = rustup();
    let full = |name: &str| if name.ends_with(host) { name.to_owned() } else { format!("{name}-{host}") };
    std::fs::create_dir_all(folder.join("toolchains")).expect("the folder is writable");
    for (name, installed) in toolchains {
        let from = home.join("toolchains").join(full(installed));
        let from = from.canonicalize().unwrap_or_else(|_| panic!("`{installed}` is not installed"));
        let to = folder.join("toolchains").join(full(name));
        if to.canonicalize().is_ok_and(|known| known == from) {
            continue;
        }
        // Left by an earlier run, of one that is gone.
        let _ = std::fs::remove_file(&to);
        #[cfg(unix)]
        let linked = std::os::unix::fs::symlink(&from, &to);
        #[cfg(windows)]
        let linked = std::os::windows::fs::symlink_dir(&from, &to);
        // Another test process may be as far.
        linked.or_else(|error| if to.exists() { Ok(()) } else { Err(error) }).expect("links can be made");
    }
    let settings = format!("version = \"12\"\ndefault_toolchain = \"{}\"\n", full(toolchains[0].0));
    let file = folder.join("settings.toml");
    if std::fs::read_to_string(&file).ok() != Some(settings.clone()) {
        std::fs::write(file, settings).expect("the folder is writable");
    }
    folder.to_owned()
}

/// The toolchains of the tests: what else is installed makes no difference to them. There is one stable and one
/// nightly, each under its plain name; the nightly is the plain one, or else the newest by the date in its name, unless
/// `TEST_NIGHTLY` names another (`TEST_STABLE` does so for the stable one).
fn own_rustup_home() -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let stable = named("TEST_STABLE").unwrap_or_else(|| "stable".to_owned());
        rustup_home(&cache_dir().join("rustup"), &[("stable", &stable), ("nightly", &installed_nightly())])
    })
}

/// What is set, unless it is empty.
fn named(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|name| !name.is_empty())
}

/// What rustup calls the toolchain that [`nightly`] stands for.
fn installed_nightly() -> String {
    let mut nightlies: Vec<&String> =
        rustup().names.iter().filter(|name| name.starts_with("nightly")).collect();
    // `nightly-2026-…` sorts before `nightly-x86_64-…`.
    nightlies.sort_unstable();
    let nightly = named("TEST_NIGHTLY").or_else(|| nightlies.last().map(|name| (*name).clone()));
    nightly.expect("the tests need an installed nightly toolchain")
}

/// Has the nightly of the tests what it takes to compile for a target? It is installed if it is not there.
pub fn has_target(triple: &str) -> bool {
    let add = ["target", "add", triple, "--toolchain", &installed_nightly()];
    // In the home of the user: that of the tests has links to the toolchains there.
    let output = Command::new("rustup").args(add).stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success())
}

/// What a program left behind.
#[derive(Debug)]
pub struct Run {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Everything on stdout.
    pub stdout: String,
    /// Everything on stderr.
    pub stderr: String,
}

impl Run {
    /// This run, if it exited with 0.
    ///
    /// # Panics
    ///
    /// With everything it printed, if it did not.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert_eq!(self.code, Some(0), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// A text has all of these in it.
///
/// # Panics
///
/// With the text and the first that it has not.
#[track_caller]
pub fn has(text: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(text.contains(wanted), "no {wanted:?} in:\n{text}");
    }
}

/// Runs a command to its end, with stdin closed.
///
/// # Panics
///
/// If it does not start, or has not ended after [`BUILD_TIMEOUT`]: a hang is a failure with a name
/// and not a test suite that never ends.
#[track_caller]
pub fn run(command: &mut Command) -> Run {
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{shown}: {error}"));
    let pid = child.id();
    let mut out = child.stdout.take().expect("stdout is piped");
    let mut err = child.stderr.take().expect("stderr is piped");
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        let stderr = thread::spawn(move || {
            let mut bytes = Vec::new();
            err.read_to_end(&mut bytes).map(|_| bytes)
        });
        let mut stdout = Vec::new();
        let read = out.read_to_end(&mut stdout);
        let stderr = stderr.join().expect("the reader does not panic");
        let status = child.wait();
        // The receiver is gone only if the time ran out.
        let _ = ended.send((read.map(|_| stdout), stderr, status));
    });
    let (stdout, stderr, status) = end.recv_timeout(BUILD_TIMEOUT).unwrap_or_else(|_| {
        kill(pid);
        panic!("{shown} has not ended after {BUILD_TIMEOUT:?}")
    });
    let text = |bytes: std::io::Result<Vec<u8>>| {
        String::from_utf8_lossy(&bytes.expect("the pipe is readable")).into_owned()
    };
    Run { code: status.expect("the child is ours").code(), stdout: text(stdout), stderr: text(stderr) }
}

/// Ends a process by its id.
pub fn kill(pid: u32) {
    signal(&pid.to_string(), "KILL");
}

/// Sends a signal to a process, by its id, or to a group: then there is a minus in front. Without `unsafe` this takes
/// a program.
pub fn signal(pid: &str, name: &str) {
    let _ = Command::new("kill").args(["-s", name, "--", pid]).stderr(Stdio::null()).status();
}

/// Makes a command start in a process group of its own, for [`kill_group`].
pub fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Ends a process and, where there are process groups, everything it started.
pub fn kill_group(pid: u32) {
    let pid = if cfg!(unix) { format!("-{pid}") } else { pid.to_string() };
    let _ = Command::new("kill").args(["-KILL", "--", &pid]).stderr(Stdio::null()).status();
}

/// Says that something is not tested, as what it needs is not to be had here.
///
/// # Panics
///
/// If `CI` is `true`: there everything is tested.
#[track_caller]
pub fn skip(why: &str) {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{why}");
    say(&format!("skipped: {why}"));
}

/// Prints to the terminal even if the test passes: for tables of counts and for what was skipped.
pub fn say(text: &str) {
    // The test harness captures `println!`, not the stream itself.
    let _ = writeln!(std::io::stderr(), "{text}");
}

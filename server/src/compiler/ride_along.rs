//! Recording sizes while the user's own cargo works: `futurelens cargo check …`.
//!
//! cargo runs as it would, with futurelens as its compiler wrapper. Every compiler run is what cargo asked for, and
//! only after one of a workspace member has succeeded the compiler runs once more, with our flags, into a folder
//! of ours, and unheard. So messages, artifacts and fingerprints are the user's alone: our flags would change how
//! types are written in messages, and would have to be in cargo's fingerprints.
//!
//! Dependencies are the user's, too, and `cargo check` leaves the MIR of their generic functions out. So the second
//! run is one that only checks: it prints every concrete future, but not the instances of generic ones that only
//! generic code makes.
//!
//! What was recorded is kept in `futurelens/ride-along` of the project's own target directory, wherever cargo puts
//! its artifacts: one file for each unit, as of a size build, and an [`Index`].

use super::arguments;
use super::cargo::{Project, Request, Selection, triple};
use super::choice::Choice;
use super::contract::{self, FLAGS, Settings, Task};
use super::index::{Index, Indexed};
use super::invocation::Invocation;
use super::process::own_program;
use super::run::Run;
use super::scratch::Scratch;
use super::store::{Ended, Store};
use super::toolchain::Toolchain;
use super::unit::{MeasuredUnit, UnitOutput, stamp};
use crate::incremental::Form;
use cargo_metadata::{Artifact, Message};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::SystemTime;

/// The request that stands for what rode along with a build of the same profile for a target, however that was named.
pub fn request(like: &Request, triple: &str) -> Request {
    Request {
        toolchain: "ride-along".to_owned(),
        profile: like.profile.clone(),
        selection: Selection { targets: vec![triple.to_owned()], ..Selection::default() },
        ..Request::new(PathBuf::new())
    }
}

/// When the index of what rode along was last written.
pub fn written(folder: &Path, like: &Request, triple: &str) -> Option<SystemTime> {
    Index::written(folder, &request(like, triple))
}

/// What of cargo's command line matters here.
#[derive(Debug, Default, PartialEq, Eq)]
struct CommandLine {
    toolchain: Option<String>,
    subcommand: Option<String>,
    manifest: Option<PathBuf>,
    profile: Option<String>,
    targets: Vec<String>,
    /// The messages on standard output are JSON.
    json: bool,
}

impl CommandLine {
    fn parse(args: &[OsString]) -> Self {
        let mut line = CommandLine::default();
        let mut args = args.iter().map(|arg| arg.to_str().unwrap_or_default()).peekable();
        if let Some(name) = args.peek().and_then(|arg| arg.strip_prefix('+')) {
            line.toolchain = Some(name.to_owned());
            args.next();
        }
        while let Some(arg) = args.next() {
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value)),
                _ => (arg, None),
            };
            let mut value = || value.or_else(|| args.next()).unwrap_or_default().to_owned();
            match name {
                // What follows is not cargo's.
                "--" => break,
                "--manifest-path" => line.manifest = Some(value().into()),
                "--profile" => line.profile = Some(value()),
                "--release" | "-r" => line.profile = Some("release".to_owned()),
                "--target" => line.targets.push(value()),
                "--message-format" => line.json = value().starts_with("json"),
                // They have a value that could be taken for the subcommand.
                "--config" | "--color" | "-C" | "-Z" => _ = value(),
                _ if line.subcommand.is_none() && !name.starts_with('-') => {
                    line.subcommand = Some(name.to_owned());
                }
                _ => {}
            }
        }
        line
    }

    /// Only where units are checked there is something to record.
    fn checks(&self) -> bool {
        matches!(self.subcommand.as_deref(), Some("check" | "c" | "clippy"))
    }
}

/// Runs cargo with these arguments, and records the sizes of what it checks. Its standard streams are ours.
///
/// # Errors
/// If cargo cannot be started.
pub fn run(args: &[OsString]) -> std::io::Result<ExitStatus> {
    let line = CommandLine::parse(args);
    let cargo = std::env::var_os("CARGO").filter(|_| line.toolchain.is_none());
    let mut command = Command::new(cargo.unwrap_or_else(|| "cargo".into()));
    command.args(args);
    let ride = if line.checks() { Ride::prepare(&line, &mut command) } else { None };
    let Some(ride) = ride.filter(|_| line.json) else { return replace_with(command) };
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut heard = Heard::default();
    if let Some(mut from) = child.stdout.take() {
        let mut to = std::io::stdout();
        let (mut buffer, mut rest) = (vec![0; 1 << 16], Vec::new());
        while let Ok(len) = from.read(&mut buffer) {
            // At the end, or if nobody reads what we write: then we stop reading, too, and cargo meets a broken pipe.
            if len == 0 || to.write_all(&buffer[..len]).and_then(|()| to.flush()).is_err() {
                break;
            }
            rest.extend_from_slice(&buffer[..len]);
            while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
                let message: Vec<u8> = rest.drain(..=end).collect();
                ride.hear(&message, &mut heard);
            }
        }
    }
    let status = child.wait()?;
    ride.keep(heard);
    Ok(status)
}

/// Runs a command in place of this process where that is possible, so that no process stands between cargo and its
/// caller.
fn replace_with(mut command: Command) -> std::io::Result<ExitStatus> {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        Err(command.exec())
    }
    #[cfg(not(unix))]
    command.status()
}

/// What cargo said.
#[derive(Default)]
struct Heard {
    /// With the target of each.
    units: Vec<(String, Indexed)>,
    /// Whether everything compiles; not if cargo never got so far as to compile.
    success: Option<bool>,
}

struct Ride {
    project: Project,
    asked: Request,
    /// What it is built for.
    triples: Vec<String>,
}

impl Ride {
    /// Makes cargo start us in place of the compiler; not where anything about the project is unclear: then cargo
    /// alone has the word.
    fn prepare(line: &CommandLine, command: &mut Command) -> Option<Self> {
        let dir = match &line.manifest {
            Some(manifest) => std::path::absolute(manifest).ok()?.parent()?.to_owned(),
            None => std::env::current_dir().ok()?,
        };
        // Of a compiler that lays out nothing when it checks there is nothing to record.
        let toolchain = Toolchain::named(line.toolchain.as_deref(), &dir).filter(|one| one.how.checks)?;
        let asked = Request {
            profile: line.profile.clone().unwrap_or_else(|| "dev".to_owned()),
            ..Request::new(dir)
        };
        let mut project = Project::open_with(&asked, Choice::of_user(toolchain)).ok()?;
        let triples = project.triples_of(&line.targets);
        // What is asked for and what was recorded before it are one whole.
        project.dir.clone_from(&project.root);
        let settings = Settings {
            members: project.member_folders(),
            user_wrapper: project.user_wrapper.clone(),
            bootstrap: project.toolchain().bootstrap,
            how: project.toolchain().how.clone(),
            scratch: project.ride_along.clone(),
            environment: Settings::environment_with(&project.env),
            task: Task::RideAlong,
            awaited: Vec::new(),
        };
        command
            .env("RUSTC_WRAPPER", own_program().ok()?)
            .env(contract::ENV, serde_json::to_string(&settings).ok()?)
            // Or cargo would ask the compiler what it is each time the wrapper changes, and write that down.
            .env("CARGO_CACHE_RUSTC_INFO", "0");
        Some(Ride { asked, triples, project })
    }

    /// Takes note of a message of cargo.
    fn hear(&self, message: &[u8], heard: &mut Heard) {
        // Most are about the code.
        let is_about = |reason: &str| memchr::memmem::find(message, reason.as_bytes()).is_some();
        if !message.starts_with(b"{")
            || !(is_about("\"compiler-artifact\"") || is_about("\"build-finished\""))
        {
            return;
        }
        match serde_json::from_slice(message) {
            Ok(Message::CompilerArtifact(artifact)) => heard.units.extend(self.unit(&artifact)),
            Ok(Message::BuildFinished(finished)) => heard.success = Some(finished.success),
            _ => {}
        }
    }

    /// A unit that was recorded, and its target. It is stale if it was compiled again without a ride along.
    fn unit(&self, artifact: &Artifact) -> Option<(String, Indexed)> {
        let mut measured = self.project.unit(artifact)?;
        measured.file = store(&self.project.ride_along, measured.file.file_name()?).kept().to_owned();
        let written = |file: &Path| std::fs::metadata(file).and_then(|meta| meta.modified()).ok();
        let recorded = written(&measured.file)?;
        // What another checkout has recorded in a target directory that they share is not of this project.
        let target = measured.open().ok()?.head().invocation().and_then(Invocation::target);
        let host = &self.project.toolchain().host;
        let target = target.map_or(host.clone(), |target| triple(&target, host));
        let stale =
            artifact.filenames.iter().any(|file| written(file.as_std_path()).is_none_or(|t| t > recorded));
        Some((target, Indexed { stamp: stamp(&measured.file), measured, stale }))
    }

    /// Writes which units there are, for each target. Packages that cargo said nothing about were not asked for, or do
    /// not compile.
    fn keep(&self, heard: Heard) {
        let Some(success) = heard.success else { return };
        let folder = &self.project.ride_along;
        let mut project = self.project.clone();
        project.target_dir.clone_from(folder);
        let built: BTreeSet<String> =
            heard.units.iter().map(|(_, unit)| unit.measured.package.clone()).collect();
        let fate = |unit: &MeasuredUnit| match built.contains(&unit.package) {
            _ if !success => Some(true),
            true => None,
            false => project.is_member(&unit.package).then_some(false),
        };
        // cargo may have been told of another target in a way that is not read here.
        let seen: BTreeSet<&String> = heard.units.iter().map(|(target, _)| target).collect();
        let is_as_told = seen.is_empty() || self.triples.iter().any(|triple| seen.contains(triple));
        let told = self.triples.iter().filter(|triple| is_as_told && !seen.contains(triple));
        for triple in seen.iter().copied().chain(told) {
            let units = heard.units.iter().filter(|(target, _)| target == triple);
            let units = units.map(|(_, unit)| unit.clone());
            let index = Index::new(&project, &request(&self.asked, triple), triple, units, &fate);
            if let Err(error) = index.write(folder) {
                eprintln!("futurelens: cannot keep what was recorded in {}: {error}", folder.display());
            }
        }
    }
}

/// The compiler wrapper's part: runs the compiler as cargo asked; then, of a `member`, once more with our flags.
pub(super) fn compile(
    settings: &Settings,
    program: &OsStr,
    args: &[OsString],
    member: bool,
) -> std::io::Result<ExitStatus> {
    let mut plain = match &settings.user_wrapper {
        Some(wrapper) => clean(settings, wrapper.as_os_str()),
        None => clean(settings, program),
    };
    if settings.user_wrapper.is_some() {
        plain.arg(program);
    }
    let status = plain.args(args).status()?;
    if status.success() && member {
        // A lint driver in front of the compiler: `clippy-driver rustc …`.
        let (program, args) = match args.split_first() {
            Some((rustc, rest)) if Path::new(rustc).file_stem() == Some(OsStr::new("rustc")) => {
                (&**rustc, rest)
            }
            _ => (program, args),
        };
        if let Err(error) = record(settings, program, args) {
            // The user's build has succeeded: that nothing was recorded must not fail it.
            tracing::debug!("nothing recorded: {error}");
        }
    }
    Ok(status)
}

/// A program that does not know of us.
fn clean(settings: &Settings, program: &OsStr) -> Command {
    let mut command = Command::new(program);
    command.env_remove(contract::ENV);
    match &settings.user_wrapper {
        Some(wrapper) => command.env("RUSTC_WRAPPER", wrapper),
        None => command.env_remove("RUSTC_WRAPPER"),
    };
    command
}

fn record(settings: &Settings, program: &OsStr, args: &[OsString]) -> std::io::Result<()> {
    super::files::folder(&settings.scratch)?;
    let scratch = Scratch::new(&settings.scratch)?;
    let mut unit = UnitOutput::new(FLAGS, std::env::current_dir()?);
    unit.invocation = Invocation::recorded(settings, program, args, &unit.dir);
    let name = arguments::artifact_stem(args);
    let name = name.file_name().unwrap_or_default();
    let dep_info = scratch.path().join(name).with_extension("d");
    let mut compile = |run: &Run, incremental: &Path| {
        let mut command = clean(settings, program);
        command.args(run.arguments(args, Form::Checked, Some(scratch.path()), incremental));
        // In a stable compiler it unlocks our flags; in a nightly it changes nothing.
        command.env("RUSTC_BOOTSTRAP", "1").env("RUSTC_ICE", "0");
        command.stdin(Stdio::null()).stdout(std::fs::File::create(&run.sizes)?);
        command.stderr(std::fs::File::create(&run.messages)?);
        command.status().map(Some)
    };
    match store(&settings.scratch, name).measure(
        unit,
        &settings.how,
        scratch.path(),
        &dep_info,
        &mut compile,
    )? {
        Ended::Measured(_) => Ok(()),
        _ => Err(std::io::Error::other("the compiler failed with our flags")),
    }
}

/// What is recorded of a unit whose files have this name.
fn store(folder: &Path, name: &OsStr) -> Store {
    Store::new(&folder.join(name), Form::Checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> CommandLine {
        CommandLine::parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn cargo_s_command_line_is_read() {
        let line = parse("+nightly --config a=b check --message-format=json --release --target t");
        assert_eq!(line.toolchain.as_deref(), Some("nightly"));
        assert!(line.checks() && line.json);
        assert_eq!((line.profile.as_deref(), &line.targets[..]), (Some("release"), &["t".to_owned()][..]));
        let line =
            parse("clippy --manifest-path a/Cargo.toml --profile x --message-format human -- --release");
        assert_eq!(
            (line.manifest.as_deref(), line.profile.as_deref()),
            (Some(Path::new("a/Cargo.toml")), Some("x"))
        );
        assert!(line.checks() && !line.json);
        assert!(!parse("build --message-format json").checks());
        assert!(!parse("--version").checks());
    }
}

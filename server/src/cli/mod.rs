//! The commands for terminals and CI.

mod cargo;
mod check;
mod culprits;
mod diff;
mod doctor;
mod explain;
mod fix;
mod git;
mod hints;
mod manual;
mod merge;
mod report;

use crate::compiler::{BuildError, Cancel, Project, Request, Selection, files};
use crate::engine;
use crate::engine::News;
use crate::features::cache_line::CacheLine;
use crate::features::find::{Meaning, find, told_apart};
use crate::features::record::Recording;
use crate::features::report::Choice;
use crate::features::snapshot::Placed;
use crate::features::{Snapshot, drift, unused_budgets};
use crate::render::one_line;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Shows what every async fn costs: bytes, cache lines, and what is held across each await.
///
/// The numbers are the compiler's own. A size build is a `cargo check` in a target directory of its own
/// (`target/futurelens`) with a nightly compiler, or with a stable one and RUSTC_BOOTSTRAP=1.
///
/// Without a command, futurelens is a language server on standard input and output.
#[derive(Debug, Parser)]
#[command(name = "futurelens", version, max_term_width = 100)]
#[command(after_help = "Examples:
  futurelens report                     the futures of the project in this folder, largest first
  futurelens report --format json | jq '.futures[0]'
  futurelens explain Handler::run       what makes it large
  futurelens hints src/server.rs        the file with sizes beside each async fn
  futurelens cargo check                cargo check, which records the sizes on the way
  futurelens check --budget 4096 --baseline futures.txt   what is too large, or grew
  futurelens fix                        edits that make futures smaller, and what each saves

Exit status: 0 fine, 1 a check failed, 2 could not measure (the reason is on standard error), 3 measured
in part: what compiles is on standard output, what does not is named on standard error.")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Speak the language server protocol on standard input and output (what an editor starts).
    Lsp {
        /// Ignored: the only way there is; some editors add it.
        #[arg(long, hide = true)]
        stdio: bool,
    },
    /// List every future of a project, largest first.
    Report(report::ReportArgs),
    /// Say what a future is made of: what is held across each await, where, how large, and why.
    Explain(explain::ExplainArgs),
    /// List what is held that costs most where memory is taken for futures: in tasks, boxes, static pools.
    Culprits(culprits::CulpritsArgs),
    /// Fail on a future that is over its budget, or that grew since the baseline.
    Check(check::CheckArgs),
    /// Say what grew and what shrank between two reports, or since a baseline.
    Diff(diff::DiffArgs),
    /// Make one report of several, measured on several machines.
    Merge(merge::MergeArgs),
    /// List every edit that makes a future smaller, with the bytes it saves; or write them.
    ///
    /// Each one has been compiled: it works, and it saves what it says.
    Fix(fix::FixArgs),
    /// Print a file as an editor would show it, with the sizes inserted.
    Hints(hints::HintsArgs),
    /// Say which compiler measures, why, and what is in the way.
    Doctor(doctor::DoctorArgs),
    /// Print a script that completes commands and options in a shell.
    Completions(manual::CompletionsArgs),
    /// Write the manual pages.
    Man(manual::ManArgs),
    /// Run cargo as it is, and record the sizes on the way: one build for rust-analyzer and futurelens.
    #[command(disable_help_flag = true)]
    Cargo(cargo::CargoArgs),
}

/// What the measuring commands have in common.
#[derive(Debug, Args)]
struct CommonArgs {
    /// Bytes of a cache line; `off` shows nothing of cache lines, `auto` is what the target has: 64, 128 on Apple
    /// silicon, none on microcontrollers without a data cache.
    #[arg(long, value_name = "BYTES|off|auto", default_value_t = CacheLine::Auto)]
    cache_line: CacheLine,
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What is measured, and how.
#[derive(Debug, Args)]
struct BuildArgs {
    /// Profile to measure: the layout that ships is the release one.
    #[arg(long, value_name = "release|dev|NAME", default_value = "release")]
    profile: String,
    /// Compiler: `auto` is the newest installed nightly that builds the project, else the project's own; see `doctor`.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    toolchain: String,
    /// Only this package (may be repeated).
    #[arg(short, long = "package", value_name = "SPEC")]
    packages: Vec<String>,
    /// Features to enable, separated by commas or spaces.
    #[arg(short = 'F', long, value_name = "FEATURES")]
    features: Vec<String>,
    /// Enable all features.
    #[arg(long)]
    all_features: bool,
    /// Do not enable the `default` feature.
    #[arg(long)]
    no_default_features: bool,
    /// Measure tests, examples and benches too.
    #[arg(long)]
    all_targets: bool,
    /// Measure for this target (may be repeated) [default: what cargo would build for].
    #[arg(long = "target", value_name = "TRIPLE")]
    targets: Vec<String>,
    /// Where size builds keep their files [default: `futurelens` in the project's target directory].
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
    /// Cargo.lock must not change.
    #[arg(long)]
    locked: bool,
    /// Do not use the network.
    #[arg(long)]
    offline: bool,
    /// Colour messages.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorWhen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ColorWhen {
    Auto,
    Always,
    Never,
}

impl ColorWhen {
    fn on(self, is_terminal: bool) -> bool {
        match self {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    fn on_stdout(self) -> bool {
        self.on(std::io::stdout().is_terminal())
    }
}

/// Where a command's result goes.
#[derive(Debug, Args)]
struct OutputArgs {
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Could not measure, or could not write.
const TROUBLE: u8 = 2;

/// What compiles was measured, and something does not compile.
const PARTIAL: u8 = 3;

/// Runs what the command line says.
pub fn main() -> ExitCode {
    let cli = command_line();
    let result = match cli.command {
        None | Some(Command::Lsp { .. }) => return serve(),
        Some(Command::Completions(args)) => manual::completions(&args),
        Some(Command::Man(args)) => manual::man(&args),
        Some(Command::Report(args)) => report::run(&args),
        Some(Command::Culprits(args)) => culprits::run(&args),
        Some(Command::Check(args)) => return check::run(&args).unwrap_or_else(|error| trouble(&error)),
        Some(Command::Diff(args)) => diff::run(&args),
        Some(Command::Merge(args)) => merge::run(&args),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Fix(args)) => fix::run(&args),
        Some(Command::Hints(args)) => hints::run(&args),
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Cargo(args)) => return cargo::run(&args).unwrap_or_else(|error| trouble(&error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => trouble(&error),
    }
}

/// What was typed; as cargo's subcommand the program gets its own name as the first argument.
fn command_line() -> Cli {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let program = arguments.first().map(Path::new).and_then(Path::file_stem);
    if program != Some("cargo-futurelens".as_ref())
        || arguments.get(1).is_none_or(|first| first != "futurelens")
    {
        return Cli::parse();
    }
    arguments.remove(1);
    // No editor starts its server this way; a person gets help.
    if arguments.len() == 1 {
        arguments.push("--help".into());
    }
    let command = Cli::command().bin_name("cargo futurelens").disable_help_subcommand(true);
    match Cli::from_arg_matches(&command.get_matches_from(arguments)) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    }
}

fn trouble(error: &CliError) -> ExitCode {
    eprintln!("error: {error}");
    let is_partial = matches!(error, CliError::Partial { .. } | CliError::Interrupted(_));
    ExitCode::from(if is_partial { PARTIAL } else { TROUBLE })
}

/// The language server; says so to a person who started it by hand.
fn serve() -> ExitCode {
    if std::io::stdin().is_terminal() {
        eprintln!(
            "futurelens: waiting for an editor to speak the language server protocol on standard input; \
             `futurelens --help` lists the commands for people"
        );
    }
    crate::lsp::run()
}

/// Why a command gave up.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("cannot {what} `{}`: {source}", path.display())]
    File { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("cannot write to standard output: {0}")]
    Stdout(std::io::Error),
    /// Said after what was measured.
    #[error("not everything compiles, and what does not is not measured{}\n{message}", listed(missing))]
    Partial { missing: Vec<String>, message: String },
    /// Said after what was found out until then.
    #[error("interrupted: {0}")]
    Interrupted(String),
    #[error("{0}")]
    Other(String),
}

/// `: a, b`; nothing if that is not known.
fn listed(missing: &[String]) -> String {
    if missing.is_empty() { String::new() } else { format!(": {}", missing.join(", ")) }
}

impl BuildArgs {
    fn request(&self, dir: &Path) -> Request {
        Request {
            toolchain: self.toolchain.clone(),
            profile: self.profile.clone(),
            selection: Selection {
                packages: self.packages.clone(),
                features: self.features.clone(),
                all_features: self.all_features,
                no_default_features: self.no_default_features,
                all_targets: self.all_targets,
                also: BTreeSet::new(),
                targets: self.targets.clone(),
                locked: self.locked,
                offline: self.offline,
            },
            // What a person types starts at their folder, not at the project's.
            target_dir: self.target_dir.as_ref().map(|dir| std::path::absolute(dir).unwrap_or(dir.clone())),
            color: self.color.on(std::io::stderr().is_terminal()),
            ..Request::new(dir.to_owned())
        }
    }

    /// Measures with a progress bar on a terminal.
    fn measure(&self, dir: &Path) -> Result<Measured, CliError> {
        Measured::new(&self.request(dir))
    }
}

/// What a command has to say something about.
struct Measured {
    /// For the first target, in the user's order, that something compiles for.
    first: Arc<Snapshot>,
    /// For the other ones.
    others: Vec<Arc<Snapshot>>,
    /// What of it does not compile.
    partial: Option<CliError>,
}

impl Measured {
    /// Measures whatever compiles, for each target.
    fn new(request: &Request) -> Result<Self, CliError> {
        Self::of(Project::open(request)?, request)
    }

    fn of(mut project: Project, request: &Request) -> Result<Self, CliError> {
        let (mut snapshots, mut missing, mut messages) = (Vec::new(), Vec::new(), Vec::new());
        let requests = project.for_each_target(request);
        let is_list = requests.len() > 1;
        for request in requests {
            let bar = progress_bar("Measuring");
            let mut on_news = |news: News| show(&bar, news);
            let (nothing, cancel) = (Snapshot::default(), Cancel::default());
            let measured = engine::measure_project(&project, &request, &nothing, &cancel, None, &mut on_news);
            bar.finish_and_clear();
            let measured = measured?;
            project = measured.project;
            let triple = project.triple(&request);
            missing.extend(measured.missing.into_iter().map(|unit| match is_list {
                true => format!("{unit} for {triple}"),
                false => unit,
            }));
            if !measured.is_nothing || measured.failure.is_none() {
                snapshots.push(measured.snapshot);
            }
            messages.extend(measured.failure.map(|failure| failure.trim_end().to_owned()));
        }
        note_choice(&project);
        messages.dedup();
        let message = messages.join("\n\n");
        snapshots.iter().for_each(|snapshot| warn_of_drift(snapshot));
        let mut snapshots = snapshots.into_iter();
        let Some(first) = snapshots.next() else { return Err(BuildError::Failed { message }.into()) };
        let partial = (!message.is_empty()).then_some(CliError::Partial { missing, message });
        Ok(Self { first, others: snapshots.collect(), partial })
    }

    fn all(&self) -> impl Iterator<Item = &Snapshot> + Clone {
        std::iter::once(&*self.first).chain(self.others.iter().map(|one| &**one))
    }

    /// The same, if everything compiles.
    fn whole(self) -> Result<Self, CliError> {
        match self.partial {
            Some(CliError::Partial { message, .. }) => Err(BuildError::Failed { message }.into()),
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// Says for which target it is that is shown, if there are others.
    fn note_first(&self) {
        if !self.others.is_empty() {
            let others: Vec<&str> = self.others.iter().map(|one| one.target.as_str()).collect();
            let first = &self.first.target;
            eprintln!("note: this is for {first}; `--target` chooses another of {}", others.join(", "));
        }
    }

    /// An error about something that is not there: it may be in what does not compile.
    fn instead_of(&self, error: CliError) -> CliError {
        match &self.partial {
            Some(partial) => CliError::Other(format!("{error}\n{partial}")),
            None => error,
        }
    }

    /// What does not compile, as cargo calls it.
    fn missing(&self) -> Vec<String> {
        match &self.partial {
            // cargo may not have said which units it gave up.
            Some(CliError::Partial { missing, .. }) if missing.is_empty() => vec!["something".to_owned()],
            Some(CliError::Partial { missing, .. }) => missing.clone(),
            _ => Vec::new(),
        }
    }

    /// Ends a command that has said what there is.
    fn finish(self) -> Result<(), CliError> {
        self.partial.map_or(Ok(()), Err)
    }
}

fn show(bar: &indicatif::ProgressBar, news: News) {
    let News::Progress { done, total, crates } = news else { return };
    bar.set_length(total.into());
    bar.set_position(done.into());
    bar.set_message(crates);
}

/// The instances of the future that a person means, largest first.
fn named<'a>(snapshot: &'a Snapshot, name: &str) -> Result<Vec<&'a Placed>, CliError> {
    let list = |futures: &[&Placed]| -> String {
        told_apart(snapshot, futures).iter().map(|line| format!("\n  {}", one_line(line))).collect()
    };
    Err(CliError::Other(match find(snapshot, name) {
        Meaning::One(instances) => return Ok(instances),
        Meaning::Ambiguous(futures) => format!(
            "`{name}` is the name of {} futures; which one? Ask for it by a longer name, its place or its identity{}",
            futures.len(),
            list(&futures)
        ),
        Meaning::Inside(futures) => format!(
            "`{name}` is no future itself, and there are {} in it; which one? Ask for it by its name or its place{}",
            futures.len(),
            list(&futures)
        ),
        Meaning::Unknown(names) if names.is_empty() => {
            format!("no future is called `{name}`; `futurelens report` lists them all")
        }
        Meaning::Unknown(names) => {
            let names: Vec<String> = names.iter().map(|name| one_line(name)).collect();
            format!("no future is called `{name}`; did you mean\n  {}", names.join("\n  "))
        }
    }))
}

/// Drawn on a terminal's standard error, invisible elsewhere. A prefix is shown behind the rest.
fn progress_bar(what: &str) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(0);
    let template = format!("{what:>12} [{{bar:25}}] {{pos}}/{{len}}: {{wide_msg}}{{prefix}}");
    let style = indicatif::ProgressStyle::with_template(&template);
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

impl OutputArgs {
    /// Writes a result whole: a file is replaced in one step.
    fn write(&self, text: &str) -> Result<(), CliError> {
        let Some(path) = &self.output else {
            return print(text).map(|_| ());
        };
        write_file(path, text)
    }
}

/// To standard output, at once. False if nobody reads it any more: `futurelens report | head`.
fn print(text: &str) -> Result<bool, CliError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true).map_err(CliError::Stdout),
    }
}

/// Replaces a file in one step.
fn write_file(path: &Path, text: &str) -> Result<(), CliError> {
    let written = files::write_for_user(path, text);
    written.map_err(|source| CliError::File { what: "write", path: path.to_owned(), source })
}

fn read_text(path: &Path) -> Result<String, CliError> {
    let text = std::fs::read_to_string(path);
    text.map_err(|source| CliError::File { what: "read", path: path.to_owned(), source })
}

/// Says what is wrong with a file.
fn in_file(path: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::Other(format!("`{}`: {error}", path.display()))
}

/// JSON for programs, and for people who look at it.
fn json(value: &impl serde::Serialize) -> Result<String, CliError> {
    let json = serde_json::to_string_pretty(value);
    Ok(json.map_err(|error| CliError::Other(format!("cannot write JSON: {error}")))? + "\n")
}

/// What was measured, to be compared.
fn record(snapshot: &Snapshot) -> Result<Recording, CliError> {
    Recording::of(&crate::features::report::report(snapshot, &Choice::default()))
        .map_err(|error| CliError::Other(error.to_string()))
}

/// Says which compiler measures if that is not the one that would be expected.
fn note_choice(project: &Project) {
    if let Some(note) = project.choice.note() {
        eprintln!("note: {note}");
    }
}

/// Says what of the compiler's output could not be read.
fn warn_of_drift(snapshot: &Snapshot) {
    let drift = snapshot.drift();
    if !drift.is_empty() {
        eprintln!("warning: {}", drift::text(&drift, &snapshot.compiler));
    }
}

/// Says which budgets are no future's, for no target. What does not compile may have those.
fn warn_of_budgets(measured: &Measured) {
    if measured.partial.is_some() {
        return;
    }
    let others: Vec<Vec<String>> =
        measured.others.iter().map(|other| unused_budgets::unused(other)).collect();
    let of_all = |warning: &String| others.iter().all(|other| other.contains(warning));
    for warning in unused_budgets::unused(&measured.first).iter().filter(|warning| of_all(warning)) {
        eprintln!("warning: {}", one_line(warning));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

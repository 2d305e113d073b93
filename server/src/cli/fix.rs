//! `futurelens fix`: every edit that makes a future smaller, with what it saves; and writing them.

use super::git::git_top;
use super::{BuildArgs, CliError, OutputArgs, json, progress_bar};
use crate::compiler::{self, BuildError, Cancel, Project};
use crate::engine::{self, Changes, Measurement, Rejection, Verdict, Verifier, Wanted};
use crate::features::actions::list::{List, Summary};
use crate::features::actions::{ActionKind, Candidate};
use crate::render::one_line;
use crate::render::size::count;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct FixArgs {
    /// Only edits of this future: a name, type or place as `explain` takes it. Then a folder in the project; its root
    /// stands for the whole workspace [default: all futures, `.`].
    #[arg(value_names = ["NAME", "PATH"], num_args = 0..=2)]
    what: Vec<PathBuf>,
    /// Write the edits into the files. Those that would drop a value, or do something else, earlier are left out.
    #[arg(long)]
    apply: bool,
    /// Write even if the files have changes that are not committed.
    #[arg(long, requires = "apply")]
    allow_dirty: bool,
    /// Those, too, after which a value with a destructor is dropped, or something is run, at another time than before:
    /// the program may do something else then. JSON has them always.
    #[arg(long)]
    may_drop_earlier: bool,
    /// Only edits that save at least this of their own future; 0 for all. What is predicted to save less is not even
    /// tried. An allocation is seldom worth it for less than 256.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    min_saving: u64,
    /// Only actions of this kind (may be repeated). `box-spawned`, which makes no future smaller, is left out if it is not asked
    /// for.
    #[arg(long = "kind", value_name = "KIND", value_parser = kinds())]
    kinds: Vec<ActionKind>,
    /// Form of the list.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, those that save most first.
    Table,
    /// One JSON value.
    Json,
    /// A JSON value in each line, as soon as an edit was tried; the last one says how many were.
    JsonLines,
}

fn kinds() -> impl TypedValueParser<Value = ActionKind> {
    PossibleValuesParser::new(ActionKind::ALL.map(ActionKind::name)).try_map(|name| {
        let kind = ActionKind::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or("no kind of edit")
    })
}

pub(super) fn run(args: &FixArgs) -> Result<(), CliError> {
    let (name, path) = what(args);
    let request = args.build.request(&path);
    let project = Project::open(&request)?;
    if let [first, others @ ..] = &project.triples(&request)[..]
        && !others.is_empty()
    {
        eprintln!("note: edits are tried for {first}; `--target` chooses another of {}", others.join(", "));
    }
    if args.apply && !args.allow_dirty {
        refuse_if_dirty(&project)?;
    }
    let bar = progress_bar("Measuring");
    let measured = engine::measure_project(
        &project,
        &request,
        &Default::default(),
        &Cancel::default(),
        None,
        &mut |news| {
            super::show(&bar, news);
        },
    );
    bar.finish_and_clear();
    let mut measurement = measured?;
    super::note_choice(&measurement.project);
    let project = measurement.project.clone();
    super::warn_of_drift(&measurement.snapshot);
    let (is_recursive, is_nothing) = (!measurement.snapshot.recursions.is_empty(), measurement.is_nothing);
    let mut partial = None;
    if let Some(failure) = measurement.failure.take_if(|_| !is_recursive) {
        let message = failure.trim_end().to_owned();
        // Nothing is written into a project that does not compile as a whole.
        if is_nothing || args.apply {
            return Err(BuildError::Failed { message }.into());
        }
        partial = Some(CliError::Partial { missing: std::mem::take(&mut measurement.missing), message });
    }
    let futures: Option<Vec<Arc<str>>> = match &name {
        Some(name) => {
            let instances = super::named(&measurement.snapshot, name)?;
            Some(instances.iter().map(|placed| placed.future.id.clone()).collect())
        }
        None => None,
    };
    let wanted = |one: &Candidate| {
        let is_kind = args.kinds.contains(&one.kind) || args.kinds.is_empty() && one.kind.shrinks_future();
        is_kind && futures.as_ref().is_none_or(|futures| futures.contains(&one.future))
    };
    let mut lines = Lines::new(args);
    let mut list = match args.apply {
        false => {
            let (list, interrupted) =
                offered(args, &project, measurement, &wanted, request.own_group, &mut lines)?;
            partial = interrupted.or(partial);
            list
        }
        true => {
            let bar = progress_bar("Trying");
            let mut on_progress = |krate: &str| bar.set_message(krate.to_owned());
            let changes = engine::apply(
                &project,
                &request,
                measurement,
                &Wanted {
                    is_wanted: &wanted,
                    min_saving: args.min_saving,
                    may_drop_earlier: args.may_drop_earlier,
                },
                &Cancel::default(),
                &mut on_progress,
            );
            bar.finish_and_clear();
            written(&project, changes.map_err(|error| CliError::Other(error.to_string()))?)?
        }
    };
    let text = match args.format {
        Format::Json => json(&list)?,
        Format::JsonLines => lines.finish(&list)?,
        Format::Table => {
            if list.actions.is_empty() && partial.is_none() {
                eprintln!("{}", nothing(args));
            }
            let folded = if args.may_drop_earlier { 0 } else { list.fold() };
            if folded > 0 {
                let edits = count(folded, "edit");
                eprintln!(
                    "{edits} more may change what the program does, or its interface: `--may-drop-earlier` lists them"
                );
            }
            list.table(usize::MAX)
        }
    };
    args.output.write(&text)?;
    partial.map_or(Ok(()), Err)
}

fn nothing(args: &FixArgs) -> String {
    let of = if args.what.is_empty() { "a future of this project" } else { "it" };
    match args.min_saving {
        0 | 1 => format!("no edit is known that makes {of} smaller"),
        bytes => format!(
            "no edit is known that makes {of} smaller by {bytes} B or more (`--min-saving 0` for all)"
        ),
    }
}

/// The future that is asked for, and the folder.
fn what(args: &FixArgs) -> (Option<String>, PathBuf) {
    let name = |name: &Path| name.to_string_lossy().into_owned();
    match &args.what[..] {
        [] => (None, PathBuf::from(".")),
        [path] if path.exists() => (None, path.clone()),
        // What looks like a path is meant as one.
        [path] if path.is_absolute() || path.starts_with(".") || path.starts_with("..") => {
            (None, path.clone())
        }
        [one] => (Some(name(one)), PathBuf::from(".")),
        [one, path, ..] => (Some(name(one)), path.clone()),
    }
}

/// How many are shown while others are tried.
const SHOWN: usize = 10;

/// Every action that compiles and saves enough; and whether that is not all of them.
fn offered(
    args: &FixArgs,
    project: &Project,
    measurement: Measurement,
    wanted: &dyn Fn(&Candidate) -> bool,
    own_group: bool,
    lines: &mut Lines,
) -> Result<(List, Option<CliError>), CliError> {
    if let Some(failure) = &measurement.failure {
        eprintln!("{}", failure.trim_end());
    }
    let snapshot = measurement.snapshot.clone();
    let mut candidates = engine::candidates(project, &snapshot);
    candidates.retain(|one| wanted(one) && one.may_save(args.min_saving));
    candidates.sort_by_key(|one| Reverse(one.predicted_saving().map_or(0, |saving| saving.bytes())));
    let candidates: Vec<&Candidate> = candidates.iter().collect();
    let mut verifier = Verifier::new(project, snapshot, measurement.units, own_group)?;
    let (mut list, mut summary) = (List::default(), Summary::default());
    summary.candidates = candidates.len();
    let bar = progress_bar("Trying");
    bar.set_length(candidates.len() as u64);
    let (mut untried, mut failed) = (0, None);
    let cancel = Cancel::default();
    stop_on_interrupt(cancel.clone());
    let verified = verifier.verify(&candidates, &cancel, &mut |index, verdict| {
        let candidate = candidates[index];
        bar.inc(1);
        bar.set_message(one_line(&candidate.name));
        summary.tried += 1;
        let before = list.actions.len();
        match verdict {
            Verdict::Saves { saving, way, drops_earlier } if saving.bytes() >= args.min_saving => {
                let candidate = Candidate { drops_earlier, ..candidate.clone() };
                list.push(&project.root, &candidate, way, Some(&saving));
            }
            Verdict::Compiles { way } => list.push(&project.root, candidate, way, None),
            Verdict::Refused(Rejection::MadeElsewhere | Rejection::NotTried) => untried += 1,
            Verdict::Saves { .. } | Verdict::Refused(_) => {}
        }
        for entry in list.actions.get(before..).unwrap_or_default() {
            match lines.add(entry) {
                Ok(true) => {}
                // Nobody reads on.
                Ok(false) => cancel.cancel(),
                Err(error) => {
                    failed = Some(error);
                    cancel.cancel();
                }
            }
        }
        if list.actions.len() > before && !bar.is_hidden() {
            list.sort();
            // Below the bar.
            bar.set_prefix(format!("\n{}", list.table(SHOWN).trim_end()));
        }
    });
    bar.finish_and_clear();
    if let Some(error) = failed {
        return Err(error);
    }
    // A compiler that was interrupted with us may have ended before we were told.
    let is_interrupted = verified.is_err()
        && (0..20).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            cancel.is_cancelled()
        });
    if !is_interrupted {
        verified?;
    }
    summary.listed = list.actions.len();
    summary.runs = verifier.runs();
    summary.complete = !is_interrupted;
    lines.summary = summary;
    if untried > 0 {
        let (edits, are) = (count(untried, "edit"), if untried == 1 { "is" } else { "are" });
        eprintln!(
            "{edits} {are} not listed because they cannot be measured here: their futures are generic and only made \
             by other crates, or their crate lies outside the workspace's folder"
        );
    }
    list.sort();
    let interrupted = is_interrupted.then(|| {
        list.set_incomplete();
        let Summary { tried, candidates, .. } = summary;
        CliError::Interrupted(format!(
            "{tried} of {} were tried; what is listed holds",
            count(candidates, "edit")
        ))
    });
    Ok((list, interrupted))
}

/// What is printed with `--format json-lines`: to standard output at once, into a file in the end.
struct Lines {
    is_wanted: bool,
    is_at_once: bool,
    text: String,
    summary: Summary,
}

impl Lines {
    fn new(args: &FixArgs) -> Self {
        let is_wanted = args.format == Format::JsonLines;
        let is_at_once = args.output.output.is_none();
        Lines { is_wanted, is_at_once, text: String::new(), summary: Summary::default() }
    }

    /// False if nobody reads them.
    fn add(&mut self, value: &impl Serialize) -> Result<bool, CliError> {
        if !self.is_wanted {
            return Ok(true);
        }
        let line = serde_json::to_string(value).map_err(|error| CliError::Other(error.to_string()))? + "\n";
        if self.is_at_once {
            return super::print(&line);
        }
        self.text += &line;
        Ok(true)
    }

    /// What is to be written yet.
    fn finish(mut self, list: &List) -> Result<String, CliError> {
        #[derive(Serialize)]
        struct Last {
            summary: Summary,
        }
        if self.summary.tried == 0 {
            // They were written, all at once.
            self.summary = Summary { listed: list.actions.len(), complete: true, ..self.summary };
            for entry in &list.actions {
                self.add(entry)?;
            }
        }
        let summary = self.summary;
        self.add(&Last { summary })?;
        Ok(self.text)
    }
}

/// The first interrupt ends what is going on, and what is known is printed; the second one ends the program.
fn stop_on_interrupt(cancel: Cancel) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async {
            while interrupted().await.is_ok() {
                if cancel.is_cancelled() {
                    std::process::exit(130);
                }
                cancel.cancel();
            }
        });
    });
}

/// By Ctrl-C, or as `timeout` and CI do it.
#[cfg(unix)]
async fn interrupted() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = tokio::signal::ctrl_c() => ended,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn interrupted() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// What was written, and what could not be.
fn written(project: &Project, changes: Changes) -> Result<List, CliError> {
    let mut list = List::default();
    for one in &changes.applied {
        list.push(&project.root, &one.candidate, one.way, one.saving.as_ref());
    }
    for note in &changes.notes {
        eprintln!("warning: {note}");
    }
    if let Some(failure) = changes.measurement.failure {
        for one in &list.actions {
            eprintln!("written: {one}");
        }
        return Err(BuildError::Failed { message: failure.trim_end().to_owned() }.into());
    }
    Ok(list)
}

/// Like `cargo fix`: what is not committed could not be told from what is written here.
fn refuse_if_dirty(project: &Project) -> Result<(), CliError> {
    if !project.root.ancestors().any(|folder| folder.join(".git").exists()) {
        return Ok(());
    }
    let mut git = Command::new("git");
    git.current_dir(&project.root).args(["status", "--porcelain=v1", "--untracked-files=normal", "--", "."]);
    let output = compiler::output(&git).map_err(|error| {
        CliError::Other(format!(
            "cannot run `git` to see what is not committed: {error}\n  with `--allow-dirty` nobody looks"
        ))
    })?;
    if !output.success {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(CliError::Other(format!(
            "git cannot say what is not committed: {}\n  with `--allow-dirty` nobody looks",
            said.trim_end()
        )));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let dirty: Vec<&str> =
        said.lines().filter(|line| !is_ours(project, line.get(3..).unwrap_or_default())).collect();
    if dirty.is_empty() {
        return Ok(());
    }
    let mut files: Vec<String> = dirty.iter().take(10).map(|line| format!("  {line}")).collect();
    if dirty.len() > files.len() {
        files.push(format!("  … and {} more", dirty.len() - files.len()));
    }
    Err(CliError::Other(format!(
        "the project has changes that are not committed, and edits would mix with them:\n{}\n\
         commit or stash them, or add `--allow-dirty`",
        files.join("\n")
    )))
}

/// A target directory that nobody told git to ignore.
fn is_ours(project: &Project, path: &str) -> bool {
    let top = git_top(&project.root);
    let path = top.join(path.trim_matches('"'));
    project.target_dir.starts_with(&path) || path.starts_with(&project.target_dir)
}

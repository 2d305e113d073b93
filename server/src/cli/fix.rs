//! `futurelens fix`: every edit that makes a future smaller, with what it saves; and writing them.

use super::git::git_top;
use super::{BuildArgs, CliError, OutputArgs, json, progress_bar};
use crate::build::{self, BuildError, Cancel, Project};
use crate::engine::{self, Changes, Measurement, Refusal, Verdict, Verifier, Wanted};
use crate::features::actions::list::List;
use crate::features::actions::{ActionKind, Candidate};
use crate::features::bytes::count;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::process::Command;

#[derive(Debug, Args)]
pub(super) struct FixArgs {
    /// A folder in the project: its root stands for the whole workspace.
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Write the edits into the files. Those that would drop a value earlier are left out.
    #[arg(long)]
    apply: bool,
    /// Write even if the files have changes that are not committed.
    #[arg(long, requires = "apply")]
    allow_dirty: bool,
    /// Write those, too, after which a value with a destructor is dropped at another time than before: the program may
    /// do something else then.
    #[arg(long, requires = "apply")]
    may_drop_earlier: bool,
    /// Only actions that save at least this. Less than 256 is seldom worth an allocation.
    #[arg(long, value_name = "BYTES", default_value_t = 1)]
    min_saving: u64,
    /// Only actions of this kind (may be repeated).
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
    Table,
    Json,
}

fn kinds() -> impl TypedValueParser<Value = ActionKind> {
    PossibleValuesParser::new(ActionKind::ALL.map(ActionKind::name)).try_map(|name| {
        let kind = ActionKind::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or("no kind of edit")
    })
}

pub(super) fn run(args: &FixArgs) -> Result<(), CliError> {
    let request = args.build.request(&args.path);
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
    let wanted = |one: &Candidate| args.kinds.is_empty() || args.kinds.contains(&one.kind);
    let list = match args.apply {
        false => offered(args, &project, measurement, &wanted, request.own_group)?,
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
        Format::Table => {
            if list.actions.is_empty() {
                eprintln!("no edit is known that makes a future of this project smaller");
            }
            list.table()
        }
    };
    args.output.write(&text)?;
    partial.map_or(Ok(()), Err)
}

/// Every action that compiles and saves enough.
fn offered(
    args: &FixArgs,
    project: &Project,
    measurement: Measurement,
    wanted: &dyn Fn(&Candidate) -> bool,
    own_group: bool,
) -> Result<List, CliError> {
    if let Some(failure) = &measurement.failure {
        eprintln!("{}", failure.trim_end());
    }
    let snapshot = measurement.snapshot.clone();
    let candidates = engine::candidates(project, &snapshot);
    let candidates: Vec<&Candidate> = candidates.iter().filter(|one| wanted(one)).collect();
    let mut verifier = Verifier::new(project, snapshot, measurement.units, own_group)?;
    let mut list = List::default();
    let bar = progress_bar("Trying");
    bar.set_length(candidates.len() as u64);
    let mut untried = 0;
    let verified = verifier.verify(&candidates, &Cancel::default(), &mut |index, verdict| {
        let candidate = candidates[index];
        bar.inc(1);
        bar.set_message(candidate.name.to_string());
        match verdict {
            Verdict::Saves { saving, way, drops_earlier } if saving.bytes() >= args.min_saving => {
                let candidate = Candidate { drops_earlier, ..candidate.clone() };
                list.push(&project.root, &candidate, way, Some(&saving));
            }
            Verdict::Compiles { way } => list.push(&project.root, candidate, way, None),
            Verdict::Refused(Refusal::MadeElsewhere | Refusal::NotTried) => untried += 1,
            Verdict::Saves { .. } | Verdict::Refused(_) => {}
        }
    });
    bar.finish_and_clear();
    verified?;
    if untried > 0 {
        let (edits, are) = (count(untried, "edit"), if untried == 1 { "is" } else { "are" });
        eprintln!(
            "{edits} {are} not listed because they cannot be measured here: their futures are generic and only made \
             by other crates, or their crate lies outside the workspace's folder"
        );
    }
    list.sort();
    Ok(list)
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
    let output = build::output(&git).map_err(|error| {
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

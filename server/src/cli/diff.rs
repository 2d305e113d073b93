//! `futurelens diff`: what became larger or smaller between two measurements.

use super::git::{Worktree, git_top};
use super::{BuildArgs, CliError, Measured, OutputArgs, in_file, json, read_text, record};
use crate::compiler::Project;
use crate::features::growth::compare;
use crate::features::record::Recording;
use crate::features::report::SCHEMA;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// Earlier: a report in JSON, or a baseline.
    #[arg(value_name = "OLD", required_unless_present = "git")]
    old: Option<PathBuf>,
    /// Later.
    #[arg(value_name = "NEW", required_unless_present = "git")]
    new: Option<PathBuf>,
    /// Measure this revision, in a worktree of its own, and compare the project in this folder with it.
    #[arg(long, value_name = "REV", conflicts_with_all = ["old", "new"])]
    git: Option<String>,
    /// Form of the comparison: `markdown` is for a comment on a pull request.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    #[command(flatten, next_help_heading = "With --git")]
    build: BuildArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Markdown,
}

pub(super) fn run(args: &DiffArgs) -> Result<(), CliError> {
    let (old, new) = match (&args.git, &args.old, &args.new) {
        (Some(revision), ..) => (of_revision(args, revision)?, measured(args)?),
        (None, Some(old), Some(new)) => (read(old)?, read(new)?),
        _ => return Err(CliError::Other("two reports are needed, or `--git REV`".to_owned())),
    };
    let pairs = of_same_target(&old, &new);
    let mut comparisons = Vec::new();
    for (old, new) in &pairs {
        comparisons.push(compare(old, new).map_err(|error| CliError::Other(error.to_string()))?);
    }
    if let Some((old, new)) = pairs.iter().find(|(old, new)| old.measured.compiler != new.measured.compiler) {
        let (old, new) = (&old.measured.compiler, &new.measured.compiler);
        eprintln!("note: measured with {old}, and with {new}");
    }
    let is_list = pairs.len() > 1;
    let heading = |new: &Recording, mark: &str| match is_list {
        true => format!("{mark}for {}\n\n", new.measured.target),
        false => String::new(),
    };
    let each = || pairs.iter().map(|(_, new)| *new).zip(&comparisons);
    let text = match args.format {
        Format::Table => each()
            .map(|(new, comparison)| {
                if comparison.changes.is_empty() {
                    let target =
                        if is_list { format!("for {}: ", new.measured.target) } else { String::new() };
                    eprintln!("{target}{}", comparison.summary());
                }
                let table = comparison.table();
                if table.is_empty() { table } else { heading(new, "") + &table }
            })
            .collect::<Vec<_>>()
            .join(if is_list { "\n" } else { "" }),
        Format::Json => match &each().map(|(new, comparison)| comparison.diff(new)).collect::<Vec<_>>()[..] {
            [one] => json(one)?,
            targets => json(&serde_json::json!({ "schema": SCHEMA, "targets": targets }))?,
        },
        Format::Markdown => {
            let texts = each().map(|(new, comparison)| heading(new, "## ") + &comparison.markdown());
            texts.collect::<Vec<_>>().join("\n")
        }
    };
    args.output.write(&text)
}

/// What was measured for the same target in both. If there is no such, a pair that cannot be compared: that says why.
fn of_same_target<'a>(old: &'a [Recording], new: &'a [Recording]) -> Vec<(&'a Recording, &'a Recording)> {
    let same = |new: &'a Recording| {
        let old = old.iter().find(|old| old.measured.target == new.measured.target)?;
        Some((old, new))
    };
    let pairs: Vec<_> = new.iter().filter_map(same).collect();
    if pairs.is_empty() {
        return old.first().zip(new.first()).into_iter().collect();
    }
    let is_paired = |one: &Recording| pairs.iter().any(|(old, _)| old.measured.target == one.measured.target);
    for one in old.iter().chain(new).filter(|one| !is_paired(one)) {
        eprintln!("note: only one of the two was measured for {}", one.measured.target);
    }
    pairs
}

fn read(file: &Path) -> Result<Vec<Recording>, CliError> {
    Recording::parse_all(&read_text(file)?).map_err(|error| in_file(file, &error))
}

/// The project as it is, for each target.
fn measured(args: &DiffArgs) -> Result<Vec<Recording>, CliError> {
    args.build.measure(Path::new("."))?.whole()?.all().map(record).collect()
}

/// The project as it was.
fn of_revision(args: &DiffArgs, revision: &str) -> Result<Vec<Recording>, CliError> {
    let request = args.build.request(Path::new("."));
    let project = Project::open(&request)?;
    let folder = project.target_dir.join("revision");
    let worktree = Worktree::new(&project.root, revision, &folder)?;
    let below = project.root.strip_prefix(git_top(&project.root)).unwrap_or(Path::new(""));
    let mut request = args.build.request(&worktree.tree.join(below));
    // Which compiler that is does not change on the way.
    request.toolchain = project.toolchain().name.clone().unwrap_or(request.toolchain);
    request.target_dir = Some(folder.join("target"));
    let measured = Measured::new(&request).and_then(Measured::whole);
    let measured =
        measured.map_err(|error| CliError::Other(format!("`{revision}` cannot be measured: {error}")))?;
    measured.all().map(record).collect()
}

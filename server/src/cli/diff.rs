//! `futurelens diff`: what became larger or smaller between two measurements.

use super::git::{Worktree, git_top};
use super::{BuildArgs, CliError, OutputArgs, in_file, json, read_text, record};
use crate::build::Project;
use crate::features::growth::compare;
use crate::features::record::Record;
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
    let comparison = compare(&old, &new).map_err(|error| CliError::Other(error.to_string()))?;
    if old.measured.compiler != new.measured.compiler {
        let (old, new) = (&old.measured.compiler, &new.measured.compiler);
        eprintln!("note: measured with {old}, and with {new}");
    }
    let text = match args.format {
        Format::Table => {
            if comparison.changes.is_empty() {
                eprintln!("{}", comparison.summary());
            }
            comparison.table()
        }
        Format::Json => json(&comparison.diff(&new))?,
        Format::Markdown => comparison.markdown(),
    };
    args.output.write(&text)
}

fn read(file: &Path) -> Result<Record, CliError> {
    Record::parse(&read_text(file)?).map_err(|error| in_file(file, &error))
}

/// The project as it is.
fn measured(args: &DiffArgs) -> Result<Record, CliError> {
    let snapshot = args.build.measure(Path::new("."))?;
    record(&snapshot)
}

/// The project as it was.
fn of_revision(args: &DiffArgs, revision: &str) -> Result<Record, CliError> {
    let request = args.build.request(Path::new("."));
    let project = Project::open(&request)?;
    let folder = project.target_dir.join("revision");
    let worktree = Worktree::new(&project.root, revision, &folder)?;
    let below = project.root.strip_prefix(git_top(&project.root)).unwrap_or(Path::new(""));
    let mut request = args.build.request(&worktree.tree.join(below));
    // Which compiler that is does not change on the way.
    request.toolchain = project.toolchain().name.clone().unwrap_or(request.toolchain);
    request.target_dir = Some(folder.join("target"));
    let snapshot = BuildArgs::measure_request(&request)
        .map_err(|error| CliError::Other(format!("`{revision}` cannot be measured: {error}")))?;
    record(&snapshot)
}

//! `futurelens check`: fails on a future over its budget, or grown past the baseline.

use super::git::folder_in_repository;
use super::{BuildArgs, CliError, OutputArgs, in_file, json, read_text, record, write_file};
use crate::features::check::{self, Question, Tolerance};
use crate::features::growth::compare;
use crate::features::record::{Key, Record};
use clap::{Args, ValueEnum};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// A folder in the project: its root stands for the whole workspace.
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Bytes a future may take where Cargo.toml does not say (`[workspace.metadata.futurelens] budget = 4096`).
    #[arg(long, value_name = "BYTES")]
    budget: Option<u64>,
    /// No future may be larger than in this file, a baseline or a report in JSON.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// How much a future may grow since the baseline: `64` bytes, or `5%`.
    #[arg(long, value_name = "BYTES|%", default_value = "0", requires = "baseline")]
    tolerance: Tolerance,
    /// Write the baseline as of now, instead of comparing with it. With `--package` the others' lines stay.
    #[arg(long, requires = "baseline")]
    update_baseline: bool,
    /// Form of the outcome: `github` is annotations for GitHub Actions, `sarif` is for code scanning.
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
    Github,
    Sarif,
}

/// Something fails.
const FAILED: u8 = 1;

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode, CliError> {
    // A baseline that cannot be read is said before anything is measured, and is never written over.
    let old = match &args.baseline {
        Some(file) if !args.update_baseline || file.exists() => Some(read(file)?),
        _ => None,
    };
    let snapshot = args.build.measure(&args.path)?;
    if let Some(error) = snapshot.budgets.errors.first() {
        return Err(CliError::Other(error.clone()));
    }
    let record = record(&snapshot)?;
    let (old, others) = match old {
        // If only some packages are measured, the others are not gone.
        Some(old) if !args.build.packages.is_empty() => of_same_crates(old, &record),
        Some(old) => (Some(old), None),
        None => (None, None),
    };
    let comparison = match (&old, &args.baseline) {
        (Some(old), Some(file)) => {
            Some((&old.measured, compare(old, &record).map_err(|error| in_file(file, &error))?))
        }
        _ => None,
    };
    let question = Question {
        snapshot: &snapshot,
        record: &record,
        budget: args.budget,
        baseline: comparison
            .as_ref()
            .filter(|_| !args.update_baseline)
            .map(|(of, comparison)| (*of, comparison)),
        tolerance: args.tolerance,
    };
    let check = check::check(&question);
    let text = match args.format {
        Format::Table => check.text(),
        Format::Json => json(&check)?,
        Format::Github => check::github(&check, &folder_in_repository(&snapshot.root)),
        Format::Sarif => json(&check::sarif(&check, &folder_in_repository(&snapshot.root)))?,
    };
    args.output.write(&text)?;
    if let Some(file) = args.baseline.as_ref().filter(|_| args.update_baseline) {
        let mut new = record.clone();
        new.futures.extend(others.into_iter().flat_map(|others| others.futures));
        write_file(file, &new.baseline())?;
        eprintln!("`{}` has {} futures", file.display(), new.futures.len());
    }
    Ok(if check.passed { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn read(file: &Path) -> Result<Record, CliError> {
    let text = read_text(file).map_err(|error| match error {
        CliError::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            CliError::Other(format!(
                "there is no baseline `{0}`: `futurelens check --baseline {0} --update-baseline` writes one",
                file.display()
            ))
        }
        other => other,
    })?;
    Record::parse(&text).map_err(|error| in_file(file, &error))
}

/// The futures of crates that were measured now, and the others.
fn of_same_crates(mut old: Record, new: &Record) -> (Option<Record>, Option<Record>) {
    let measured: BTreeSet<&str> = new.futures.keys().map(Key::krate).collect();
    let mut others = old.clone();
    old.futures.retain(|key, _| measured.contains(key.krate()));
    others.futures.retain(|key, _| !measured.contains(key.krate()));
    (Some(old), Some(others))
}

//! `futurelens check`: fails on a future over its budget, or grown past the baseline.

use super::git::folder_in_repository;
use super::{
    BuildArgs, CliError, OutputArgs, PARTIAL, in_file, json, read_text, record, warn_of_budgets, write_file,
};
use crate::features::Snapshot;
use crate::features::check::{self, Check, Question, Tolerance};
use crate::features::growth::compare;
use crate::features::record::{Key, Recording};
use crate::features::report::SCHEMA;
use crate::render::size;
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
    let measured = args.build.measure(&args.path)?;
    if let Some(error) = measured.first.budgets.errors.first() {
        return Err(CliError::Other(error.clone()));
    }
    warn_of_budgets(&measured);
    let mut all = Vec::new();
    for snapshot in measured.all() {
        let record = record(snapshot)?;
        let (old, others) = match (&old, &args.baseline) {
            (Some(old), Some(file)) => {
                of_same_target(args, file, old, &record)?.map_or((None, None), |old| {
                    // If only some packages are measured, the others are not gone.
                    if !args.build.packages.is_empty() {
                        of_same(&old, &record, &|key| key.krate().to_owned())
                    } else if measured.partial.is_some() {
                        of_same(&old, &record, &|key| format!("{} {}", key.unit, key.krate()))
                    } else {
                        (Some(old), None)
                    }
                })
            }
            _ => (None, None),
        };
        all.push(OfTarget { snapshot, record, old, others });
    }
    let mut comparisons = Vec::new();
    for OfTarget { record, old, .. } in &all {
        comparisons.push(match (old, &args.baseline) {
            (Some(old), Some(file)) => {
                Some((&old.measured, compare(old, record).map_err(|error| in_file(file, &error))?))
            }
            _ => None,
        });
    }
    let checks = all.iter().zip(&comparisons).map(|(OfTarget { snapshot, record, .. }, comparison)| {
        check::check(&Question {
            snapshot,
            record,
            budget: args.budget,
            baseline: comparison
                .as_ref()
                .filter(|_| !args.update_baseline)
                .map(|(of, comparison)| (*of, comparison)),
            tolerance: args.tolerance,
        })
    });
    let mut checks: Vec<Check<'_>> = checks.collect();
    let passed = checks.iter().all(|check| check.passed);
    if measured.partial.is_some() {
        checks = checks.into_iter().map(|check| check.without(measured.missing())).collect();
    }
    let folder = folder_in_repository(&measured.first.root);
    let text = match args.format {
        Format::Table => {
            let is_list = checks.len() > 1;
            let heading = |check: &Check<'_>| match is_list {
                true => format!("For {}:\n\n", check.target()),
                false => String::new(),
            };
            checks.iter().map(|check| heading(check) + &check.text()).collect::<Vec<_>>().join("\n")
        }
        Format::Json => match &checks[..] {
            [one] => json(one)?,
            targets => json(
                &serde_json::json!({ "schema": SCHEMA, "passed": passed && measured.partial.is_none(), "targets": targets }),
            )?,
        },
        Format::Github => checks.iter().map(|check| check::github(check, &folder)).collect(),
        Format::Sarif => json(&check::sarif(&checks, &folder))?,
    };
    args.output.write(&text)?;
    if let Some(partial) = &measured.partial {
        // What is only a part is nothing to compare with, and never passes.
        let is_kept = args.baseline.is_some() && args.update_baseline;
        eprintln!("error: {partial}{}", if is_kept { "\n\nthe baseline stays as it was" } else { "" });
        return Ok(ExitCode::from(if passed { PARTIAL } else { FAILED }));
    }
    if let Some(file) = args.baseline.as_ref().filter(|_| args.update_baseline) {
        let mut records: Vec<Recording> = Vec::new();
        for OfTarget { record, others, .. } in all {
            let mut new = record;
            new.futures.extend(others.into_iter().flat_map(|others| others.futures));
            records.push(new);
        }
        // If only some targets are measured, what is known of the others stays.
        let is_measured =
            |old: &Recording| records.iter().any(|new| new.measured.target == old.measured.target);
        let others =
            old.into_iter().flatten().filter(|old| !args.build.targets.is_empty() && !is_measured(old));
        let others: Vec<Recording> = others.collect();
        write_file(file, &Recording::baseline_of_all(records.iter().chain(&others)))?;
        let count: usize = records.iter().chain(&others).map(|record| record.futures.len()).sum();
        eprintln!("`{}` has {}", file.display(), size::count(count, "future"));
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// What was measured for one target.
struct OfTarget<'a> {
    snapshot: &'a Snapshot,
    record: Recording,
    /// What it is compared with.
    old: Option<Recording>,
    /// What of the baseline was not measured now.
    others: Option<Recording>,
}

/// The part of a baseline that is of the record's target.
fn of_same_target(
    args: &CheckArgs,
    file: &Path,
    old: &[Recording],
    new: &Recording,
) -> Result<Option<Recording>, CliError> {
    let target = &new.measured.target;
    match (old.iter().find(|old| old.measured.target == *target), old) {
        (Some(old), _) => Ok(Some(old.clone())),
        // It is refused when they are compared.
        (None, [only]) if args.build.targets.is_empty() || !args.update_baseline => Ok(Some(only.clone())),
        (None, _) if args.update_baseline => Ok(None),
        (None, _) => Err(CliError::Other(format!(
            "`{0}` has nothing of target `{target}`: `--baseline {0} --update-baseline` adds it",
            file.display()
        ))),
    }
}

fn read(file: &Path) -> Result<Vec<Recording>, CliError> {
    let text = read_text(file).map_err(|error| match error {
        CliError::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            CliError::Other(format!(
                "there is no baseline `{0}`: `futurelens check --baseline {0} --update-baseline` writes one",
                file.display()
            ))
        }
        other => other,
    })?;
    Recording::parse_all(&text).map_err(|error| in_file(file, &error))
}

/// The futures of crates, or units, that were measured now, and the others.
fn of_same(
    old: &Recording,
    new: &Recording,
    of: &dyn Fn(&Key) -> String,
) -> (Option<Recording>, Option<Recording>) {
    let measured: BTreeSet<(&str, String)> =
        new.futures.keys().map(|key| (key.package.as_str(), of(key))).collect();
    let of_any_package: BTreeSet<&String> = measured.iter().map(|(_, of)| of).collect();
    let is_measured = |key: &Key| match key.package.as_str() {
        // A baseline of an older futurelens.
        "" => of_any_package.contains(&of(key)),
        package => measured.contains(&(package, of(key))),
    };
    let (mut same, mut others) = (old.clone(), old.clone());
    same.futures.retain(|key, _| is_measured(key));
    others.futures.retain(|key, _| !is_measured(key));
    (Some(same), Some(others))
}

//! `futurelens report`: the table of all futures.

use super::{CliError, CommonArgs, Measured, json, warn_of_budgets};
use crate::features::Snapshot;
use crate::features::report::{self, Choice, Sort};
use crate::features::tasks;
use crate::features::webpage::page;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// A folder in the project: its root stands for the whole workspace.
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// What to sort by, largest first.
    #[arg(long, value_name = "BY", default_value = "size")]
    sort: SortBy,
    /// Only futures whose name or file contains TEXT; with `*` in it TEXT must cover the whole name.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Where memory is taken for futures: tasks, boxes, static pools.
    #[arg(long, conflicts_with_all = ["sort", "filter", "all"])]
    tasks: bool,
    /// Show the futures of dependencies too.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    /// A page to look at in a browser: one file that needs nothing else.
    Html,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SortBy {
    /// Bytes.
    Size,
    /// Bytes that no state uses.
    Padding,
    /// Bytes stored a second time.
    Duplicated,
}

pub(super) fn run(args: &ReportArgs) -> Result<(), CliError> {
    let measured = args.common.build.measure(&args.path)?;
    warn_of_budgets(&measured);
    if args.tasks {
        tasks_of(args, &measured)?;
        return measured.finish();
    }
    let sort = match args.sort {
        SortBy::Size => Sort::Size,
        SortBy::Padding => Sort::Padding,
        SortBy::Duplicated => Sort::Duplicated,
    };
    let line_of = |snapshot: &Snapshot| args.common.cache_line.on(&snapshot.target);
    let choice = |snapshot: &Snapshot| Choice {
        all: args.all,
        cache_line: line_of(snapshot),
        sort,
        filter: args.filter.clone(),
        needs: args.format != Format::Table,
    };
    let cache_line = line_of(&measured.first);
    let Some(mut report) = report::report_of_all(measured.all(), &choice) else { return measured.finish() };
    report.missing = measured.missing();
    let text = match args.format {
        Format::Json => json(&report)?,
        Format::Html => {
            let title = measured.first.root.file_name().unwrap_or_default().to_string_lossy();
            let page = page(&report, &title, cache_line);
            page.map_err(|error| CliError::Other(format!("cannot write the page: {error}")))?
        }
        Format::Table => {
            if report.futures.is_empty() && report.drift.is_empty() {
                match &args.filter {
                    Some(filter) => eprintln!("no future has `{filter}` in its name or file"),
                    None => eprintln!("{}", nothing(measured.first.unused_generics())),
                }
            }
            report::table(&report, sort)
        }
    };
    args.common.output.write(&text)?;
    measured.finish()
}

fn tasks_of(args: &ReportArgs, measured: &Measured) -> Result<(), CliError> {
    let Some(mut report) = tasks::task_report(measured.all()) else { return Ok(()) };
    report.missing = measured.missing();
    let text = match args.format {
        Format::Json => json(&report)?,
        Format::Html => {
            return Err(CliError::Other(
                "the page has no tasks yet: leave out `--tasks` or `--format html`".to_owned(),
            ));
        }
        Format::Table => {
            if report.tasks.is_empty() {
                eprintln!(
                    "nothing that was measured takes memory for a future: none is spawned, boxed or in a pool"
                );
            }
            tasks::table(&report.tasks)
        }
    };
    args.common.output.write(&text)
}

/// Why there is nothing to list. `generic`: how many futures have a size only where they are used.
fn nothing(generic: usize) -> String {
    match generic {
        0 => "no async fn, async block or async closure was found in this project".to_owned(),
        _ => format!(
            "no future of this project has a size: all are generic ({generic}), and nothing that was measured uses them. \
             `--all-targets` measures tests and examples, too; else measure a crate that depends on this one"
        ),
    }
}

//! `futurelens diff`: what became larger or smaller between two measurements.

use super::{CliError, OutputArgs, in_file, json, read_text};
use crate::features::growth::compare;
use crate::features::record::Record;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// Earlier: a report in JSON, or a baseline.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// Later.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Form of the comparison: `markdown` is for a comment on a pull request.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
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
    let (old, new) = (read(&args.old)?, read(&args.new)?);
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

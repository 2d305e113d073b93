//! `futurelens culprits`: which thing held costs most where memory is taken.

use super::{BuildArgs, CliError, OutputArgs, json, warn_of_budgets};
use crate::features::culprits::{self, Culprit};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct CulpritsArgs {
    /// A folder in the project: its root stands for the whole workspace.
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// How many to list.
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    top: usize,
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

pub(super) fn run(args: &CulpritsArgs) -> Result<(), CliError> {
    let measured = args.build.measure(&args.path)?;
    warn_of_budgets(&measured);
    // What is held is the same for each target, or nearly.
    let found: Vec<Culprit<'_>> = culprits::culprits(&measured.first, args.top);
    let text = match args.format {
        Format::Json => json(&culprits::CulpritReport::new(&measured.first, &found, measured.missing()))?,
        Format::Table => {
            if found.is_empty() {
                eprintln!(
                    "no future of this project holds anything of 64 bytes or more that makes it larger"
                );
            }
            culprits::table(&found)
        }
    };
    args.output.write(&text)?;
    measured.finish()
}

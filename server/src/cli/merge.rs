//! `futurelens merge`: reports of several machines as one.

use super::{CliError, OutputArgs, in_file, json, read_text};
use crate::features::merge::merge;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// Reports in JSON, of packages of one project that were measured in the same way.
    #[arg(value_name = "REPORT", required = true)]
    reports: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &MergeArgs) -> Result<(), CliError> {
    let texts: Result<Vec<String>, CliError> = args.reports.iter().map(|file| read_text(file)).collect();
    let merged = merge(&texts?).map_err(|error| in_file(&args.reports[error.index], &error))?;
    args.output.write(&json(&merged)?)
}

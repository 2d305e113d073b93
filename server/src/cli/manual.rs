//! `futurelens completions` and `futurelens man`: what a package of futurelens installs beside it.

use super::{Cli, CliError, OutputArgs};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// For this shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn completions(args: &CompletionsArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "futurelens", &mut script);
    args.output.write(&String::from_utf8_lossy(&script))
}

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The folder for them: `futurelens.1`, and one for each command.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn man(args: &ManArgs) -> Result<(), CliError> {
    let written = std::fs::create_dir_all(&args.dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), &args.dir));
    written.map_err(|source| CliError::File { what: "write into", path: args.dir.clone(), source })
}

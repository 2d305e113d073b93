//! `futurelens cargo`: the user's own cargo, with the sizes recorded on the way.

use super::CliError;
use crate::compiler::ride_along;
use clap::Args;
use std::ffi::OsString;
use std::process::{ExitCode, ExitStatus};

#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(super) struct CargoArgs {
    /// cargo's own arguments: `check --workspace --message-format=json`, also with `+TOOLCHAIN` in front.
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

const HELP: &str = "\
Run cargo as it is, and record the sizes of futures on the way

Usage: futurelens cargo [+TOOLCHAIN] COMMAND [ARGS]...

Everything goes to cargo: arguments, standard streams, exit status. After each compiler run of
`check` or `clippy` that succeeded for a crate of the workspace, the compiler runs once more beside
cargo's artifacts and records the sizes; other commands are only passed on. The numbers are those of
the profile that is checked: `dev`, unless the arguments say otherwise.

With --message-format=json, as editors have it, running language servers show the new numbers. So one
build serves rust-analyzer and futurelens; in rust-analyzer's settings:

  check.overrideCommand = [\"futurelens\", \"cargo\", \"check\", \"--workspace\",
                           \"--message-format=json\", \"--all-targets\"]

and in futurelens's: profile = \"dev\", build.onOpen = false, build.onSave = false.

Futures of generic functions that only generic code calls have no size here: a size build finds them.
";

pub(super) fn run(args: &CargoArgs) -> Result<ExitCode, CliError> {
    match args.args.first().and_then(|arg| arg.to_str()) {
        None if args.args.is_empty() => {
            eprint!("{HELP}");
            return Ok(ExitCode::from(super::TROUBLE));
        }
        Some("-h" | "--help") => {
            print!("{HELP}");
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let status = ride_along::run(&args.args)
        .map_err(|source| crate::compiler::BuildError::NoProgram { program: "cargo", source })?;
    Ok(exit(status))
}

/// Ends as cargo did.
fn exit(status: ExitStatus) -> ExitCode {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal().and_then(rustix::process::Signal::from_named_raw) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
        }
    }
    ExitCode::from(status.code().map_or(101, |code| u8::try_from(code & 0xff).unwrap_or(1)))
}

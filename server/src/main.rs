//! The `futurelens` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    futurelens::start()
}

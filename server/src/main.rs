//! The `futurelens` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    // cargo starts this program in place of the compiler: nothing else may happen first.
    if let Ok(settings) = std::env::var(futurelens::build::wrapper::ENV) {
        return futurelens::build::wrapper::run(&settings, std::env::args_os().skip(1).collect());
    }
    futurelens::cli::main()
}

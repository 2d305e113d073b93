//! The same program under the name by which cargo finds it: `cargo futurelens …`.

use std::process::ExitCode;

fn main() -> ExitCode {
    futurelens::start()
}

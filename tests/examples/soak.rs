//! A long session with the server: random edits, saves, hovers, actions; see `futurelens_tests::soak`.
//!
//! ```sh
//! cargo run --release -p futurelens-tests --example soak                          # an hour with mini-redis
//! cargo run --release -p futurelens-tests --example soak -- 10 mini-redis 0.4.1 [SEED]
//! cargo run --release -p futurelens-tests --example soak -- 10 PATH [SEED]
//! ```
//!
//! The first number is minutes. Exits with 1 if a size differs from a clean build's, an accepted edit does not
//! compile, something is left behind, or the server grows. Needs `/proc`.

use futurelens_tests::binary::say;
use futurelens_tests::registry::named;
use futurelens_tests::soak::run_for;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let minutes = match arguments.is_empty() {
        true => "60".to_owned(),
        false => arguments.remove(0),
    };
    let seed = match arguments.last().and_then(|seed| seed.parse::<u64>().ok()) {
        Some(seed) => arguments.pop().map_or(0, |_| seed),
        None => 1,
    };
    if arguments.is_empty() {
        arguments = ["mini-redis", "0.4.1"].map(str::to_owned).to_vec();
    }
    let (Ok(minutes), Some(project)) = (minutes.parse::<u64>(), named(&arguments)) else {
        eprintln!("usage: soak [MINUTES [CRATE VERSION | PATH] [SEED]]");
        return ExitCode::from(2);
    };
    match run_for(&project, seed, Duration::from_secs(60 * minutes), 25) {
        Ok(tally) => {
            say(&format!("{minutes} minutes of {}, seed {seed}\n{}", project.display(), tally.text()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&error);
            ExitCode::FAILURE
        }
    }
}

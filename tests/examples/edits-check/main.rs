//! Is what a save measures what a clean build measures, whatever was edited before?
//!
//! ```text
//! cargo run --release -p futurelens-tests --example edits-check -- mini-redis 0.4.1 [EDITS] [SEED]
//! cargo run --release -p futurelens-tests --example edits-check -- PATH [EDITS] [SEED]
//! ```
//!
//! Plants async code of many shapes into a copy of the published crate (or the project at a path), edits that
//! and the crate's own library at random, and measures after every edit: in a target directory that lives
//! through all of them, and in one in which everything kept of the project is removed before. Now and then a
//! measurement is killed, or what is kept is lost, damaged or an old one. Prints a line for each edit (did it
//! compile, how long did both take, what was edited). Exits with 1 at the first difference, and saves both
//! sides of it.

use futurelens_tests::edits::check::{Check, Options};
use futurelens_tests::registry::named;
use std::process::ExitCode;
use std::time::SystemTime;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_number = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = arguments.iter().rev().take_while(|text| is_number(text)).count();
    let numbers = arguments.split_off(arguments.len() - numbers);
    let mut numbers = numbers.iter().filter_map(|text| text.parse::<u64>().ok());
    let Some(project) = named(&arguments) else {
        eprintln!("usage: edits-check CRATE VERSION | PATH [EDITS] [SEED]");
        return ExitCode::from(2);
    };
    let edits = numbers.next().unwrap_or(100) as usize;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = numbers.next().unwrap_or_else(|| now.map_or(0, |now| now.as_secs()));
    let options = Options { other_profile: Some("dev"), together: false };
    let mut check = Check::new(&project, seed, options);
    match check.run(edits) {
        Ok(summary) => {
            println!("{}", summary.text(seed));
            ExitCode::SUCCESS
        }
        Err(difference) => {
            println!("{difference}");
            ExitCode::FAILURE
        }
    }
}

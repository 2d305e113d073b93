//! Does the compiler's layout algorithm, fed with what was dumped, give what the compiler printed?
//!
//! ```text
//! cargo run --release -p futurelens-tests --example layout-check -- mini-redis 0.4.1
//! cargo run --release -p futurelens-tests --example layout-check -- PATH
//! ```
//!
//! Measures the published crate (or the project at a path) with the built binary, lays every future out
//! again, and prints the share that comes out to the byte. Exits with 1 if that is not all of them.

mod check;

use futurelens_tests::registry::named;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(project) = named(&arguments) else {
        eprintln!("usage: layout-check CRATE VERSION | PATH");
        return ExitCode::from(2);
    };
    // A folder of kept units is read as it is.
    let check = check::check(&match project.join("Cargo.toml").exists() {
        true => check::measure(&project, "release"),
        false => check::read(&project),
    });
    for other in &check.others {
        println!("{other}");
    }
    let share = 100.0 * check.same as f64 / check.futures.max(1) as f64;
    println!(
        "{}: {} of {} futures to the byte ({share:.1} %)",
        arguments.join(" "),
        check.same,
        check.futures
    );
    ExitCode::from(u8::from(check.same != check.futures))
}

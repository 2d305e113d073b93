//! Prints where the source of a published crate is, for scripts; fetches it first if need be.
//!
//! ```sh
//! cargo run -p futurelens-tests --example checkout -- async-nats 0.51.0
//! ```

use futurelens_tests::registry::checkout;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, version] = &arguments[..] else {
        eprintln!("usage: checkout CRATE VERSION");
        return ExitCode::from(2);
    };
    println!("{}", checkout(name, version).display());
    ExitCode::SUCCESS
}

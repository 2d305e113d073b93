//! Tries every action that `futurelens fix` offers for a project, each alone in a fresh copy, and prints how
//! many of them compile, make the future smaller, and save what they say.

use futurelens_tests::actions::try_all;
use futurelens_tests::registry::named;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(project) = named(&arguments) else {
        eprintln!("usage: fix-check CRATE VERSION | PATH");
        return ExitCode::from(2);
    };
    let outcome = try_all(&project);
    for broken in &outcome.broken {
        println!("{broken}");
    }
    print!("{}\n{}", arguments.join(" "), outcome.table());
    ExitCode::from(u8::from(!outcome.broken.is_empty()))
}

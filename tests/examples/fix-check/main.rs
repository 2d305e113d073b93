//! Tries every action that `futurelens fix` offers for a project, each alone in a fresh copy, and prints how
//! many of them compile, make the future smaller, and save what they say.

use futurelens_tests::actions::try_offered;
use futurelens_tests::registry::named;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = arguments.iter().position(|it| it == "--").map(|at| arguments.split_off(at));
    let Some(project) = named(&arguments) else {
        eprintln!("usage: fix-check (CRATE VERSION | PATH) [-- ARGUMENTS OF FIX]");
        return ExitCode::from(2);
    };
    let options: Vec<&str> = options.iter().flatten().skip(1).map(String::as_str).collect();
    let outcome = try_offered(&project, &options);
    for broken in &outcome.broken {
        println!("{broken}");
    }
    print!("{}\n{}", arguments.join(" "), outcome.table());
    ExitCode::from(u8::from(!outcome.broken.is_empty()))
}

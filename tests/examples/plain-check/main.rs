//! Is every future of every target right? Takes folders of cargo projects (or published crates, as `NAME@VERSION`), builds
//! each plainly and compares, see `futurelens_tests::plain`.
//!
//! ```text
//! cargo run --release -p futurelens-tests --example plain-check -- mini-redis@0.4.1 tests/fixtures
//! ```
//!
//! `--toolchain NAME`, `--profile NAME` and `--target TRIPLE` stand before them, `--no-tests` leaves out tests and
//! benches. Exits with 1 if anything differs.

use futurelens_tests::plain::{COLUMNS, Options, check, workspaces};
use futurelens_tests::registry::checkout;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut options = Options::default();
    let mut projects: Vec<PathBuf> = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_default();
        match argument.as_str() {
            "--toolchain" => options.toolchain = value(),
            "--profile" => options.profile = value(),
            "--target" => options.target = Some(value()),
            "--no-tests" => options.all_targets = false,
            name if name.starts_with('-') => {
                projects.clear();
                break;
            }
            folder => match folder.split_once('@') {
                Some((name, version)) => projects.push(checkout(name, version)),
                None => projects.extend(workspaces(Path::new(folder))),
            },
        }
    }
    if projects.is_empty() {
        eprintln!(
            "usage: plain-check [--toolchain NAME] [--profile NAME] [--target TRIPLE] [--no-tests] FOLDER|NAME@VERSION…"
        );
        return ExitCode::from(2);
    }
    println!("{:<44} {COLUMNS}", "package, target");
    let mut faults = 0;
    let mut sums = Vec::new();
    let work = tempfile::tempdir().expect("the temporary directory is writable");
    for project in &projects {
        let checked = check(project, &options, work.path());
        for ((package, target), row) in &checked.rows {
            println!("{:<44} {row}", format!("{package} {target}"));
        }
        checked.failed.iter().for_each(|failed| println!("{failed}"));
        checked.faults.iter().for_each(|fault| println!("  {fault}"));
        faults += checked.faults.len();
        sums.push((project.file_name().unwrap_or_default().to_string_lossy().into_owned(), checked.sum()));
    }
    println!();
    sums.iter().for_each(|(project, sum)| println!("{project:<44} {sum}"));
    println!("{} projects, {faults} faults", projects.len());
    ExitCode::from(u8::from(faults > 0))
}

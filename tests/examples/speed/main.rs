//! How fast is the server, measured as an editor sees it, against the compiler's own times?
//!
//! ```text
//! cargo run --release -p futurelens-tests --example speed
//! cargo run --release -p futurelens-tests --example speed -- mini-redis 0.4.1 --edits 15
//! cargo run --release -p futurelens-tests --example speed -- --scale 50 25000 --skip-workflow
//! ```
//!
//! Prints one table to standard output, and how far it is to standard error. docs/speed.md says what the columns
//! mean.

mod edits;
mod measure;
mod server;

use futurelens_tests::project::Project;
use futurelens_tests::registry::{ACTIX, checkout, family};
use futurelens_tests::scale::{self, Scale};
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: speed [CRATE VERSION | PATH | --family | --scale CRATES FUTURES]… \
                     [--edits N] [--requests N] [--skip-workflow]";

/// What is measured.
enum Row {
    Crate(String, String),
    Path(String),
    Family,
    Scale(usize, usize),
}

impl Row {
    fn name(&self) -> String {
        match self {
            Row::Crate(name, version) => format!("{name} {version}"),
            Row::Path(path) => Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Row::Family => format!("{} ({} crates)", ACTIX.name, ACTIX.members.len()),
            Row::Scale(crates, futures) => format!("synthetic, {crates} crates, {futures} async fns"),
        }
    }

    /// A copy of its own: it is edited.
    fn project(&self) -> Project {
        match self {
            Row::Crate(name, version) => Project::copy_of(&checkout(name, version)),
            Row::Path(path) => Project::copy_of(Path::new(path)),
            Row::Family => Project::copy_of(&family(&ACTIX)),
            Row::Scale(crates, futures) => {
                let project = Project::empty();
                let scale = Scale { crates: *crates, futures: *futures, ..Scale::default() };
                scale::workspace(project.root(), &scale);
                project
            }
        }
    }
}

/// How it is measured.
pub struct Options {
    /// Saves to measure.
    pub edits: usize,
    /// Requests of each kind.
    pub requests: usize,
    /// Leave out the full build that prints type sizes.
    pub skip_workflow: bool,
}

fn arguments() -> Option<(Vec<Row>, Options)> {
    let mut rows = Vec::new();
    let mut options = Options { edits: 9, requests: 300, skip_workflow: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next()?.parse().ok();
        match argument.as_str() {
            "--edits" => options.edits = number()?,
            "--requests" => options.requests = number()?,
            "--skip-workflow" => options.skip_workflow = true,
            "--family" => rows.push(Row::Family),
            "--scale" => rows.push(Row::Scale(number()?, number()?)),
            other if other.starts_with('-') => return None,
            path if Path::new(path).join("Cargo.toml").exists() => rows.push(Row::Path(path.to_owned())),
            name => rows.push(Row::Crate(name.to_owned(), arguments.next()?)),
        }
    }
    if rows.is_empty() {
        let published = |name: &str, version: &str| Row::Crate(name.to_owned(), version.to_owned());
        rows = vec![published("mini-redis", "0.4.1"), published("async-nats", "0.51.0")];
        rows.extend([Row::Family, Row::Scale(20, 5_000)]);
    }
    Some((rows, options))
}

fn main() -> ExitCode {
    let Some((rows, options)) = arguments() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut table = vec![measure::COLUMNS.map(|(title, _)| title.to_owned()).to_vec()];
    table.push(measure::COLUMNS.map(|(_, align)| align.to_owned()).to_vec());
    for row in rows {
        eprintln!("{}", row.name());
        let project = row.project();
        let mut cells = vec![row.name()];
        cells.extend(measure::measure(project.root(), &options));
        table.push(cells);
    }
    for cells in table {
        println!("| {} |", cells.join(" | "));
    }
    ExitCode::SUCCESS
}

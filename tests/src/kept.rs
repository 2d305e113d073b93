//! What futurelens keeps of a fixture that it has measured.

use crate::binary::{fixture, futurelens, run};
use crate::project::{Project, files};
use std::path::PathBuf;

/// A measured copy of a fixture.
#[derive(Debug)]
pub struct Kept {
    /// The copy.
    pub project: Project,
    /// The kept units, by name.
    pub units: Vec<PathBuf>,
    /// The index of the request.
    pub index: PathBuf,
    /// `report --format json`.
    pub report: String,
    /// `check --update-baseline`.
    pub baseline: String,
}

/// Measures a fixture.
///
/// # Panics
///
/// If that fails.
pub fn of(name: &str) -> Kept {
    let project = Project::copy_of(&fixture(name));
    let report = run(futurelens().args(["report", "--format", "json"]).arg(project.root())).expect_success();
    let baseline = project.beside("baseline.txt");
    run(futurelens().args(["check", "--update-baseline", "--baseline"]).arg(&baseline).arg(project.root()))
        .expect_success();
    let target = project.root().join("target/futurelens");
    let is_unit = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "futurelens");
    let units = files(&target.join("release/deps")).into_iter().filter(is_unit).collect();
    let index = files(&target.join("index")).into_iter().next().expect("the report left an index");
    Kept {
        units,
        index,
        report: report.stdout,
        baseline: std::fs::read_to_string(baseline).expect("it was just written"),
        project,
    }
}

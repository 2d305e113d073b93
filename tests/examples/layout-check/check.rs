//! Lays out every measured future again and compares with what the compiler printed.

use futurelens::compiler::UnitOutput;
use futurelens::features::Snapshot;
use futurelens::features::snapshot::PrintedUnit;
use futurelens::layout::whatif::{self, Recomputed};
use futurelens::unit_id::UnitId;
use futurelens_tests::binary::{futurelens, run};
use futurelens_tests::project::files;
use std::collections::BTreeSet;
use std::path::Path;

/// What came out.
pub struct Check {
    /// Futures with a dumped body.
    pub futures: usize,
    /// Those of them whose size and alignment are recomputed to the byte.
    pub same: usize,
    /// What is wrong with the others.
    pub others: Vec<String>,
}

/// Measures a project with the real binary, and reads what that kept.
#[allow(dead_code)] // One of the programs that this is part of has measured already.
pub fn measure(project: &Path, profile: &str) -> Snapshot {
    let target = tempfile::tempdir().expect("the temporary directory is writable");
    let mut command = futurelens();
    command.arg("report").arg(project).args(["--profile", profile]).arg("--target-dir").arg(target.path());
    run(&mut command).expect_success();
    read(target.path())
}

/// Compares all futures of a snapshot.
pub fn check(snapshot: &Snapshot) -> Check {
    let mut check = Check { futures: 0, same: 0, others: Vec::new() };
    for placed in snapshot.futures(false) {
        let future = &placed.future;
        check.futures += 1;
        let printed = Recomputed { size: future.size, align: future.align };
        match whatif::recompute(future) {
            Some(recomputed) if recomputed == printed => check.same += 1,
            recomputed => {
                let unknown = future.parts.all().filter(|part| part.align.is_none()).count();
                let unmatched = future.parts.saved.iter().filter(|part| part.is_none()).count();
                check.others.push(format!(
                    "{}: {printed:?} recomputed as {recomputed:?}; {unmatched} locals not found, {unknown} alignments unknown",
                    future.id
                ));
            }
        }
    }
    check
}

/// Reads all units kept below a folder.
pub fn read(folder: &Path) -> Snapshot {
    let kept = files(folder).into_iter().filter(|file| file.extension().is_some_and(|e| e == "futurelens"));
    let units: Vec<(UnitId, UnitOutput)> = kept
        .map(|file| {
            let run = file.file_stem().expect("it has a name").to_string_lossy().into_owned();
            (run.into(), UnitOutput::read(&file).expect("the unit is whole"))
        })
        .collect();
    // Which crate is the library matters to the others only: all of them may be used by all.
    let texts: Vec<PrintedUnit<'_>> = units
        .iter()
        .map(|(run, unit)| PrintedUnit {
            origin: run,
            stamp: 0,
            package: "",
            krate: run.crate_name(),
            unit: "lib",
            edition: unit.invocation.as_ref().map_or("", |invocation| invocation.edition()),
            rust_version: unit.invocation.as_ref().and_then(|invocation| invocation.rust_version()),
            dir: &unit.dir,
            texts: std::sync::Arc::new(unit.clone()),
            bodies: unit.digests().collect(),
            without: &[],
            sources: unit.sources().collect(),
        })
        .collect();
    let current: BTreeSet<_> = units.iter().map(|(run, _)| run.clone()).collect();
    Snapshot::default().updated(&texts, &current, BTreeSet::new())
}

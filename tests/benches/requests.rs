//! How fast the editor's questions are answered, on a file of 5 000 lines with 300 futures.
//!
//! `cargo bench -p futurelens-tests --bench requests` prints the times; the promise is 5 ms.

// What criterion's macros make has no documentation.
#![allow(missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use futurelens::compiler::UnitOutput;
use futurelens::features::Snapshot;
use futurelens::features::hints::{HintSettings, hints};
use futurelens::features::hover::{HoverSettings, hover};
use futurelens::features::snapshot::PrintedUnit;
use futurelens::source::{Outline, TextSize};
use futurelens_tests::binary::{futurelens, run};
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;

const FUTURES: usize = 300;
const LINES: usize = 5_000;

/// Three hundred async fns, each a little longer than a screen, every third one generic.
fn source() -> String {
    let mut text = String::new();
    for n in 0..FUTURES {
        let generic = if n % 3 == 0 { "<T: Default>" } else { "" };
        let _ = writeln!(
            text,
            "/// Number {n}.\npub async fn future_{n}{generic}(data: [u8; {}]) -> u8 {{",
            64 + n
        );
        text.push_str("    let sum: u8 = data.iter().fold(0, |a, b| a.wrapping_add(*b));\n");
        if n > 0 {
            let arguments = if (n - 1) % 3 == 0 { "::<u64>" } else { "" };
            let _ = writeln!(text, "    let inner = future_{}{arguments}([sum; {}]).await;", n - 1, 63 + n);
        } else {
            text.push_str("    let inner = std::future::ready(sum).await;\n");
        }
        text.push_str("    std::hint::black_box(&data);\n    std::future::ready(()).await;\n");
        while text.lines().count() < (n + 1) * (LINES / FUTURES) - 2 {
            text.push_str("    // A comment, as there are in real code.\n");
        }
        text.push_str("    inner.wrapping_add(data[0])\n}\n\n");
    }
    text
}

fn requests(criterion: &mut Criterion) {
    let project = tempfile::tempdir().expect("the temporary directory is writable");
    let root = project.path();
    let manifest = "[package]\nname = \"requests\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    std::fs::create_dir(root.join("src")).expect("it is new");
    std::fs::write(root.join("Cargo.toml"), manifest).expect("it is writable");
    std::fs::write(root.join("src/lib.rs"), source()).expect("it is writable");
    run(futurelens().arg("report").arg(root)).expect_success();

    let deps = root.join("target/futurelens/release/deps");
    let mut files = std::fs::read_dir(deps).expect("the report left its artifacts").flatten();
    let file = files.find(|entry| entry.path().extension().is_some_and(|e| e == "futurelens"));
    let unit = UnitOutput::read(&file.expect("the unit was kept").path()).expect("the unit is whole");
    let text = PrintedUnit {
        origin: &"requests-0".into(),
        stamp: 1,
        package: "requests",
        krate: "requests",
        unit: "lib",
        edition: "2021",
        rust_version: None,
        dir: &unit.dir,
        texts: std::sync::Arc::new(unit.clone()),
        bodies: unit.digests().collect(),
        without: &[],
        sources: unit.sources().collect(),
    };
    let snapshot = Snapshot::default().updated(&[text], &Default::default(), Default::default());
    let path = unit.dir.join("src/lib.rs");
    let views = snapshot.file(&path);
    // The text has moved since it was measured, as it has in an editor.
    let outline = Outline::new(format!("// New.\n\n{}", source()).into());

    let settings = HintSettings::default();
    assert!(hints(views, &outline, &settings).len() >= FUTURES, "every future has a hint");
    criterion.bench_function("inlay hints of the whole file", |bencher| {
        bencher.iter(|| hints(black_box(views), &outline, &settings).len());
    });
    let link = |_: &Path, _: u32| None;
    let settings = HoverSettings { cache_line: std::num::NonZeroU64::new(64), markdown: true, link: &link };
    let at = |what: &str| {
        let start = outline.text().rfind(what).expect("the text has it");
        TextSize::try_from(start).expect("the text is small")
    };
    for (name, what) in [("fn", "future_299"), ("await", "await;")] {
        let at = at(what);
        assert!(hover(&snapshot, views, &outline, at, &settings).is_some(), "there is a hover");
        criterion.bench_function(&format!("hover on {name}"), |bencher| {
            bencher.iter(|| hover(&snapshot, views, &outline, black_box(at), &settings));
        });
    }
}

criterion_group!(benches, requests);
criterion_main!(benches);

//! What a future holds in each of its states is what the compiler printed for that state, and
//! everything held is declared where the report says.
//!
//! `real_crates.rs` holds published crates to the same, with the same functions: measuring them once
//! is slow enough.

use futurelens_tests::binary::{fixture, say};
use futurelens_tests::layouts::{compare, declarations};
use futurelens_tests::oracle;
use futurelens_tests::project::Project;
use futurelens_tests::report::{Future, Report, report};

/// The state of a future that waits at its only await, and one thing held there: kind, size, offset
/// and the text of its declaration line.
const ARTICLE: [(&str, &str, &str, u64, u64, &str); 8] = [
    ("stores_argument", "data", "upvar", 8192, 1, "pub async fn stores_argument(data: [u8; 8192]) {"),
    ("stores_argument", "data", "local", 8192, 8193, "pub async fn stores_argument(data: [u8; 8192]) {"),
    ("stores_argument", "__awaitee", "awaitee", 2, 16385, "yield_now().await;"),
    ("buffers_overlapping", "first", "local", 256, 1, "let first = black_box([1u8; 256]);"),
    ("buffers_overlapping", "second", "local", 256, 257, "let second = black_box([2u8; 256]);"),
    ("self_referential", "into", "local", 8, 1024, "let into = &array;"),
    ("keeps_dyn", "task", "local", 16, 0, "let task: BoxFuture = Box::pin(large_future());"),
    ("level_5", "__awaitee", "awaitee", 8, 1, "level_4().await;"),
];

#[test]
fn article() {
    let article = Project::copy_of(&fixture("article"));
    let report = report::<&str>(article.root(), &[]);
    let units = oracle::measure(article.root(), "release");
    let mut faults = Vec::new();
    let mut table = "\narticle, release: printed, reported, same".to_owned();
    for unit in &units {
        let of_unit =
            |future: &&Future| future.is_of_unit(&unit.name) && future.crate_name == unit.crate_name;
        let reported: Vec<&Future> = report.futures.iter().filter(of_unit).collect();
        let same = compare(unit, &reported, &mut faults);
        let (printed, reported) = (unit.own.len(), reported.len());
        table.push_str(&format!("\n  {:24} {printed:4} {reported:4} {same:4}", unit.name));
        assert!(unit.name != "lib" || same >= 31, "{table}");
    }
    let accounts = declarations(article.root(), &report.futures, &mut faults);
    say(&format!("{table}\n  held: {accounts:?}"));
    assert!(faults.is_empty(), "{table}\n{} faults:\n{}", faults.len(), faults.join("\n"));
    // No macro and no loop in it: each thing is named on its line, or is an awaited future or a flag.
    assert_eq!(accounts.keys().copied().collect::<Vec<_>>(), ["compiler-made", "named"]);
    by_hand(&article, &report);
}

/// So that the comparison above is not of two readers with one misunderstanding.
fn by_hand(article: &Project, report: &Report) {
    for (future, name, kind, size, offset, declaration) in ARTICLE {
        let state = report.only(future).states.iter().find(|state| state.name == "Suspend0");
        let state = state.unwrap_or_else(|| panic!("{future} waits"));
        let held = state.held.iter().find(|held| held.name == name && held.kind == kind);
        let held = held.unwrap_or_else(|| panic!("no {kind} {name}: {state:#?}"));
        assert_eq!((held.size, held.offset), (size, offset), "{future}: {name}");
        let (file, line) = held.declared.as_ref().unwrap_or_else(|| panic!("{future}: {name} is declared"));
        let text = article.read(file);
        let line = text.lines().nth(line - 1);
        assert_eq!(line.map(str::trim), Some(declaration), "{future}: {name}");
    }
}

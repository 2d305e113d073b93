//! The sizes in the article are true: the table below, the values at run time, and the report say
//! the same, in both profiles.

use futurelens_tests::binary::{cargo, fixture, nightly, run};
use futurelens_tests::project::Project;
use futurelens_tests::report::{Report, report};
use std::collections::BTreeMap;

/// Every future of the fixture in bytes. Generic ones under the name of each instance.
const FUTURES: [(&str, u64); 31] = [
    ("yield_now", 2),
    ("empty", 1),
    ("with_u8", 4),
    ("with_u64", 16),
    ("with_u128", 32),
    ("with_array_64", 67),
    ("with_array_1024", 1027),
    ("buffers_sequential", 260),
    ("buffers_overlapping", 515),
    ("self_referential", 1040),
    ("level_0", 4),
    ("level_1", 5),
    ("level_2", 6),
    ("level_3", 7),
    ("level_4", 8),
    ("level_5", 9),
    ("one_line", 59),
    ("two_lines", 123),
    ("three_lines", 183),
    ("large_future", 4099),
    ("caller_inline", 4100),
    ("caller_boxed", 16),
    ("recursive", 16),
    ("keeps_dyn", 24),
    ("keeps_ordered", 96),
    ("keeps_state", 133),
    ("stores_argument", 16387),
    ("keeps_several", 520),
    ("keeps<u8>", 5),
    ("keeps<u64>", 24),
    ("keeps<[u8; 256]>", 515),
];

/// Types that are not futures: the name at run time, the future that holds one of them and under
/// which name, and the bytes.
const HELD: [(&str, &str, &str, u64); 3] = [
    ("BoxFuture", "keeps_dyn", "task", 16),
    ("Ordered", "keeps_ordered", "ordered", 80),
    ("State", "keeps_state", "state", 130),
];

#[test]
fn dev() {
    three_ways("dev");
}

#[test]
fn release() {
    three_ways("release");
}

fn three_ways(profile: &str) {
    let article = Project::copy_of(&fixture("article"));
    let at_run_time = sizes_at_run_time(&article, profile);
    let report = report(article.root(), &["--profile", profile]);

    assert_eq!(report.profile, profile);
    let mut expected: BTreeMap<String, u64> =
        FUTURES.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
    assert_eq!(sizes_reported(&report), expected, "the report");

    expected.extend(HELD.map(|(name, .., size)| (name.to_owned(), size)));
    expected.insert("Ordered (align)".to_owned(), 16);
    assert_eq!(at_run_time, expected, "size_of_val at run time");

    for (_, future, name, size) in HELD {
        let held = &report.only(future).held;
        assert!(held.contains(&(name.to_owned(), size)), "`{name}` of {size} bytes in {held:?} of {future}");
    }
    assert_eq!(report.only("keeps_ordered").align, 16);
}

fn sizes_at_run_time(article: &Project, profile: &str) -> BTreeMap<String, u64> {
    let printed = run(cargo(nightly())
        .args(["run", "--quiet", "--bin", "sizes", "--profile", profile])
        .arg("--target-dir")
        .arg(article.beside("run-time"))
        .current_dir(article.root()))
    .expect_success();
    printed
        .stdout
        .lines()
        .map(|line| {
            let (name, size) = line.rsplit_once(' ').expect("a name and a size");
            (name.to_owned(), size.parse().expect("a size"))
        })
        .collect()
}

/// Name, or name and generic arguments, of every future of the library. The compiler puts the
/// arguments into the type, as in `{async fn body of generics::keeps<u8>()}`.
fn sizes_reported(report: &Report) -> BTreeMap<String, u64> {
    let mut sizes = BTreeMap::new();
    for future in report.futures.iter().filter(|future| future.unit == "lib") {
        let instance = future
            .ty
            .split_once('<')
            .map(|(_, arguments)| format!("<{}", arguments.trim_end_matches("()}")))
            .unwrap_or_default();
        let name = format!("{}{instance}", future.last_name());
        let before = sizes.insert(name, future.size);
        assert_eq!(before, None, "{} is reported once", future.ty);
    }
    sizes
}

#[test]
fn cache_lines_are_counted() {
    let article = Project::copy_of(&fixture("article"));
    let report = report::<&str>(article.root(), &[]);
    assert_eq!(report.profile, "release", "what people ship");
    for (name, lines) in [
        ("one_line", 1),
        ("two_lines", 2),
        ("three_lines", 3),
        ("buffers_sequential", 5),
        ("caller_inline", 65),
    ] {
        assert_eq!(report.only(name).cache_lines, Some(lines), "{name}");
    }
}

/// A compiler without unstable options, allowed to use them for the measured units only, sees the
/// same.
#[test]
fn stable_measures_the_same() {
    let article = Project::copy_of(&fixture("article"));
    let nightly = report::<&str>(article.root(), &[]);
    let stable = report(article.root(), &["--toolchain", "stable"]);
    assert!(!stable.compiler.contains("nightly"), "{} is stable", stable.compiler);
    assert_eq!(stable.facts(), nightly.facts());
}

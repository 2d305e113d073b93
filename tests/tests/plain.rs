//! Nothing is missing, and nothing is under another name: every future of every target of the fixtures, tests and
//! instances of generic code included, against a plain full build, field by field.

use futurelens_tests::binary::{fixture, say};
use futurelens_tests::plain::{COLUMNS, Checked, Options, check, workspaces};
use std::fs;
use std::path::{Path, PathBuf};

fn checked(projects: &[PathBuf]) -> Vec<(String, Checked)> {
    let options = Options { profile: "dev".to_owned(), ..Options::default() };
    let work = tempfile::tempdir().expect("the temporary directory is writable");
    let name = |project: &Path| project.file_name().unwrap_or_default().to_string_lossy().into_owned();
    projects.iter().map(|project| (name(project), check(project, &options, work.path()))).collect()
}

#[test]
fn every_future_of_every_target_is_as_a_plain_build_prints_it() {
    let folder = fixture("");
    let projects = [workspaces(&folder), workspaces(&folder.join("cases"))].concat();
    let checked = checked(&projects);
    let mut table = format!("\n{:<28} {COLUMNS}", "project");
    let mut faults = Vec::new();
    for (name, checked) in &checked {
        table.push_str(&format!("\n{name:<28} {}", checked.sum()));
        faults.extend(checked.faults.iter().map(|fault| format!("{name}: {fault}")));
        assert!(checked.sum().printed > 0, "the plain build has futures in {name}");
    }
    say(&table);
    assert!(faults.is_empty(), "{table}\n{}", faults.join("\n"));
    let of = |name: &str| &checked.iter().find(|(known, _)| known == name).expect("it is a fixture").1;
    instances_are_at_their_own_impl(of("parameters"));
}

/// Types at the crate's root, generic parameters, default methods: of one name each, and not one taken for another.
fn instances_are_at_their_own_impl(checked: &Checked) {
    let mut looked_at = 0;
    for future in &checked.futures {
        let Some((own, method)) = future.name.strip_prefix('<').and_then(|name| name.split_once(" as "))
        else {
            continue;
        };
        let text = fs::read_to_string(fixture("cases/parameters").join(&future.file)).expect("it is there");
        let header = text.lines().take(future.line).filter(|line| {
            let line = line.trim_start();
            line.starts_with("impl") || line.starts_with("pub trait")
        });
        let header = header.last().expect("it is in one");
        let is_default = header.contains("trait Step");
        let own = own.rsplit("::").next().unwrap_or_default();
        let is_at_home = match own {
            "Self" => is_default,
            "Made" | "Other" => header.contains("$name<X>"),
            own => header.split(" for ").nth(1).is_some_and(|ty| ty.starts_with(own)),
        };
        assert!(is_at_home, "{} is at {}:{}: {header}", future.id, future.file, future.line);
        assert!(method.contains("Step>::"), "{method}");
        looked_at += 1;
    }
    assert!(looked_at > 25, "{looked_at}");
    let sizes = |start: &str| {
        let found = checked.futures.iter().filter(|future| future.id.contains(start));
        let mut sizes: Vec<u64> = found.map(|future| future.size).collect();
        sizes.sort_unstable();
        sizes
    };
    // Two crates' `Leaf` are two types.
    assert_eq!(sizes("twice::{closure#0}<Self = Leaf>"), [280]);
    assert_eq!(sizes("twice::{closure#0}<Self = roots::Leaf>"), [480]);
    assert_eq!(sizes("go::{closure#0}<A = T>"), [248]);
}

//! Every future is placed on the token that made it, and nothing else is; and what it holds is in the user's text.
//!
//! The fixture says it in comments: `//~ future PATH, PATH` stands on each line where a future has
//! its place. A path is the compiler's definition path without the crate. `//~ test-future` is for
//! those that only exist if tests are measured too. `//~ holds NAME, NAME` stands where things of these names have
//! their place that are held, and `//~ ends NAME` where the scope of one ends.

use futurelens_tests::binary::fixture;
use futurelens_tests::project::{Project, files};
use futurelens_tests::report::{Report, parse, run_report};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// Bodies that nothing instantiates: they have a place in the text, but no size, so a report cannot
/// have them. Generic ones, default methods nobody calls, and unused ones with a `where` clause, however
/// trivial (the compiler lays out only bodies without predicates of its own accord).
const WITHOUT_INSTANCES: [&str; 3] = [
    "generics::never::{closure#0}",
    "attributes::Service::twice::{closure#0}",
    "functions::many_lines::{closure#0}",
];

/// File, line and definition path.
type Place = (String, usize, String);

#[test]
fn every_future_is_on_its_line() {
    check(&[], &["//~ future "]);
}

#[test]
fn those_of_tests_as_well() {
    check(&["--all-targets"], &["//~ future ", "//~ test-future "]);
}

fn check(arguments: &[&str], markers: &[&str]) {
    let project = Project::copy_of(&fixture("places"));
    let without_instances = |name: &str| WITHOUT_INSTANCES.contains(&name);
    let (without, marked): (BTreeSet<Place>, BTreeSet<Place>) =
        marked(&project, markers).into_iter().partition(|(_, _, name)| without_instances(name));
    assert_eq!(without.len(), WITHOUT_INSTANCES.len(), "the fixture still has them");
    assert!(marked.len() > 50, "the fixture's comments are found");
    let text = run_report(project.root(), arguments).expect_success().stdout;
    let reported = reported(&parse(&text));
    let (held, ended) = held(&serde_json::from_str(&text).expect("it was read before"));
    for (marker, found) in [("//~ holds ", held), ("//~ ends ", ended)] {
        let marked = self::marked(&project, &[marker]);
        assert!(!marked.is_empty(), "the fixture's comments are found");
        let missing: Vec<&Place> = marked.difference(&found).collect();
        assert!(missing.is_empty(), "{marker}{missing:?}");
    }

    let show = |places: BTreeSet<&Place>| {
        let lines: Vec<String> =
            places.into_iter().map(|(file, line, path)| format!("{file}:{line} {path}")).collect();
        lines.join("\n")
    };
    assert!(
        marked == reported,
        "marked and not reported:\n{}\n\nreported and not marked:\n{}",
        show(marked.difference(&reported).collect()),
        show(reported.difference(&marked).collect()),
    );
}

fn marked(project: &Project, markers: &[&str]) -> BTreeSet<Place> {
    let mut places = BTreeSet::new();
    for path in files(&project.root().join("src")) {
        let text = fs::read_to_string(&path).expect("the fixture is text");
        let file = path
            .strip_prefix(project.root())
            .expect("it was found below")
            .to_string_lossy()
            .replace('\\', "/");
        for (number, line) in text.lines().enumerate() {
            for marker in markers {
                let Some((_, names)) = line.split_once(marker) else {
                    continue;
                };
                let names = names.split("//~").next().unwrap_or_default();
                for name in names.split(", ").map(str::trim) {
                    places.insert((file.clone(), number + 1, name.to_owned()));
                }
            }
        }
    }
    places
}

/// Where what is held is declared, and where scopes end at which something is dropped. All of it is in the user's text.
fn held(report: &Value) -> (BTreeSet<Place>, BTreeSet<Place>) {
    let list = |value: &Value, key: &str| value[key].as_array().expect("a list").clone();
    let (mut held, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for future in list(report, "futures") {
        for thing in list(&future, "states").iter().flat_map(|state| list(state, "held")) {
            let place = |value: &Value| {
                let file = value["file"].as_str().or(future["file"].as_str()).expect("a file");
                assert!(file.starts_with("src/"), "{thing} of {}", future["id"]);
                let line = usize::try_from(value["line"].as_u64()?).ok()?;
                Some((file.to_owned(), line, thing["name"].as_str().expect("a name").to_owned()))
            };
            // The compiler does not say where drop flags are declared in all cases.
            let declared = place(&thing);
            assert!(declared.is_some() || thing["kind"] == "flag", "{thing} of {}", future["id"]);
            held.extend(declared);
            let end = place(&thing["why"]);
            ended.extend(end.filter(|_| thing["why"]["reason"] == "dropped"));
        }
    }
    (held, ended)
}

/// An id is the crate, the definition path and the instance; here, the path is wanted.
fn reported(report: &Report) -> BTreeSet<Place> {
    report
        .futures
        .iter()
        .map(|future| {
            let (_, path) = future.id.split_once("::").expect("a crate and a path");
            (future.file.clone(), future.line, definition(path).to_owned())
        })
        .collect()
}

/// The definition path at the start of an id: every segment is a name or `{impl#0}` and the like.
fn definition(path: &str) -> &str {
    let mut rest = path;
    loop {
        let segment = if rest.starts_with('{') {
            rest.find('}').map(|at| at + 1)
        } else {
            rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))
        };
        rest = &rest[segment.unwrap_or(rest.len())..];
        // `#[test]` makes a constant of the fn's name, so the fn is `name#1`.
        if let Some((number, after)) = rest.strip_prefix('#').and_then(|rest| rest.split_once("::"))
            && number.chars().all(|c| c.is_ascii_digit())
        {
            rest = &rest[rest.len() - after.len() - 2..];
        }
        match rest.strip_prefix("::") {
            // `::<u8>` begins the instance.
            Some(next) if next.starts_with(|c: char| c == '{' || c == '_' || c.is_alphabetic()) => {
                rest = next;
            }
            _ => return &path[..path.len() - rest.len()],
        }
    }
}

#[test]
fn ids_begin_with_the_definition() {
    for (id, path) in [
        ("a::b::{closure#0}", "a::b::{closure#0}"),
        ("a::{impl#1}::b::{closure#0}<u8, x::Y>", "a::{impl#1}::b::{closure#0}"),
        ("a::{closure#0}::<u8>", "a::{closure#0}"),
        ("a::{closure#0} [T = u8]", "a::{closure#0}"),
        ("tick::{closure#0}#1", "tick::{closure#0}"),
        ("a::test#1::{closure#0}<T = u8>", "a::test#1::{closure#0}"),
    ] {
        assert_eq!(definition(id), path);
    }
}

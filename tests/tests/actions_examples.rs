//! The examples in the doc comments of actions, and so in the manual, are true: `fix` offers exactly that edit for that code,
//! and the compiler says that it saves something.

#[path = "../../server/src/features/actions/examples.rs"]
#[allow(dead_code)] // Unit tests there use all of it.
mod examples;

use examples::{Example, examples, indented};
use futurelens::features::actions::ActionKind;
use futurelens_tests::actions::{Action, read};
use futurelens_tests::binary::{fixture, futurelens, run, say, workspace_root};
use futurelens_tests::project::{PENDING_ONCE, Project, manifest};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each file with examples, and the kind of its edits.
const FILES: [(&str, ActionKind); 16] = [
    ("borrow_argument", ActionKind::BorrowArgument),
    ("box_argument", ActionKind::BoxArgument),
    ("box_awaitee", ActionKind::BoxAwaitee),
    ("box_capture", ActionKind::BoxArgument),
    ("box_local", ActionKind::BoxLocal),
    ("box_parameter", ActionKind::BoxArgument),
    ("box_pinned", ActionKind::BoxAwaitee),
    ("box_recursion", ActionKind::BoxRecursion),
    ("box_several", ActionKind::BoxSeveral),
    ("box_spawned", ActionKind::BoxSpawned),
    ("desugar_async_fn", ActionKind::DesugarAsyncFn),
    ("hoist_scrutinee", ActionKind::HoistScrutinee),
    ("pin_argument", ActionKind::PinArgument),
    ("return_inner", ActionKind::ReturnInner),
    ("scope_block", ActionKind::ScopeBlock),
    ("unasync", ActionKind::Unasync),
];

fn of(file: &str) -> Vec<Example> {
    let path = workspace_root().join(format!("server/src/features/actions/{file}.rs"));
    examples(&fs::read_to_string(path).expect("it is there"))
}

fn template(file: &str) -> String {
    fs::read_to_string(fixture("examples").join(format!("{file}.rs"))).expect("it is there")
}

/// A template with this code in the places of its examples.
fn filled<'a>(file: &str, code: impl IntoIterator<Item = &'a str>) -> String {
    let mut code = code.into_iter();
    let fill = |line: &str| match line.strip_suffix("// EXAMPLE") {
        Some(indent) => indented(code.next().expect("there is an example for each place"), indent),
        None => format!("{line}\n"),
    };
    let text = template(file).lines().map(fill).collect();
    assert!(code.next().is_none(), "there is a place for each example of {file}");
    text
}

fn before(file: &str) -> String {
    filled(file, of(file).iter().map(|example| &*example.before))
}

/// As [`before`], with one example as its edit leaves it.
fn after(file: &str, edited: usize) -> String {
    let examples = of(file);
    let code = examples.iter().enumerate();
    filled(file, code.map(|(at, example)| if at == edited { &*example.after } else { &*example.before }))
}

/// What `fix` offers, however little it saves. If something does not compile it says so.
fn offered(root: &Path) -> Vec<Action> {
    let mut command = futurelens();
    command.arg("fix").arg(root).args(["--format", "json", "--min-saving", "0"]);
    for kind in ActionKind::ALL {
        command.args(["--kind", kind.name()]);
    }
    let said = run(&mut command);
    assert!(matches!(said.code, Some(0 | 3)), "{}", said.stderr);
    read(&said)
}

/// The files of a project as an action leaves them, by path.
fn edited<'a>(project: &Project, action: &'a Action) -> BTreeMap<&'a str, String> {
    let mut edits: Vec<_> = action.edits.iter().collect();
    edits.sort_by_key(|(file, start, ..)| (file, *start));
    let mut files = BTreeMap::new();
    for (file, start, end, text) in edits.into_iter().rev() {
        let content = files.entry(file.as_str()).or_insert_with(|| project.read(file));
        content.replace_range(*start..*end, text);
    }
    files
}

/// Is each example of these files among what is offered, and nothing else edited by it?
fn check<'a>(project: &Project, files: impl IntoIterator<Item = &'a (&'a str, ActionKind)>) {
    let actions = offered(project.root());
    let mut missing = Vec::new();
    for (file, kind) in files {
        let path = format!("src/{}.rs", if *kind == ActionKind::BoxRecursion { "lib" } else { file });
        for index in 0..of(file).len() {
            let expected = BTreeMap::from([(path.as_str(), after(file, index))]);
            let of_kind = || actions.iter().filter(|action| action.kind == kind.name());
            let found = of_kind().find(|action| edited(project, action) == expected);
            match found {
                Some(found) => {
                    say(&format!("{file} {index}: {:?} {:?} {}", found.before, found.after, found.title));
                    assert!(found.before.is_none_or(|_| found.saving() > 0), "{}", found.title);
                }
                None => {
                    let others = of_kind().map(|action| edited(project, action));
                    let others = others.filter_map(|mut files| files.remove(path.as_str()));
                    let others: Vec<String> = others.collect();
                    missing.push(format!("{file}, example {index}; offered:\n{}", others.join("\n---\n")));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n\n"));
}

#[test]
fn every_kind_has_one() {
    let kinds: BTreeSet<&str> = FILES.iter().map(|(_, kind)| kind.name()).collect();
    assert_eq!(kinds, ActionKind::ALL.map(ActionKind::name).into());
}

#[test]
fn what_compiles() {
    let project = Project::lib("examples", &format!("{}{PENDING_ONCE}", template("lib")));
    project.write("Cargo.toml", &manifest("examples").replace("2021", "2024"));
    let files = || FILES.iter().filter(|(_, kind)| *kind != ActionKind::BoxRecursion);
    for (file, _) in files() {
        project.write(&format!("src/{file}.rs"), &before(file));
    }
    check(&project, files());
}

#[test]
fn what_does_not_compile_without_it() {
    let project = Project::lib("recursion", &before("box_recursion"));
    check(&project, FILES.iter().filter(|(_, kind)| *kind == ActionKind::BoxRecursion));
}

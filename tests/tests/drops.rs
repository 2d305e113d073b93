//! No edit changes what a program does, unless it says so: every shape of the fixture is run on every path, as it is and
//! with each edit that is offered for it, and what it makes, calls and drops is compared.

use futurelens::features::actions::ActionKind;
use futurelens_tests::actions::{Action, apply, offered};
use futurelens_tests::binary::{cargo, fixture, nightly, run, say};
use futurelens_tests::project::Project;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What happens on each path, by `SHAPE INPUT END`.
type Traces = BTreeMap<String, String>;

fn traces(root: &Path, target: &Path) -> Traces {
    let mut command = cargo(nightly());
    command.args(["run", "--quiet", "--target-dir"]).arg(target).current_dir(root);
    let printed = run(&mut command).expect_success().stdout;
    let path = |line: &str| line.split_once(':').map(|(path, events)| (path.to_owned(), events.to_owned()));
    printed.lines().filter_map(path).collect()
}

/// The shapes that do not do the same on every path.
fn changed<'t>(before: &'t Traces, after: &'t Traces) -> BTreeSet<&'t str> {
    let paths = before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path));
    paths.filter_map(|path| path.split(' ').next()).collect()
}

fn is_labelled(action: &Action) -> bool {
    let drops_earlier = action.title.contains(" earlier");
    assert_eq!(drops_earlier, !action.drops_earlier.is_empty(), "{}", action.title);
    let is_otherwise = [" at the call", " any more"].iter().any(|words| action.title.contains(words));
    assert_eq!(is_otherwise, action.does_otherwise.is_some(), "{}", action.title);
    drops_earlier || is_otherwise
}

/// The fn that is edited: `pinned` of `shapes::pinned`, or of a block in it.
fn edited(action: &Action) -> &str {
    let names = action.future.split("::").filter(|name| !name.starts_with('{'));
    names.last().unwrap_or_default()
}

/// A shape of its own, or what one calls: `with_arguments` calls `arguments`.
fn is_shape(edited: &str, shape: &str) -> bool {
    shape == edited || shape.strip_prefix("with_") == Some(edited)
}

/// Can they be made together? An edit of a fn may be one of what calls it, too.
fn are_apart(one: &Action, other: &Action) -> bool {
    let (a, b) = (edited(one), edited(other));
    let mut pairs = one.edits.iter().flat_map(|a| other.edits.iter().map(move |b| (a, b)));
    !is_shape(a, b) && !is_shape(b, a) && pairs.all(|(a, b)| a.0 != b.0 || a.2 < b.1 || b.2 < a.1)
}

/// Edits of different fns are made together.
fn rounds<'a>(actions: impl Iterator<Item = &'a Action>) -> Vec<Vec<&'a Action>> {
    let mut rounds: Vec<Vec<&Action>> = Vec::new();
    for action in actions {
        let fits = |round: &&mut Vec<&Action>| round.iter().all(|known| are_apart(known, action));
        match rounds.iter_mut().find(fits) {
            Some(round) => round.push(action),
            None => rounds.push(vec![action]),
        }
    }
    rounds
}

/// The fixture in an edition, with these edits.
fn with(edition: &str, actions: &[&Action]) -> Project {
    let project = Project::copy_of(&fixture("drops"));
    let manifest = project.read("Cargo.toml");
    project.write("Cargo.toml", &manifest.replace("2024", edition));
    apply(actions, project.root());
    project
}

/// Labelled although every path is the same, by the fn that is edited and the kind of edit. What a fn does with a future
/// that it is handed, nobody looks at: these have it polled to its end, so that where it is dropped then is never seen. And
/// nobody looks at a fn and its caller as one: what the fn dropped last, that may drop at once. The order of arguments that
/// were never polled shows in no shape of those three, and one of them is never polled at all; and a box tells nothing of a type in it that can be copied.
const CAUTIOUS: &[(&str, &str)] = &[
    ("with_forwards_argument", "pin-argument"),
    ("given_away", "pin-argument"),
    ("given_away_eagerly", "pin-argument"),
    ("captured", "pin-argument"),
    ("with_boxed_and_moved_on_one_way", "pin-argument"),
    ("arguments", "borrow-argument"),
    ("unused_argument", "borrow-argument"),
    ("generic", "borrow-argument"),
    ("lent_bytes", "borrow-argument"),
    ("lent_clone", "borrow-argument"),
    ("arguments", "desugar-async-fn"),
    ("pattern_argument", "desugar-async-fn"),
    ("boxed_and_moved", "desugar-async-fn"),
    ("boxed_and_never_polled", "desugar-async-fn"),
    ("with_lent_copies", "box-local"),
];

fn check(edition: &str, arguments: &[&str]) {
    let project = with(edition, &[]);
    let target = tempfile::tempdir().expect("the temporary directory is writable");
    let before = traces(project.root(), target.path());
    let shapes: BTreeSet<&str> = before.keys().filter_map(|path| path.split(' ').next()).collect();
    assert!(shapes.len() >= 60, "{} shapes", shapes.len());
    let actions = offered(project.root(), &[arguments, &["--profile", "dev"]].concat());
    let (labelled, others): (Vec<&Action>, Vec<&Action>) = actions.iter().partition(|it| is_labelled(it));
    assert!(labelled.len() > 20 && others.len() > 20, "{} and {}", labelled.len(), others.len());
    assert!(actions.is_sorted_by_key(is_labelled), "those that do the same come first");
    let mut faults = Vec::new();
    for round in rounds(others.iter().copied()) {
        let after = traces(with(edition, &round).root(), target.path());
        for shape in changed(&before, &after) {
            let own = round.iter().filter(|action| is_shape(edited(action), shape));
            let titles: Vec<&str> = own.map(|action| action.title.as_str()).collect();
            faults.push(format!("{shape} does something else after {titles:?}"));
        }
    }
    let mut needless = 0;
    for round in rounds(labelled.iter().copied()) {
        let after = traces(with(edition, &round).root(), target.path());
        let changed = changed(&before, &after);
        for action in round {
            if !changed.iter().any(|shape| is_shape(edited(action), shape)) {
                needless += 1;
                if !CAUTIOUS.contains(&(edited(action), &action.kind)) {
                    faults.push(format!("{} does the same after {}", action.future, action.title));
                }
            }
        }
    }
    say(&format!(
        "{edition}: {} shapes, {} paths, {} edits offered, {} labelled, {needless} of them without need",
        shapes.len(),
        before.len(),
        actions.len(),
        labelled.len(),
    ));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_edit_keeps_every_path_or_says_what_it_drops_earlier() {
    let kinds: Vec<&str> = ActionKind::ALL.iter().flat_map(|kind| ["--kind", kind.name()]).collect();
    check("2024", &kinds);
}

/// Temporaries of a block's last expression live longer there.
#[test]
fn so_it_is_in_the_edition_before() {
    check("2021", &["--kind", "scope-block", "--kind", "hoist-scrutinee"]);
}

//! An `async fn` that awaits nothing becomes a plain one, and all that call it, in whatever file, call it as one: what
//! becomes of them is as was said, and a fn that is used in any other way is left alone.

use futurelens_tests::actions::{Action, apply, offered, write_all};
use futurelens_tests::binary::say;
use futurelens_tests::project::{PENDING_ONCE, Project};
use futurelens_tests::report::sizes;
use std::collections::BTreeMap;

const LIB: &str = r#"
#![allow(dead_code)]
mod page;
mod sync;
use page::{checksum, generic, Store};
use std::future::Future;
use std::hint::black_box;

pub async fn send(store: Store) -> usize {
    let first = checksum([1; 500]).await; // behind it
    PendingOnce(false).await;
    first + store.count_with([2; 300]).await
}

pub async fn nested() -> usize {
    page::sum(page::sum(1, [3; 700]).await, [3; 700])
        .await
}

pub async fn generics() -> (u8, u16) {
    PendingOnce(false).await;
    (generic(1u8, [0; 400]).await.0, generic(1u16, [0; 450]).await.0)
}

pub async fn interface(page: [u8; 600]) -> usize {
    page.len()
}

pub async fn uses_interface() -> usize {
    interface([1; 600]).await
}

async fn kept_spawned(page: [u8; 500]) {
    black_box(page);
}

async fn kept_given(page: [u8; 500]) -> std::future::Ready<()> {
    black_box(page);
    std::future::ready(())
}

async fn kept_unused(page: [u8; 500]) {
    black_box(page);
}

async fn kept_in_a_variable(page: [u8; 500]) {
    black_box(page);
}

async fn kept_in_a_macro(page: [u8; 500]) -> usize {
    page.len()
}

async fn kept_in_a_test(page: [u8; 500]) -> usize {
    page.len()
}

#[cfg(not(feature = "none"))]
async fn kept_conditional(page: [u8; 500]) -> usize {
    page.len()
}

pub(crate) async fn kept_in_sync(page: [u8; 500]) {
    black_box(page);
}

pub async fn kept_for_another_crate(page: [u8; 500]) -> usize {
    page.len()
}

async fn kept_waits(page: [u8; 500]) {
    PendingOnce(false).await;
    black_box(page);
}

trait Length {
    async fn kept_of_a_trait(&self, page: [u8; 500]) -> usize;
}

impl Length for Store {
    async fn kept_of_a_trait(&self, page: [u8; 500]) -> usize {
        page.len()
    }
}

fn spawn<F: Future>(future: F) {
    drop(future);
}

pub async fn kept(store: Store) {
    kept_spawned([1; 500]).await;
    spawn(kept_spawned([1; 500]));
    kept_given([1; 500]).await;
    spawn(kept_given([1; 500]));
    kept_unused([1; 500]).await;
    let _ = kept_unused([1; 500]);
    let future = kept_in_a_variable([1; 500]);
    future.await;
    println!("{}", kept_in_a_macro([1; 500]).await);
    kept_in_a_test([1; 500]).await;
    kept_conditional([1; 500]).await;
    kept_in_sync([1; 500]).await;
    kept_for_another_crate([1; 500]).await;
    kept_waits([1; 500]).await;
    store.kept_of_a_trait([1; 500]).await;
}

#[cfg(test)]
mod tests {
    async fn test() {
        assert_eq!(super::kept_in_a_test([1; 500]).await, 500);
    }
}
"#;

const PAGE: &str = r#"
/// Documented.
#[inline]
pub(crate) async fn checksum(page: [u8; 500]) -> usize {
    page.iter().map(|byte| usize::from(*byte)).sum()
}

pub(crate) async fn sum(start: usize, page: [u8; 700]) -> usize {
    start + page.len()
}

pub(crate) async fn generic<T: Copy, const N: usize>(value: T, page: [u8; N]) -> (T, usize) {
    (value, page.len())
}

pub struct Store(String);

impl Store {
    pub(crate) async fn count_with(&self, page: [u8; 300]) -> usize {
        self.0.len() + page.len()
    }

    pub(crate) async fn both(&self) -> usize {
        checksum([0; 500]).await + self.count_with([0; 300]).await
    }
}

pub async fn uses(store: Store) -> usize {
    store.both().await
}
"#;

/// No future in it, so that nothing is measured in it.
const SYNC: &str = "pub fn later() {
    drop(crate::kept_in_sync([0; 500]));
}
";

/// The compiler that makes `kept_for_another_crate` plain does not see that.
const MAIN: &str = "fn main() {
    drop(run());
}

async fn run() -> usize {
    plain::kept_for_another_crate([0; 500]).await
}
";

/// The fns that become plain, and the fn in which most is saved by it.
const PLAIN: &[(&str, &str)] = &[
    ("checksum", "both"),
    ("count_with", "both"),
    ("generic", "generics"),
    ("interface", "uses_interface"),
    ("sum", "nested"),
];

fn project(edition: &str) -> Project {
    let project = Project::lib("plain", &format!("{LIB}{PENDING_ONCE}"));
    project.write("src/page.rs", PAGE);
    project.write("src/sync.rs", SYNC);
    project.write("src/main.rs", MAIN);
    let manifest = project.read("Cargo.toml").replace("2021", edition);
    project.write("Cargo.toml", &manifest);
    project
}

fn offers(project: &Project) -> Vec<Action> {
    offered(project.root(), &["--kind", "unasync", "--profile", "dev"])
}

/// Of the title, since the future is that of a caller.
fn name(action: &Action) -> &str {
    action.title.split('`').nth(1).expect("the title names the fn")
}

fn check(edition: &str) {
    let original = project(edition);
    let before = sizes(original.root());
    let actions = offers(&original);
    let by_name: BTreeMap<&str, &Action> = actions.iter().map(|action| (name(action), action)).collect();
    let names: Vec<&str> = by_name.keys().copied().collect();
    let expected: Vec<&str> = PLAIN.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected, "edition {edition}");
    assert_eq!(actions.len(), PLAIN.len());
    for (name, caller) in PLAIN {
        let action = by_name[name];
        say(&format!("{edition} {name}: {} {:?} {:?}", action.future, action.before, action.after));
        assert_eq!(action.future.rsplit("::").next(), Some(*caller));
        assert_eq!(action.before, before.get(&action.future).copied(), "{name}");
        assert!(action.drops_earlier.is_empty(), "{}", action.title);
        assert_eq!(action.does_otherwise.is_some(), *name == "interface", "{}", action.title);
        // Each alone does what it says.
        let alone = project(edition);
        apply(&[action], alone.root());
        let after = sizes(alone.root());
        assert_eq!(action.after, after.get(&action.future).copied(), "{name}");
        assert!(!after.keys().any(|future| future.rsplit("::").next() == Some(*name)), "{name} is plain");
    }
    let files: Vec<&str> = by_name["checksum"].edits.iter().map(|edit| edit.0.as_str()).collect();
    assert_eq!(files, ["src/page.rs", "src/page.rs", "src/lib.rs"]);
}

#[test]
fn in_edition_2021() {
    check("2021");
}

#[test]
fn in_edition_2024() {
    check("2024");
}

/// One after the other, over two files; what calls a plain fn then may be the next.
#[test]
fn all_are_written() {
    let project = project("2024");
    write_all(project.root(), "unasync", &[]);
    let (lib, page) = (project.read("src/lib.rs"), project.read("src/page.rs"));
    for name in ["checksum(page", "sum(start", "generic<T", "both(&self", "count_with(&self"] {
        assert!(page.contains(&format!("pub(crate) fn {name}")), "{name}\n{page}");
    }
    assert!(page.contains("checksum([0; 500]) + self.count_with([0; 300])\n"), "{page}");
    assert!(page.contains("    store.both()\n"), "{page}");
    assert!(lib.contains("first + store.count_with([2; 300])\n"), "{lib}");
    assert!(lib.contains("let first = checksum([1; 500]); // behind it"), "{lib}");
    assert!(lib.contains("page::sum(page::sum(1, [3; 700]), [3; 700])\n}"), "{lib}");
    assert!(lib.contains("(generic(1u8, [0; 400]).0, generic(1u16, [0; 450]).0)"), "{lib}");
    // It is said to change the interface, and so left out.
    assert!(lib.contains("pub async fn interface("), "{lib}");
    assert_eq!(lib.matches("async fn kept_").count(), LIB.matches("async fn kept_").count());
    assert!(offers(&project).iter().all(|action| action.does_otherwise.is_some()));
}

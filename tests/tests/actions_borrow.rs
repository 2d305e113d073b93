//! An `async fn` that only reads a large argument borrows it, and all that call it, in whatever file, hand over a reference:
//! what becomes of it is as was said, no other future grows, and a fn that does more with it is left alone.

use futurelens_tests::actions::{Action, apply, offered, write_all};
use futurelens_tests::binary::say;
use futurelens_tests::project::{PENDING_ONCE, Project};
use futurelens_tests::report::sizes;
use std::collections::BTreeMap;

const LIB: &str = r#"
#![allow(dead_code)]
mod page;
use page::{checksum, compare, Page, Store};
use std::future::Future;
use std::hint::black_box;

pub async fn send(store: Store) -> usize {
    PendingOnce(false).await;
    let first = store.count_with(black_box([2; 300])).await; // behind it
    let page = black_box([1; 500]);
    first + checksum(page).await
}

pub async fn compares(pages: [[u8; 400]; 2]) -> bool {
    compare(pages[0], pages[1]).await
}

pub async fn sends_copies(store: Store) -> usize {
    let page = Page { bytes: [1; 200], rows: vec![1] };
    let first = rows(page.clone()).await;
    first + bytes((page.rows, page.bytes)).await + store.0.len()
}

async fn rows(page: Page) -> usize {
    PendingOnce(false).await;
    page.rows()
}

/// What is dropped later is only memory.
async fn bytes(page: (Vec<u8>, [u8; 200])) -> usize {
    PendingOnce(false).await;
    page.0.len() + page.1.len()
}

async fn guarded(guard: Guard) -> u8 {
    PendingOnce(false).await;
    guard.0[0]
}

pub async fn guards() {
    guarded(Guard([1; 100])).await;
    PendingOnce(false).await;
}

pub struct Guard([u8; 100]);

impl Drop for Guard {
    fn drop(&mut self) {
        println!("{}", self.0[0]);
    }
}

async fn generic<T: Copy + PartialEq>(value: T, zero: T) -> bool {
    PendingOnce(false).await;
    value == zero
}

pub async fn generics() -> bool {
    generic(black_box([1u8; 350]), [0; 350]).await
}

#[derive(Clone, Copy)]
pub struct Frame {
    bytes: [u8; 200],
}

/// They can be copied, so that there is nothing to drop. To borrow the second one alone would make the caller larger.
async fn copied(frame: Frame, unused: Frame) -> u8 {
    PendingOnce(false).await;
    Frame { ..frame }.bytes[0]
}

pub async fn copies() -> u8 {
    let frame = Frame { bytes: black_box([1; 200]) };
    copied(frame, Frame { bytes: frame.bytes }).await
}

pub async fn interface(page: [u8; 600]) -> usize {
    PendingOnce(false).await;
    page.len()
}

pub async fn uses_interface() -> usize {
    interface(black_box([1; 600])).await
}

async fn kept_changed(mut page: [u8; 500]) -> u8 {
    PendingOnce(false).await;
    page[0] += 1;
    page[0]
}

async fn kept_moved(page: Page) -> usize {
    PendingOnce(false).await;
    drop(page);
    1
}

async fn kept_in_a_macro(page: [u8; 500]) -> usize {
    PendingOnce(false).await;
    page.len()
}

async fn kept_spawned(page: [u8; 500]) {
    PendingOnce(false).await;
    black_box(&page);
}

async fn kept_small(page: [u8; 64]) -> u8 {
    PendingOnce(false).await;
    page[0]
}

/// Its caller would have the page until the end of the `match`, beside what is stored there.
async fn kept_or_another_grows(page: [u8; 500]) -> u8 {
    PendingOnce(false).await;
    page[0]
}

pub async fn would_grow() {
    match kept_or_another_grows(black_box([1; 500])).await {
        0 => {}
        _ => {
            let other = black_box([1u8; 5000]);
            PendingOnce(false).await;
            black_box(&other);
        }
    }
}

pub async fn kept_for_another_crate(page: [u8; 500]) -> usize {
    PendingOnce(false).await;
    page.len()
}

/// Of one of its futures; another one would take two pointers instead of two bytes.
async fn kept_for_a_small_one<T: Copy + PartialEq>(value: T, zero: T) -> bool {
    PendingOnce(false).await;
    value == zero
}

pub async fn small_ones() -> bool {
    kept_for_a_small_one([1u8; 350], [0; 350]).await && kept_for_a_small_one(1u8, 0).await
}

trait Length {
    async fn kept_of_a_trait(&self, page: [u8; 500]) -> usize;
}

impl Length for Store {
    async fn kept_of_a_trait(&self, page: [u8; 500]) -> usize {
        PendingOnce(false).await;
        page.len()
    }
}

fn spawn<F: Future>(future: F) {
    drop(future);
}

pub async fn kept(store: Store) {
    kept_changed([1; 500]).await;
    kept_moved(Page { bytes: [1; 200], rows: Vec::new() }).await;
    println!("{}", kept_in_a_macro([1; 500]).await);
    kept_spawned([1; 500]).await;
    spawn(kept_spawned([1; 500]));
    kept_small([1; 64]).await;
    kept_for_another_crate([1; 500]).await;
    store.kept_of_a_trait([1; 500]).await;
}
"#;

const PAGE: &str = r#"
use crate::PendingOnce;

#[derive(Clone)]
pub struct Page {
    pub bytes: [u8; 200],
    pub rows: Vec<u8>,
}

impl Page {
    pub fn rows(&self) -> usize {
        self.rows.len()
    }
}

/// Documented.
#[inline]
pub(crate) async fn checksum(page: [u8; 500]) -> usize {
    PendingOnce(false).await;
    println!("{}", page[0]);
    page.iter().map(|byte| usize::from(*byte)).sum()
}

pub(crate) async fn compare(one: [u8; 400], other: [u8; 400]) -> bool {
    PendingOnce(false).await;
    one == other
}

pub struct Store(pub String);

impl Store {
    pub(crate) async fn count_with(&self, page: [u8; 300]) -> usize {
        PendingOnce(false).await;
        self.0.len() + count(&page)
    }

    pub(crate) async fn both(&self) -> usize {
        checksum([0; 500]).await + Self::count_with(self, [0; 300]).await
    }
}

fn count(page: &[u8; 300]) -> usize {
    page.len()
}

pub async fn uses(store: Store) -> usize {
    store.both().await
}
"#;

/// The compiler that tries `kept_for_another_crate` does not see that.
const MAIN: &str = "fn main() {
    drop(run());
}

async fn run() -> usize {
    borrowing::kept_for_another_crate([0; 500]).await
}
";

/// The fns that borrow an argument, and the largest future that is smaller for it.
const BORROWING: &[(&str, &str)] = &[
    ("bytes page", ""),
    ("checksum page", "page::uses"),
    ("compare one, other", "compares"),
    ("copied frame", "copies"),
    ("copied frame, unused", "copies"),
    ("count_with page", ""),
    ("generic value", "generics"),
    ("generic value, zero", "generics"),
    ("generic zero", "generics"),
    ("guarded guard", "guards"),
    ("interface page", "uses_interface"),
    ("rows page", ""),
];

fn project(edition: &str) -> Project {
    let project = Project::lib("borrowing", &format!("{LIB}{PENDING_ONCE}"));
    project.write("src/page.rs", PAGE);
    project.write("src/main.rs", MAIN);
    let manifest = project.read("Cargo.toml").replace("2021", edition);
    project.write("Cargo.toml", &manifest);
    project
}

fn offers(project: &Project) -> Vec<Action> {
    offered(project.root(), &["--kind", "borrow-argument", "--profile", "dev"])
}

/// `checksum page`: of one fn there may be several.
fn name(action: &Action) -> String {
    let label = action.title.split(" (").next().unwrap_or_default().replace('`', "");
    let names = label.strip_prefix("Let ").and_then(|names| names.split_once(" borrow "));
    let (function, arguments) = names.expect("the title names the fn and its arguments");
    format!("{function} {arguments}")
}

fn check(edition: &str) {
    let original = project(edition);
    let before = sizes(original.root());
    let actions = offers(&original);
    let by_name: BTreeMap<String, &Action> = actions.iter().map(|action| (name(action), action)).collect();
    for (name, action) in &by_name {
        say(&format!("{edition} {name}: {:?} {:?} {}", action.before, action.after, action.title));
    }
    let names: Vec<&str> = by_name.keys().map(String::as_str).collect();
    let expected: Vec<&str> = BORROWING.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected, "edition {edition}");
    assert_eq!(actions.len(), BORROWING.len());
    for (name, caller) in BORROWING {
        let action = by_name[*name];
        assert_eq!(action.before, before.get(&action.future).copied(), "{name}");
        assert!(caller.is_empty() || action.title.contains(&format!("`{caller}`")), "{}", action.title);
        let dropped: Vec<&str> = action.drops_earlier.iter().map(String::as_str).collect();
        // Of other people's types nobody looks into the destructors of their fields.
        let is_dropped = ["guarded guard", "rows page"].contains(name);
        assert_eq!(!dropped.is_empty(), is_dropped, "{}", action.title);
        let otherwise = match *name {
            "interface page" => Some("changes the public interface"),
            "rows page" => Some("does not clone `page` any more"),
            _ => None,
        };
        assert_eq!(action.does_otherwise.as_deref(), otherwise, "{}", action.title);
        // Each alone does what it says, and to nobody's harm.
        let alone = project(edition);
        apply(&[action], alone.root());
        let after = sizes(alone.root());
        assert_eq!(action.after, after.get(&action.future).copied(), "{name}");
        for (future, size) in &after {
            assert!(before.get(future).is_some_and(|before| size <= before), "{future} grew by {name}");
        }
    }
    let files: Vec<&str> = by_name["checksum page"].edits.iter().map(|edit| edit.0.as_str()).collect();
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

/// One after the other, over two files.
#[test]
fn all_are_written() {
    let project = project("2024");
    write_all(project.root(), "borrow-argument", &[]);
    let (lib, page) = (project.read("src/lib.rs"), project.read("src/page.rs"));
    assert!(page.contains("async fn checksum(page: &[u8; 500]) -> usize {"), "{page}");
    assert!(page.contains("async fn compare(one: &[u8; 400], other: &[u8; 400]) -> bool {"), "{page}");
    assert!(page.contains("    *one == *other\n"), "{page}");
    assert!(page.contains("self.0.len() + count(page)\n"), "{page}");
    assert!(page.contains("checksum(&[0; 500]).await + Self::count_with(self, &[0; 300]).await\n"), "{page}");
    assert!(
        lib.contains("let first = store.count_with(&black_box([2; 300])).await; // behind it\n"),
        "{lib}"
    );
    assert!(lib.contains("    first + checksum(&page).await\n"), "{lib}");
    assert!(lib.contains("compare(&pages[0], &pages[1]).await\n"), "{lib}");
    assert!(lib.contains("first + bytes(&(page.rows, page.bytes)).await + "), "{lib}");
    assert!(lib.contains("*value == *zero\n"), "{lib}");
    // These are said to do something else, and so left out.
    for kept in ["async fn interface(page: [", "rows(page.clone()).await", "guarded(Guard([1; 100])).await"] {
        assert!(lib.contains(kept), "{kept}\n{lib}");
    }
    assert_eq!(lib.matches("page: [u8; 500]").count(), LIB.matches("page: [u8; 500]").count());
    assert!(offers(&project).iter().all(|it| it.does_otherwise.is_some() || !it.drops_earlier.is_empty()));
}

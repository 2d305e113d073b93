//! What is handed over to someone who stores it becomes smaller: a block that only waits for one call is that call, and what
//! was promised is what the compiler says afterwards.

use futurelens_tests::actions::{Action, apply, offered, write_all};
use futurelens_tests::binary::say;
use futurelens_tests::project::{PENDING_ONCE, Project};
use futurelens_tests::report::sizes;
use std::collections::BTreeMap;

/// A block in a fn whose name starts with `kept_` is left alone, and what is done in one in a fn whose name starts with
/// `later_` is done where the block stood, afterwards.
const GIVEN: &str = r#"
#![allow(dead_code)]
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;

pub struct Key([u8; 200]);

pub struct Loud([u8; 200]);

impl Drop for Loud {
    fn drop(&mut self) {
        println!("dropped");
    }
}

pub struct Set(Vec<Pin<Box<dyn Future<Output = usize>>>>);

impl Set {
    pub fn spawn(&mut self, future: impl Future<Output = usize> + 'static) -> &mut Self {
        self.0.push(Box::pin(future));
        self
    }
}

pub fn spawn<F: Future + 'static>(future: F) -> Pin<Box<F>> {
    Box::pin(future)
}

pub fn run<F: Future>(future: F) -> Option<F> {
    Some(future)
}

pub async fn fetch(key: Key) -> usize {
    PendingOnce(false).await;
    key.0.len()
}

pub async fn looked_up(key: &Key, n: usize) -> usize {
    PendingOnce(false).await;
    key.0.len() + n
}

pub async fn held(loud: Loud, n: usize) -> usize {
    PendingOnce(false).await;
    loud.0.len() + n
}

pub async fn both(a: Loud, b: Loud) {
    PendingOnce(false).await;
    black_box((a, b));
}

pub async fn unit(key: Key) {
    PendingOnce(false).await;
    black_box(key);
}

impl Key {
    pub async fn wait(&self) -> usize {
        PendingOnce(false).await;
        self.0.len()
    }
}

pub fn plain(key: Key) {
    spawn(async move {
        fetch(key).await
    });
}

pub fn statement(key: Key) {
    drop(spawn(async move { unit(key).await; }));
}

pub fn method(set: &mut Set, key: Key, other: Key) {
    // Both are numbered.
    set.spawn(async move { fetch(other).await + 1 })
        .spawn(async move { fetch(key).await })
        .spawn(async move { PendingOnce(false).await; 3 });
}

pub fn by_reference(key: &Key, n: usize) {
    black_box(run(async { looked_up(key, n).await }));
}

pub fn with_destructor(loud: Loud, n: usize) {
    spawn(async move { held(loud, n).await });
}

pub fn generic<T: Send + 'static>(value: T) {
    spawn(async move { repeated::<T>(value, 3).await });
}

pub async fn repeated<T>(value: T, n: usize) -> usize {
    PendingOnce(false).await;
    black_box(&value);
    n
}

pub async fn inside(key: Key, other: Key) -> usize {
    let loud = Loud([0; 200]);
    let first = spawn(async move { fetch(key).await });
    let second = spawn(async move { let n = fetch(other).await; n + 1 });
    let n = first.await + second.await;
    drop(loud);
    n
}

pub fn variable(key: Key) {
    let future = fetch(key);
    spawn(async move { future.await });
}

pub fn later_call(n: u8) {
    spawn(async move { fetch(made(n)).await });
}

fn made(n: u8) -> Key {
    Key([n; 200])
}

pub fn later_made(key: Key) {
    spawn(async move { prepared(key).await });
}

fn prepared(key: Key) -> impl Future<Output = usize> {
    println!("now");
    fetch(key)
}

pub fn kept_lent(key: Key) {
    black_box(run(async move { looked_up(&key, 1).await }));
}

pub fn kept_lent_to_a_method(key: Arc<Key>) {
    black_box(run(async move { key.wait().await }));
}

pub fn kept_awaits_two(key: Key, other: Key) {
    spawn(async move { fetch(key).await + fetch(other).await });
}

pub fn kept_statement(key: Key) {
    spawn(async move { fetch(key).await; });
}

pub fn swapped(a: Loud, b: Loud) {
    spawn(async move { both({ black_box(0); b }, a).await });
}

pub async fn uses(set: &mut Set) {
    plain(made(0));
    statement(made(0));
    method(set, made(0), made(0));
    by_reference(&made(0), 3);
    with_destructor(Loud([0; 200]), 3);
    generic(3u64);
    inside(made(0), made(1)).await;
    variable(made(0));
    later_call(1);
    later_made(made(0));
    kept_lent(made(0));
    kept_lent_to_a_method(Arc::new(made(0)));
    kept_awaits_two(made(0), made(1));
    kept_statement(made(0));
    swapped(Loud([0; 200]), Loud([1; 200]));
}
"#;

/// The fns with blocks that are given away, and the future that is handed over instead.
const HANDED_OVER: &[(&str, &str)] = &[
    ("by_reference", "looked_up"),
    ("generic", "repeated"),
    ("inside", "fetch"),
    ("later_call", "fetch"),
    ("later_made", "fetch"),
    ("method", "fetch"),
    ("plain", "fetch"),
    ("statement", "unit"),
    ("swapped", "both"),
    ("variable", "fetch"),
    ("with_destructor", "held"),
];

/// The fn that a block is in.
fn function(action: &Action) -> &str {
    action.future.split("::").find(|name| !name.starts_with('{')).unwrap_or_default()
}

#[test]
fn a_block_that_only_waits_for_a_call_is_that_call() {
    let project = Project::lib("arguments", &format!("{GIVEN}{PENDING_ONCE}"));
    let arguments = ["--kind", "box-argument", "--profile", "dev"];
    let before = sizes(project.root());
    let actions: Vec<Action> = offered(project.root(), &arguments)
        .into_iter()
        .filter(|action| action.title.starts_with("Hand over"))
        .collect();
    let by_name: BTreeMap<&str, &Action> = actions.iter().map(|action| (function(action), action)).collect();
    let names: Vec<&str> = by_name.keys().copied().collect();
    let expected: Vec<&str> = HANDED_OVER.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected);
    assert_eq!(actions.len(), expected.len());
    for (name, inner) in HANDED_OVER {
        let action = by_name[name];
        say(&format!("{name}: {:?} {:?} {}", action.before, action.after, action.title));
        assert_eq!(action.before, before.get(&action.future).copied(), "{name}");
        assert_eq!(action.after, before.get(*inner).copied(), "{name}");
        let is_later = name.starts_with("later_") || *name == "swapped";
        assert_eq!(action.does_otherwise.is_some(), is_later, "{}", action.title);
        assert_eq!(!action.drops_earlier.is_empty(), *name == "swapped", "{}", action.title);
    }
    apply(&actions.iter().collect::<Vec<_>>(), project.root());
    let text = project.read("src/lib.rs");
    for new in [
        "    spawn(fetch(key));\n",
        ".spawn(fetch(key))\n",
        "run(looked_up(key, n))",
        "drop(spawn(unit(key)))",
    ] {
        assert!(text.contains(new), "{new} in {text}");
    }
    let after = sizes(project.root());
    for (name, inner) in HANDED_OVER {
        assert_eq!(after.get(*inner), before.get(*inner), "{name}");
    }
    assert!(!after.contains_key(&by_name["plain"].future), "the block is gone");
    let again = offered(project.root(), &arguments);
    assert!(!again.iter().any(|action| action.title.starts_with("Hand over")), "{again:?}");
}

/// A block in a fn whose name starts with `kept_` captures its value still.
const CAPTURED: &str = r#"
#![allow(dead_code)]
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;

pub struct Page([u8; 1000]);

pub struct Loud([u8; 1000]);

impl Drop for Loud {
    fn drop(&mut self) {
        println!("dropped");
    }
}

pub fn spawn<F: Future + 'static>(future: F) -> Pin<Box<F>> {
    Box::pin(future)
}

pub fn array() {
    let page = black_box([0u8; 4096]);
    spawn(async move {
        black_box(&page);
        PendingOnce(false).await;
        page[0] + page.len() as u8
    });
}

pub fn mutable(mut page: Page) {
    drop(spawn(async move {
        PendingOnce(false).await;
        page.0[0] = 1;
        PendingOnce(false).await;
        black_box(&page);
    }));
}

pub fn loud(loud: Loud) {
    let other = Loud([1; 1000]);
    spawn(async move {
        PendingOnce(false).await;
        black_box(&loud);
    });
    black_box(&other);
}

pub async fn inside(page: Page, loud: Loud) {
    PendingOnce(false).await;
    let spawned = spawn(async move {
        PendingOnce(false).await;
        black_box(&page.0);
        black_box(&page);
    });
    black_box(&loud);
    spawned.await;
}

pub async fn in_a_loop(page: [u8; 500]) {
    for n in 0..3 {
        spawn(async move {
            PendingOnce(false).await;
            page[n]
        });
    }
}

pub fn kept_small(page: [u8; 64]) {
    spawn(async move {
        PendingOnce(false).await;
        page[0]
    });
}

pub fn kept_used_behind() -> usize {
    let page = black_box([0u8; 4096]);
    spawn(async move {
        PendingOnce(false).await;
        page[0]
    });
    page.len()
}

pub fn kept_evaluates(loud: Loud) {
    other().run(async move {
        PendingOnce(false).await;
        black_box(&loud);
    });
}

pub struct Other;

pub fn other() -> Other {
    Other
}

impl Other {
    fn run<F: Future + 'static>(self, future: F) {
        spawn(future);
    }
}

pub fn kept_by_reference(page: &Page) {
    black_box(async move {
        PendingOnce(false).await;
        page.0[0]
    });
}

pub async fn uses() {
    array();
    mutable(Page([0; 1000]));
    loud(Loud([0; 1000]));
    inside(Page([0; 1000]), Loud([0; 1000])).await;
    in_a_loop([0; 500]).await;
    kept_small([0; 64]);
    kept_used_behind();
    kept_evaluates(Loud([0; 1000]));
    kept_by_reference(&Page([0; 1000]));
}
"#;

/// The fns with blocks whose capture becomes a box, and its bytes.
const BOXED: &[(&str, u64)] =
    &[("array", 4096), ("in_a_loop", 500), ("inside", 1000), ("loud", 1000), ("mutable", 1000)];

#[test]
fn a_large_capture_is_a_box() {
    let project = Project::lib("captures", &format!("{CAPTURED}{PENDING_ONCE}"));
    let arguments = ["--kind", "box-argument", "--profile", "dev"];
    let before = sizes(project.root());
    let actions = offered(project.root(), &arguments);
    let by_name: BTreeMap<&str, &Action> = actions.iter().map(|action| (function(action), action)).collect();
    let names: Vec<&str> = by_name.keys().copied().collect();
    let expected: Vec<&str> = BOXED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected);
    for (name, bytes) in BOXED {
        let action = by_name[name];
        say(&format!("{name}: {:?} {:?} {}", action.before, action.after, action.title));
        assert_eq!(action.before, before.get(&action.future).copied(), "{name}");
        assert!(action.saving() + 24 >= *bytes, "{}", action.title);
        assert!(action.drops_earlier.is_empty() && action.does_otherwise.is_none(), "{}", action.title);
    }
    apply(&actions.iter().collect::<Vec<_>>(), project.root());
    let text = project.read("src/lib.rs");
    for new in [
        "    let page = Box::new(page);\n    spawn(async move {\n        black_box(&*page);\n",
        "    let mut page = Box::new(page);\n    drop(spawn(",
        "        let page = Box::new(page);\n        spawn(async move {\n",
        "    let page = Box::new(page);\n    let spawned = ",
    ] {
        assert!(text.contains(new), "{new} in {text}");
    }
    let after = sizes(project.root());
    for (name, _) in BOXED {
        let action = by_name[name];
        assert_eq!(after.get(&action.future).copied(), action.after, "{name}");
    }
    assert!(offered(project.root(), &arguments).is_empty());
}

/// One after the other, of both sorts.
#[test]
fn all_are_written() {
    let given = GIVEN.replace("pub fn swapped", "pub fn captures(page: [u8; 4096]) {\n    spawn(async move {\n        PendingOnce(false).await;\n        page[0]\n    });\n}\n\npub fn swapped").replace("    plain(made(0));\n", "    plain(made(0));\n    captures([0; 4096]);\n");
    let project = Project::lib("arguments", &format!("{given}{PENDING_ONCE}"));
    write_all(project.root(), "box-argument", &["--profile", "dev"]);
    let text = project.read("src/lib.rs");
    for new in [
        "    spawn(fetch(key));\n",
        "    let page = Box::new(page);\n    spawn(",
        "spawn(held(loud, n))",
        "let first = spawn(fetch(key));",
    ] {
        assert!(text.contains(new), "{new} in {text}");
    }
    // They say that something is done at another time, and so are left out.
    for old in ["fetch(made(n)).await", "prepared(key).await", "a).await"] {
        assert!(text.contains(old), "{old} in {text}");
    }
}

/// A fn whose name starts with `kept_` takes its argument still.
const TAKEN: &str = r#"
#![allow(dead_code)]
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;

pub struct Page([u8; 4000]);

pub struct Loud([u8; 1000]);

impl Drop for Loud {
    fn drop(&mut self) {
        println!("dropped");
    }
}

pub fn spawn<F: Future + 'static>(future: F) -> Pin<Box<F>> {
    Box::pin(future)
}

pub async fn spawned(page: [u8; 4000]) -> usize {
    PendingOnce(false).await;
    black_box(&page);
    page.len() + page[3] as usize
}

async fn stored(mut page: Page, n: usize) -> usize {
    page.0[n] = 1;
    PendingOnce(false).await;
    page.0[0] as usize
}

pub async fn all(pages: Vec<Page>) -> usize {
    let mut jobs = Vec::new();
    for (page, n) in pages.into_iter().zip(0..) {
        jobs.push(stored(page, n));
    }
    let mut sum = 0;
    for job in jobs {
        sum += job.await;
    }
    sum + stored(Page([3; 4000]), 1).await
}

async fn unused(_page: Page) {
    PendingOnce(false).await;
}

async fn noisy(loud: Loud) -> usize {
    PendingOnce(false).await;
    loud.0.len()
}

async fn moves_on(loud: Loud) {
    PendingOnce(false).await;
    drop(loud);
    PendingOnce(false).await;
}

async fn moves_some(loud: Loud, n: usize) {
    PendingOnce(false).await;
    if n > 3 {
        let other = loud;
        black_box(&other);
        PendingOnce(false).await;
    }
    PendingOnce(false).await;
}

macro_rules! both {
    ($($future:expr),*) => { ($(Some($future)),*) };
}

macro_rules! join {
    ($a:expr, $b:expr) => { ($a.await, $b.await) };
}

pub async fn joined(page: Page) -> usize {
    PendingOnce(false).await;
    page.0.len()
}

pub mod module {
    pub async fn inner(page: super::Page) -> usize {
        super::PendingOnce(false).await;
        page.0.len()
    }

    pub fn start() {
        super::spawn(inner(super::Page([0; 4000])));
    }
}

pub struct Server;

impl Server {
    async fn serve(&'static self, page: Page) -> usize {
        PendingOnce(false).await;
        page.0.len()
    }

    fn start(&'static self) {
        spawn(self.serve(Page([1; 4000])));
        drop(Server::serve(self, Page([2; 4000])));
    }
}

async fn moved_whole(page: [u8; 4000]) -> usize {
    let other = page;
    PendingOnce(false).await;
    black_box(&other);
    kept_awaited(page).await
}

async fn kept_awaited(page: [u8; 4000]) -> usize {
    PendingOnce(false).await;
    page.len()
}

async fn kept_value(page: Page) -> usize {
    PendingOnce(false).await;
    page.0.len()
}

async fn kept_generic<T>(value: T) {
    PendingOnce(false).await;
    black_box(&value);
}

async fn kept_small(page: [u8; 64]) {
    PendingOnce(false).await;
    black_box(&page);
}

async fn kept_in_macro(page: Page) -> usize {
    PendingOnce(false).await;
    page.0.len()
}

pub fn uses() {
    spawn(spawned(black_box([0; 4000])));
    drop(spawned([1; 4000]));
    spawn(all(vec![Page([0; 4000])]));
    spawn(unused(Page([0; 4000])));
    spawn(noisy(Loud([0; 1000])));
    spawn(moves_on(Loud([0; 1000])));
    spawn(moves_some(Loud([0; 1000]), 4));
    spawn(async { join!(joined(Page([0; 4000])), joined(Page([0; 4000]))) });
    spawn(module::inner(Page([0; 4000])));
    module::start();
    Server.start_all();
    spawn(moved_whole([0; 4000]));
    drop([Page([0; 4000])].map(kept_value));
    spawn(kept_value(Page([0; 4000])));
    spawn(kept_generic([0; 4000]));
    spawn(kept_small([0; 64]));
    black_box(both!(kept_in_macro(Page([0; 4000])), 3)).0.map(spawn);
}

impl Server {
    fn start_all(self) {
        Box::leak(Box::new(self)).start();
    }
}
"#;

/// The fns that take their argument in a box, and the bytes that they are smaller at least.
const TAKE_BOXES: &[(&str, u64)] = &[
    ("Server::serve", 3_960),
    ("joined", 3_960),
    ("module::inner", 3_960),
    ("moved_whole", 7_960),
    ("moves_on", 960),
    ("moves_some", 960),
    ("noisy", 960),
    ("spawned", 7_960),
    ("stored", 3_960),
    ("unused", 3_960),
];

#[test]
fn a_large_argument_is_passed_in_a_box() {
    let project = Project::lib("taken", &format!("{TAKEN}{PENDING_ONCE}"));
    let arguments = ["--kind", "box-argument", "--profile", "dev"];
    let before = sizes(project.root());
    let actions = offered(project.root(), &arguments);
    for action in &actions {
        say(&format!("{}: {:?} {:?} {}", action.future, action.before, action.after, action.title));
    }
    let by_name: BTreeMap<&str, &Action> =
        actions.iter().map(|action| (action.future.as_str(), action)).collect();
    let names: Vec<&str> = by_name.keys().copied().collect();
    let expected: Vec<&str> = TAKE_BOXES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected);
    for (name, bytes) in TAKE_BOXES {
        let action = by_name[name];
        assert_eq!(action.before, before.get(&action.future).copied(), "{name}");
        assert!(action.saving() >= *bytes, "{}", action.title);
        let is_public = ["joined", "module::inner", "spawned"].contains(name);
        assert_eq!(action.does_otherwise.is_some(), is_public, "{}", action.title);
        assert!(action.drops_earlier.is_empty(), "{}", action.title);
    }
    apply(&actions.iter().collect::<Vec<_>>(), project.root());
    let text = project.read("src/lib.rs");
    for new in [
        "pub async fn spawned(page: Box<[u8; 4000]>) -> usize {",
        "    black_box(&*page);\n    page.len() + page[3] as usize\n",
        "spawn(spawned(Box::new(black_box([0; 4000]))));",
        "jobs.push(stored(Box::new(page), n));",
        "sum + stored(Box::new(Page([3; 4000])), 1).await",
        "join!(joined(Box::new(Page([0; 4000]))), joined(Box::new(Page([0; 4000]))))",
        "super::spawn(inner(Box::new(super::Page([0; 4000]))));",
        "Server::serve(self, Box::new(Page([2; 4000])))",
        "    drop(*loud);\n",
        "let other = *loud;",
        "let other = *page;",
    ] {
        assert!(text.contains(new), "{new} in {text}");
    }
    let after = sizes(project.root());
    for (name, _) in TAKE_BOXES {
        assert_eq!(after.get(*name).copied(), by_name[name].after, "{name}");
    }
    assert!(after["all"] <= before["all"]);
    assert!(offered(project.root(), &arguments).is_empty());
}

/// What is spawned in a fn whose name starts with `kept_` is passed as it is.
const SPAWNED: &str = r#"
#![allow(dead_code)]
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;

pub struct Set(Vec<Pin<Box<dyn Future<Output = usize>>>>);

impl Set {
    pub fn spawn(&mut self, future: impl Future<Output = usize> + 'static) {
        self.0.push(Box::pin(future));
    }
}

pub fn spawn<F: Future + 'static>(future: F) -> Pin<Box<F>> {
    Box::pin(future)
}

pub fn block_on<F: Future + 'static>(future: F) {
    drop(future);
}

pub fn with_span<F: Future + 'static>(future: F) -> F {
    future
}

pub mod pinned {
    /// Needs the future itself: of a box it would be another type.
    pub fn spawn(task: crate::Task) {
        drop(task);
    }
}

pub struct Task;

pub async fn large(n: u8) -> usize {
    let bytes = black_box([n; 4000]);
    PendingOnce(false).await;
    black_box(&bytes).len()
}

async fn small(n: u8) -> usize {
    let bytes = black_box([n; 2000]);
    PendingOnce(false).await;
    black_box(&bytes).len()
}

pub fn called() {
    spawn(large(1));
}

pub fn of_a_set(set: &mut Set) {
    set.spawn(crate::large(2));
}

pub async fn in_a_future() -> usize {
    let spawned = spawn(large(3));
    PendingOnce(false).await;
    spawned.await
}

pub fn block() {
    drop(spawn(async move {
        let bytes = black_box([4u8; 3000]);
        PendingOnce(false).await;
        black_box(&bytes).len()
    }));
}

pub fn kept_small() {
    spawn(small(1));
    spawn(async { large(1).await; }.small());
}

pub trait Small: Future + Sized {
    fn small(self) -> Pin<Box<Self>> {
        Box::pin(self)
    }
}

impl<F: Future> Small for F {}

pub fn kept_wrapped() {
    spawn(with_span(large(5)));
    spawn(Box::pin(large(6)));
    block_on(large(7));
}
"#;

/// No future gets smaller: it is listed only if it is asked for.
#[test]
fn a_large_future_is_spawned_in_a_box() {
    let project = Project::lib("spawned", &format!("{SPAWNED}pub mod other;\n{PENDING_ONCE}"));
    project
        .write("src/other.rs", "pub async fn elsewhere() {\n    drop(crate::spawn(crate::large(8)));\n}\n");
    let all = offered(project.root(), &["--profile", "dev"]);
    assert!(!all.iter().any(|action| action.kind == "box-spawned"));
    let arguments = ["--kind", "box-spawned", "--profile", "dev"];
    let before = sizes(project.root());
    let actions = offered(project.root(), &arguments);
    for action in &actions {
        say(&format!("{}: {:?} {:?} {}", action.future, action.before, action.after, action.title));
        assert_eq!(action.before, before.get(&action.future).copied(), "{}", action.title);
        assert_eq!(action.after, Some(8), "{}", action.title);
        assert!(action.title.contains("passes 8 B instead of "), "{}", action.title);
        assert!(action.drops_earlier.is_empty() && action.does_otherwise.is_none(), "{}", action.title);
    }
    let mut futures: Vec<&str> = actions.iter().map(|action| action.future.as_str()).collect();
    futures.sort_unstable();
    assert_eq!(futures, ["block::{closure#0}", "large", "large", "large", "large"]);
    write_all(project.root(), "box-spawned", &["--profile", "dev"]);
    let text = project.read("src/lib.rs");
    for new in [
        "    spawn(Box::pin(large(1)));\n",
        "set.spawn(Box::pin(crate::large(2)));",
        "let spawned = spawn(Box::pin(large(3)));",
        "    drop(spawn(Box::pin(async move {\n",
        "    })));\n",
        "spawn(small(1));",
        "spawn(with_span(large(5)));",
        "spawn(Box::pin(large(6)));",
        "block_on(large(7));",
    ] {
        assert!(text.contains(new), "{new} in {text}");
    }
    assert!(project.read("src/other.rs").contains("crate::spawn(Box::pin(crate::large(8)))"));
    assert_eq!(sizes(project.root()).get("large"), before.get("large"));
    assert!(offered(project.root(), &arguments).is_empty());
}

#[test]
fn without_an_allocator_nothing_is_boxed() {
    let text = SPAWNED.split("pub fn called").next().expect("there is a fn").to_owned();
    let plain = text
        .replace("std::", "core::")
        .replace("#![allow(dead_code)]", "#![no_std]\n#![allow(dead_code)]")
        .replace("self.0.push(Box::pin(future));", "let _ = future;")
        .replace("Vec<Pin<Box<dyn Future<Output = usize>>>>", "u8")
        .replace("-> Pin<Box<F>> {\n    Box::pin(future)", "-> Option<F> {\n    Some(future)");
    let more = "pub async fn taken(page: [u8; 4000]) -> usize {\n    PendingOnce(false).await;\n    page.len()\n}\n\
                pub fn called() {\n    spawn(large(1));\n    spawn(taken([0; 4000]));\n}\n";
    let project =
        Project::lib("spawned", &format!("{plain}{more}{}", PENDING_ONCE.replace("std::", "core::")));
    let kinds = ["--kind", "box-spawned", "--kind", "box-argument", "--profile", "dev"];
    let found = offered(project.root(), &kinds);
    assert!(found.is_empty(), "{found:?}");
}

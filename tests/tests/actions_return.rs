//! An `async fn` that only waits for another future returns that one: it compiles, what calls it becomes as much smaller
//! as was said, and what then runs earlier says so.

use futurelens_tests::actions::{Action, apply, offered};
use futurelens_tests::binary::{futurelens, run, say};
use futurelens_tests::project::{PENDING_ONCE, Project};
use futurelens_tests::report::sizes;
use std::collections::BTreeMap;

/// Every fn whose name starts with `kept_` is left alone, and what is done in one whose name starts with `later_` is done
/// at the call afterwards.
const SOURCE: &str = r#"
#![allow(dead_code, clippy::manual_async_fn)]
use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;

pub struct Key([u8; 200]);
pub const MOST: usize = 3;

pub async fn fetch(key: Key) -> usize {
    PendingOnce(false).await;
    key.0.len()
}

/// Documented.
#[inline]
pub async fn get(key: Key) -> usize {
    fetch(key)
        .await // behind it
}

pub async fn calls(key: Key) -> usize {
    get(key).await + 1
}

pub async fn with_reference<'a>(key: &'a Key, other: &[u8]) -> &'a [u8] {
    looked_up(key, other).await
}

async fn looked_up<'a>(key: &'a Key, other: &[u8]) -> &'a [u8] {
    PendingOnce(false).await;
    &key.0[..other.len()]
}

pub async fn generic<T: Clone>(value: T, n: usize) -> Vec<T> {
    repeated::<T>(value, n, MOST).await
}

async fn repeated<T: Clone>(value: T, n: usize, most: usize) -> Vec<T> {
    PendingOnce(false).await;
    vec![value; n.min(most)]
}

pub struct Store {
    inner: Arc<Inner>,
}

pub struct Inner([u8; 8]);

impl Inner {
    async fn read(&self, at: usize, key: Key) -> u8 {
        PendingOnce(false).await;
        self.0[at] + key.0[0]
    }
}

impl Store {
    pub async fn read(&self, at: usize, key: Key) -> u8 {
        self.inner.read(at, key).await
    }
}

pub trait Reads {
    fn reads(&self, key: Key) -> impl Future<Output = usize>;
}

impl Reads for Store {
    async fn reads(&self, key: Key) -> usize {
        fetch(key).await
    }
}

pub async fn nothing(key: Key) {
    unit(key).await;
}

pub async fn unit(key: Key) {
    PendingOnce(false).await;
    black_box(key);
}

pub async fn later_statement(key: Key) -> usize {
    println!("now");
    fetch(key).await
}

pub async fn later_call(n: u8) -> usize {
    fetch(made(n)).await
}

fn made(n: u8) -> Key {
    Key([n; 200])
}

pub async fn later_made(key: Key) -> usize {
    prepared(key).await
}

fn prepared(key: Key) -> impl Future<Output = usize> {
    println!("now");
    fetch(key)
}

pub async fn block(key: Key) -> usize {
    made_of_a_block(key).await
}

fn made_of_a_block(key: Key) -> impl Future<Output = usize> {
    async move { fetch(key).await }
}

pub async fn kept_borrowed(key: Key, n: u8) -> u8 {
    Inner([n; 8]).read(1, key).await
}

pub async fn kept_converted(key: Key) -> Box<dyn std::fmt::Debug> {
    boxed(key).await
}

async fn boxed(key: Key) -> Box<usize> {
    Box::new(fetch(key).await + 1)
}

pub async fn kept_twice(key: Key, other: Key) -> usize {
    fetch(key).await;
    fetch(other).await
}

pub async fn kept_boxed(key: Key) -> usize {
    Box::pin(fetch(key)).await
}

pub async fn uses() {
    let store = Store { inner: Arc::new(Inner([0; 8])) };
    calls(made(0)).await;
    with_reference(&made(0), &[1]).await;
    generic(3u64, 1).await;
    store.read(0, made(0)).await;
    store.reads(made(0)).await;
    nothing(made(0)).await;
    later_statement(made(0)).await;
    later_call(0).await;
    later_made(made(0)).await;
    block(made(0)).await;
    kept_borrowed(made(0), 1).await;
    kept_converted(made(0)).await;
    kept_twice(made(0), made(1)).await;
    kept_boxed(made(0)).await;
}
"#;

/// The fns that return another one's future, and how large that is.
const RETURNED: &[(&str, &str)] = &[
    ("block", "made_of_a_block::{closure#0}"),
    ("generic", "repeated"),
    ("get", "fetch"),
    ("later_call", "fetch"),
    ("later_made", "fetch"),
    ("later_statement", "fetch"),
    ("nothing", "unit"),
    ("read", "Inner::read"),
    ("reads", "fetch"),
    ("with_reference", "looked_up"),
];

fn check(edition: &str) {
    let project = Project::lib("returns", &format!("{SOURCE}{PENDING_ONCE}"));
    let manifest = project.read("Cargo.toml").replace("2021", edition);
    project.write("Cargo.toml", &manifest);
    let before = sizes(project.root());
    let actions = offered(project.root(), &["--kind", "return-inner", "--profile", "dev"]);
    let mut by_name: BTreeMap<&str, &Action> = BTreeMap::new();
    for action in &actions {
        by_name.insert(action.future.rsplit("::").next().unwrap_or_default(), action);
    }
    let names: Vec<&str> = by_name.keys().copied().collect();
    let expected: Vec<&str> = RETURNED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected, "edition {edition}");
    for (name, inner) in RETURNED {
        let action = by_name[name];
        say(&format!("{edition} {name}: {:?} {:?}", action.before, action.after));
        assert_eq!(action.before, before.get(&action.future).copied(), "{name}");
        assert_eq!(action.after, before.get(*inner).copied(), "{name}");
        assert_eq!(action.does_otherwise.is_some(), name.starts_with("later_"), "{}", action.title);
        assert!(action.drops_earlier.is_empty(), "{}", action.title);
    }

    apply(&actions.iter().collect::<Vec<_>>(), project.root());
    let after = sizes(project.root());
    for (name, _) in RETURNED {
        assert!(!after.contains_key(&by_name[name].future), "{name} has a future of its own still");
    }
    let saving = by_name["get"].saving();
    assert_eq!(before["calls"] - after["calls"], saving, "what calls it becomes as much smaller");
    assert!(offered(project.root(), &["--kind", "return-inner", "--profile", "dev"]).is_empty());
}

#[test]
fn in_edition_2021() {
    check("2021");
}

#[test]
fn in_edition_2024() {
    check("2024");
}

/// Nobody has the compiler say that what is done earlier is done earlier: it is not written without being asked for.
#[test]
fn what_is_done_earlier_is_not_written() {
    let project = Project::lib("returns", &format!("{SOURCE}{PENDING_ONCE}"));
    let mut command = futurelens();
    command.arg("fix").arg(project.root()).args(["--apply", "--allow-dirty", "--kind", "return-inner"]);
    run(&mut command).expect_success();
    let now = project.read("src/lib.rs");
    assert!(now.contains("pub fn get(key: Key) -> impl Future<Output = usize>"), "{now}");
    for name in ["later_statement", "later_call", "later_made"] {
        assert!(now.contains(&format!("pub async fn {name}(")), "{now}");
    }
}

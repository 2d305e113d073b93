//! Edits of several futures at once, of those in macros, and of those that are handed over: what they promise is what a
//! build after them measures.

use crate::layout_check::measure;
use futurelens_tests::actions::{Action, offered};
use futurelens_tests::project::{PENDING_ONCE, Project};

const SOURCE: &str = r#"
#![allow(clippy::all)]
use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};

pub async fn tick() {
    PendingOnce(false).await
}

pub async fn first(n: u8) -> u8 {
    let bytes = black_box([n; 3000]);
    tick().await;
    bytes[0]
}

pub async fn second() -> u8 {
    let bytes = black_box([1u8; 2990]);
    tick().await;
    bytes[0]
}

pub async fn third() -> u8 {
    let bytes = black_box([2u8; 2980]);
    tick().await;
    bytes[0]
}

pub async fn small() -> u8 {
    let bytes = black_box([2u8; 20]);
    tick().await;
    bytes[0]
}

pub async fn in_a_row() {
    first(1).await;
    small().await;
    second().await;
    third().await;
}

pub async fn one_is_enough() {
    first(2).await;
    small().await;
}

macro_rules! call {
    ($future:expr) => {
        $future
    };
}

pub async fn in_a_macro() -> u8 {
    call!(first(3)).await + 1
}

pub async fn in_a_match() {
    match call![second()].await {
        0 => tick().await,
        _ => {}
    }
}

/// Stores the future twice.
pub async fn logged<F: Future<Output = u8>>(future: F) -> u8 {
    tick().await;
    future.await
}

pub async fn limited<F: Future<Output = u8>>(limit: u8, future: F) -> Result<u8, u8> {
    tick().await;
    match future.await {
        n if n > limit => Err(n),
        n => Ok(n),
    }
}

/// And does not do so by itself.
pub async fn once<F: Future<Output = u8> + Unpin>(mut future: F) -> u8 {
    Pin::new(&mut future).await
}

pub async fn handed_over() -> u8 {
    logged(logged(first(4))).await
}

pub async fn handed_over_and_tried() -> Result<u8, u8> {
    let most = 3;
    let n = limited(most, second()).await?;
    tick().await;
    Ok(n)
}

pub async fn handed_over_in_lines(most: u8) -> Result<u8, u8> {
    limited(
        // All of them.
        most,
        third(),
    )
    .await?;
    tick().await;
    Ok(most)
}

pub async fn made_behind_a_call() -> Result<u8, u8> {
    limited(most(), second()).await
}

pub fn most() -> u8 {
    black_box(3)
}

pub async fn pinned() -> u8 {
    let mut future = pin!(third());
    tick().await;
    future.as_mut().await
}

"#;

fn text() -> String {
    format!("{SOURCE}{PENDING_ONCE}")
}

/// Applies an action alone, and measures.
fn measured(action: &Action) -> u64 {
    let project = Project::lib("several", &text());
    action.apply(project.root());
    let snapshot = measure(project.root(), "dev");
    let mut found = snapshot.futures(false).filter(|placed| *placed.future.name == *action.future);
    found.next().unwrap_or_else(|| panic!("no {}", action.future)).future.size
}

/// The actions of a kind: future, and bytes before and after. What they promise holds.
fn checked(kind: &str) -> Vec<(String, u64, u64)> {
    let project = Project::lib("several", &text());
    let actions = offered(project.root(), &["--profile", "dev", "--kind", kind]);
    let mut found = Vec::new();
    for action in &actions {
        assert!(action.drops_earlier.is_empty(), "{}", action.title);
        let (before, after) = (action.before.expect("it compiles"), action.after.expect("it compiles"));
        assert_eq!(measured(action), after, "{}", action.title);
        found.push((action.future.clone(), before, after));
    }
    found.sort();
    found
}

fn after(found: &[(String, u64, u64)], future: &str) -> Vec<u64> {
    found.iter().filter(|one| one.0 == future).map(|one| one.2).collect()
}

#[test]
fn several_awaits_are_boxed_where_one_would_not_do() {
    let found = checked("box-several");
    let [(future, before, after)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(future, "in_a_row", "not where one is enough");
    // What `small` takes is left.
    assert!(*before > 3000 && *after < 50, "{before} to {after}");
}

#[test]
fn a_future_that_would_be_stored_twice_is_pinned() {
    let found = checked("pin-argument");
    let futures: Vec<&str> = found.iter().map(|one| &*one.0).collect();
    assert_eq!(futures, ["handed_over", "handed_over_and_tried", "handed_over_in_lines"]);
    for (future, before, after) in &found {
        assert!(*before > 5900 && (2990..3200).contains(after), "{future}: {before} to {after}");
    }
}

#[test]
fn what_is_pinned_or_comes_out_of_a_macro_is_boxed() {
    let found = checked("box-awaitee");
    for future in ["in_a_macro", "in_a_match", "pinned"] {
        assert!(after(&found, future).iter().any(|size| *size < 50), "{future}: {found:?}");
    }
}

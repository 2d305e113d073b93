//! The compiler's layout algorithm, fed with what was dumped, gives what the compiler printed; and what it
//! predicts for an edit is what the compiler prints after that edit.

use crate::layout_check::{check, measure};
use futurelens::features::Snapshot;
use futurelens::layout::whatif::{self, Change, Prediction};
use futurelens::layout::{Future, HeldKind};
use futurelens_tests::binary::{fixture, say};
use futurelens_tests::project::{PENDING_ONCE, Project};
use futurelens_tests::registry::checkout;
use std::sync::Arc;

#[test]
fn every_future_of_the_article_is_recomputed() {
    all_are_recomputed("article", &measure(Project::copy_of(&fixture("article")).root(), "release"), 31);
}

#[test]
fn every_future_of_mini_redis_is_recomputed() {
    for profile in ["release", "dev"] {
        let snapshot = measure(&checkout("mini-redis", "0.4.1"), profile);
        all_are_recomputed(&format!("mini-redis, {profile}"), &snapshot, 46);
    }
}

fn all_are_recomputed(name: &str, snapshot: &Snapshot, at_least: usize) {
    let check = check(snapshot);
    say(&format!("{name}: {} of {} futures recomputed to the byte", check.same, check.futures));
    assert!(check.futures >= at_least, "{} futures", check.futures);
    assert_eq!(check.same, check.futures, "{}", check.others.join("\n"));
}

/// Each `before` is a future that is changed on paper; `after` is the same change made in the source.
const EDITS: &str = r#"
use std::future::Future;
use std::hint::black_box;

pub async fn large() {
    let page = black_box([1u8; 4096]);
    PendingOnce(false).await;
    black_box(&page);
}

pub async fn large_boxed() {
    let page = Box::new(black_box([1u8; 4096]));
    PendingOnce(false).await;
    black_box(&page);
}

pub mod box_awaitee {
    use super::*;
    pub async fn before(n: u32) -> u32 {
        let first = black_box([n; 5]);
        large().await;
        PendingOnce(false).await;
        let second = black_box([7u16; 33]);
        PendingOnce(false).await;
        first[0] + black_box(&second)[0] as u32
    }
    pub async fn after(n: u32) -> u32 {
        let first = black_box([n; 5]);
        Box::pin(large()).await;
        PendingOnce(false).await;
        let second = black_box([7u16; 33]);
        PendingOnce(false).await;
        first[0] + black_box(&second)[0] as u32
    }
}

pub mod scope {
    use super::*;
    pub async fn before() {
        let buffer = black_box([1u8; 300]);
        PendingOnce(false).await;
        let last = black_box(&buffer)[0];
        let other = black_box([2u8; 200]);
        PendingOnce(false).await;
        black_box(&other);
        black_box(last);
    }
    pub async fn after() {
        let last = {
            let buffer = black_box([1u8; 300]);
            PendingOnce(false).await;
            black_box(&buffer)[0]
        };
        let other = black_box([2u8; 200]);
        PendingOnce(false).await;
        black_box(&other);
        black_box(last);
    }
}

pub mod scope_to_nothing {
    use super::*;
    pub async fn before(n: u64) -> u64 {
        let buffer = black_box([n; 30]);
        let sum = black_box(&buffer).iter().sum::<u64>();
        PendingOnce(false).await;
        sum
    }
    pub async fn after(n: u64) -> u64 {
        let sum = {
            let buffer = black_box([n; 30]);
            black_box(&buffer).iter().sum::<u64>()
        };
        PendingOnce(false).await;
        sum
    }
}

pub mod stored_twice {
    use super::*;
    pub async fn before(data: [u8; 1000], n: u64) -> u64 {
        PendingOnce(false).await;
        black_box(&data);
        n
    }
    pub fn after(data: [u8; 1000], n: u64) -> impl Future<Output = u64> {
        async move {
            PendingOnce(false).await;
            black_box(&data);
            n
        }
    }
}

pub struct Timeout<F> {
    deadline: u64,
    future: F,
    hits: u16,
}

pub enum MaybeDone<F> {
    Future(F),
    Done(u32),
    Gone,
}

macro_rules! callers {
    ($name:ident, $inner:path) => {
        pub mod $name {
            use super::*;
            pub async fn direct() {
                $inner().await;
                PendingOnce(false).await;
            }
            pub async fn twice_removed() {
                let n = black_box([3u8; 21]);
                direct().await;
                black_box(n);
            }
            pub async fn wrapped() {
                let wrapped = Timeout { deadline: 3, future: $inner(), hits: 0 };
                PendingOnce(false).await;
                black_box(&wrapped);
            }
            pub async fn wrapped_twice() {
                let wrapped = MaybeDone::Future(Timeout { deadline: 3, future: twice_removed(), hits: 0 });
                PendingOnce(false).await;
                black_box(&wrapped);
            }
            pub async fn as_argument() {
                takes($inner()).await;
            }
            pub async fn in_a_tuple() {
                let both = (7u64, $inner());
                PendingOnce(false).await;
                black_box(&both);
            }
            pub async fn in_a_closure() {
                let (n, inner) = (black_box(7u16), $inner());
                let closure = move || {
                    black_box(&inner);
                    n
                };
                PendingOnce(false).await;
                black_box(&closure);
            }
            pub async fn behind_a_pointer() {
                Box::pin($inner()).await;
            }
        }
    };
}

pub async fn takes<F: Future>(future: F) -> F::Output {
    let n = black_box([3u32; 3]);
    let out = future.await;
    black_box(n);
    out
}

callers!(before_callers, large);
callers!(after_callers, large_boxed);
"#;

fn named(snapshot: &Snapshot, name: &str) -> Arc<Future> {
    let mut found = snapshot.futures(false).filter(|placed| &*placed.future.name == name);
    let future = found.next().unwrap_or_else(|| panic!("no {name}")).future.clone();
    assert!(found.next().is_none(), "{name} is there once");
    future
}

/// Where a thing is held: the local, and the states by index.
fn held(future: &Future, is_it: impl Fn(&str, HeldKind, u64) -> bool) -> (u32, Vec<u32>) {
    let states = future.states.iter().enumerate();
    let found: Vec<(u32, u32)> = states
        .flat_map(|(index, state)| state.held.iter().map(move |held| (index as u32, held)))
        .filter(|(_, held)| is_it(&held.name, held.kind, held.size))
        .filter_map(|(state, held)| Some((held.saved?, state)))
        .collect();
    let saved = found.first().expect("it is held").0;
    (saved, found.iter().filter(|(s, _)| *s == saved).map(|(_, state)| *state).collect())
}

#[test]
fn predicted_is_what_the_edit_measures() {
    let project = Project::lib("edits", &format!("{EDITS}\n{PENDING_ONCE}"));
    let snapshot = measure(project.root(), "release");
    let mut faults = Vec::new();
    let mut compare = |what: &str, predicted: Option<Prediction>, after: &Future| {
        say(&format!("{what}: predicted {predicted:?}, measured {} align {}", after.size, after.align));
        if predicted != Some(Prediction { size: after.size, align: after.align, exact: true }) {
            faults.push(what.to_owned());
        }
    };
    let before = |module: &str| named(&snapshot, &format!("{module}::before"));
    let after = |module: &str| {
        let is_it = |name: &str| name.starts_with(&format!("{module}::after"));
        snapshot.futures(false).find(|placed| is_it(&placed.future.name)).expect(module).future.clone()
    };

    let future = before("box_awaitee");
    let (saved, _) = held(&future, |_, kind, size| kind == HeldKind::Awaitee && size > 1000);
    compare("box-awaitee", whatif::predict(&future, &[Change::Box { saved }]), &after("box_awaitee"));

    let future = before("scope");
    let (saved, states) = held(&future, |name, _, _| name == "buffer");
    let states = states[1..].to_vec();
    let (last, _) = held(&future, |name, _, _| name == "last");
    let change = Change::Remove { saved, states, beside: vec![last] };
    compare("scope-block", whatif::predict(&future, &[change]), &after("scope"));

    let future = before("scope_to_nothing");
    let (saved, states) = held(&future, |name, _, _| name == "buffer");
    let predicted = whatif::predict(&future, &[Change::Remove { saved, states, beside: Vec::new() }]);
    compare("scope-block, nowhere held", predicted, &after("scope_to_nothing"));

    let future = before("stored_twice");
    let predicted = whatif::predict(&future, &[Change::DropUpvarCopy]);
    compare("desugar-async-fn", predicted, &after("stored_twice"));

    let (large, large_boxed) = (named(&snapshot, "large"), named(&snapshot, "large_boxed"));
    let all: Vec<Arc<Future>> = snapshot.futures(true).map(|placed| placed.future.clone()).collect();
    let edited = Prediction { size: large_boxed.size, align: large_boxed.align, exact: true };
    let propagated = whatif::propagate(&all, &large.id, edited);
    let predicted = |id: &str| propagated.iter().find(|p| &*p.id == id).map(|p| p.new);
    for name in
        ["direct", "twice_removed", "wrapped", "wrapped_twice", "as_argument", "in_a_tuple", "in_a_closure"]
    {
        let before = named(&snapshot, &format!("before_callers::{name}"));
        let after = named(&snapshot, &format!("after_callers::{name}"));
        compare(name, predicted(&before.id), &after);
    }
    let generic: Vec<&Arc<Future>> = all.iter().filter(|future| &*future.name == "takes").collect();
    let [before, after] = generic[..] else { panic!("{generic:?}") };
    assert!(before.size > after.size);
    compare("takes", predicted(&before.id), after);
    let behind = named(&snapshot, "before_callers::behind_a_pointer");
    assert_eq!(predicted(&behind.id), None);
    assert_eq!(predicted(&large.id), None, "the edited future is not overwritten");
    assert!(faults.is_empty(), "{faults:?}");
}

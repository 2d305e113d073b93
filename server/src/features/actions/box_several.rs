//! Moves several awaited futures of different callees to the heap at once. Each alone saves little, since another one of about
//! the same size keeps the future as large as it is.
//!
//! ```text
//! first().await;                      Box::pin(first()).await;
//! second().await;                     Box::pin(second()).await;
//! tick().await;                       tick().await;
//! ```
//!
//! The large arms of one `select!` or `join!` are boxed together, too. What that saves, only the compiler can tell.

use super::box_awaitee::{self, Await, pin_path};
use super::{ActionKind, Candidate, Context, macro_arguments};
use crate::layout::whatif::Change;
use crate::source::TextRange;
use ra_ap_syntax::ast::AstNode;

/// Why nothing is boxed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There are fewer than two.
    TooFew,
    /// Boxing all of them saves next to nothing.
    TooLittle,
    /// One of them alone saves about as much.
    OneIsEnough,
    /// The size after the edit cannot be predicted.
    NotUnderstood,
}

/// Bytes that all together have to save more than the best one alone: below that, no other box is worth its allocation.
const LEAST: u64 = 64;

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    let Some(pin) = pin_path(context.language.heap, context.text()) else { return Vec::new() };
    let mut found: Vec<Candidate> = awaits(context, &pin).into_iter().collect();
    found.extend(arms(context, &pin));
    found
}

fn awaits(context: &Context<'_>, pin: &str) -> Option<Candidate> {
    let mut awaits = box_awaitee::awaits(context);
    awaits.sort_by_key(|one| std::cmp::Reverse(one.held.size));
    // The awaits of one callee are boxed together in any case.
    let groups = groups(&awaits);
    let boxes = |chosen: &[usize]| -> Vec<&Await<'_>> {
        chosen.iter().filter_map(|at| groups.get(*at)).flatten().copied().collect()
    };
    let predict = |chosen: &[&Await<'_>]| {
        let changes: Vec<Change> = chosen.iter().map(|one| Change::Box { saved: one.saved }).collect();
        context.predict(&changes)
    };
    let size = |chosen: &[usize]| Some(predict(&boxes(chosen))?.size);
    let chosen = boxes(&choose(groups.len(), context.shown.size, &size).ok()?);
    let smallest = chosen.iter().map(|one| one.held.size).min()?;
    let are_largest = awaits.iter().filter(|one| one.held.size >= smallest).count() == chosen.len();
    let (count, all) = (chosen.len(), chosen.len() == awaits.len());
    let label = match (all, are_largest, count) {
        (true, _, 2) => "Box both awaits with Box::pin".to_owned(),
        (true, ..) => format!("Box all {count} awaits with Box::pin"),
        (false, true, _) => format!("Box the {count} largest awaits with Box::pin"),
        (false, false, _) => format!("Box {count} awaits with Box::pin"),
    };
    let anchors = chosen.iter().map(|one| one.whole).collect();
    let mut candidate = context.candidate(ActionKind::BoxSeveral, label, anchors);
    candidate.predicted = predict(&chosen);
    candidate.ways = box_awaitee::ways(pin, &chosen.iter().map(|one| one.operand).collect::<Vec<_>>());
    Some(candidate)
}

/// The awaits of one callee are one; the largest first.
fn groups<'a, 'b>(awaits: &'b [Await<'a>]) -> Vec<Vec<&'b Await<'a>>> {
    let mut groups: Vec<Vec<&Await<'_>>> = Vec::new();
    for one in awaits {
        let is_same = |group: &&mut Vec<&Await<'_>>| {
            let callee = one.held.future.as_deref();
            callee.is_some() && group.iter().all(|known| known.held.future.as_deref() == callee)
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// Of `count` things, the largest first, those that are boxed: as few as do nearly what all do. `now` is what the future
/// takes as it is, `predict` what it would take with some of them boxed.
pub(super) fn choose(
    count: usize,
    now: u64,
    predict: &dyn Fn(&[usize]) -> Option<u64>,
) -> Result<Vec<usize>, Refusal> {
    if count < 2 {
        return Err(Refusal::TooFew);
    }
    let saves =
        |chosen: &[usize]| predict(chosen).map(|size| now.saturating_sub(size)).ok_or(Refusal::NotUnderstood);
    let most = saves(&(0..count).collect::<Vec<_>>())?;
    if most < LEAST {
        return Err(Refusal::TooLittle);
    }
    let is_enough = |chosen: &[usize]| Ok(saves(chosen)? >= most - most / 10);
    let mut chosen: Vec<usize> = Vec::new();
    for next in 0..count {
        chosen.push(next);
        if is_enough(&chosen)? {
            break;
        }
    }
    // Some of them may be in no state that counts.
    for at in (0..chosen.len()).rev() {
        let mut without = chosen.clone();
        without.remove(at);
        if is_enough(&without)? {
            chosen = without;
        }
    }
    let mut best = 0;
    for one in 0..count {
        best = saves(&[one])?.max(best);
    }
    let (all, least) = (saves(&chosen)?, best.saturating_add((best / 4).max(LEAST)));
    if chosen.len() < 2 || all < least {
        return Err(Refusal::OneIsEnough);
    }
    Ok(chosen)
}

/// The large arms of each macro that waits for several futures.
fn arms(context: &Context<'_>, pin: &str) -> Vec<Candidate> {
    if !box_awaitee::holds_arguments(context) {
        return Vec::new();
    }
    let candidate = |arms: Vec<TextRange>| {
        let arms: Vec<TextRange> = arms
            .into_iter()
            .filter(|arm| context.is_innermost(arm.start()) && is_large(context, *arm))
            .collect();
        let label = match arms.len() {
            0 | 1 => return None,
            2 => "Box both large arms with Box::pin".to_owned(),
            count => format!("Box all {count} large arms with Box::pin"),
        };
        let mut candidate = context.candidate(ActionKind::BoxSeveral, label, arms.clone());
        candidate.ways = box_awaitee::ways(pin, &arms);
        Some(candidate)
    };
    macro_arguments::calls(context.tree.syntax()).into_iter().filter_map(candidate).collect()
}

/// Is there more to box than what a pointer takes? Of what is not known that is found out by trying.
fn is_large(context: &Context<'_>, arm: TextRange) -> bool {
    let branches = context.suspended().flat_map(|(_, state)| &state.held).flat_map(|held| &held.branches);
    let is_this = |range: TextRange| range.intersect(arm).is_some_and(|both| !both.is_empty());
    let mut own =
        branches.filter(|it| it.at.as_ref().and_then(|span| context.range(span)).is_some_and(is_this));
    own.next().is_none_or(|first| !first.is_lent && first.size.is_none_or(|size| size >= LEAST))
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples};
    use super::*;
    use crate::features::actions::box_awaitee::{operand, ways};
    use crate::source::{TextSize, edited};
    use proptest::prelude::*;

    /// A future that holds one after another, and 16 bytes besides.
    fn one_by_one<'a>(sizes: &'a [u64]) -> impl Fn(&[usize]) -> Option<u64> + 'a {
        move |boxed| {
            let size = |(at, size): (usize, &u64)| if boxed.contains(&at) { 8 } else { *size };
            Some(16 + sizes.iter().enumerate().map(size).max().unwrap_or(0))
        }
    }

    fn chosen(sizes: &[u64]) -> Result<Vec<usize>, Refusal> {
        let predict = one_by_one(sizes);
        choose(sizes.len(), predict(&[]).unwrap(), &predict)
    }

    #[test]
    fn those_that_only_together_save() {
        assert_eq!(chosen(&[3000, 2990, 2980]), Ok(vec![0, 1, 2]));
        assert_eq!(chosen(&[3000, 2990, 100]), Ok(vec![0, 1]), "the last saves less than a tenth");
        assert_eq!(chosen(&[20000, 9000, 3000, 500]), Ok(vec![0, 1, 2]));
    }

    #[test]
    fn what_is_not_worth_it() {
        assert_eq!(chosen(&[3000]), Err(Refusal::TooFew));
        assert_eq!(chosen(&[60, 50]), Err(Refusal::TooLittle));
        assert_eq!(chosen(&[3000, 100]), Err(Refusal::OneIsEnough));
        assert_eq!(chosen(&[3000, 600]), Err(Refusal::OneIsEnough), "2400 alone, 2992 together");
        assert_eq!(choose(2, 100, &|_| None), Err(Refusal::NotUnderstood));
    }

    #[test]
    fn one_in_a_state_of_its_own_that_does_not_count_is_left() {
        // Beside a local of 1000 bytes the second makes no state larger than the third does.
        let predict = |boxed: &[usize]| {
            let size = |at: usize, size: u64| if boxed.contains(&at) { 8 } else { size };
            Some(size(0, 2000).max(size(2, 1500)).max(size(1, 1700).min(100)))
        };
        assert_eq!(choose(3, 2000, &predict), Ok(vec![0, 2]));
    }

    #[test]
    fn the_example() {
        for Example { before, after } in examples(include_str!("box_several.rs")) {
            let at = |part: &str| {
                let at = TextSize::of(&before[..before.find(part).unwrap()]);
                operand(&before, TextRange::at(at, TextSize::of(part))).unwrap()
            };
            let ways = ways("Box::pin", &[at("first().await"), at("second().await")]);
            assert_eq!(edited(&before, &ways[0]), Some(after));
        }
    }

    proptest! {
        #[test]
        fn never_fewer_than_two_and_never_for_nothing(mut sizes in proptest::collection::vec(0u64..5000, 0..8)) {
            sizes.sort_by_key(|size| std::cmp::Reverse(*size));
            let predict = one_by_one(&sizes);
            let now = predict(&[]).unwrap();
            if let Ok(chosen) = choose(sizes.len(), now, &predict) {
                prop_assert!(chosen.len() >= 2);
                let all: Vec<usize> = (0..sizes.len()).collect();
                let (most, saved) = (now - predict(&all).unwrap(), now - predict(&chosen).unwrap());
                prop_assert!(saved * 10 >= most * 9);
                for one in &chosen {
                    prop_assert!(saved > now - predict(&[*one]).unwrap());
                }
            }
        }
    }
}

//! Puts a local into a block that ends before an await: the block reaches from its `let` to its last use.
//!
//! ```text
//! let mut buf = [0; 1024];            let n = {
//! let n = fill(&mut buf);                 let mut buf = [0; 1024];
//! send(n).await;                          fill(&mut buf)
//!                                     };
//!                                     send(n).await;
//! ```
//!
//! The compiler keeps a local until its scope ends if it has a destructor or was ever borrowed, even if it is not used again.
//! Other variables that are declared in between and used later become the value of the block.
//!
//! A local that was borrowed is kept even if its value has moved into what is awaited. Then the local itself is the value of
//! the block, and moves into a new variable that was never borrowed:
//!
//! ```text
//! let request = build();              let request = {
//! log(&request);                          let request = build();
//! request.await;                          log(&request);
//!                                         request
//!                                     };
//!                                     request.await;
//! ```
//!
//! A local that is not kept after its last use still has its bytes to itself: until its scope ends, nothing else is stored
//! there. Whether that matters, the layout tells.

mod written;

use super::local::{self, Declared};
use super::{ActionKind, Candidate, Context};
use crate::layout::whatif::{Change, Prediction};
use crate::layout::{Held, HeldKind, State, Why};
use crate::source::TextRange;
use ra_ap_syntax::ast::{self, AstNode};
use ra_ap_syntax::{SourceFile, SyntaxKind};
use std::sync::Arc;
use written::{Introduced, Scoped, scoped};
pub(super) use written::{is_number, is_place};

/// Why no block can be put around a local.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The variable is not declared by a `let` in a block, but by a parameter, a match arm or a macro.
    NotALet,
    /// Nothing follows the last use.
    UsedToTheEnd,
    /// The variable is never used: it is there for its destructor.
    NeverUsed,
    /// An item is declared between the `let` and the last use.
    Item,
    /// A variable that is used later may have no value at the end of the block.
    Deferred,
    /// A variable that is used later is bound by `ref`.
    ByReference,
    /// A variable that is used later has an attribute, such as `#[cfg]`.
    Conditional,
    /// The variable is used in another way where it is moved, or after that.
    UsedWhereMoved,
}

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    let mut add = |candidate: Option<Candidate>| {
        // Of two blocks that end one local, the other has to do more.
        let size = |candidate: &Candidate| candidate.predicted.map_or(0, |new| new.size);
        let is_new = |new: &Candidate| {
            found.iter().all(|known| {
                let is_same = known.anchors.first() == new.anchors.first();
                known.ways != new.ways && !(is_same && known.predicted.is_some() && size(known) <= size(new))
            })
        };
        let new = candidate.filter(is_new);
        found.extend(new);
    };
    let mut done: Vec<u32> = Vec::new();
    let locals = || {
        let held = context.suspended().flat_map(|(_, state)| &state.held);
        held.filter(|held| held.kind == HeldKind::Local)
    };
    for held in locals().filter(|held| is_idle(held)) {
        let Some(saved) = held.saved else { continue };
        if !done.contains(&saved) {
            done.push(saved);
            add(ended(context, held, None));
        }
    }
    let mut moved: Vec<TextRange> = Vec::new();
    for (_, state) in context.suspended() {
        let Some(at) = state.awaiting.as_ref().and_then(|at| context.range(at)) else { continue };
        let is_borrowed = |held: &&Held| matches!(held.why, Some(Why::Borrowed { .. }));
        for held in state.held.iter().filter(|held| held.kind == HeldKind::Local).filter(is_borrowed) {
            let passed = range_of(context, held).and_then(|declared| passed(context.tree, declared, at));
            let Some(passed) = passed.filter(|at| !moved.contains(at)) else { continue };
            moved.push(passed);
            add(ended(context, held, Some(passed)));
        }
    }
    for held in locals() {
        let Some(saved) = held.saved else { continue };
        if !done.contains(&saved) {
            done.push(saved);
            add(ended(context, held, None));
        }
    }
    found
}

/// Is it held although it is not used again?
fn is_idle(held: &Held) -> bool {
    matches!(held.why, Some(Why::Borrowed { .. } | Why::Dropped { overwritten: false, .. }))
}

fn is_used(why: Option<&Why>) -> bool {
    match why {
        Some(Why::UsedLater { .. }) => true,
        Some(Why::Temporary { then, .. }) => is_used(then.as_deref()),
        _ => false,
    }
}

fn is_dropped(why: Option<&Why>) -> bool {
    match why {
        Some(Why::Dropped { .. }) => true,
        Some(Why::Temporary { then, .. }) => is_dropped(then.as_deref()),
        _ => false,
    }
}

/// Where a local is handed over in the statement that waits at a place, if it is used there only once.
fn passed(tree: &SourceFile, declared: TextRange, waits: TextRange) -> Option<TextRange> {
    let Declared { binding, list, .. } = local::declared(tree, declared)?;
    let mut nodes =
        list.statements().map(|it| it.syntax().clone()).chain(list.tail_expr().map(|it| it.syntax().clone()));
    let statement = nodes.find(|node| node.text_range().contains_range(waits))?;
    let named = local::name(&binding);
    let mut uses = local::mentioning(&statement, &named);
    let token = uses.next().filter(|token| uses.next().is_none() && !local::is_in_macro(token))?;
    let value = token.parent_ancestors().find_map(ast::PathExpr::cast)?;
    let around = value.syntax().parent()?;
    let is_passed = matches!(
        around.kind(),
        SyntaxKind::AWAIT_EXPR
            | SyntaxKind::ARG_LIST
            | SyntaxKind::METHOD_CALL_EXPR
            | SyntaxKind::TUPLE_EXPR
            | SyntaxKind::RECORD_EXPR_FIELD
    );
    (is_passed && token.text_range().start() < waits.start()).then(|| token.text_range())
}

/// The local ends before an await behind its last use; or, where `moved` is where its value moves into what is awaited,
/// before that.
fn ended(context: &Context<'_>, local: &Held, moved: Option<TextRange>) -> Option<Candidate> {
    let declared = context.range(local.declared.as_ref()?)?;
    // Temporaries of a block's last expression are dropped after its variables, but not since 2024.
    let edition = context.language.edition.parse::<u32>().unwrap_or(2021);
    let scoped = scoped(context.tree, context.text(), declared, edition >= 2024, moved).ok()?;
    let later = later(context, &scoped);
    let is_local = |held: &Held| held.saved == local.saved;
    // Where it is kept although it is not used; not so where it is, after it has left.
    let idle =
        later.iter().filter(|(_, state, _)| state.held.iter().any(|held| is_local(held) && is_idle(held)));
    let idle: Vec<(u32, TextRange)> = idle.map(|(index, _, at)| (*index, *at)).collect();
    if moved.is_some() && idle.is_empty() {
        return None;
    }

    let mut exact = true;
    let beside = beside(context, &scoped);
    let mut removed: Vec<(&Held, Vec<u32>)> = Vec::new();
    for (index, state) in context.suspended() {
        let is_later = later.iter().any(|(later, ..)| *later == index);
        for held in &state.held {
            let is_moved = moved.is_some() && is_local(held);
            if held.saved.is_none() || !(is_moved || is_inside(context, &scoped, held)) {
                continue;
            }
            let ends = if is_moved { idle.iter().any(|(idle, _)| *idle == index) } else { is_later };
            if ends && is_used(held.why.as_ref()) {
                return None;
            }
            exact &= !ends || held.kind != HeldKind::Flag;
            // What leaves is one variable in the block and another one behind it.
            exact &= !is_moved || ends;
            let states = ends.then_some(index);
            match removed.iter_mut().find(|(known, _)| known.saved == held.saved) {
                Some((_, known)) => known.extend(states),
                None => removed.push((held, states.into_iter().collect())),
            }
        }
    }
    for (index, state) in context.suspended() {
        let is_later = later.iter().any(|(later, ..)| *later == index);
        // Where it waits nobody knows, or a variable that leaves is stored inside the block already.
        exact &= is_later
            || state.held.iter().all(|held| match state.awaiting.as_ref().and_then(|at| context.range(at)) {
                None => !is_inside(context, &scoped, held),
                Some(_) => leaving(&scoped).iter().all(|one| range_of(context, held) != Some(one.declared)),
            });
    }
    let changes: Vec<Change> = removed
        .iter()
        .filter_map(|(held, states)| {
            Some(Change::Remove { saved: held.saved?, states: states.clone(), beside: beside.clone() })
        })
        .collect();
    let predicted = context.predict(&changes);
    // Held nowhere behind the block, it can only have been in the way.
    if idle.is_empty() && predicted.is_none_or(|new| new.size >= context.shown.size) {
        return None;
    }

    let is_owned = leaving(&scoped).iter().all(|one| {
        one.is_alone
            || saved_at(context, one.declared)
                .and_then(|saved| context.future.body.as_ref()?.saved.get(saved as usize)?.ty.as_deref())
                .is_some_and(is_owned)
    });
    let mut anchors = vec![declared];
    for (_, at) in &idle {
        if !anchors.contains(at) {
            anchors.push(*at);
        }
    }
    let label = match moved {
        Some(_) => format!("End the borrowed `{}` before the await with a block", local.name),
        None => format!("End `{}` before the await with a block", local.name),
    };
    let mut candidate = context.candidate(ActionKind::ScopeBlock, label, anchors);
    if is_owned && !scoped.is_opaque {
        candidate.predicted = predicted.map(|new| Prediction { exact: new.exact && exact, ..new });
    }
    removed.retain(|(_, states)| !states.is_empty());
    candidate.drops_earlier = drops_earlier(context, &scoped, &removed);
    candidate.ways = scoped.ways;
    Some(candidate)
}

/// What is stored while the locals of the block are: the variable that leaves it, if several are not taken out of a
/// tuple behind it, and whatever is held across an await in it.
fn beside(context: &Context<'_>, scoped: &Scoped) -> Vec<u32> {
    let mut beside: Vec<u32> = match &leaving(scoped)[..] {
        [one] => saved_at(context, one.declared).into_iter().collect(),
        _ => Vec::new(),
    };
    for (_, state) in context.suspended() {
        let at = state.awaiting.as_ref().and_then(|at| context.range(at));
        if at.is_some_and(|at| scoped.range.contains_range(at)) {
            beside.extend(state.held.iter().filter_map(|held| held.saved));
        }
    }
    beside
}

/// The states that wait behind the block, but before the end of what is around it.
fn later<'a>(context: &Context<'a>, scoped: &Scoped) -> Vec<(u32, &'a State, TextRange)> {
    let behind = context.suspended().filter_map(|(index, state)| {
        let at = context.range(state.awaiting.as_ref()?)?;
        let is_behind = scoped.list.contains_range(at) && at.start() >= scoped.range.end();
        is_behind.then_some((index, state, at))
    });
    behind.collect()
}

fn leaving(scoped: &Scoped) -> Vec<&Introduced> {
    scoped.introduced.iter().filter(|one| one.leaves).collect()
}

fn range_of(context: &Context<'_>, held: &Held) -> Option<TextRange> {
    context.range(held.declared.as_ref()?)
}

/// The stored local declared at a place.
fn saved_at(context: &Context<'_>, declared: TextRange) -> Option<u32> {
    let mut held = context.suspended().flat_map(|(_, state)| &state.held);
    held.find(|held| held.kind == HeldKind::Local && range_of(context, held) == Some(declared))?.saved
}

/// Is a thing declared in the block, and does it stay there?
fn is_inside(context: &Context<'_>, scoped: &Scoped, held: &Held) -> bool {
    if let Some(Why::DropFlag { of: Some(of), .. }) = &held.why {
        return scoped.introduced.iter().any(|one| one.name == **of && !one.leaves);
    }
    range_of(context, held).is_some_and(|range| {
        let leaves = leaving(scoped).iter().any(|one| one.declared == range);
        held.kind != HeldKind::Upvar && scoped.range.contains_range(range) && !leaves
    })
}

/// Variables in the block whose destructors run at its end.
fn drops_earlier(context: &Context<'_>, scoped: &Scoped, removed: &[(&Held, Vec<u32>)]) -> Vec<Arc<str>> {
    let has_destructor = |one: &Introduced| {
        let mut held = removed.iter().filter(|(held, _)| {
            range_of(context, held).is_some_and(|range| {
                // A value without a name goes with the variable that keeps it.
                let is_kept = held.kind == HeldKind::Temporary && one.statement.contains_range(range);
                range == one.declared || is_kept
            })
        });
        held.any(|(held, states)| {
            let in_all = states.iter().filter_map(|state| context.future.states.get(*state as usize));
            let mut whys = in_all.flat_map(|state| &state.held).filter(|other| other.saved == held.saved);
            whys.any(|held| is_dropped(held.why.as_ref())) || held.ty.as_deref().is_some_and(is_guard)
        })
    };
    let staying = scoped.introduced.iter().filter(|one| !one.leaves);
    let mut names: Vec<Arc<str>> = Vec::new();
    for one in staying.filter(|one| one.name.starts_with('_') || has_destructor(one)) {
        let name: Arc<str> = format!("`{}`", one.name).into();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// `lock::MutexGuard<T>`
fn is_guard(ty: &str) -> bool {
    let path = ty.split('<').next().unwrap_or_default();
    path.rsplit("::").next().is_some_and(|last| last.trim().ends_with("Guard"))
}

/// Can a value of this type not borrow from a variable? The type is verbose: it shows all lifetimes.
fn is_owned(ty: &str) -> bool {
    !["&", "'", "*const", "*mut", "dyn ", "impl ", "opaque", "Alias", "{"]
        .iter()
        .any(|sign| ty.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::super::examples::{examples, in_fn};
    use super::super::texts;
    use super::written::is_unknown_macro;
    use super::*;
    use crate::source::TextSize;
    use crate::source::{edited, with_tree};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    /// All texts that ending the first variable of this name makes.
    fn ways(text: &str, name: &str) -> Result<Vec<String>, Refusal> {
        let look = |tree: &SourceFile| {
            let mut bindings = tree.syntax().descendants().filter_map(ast::IdentPat::cast);
            let found = bindings.find(|it| local::name(it) == name).ok_or(Refusal::NotALet)?;
            let scoped = scoped(tree, text, found.syntax().text_range(), false, None)?;
            Ok(scoped.ways.iter().map(|edits| edited(text, edits).unwrap()).collect())
        };
        with_tree(text, look).unwrap()
    }

    fn check(body: &str, after: Expect) {
        let all = ways(&format!("async fn f() {{{body}}}\n"), "buf").unwrap();
        after.assert_eq(&all.join("--\n"));
    }

    #[test]
    fn the_examples() {
        let [read, moved] = &examples(include_str!("scope_block.rs"))[..] else { panic!("there are two") };
        assert_eq!(ways(&in_fn(&read.before), "buf").unwrap()[0], in_fn(&read.after));
        assert_eq!(moved_in(&in_fn(&moved.before), "request", "await"), Ok(in_fn(&moved.after)));
    }

    #[test]
    fn the_last_value_is_the_blocks() {
        check(
            "
    // Room for one.
    let mut buf = [0; 1024];

    let n = fill(&mut buf); // all of it
    send(n).await;
",
            expect![[r#"
                async fn f() {
                    // Room for one.
                    let n = {
                        let mut buf = [0; 1024];

                        fill(&mut buf) // all of it
                    };
                    send(n).await;
                }
                --
                async fn f() {
                    // Room for one.
                    let n = {
                        let mut buf = [0; 1024];

                        let n = fill(&mut buf); // all of it
                        n
                    };
                    send(n).await;
                }
            "#]],
        );
    }

    /// The first way if `buf` leaves where it is used before `waits`.
    fn moved(body: &str, waits: &str) -> Result<String, Refusal> {
        moved_in(&format!("async fn f() {{{body}}}\n"), "buf", waits)
    }

    /// The first way if the first variable of this name leaves where it is used before `waits`.
    fn moved_in(text: &str, name: &str, waits: &str) -> Result<String, Refusal> {
        let waits = TextRange::at(TextSize::of(&text[..text.find(waits).unwrap()]), TextSize::of(waits));
        let look = |tree: &SourceFile| {
            let mut bindings = tree.syntax().descendants().filter_map(ast::IdentPat::cast);
            let declared = bindings.find(|it| local::name(it) == name).unwrap().syntax().text_range();
            let passed = passed(tree, declared, waits).ok_or(Refusal::UsedWhereMoved)?;
            let scoped = scoped(tree, text, declared, false, Some(passed))?;
            Ok(edited(text, &scoped.ways[0]).unwrap())
        };
        with_tree(text, look).unwrap()
    }

    #[test]
    fn what_is_moved_leaves_itself() {
        let body = "
    let buf = build();
    log(&buf); // as it is
    buf.await;
";
        let after = expect![[r#"
            async fn f() {
                let buf = {
                    let buf = build();
                    log(&buf); // as it is
                    buf
                };
                buf.await;
            }
        "#]];
        after.assert_eq(&moved(body, "await").unwrap());
        let body = "
    let mut buf = build();
    let n = log(&mut buf);
    more(n);
    let buf = send(n, buf).await?;
    buf.len()
";
        let after = expect![[r#"
            async fn f() {
                let (buf, n) = {
                    let mut buf = build();
                    let n = log(&mut buf);
                    (buf, n)
                };
                more(n);
                let buf = send(n, buf).await?;
                buf.len()
            }
        "#]];
        after.assert_eq(&moved(body, "await").unwrap());
    }

    #[test]
    fn what_is_used_otherwise_where_it_is_moved_is_refused() {
        for body in [
            "let buf = a(); b(&buf); buf.await; c(&buf);",
            "let buf = a(); b(&buf); c(&buf, buf).await;",
            "let buf = a(); b(&buf); c(&buf).await;",
            "let buf = a(); b(&buf); m!(buf.await);",
            "let buf = a(); b(&buf); c().await; buf",
            "let buf = a(); b(&buf); buf.await; buf",
            "let buf = a(); let buf = b(&buf); buf.await;",
        ] {
            assert_eq!(moved(body, "await").unwrap_err(), Refusal::UsedWhereMoved, "{body}");
        }
        assert_eq!(moved("let buf = a(); buf.await;", "await").unwrap_err(), Refusal::NeverUsed);
    }

    #[test]
    fn nothing_needs_to_leave() {
        check(
            "
    let buf = page();
    for byte in &buf {
        look(byte);
    }
    tick().await;
",
            expect![[r#"
                async fn f() {
                    {
                        let buf = page();
                        for byte in &buf {
                            look(byte);
                        }
                    }
                    tick().await;
                }
                --
                async fn f() {
                    {
                        let buf = page();
                        for byte in &buf {
                            look(byte);
                        };
                    }
                    tick().await;
                }
            "#]],
        );
    }

    #[test]
    fn what_borrows_from_it_goes_along() {
        check(
            "
    let mut buf = page();
    let part = &mut buf[..3];
    let first = part.iter();
    tick().now();
    let n = first.count();
    let m = other(n);
    tick().await;
    show(m);
",
            expect![[r#"
                async fn f() {
                    let n = {
                        let mut buf = page();
                        let part = &mut buf[..3];
                        let first = part.iter();
                        tick().now();
                        first.count()
                    };
                    let m = other(n);
                    tick().await;
                    show(m);
                }
                --
                async fn f() {
                    let n = {
                        let mut buf = page();
                        let part = &mut buf[..3];
                        let first = part.iter();
                        tick().now();
                        let n = first.count();
                        n
                    };
                    let m = other(n);
                    tick().await;
                    show(m);
                }
            "#]],
        );
    }

    #[test]
    fn several_leave_as_a_tuple() {
        check(
            "
    let mut buf = vec![];
    let (a, b) = read(&mut buf);
    let c: u8 = buf[0];
    show(a).await;
    show(c).await;
",
            expect![[r#"
                async fn f() {
                    let (a, c) = {
                        let mut buf = vec![];
                        let (a, b) = read(&mut buf);
                        let c: u8 = buf[0];
                        (a, c)
                    };
                    show(a).await;
                    show(c).await;
                }
            "#]],
        );
    }

    #[test]
    fn mut_goes_where_it_is_needed() {
        check(
            "
    let buf = page();
    let mut inside = buf.len();
    inside += 1;
    let mut behind = Vec::new();
    let mut both = String::new();
    both.push('a');
    let mut unknown = other(&buf);
    unknown.mix();
    look(&buf);
    tick().await;
    behind.push(inside);
    both.push('b');
    unknown.mix();
",
            expect![[r#"
                async fn f() {
                    let (inside, mut behind, mut both, mut unknown) = {
                        let buf = page();
                        let mut inside = buf.len();
                        inside += 1;
                        let behind = Vec::new();
                        let mut both = String::new();
                        both.push('a');
                        let unknown = other(&buf);
                        unknown.mix();
                        look(&buf);
                        (inside, behind, both, unknown)
                    };
                    tick().await;
                    behind.push(inside);
                    both.push('b');
                    unknown.mix();
                }
                --
                async fn f() {
                    let (inside, mut behind, mut both, unknown) = {
                        let buf = page();
                        let mut inside = buf.len();
                        inside += 1;
                        let behind = Vec::new();
                        let mut both = String::new();
                        both.push('a');
                        let mut unknown = other(&buf);
                        unknown.mix();
                        look(&buf);
                        (inside, behind, both, unknown)
                    };
                    tick().await;
                    behind.push(inside);
                    both.push('b');
                    unknown.mix();
                }
                --
                async fn f() {
                    let (inside, mut behind, mut both, mut unknown) = {
                        let buf = page();
                        let mut inside = buf.len();
                        inside += 1;
                        let behind = Vec::new();
                        let mut both = String::new();
                        both.push('a');
                        let mut unknown = other(&buf);
                        unknown.mix();
                        look(&buf);
                        (inside, behind, both, unknown)
                    };
                    tick().await;
                    behind.push(inside);
                    both.push('b');
                    unknown.mix();
                }
            "#]],
        );
    }

    #[test]
    fn strings_and_comments_stay_as_they_are() {
        check(
            "
\tlet buf = page();
\t/* two
\tlines */
\tshow(\"one
\ttwo {buf}\");
\tprintln!(
\t\t\"{}\",
\t\tbuf,
\t);
\t// behind
\ttick().await;
",
            expect![[r#"
                async fn f() {
                	{
                		let buf = page();
                		/* two
                	lines */
                		show("one
                	two {buf}");
                		println!(
                			"{}",
                			buf,
                		);
                	}
                	// behind
                	tick().await;
                }
            "#]],
        );
    }

    #[test]
    fn lines_keep_their_ends() {
        let all =
            ways("async fn f() {\r\n  let buf = a();\r\n  b(&buf);\r\n  c().await;\r\n}\r\n", "buf").unwrap();
        assert_eq!(
            all,
            [
                "async fn f() {\r\n  {\r\n      let buf = a();\r\n      b(&buf);\r\n  }\r\n  c().await;\r\n}\r\n"
            ]
        );
    }

    #[test]
    fn formatted_names_are_uses() {
        check(
            "let buf = a(); println!(\"{buf:?}\"); log!(x = buf); c().await;",
            expect![[r#"
                async fn f() {{
                    let buf = a(); println!("{buf:?}"); log!(x = buf);
                } c().await;}
            "#]],
        );
    }

    #[test]
    fn another_variable_of_that_name_is_not_meant() {
        check(
            "
    let buf = a();
    let buf = b(&buf);
    c(buf).await;
",
            expect![[r#"
                async fn f() {
                    let buf = {
                        let buf = a();
                        b(&buf)
                    };
                    c(buf).await;
                }
                --
                async fn f() {
                    let buf = {
                        let buf = a();
                        let buf = b(&buf);
                        buf
                    };
                    c(buf).await;
                }
            "#]],
        );
        check(
            "
    let buf = a();
    let n = b(&buf);
    let n = { n + 1 };
    let buf = 1;
    c(buf, n).await;
",
            expect![[r#"
                async fn f() {
                    let n = {
                        let buf = a();
                        let n = b(&buf);
                        let n = { n + 1 };
                        n
                    };
                    let buf = 1;
                    c(buf, n).await;
                }
            "#]],
        );
    }

    #[test]
    fn temporaries_are_dropped_before_their_variables() {
        check(
            "
    let buf = a();
    let n = buf.lock().len();
    c(n).await;
",
            expect![[r#"
                async fn f() {
                    let n = {
                        let buf = a();
                        let n = buf.lock().len();
                        n
                    };
                    c(n).await;
                }
            "#]],
        );
        check(
            "
    let mut buf = a();
    let n =
        fill(
            &mut buf,
        );
    c(n).await;
",
            expect![[r#"
                async fn f() {
                    let n = {
                        let mut buf = a();
                        let n =
                            fill(
                                &mut buf,
                            );
                        n
                    };
                    c(n).await;
                }
            "#]],
        );
    }

    #[test]
    fn what_is_no_local_of_a_block_is_refused() {
        let refused = |text: &str| ways(text, "x").unwrap_err();
        assert_eq!(refused("async fn f(x: u8) { g(&x); a().await; b(); }"), Refusal::NotALet);
        assert_eq!(refused("async fn f() { if let Some(x) = y { g(&x); a().await; } }"), Refusal::NotALet);
        assert_eq!(refused("async fn f() { match y { x => { g(&x); a().await } } }"), Refusal::NotALet);
        assert_eq!(refused("async fn f() { let c = |x: u8| g(&x); a().await; b(); }"), Refusal::NotALet);
        assert_eq!(refused("async fn f() { m! { let x = 1; } a().await; b(); }"), Refusal::NotALet);
    }

    fn refused(body: &str) -> Refusal {
        ways(&format!("async fn f() {{ {body} }}"), "x").unwrap_err()
    }

    #[test]
    fn what_is_used_to_the_end_is_refused() {
        assert_eq!(refused("let x = a(); b(&x).await; c(&x);"), Refusal::UsedToTheEnd);
        assert_eq!(refused("let x = a(); b(&x); c().await; x"), Refusal::UsedToTheEnd);
        assert_eq!(refused("let x = a(); b(&x); c().await; m!(x)"), Refusal::UsedToTheEnd);
    }

    #[test]
    fn what_is_there_for_its_destructor_is_refused() {
        assert_eq!(refused("let x = lock(); c().await;"), Refusal::NeverUsed);
        assert_eq!(refused("let x = lock(); c().await; let x = 1; d(x);"), Refusal::NeverUsed);
    }

    #[test]
    fn items_are_refused() {
        for item in ["fn g() {}", "use a::b;", "struct S;", "const C: u8 = 1;", "macro_rules! m { () => {} }"]
        {
            assert_eq!(refused(&format!("let x = a(); {item} b(&x); c().await;")), Refusal::Item, "{item}");
        }
    }

    #[test]
    fn what_may_have_no_value_is_refused() {
        assert_eq!(refused("let x = a(); let y; if b(&x) { y = 1 } c().await; d(y);"), Refusal::Deferred);
    }

    #[test]
    fn references_by_pattern_are_refused() {
        assert_eq!(refused("let x = a(); let S { ref y } = x.b; c().await; d(y);"), Refusal::ByReference);
    }

    #[test]
    fn what_is_not_always_there_is_refused() {
        let body = "let x = a(); #[cfg(unix)] let y = b(&x); c().await; #[cfg(unix)] d(y);";
        assert_eq!(refused(body), Refusal::Conditional);
    }

    #[test]
    fn what_may_borrow_is_told_apart() {
        let alone = |body: &str| {
            let text = format!("async fn f() {{ {body} }}");
            let look = |tree: &SourceFile| {
                let mut bindings = tree.syntax().descendants().filter_map(ast::IdentPat::cast);
                let found = bindings.find(|it| local::name(it) == "x").unwrap();
                let scoped = scoped(tree, &text, found.syntax().text_range(), false, None).unwrap();
                leaving(&scoped).iter().all(|one| one.is_alone)
            };
            with_tree(&text, look).unwrap()
        };
        assert!(alone("let x = a(); let y = b(); c(&x); d().await; e(y);"));
        assert!(alone("let x = a(); let y = x.len() + 1; d().await; e(y);"));
        assert!(alone("let x = a(); let y: usize = b(&x); d().await; e(y);"));
        assert!(!alone("let x = a(); let y = b(&x); d().await; e(y);"));
        assert!(!alone("let x = a(); let mut y = Vec::new(); y.push(&x); d().await; e(y);"));
        assert!(!alone("let (x, y) = a(); c(&x); d().await; e(y);"));
        assert!(!alone("let x = a(); let y = &b(); c(&x); d().await; e(y);"));
        assert!(!alone("let x = a(); let y = pin!(b()); c(&x); d().await; e(y);"));
        assert!(is_owned("std::vec::Vec<u8>") && is_owned("[u32; 3]"));
        assert!(!is_owned("&'{erased} u8") && !is_owned("m::Ref<'{erased}, u8>"));
        assert!(
            is_guard("std::sync::MutexGuard<u8>") && !is_guard("m::Guards") && !is_guard("Vec<m::Guard>")
        );
    }

    #[test]
    fn macros_that_may_declare_something_are_known() {
        let is_opaque = |statement: &str| {
            let text = format!("fn f() {{ {statement} }}");
            let look = |tree: &SourceFile| {
                let list = tree.syntax().descendants().find_map(ast::StmtList::cast).unwrap();
                list.statements().any(|it| is_unknown_macro(it.syntax()))
            };
            with_tree(&text, look).unwrap()
        };
        assert!(is_opaque("tokio::pin!(x);") && is_opaque("m! { x } f();"));
        assert!(!is_opaque("println!(\"{x}\");") && !is_opaque("tracing::info!(x);") && !is_opaque("x;"));
    }

    /// Statements that make sense, or do not.
    fn statements() -> impl Strategy<Value = String> {
        const PIECES: [&str; 25] = [
            "let x = a();",
            "let mut x: [u8; 3] = [0; 3];",
            "let (x, mut y) = b(&x);",
            "let y = x.len();",
            "let mut y = c(&mut x)",
            "let z;",
            "g(x, y);",
            "h(&mut y);",
            "y += 1;",
            "t().await;",
            "x.await",
            "println!(\"{x} {y}\");",
            "if x { y } else { z }",
            "for x in y { z }",
            "{ let x = 1; }",
            "x",
            "fn y() {}",
            "// x",
            "/* x\n */",
            "\"x\n\"",
            "let Some(x) = y else { return };",
            "#[cfg(x)]",
            "m! { x }",
            ";",
            "é",
        ];
        texts::pieces(&PIECES)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
        #[test]
        fn what_parsed_still_does(body in statements(), early: bool) {
            let text = format!("async fn f() {{{body}}}\n");
            let errors = |text: &str| {
                ra_ap_syntax::SourceFile::parse(text, ra_ap_syntax::Edition::Edition2021).errors().len()
            };
            let had = errors(&text);
            let look = |tree: &SourceFile| {
                for found in tree.syntax().descendants().filter_map(ast::IdentPat::cast) {
                    let declared = found.syntax().text_range();
                    let awaits = tree.syntax().descendants().filter_map(ast::AwaitExpr::cast);
                    let passed = awaits.filter_map(|it| passed(tree, declared, it.await_token()?.text_range()));
                    let moved = passed.map(Some).chain([None]);
                    let scoped = moved.filter_map(|moved| scoped(tree, &text, declared, early, moved).ok());
                    for way in scoped.flat_map(|scoped| scoped.ways) {
                        let new = edited(&text, &way).expect("edits fit");
                        assert!(had > 0 || errors(&new) == 0, "{text}\nbecame\n{new}");
                    }
                }
            };
            prop_assert!(with_tree(&text, look).is_some());
        }

        #[test]
        fn never_panics(text in "(let|mut|x|=|;|\\{|\\}|\\(|\\)| |\n|&|\"|!|#|fn|async|await|é|//|\\[|\\]|,|:){0,40}", start in 0u32..40, len in 0u32..9) {
            let look = |tree: &SourceFile| {
                let _ = scoped(tree, &text, TextRange::at(start.into(), len.into()), true, None);
                for found in tree.syntax().descendants().filter_map(ast::IdentPat::cast) {
                    if let Ok(scoped) = scoped(tree, &text, found.syntax().text_range(), false, None) {
                        assert!(scoped.ways.iter().all(|way| edited(&text, way).is_some()));
                    }
                }
            };
            prop_assert!(with_tree(&text, look).is_some());
        }
    }
}

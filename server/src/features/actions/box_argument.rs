//! Passes a future itself, in place of an `async` block that only awaits it. The block's own future stores what it captured,
//! and beside it the future of the call.
//!
//! ```text
//! tokio::spawn(async move {             tokio::spawn(big_loop(id))
//!     big_loop(id).await
//! })
//! ```
//!
//! The call then happens where the block was, not when its future is first polled. For an `async fn` whose arguments are only
//! moved, that makes no difference; else the title of the edit says so. It also says what is dropped in another order if the
//! future is never polled.
//!
//! A block that owns a variable and lends it to the call is left alone: without the block, the variable would live on in the
//! fn around it. For a block that stays, its large captures can be moved to the heap.

use super::made::{self, Arguments, Made};
use super::{ActionKind, Candidate, Context, box_capture, local};
use crate::dump::drops::numbered;
use crate::layout::FutureKind;
use crate::source::{Edit, SiteKind, TextRange, TextSize};
use ra_ap_syntax::ast::{self, AstNode, HasAttrs};
use ra_ap_syntax::{NodeOrToken, SourceFile, SyntaxKind, SyntaxNode};

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    // A macro may have made something else of what stands there.
    let is_block = context.site().kind == SiteKind::AsyncBlock
        && context.shown.id == context.future.id
        && context.future.body.as_ref().is_some_and(|body| {
            FutureKind::from(body.compiled) == FutureKind::AsyncBlock && body.compiled_name.is_none()
        });
    if !is_block {
        return Vec::new();
    }
    let given = given_away(context);
    // Without the block, nothing is captured.
    let is_done = given.as_ref().is_some_and(Candidate::keeps_behaviour);
    let captures = if is_done { Vec::new() } else { box_capture::candidates(context) };
    given.into_iter().chain(captures).collect()
}

fn given_away(context: &Context<'_>) -> Option<Candidate> {
    let body = context.future.body.as_ref()?;
    let (awaitee, inner) = made::only_awaited(context)?;
    let given = bare(context.tree, context.site().range, Arguments::captured(body)).ok()?;
    let waits_there = context.range(awaitee.declared.as_ref()?)?;
    if !given.awaited.contains_range(waits_there) {
        return None;
    }
    let ty = body.saved.get(awaitee.saved? as usize)?.ty.as_ref();
    let gives_nothing = ty.is_some_and(|ty| ty.ends_with(" return_ty=()}"));
    if given.is_statement && !gives_nothing {
        return None;
    }
    // What stands behind it in the fn is numbered anew without it.
    let is_numbered_anew =
        inner.body.as_ref().is_some_and(|inner| is_behind(&inner.def_path, &body.def_path));
    if is_numbered_anew || made::lends(&given.made, body, inner) {
        return None;
    }
    let label = match given.made {
        Made::Argument => format!("Hand over `{}` itself", given.callee),
        _ => format!("Hand over the future of `{}` itself", given.callee),
    };
    let mut candidate = context.candidate(ActionKind::BoxArgument, label, vec![given.awaited]);
    made::replace(&mut candidate, context, body, inner, &given.made, false);
    candidate.ways = vec![given.edits];
    Some(candidate)
}

/// Is a body within a closure or block that stands behind this one in the same fn? `f::{closure#2}::…` behind
/// `f::{closure#1}`.
fn is_behind(other: &str, own: &str) -> bool {
    let Some((parent, number)) = numbered(own) else { return false };
    let rest = other.strip_prefix(parent).and_then(|rest| rest.strip_prefix("{closure#"));
    let others = rest.and_then(|rest| rest.split('}').next()?.parse::<u32>().ok());
    others.is_some_and(|other| other > number)
}

/// Why a block stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The block is made by a macro, or stands among a macro's tokens.
    NotABlock,
    /// The block is not an argument of a call.
    NotGivenAway,
    /// The block does something besides one await, in its last expression.
    NotBare,
    /// The block returns or awaits in another place, too.
    Returns,
    /// What is awaited is not a call, or borrows what the block owns.
    Operand,
    /// Closures, blocks or macros are among the arguments: their bodies would belong to another fn.
    Closures,
    /// Comments would be lost.
    Comments,
}

/// A block that can go.
#[derive(Debug)]
struct Bare {
    edits: Vec<Edit>,
    /// What makes the future, in a word.
    callee: String,
    /// `f(x).await`
    awaited: TextRange,
    made: Made,
    /// `f(x).await;`: what it gives is dropped there.
    is_statement: bool,
}

/// The block at a range without what is around the call that it awaits.
fn bare(tree: &SourceFile, at: TextRange, captures: Arguments) -> Result<Bare, Refusal> {
    let block = local::async_block(tree, at).ok_or(Refusal::NotABlock)?;
    if !is_argument(block.syntax()) {
        return Err(Refusal::NotGivenAway);
    }
    let list = block.stmt_list().ok_or(Refusal::NotABlock)?;
    if block.attrs().next().is_some() || list.attrs().next().is_some() {
        return Err(Refusal::NotBare);
    }
    let (last, is_statement) = match (list.statements().next(), list.tail_expr()) {
        (None, Some(tail)) => (tail, false),
        (Some(ast::Stmt::ExprStmt(only)), None) if list.statements().nth(1).is_none() => {
            (only.expr().ok_or(Refusal::NotBare)?, true)
        }
        _ => return Err(Refusal::NotBare),
    };
    let ast::Expr::AwaitExpr(last) = last else { return Err(Refusal::NotBare) };
    let operand = last.expr().ok_or(Refusal::NotBare)?;
    let is_call =
        matches!(operand, ast::Expr::CallExpr(_) | ast::Expr::MethodCallExpr(_) | ast::Expr::PathExpr(_));
    let is_attributed =
        last.attrs().next().is_some() || operand.syntax().children().any(|it| ast::Attr::can_cast(it.kind()));
    if !is_call || is_attributed {
        return Err(Refusal::Operand);
    }
    if made::leaves(operand.syntax(), last.syntax()) {
        return Err(Refusal::Returns);
    }
    let has_bodies = operand.syntax().descendants().any(|node| {
        let is_block = || ast::BlockExpr::cast(node.clone()).is_some_and(|it| it.async_token().is_some());
        matches!(node.kind(), SyntaxKind::CLOSURE_EXPR | SyntaxKind::MACRO_CALL) || is_block()
    });
    if has_bodies {
        return Err(Refusal::Closures);
    }
    let kept = operand.syntax().text_range();
    let goes = [TextRange::new(at.start(), kept.start()), TextRange::new(kept.end(), at.end())];
    let tokens = block.syntax().descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let mut comments = tokens.filter(|token| token.kind() == SyntaxKind::COMMENT);
    if comments.any(|it| goes.iter().any(|goes| goes.contains_range(it.text_range()))) {
        return Err(Refusal::Comments);
    }
    let (made, callee) = captures.made(&operand).ok_or(Refusal::Operand)?;
    if made == Made::Otherwise && matches!(operand, ast::Expr::PathExpr(_)) {
        return Err(Refusal::Operand);
    }
    let mut edits = goes.map(Edit::delete).to_vec();
    edits.extend(outdented(tree, at, operand.syntax()));
    Ok(Bare { edits, callee, awaited: last.syntax().text_range(), made, is_statement })
}

/// Is it handed over: an argument of a call?
fn is_argument(block: &SyntaxNode) -> bool {
    let around = block.ancestors().skip(1).find(|node| node.kind() != SyntaxKind::PAREN_EXPR);
    let call = around.filter(|list| list.kind() == SyntaxKind::ARG_LIST).and_then(|list| list.parent());
    call.is_some_and(|call| matches!(call.kind(), SyntaxKind::CALL_EXPR | SyntaxKind::METHOD_CALL_EXPR))
}

/// Lines that began within the block begin where it stood.
fn outdented(tree: &SourceFile, block: TextRange, kept: &SyntaxNode) -> Vec<Edit> {
    let text = tree.syntax().text().to_string();
    let inner = local::indentation(&text, kept.text_range().start());
    let outer = local::indentation(&text, block.start());
    if inner.len() == outer.len() || !inner.starts_with(outer) {
        return Vec::new();
    }
    let further = TextRange::new(TextSize::of(outer), TextSize::of(inner));
    let lines = local::lines(kept).into_iter();
    let deeper =
        lines.filter(|line| text.get(usize::from(*line)..).is_some_and(|rest| rest.starts_with(inner)));
    deeper.map(|line| Edit::delete(further + line)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples, in_fn};
    use super::super::texts;
    use super::*;
    use crate::source::{Outline, edited, with_tree};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    /// The first block of a text that captures these variables; those whose type begins with `&` only by reference.
    fn of(text: &str, captures: &[(&str, &str)]) -> Result<Bare, Refusal> {
        let outline = Outline::new(text.into());
        let site = outline.sites().iter().find(|site| site.kind == SiteKind::AsyncBlock).unwrap();
        let captures: Vec<(&str, bool)> =
            captures.iter().map(|(name, ty)| (*name, !ty.starts_with('&'))).collect();
        with_tree(text, |tree| bare(tree, site.range, Arguments::of_captures(&captures))).unwrap()
    }

    fn check(text: &str, captures: &[(&str, &str)], expected: Expect) {
        expected.assert_eq(&edited(text, &of(text, captures).unwrap().edits).unwrap());
    }

    #[test]
    fn the_example() {
        for Example { before, after } in examples(include_str!("box_argument.rs")) {
            let text = in_fn(&before);
            assert_eq!(edited(&text, &of(&text, &[("id", "u32")]).unwrap().edits).unwrap(), in_fn(&after));
        }
    }

    #[test]
    fn what_is_written_in_the_call_stays() {
        check(
            "fn f() {\r\n\tset.spawn((async {\r\n\t\tself.inner\r\n\t\t\t.go(/* one */ n)\r\n\t\t\t.await;\r\n\t}), 1);\r\n}",
            &[("self", "&S"), ("n", "&u8")],
            expect!["fn f() {\r\n\tset.spawn((self.inner\r\n\t\t.go(/* one */ n)), 1);\r\n}"],
        );
        let text = "fn f() { timeout(d, async move { a.await }) }";
        check(text, &[("a", "A")], expect!["fn f() { timeout(d, a) }"]);
        assert!(!of(text, &[("a", "A")]).unwrap().is_statement);
        assert!(of("fn f() { spawn(async { g().await; }) }", &[]).unwrap().is_statement);
    }

    #[test]
    fn refusals() {
        let captures = [("a", "A"), ("r", "&R")];
        for (text, why) in [
            ("m!(async { g().await })", Refusal::NotABlock),
            ("let b = async { g().await };", Refusal::NotGivenAway),
            ("async { g().await }.await", Refusal::NotGivenAway),
            ("S { a: async { g().await } }", Refusal::NotGivenAway),
            ("h(&async { g().await })", Refusal::NotGivenAway),
            ("h(async { g() })", Refusal::NotBare),
            ("h(async {})", Refusal::NotBare),
            ("h(async { g().await? })", Refusal::NotBare),
            ("h(async { i(); g().await })", Refusal::NotBare),
            ("h(async { g().await; i() })", Refusal::NotBare),
            ("h(async { let b = g().await; })", Refusal::NotBare),
            ("h(#[b] async { g().await })", Refusal::NotABlock),
            ("h(async { #[b] g().await })", Refusal::Operand),
            ("h(async { async { 1 }.await })", Refusal::Operand),
            ("h(async { m!().await })", Refusal::Operand),
            ("h(async { b.await })", Refusal::Operand),
            ("h(async move { g(&a).await })", Refusal::Operand),
            ("h(async move { g(&mut a.b).await })", Refusal::Operand),
            ("h(async move { g(&*a).await })", Refusal::Operand),
            ("h(async { g(b?).await })", Refusal::Returns),
            ("h(async { g(i().await).await })", Refusal::Returns),
            ("h(async { g(if b { return; }).await })", Refusal::Returns),
            ("h(async { g(|b| b).await })", Refusal::Closures),
            ("h(async { g(async { 1 }).await })", Refusal::Closures),
            ("h(async { g(vec![a]).await })", Refusal::Closures),
            ("h(async { /* b */ g().await })", Refusal::Comments),
            ("h(async { g().await // b\n })", Refusal::Comments),
        ] {
            assert_eq!(of(&format!("fn f() {{ {text} }}"), &captures).unwrap_err(), why, "{text}");
        }
        assert!(of("fn f() { h(async move { g(&r, &r.b, a).await }) }", &captures).is_ok());
    }

    #[test]
    fn what_is_behind_it_is_numbered_anew() {
        assert!(is_behind("a::f::{closure#2}", "a::f::{closure#1}"));
        assert!(is_behind("a::f::{closure#10}::{closure#0}", "a::f::{closure#9}"));
        assert!(!is_behind("a::f::{closure#0}", "a::f::{closure#1}"));
        assert!(!is_behind("a::g::{closure#2}", "a::f::{closure#1}"));
        assert!(!is_behind("a::f::{closure#2}", "a::f"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn any_text(pieces in texts::pieces(&[
            "h(", "set.h(1, ", "async move {", "async {", "}", ")", "g(a, &r)", "a.b.go(r.x)", ".await", ";", "// c\n", "/* d */",
            "?", "(", "é", "r", "|b| b", "m!(", "return",
        ]), inner in texts::pieces(&["g(a", "(", ")", ", r", ".b", ".go()", "&", "1", "\n        .x()", "/* é */"])) {
            for text in [format!("fn f() {{ {pieces} }}"), format!("fn f() {{\n    h(async move {{\n        {inner}.await\n    }})\n}}")] {
                texts::check_ways(&text, |tree, site| {
                    let captures = Arguments::of_captures(&[("a", true), ("r", false)]);
                    bare(tree, site.range, captures).map(|bare| vec![bare.edits]).unwrap_or_default()
                })?;
            }
        }
    }
}

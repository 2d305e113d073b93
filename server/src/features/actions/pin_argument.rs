//! Pins a future that is passed to an `async fn`, which would store it more than once; a pinned reference takes its place.
//!
//! ```text
//! logged(3, large(x)).await?;         {
//!                                         let large = std::pin::pin!(large(x));
//!                                         logged(3, large).await?;
//!                                     }
//!
//! let n = logged(large(x)).await?;    let n = {
//!                                         let large = std::pin::pin!(large(x));
//!                                         logged(large).await
//!                                     }?;
//! ```
//!
//! An `async fn` that takes a future stores it among its arguments, and once more where it awaits it. A pinned reference is
//! only a pointer there. No heap is needed; the future itself is dropped where the block ends. The only thing that moves is the
//! call that makes the future: it is evaluated before the other arguments, so these may only be read.

use super::{ActionKind, Candidate, Context, box_awaitee, local};
use crate::features::language::{Heap, Language};
use crate::layout::whatif::{self, Change, Prediction};
use crate::layout::{Future, Held};
use crate::source::{Edit, TextRange, TextSize};
use ra_ap_syntax::ast::{self, AstNode, HasArgList, HasAttrs};
use ra_ap_syntax::{NodeOrToken, SourceFile, SyntaxKind, SyntaxNode};

/// Why a future cannot be pinned by an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A macro makes the await, or it is among a macro's arguments.
    NoAwait,
    /// What is awaited has no argument that is a large future.
    NoArgument,
    /// The future is made in a branch, a closure or a macro, or is passed by reference already.
    Nested,
    /// Something that is evaluated before the future does more than read a place, or reads what making the future may change.
    Order,
    /// In this position a block would be parsed as a statement of its own.
    Position,
    /// Every name for the new variable is taken.
    Name,
}

/// Bytes: pinning smaller ones is not worth a line.
const LEAST: u64 = 64;
/// Of what is stored in a future, not more futures than these are looked at.
const MOST_INSIDE: usize = 128;
/// The macro is in the standard library since then.
const PIN_SINCE: u32 = 68;

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    let Some(pin) = pin_macro(context.language, context.text()) else { return Vec::new() };
    let mut found = Vec::new();
    for one in box_awaitee::awaits(context) {
        let Some(awaited) = one.held.future.as_deref().and_then(|id| context.future_with_id(id)) else {
            continue;
        };
        let mut stored = Vec::new();
        stored_more_than_once(context, awaited, &mut Vec::new(), &mut stored);
        // The innermost that can be pinned: all others are then small, or hardly more than once there.
        let mut written = stored.iter().rev().filter_map(|stored| {
            let wanted = wanted(context, stored);
            let edits = pins(context.tree, context.text(), one.whole, &[wanted], &pin).ok()?;
            Some((stored, edits))
        });
        let Some((stored, Pins { edits, names, count })) = written.next() else { continue };
        let predicted = predicted(context, one.held, awaited, stored, count);
        if predicted.is_some_and(|new| new.size >= context.shown.size) {
            continue;
        }
        let label = format!("Pin `{}` here and hand over a reference", names.join("`, `"));
        let mut candidate = context.candidate(ActionKind::PinArgument, label, vec![one.whole]);
        candidate.predicted = predicted;
        candidate.ways = vec![edits];
        found.push(candidate);
    }
    found
}

/// How `pin!` is written; none where there is none.
fn pin_macro(language: &Language, text: &str) -> Option<String> {
    if language.oldest_compiler.is_some_and(|oldest| oldest < PIN_SINCE) {
        return None;
    }
    let words: String = text.split_whitespace().collect();
    let is_imported = ["std", "core"].iter().any(|krate| words.contains(&format!("use{krate}::pin::pin;")));
    Some(match (is_imported, language.heap) {
        (true, _) => "pin!".to_owned(),
        (false, Heap::Std) => "std::pin::pin!".to_owned(),
        (false, Heap::Alloc | Heap::None) => "core::pin::pin!".to_owned(),
    })
}

/// The captures of a future that it stores again, and theirs. Outermost first.
fn stored_more_than_once<'a>(
    context: &Context<'a>,
    future: &'a Future,
    seen: &mut Vec<&'a Future>,
    found: &mut Vec<&'a Future>,
) {
    seen.push(future);
    for embedded in future.parts.upvars.iter().flat_map(|part| &part.embedded) {
        let inner = context.future_with_id(&embedded.id).filter(|inner| inner.size >= LEAST);
        let is_new =
            |inner: &&Future| seen.len() < MOST_INSIDE && seen.iter().all(|known| known.id != inner.id);
        let Some(inner) = inner.filter(is_new) else { continue };
        let holds = |id: &str| {
            let mut inside = Vec::new();
            context.future_with_id(id).into_iter().for_each(|it| with_inside(context, it, &mut inside));
            inside.iter().any(|it| it.id == inner.id)
        };
        let times = future.parts.all().filter(|part| part.embedded.iter().any(|it| holds(&it.id)));
        if times.count() > 1 {
            found.push(inner);
        }
        stored_more_than_once(context, inner, seen, found);
    }
}

fn wanted(context: &Context<'_>, future: &Future) -> Wanted {
    let block = future.body.as_ref().and_then(|body| context.range(body.header.as_ref()?));
    let mut names = future.name.rsplit("::");
    let name = names.find(|name| !name.starts_with('{')).unwrap_or_default();
    Wanted { name: name.to_owned(), block }
}

/// All futures that a future stores, and itself.
fn with_inside<'a>(context: &Context<'a>, future: &'a Future, found: &mut Vec<&'a Future>) {
    if found.len() >= MOST_INSIDE || found.iter().any(|known| known.id == future.id) {
        return;
    }
    found.push(future);
    let inside = future.parts.all().flat_map(|part| &part.embedded);
    for inner in inside.filter_map(|embedded| context.future_with_id(&embedded.id)) {
        with_inside(context, inner, found);
    }
}

/// What the future would be. An estimate: the awaitee and the pinned future are beside each other.
fn predicted(
    context: &Context<'_>,
    held: &Held,
    awaited: &Future,
    stored: &Future,
    count: usize,
) -> Option<Prediction> {
    let pointer = context.future.parts.pointer?;
    let new = Prediction { size: pointer, align: pointer, exact: false };
    let mut inside = Vec::new();
    with_inside(context, awaited, &mut inside);
    let changed = whatif::propagate(&inside, &stored.id, new);
    let smaller = changed.iter().find(|it| it.id == awaited.id)?;
    let pinned = stored.size.checked_mul(count as u64)?;
    let align = held_align(context, held)?.max(stored.align).max(pointer);
    let size = held.size.checked_sub(smaller.old)?.checked_add(smaller.new.size)?.checked_add(pinned)?;
    let change = Change::Resize { saved: held.saved?, size: size.checked_next_multiple_of(align)?, align };
    Some(Prediction { exact: false, ..context.predict(&[change])? })
}

fn held_align(context: &Context<'_>, held: &Held) -> Option<u64> {
    let part = context.future.parts.saved.get(held.saved? as usize)?.as_ref()?;
    Some(part.align.unwrap_or(part.most_align))
}

/// The expression that makes the future.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The name of the fn that is called for it.
    name: String,
    /// Where it is, if it is a block.
    block: Option<TextRange>,
}

/// How futures are pinned.
#[derive(Debug)]
pub(super) struct Pins {
    edits: Vec<Edit>,
    /// What they are called now.
    names: Vec<String>,
    /// How many.
    count: usize,
}

/// The edits that pin these futures in front of the await that is at a range.
pub(super) fn pins(
    tree: &SourceFile,
    text: &str,
    whole: TextRange,
    wanted: &[Wanted],
    pin: &str,
) -> Result<Pins, Refusal> {
    let awaits = tree.syntax().descendants().filter_map(ast::AwaitExpr::cast);
    let found = awaits.filter(|it| it.syntax().text_range() == whole).last().ok_or(Refusal::NoAwait)?;
    let operand = found.expr().ok_or(Refusal::NoAwait)?;
    let mut made = made(&operand, wanted)?;
    // As they are evaluated.
    made.sort_by_key(|it| it.syntax().text_range().end());
    let place = LetPlace::of(&found)?;
    let mut pinned: Vec<(TextRange, String)> = Vec::new();
    for one in &made {
        is_first(one, &operand, &pinned)?;
        let name = free_name(one, &place.all, &made, &pinned).ok_or(Refusal::Name)?;
        pinned.push((one.syntax().text_range(), name));
    }
    let lets = pinned.iter().enumerate().map(|(at, (range, name))| {
        let value = with_names(text, *range, &pinned[..at])?;
        Some(format!("let {name} = {pin}({value});"))
    });
    let lets: Vec<String> = lets.collect::<Option<_>>().ok_or(Refusal::NoAwait)?;
    // One in another one is gone with that.
    let outermost: Vec<&(TextRange, String)> = pinned
        .iter()
        .filter(|(range, _)| pinned.iter().all(|(other, _)| other == range || !other.contains_range(*range)))
        .collect();
    let mut edits = place.edits(text, &lets, &outermost.iter().map(|it| it.0).collect::<Vec<_>>());
    edits.extend(outermost.iter().map(|(range, name)| Edit::replace(*range, name.clone())));
    let names: Vec<String> = pinned.iter().map(|(_, name)| name.clone()).collect();
    Ok(Pins { edits, count: names.len(), names })
}

/// The arguments, and arguments of those, that make such a future.
fn made(operand: &ast::Expr, wanted: &[Wanted]) -> Result<Vec<ast::Expr>, Refusal> {
    let is_wanted = |expr: &ast::Expr| match expr {
        ast::Expr::BlockExpr(it) if it.async_token().is_some() => {
            let range = it.syntax().text_range();
            wanted.iter().any(|one| one.block.is_some_and(|block| range.start() == block.start()))
        }
        ast::Expr::CallExpr(_) | ast::Expr::MethodCallExpr(_) => {
            let name = callee(expr);
            wanted.iter().any(|one| one.block.is_none() && name.as_deref() == Some(&one.name))
        }
        _ => false,
    };
    let mut found = Vec::new();
    let mut open = parts(operand);
    while let Some(next) = open.pop() {
        if is_wanted(&next) {
            found.push(next.clone());
        }
        open.extend(parts(&next));
    }
    if found.is_empty() {
        let mut inside = operand.syntax().descendants().skip(1).filter_map(ast::Expr::cast);
        return Err(if inside.any(|it| is_wanted(&it)) { Refusal::Nested } else { Refusal::NoArgument });
    }
    Ok(found)
}

/// `large` of `a::large::<u8>(x)` and of `a.large(x)`.
fn callee(call: &ast::Expr) -> Option<String> {
    let name = match call {
        ast::Expr::CallExpr(it) => match it.expr()? {
            ast::Expr::PathExpr(path) => path.path()?.segment()?.name_ref()?,
            _ => return None,
        },
        ast::Expr::MethodCallExpr(it) => it.name_ref()?,
        _ => return None,
    };
    Some(name.text().to_string())
}

/// What is evaluated for an expression, in this order, before the expression itself: of a call, only the arguments that
/// are handed over as they are.
fn parts(expr: &ast::Expr) -> Vec<ast::Expr> {
    let arguments =
        |list: Option<ast::ArgList>| list.into_iter().flat_map(|list| list.args().collect::<Vec<_>>());
    match expr {
        ast::Expr::ParenExpr(it) => it.expr().into_iter().collect(),
        ast::Expr::CallExpr(it) => it.expr().into_iter().chain(arguments(it.arg_list())).collect(),
        ast::Expr::MethodCallExpr(it) => it.receiver().into_iter().chain(arguments(it.arg_list())).collect(),
        _ => Vec::new(),
    }
}

/// May a future be made before everything else of the operand? What is pinned already is made before it in any case.
fn is_first(made: &ast::Expr, operand: &ast::Expr, pinned: &[(TextRange, String)]) -> Result<(), Refusal> {
    let mut around = operand.clone();
    while around.syntax() != made.syntax() {
        let mut next = None;
        for part in parts(&around) {
            if part.syntax().text_range().contains_range(made.syntax().text_range()) {
                next = Some(part);
                break;
            }
            let range = part.syntax().text_range();
            let is_pinned = pinned.iter().any(|(pinned, _)| *pinned == range);
            if !(is_pinned || is_plain(&part) && is_apart(&part, made)) {
                return Err(Refusal::Order);
            }
        }
        around = next.ok_or(Refusal::Nested)?;
    }
    Ok(())
}

/// Does evaluating it nothing but read a place?
fn is_plain(expr: &ast::Expr) -> bool {
    let one = |it: Option<ast::Expr>| it.is_some_and(|it| is_plain(&it));
    match expr {
        ast::Expr::Literal(_) | ast::Expr::PathExpr(_) | ast::Expr::ClosureExpr(_) => true,
        ast::Expr::ParenExpr(it) => one(it.expr()),
        ast::Expr::RefExpr(it) => one(it.expr()),
        ast::Expr::TupleExpr(it) => it.fields().all(|it| is_plain(&it)),
        // A static's field may be behind something that is made when it is first used.
        ast::Expr::FieldExpr(it) => is_variable(it),
        ast::Expr::PrefixExpr(it) => {
            it.op_kind() == Some(ast::UnaryOp::Neg) && matches!(it.expr(), Some(ast::Expr::Literal(_)))
        }
        ast::Expr::CallExpr(it) => {
            let arguments = it.arg_list().is_some_and(|list| list.args().all(|it| is_plain(&it)));
            arguments && it.expr().is_some_and(|it| is_duration(&it))
        }
        _ => false,
    }
}

/// `x.a.b`
fn is_variable(field: &ast::FieldExpr) -> bool {
    match field.expr() {
        Some(ast::Expr::FieldExpr(it)) => is_variable(&it),
        Some(ast::Expr::PathExpr(it)) => {
            it.syntax().text().to_string().starts_with(|first: char| first == '_' || first.is_lowercase())
                && it.path().is_some_and(|path| path.qualifier().is_none())
        }
        _ => false,
    }
}

/// `Duration::from_secs`: what it does, nobody notices.
fn is_duration(callee: &ast::Expr) -> bool {
    let path: String = callee.syntax().text().to_string().split_whitespace().collect();
    ["from_secs", "from_millis", "from_micros", "from_nanos"].iter().any(|name| {
        path.strip_suffix(name).is_some_and(|ty| ty == "Duration::" || ty.ends_with("::Duration::"))
    })
}

/// Can what one reads not be changed by the other? `self` itself is never another.
fn is_apart(read: &ast::Expr, made: &ast::Expr) -> bool {
    if read.syntax().text() == "self" {
        return true;
    }
    let tokens = read.syntax().descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let names = tokens.filter(|it| matches!(it.kind(), SyntaxKind::IDENT | SyntaxKind::SELF_KW));
    let is_variable = |name: &str| name.starts_with(|first: char| first == '_' || first.is_lowercase());
    let mut names =
        names.map(|it| it.text().trim_start_matches("r#").to_owned()).filter(|it| is_variable(it));
    !names.any(|name| match &*name {
        "self" => made.syntax().descendants_with_tokens().any(|it| it.kind() == SyntaxKind::SELF_KW),
        // What is called is no variable, but for the name of another one.
        name => local::mentions(made.syntax(), name) && !is_only_called(made, name),
    })
}

/// Is every mention of a name that of what a call calls?
fn is_only_called(within: &ast::Expr, name: &str) -> bool {
    let mut mentions = local::mentioning(within.syntax(), name);
    mentions.all(|token| {
        let path = token.parent_ancestors().find_map(ast::PathExpr::cast);
        let call = path.as_ref().and_then(|path| path.syntax().parent()).and_then(ast::CallExpr::cast);
        let callee = call.and_then(|call| call.expr());
        callee.zip(path).is_some_and(|(callee, path)| callee.syntax() == path.syntax())
    })
}

/// A name for the pinned future that nothing else has around it.
fn free_name(
    made: &ast::Expr,
    all: &SyntaxNode,
    pinned: &[ast::Expr],
    taken: &[(TextRange, String)],
) -> Option<String> {
    let is_free = |name: &str| {
        let mut mentions = local::mentioning(all, name);
        // In what is made before it, it is not there yet; in what is made after, it would be.
        let is_before = |at: TextRange| {
            let mut earlier =
                pinned.iter().filter(|it| it.syntax().text_range().end() <= made.syntax().text_range().end());
            earlier.any(|it| it.syntax().text_range().contains_range(at))
        };
        mentions.all(|token| is_before(token.text_range())) && taken.iter().all(|(_, known)| known != name)
    };
    let own = callee(made).filter(|name| !name.starts_with(|first: char| first.is_uppercase()));
    let names = own.into_iter().chain(["future", "pinned", "inner"].map(str::to_owned));
    let numbered = (2..100).map(|number| format!("future_{number}"));
    names.chain(numbered).find(|name| is_free(name))
}

/// A text with what is pinned in it by its name.
fn with_names(text: &str, range: TextRange, pinned: &[(TextRange, String)]) -> Option<String> {
    let is_whole = |inner: &TextRange| {
        let is_in_another = |other: &TextRange| other != inner && other.contains_range(*inner);
        range.contains_range(*inner) && !pinned.iter().any(|(other, _)| is_in_another(other))
    };
    let mut out = String::new();
    let mut at = range.start();
    for (inner, name) in pinned.iter().filter(|(inner, _)| is_whole(inner)) {
        out.push_str(text.get(usize::from(at)..usize::from(inner.start()))?);
        out.push_str(name);
        at = inner.end();
    }
    out.push_str(text.get(usize::from(at)..usize::from(range.end()))?);
    Some(out)
}

/// Where the `let`s come.
struct LetPlace {
    /// What is after them, in their scope.
    all: SyntaxNode,
    kind: LetScope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LetScope {
    /// In front of the value of a block.
    Front,
    /// In a block around it.
    Around,
}

impl LetPlace {
    fn of(found: &ast::AwaitExpr) -> Result<LetPlace, Refusal> {
        // `x.await?.y()`: nothing is evaluated before the await, and all of it is one expression.
        let mut chain = found.syntax().clone();
        while let Some(parent) = chain.parent() {
            let is_link = match parent.kind() {
                SyntaxKind::TRY_EXPR | SyntaxKind::FIELD_EXPR | SyntaxKind::AWAIT_EXPR => true,
                SyntaxKind::METHOD_CALL_EXPR => {
                    ast::MethodCallExpr::cast(parent.clone())
                        .and_then(|it| it.receiver())
                        .map(|it| it.syntax().clone())
                        == Some(chain.clone())
                }
                _ => false,
            };
            if !is_link {
                break;
            }
            chain = parent;
        }
        let parent = chain.parent().ok_or(Refusal::Position)?;
        let is_last = ast::StmtList::cast(parent.clone())
            .and_then(|list| list.tail_expr())
            .is_some_and(|tail| *tail.syntax() == chain);
        let has_attributes =
            || ast::AnyHasAttrs::cast(chain.clone()).is_some_and(|it| it.attrs().next().is_some());
        let at = |all, kind| Ok(LetPlace { all, kind });
        if is_last {
            return if has_attributes() { Err(Refusal::Position) } else { at(chain, LetScope::Front) };
        }
        if let Some(statement) = ast::ExprStmt::cast(parent.clone()) {
            let is_whole = statement.semicolon_token().is_some() && !has_attributes();
            return if is_whole { at(parent, LetScope::Around) } else { Err(Refusal::Position) };
        }
        if parent.kind() == SyntaxKind::MATCH_ARM {
            let is_value = ast::MatchArm::cast(parent)
                .and_then(|arm| arm.expr())
                .is_some_and(|it| *it.syntax() == chain);
            return if is_value { at(chain, LetScope::Around) } else { Err(Refusal::Position) };
        }
        // Where a statement begins, a block ends it.
        let start = found.syntax().text_range().start();
        for node in found.syntax().ancestors().skip(1).take_while(|node| node.text_range().start() == start) {
            if matches!(node.kind(), SyntaxKind::EXPR_STMT | SyntaxKind::STMT_LIST | SyntaxKind::MATCH_ARM)
                || node
                    .parent()
                    .is_some_and(|it| matches!(it.kind(), SyntaxKind::STMT_LIST | SyntaxKind::MATCH_ARM))
            {
                return Err(Refusal::Position);
            }
        }
        at(found.syntax().clone(), LetScope::Around)
    }

    /// The edits around what is there. `gone` are ranges that are replaced.
    fn edits(&self, text: &str, lets: &[String], gone: &[TextRange]) -> Vec<Edit> {
        let range = self.all.text_range();
        let indent = local::indentation(text, range.start());
        let unit = if indent.contains('\t') { "\t" } else { "    " };
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let before = text.get(..usize::from(range.start())).unwrap_or_default();
        let begins_line = before[before.rfind('\n').map_or(0, |at| at + 1)..].trim().is_empty();
        match self.kind {
            LetScope::Front => {
                let end = if begins_line { format!("{newline}{indent}") } else { " ".to_owned() };
                let lets: String = lets.iter().map(|line| format!("{line}{end}")).collect();
                vec![Edit::insert(range.start(), lets)]
            }
            LetScope::Around => {
                let lets: String = lets.iter().map(|line| format!("{line}{newline}{indent}{unit}")).collect();
                let mut edits = vec![Edit::insert(range.start(), format!("{{{newline}{indent}{unit}{lets}"))];
                edits.extend(lines(&self.all, gone).into_iter().map(|at| Edit::insert(at, unit)));
                edits.push(Edit::insert(range.end(), format!("{newline}{indent}}}")));
                edits
            }
        }
    }
}

/// Where lines begin in a node, but for those in `gone`.
fn lines(node: &SyntaxNode, gone: &[TextRange]) -> Vec<TextSize> {
    let tokens = node.descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let begun = tokens.filter(|token| token.kind() == SyntaxKind::WHITESPACE).filter_map(|token| {
        let newline = token.text().rfind('\n')? as u32 + 1;
        Some(token.text_range().start() + TextSize::from(newline))
    });
    begun.filter(|at| !gone.iter().any(|range| range.contains_inclusive(*at))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples, in_fn};
    use super::*;
    use crate::source::{edited, with_tree};
    use proptest::prelude::*;

    /// The text with the futures that calls of `large` make pinned in front of the await that ends at `»`.
    fn pinned(marked: &str, names: &[&str]) -> Result<String, Refusal> {
        pinned_by("pin!", marked, names)
    }

    /// With this macro.
    fn pinned_by(pin: &str, marked: &str, names: &[&str]) -> Result<String, Refusal> {
        let (before, rest) = marked.split_once('«').unwrap();
        let (whole, behind) = rest.split_once('»').unwrap();
        let text = format!("{before}{whole}{behind}");
        let whole = TextRange::at(TextSize::of(before), TextSize::of(whole));
        let wanted: Vec<Wanted> =
            names.iter().map(|name| Wanted { name: (*name).to_owned(), block: None }).collect();
        let look = |tree: &SourceFile| {
            let pins = pins(tree, &text, whole, &wanted, pin)?;
            Ok(edited(&text, &pins.edits).expect("they do not overlap"))
        };
        with_tree(&text, look).unwrap()
    }

    /// In a fn of their own; lines begin with four spaces.
    fn check(body: &str, after: &str) {
        let of = |body: &str| format!("async fn f() {{\n    {body}\n}}\n");
        assert_eq!(pinned(&of(body), &["large"]).as_deref(), Ok(&*of(after)), "{body}");
    }

    fn refused(body: &str) -> Refusal {
        pinned(&format!("async fn f() {{\n    {body}\n}}\n"), &["large"]).unwrap_err()
    }

    #[test]
    fn the_examples() {
        let examples = examples(include_str!("pin_argument.rs"));
        assert_eq!(examples.len(), 2);
        for Example { before, after } in examples {
            let marked = in_fn(&before).replace("logged(", "«logged(").replace(".await", ".await»");
            assert_eq!(pinned_by("std::pin::pin!", &marked, &["large"]), Ok(in_fn(&after)));
        }
    }

    #[test]
    fn a_statement_gets_a_block_around_it() {
        check(
            "«logged(\n        // Three.\n        3,\n        large(\n            x,\n        ),\n    )\n    .await»;",
            "{\n        let large = pin!(large(\n            x,\n        ));\n        logged(\n            // Three.\n            \
             3,\n            large,\n        )\n        .await;\n    }",
        );
    }

    #[test]
    fn elsewhere_the_block_is_the_value() {
        check(
            "g(1, «logged(large(x)).await»);",
            "g(1, {\n        let large = pin!(large(x));\n        logged(large).await\n    });",
        );
        check(
            "match a {\n        1 => «logged(large(x)).await»?,\n        _ => 2,\n    }",
            "match a {\n        1 => {\n            let large = pin!(large(x));\n            logged(large).await?\n        \
             },\n        _ => 2,\n    }",
        );
    }

    #[test]
    fn what_a_block_gives_needs_no_other_one() {
        check("«logged(large(x)).await»", "let large = pin!(large(x));\n    logged(large).await");
        check("«logged(large(x)).await»?.y()", "let large = pin!(large(x));\n    logged(large).await?.y()");
        check(
            "if a { «logged(large(x)).await» }",
            "if a { let large = pin!(large(x)); logged(large).await }",
        );
    }

    #[test]
    fn tabs_and_line_ends_stay() {
        let text = "async fn f() {\r\n\t«logged(large(x)).await»;\r\n}\r\n";
        let after = "async fn f() {\r\n\t{\r\n\t\tlet large = pin!(large(x));\r\n\t\tlogged(large).await;\r\n\t}\r\n}\r\n";
        assert_eq!(pinned(text, &["large"]).as_deref(), Ok(after));
    }

    #[test]
    fn wherever_it_is_handed_over() {
        check(
            "«logged(logged(a::large(1))).await»",
            "let large = pin!(a::large(1));\n    logged(logged(large)).await",
        );
        check(
            "«self.logged(self.large()).await»",
            "let large = pin!(self.large());\n    self.logged(large).await",
        );
        check("«s.large().logged(3).await»", "let large = pin!(s.large());\n    large.logged(3).await");
        check(
            "«both(large(1), large(2)).await»",
            "let future = pin!(large(1));\n    let large = pin!(large(2));\n    both(future, large).await",
        );
        check(
            "«logged(Duration::from_secs(3), &a.b, |x| x + 1, large(x())).await»",
            "let large = pin!(large(x()));\n    logged(Duration::from_secs(3), &a.b, |x| x + 1, large).await",
        );
    }

    #[test]
    fn one_in_another_one_is_handed_to_that() {
        let text = "async fn f() {\n    «logged(timed(large(1))).await»\n}\n";
        let after = "async fn f() {\n    let large = pin!(large(1));\n    let timed = pin!(timed(large));\n    \
                     logged(timed).await\n}\n";
        assert_eq!(pinned(text, &["large", "timed"]).as_deref(), Ok(after));
    }

    #[test]
    fn names_are_free() {
        check(
            "«logged(large(x), large).await»",
            "let future = pin!(large(x));\n    logged(future, large).await",
        );
        check(
            "«logged(large(future), p!(\"{large}\")).await»",
            "let future = pin!(large(future));\n    logged(future, p!(\"{large}\")).await",
        );
    }

    #[test]
    fn what_comes_first_stays_first() {
        for body in [
            "«logged(d(), large(x)).await»",
            "«logged(a[0], large(x)).await»",
            "«logged(*a, large(x)).await»",
            "«logged(a?, large(x)).await»",
            "«logged(n, large(&mut n)).await»",
            "«logged(self.n, large(self.x())).await»",
            "«s.logged(s.large()).await»",
            "«logged(&CONFIG.limit, large(x)).await»",
            "«make()(large(x)).await»",
            "«logged(logged(d(), large(x))).await»",
            "«logged(Duration::from_secs(d()), large(x)).await»",
        ] {
            assert_eq!(refused(body), Refusal::Order, "{body}");
        }
    }

    #[test]
    fn what_may_not_be_made_at_all_is_left_alone() {
        assert_eq!(refused("«logged(if a { large(x) } else { other() }).await»"), Refusal::Nested);
        assert_eq!(refused("«logged(|| large(x)).await»"), Refusal::Nested);
        assert_eq!(refused("«logged(&mut large(x)).await»"), Refusal::Nested);
        assert_eq!(refused("«logged(other(x)).await»"), Refusal::NoArgument);
        assert_eq!(refused("«large(x).await»"), Refusal::NoArgument);
        assert_eq!(refused("p!(«logged(large(x)).await»);"), Refusal::NoAwait);
        assert_eq!(refused("«logged(large(x)).await» + 1;"), Refusal::Position);
        assert_eq!(refused("#[a] «logged(large(x)).await»;"), Refusal::NoAwait);
    }

    #[test]
    fn the_macro_is_named_as_the_crate_has_it() {
        let language = |heap, oldest_compiler| Language { heap, oldest_compiler, ..Language::default() };
        assert_eq!(pin_macro(&language(Heap::Std, None), "").as_deref(), Some("std::pin::pin!"));
        assert_eq!(pin_macro(&language(Heap::None, Some(68)), "").as_deref(), Some("core::pin::pin!"));
        assert_eq!(pin_macro(&language(Heap::Std, None), "use std::pin::pin;").as_deref(), Some("pin!"));
        assert_eq!(pin_macro(&language(Heap::Std, Some(67)), ""), None);
    }

    proptest! {
        #[test]
        fn never_panics_and_what_parsed_still_does(
            before in "(let n = |g\\(1, |if a \\{ |a; |\\(|match |){0,3}",
            inside in "(logged\\(|large\\(|x|, |\\)|&|\\?|1|self|\\.large\\(|a\\.b| |\n){0,14}",
            behind in "(\\?|;|\\)| \\}|\\.y\\(\\)| \\+ 1){0,4}",
        ) {
            let marked = format!("async fn f() {{\n    {before}«logged({inside}).await»{behind}\n}}\n");
            let parses = |text: &str| {
                ra_ap_syntax::SourceFile::parse(text, ra_ap_parser::Edition::CURRENT).errors().is_empty()
            };
            if let Ok(new) = pinned(&marked, &["large"])
                && parses(&marked.replace(['«', '»'], ""))
            {
                prop_assert!(parses(&new), "{}", new);
                let named = new.matches("let large").count() + new.matches("let future").count();
                prop_assert_eq!(new.matches("pin!(").count(), named);
            }
        }
    }
}

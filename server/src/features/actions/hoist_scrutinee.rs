//! Drops the temporaries of a `match`, `if let`, `while let` or `for` before its arms: its value becomes a variable.
//!
//! ```text
//! match big().id() {                  let id = big().id();
//!     0 => tick().await,              match id {
//!     n => show(n),                       0 => tick().await,
//! }                                       n => show(n),
//!                                     }
//! ```
//!
//! A temporary in the value that is matched lives until the whole statement ends, and so across every await in the arms.
//! The variable is declared before the statement, if nothing in the statement is evaluated earlier and the value has no
//! destructor that would run later, at the end of the scope. Otherwise the `match` and its variable get a block of their own.
//! The condition of a `while let` is evaluated each time, so it gets the block.

use super::scope_block::{is_number, is_place};
use super::{ActionKind, Candidate, Context, local, naming};
use crate::layout::whatif::{Change, Prediction};
use crate::layout::{Held, HeldKind, Why};
use crate::source::{Edit, TextRange};
use ra_ap_syntax::ast::{self, AstNode, HasArgList, HasAttrs};
use ra_ap_syntax::{NodeOrToken, SourceFile, SyntaxKind, SyntaxNode};
use std::sync::Arc;

/// Why the value of a `match` gets no variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The temporary is not in the value of a `match`, `if let`, `while let` or `for` whose arms wait.
    NoScrutinee,
    /// The temporary is the value itself, which the arms need.
    Value,
    /// A place is matched, such as a field: a variable would be a copy of it.
    Place,
    /// A macro makes the value, or the place.
    Macro,
    /// A `let` would keep the temporary, too: `let x = &big();`.
    Kept,
    /// Another condition is evaluated first: `else if let`, `if a && let`.
    Behind,
    /// The statement has an attribute, such as `#[cfg]`.
    Conditional,
}

/// A value with a variable of its own.
#[derive(Debug)]
pub(super) struct Hoisted {
    /// What is matched, without parentheses.
    value: TextRange,
    /// The statement or expression that is edited.
    around: TextRange,
    /// `match`
    keyword: &'static str,
    way: Vec<Edit>,
}

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    let mut hoists: Vec<Hoisted> = Vec::new();
    for (_, state) in context.suspended() {
        let Some(at) = state.awaiting.as_ref().and_then(|at| context.range(at)) else { continue };
        for held in &state.held {
            let Some(range) = range_of(context, held).filter(|_| !is_used(held)) else { continue };
            let Ok(hoisted) = hoisted(context.tree, context.text(), range, at) else { continue };
            if hoists.iter().all(|known| known.value != hoisted.value) {
                hoists.push(hoisted);
            }
        }
    }
    let mut found: Vec<Candidate> = hoists.iter().map(|one| candidate(context, &[one])).collect();
    // One that stays may keep the future as large as it is.
    let mut apart: Vec<&Hoisted> = Vec::new();
    for one in &hoists {
        if apart.iter().all(|known| known.around.intersect(one.around).is_none()) {
            apart.push(one);
        }
    }
    if apart.len() > 1 {
        let all = candidate(context, &apart);
        let size = |candidate: &Candidate| candidate.predicted.map(|it| it.size);
        let best = found.iter().filter_map(size).min();
        if size(&all).zip(best).is_some_and(|(all, best)| all < best) {
            found.push(all);
        }
    }
    // The variable itself can only add to that.
    found.retain(|one| one.predicted.zip(one.before).is_none_or(|(new, before)| new.size < before));
    found
}

/// Where a value without a name is made.
fn range_of(context: &Context<'_>, held: &Held) -> Option<TextRange> {
    if held.kind != HeldKind::Temporary {
        return None;
    }
    context.range(held.declared.as_ref()?)
}

/// Do the arms use it? Then nothing else can have the value.
fn is_used(held: &Held) -> bool {
    let Some(Why::Temporary { then: Some(then), .. }) = &held.why else { return false };
    matches!(**then, Why::UsedLater { next_iteration: false, .. })
}

fn candidate(context: &Context<'_>, hoists: &[&Hoisted]) -> Candidate {
    let value_around =
        |range: TextRange| hoists.iter().map(|one| one.value).find(|it| it.contains_range(range));
    let mut exact = true;
    let mut anchors: Vec<TextRange> = hoists.iter().map(|one| one.value).collect();
    let mut removed: Vec<(&Held, Vec<u32>)> = Vec::new();
    for (index, state) in context.suspended() {
        let at = state.awaiting.as_ref().and_then(|at| context.range(at));
        for held in &state.held {
            let Some(range) = range_of(context, held) else { continue };
            let Some(value) = value_around(range) else { continue };
            if value == range {
                // The value itself is stored: so will the variable be, for as long as its scope.
                exact = false;
                continue;
            }
            // It stays where the value waits for something itself.
            let Some(at) = at.filter(|at| !value.contains_range(*at)) else {
                exact = false;
                continue;
            };
            exact &= !state.held.iter().any(|held| held.kind == HeldKind::Flag);
            if !anchors.contains(&at) {
                anchors.push(at);
            }
            match removed.iter_mut().find(|(known, _)| known.saved == held.saved) {
                Some((_, states)) => states.push(index),
                None => removed.push((held, vec![index])),
            }
        }
    }
    let changes: Option<Vec<Change>> = removed
        .iter()
        .map(|(held, states)| {
            Some(Change::Remove { saved: held.saved?, states: states.clone(), beside: Vec::new() })
        })
        .collect();
    let label = match hoists {
        [one] => {
            let before = if one.keyword == "match" { "arms" } else { "body" };
            format!("End the temporaries of this `{}` before its {before} with a `let`", one.keyword)
        }
        all => format!("End the temporaries of {} matched values before their arms", all.len()),
    };
    let mut candidate = context.candidate(ActionKind::HoistScrutinee, label, anchors);
    let predicted = changes.and_then(|changes| context.predict(&changes));
    candidate.predicted = predicted.map(|new| Prediction { exact: new.exact && exact, ..new });
    for (held, _) in &removed {
        let words = words(held);
        if is_dropped(held) && !candidate.drops_earlier.contains(&words) {
            candidate.drops_earlier.push(words);
        }
    }
    candidate.ways = vec![hoists.iter().flat_map(|one| one.way.clone()).collect()];
    candidate
}

fn is_dropped(held: &Held) -> bool {
    let Some(Why::Temporary { then: Some(then), .. }) = &held.why else { return false };
    matches!(**then, Why::Dropped { .. })
}

/// `` a temporary `Guard` ``
fn words(held: &Held) -> Arc<str> {
    let path = held.ty.as_deref().and_then(|ty| ty.split('<').next()).unwrap_or_default();
    let name = path.rsplit("::").next().unwrap_or_default();
    match name.is_empty() || !name.chars().all(|c| c == '_' || c.is_alphanumeric()) {
        true => "a temporary".into(),
        false => format!("a temporary `{name}`").into(),
    }
}

/// What has a scrutinee.
#[derive(Debug, Clone)]
enum Construct {
    Match(ast::MatchExpr),
    If(ast::IfExpr),
    While(ast::WhileExpr),
    For(ast::ForExpr),
}

impl Construct {
    fn cast(node: SyntaxNode) -> Option<Self> {
        Some(match ast::Expr::cast(node)? {
            ast::Expr::MatchExpr(it) => Construct::Match(it),
            ast::Expr::IfExpr(it) => Construct::If(it),
            ast::Expr::WhileExpr(it) => Construct::While(it),
            ast::Expr::ForExpr(it) => Construct::For(it),
            _ => return None,
        })
    }

    fn syntax(&self) -> &SyntaxNode {
        match self {
            Construct::Match(it) => it.syntax(),
            Construct::If(it) => it.syntax(),
            Construct::While(it) => it.syntax(),
            Construct::For(it) => it.syntax(),
        }
    }

    fn keyword(&self) -> &'static str {
        match self {
            Construct::Match(_) => "match",
            Construct::If(_) => "if let",
            Construct::While(_) => "while let",
            Construct::For(_) => "for",
        }
    }

    /// The value that a range is in.
    fn scrutinee(&self, at: TextRange) -> Option<ast::Expr> {
        let value = match self {
            Construct::Match(it) => it.expr(),
            Construct::For(it) => it.iterable(),
            Construct::If(it) => value_of_let(it.condition()?, at),
            Construct::While(it) => value_of_let(it.condition()?, at),
        };
        value.filter(|value| value.syntax().text_range().contains_range(at))
    }
}

/// The value of the `let` in a condition that a range is in.
fn value_of_let(condition: ast::Expr, at: TextRange) -> Option<ast::Expr> {
    match condition {
        ast::Expr::LetExpr(it) => it.expr().filter(|value| value.syntax().text_range().contains_range(at)),
        ast::Expr::BinExpr(it) if is_and(&it) => {
            [it.lhs(), it.rhs()].into_iter().flatten().find_map(|side| value_of_let(side, at))
        }
        _ => None,
    }
}

fn is_and(it: &ast::BinExpr) -> bool {
    matches!(it.op_kind(), Some(ast::BinaryOp::LogicOp(ast::LogicOp::And)))
}

/// The variable for the value that a temporary is made for, if something waits at `waits` while it lives.
pub(super) fn hoisted(
    tree: &SourceFile,
    text: &str,
    temporary: TextRange,
    waits: TextRange,
) -> Result<Hoisted, Refusal> {
    let both = temporary.cover(waits);
    if temporary.is_empty() || !tree.syntax().text_range().contains_range(both) {
        return Err(Refusal::NoScrutinee);
    }
    let node = match tree.syntax().covering_element(both) {
        NodeOrToken::Node(node) => node,
        NodeOrToken::Token(token) => token.parent().ok_or(Refusal::NoScrutinee)?,
    };
    let constructs = node.ancestors().filter_map(Construct::cast);
    let (construct, scrutinee) = constructs
        .filter(|it| it.syntax().text_range().contains_range(waits))
        .find_map(|it| it.scrutinee(temporary).map(|scrutinee| (it, scrutinee)))
        .filter(|(_, scrutinee)| !scrutinee.syntax().text_range().contains_range(waits))
        .ok_or(Refusal::NoScrutinee)?;

    let value = without_parentheses(&scrutinee);
    if value.syntax().text_range() == temporary {
        return Err(Refusal::Value);
    }
    let is_moved = matches!(construct, Construct::For(_));
    match value {
        ast::Expr::PathExpr(_) | ast::Expr::FieldExpr(_) | ast::Expr::IndexExpr(_) if !is_moved => {
            return Err(Refusal::Place);
        }
        ast::Expr::PrefixExpr(ref it) if it.op_kind() == Some(ast::UnaryOp::Deref) && !is_moved => {
            return Err(Refusal::Place);
        }
        ast::Expr::MacroExpr(ref it) if !is_known(it) => return Err(Refusal::Macro),
        _ => {}
    }
    if keeps(&value) {
        return Err(Refusal::Kept);
    }
    if let Construct::If(it) = &construct {
        let is_else =
            it.syntax().parent().and_then(ast::IfExpr::cast).is_some_and(|outer| {
                outer.condition().is_none_or(|condition| condition.syntax() != it.syntax())
            });
        let is_first =
            it.condition().and_then(first).is_some_and(|value| value.syntax() == scrutinee.syntax());
        if is_else || !is_first {
            return Err(Refusal::Behind);
        }
    }
    let hoist =
        Hoist { text, name: naming::variable(construct.syntax(), &value), construct, scrutinee, value };
    let way = hoist.way()?;
    let edited = way.iter().map(|edit| edit.range).reduce(TextRange::cover);
    let around = hoist.construct.syntax().text_range();
    Ok(Hoisted {
        value: hoist.value.syntax().text_range(),
        around: edited.map_or(around, |edited| edited.cover(around)),
        keyword: hoist.construct.keyword(),
        way,
    })
}

/// The value of a condition's first `let`, if that is evaluated before anything else.
fn first(condition: ast::Expr) -> Option<ast::Expr> {
    match condition {
        ast::Expr::LetExpr(it) => it.expr(),
        ast::Expr::BinExpr(it) if is_and(&it) => first(it.lhs()?),
        _ => None,
    }
}

fn without_parentheses(value: &ast::Expr) -> ast::Expr {
    match value {
        ast::Expr::ParenExpr(it) if it.attrs().next().is_none() => {
            it.expr().map_or_else(|| value.clone(), |inner| without_parentheses(&inner))
        }
        _ => value.clone(),
    }
}

/// Does the macro make a value that borrows from nothing?
fn is_known(it: &ast::MacroExpr) -> bool {
    let name = it.macro_call().and_then(|call| call.path()?.segment()?.name_ref());
    name.is_some_and(|name| ["format", "vec"].contains(&name.text()))
}

/// Would a `let` with this value keep some of its temporaries as long as its variable?
fn keeps(value: &ast::Expr) -> bool {
    let one = |it: Option<ast::Expr>| it.is_some_and(|it| keeps(&it));
    let block = |it: Option<ast::BlockExpr>| one(it.and_then(|it| it.stmt_list()?.tail_expr()));
    match value {
        ast::Expr::RefExpr(it) => !it.expr().is_some_and(|of| is_place(&of)),
        ast::Expr::ParenExpr(it) => one(it.expr()),
        ast::Expr::CastExpr(it) => one(it.expr()),
        ast::Expr::TupleExpr(it) => it.fields().any(|it| keeps(&it)),
        ast::Expr::ArrayExpr(it) => it.exprs().any(|it| keeps(&it)),
        ast::Expr::RecordExpr(it) => {
            it.record_expr_field_list().is_some_and(|list| list.fields().any(|field| one(field.expr())))
        }
        // `Some(&big())`
        ast::Expr::CallExpr(it) => {
            let path = match it.expr() {
                Some(ast::Expr::PathExpr(it)) => it.path(),
                _ => None,
            };
            let name = path.and_then(|path| path.segment()?.name_ref());
            let is_fn = name.is_some_and(|name| name.text().starts_with(|c: char| c.is_lowercase()));
            !is_fn && it.arg_list().is_some_and(|list| list.args().any(|it| keeps(&it)))
        }
        ast::Expr::BlockExpr(it) => block(Some(it.clone())),
        ast::Expr::IfExpr(it) => {
            block(it.then_branch())
                || match it.else_branch() {
                    Some(ast::ElseBranch::Block(it)) => block(Some(it)),
                    Some(ast::ElseBranch::IfExpr(it)) => keeps(&ast::Expr::IfExpr(it)),
                    None => false,
                }
        }
        ast::Expr::MatchExpr(it) => {
            it.match_arm_list().is_some_and(|list| list.arms().any(|arm| one(arm.expr())))
        }
        ast::Expr::MacroExpr(it) => !is_known(it),
        _ => false,
    }
}

/// What the edits are made of.
struct Hoist<'t> {
    text: &'t str,
    name: String,
    construct: Construct,
    scrutinee: ast::Expr,
    /// The scrutinee without parentheses.
    value: ast::Expr,
}

impl Hoist<'_> {
    fn way(&self) -> Result<Vec<Edit>, Refusal> {
        let node = self.construct.syntax();
        if is_conditional(node) {
            return Err(Refusal::Conditional);
        }
        if matches!(self.construct, Construct::While(_)) {
            return Ok(self.within());
        }
        Ok(match Before::of(node) {
            Some(before) if is_conditional(&before.statement) => return Err(Refusal::Conditional),
            Some(before) if before.is_last || self.is_plain() => self.before(&before.statement),
            _ => self.around(),
        })
    }

    /// Is it certain that it is all the same when the value is dropped?
    fn is_plain(&self) -> bool {
        let patterns: Vec<ast::Pat> = match &self.construct {
            // It is moved into the loop.
            Construct::For(_) => return true,
            Construct::Match(it) => it
                .match_arm_list()
                .into_iter()
                .flat_map(|list| list.arms())
                .filter_map(|it| it.pat())
                .collect(),
            Construct::If(_) => {
                let pattern = self.scrutinee.syntax().parent().and_then(ast::LetExpr::cast);
                pattern.and_then(|it| it.pat()).into_iter().collect()
            }
            Construct::While(_) => Vec::new(),
        };
        is_number(&self.value) || patterns.iter().any(is_literal)
    }

    /// `let id = big().id();` before the statement.
    fn before(&self, statement: &SyntaxNode) -> Vec<Edit> {
        let start = statement.text_range().start();
        let indent = local::indentation(self.text, start);
        let begins_line = self.text[..usize::from(start)].ends_with(indent)
            && self.text[..usize::from(start) - indent.len()].ends_with('\n');
        let space = if begins_line { format!("{}{indent}", self.newline()) } else { " ".to_owned() };
        let declared = format!("{};{space}", self.declared(""));
        vec![Edit::insert(start, declared), self.renamed()]
    }

    /// `{ let next = list.lock().next(); next }` in the place of the value.
    fn within(&self) -> Vec<Edit> {
        let block = format!("{{ {}; {} }}", self.declared(""), self.name);
        vec![Edit::replace(self.scrutinee.syntax().text_range(), block)]
    }

    /// A block around the whole, with the variable in it.
    fn around(&self) -> Vec<Edit> {
        let node = self.construct.syntax();
        let range = node.text_range();
        if !node.text().contains_char('\n') {
            let declared = format!("{{ {}; ", self.declared(""));
            return vec![
                Edit::insert(range.start(), declared),
                self.renamed(),
                Edit::insert(range.end(), " }"),
            ];
        }
        let indent = local::indentation(self.text, range.start());
        let (newline, unit) = (self.newline(), if indent.contains('\t') { "\t" } else { "    " });
        let line = format!("{newline}{indent}{unit}");
        let declared = format!("{{{line}{};{line}", self.declared(unit));
        let gone = self.scrutinee.syntax().text_range();
        let lines = local::lines(node).into_iter().filter(|at| !gone.contains_inclusive(*at));
        let mut edits = vec![Edit::insert(range.start(), declared), self.renamed()];
        edits.extend(lines.map(|at| Edit::insert(at, unit)));
        edits.push(Edit::insert(range.end(), format!("{newline}{indent}}}")));
        edits
    }

    /// `let id = big().id()`
    fn declared(&self, unit: &str) -> String {
        let mut bindings = self.construct.syntax().descendants().filter_map(ast::IdentPat::cast);
        let is_changed = !matches!(self.construct, Construct::While(_))
            && bindings.any(|it| it.ref_token().is_some() && it.mut_token().is_some());
        let mutable = if is_changed { "mut " } else { "" };
        format!("let {mutable}{} = {}", self.name, self.value_text(unit))
    }

    fn renamed(&self) -> Edit {
        Edit::replace(self.scrutinee.syntax().text_range(), self.name.clone())
    }

    fn newline(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    /// The value as it is written, its lines moved to the right by `unit`. A comment beside it keeps the parentheses.
    fn value_text(&self, unit: &str) -> String {
        let (outer, inner) = (self.scrutinee.syntax(), self.value.syntax());
        let comments = |node: &SyntaxNode| {
            let tokens = node.descendants_with_tokens().filter_map(NodeOrToken::into_token);
            tokens.filter(|token| token.kind() == SyntaxKind::COMMENT).count()
        };
        let node = if comments(outer) == comments(inner) { inner } else { outer };
        let start = node.text_range().start();
        let text = node.text().to_string();
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for at in local::lines(node) {
            let at = usize::from(at - start);
            out.push_str(&text[done..at]);
            out.push_str(unit);
            done = at;
        }
        out.push_str(&text[done..]);
        out
    }
}

/// Is what is written there not always compiled?
fn is_conditional(node: &SyntaxNode) -> bool {
    let attributes = node.children().filter_map(ast::Attr::cast);
    attributes.map(|it| it.syntax().text().to_string()).any(|text| text.contains("cfg"))
}

/// Is a pattern one of numbers, characters, `bool`s or strings?
fn is_literal(pattern: &ast::Pat) -> bool {
    match pattern {
        ast::Pat::LiteralPat(_) | ast::Pat::RangePat(_) => true,
        ast::Pat::ParenPat(it) => it.pat().is_some_and(|it| is_literal(&it)),
        ast::Pat::OrPat(it) => it.pats().any(|it| is_literal(&it)),
        _ => false,
    }
}

/// The statement, or last expression of a block, in which an expression is evaluated before all else.
struct Before {
    statement: SyntaxNode,
    /// Nothing follows it in its block.
    is_last: bool,
}

impl Before {
    fn of(expression: &SyntaxNode) -> Option<Self> {
        let mut node = expression.clone();
        loop {
            let parent = node.parent()?;
            let is = |it: Option<ast::Expr>| it.is_some_and(|it| *it.syntax() == node);
            if let Some(list) = ast::StmtList::cast(parent.clone()) {
                let last = list.tail_expr().map(|it| it.syntax().clone());
                let last = last.or_else(|| list.statements().last().map(|it| it.syntax().clone()));
                return Some(Before { is_last: last.as_ref() == Some(&node), statement: node });
            }
            let goes_on = match parent.kind() {
                SyntaxKind::EXPR_STMT
                | SyntaxKind::LET_STMT
                | SyntaxKind::PAREN_EXPR
                | SyntaxKind::TRY_EXPR
                | SyntaxKind::AWAIT_EXPR
                | SyntaxKind::PREFIX_EXPR
                | SyntaxKind::REF_EXPR
                | SyntaxKind::CAST_EXPR
                | SyntaxKind::FIELD_EXPR
                | SyntaxKind::RETURN_EXPR
                | SyntaxKind::BREAK_EXPR => true,
                SyntaxKind::METHOD_CALL_EXPR => {
                    is(ast::MethodCallExpr::cast(parent.clone()).and_then(|it| it.receiver()))
                }
                // The fn is named, not evaluated.
                SyntaxKind::ARG_LIST => {
                    let list = ast::ArgList::cast(parent.clone());
                    let call = parent.parent().and_then(ast::CallExpr::cast);
                    is(list.and_then(|list| list.args().next()))
                        && matches!(call.and_then(|call| call.expr()), Some(ast::Expr::PathExpr(_)))
                }
                SyntaxKind::CALL_EXPR => node.kind() == SyntaxKind::ARG_LIST,
                SyntaxKind::BIN_EXPR => ast::BinExpr::cast(parent.clone()).is_some_and(|it| {
                    let is_set = matches!(it.op_kind(), Some(ast::BinaryOp::Assignment { op: None }));
                    let is_name = matches!(it.lhs(), Some(ast::Expr::PathExpr(_)));
                    if is_set { is_name && is(it.rhs()) } else { is(it.lhs()) }
                }),
                _ => false,
            };
            // An attribute may be there for nothing but the expression.
            if !goes_on || is_conditional(&node) {
                return None;
            }
            node = parent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples, in_fn};
    use super::super::texts;
    use super::*;
    use crate::source::{TextSize, edited, with_tree};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    /// The text edited for the first `big()` that lives across the first `tick().await`.
    fn new(text: &str) -> Result<String, Refusal> {
        let range = |part: &str| {
            let at = text.find(part).ok_or(Refusal::NoScrutinee)?;
            Ok(TextRange::at(TextSize::of(&text[..at]), TextSize::of(part)))
        };
        let look = |tree: &SourceFile| {
            let hoisted = hoisted(tree, text, range("big()")?, range("tick().await")?)?;
            Ok(edited(text, &hoisted.way).expect("edits fit"))
        };
        with_tree(text, look).unwrap()
    }

    fn check(body: &str, after: Expect) {
        after.assert_eq(&new(&format!("async fn f() {{{body}}}\n")).unwrap());
    }

    #[test]
    fn the_example() {
        for Example { before, after } in examples(include_str!("hoist_scrutinee.rs")) {
            assert_eq!(new(&in_fn(&before)), Ok(in_fn(&after)));
        }
    }

    #[test]
    fn a_comment_in_front_stays_there() {
        check(
            "
    // What it is.
    match big().id() {
        0 => tick().await,
    }
    more();
",
            expect![[r#"
                async fn f() {
                    // What it is.
                    let id = big().id();
                    match id {
                        0 => tick().await,
                    }
                    more();
                }
            "#]],
        );
    }

    #[test]
    fn a_value_that_may_have_a_destructor_gets_a_block() {
        check(
            "
    if let Some(x) = a(big())
        // The last one.
        .pop()
    {
        /* as
        it is */
        tick().await;
        show(\"a
        b\");
    }
    more();
",
            expect![[r#"
                async fn f() {
                    {
                        let popped = a(big())
                            // The last one.
                            .pop();
                        if let Some(x) = popped
                        {
                            /* as
                        it is */
                            tick().await;
                            show("a
                        b");
                        }
                    }
                    more();
                }
            "#]],
        );
        check(
            "\r\n\tlet x = match big().a() {\r\n\t\tx => tick().await,\r\n\t};\r\n\tb(x);\r\n",
            expect![[
                "async fn f() {\r\n\tlet x = {\r\n\t\tlet a = big().a();\r\n\t\tmatch a {\r\n\t\t\tx => tick().await,\r\n\t\t}\r\n\t};\r\n\tb(x);\r\n}\n"
            ]],
        );
    }

    #[test]
    fn but_not_where_nothing_follows() {
        check(
            "
    if let Some(x) = (big().pop_front()) {
        tick().await;
    }
",
            expect![[r#"
                async fn f() {
                    let popped = big().pop_front();
                    if let Some(x) = popped {
                        tick().await;
                    }
                }
            "#]],
        );
        check(
            " return Some(match big().a()? { x => tick().await }); ",
            expect![[r#"
                async fn f() { let a = big().a()?; return Some(match a { x => tick().await }); }
            "#]],
        );
    }

    #[test]
    fn a_loop_takes_its_value() {
        check(
            "
    'a: for x in (big().list() /* all */) {
        tick().await;
    }
    more();
",
            expect![[r#"
                async fn f() {
                    let list = (big().list() /* all */);
                    'a: for x in list {
                        tick().await;
                    }
                    more();
                }
            "#]],
        );
    }

    #[test]
    fn what_is_evaluated_each_time_stays_where_it_is() {
        check(
            "
    while a && let Some(x) = big().lock().unwrap().next() {
        tick().await;
    }
",
            expect![[r#"
                async fn f() {
                    while a && let Some(x) = { let next = big().lock().unwrap().next(); next } {
                        tick().await;
                    }
                }
            "#]],
        );
    }

    #[test]
    fn nothing_is_evaluated_in_another_order() {
        check(
            " g(h(), match big().id() { 0 => tick().await, n => n }); ",
            expect![[r#"
                async fn f() { g(h(), { let id = big().id(); match id { 0 => tick().await, n => n } }); }
            "#]],
        );
        check(
            " match h() { 0 => match big().id() { 0 => tick().await, n => n }, n => n } ",
            expect![[r#"
                async fn f() { match h() { 0 => { let id = big().id(); match id { 0 => tick().await, n => n } }, n => n } }
            "#]],
        );
        check(
            " x = match big().id() { 0 => tick().await, n => n } + 1; ",
            expect![[r#"
                async fn f() { let id = big().id(); x = match id { 0 => tick().await, n => n } + 1; }
            "#]],
        );
        check(
            " x() + match big().id() { 0 => tick().await, n => n }; ",
            expect![[r#"
                async fn f() { x() + { let id = big().id(); match id { 0 => tick().await, n => n } }; }
            "#]],
        );
    }

    #[test]
    fn what_is_bound_mutably_is_mutable() {
        check(
            " match big().a() { Some(ref mut x) => tick().await, None => () } ",
            expect![[r#"
                async fn f() { let mut a = big().a(); match a { Some(ref mut x) => tick().await, None => () } }
            "#]],
        );
    }

    fn refused(body: &str) -> Refusal {
        new(&format!("async fn f() {{ {body} }}")).unwrap_err()
    }

    #[test]
    fn what_is_in_no_value_that_is_matched_is_refused() {
        assert_eq!(refused("g(big()).a(tick().await);"), Refusal::NoScrutinee);
        assert_eq!(refused("match big().a(tick().await) { x => x }"), Refusal::NoScrutinee);
        assert_eq!(refused("if big().a() { tick().await }"), Refusal::NoScrutinee);
        assert_eq!(refused("match x { y if big().a() => tick().await }"), Refusal::NoScrutinee);
        assert_eq!(refused("m!(match big().id() { 0 => tick().await, n => n })"), Refusal::NoScrutinee);
    }

    #[test]
    fn the_value_itself_is_refused() {
        assert_eq!(refused("match big() { x => tick().await }"), Refusal::Value);
        assert_eq!(refused("match (big()) { x => tick().await }"), Refusal::Value);
    }

    #[test]
    fn places_are_refused() {
        for place in ["*big()", "big().x", "big()[0]", "(*big().x)"] {
            assert_eq!(refused(&format!("match {place} {{ x => tick().await }}")), Refusal::Place, "{place}");
        }
        assert!(new("async fn f() { for x in big().x { tick().await } }").is_ok());
    }

    #[test]
    fn what_a_let_keeps_is_refused() {
        for kept in [
            "&big().a()",
            "(b, &big())",
            "[&mut big()]",
            "Some(&big())",
            "(a::B { c: &big() })",
            "{ &big() }",
            "if a { &big() } else { b }",
            "match a { b => &big() }",
            "&big() as &dyn A",
        ] {
            let body = format!("match {kept} {{ x => tick().await }}");
            let body = body.replace("match &big() as &dyn A", "match (&big() as &dyn A)");
            assert_eq!(refused(&body), Refusal::Kept, "{kept}");
        }
        assert!(new("async fn f() { match g(&big()) { x => tick().await } }").is_ok());
    }

    #[test]
    fn a_later_condition_is_refused() {
        assert_eq!(refused("if a { } else if let Some(x) = big().x() { tick().await }"), Refusal::Behind);
        assert_eq!(refused("if a && let Some(x) = big().x() { tick().await }"), Refusal::Behind);
        assert!(
            new("async fn f() { if let Some(x) = big().x() && x { tick().await } else if b {} }").is_ok()
        );
        assert!(new("async fn f() { if let Some(x) = big().x() && tick().await { } }").is_ok());
    }

    #[test]
    fn what_is_not_always_there_is_refused() {
        assert_eq!(refused("#[cfg(a)] match big().x() { x => tick().await }"), Refusal::Conditional);
        assert_eq!(refused("#[cfg(a)] let y = match big().x() { 0 => tick().await };"), Refusal::Conditional);
    }

    /// What waits in arms, or does not.
    fn bodies() -> impl Strategy<Value = String> {
        const PIECES: [&str; 26] = [
            "match big().id() {",
            "if let Some(x) = (big().id()) {",
            "while let Some(x) = big().id() {",
            "for x in big().list() {",
            "tick().await",
            "x = ",
            "let x = ",
            "g(",
            "Some(",
            ")",
            "}",
            "}",
            "0 => ",
            "n => {",
            ",",
            ";",
            "else",
            "&& ",
            "// a\n",
            "/* a\n */",
            "\"a\n\"",
            "#[a]",
            "return ",
            "'a: ",
            "é",
            "?",
        ];
        texts::pieces(&PIECES)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
        #[test]
        fn what_parsed_still_does(before in bodies(), middle in bodies(), behind in bodies()) {
            let text = format!(
                "async fn f() {{{before}match big().id() {{ 0 => {{{middle}\ntick().await }} n => n }}{behind}}}\n"
            );
            let errors = |text: &str| {
                ra_ap_syntax::SourceFile::parse(text, ra_ap_syntax::Edition::CURRENT).errors().len()
            };
            if let Ok(new) = new(&text) {
                prop_assert!(errors(&text) > 0 || errors(&new) == 0, "{text}\nbecame\n{new}");
            }
        }

        #[test]
        fn never_panics(text in "(match|if let|while let|for| in |x|=|;|\\{|\\}|\\(|\\)| |\n|&|\"|!|#|fn|big\\(\\)|tick\\(\\)\\.await|é|//|\\[|\\]|,|\\.|=>){0,40}", at in 0u32..40, len in 0u32..9) {
            let _ = new(&text);
            let range = TextRange::at(at.into(), len.into());
            let look = |tree: &SourceFile| {
                for node in tree.syntax().descendants() {
                    let _ = hoisted(tree, &text, node.text_range(), range);
                    let _ = hoisted(tree, &text, range, node.text_range());
                }
            };
            prop_assert!(with_tree(&text, look).is_some());
        }
    }
}

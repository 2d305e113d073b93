//! Moves a large value to the heap before an `async` block captures it, so that only a pointer to it is passed on and stored.
//!
//! ```text
//! let page = [0u8; 4096];               let page = [0u8; 4096];
//!                                       let page = Box::new(page);
//! tokio::spawn(async move {             tokio::spawn(async move {
//!     send(&page).await;                    send(&*page).await;
//!     page.len()                            page.len()
//! })                                    })
//! ```
//!
//! A block stores what it captures by value as long as the block exists. The box is dropped where the capture was dropped.
//! The variable must not be used after the block: there it would be a box, too.

use super::box_awaitee::pin_path;
use super::box_local::{self, as_box};
use super::{ActionKind, Candidate, Context, Elsewhere, local};
use crate::dump::drops::is_observable;
use crate::layout::Held;
use crate::layout::whatif::{Change, Prediction};
use crate::source::{Edit, TextRange, TextSize};
use ra_ap_syntax::ast::{self, AstNode, HasAttrs};
use ra_ap_syntax::{SourceFile, SyntaxKind, SyntaxNode};

/// Smaller ones are not worth an allocation, in bytes.
const LARGE: u64 = 64;

/// Why a capture stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The block is made by a macro, or stands among a macro's tokens.
    NotABlock,
    /// The block is not made each time its statement runs: an arm or a closure makes it.
    NotAlways,
    /// The statement or the expression has an attribute, such as `#[cfg]`.
    Attribute,
    /// The variable is used after the block, or in the same statement.
    UsedElsewhere,
    /// The value would be dropped in another order if something before the block panics.
    Evaluates,
    /// The block uses the variable in a way that does not fit a box
    Use(box_local::Refusal),
    /// The block does not mention the variable.
    Unused,
}

/// The captures of the block that a context is of. That it is one has been seen to.
pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    let Some(pin) = pin_path(context.language.heap, context.text()) else { return Vec::new() };
    let Some(path) = pin.strip_suffix("::pin") else { return Vec::new() };
    let upvars = context.future.states.upvars().iter().zip(0u32..);
    // What has another name is captured by reference, or is a part of something.
    let whole = upvars.filter(|(upvar, _)| upvar.size > LARGE && upvar.printed.is_none());
    whole.filter_map(|(upvar, index)| boxed(context, upvar, index, path)).collect()
}

fn boxed(context: &Context<'_>, upvar: &Held, index: u32, path: &str) -> Option<Candidate> {
    let body = context.future.body.as_ref()?;
    let mut known = body.upvars.iter().filter(|known| known.name == upvar.name);
    let known = known.next().filter(|_| known.next().is_none())?;
    let is_loud = is_observable(&known.ty);
    let capture = capture(context.tree, context.site().range, &upvar.name, path, is_loud).ok()?;
    let pointer = context.future.parts.pointer?;
    let new = context.predict(&[Change::ResizeUpvar { upvar: index, size: pointer, align: pointer }]);
    if new.is_some_and(|new| new.size >= context.shown.size) {
        return None;
    }
    let label = format!("Capture `{}` in a Box", upvar.name);
    let mut candidate = context.candidate(ActionKind::BoxArgument, label, vec![capture.first]);
    // Moved out of its box, it may be stored as before.
    candidate.predicted = new.map(|new| Prediction { exact: false, ..new });
    candidate.ways = vec![capture.uses];
    let around = body.def_path.rsplit_once("::").map_or(&*body.def_path, |(around, _)| around);
    candidate.elsewhere = vec![Elsewhere {
        file: candidate.file.clone(),
        text: candidate.text.clone(),
        edits: vec![capture.declaration],
        bodies: vec![around.into()],
    }];
    Some(candidate)
}

/// How a capture becomes a box.
#[derive(Debug)]
struct Capture {
    /// In front of the statement that the block is in.
    declaration: Edit,
    /// In the block.
    uses: Vec<Edit>,
    /// The first use.
    first: TextRange,
}

/// The edits that box the variable `name` for the block at a range. `path`: what `Box` is called. `is_loud`: somebody could
/// notice when it is dropped.
fn capture(
    tree: &SourceFile,
    at: TextRange,
    name: &str,
    path: &str,
    is_loud: bool,
) -> Result<Capture, Refusal> {
    let block = local::async_block(tree, at).ok_or(Refusal::NotABlock)?;
    let list = block.stmt_list().ok_or(Refusal::NotABlock)?;
    let (statement, around) = statement(block.syntax())?;
    let is_attributed = statement.children().any(|it| ast::Attr::can_cast(it.kind()))
        || block.attrs().next().is_some()
        || ast::ExprStmt::cast(statement.clone())
            .and_then(|it| it.expr())
            .is_some_and(|it| it.syntax().children().any(|it| ast::Attr::can_cast(it.kind())));
    if is_attributed {
        return Err(Refusal::Attribute);
    }
    let start = statement.text_range().start();
    let mut mentions = local::mentioning(&around, name).map(|token| token.text_range());
    if mentions.any(|range| range.start() >= start && !at.contains_range(range)) {
        return Err(Refusal::UsedElsewhere);
    }
    if is_loud && evaluates(&statement, at.start()) {
        return Err(Refusal::Evaluates);
    }
    let uses = box_local::uses(&list, at.start(), name).map_err(Refusal::Use)?;
    let first = uses.first().ok_or(Refusal::Unused)?.0.text_range();
    let is_changed = uses.iter().any(|(token, _)| may_change(token)) && is_mutable(&block, name);
    let text = tree.syntax().text().to_string();
    let indentation = local::indentation(&text, start);
    let is_first_in_line = text[..usize::from(start)].ends_with(indentation)
        && text[..usize::from(start) - indentation.len()].ends_with('\n');
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let end = if is_first_in_line { format!("{newline}{indentation}") } else { " ".to_owned() };
    let mutable = if is_changed { "mut " } else { "" };
    let declaration = Edit::insert(start, format!("let {mutable}{name} = {path}::new({name});{end}"));
    let uses = uses.iter().filter_map(|(token, how)| as_box(token, *how)).collect();
    Ok(Capture { declaration, uses, first })
}

/// The statement, or the last expression, that makes a block whenever it runs, and the list that it is in.
fn statement(block: &SyntaxNode) -> Result<(SyntaxNode, SyntaxNode), Refusal> {
    use SyntaxKind::{
        ARG_LIST, AWAIT_EXPR, CALL_EXPR, EXPR_STMT, LET_STMT, METHOD_CALL_EXPR, PAREN_EXPR, RECORD_EXPR,
        RECORD_EXPR_FIELD, RECORD_EXPR_FIELD_LIST, RETURN_EXPR, STMT_LIST, TRY_EXPR, TUPLE_EXPR,
    };
    let mut node = block.clone();
    while let Some(around) = node.parent() {
        match around.kind() {
            STMT_LIST => return Ok((node, around)),
            ARG_LIST
            | AWAIT_EXPR
            | CALL_EXPR
            | EXPR_STMT
            | LET_STMT
            | METHOD_CALL_EXPR
            | PAREN_EXPR
            | RECORD_EXPR
            | RECORD_EXPR_FIELD
            | RECORD_EXPR_FIELD_LIST
            | RETURN_EXPR
            | TRY_EXPR
            | TUPLE_EXPR => node = around,
            _ => break,
        }
    }
    Err(Refusal::NotAlways)
}

/// Does a statement do something before it comes to an offset?
fn evaluates(statement: &SyntaxNode, until: TextSize) -> bool {
    let before = statement.descendants().filter(|node| node.text_range().end() <= until);
    let mut expressions = before.filter(|node| ast::Expr::can_cast(node.kind()));
    expressions.any(|node| {
        !matches!(
            node.kind(),
            SyntaxKind::PATH_EXPR | SyntaxKind::LITERAL | SyntaxKind::FIELD_EXPR | SyntaxKind::PAREN_EXPR
        )
    })
}

/// May a variable be changed where it is used here?
fn may_change(token: &ra_ap_syntax::SyntaxToken) -> bool {
    use SyntaxKind::{FIELD_EXPR, INDEX_EXPR, NAME_REF, PAREN_EXPR, PATH, PATH_EXPR, PATH_SEGMENT};
    let is_place = |node: &SyntaxNode| {
        matches!(
            node.kind(),
            NAME_REF | PATH | PATH_SEGMENT | PATH_EXPR | FIELD_EXPR | INDEX_EXPR | PAREN_EXPR
        )
    };
    let place = token.parent_ancestors().take_while(is_place).last();
    let Some(around) = place.as_ref().and_then(SyntaxNode::parent) else { return true };
    let is_first = around.first_child() == place;
    match around.kind() {
        SyntaxKind::REF_EXPR => ast::RefExpr::cast(around).is_some_and(|it| it.mut_token().is_some()),
        SyntaxKind::METHOD_CALL_EXPR => is_first,
        SyntaxKind::BIN_EXPR => {
            let operator = ast::BinExpr::cast(around).and_then(|it| it.op_kind());
            is_first && matches!(operator, Some(ast::BinaryOp::Assignment { .. }))
        }
        kind => kind == SyntaxKind::TOKEN_TREE,
    }
}

/// Is a variable that a block captures declared with `mut`?
fn is_mutable(block: &ast::BlockExpr, name: &str) -> bool {
    let start = block.syntax().text_range().start();
    let function = block.syntax().ancestors().find(|node| node.kind() == SyntaxKind::FN);
    let patterns = function.iter().flat_map(SyntaxNode::descendants).filter_map(ast::IdentPat::cast);
    let mut declared =
        patterns.filter(|it| local::name(it) == name && it.syntax().text_range().end() <= start);
    declared.any(|it| it.mut_token().is_some())
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples, in_fn};
    use super::super::texts;
    use super::*;
    use crate::source::{Outline, SiteKind, edited, with_tree};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use ra_ap_syntax::Edition;

    /// The first block of a text with its capture `page` in a box.
    fn of(text: &str, is_loud: bool) -> Result<String, Refusal> {
        let outline = Outline::new(text.into());
        let site = outline.sites().iter().find(|site| site.kind == SiteKind::AsyncBlock).unwrap();
        let look = |tree: &SourceFile| capture(tree, site.range, "page", "Box", is_loud);
        let capture = with_tree(text, look).unwrap()?;
        let mut edits = capture.uses;
        edits.push(capture.declaration);
        Ok(edited(text, &edits).unwrap())
    }

    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&of(text, false).unwrap());
    }

    #[test]
    fn the_example() {
        for Example { before, after } in examples(include_str!("box_capture.rs")) {
            assert_eq!(of(&in_fn(&before), false), Ok(in_fn(&after)));
        }
    }

    #[test]
    fn it_is_mutable_where_it_was_and_has_to_be() {
        check(
            "fn f(mut page: P) { page.0 = 1; let a = set.h(1, async move { page.a[0] = 1; g(page).await })?; }",
            expect![
                "fn f(mut page: P) { page.0 = 1; let mut page = Box::new(page); \
                 let a = set.h(1, async move { page.a[0] = 1; g(*page).await })?; }"
            ],
        );
        check(
            "fn f(mut page: P) {\r\n\th(async move { g(&page.a).await });\r\n\tlet page = 1; }",
            expect![
                "fn f(mut page: P) {\r\n\tlet page = Box::new(page);\r\n\th(async move { g(&page.a).await });\r\n\tlet page = 1; }"
            ],
        );
        for (body, is_changed) in [
            ("g(&mut page.a)", true),
            ("page.go()", true),
            ("page += 1", true),
            ("1 + page.a", false),
            ("a = page.b", false),
        ] {
            let new = of(&format!("fn f(mut page: P) {{ h(async move {{ {body}; }}) }}"), false).unwrap();
            assert_eq!(new.contains("let mut page = Box::new(page); h("), is_changed, "{new}");
        }
    }

    #[test]
    fn refusals() {
        for (text, why) in [
            ("m!(async move { g(page).await })", Refusal::NotABlock),
            ("if a { 1 } else if h(async move { g(page).await }) { 2 }", Refusal::NotAlways),
            ("match a { 1 => h(async move { g(page).await }), _ => 1 }", Refusal::NotAlways),
            ("a && h(async move { g(page).await });", Refusal::NotAlways),
            ("|| h(async move { g(page).await })", Refusal::NotAlways),
            ("#[cfg(a)] h(async move { g(page).await });", Refusal::Attribute),
            ("#[cfg(a)] let a = h(async move { g(page).await });", Refusal::Attribute),
            ("h(async move { g(page).await }); page.len()", Refusal::UsedElsewhere),
            ("h(page.len(), async move { g(page).await })", Refusal::UsedElsewhere),
            ("h(async move { g(page).await }); println!(\"{page:?}\")", Refusal::UsedElsewhere),
            ("h(async move { page.await })", Refusal::Use(box_local::Refusal::Awaited)),
            ("h(async move { &raw const page; })", Refusal::Use(box_local::Refusal::RawPointer)),
            ("h(async move { m!(page) })", Refusal::Use(box_local::Refusal::Macro)),
            ("h(async move { let page = 1; g(page).await })", Refusal::Unused),
        ] {
            assert_eq!(of(&format!("fn f() {{ {text} }}"), false).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn who_sees_it_dropped_sees_it_dropped_in_the_same_order() {
        let h = |before: &str| of(&format!("fn f() {{ {before}async move {{ g(&page).await }}) }}"), true);
        for before in ["h(", "a::h(1, b, ", "self.a.h(", "let a = h("] {
            assert!(h(before).is_ok(), "{before}");
        }
        for before in ["h().i(", "h(i(), ", "h(a[0], ", "h(&b, ", "h(m!(), ", "h(1 + b, "] {
            assert_eq!(h(before).unwrap_err(), Refusal::Evaluates, "{before}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn any_text(pieces in texts::pieces(&[
            "h(", "let a = ", "async move {", "async {", "}", ")", "g(page)", "&page", "&mut page.a", "page", ".await", ";", "// c\n",
            "page.go()", "?", "(", "é", "S { page }", "|b| b", "m!(", "match page {", "page[0] = 1",
        ]), inner in texts::pieces(&["g(", ")", ", ", "page", ".b", ".go()", "&", "1", ";", "/* é */", "{", "}"])) {
            let errors = |text: &str| SourceFile::parse(text, Edition::Edition2021).errors().len();
            for text in [format!("fn f() {{ {pieces} }}"), format!("fn f() {{\n    h(async move {{\n        {inner}\n    }})\n}}")] {
                texts::check_ways(&text, |tree, site| {
                    let found = capture(tree, site.range, "page", "Box", true);
                    found.map(|found| vec![found.uses]).unwrap_or_default()
                })?;
                if Outline::new(text.as_str().into()).sites().iter().any(|site| site.kind == SiteKind::AsyncBlock)
                    && let Ok(new) = of(&text, false)
                {
                    prop_assert!(errors(&text) > 0 || errors(&new) == 0, "{text}");
                }
            }
        }
    }
}

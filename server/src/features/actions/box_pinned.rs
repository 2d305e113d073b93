//! Moves a future that is pinned on the stack to the heap, so that only a pointer to it is stored.
//!
//! ```text
//! let mut f = std::pin::pin!(large(x));    let mut f = Box::pin(large(x));
//!
//! let f = large(x);                        let f = Box::pin(large(x));
//! tokio::pin!(f);                          tokio::pin!(f);
//! ```
//!
//! Such futures are polled by reference, as in a `select!` in a loop: they are neither awaited nor arguments of the macro.
//! Several of them at once are an edit of the kind `box-several`.

use super::box_awaitee::{self, pin_path};
use super::{ActionKind, Candidate, Context, local};
use crate::layout::whatif::{Change, Prediction};
use crate::layout::{Held, HeldKind};
use crate::source::{Edit, TextRange};
use ra_ap_parser::Edition;
use ra_ap_syntax::ast::{self, AstNode};
use ra_ap_syntax::{NodeOrToken, SourceFile, SyntaxKind, SyntaxNode, SyntaxToken};

/// Bytes: smaller ones are not worth an allocation.
const LEAST: u64 = 64;

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    let Some(pin) = pin_path(context.language.heap, context.text()) else { return Vec::new() };
    let is_large = |held: &&Held| {
        let is_pointer =
            held.ty.as_deref().is_some_and(|ty| ty.starts_with("std::pin::Pin<") || ty.starts_with('&'));
        held.kind == HeldKind::Local && held.future.is_some() && held.size >= LEAST && !is_pointer
    };
    let mut large: Vec<&Held> = Vec::new();
    for held in context.suspended().flat_map(|(_, state)| &state.held).filter(is_large) {
        if large.iter().all(|known| known.saved != held.saved) {
            large.push(held);
        }
    }
    if large.is_empty() {
        return Vec::new();
    }
    let candidate = |pinned: Pinned| {
        let declared = |held: &Held| held.declared.as_ref().and_then(|span| context.range(span));
        // What the macro declares has no place among what the user wrote, or that of the call.
        let is_at = |range: TextRange| range.intersect(pinned.at).is_some_and(|both| !both.is_empty());
        let is_this = |held: &&&Held| declared(held).is_none_or(is_at);
        let held = large.iter().filter(|_| context.is_innermost(pinned.at.start())).find(is_this)?;
        let label = "Box this future with Box::pin".to_owned();
        let mut candidate = context.candidate(ActionKind::BoxAwaitee, label, vec![pinned.at, pinned.value]);
        let is_certain = declared(held) == Some(pinned.at);
        candidate.predicted = held.saved.filter(|_| is_certain).and_then(|saved| {
            let new = context.predict(&[Change::Box { saved }])?;
            Some(Prediction { exact: false, ..new })
        });
        candidate.ways = match pinned.replaced {
            Some([before, behind]) => {
                vec![vec![Edit::replace(before, format!("{pin}(")), Edit::replace(behind, ")")]]
            }
            None => vec![box_awaitee::pinned(&pin, pinned.value, ("", "")).into()],
        };
        Some(candidate)
    };
    let mut found: Vec<Candidate> = pinned(context.tree).into_iter().filter_map(candidate).collect();
    if let [first, _, ..] = &found[..] {
        // Those of one `select!` are held together, but what one of them saves is seldom all.
        let count = if found.len() == 2 { "both".to_owned() } else { format!("all {}", found.len()) };
        let label = format!("Box {count} pinned futures with Box::pin");
        let mut all = context.candidate(ActionKind::BoxSeveral, label, first.anchors.clone());
        all.ways = vec![found.iter().filter_map(|one| one.ways.first()).flatten().cloned().collect()];
        found.push(all);
    }
    found
}

/// A future that a macro pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pinned {
    /// The macro's call, or its argument where that is a variable.
    at: TextRange,
    /// What makes the future.
    value: TextRange,
    /// What of the call is around the value.
    replaced: Option<[TextRange; 2]>,
}

/// All of them in a text.
fn pinned(tree: &SourceFile) -> Vec<Pinned> {
    tree.syntax().descendants().filter_map(ast::MacroCall::cast).flat_map(|call| in_call(&call)).collect()
}

fn in_call(call: &ast::MacroCall) -> Vec<Pinned> {
    let name = call.path().and_then(|path| path.segment()).and_then(|segment| segment.name_ref());
    let name = name.map(|name| name.text().to_string()).unwrap_or_default();
    let Some(arguments) = call.token_tree().filter(|_| matches!(&*name, "pin" | "pin_mut")) else {
        return Vec::new();
    };
    let tokens = arguments.syntax().children_with_tokens();
    let tokens: Vec<_> =
        tokens.filter(|it| it.as_token().is_none_or(|token| !token.kind().is_trivia())).collect();
    let [open, inside @ .., close] = &tokens[..] else { return Vec::new() };
    let names: Option<Vec<SyntaxToken>> = inside
        .split(|it| it.as_token().is_some_and(|token| token.text() == ","))
        .filter(|one| !one.is_empty())
        .map(|one| match one {
            [NodeOrToken::Token(token)] if token.kind() == SyntaxKind::IDENT => Some(token.clone()),
            _ => None,
        })
        .collect();
    let at = call.syntax().text_range();
    match (names, inside) {
        (Some(names), _) => {
            let value = |name: &SyntaxToken| {
                let value = made(call, name.text())?;
                Some(Pinned { at: name.text_range(), value, replaced: None })
            };
            names.iter().filter_map(value).collect()
        }
        // `pin!(a, b)` of anything else, and `pin! { let x = 1; }`, are other macros.
        (None, [first, .., last] | [first @ last]) if name == "pin" => {
            let is_one = inside.iter().all(|it| {
                it.as_token().is_none_or(|token| !matches!(token.text(), "," | ";" | "=" | "let" | "&"))
            });
            let is_value = call.syntax().parent().is_some_and(|it| it.kind() == SyntaxKind::MACRO_EXPR);
            let value = first.text_range().cover(last.text_range());
            let before = TextRange::new(at.start(), open.text_range().end());
            let replaced = Some([before, close.text_range()]);
            let is_one = is_one && is_expression(inside);
            (is_one && is_value).then_some(Pinned { at, value, replaced }).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Are a macro's tokens what a fn could be called with?
fn is_expression(tokens: &[NodeOrToken<SyntaxNode, SyntaxToken>]) -> bool {
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return false };
    let text = first.as_token().cloned().or_else(|| first.as_node()?.first_token());
    let texts = std::iter::successors(text, SyntaxToken::next_token)
        .take_while(|token| token.text_range().end() <= last.text_range().end());
    let text: String = texts.map(|token| token.text().to_owned()).collect();
    SourceFile::parse(&format!("fn f() {{ f({text}\n); }}"), Edition::CURRENT).errors().is_empty()
}

/// What the variable is that a call pins: the value of the last `let` of this name in front of it.
fn made(call: &ast::MacroCall, name: &str) -> Option<TextRange> {
    let list = call.syntax().ancestors().find_map(ast::StmtList::cast)?;
    let before = list
        .statements()
        .take_while(|it| it.syntax().text_range().end() <= call.syntax().text_range().start());
    let last = before.filter(|statement| local::binds(statement, name)).last()?;
    let ast::Stmt::LetStmt(statement) = last else { return None };
    let is_plain = matches!(statement.pat(), Some(ast::Pat::IdentPat(it)) if it.ref_token().is_none() && it.pat().is_none());
    let is_alone = is_plain && statement.ty().is_none() && statement.let_else().is_none();
    Some(statement.initializer().filter(|_| is_alone)?.syntax().text_range())
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples};
    use super::*;
    use crate::source::{edited, with_tree};
    use proptest::prelude::*;

    /// The text with everything boxed that is pinned in it.
    fn boxed(body: &str) -> String {
        let text = format!("async fn f() {{ {body} }}");
        let look = |tree: &SourceFile| {
            let edits: Vec<Edit> = pinned(tree)
                .into_iter()
                .flat_map(|one| match one.replaced {
                    Some([before, behind]) => {
                        [Edit::replace(before, "Box::pin("), Edit::replace(behind, ")")]
                    }
                    None => box_awaitee::pinned("Box::pin", one.value, ("", "")),
                })
                .collect();
            edited(&text, &edits).expect("they do not overlap")
        };
        let new = with_tree(&text, look).unwrap();
        new["async fn f() { ".len()..new.len() - 2].to_owned()
    }

    #[test]
    fn the_examples() {
        let examples = examples(include_str!("box_pinned.rs"));
        assert_eq!(examples.len(), 2);
        for Example { before, after } in examples {
            assert_eq!(boxed(&before), after);
        }
    }

    #[test]
    fn the_macro_makes_way() {
        assert_eq!(boxed("g(pin! { a.large::<u8>(x, 1) });"), "g(Box::pin( a.large::<u8>(x, 1) ));");
        assert_eq!(boxed("let f = pin!(async { 1 });"), "let f = Box::pin(async { 1 });");
    }

    #[test]
    fn the_variable_is_a_box_from_the_start() {
        assert_eq!(
            boxed("let f = large(x); let g = h(); tokio::pin!(f);"),
            "let f = Box::pin(large(x)); let g = h(); tokio::pin!(f);"
        );
        assert_eq!(
            boxed("let f = 1; let f = large(x); let g = h(1); pin_mut!(f, g);"),
            "let f = 1; let f = Box::pin(large(x)); let g = Box::pin(h(1)); pin_mut!(f, g);"
        );
    }

    #[test]
    fn others_are_left_alone() {
        for body in [
            "let f: F = large(x); pin!(f);",
            "let (f, g) = large(x); pin!(f);",
            "pin!(f);",
            "let f = pin!(&mut x);",
            "pin! { let f = large(x); }",
            "let f = other!(large(x));",
            "let f = large(x); { pin!(f); }",
            "pin!();",
            "let f = pin!(pin!);",
            "let f = pin!(large(x) |);",
        ] {
            assert_eq!(boxed(body), body);
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_what_parsed_still_does(body in "(let f = |large\\(|x|\\)|;| |pin!\\(|pin!|\\{|\\}|f|,|tokio::pin!\\(f\\);|&){0,14}") {
            let parses = |body: &str| {
                let text = format!("async fn f() {{ {body} }}");
                SourceFile::parse(&text, ra_ap_parser::Edition::CURRENT).errors().is_empty()
            };
            let new = boxed(&body);
            if parses(&body) {
                prop_assert!(parses(&new), "{}", new);
            }
        }
    }
}

//! How much of a parameter an `async move` block around a fn's body would capture.
//!
//! ```text
//! async fn f(a: A, b: B, c: C) {      a: the whole of it
//!     g(&a, b.name).await;            b: since edition 2021 only `b.name`; the rest would be dropped at the call
//! }                                   c: nothing; it would be dropped at the call
//! ```
//!
//! This looks at the syntax alone. If in doubt, the answer is less.

use crate::source::TextRange;
use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{NodeOrToken, SyntaxKind, SyntaxNode, SyntaxToken, WalkEvent};

/// How much is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Captured {
    /// The body does not mention it.
    Nothing,
    /// Perhaps only some fields of it, or nothing.
    Part,
    Whole,
}

/// Macros of which it is known that their arguments are expressions, evaluated in place.
const FORMATTING: &[&str] = &[
    "anyhow",
    "assert",
    "assert_eq",
    "assert_ne",
    "bail",
    "debug",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "ensure",
    "eprint",
    "eprintln",
    "error",
    "format",
    "format_args",
    "info",
    "panic",
    "print",
    "println",
    "trace",
    "warn",
    "write",
    "writeln",
];
/// Those of them that format nothing.
const PLAIN: &[&str] = &["dbg", "join", "try_join", "vec"];

/// What a block around `body` would capture of the parameter `name`. `disjoint`: since edition 2021 only the
/// fields used are captured.
pub(super) fn captured(body: &SyntaxNode, name: &str, disjoint: bool) -> Captured {
    let mut hidden: Vec<TextRange> = Vec::new();
    let mut most = Captured::Nothing;
    let mut uses: Vec<(TextRange, Captured)> = Vec::new();
    let mut preorder = body.preorder();
    while let Some(event) = preorder.next() {
        let WalkEvent::Enter(node) = event else { continue };
        let is_item = ast::Item::can_cast(node.kind()) && node.kind() != SyntaxKind::MACRO_CALL;
        if is_item || is_conditional(&node) {
            // Nested items have names of their own; what may not be compiled does not count.
            if mentions(&node, name) {
                most = Captured::Part;
            }
            preorder.skip_subtree();
        } else if let Some(pattern) = ast::IdentPat::cast(node.clone()) {
            if pattern.name().is_some_and(|it| it.text() == name) {
                hidden.push(scope(&node, body));
            }
        } else if let Some(path) = ast::PathExpr::cast(node.clone()) {
            if path.syntax().text() == name {
                uses.push((node.text_range(), used(&node)));
            }
        } else if let Some(call) = ast::MacroCall::cast(node.clone())
            && let Some(arguments) = call.token_tree()
        {
            let found = in_macro(&call, arguments.syntax(), name);
            let mentioned = mentions(arguments.syntax(), name).then_some(Captured::Part);
            uses.extend(found.max(mentioned).map(|found| (node.text_range(), found)));
        }
    }
    for (at, found) in uses {
        let is_hidden = hidden.iter().any(|scope| scope.contains(at.start()));
        let found = if !disjoint { Captured::Whole } else { found };
        most = most.max(if is_hidden { Captured::Part } else { found });
    }
    most
}

fn is_conditional(node: &SyntaxNode) -> bool {
    let attributes = node.children().filter_map(ast::Attr::cast);
    let text = |attribute: ast::Attr| attribute.syntax().text().to_string();
    attributes.map(text).any(|text| text.split_whitespace().collect::<String>().starts_with("#[cfg"))
}

/// Does the name occur in any way?
fn mentions(node: &SyntaxNode, name: &str) -> bool {
    let mut tokens = node.descendants_with_tokens().filter_map(NodeOrToken::into_token);
    tokens.any(|token| match token.kind() {
        SyntaxKind::STRING => token.text().contains(name),
        _ => token.text() == name,
    })
}

/// Where a variable of the same name hides the parameter, or may.
fn scope(pattern: &SyntaxNode, body: &SyntaxNode) -> TextRange {
    let rest = TextRange::new(pattern.text_range().start(), body.text_range().end());
    for node in pattern.ancestors() {
        match node.kind() {
            SyntaxKind::LET_STMT => {
                let block = node.parent().map_or(rest.end(), |block| block.text_range().end());
                return TextRange::new(node.text_range().end(), block.max(node.text_range().end()));
            }
            SyntaxKind::MATCH_ARM | SyntaxKind::CLOSURE_EXPR => return node.text_range(),
            SyntaxKind::FOR_EXPR | SyntaxKind::LET_EXPR => break,
            _ => (),
        }
    }
    rest
}

/// Is the value at this expression used as a whole?
fn used(expression: &SyntaxNode) -> Captured {
    let mut place = expression.clone();
    let mut is_behind = false;
    loop {
        let Some(parent) = place.parent() else { return Captured::Part };
        let is_first =
            parent.children().find(|child| !ast::Attr::can_cast(child.kind())).as_ref() == Some(&place);
        return match parent.kind() {
            SyntaxKind::PAREN_EXPR => {
                place = parent;
                continue;
            }
            SyntaxKind::PREFIX_EXPR if parent.first_token().is_some_and(|it| it.text() == "*") => {
                (place, is_behind) = (parent, true);
                continue;
            }
            // `x.a`, `x;`, `match x`, `let P = x`, `Foo { ..x }`
            SyntaxKind::FIELD_EXPR
            | SyntaxKind::EXPR_STMT
            | SyntaxKind::LET_EXPR
            | SyntaxKind::RECORD_EXPR_FIELD_LIST => Captured::Part,
            SyntaxKind::MATCH_EXPR if is_first => Captured::Part,
            SyntaxKind::LET_STMT => {
                let statement = ast::LetStmt::cast(parent);
                let pattern = statement.as_ref().and_then(ast::LetStmt::pat);
                let is_name = matches!(pattern, Some(ast::Pat::IdentPat(it)) if it.ref_token().is_none() && it.pat().is_none());
                let otherwise = statement.and_then(|it| it.let_else());
                let whole = is_name && otherwise.is_none() && !is_behind;
                if whole { Captured::Whole } else { Captured::Part }
            }
            // `x = 1`, `_ = x`
            SyntaxKind::BIN_EXPR => {
                let operator = ast::BinExpr::cast(parent).and_then(|it| it.op_kind());
                let plain = matches!(operator, Some(ast::BinaryOp::Assignment { op: None }));
                if plain { Captured::Part } else { Captured::Whole }
            }
            _ => Captured::Whole,
        };
    }
}

/// Uses among a macro's arguments.
fn in_macro(call: &ast::MacroCall, arguments: &SyntaxNode, name: &str) -> Option<Captured> {
    let segment = call.path()?.segment()?.syntax().text().to_string();
    is_known(&segment).then_some(())?;
    let tokens = arguments.descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let tokens: Vec<SyntaxToken> = tokens.filter(|token| !token.kind().is_trivia()).collect();
    let patterns = [SyntaxKind::MATCH_KW, SyntaxKind::LET_KW, SyntaxKind::FN_KW, SyntaxKind::UNDERSCORE];
    if tokens.iter().any(|token| patterns.contains(&token.kind()) || token.text().contains('|')) {
        return None;
    }
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text());
    let mut most = None;
    for (index, token) in tokens.iter().enumerate() {
        let found = if token.kind() == SyntaxKind::STRING {
            // Of `{{x}}` only the braces are printed.
            let format = token.text().replace("{{", "");
            let is_formatted = FORMATTING.contains(&segment.as_str())
                && ["}", ":"].iter().any(|end| format.contains(&format!("{{{name}{end}")));
            is_formatted.then_some(Captured::Whole)
        } else if token.text() == name && is_in_known(token, arguments) {
            let before = index.checked_sub(1).map_or("", text);
            let (next, after, last) = (text(index + 1), text(index + 2), text(index + 3));
            if next == "=" && after != "=" {
                // An argument of this name.
                return None;
            }
            if before.ends_with('.') || before.ends_with(':') || next.starts_with(':') {
                None
            } else if next == "." && after != "await" && last != "(" && !last.starts_with(':') {
                Some(Captured::Part)
            } else if next.starts_with('!') && after != "=" {
                None
            } else {
                Some(Captured::Whole)
            }
        } else {
            None
        };
        most = most.max(found);
    }
    most
}

fn is_known(name: &str) -> bool {
    FORMATTING.contains(&name) || PLAIN.contains(&name)
}

/// Is it in no macro within the macro's arguments that is not known?
fn is_in_known(token: &SyntaxToken, arguments: &SyntaxNode) -> bool {
    let groups = token.parent_ancestors().take_while(|group| group != arguments);
    for group in groups {
        let mut before =
            std::iter::successors(group.first_token().and_then(|it| it.prev_token()), |it| it.prev_token())
                .filter(|it| !it.kind().is_trivia());
        let is_macro = before.next().is_some_and(|it| it.text() == "!");
        if is_macro && before.next().is_some_and(|it| it.kind() == SyntaxKind::IDENT && !is_known(it.text()))
        {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::with_tree;

    fn of_x(body: &str) -> Captured {
        let text = format!("async fn f() {{ {body} }}");
        let look = |tree: &ast::SourceFile| {
            let found = tree.syntax().descendants().find_map(ast::BlockExpr::cast);
            found.map(|body| captured(body.syntax(), "x", true))
        };
        with_tree(&text, look).flatten().unwrap()
    }

    #[test]
    fn whole() {
        for body in [
            "g(x)",
            "g(&x)",
            "x.go()",
            "(x).go()",
            "x",
            "return x",
            "x[0] + 1",
            "x += 1",
            "a == x",
            "x.await?",
            "let y = x;",
            "let x = x; x.a",
            "S { x }",
            "S { a: x }",
            "let c = move || g(&x);",
            "println!(\"{}\", x)",
            "println!(\"{x:?}\")",
            "assert_eq!(x.len(), 3)",
            "if a { x.b } else { g(x) }",
            "match g(x) { _ => () }",
            "for a in x {}",
            "match a { x => x.b } x.go()",
        ] {
            assert_eq!(of_x(body), Captured::Whole, "{body}");
        }
    }

    #[test]
    fn part() {
        for body in [
            "x.a",
            "g(&x.a)",
            "(x).0",
            "x;",
            "let _ = x;",
            "let S { a, .. } = x;",
            "let y = *x;",
            "match x { S { a } => a }",
            "if let Some(a) = x {}",
            "S { a: 1, ..x }",
            "_ = x",
            "x = 3",
            "let x = 3; g(x)",
            "|x| g(x)",
            "if let Some(x) = a { g(x) }",
            "for x in a { g(x) }",
            "fn g(x: u8) { h(x) }",
            "#[cfg(a)] g(x);",
            "other!(x)",
            "println!(\"{}\", x.a)",
            "println!(\"{x}\", x = 1, y = match x {})",
            "vec![\"{x}\"]",
            "println!(\"{x}\", x = y)",
            "println!(\"{{x}}\")",
            "format!(\"{}\", other!(x))",
            "dbg!(a.x)",
        ] {
            assert_eq!(of_x(body), Captured::Part, "{body}");
        }
    }

    #[test]
    fn nothing() {
        for body in ["", "g()", "vec![1]", "xs.go(\"?\")"] {
            assert_eq!(of_x(body), Captured::Nothing, "{body}");
        }
    }

    #[test]
    fn before_edition_2021_whatever_is_mentioned_is_captured() {
        let text = "async fn f() { x.a; }";
        let look = |tree: &ast::SourceFile| {
            let found = tree.syntax().descendants().find_map(ast::BlockExpr::cast);
            found.map(|body| captured(body.syntax(), "x", false))
        };
        assert_eq!(with_tree(text, look).flatten(), Some(Captured::Whole));
    }
}

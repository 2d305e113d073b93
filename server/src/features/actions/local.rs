//! A local in the syntax tree: its `let`, what may use it, and the block that may capture it.

use crate::source::{TextRange, TextSize};
use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{NodeOrToken, SourceFile, SyntaxKind, SyntaxNode, SyntaxToken, WalkEvent};

/// Macros of the standard library that take what they are given by reference.
pub(super) const BY_REFERENCE: &[&str] = &[
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "eprint",
    "eprintln",
    "format",
    "format_args",
    "panic",
    "print",
    "println",
    "write",
    "writeln",
];

/// A local that a `let` directly in a block declares.
pub(super) struct Declared {
    pub binding: ast::IdentPat,
    pub statement: ast::LetStmt,
    pub list: ast::StmtList,
}

/// The local whose pattern is exactly at a range: a macro's is nowhere in the tree.
pub(super) fn declared(tree: &SourceFile, at: TextRange) -> Option<Declared> {
    if at.is_empty() || !tree.syntax().text_range().contains_range(at) {
        return None;
    }
    let node = match tree.syntax().covering_element(at) {
        NodeOrToken::Node(node) => node,
        NodeOrToken::Token(token) => token.parent()?,
    };
    let binding =
        node.ancestors().filter_map(ast::IdentPat::cast).find(|it| it.syntax().text_range() == at)?;
    let is_pattern = |node: &SyntaxNode| {
        ast::Pat::can_cast(node.kind())
            || matches!(node.kind(), SyntaxKind::RECORD_PAT_FIELD | SyntaxKind::RECORD_PAT_FIELD_LIST)
    };
    let around = binding.syntax().ancestors().find(|node| !is_pattern(node))?;
    let statement = ast::LetStmt::cast(around)?;
    let list = statement.syntax().parent().and_then(ast::StmtList::cast)?;
    Some(Declared { binding, statement, list })
}

/// The variables a pattern makes. What begins in upper case is taken for a constant.
pub(super) fn bindings(pattern: &ast::Pat) -> Vec<ast::IdentPat> {
    let bindings = pattern.syntax().descendants().filter_map(ast::IdentPat::cast);
    let is_constant = |binding: &ast::IdentPat| {
        binding.mut_token().is_none()
            && binding.pat().is_none()
            && name(binding).starts_with(|first: char| first.is_uppercase())
    };
    bindings.filter(|binding| !is_constant(binding)).collect()
}

/// A variable's name, without `r#`.
pub(super) fn name(binding: &ast::IdentPat) -> String {
    binding.name().map(|name| plain(name.text()).to_owned()).unwrap_or_default()
}

fn plain(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// Does a statement make a variable of this name, for those that follow?
pub(super) fn binds(statement: &ast::Stmt, named: &str) -> bool {
    let ast::Stmt::LetStmt(statement) = statement else { return false };
    statement.pat().is_some_and(|pattern| bindings(&pattern).iter().any(|it| name(it) == named))
}

/// May anything in a node use the variable of this name? One of the same name in an inner scope counts too.
pub(super) fn mentions(node: &SyntaxNode, named: &str) -> bool {
    mentioning(node, named).next().is_some()
}

/// The tokens that [`mentions`] finds.
pub(super) fn mentioning(node: &SyntaxNode, named: &str) -> impl Iterator<Item = SyntaxToken> {
    let tokens = node.descendants_with_tokens().filter_map(NodeOrToken::into_token);
    tokens.filter(move |token| match token.kind() {
        SyntaxKind::IDENT => plain(token.text()) == named && may_be_variable(token),
        SyntaxKind::STRING => is_in_macro(token) && formats(token.text(), named),
        _ => false,
    })
}

/// Is the token an argument of a macro?
pub(super) fn is_in_macro(token: &SyntaxToken) -> bool {
    token.parent().is_some_and(|parent| parent.kind() == SyntaxKind::TOKEN_TREE)
}

/// Not so the name of a field or method, or one that is only declared.
fn may_be_variable(token: &SyntaxToken) -> bool {
    let Some(parent) = token.parent() else { return false };
    if parent.kind() == SyntaxKind::NAME {
        return false;
    }
    let Some(reference) = ast::NameRef::cast(parent) else { return true };
    let Some(around) = reference.syntax().parent() else { return true };
    match around.kind() {
        SyntaxKind::FIELD_EXPR | SyntaxKind::METHOD_CALL_EXPR => false,
        SyntaxKind::RECORD_EXPR_FIELD | SyntaxKind::RECORD_PAT_FIELD => false,
        SyntaxKind::PATH_SEGMENT => {
            let path = around.parent().and_then(ast::Path::cast);
            path.is_none_or(|path| path.qualifier().is_none())
        }
        _ => true,
    }
}

/// Does a format string take a variable: `{name}`, `{name:?}`, `{:name$}`?
fn formats(text: &str, named: &str) -> bool {
    let is_word = |c: char| c == '_' || c.is_alphanumeric();
    text.match_indices(named).any(|(at, _)| {
        let (before, behind) = (&text[..at], &text[at + named.len()..]);
        let is_whole = !before.ends_with(is_word) && !behind.starts_with(is_word);
        is_whole && (before.trim_end().ends_with('{') || behind.starts_with('$'))
    })
}

/// The nodes of a fn's body, but for what is in the blocks, closures and fns in it that run for themselves.
pub(super) fn own(body: &SyntaxNode) -> impl Iterator<Item = SyntaxNode> {
    let mut preorder = body.preorder();
    std::iter::from_fn(move || {
        loop {
            let WalkEvent::Enter(node) = preorder.next()? else { continue };
            let is_block =
                ast::BlockExpr::cast(node.clone()).is_some_and(|block| block.async_token().is_some());
            let is_item = ast::Item::can_cast(node.kind()) && node.kind() != SyntaxKind::MACRO_CALL;
            if !(is_block || is_item || node.kind() == SyntaxKind::CLOSURE_EXPR) {
                return Some(node);
            }
            preorder.skip_subtree();
        }
    })
}

/// Where lines begin in a piece of the tree, but for those within strings and comments.
pub(super) fn lines(node: &SyntaxNode) -> Vec<TextSize> {
    let tokens = node.descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let spaces = tokens.filter(|token| token.kind() == SyntaxKind::WHITESPACE);
    let line = |token: SyntaxToken| {
        let newline = TextSize::try_from(token.text().rfind('\n')? + 1).ok()?;
        Some(token.text_range().start() + newline)
    };
    spaces.filter_map(line).collect()
}

/// The `async` block that is exactly at a range.
pub(super) fn async_block(tree: &SourceFile, at: TextRange) -> Option<ast::BlockExpr> {
    let token = tree.syntax().token_at_offset(at.start()).right_biased()?;
    let mut blocks = token.parent_ancestors().filter_map(ast::BlockExpr::cast);
    let found = blocks.find(|block| block.syntax().text_range() == at)?;
    found.async_token().is_some().then_some(found)
}

/// The white space that the line of an offset begins with.
pub(super) fn indentation(text: &str, at: TextSize) -> &str {
    let before = text.get(..usize::from(at)).unwrap_or_default();
    let line = &text[before.rfind('\n').map_or(0, |newline| newline + 1)..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::with_tree;

    fn count(text: &str) -> usize {
        with_tree(&format!("fn f() {{ {text} }}"), |tree| mentioning(tree.syntax(), "x").count()).unwrap()
    }

    #[test]
    fn whatever_may_be_a_use_is_one() {
        assert_eq!(count("x; &x; x.y(); S { x }; f(x)[x]; || x; r#x"), 8);
        assert_eq!(count("m!(x, self.x); p!(\"{x} {x:?} {:x$}\"); p!(\"{ax} x {xb}\"); \"{x}\""), 3);
    }

    #[test]
    fn other_things_of_that_name_are_none() {
        assert_eq!(count("a.x; a.x(); S { x: 1 }; let x = 1; let S { x: y } = s; a::x; 'x: loop {}"), 0);
    }
}

//! The generic parameters that items declare, by name.

use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{SyntaxNode, TextRange, TextSize};

use super::tokens::Tokens;

/// An item with generic parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Generics {
    /// The whole item.
    pub(super) item: TextRange,
    /// The names of its types and constants.
    pub(super) names: Box<[TextRange]>,
}

/// Of a fn, impl or trait; the tree's ranges are off by `shift`.
pub(super) fn of(item: &SyntaxNode, shift: TextSize) -> Option<Generics> {
    let list = item.children().find_map(ast::GenericParamList::cast)?;
    let names = list.type_or_const_params().filter_map(|parameter| {
        let name = match parameter {
            ast::TypeOrConstParam::Type(it) => it.name(),
            ast::TypeOrConstParam::Const(it) => it.name(),
        };
        Some(name?.syntax().text_range() + shift)
    });
    let names: Box<[TextRange]> = names.collect();
    (!names.is_empty()).then(|| Generics { item: item.text_range() + shift, names })
}

/// Of the `<…>` that opens at the token `open`, in a header that ends before `end`; `item` is the item's first and last
/// token. A `$name` is none.
pub(super) fn in_tokens(
    tokens: &Tokens<'_>,
    open: usize,
    end: usize,
    item: (usize, usize),
) -> Option<Generics> {
    if tokens.word(open) != "<" {
        return None;
    }
    let (mut at, mut depth, mut is_start) = (open + 1, 1usize, true);
    let mut names = Vec::new();
    while at < end && depth > 0 {
        match tokens.word(at) {
            "<" => depth += 1,
            // `->` and `=>` close nothing.
            ">" if !matches!(tokens.word(at - 1), "-" | "=") => depth -= 1,
            "," if depth == 1 => {
                (at, is_start) = (at + 1, true);
                continue;
            }
            "#" if is_start => {
                at = tokens.group(at + 1, "[").unwrap_or(at) + 1;
                continue;
            }
            "const" if is_start => {
                at += 1;
                continue;
            }
            _ if is_start && depth == 1 && tokens.is_name(at) => names.push(tokens.range(at)),
            "(" | "[" | "{" => at = tokens.group(at, "([{").unwrap_or(at),
            _ => (),
        }
        is_start = false;
        at += 1;
    }
    (!names.is_empty()).then(|| Generics { item: tokens.cover(item.0, item.1), names: names.into() })
}

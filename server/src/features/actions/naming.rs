//! Names for new variables.
//!
//! ```text
//! queue.lock().await.get_number().unwrap()        number
//! big().id() + 1                                  value
//! ```

use super::local;
use ra_ap_parser::Edition;
use ra_ap_syntax::ast::{self, AstNode};
use ra_ap_syntax::{SyntaxKind, SyntaxNode};

/// A name for a variable with this value, which no one else has in the fn that `within` is in.
pub(super) fn variable(within: &SyntaxNode, value: &ast::Expr) -> String {
    let around = || within.ancestors();
    let outermost = around().filter(|it| it.kind() == SyntaxKind::FN).last();
    let Some(all) = outermost.or_else(|| around().last()) else { return String::new() };
    let own = value.syntax().text_range();
    let is_free = |name: &str| {
        let mut names = all.descendants().filter_map(ast::Name::cast);
        let mut uses = local::mentioning(&all, name).filter(|token| !own.contains_range(token.text_range()));
        !names.any(|it| it.text() == name) && uses.next().is_none()
    };
    let made = made_by(value).filter(|name| is_fine(name));
    let numbered = (2u32..).map(|number| format!("value_{number}"));
    let mut names = made.into_iter().chain(["value".to_owned()]).chain(numbered);
    names.find(|name| is_free(name)).unwrap_or_default()
}

/// The name of the last method, fn or field, where that says what the value is.
fn made_by(value: &ast::Expr) -> Option<String> {
    let name = match value {
        ast::Expr::ParenExpr(it) => return made_by(&it.expr()?),
        ast::Expr::TryExpr(it) => return made_by(&it.expr()?),
        ast::Expr::AwaitExpr(it) => return made_by(&it.expr()?),
        ast::Expr::RefExpr(it) => return made_by(&it.expr()?),
        ast::Expr::PrefixExpr(it) => return made_by(&it.expr()?),
        ast::Expr::CastExpr(it) => return made_by(&it.expr()?),
        ast::Expr::MethodCallExpr(it) if it.name_ref().is_some_and(|name| PASSING.contains(&name.text())) => {
            return made_by(&it.receiver()?);
        }
        ast::Expr::MethodCallExpr(it) => it.name_ref()?,
        ast::Expr::FieldExpr(it) => it.name_ref()?,
        ast::Expr::CallExpr(it) => match it.expr()? {
            ast::Expr::PathExpr(it) => it.path()?.segment()?.name_ref()?,
            _ => return None,
        },
        _ => return None,
    };
    let name = name.text();
    Some(match name {
        "pop" | "pop_front" | "pop_back" => "popped".to_owned(),
        _ => name.strip_prefix("get_").unwrap_or(name).to_owned(),
    })
}

/// Methods whose value is what they were called on, more or less.
const PASSING: [&str; 25] = [
    "as_deref",
    "as_mut",
    "as_ref",
    "as_str",
    "borrow",
    "borrow_mut",
    "clone",
    "cloned",
    "copied",
    "err",
    "expect",
    "into",
    "into_iter",
    "iter",
    "iter_mut",
    "map",
    "map_err",
    "ok",
    "to_owned",
    "to_string",
    "to_vec",
    "unwrap",
    "unwrap_or",
    "unwrap_or_default",
    "unwrap_or_else",
];

/// Is it a name for a variable, that also says something?
fn is_fine(name: &str) -> bool {
    const DULL: [&str; 9] = ["default", "from", "get", "get_mut", "lock", "new", "read", "take", "write"];
    let is_word = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit());
    is_word
        && name.len() <= 24
        && !DULL.contains(&name)
        && SyntaxKind::from_keyword(name, Edition::CURRENT).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::with_tree;

    #[test]
    fn names() {
        let name = |value: &str, rest: &str| {
            let text = format!("async fn f() {{ match {value} {{ 0 => tick().await, _ => {rest} }} }}");
            let look = |tree: &ast::SourceFile| {
                let found = tree.syntax().descendants().find_map(ast::MatchExpr::cast).unwrap();
                variable(found.syntax(), &found.expr().unwrap())
            };
            with_tree(&text, look).unwrap()
        };
        assert_eq!(name("big().id()", "0"), "id");
        assert_eq!(name("f(&big()).await?.len().clone().unwrap()", "0"), "len");
        assert_eq!(name("big().get_number()", "0"), "number");
        assert_eq!(name("a::next(big())", "0"), "next");
        assert_eq!(name("Some(big().id())", "0"), "value");
        assert_eq!(name("big().r#type()", "0"), "value");
        assert_eq!(name("big().id() + 1", "0"), "value");
        assert_eq!(name("S::new(big())", "0"), "value");
        assert_eq!(name("big().id()", "id"), "value");
        assert_eq!(name("big().id()", "a.id()"), "id");
        assert_eq!(name("big().id()", "println!(\"{id}\")"), "value");
        assert_eq!(name("big().id()", "{ let id = 1; value }"), "value_2");
        assert_eq!(name("big().id()", "|id| 1"), "value");
    }
}

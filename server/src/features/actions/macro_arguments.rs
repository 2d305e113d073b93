//! The futures among the arguments of macros that poll several futures at once.
//!
//! ```text
//! join!(«a()», «b(1)»)
//! select! { biased; x = «a()» => x, Ok(y) = «b(1)», if ready => { y } else => 0 }
//! ```

use crate::source::TextRange;
use ra_ap_syntax::ast::{self, AstNode};
use ra_ap_syntax::{NodeOrToken, SyntaxElement, SyntaxNode};

/// The arguments that are futures, of each such macro call in a piece of the tree. Calls in the arguments of
/// other macros are not seen.
pub(super) fn calls(within: &SyntaxNode) -> Vec<Vec<TextRange>> {
    let calls = within.descendants().filter_map(ast::MacroCall::cast);
    calls.filter_map(|call| in_call(&call)).collect()
}

/// Is a text a call of such a macro?
pub(super) fn is_call(text: &str) -> bool {
    let Some((path, _)) = text.split_once('!') else { return false };
    waits_for_several(path.rsplit("::").next().unwrap_or(path).trim())
}

/// Is it the name of such a macro?
pub(super) fn waits_for_several(name: &str) -> bool {
    matches!(name, "join" | "try_join" | "select" | "select_biased")
}

fn in_call(call: &ast::MacroCall) -> Option<Vec<TextRange>> {
    let name = call.path()?.segment()?.name_ref()?;
    let tree = call.token_tree()?;
    // Between the brackets; what is in brackets itself is one element.
    let mut elements: Vec<SyntaxElement> = tree.syntax().children_with_tokens().collect();
    elements.pop()?;
    elements.drain(..elements.len().min(1));
    elements.retain(|element| !element.as_token().is_some_and(|token| token.kind().is_trivia()));
    let text = |element: &SyntaxElement| match element {
        NodeOrToken::Token(token) => token.text().to_owned(),
        NodeOrToken::Node(node) => node.text().to_string(),
    };
    let list: Vec<(TextRange, String)> =
        elements.iter().map(|element| (element.text_range(), text(element))).collect();
    let list = match &list[..] {
        [(_, word), (_, end), rest @ ..] if word == "biased" && end == ";" => rest,
        all => all,
    };
    match name.text() {
        "join" | "try_join" => Some(list.split(|(_, text)| text == ",").filter_map(whole).collect()),
        "select" | "select_biased" => Some(branches(list)),
        _ => None,
    }
}

/// From the first to the last; none of nothing, and of what is a reference or a box already.
fn whole(list: &[(TextRange, String)]) -> Option<TextRange> {
    let ((first, word), (last, _)) = (list.first()?, list.last()?);
    let is_box = word == "Box" && list.iter().any(|(_, text)| text == "pin");
    (word != "&" && !is_box).then(|| first.cover(*last))
}

/// `PATTERN = FUTURE [, if CONDITION] => HANDLER [,]`, and `else => HANDLER`.
fn branches(list: &[(TextRange, String)]) -> Vec<TextRange> {
    let text = |at: usize| list.get(at).map_or("", |(_, text)| text.as_str());
    let touch = |at: usize| list.get(at).zip(list.get(at + 1)).is_some_and(|(a, b)| a.0.end() == b.0.start());
    // The tokens of `=>` may come one by one.
    let is_arrow = |at: usize| text(at) == "=>" || text(at) == "=" && text(at + 1) == ">" && touch(at);
    let is_binding = |at: usize| {
        let joined = at.checked_sub(1).is_some_and(|before| {
            touch(before) && matches!(text(before), "." | ".." | "<" | ">" | "=" | "!")
        });
        let is_compared = text(at + 1) == "=" && touch(at);
        text(at) == "=" && !joined && !is_compared && !is_arrow(at)
    };
    let mut found = Vec::new();
    let mut at = 0;
    while at < list.len() {
        let Some(binding) = (at..list.len()).find(|&at| is_binding(at) || is_arrow(at)) else { break };
        let Some(arrow) = (binding..list.len()).find(|&at| is_arrow(at)) else { break };
        if is_binding(binding) {
            let guard = (binding..arrow).find(|&at| text(at) == "," && text(at + 1) == "if");
            found.extend(whole(&list[binding + 1..guard.unwrap_or(arrow)]));
        }
        // Behind the arrow, which may be two tokens: a block ends the branch, else a comma does.
        at = arrow + if text(arrow) == "=>" { 1 } else { 2 };
        if text(at).starts_with('{') && text(at + 1) != "." && text(at + 1) != "?" {
            at += 1;
        } else {
            at = (at..list.len()).find(|&at| text(at) == ",").unwrap_or(list.len());
        }
        at += usize::from(text(at) == ",");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::with_tree;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<String> {
        let look = |tree: &ra_ap_syntax::SourceFile| calls(tree.syntax());
        with_tree(text, look)
            .unwrap_or_default()
            .into_iter()
            .flatten()
            .map(|range| text[range].to_owned())
            .collect()
    }

    #[test]
    fn all_that_are_joined() {
        let text =
            "fn f() { let x = tokio::join!(a(1, 2), b().c(),); futures::try_join! { x.y::<T>() }; join!(); }";
        assert_eq!(found(text), ["a(1, 2)", "b().c()", "x.y::<T>()"]);
    }

    #[test]
    fn every_branch_of_a_select() {
        let text = "fn f() { tokio::select! {
            biased;
            x = a() => x,
            Ok(1..=2) = s.b(1), if n >= 1 => { y }
            _ = async { c == d } => f(|x| x == 1), // comment
            Some(x) = e.next() => match x { _ => 1 },
            else => { 1 }
        } }";
        assert_eq!(found(text), ["a()", "s.b(1)", "async { c == d }", "e.next()"]);
    }

    #[test]
    fn what_is_behind_a_pointer_is_none() {
        let text = "fn f() { join!(&mut a, Box::pin(b())); select! { _ = &mut c => 1, _ = Box::pin(d()) => 2 } other!(e()) }";
        assert_eq!(found(text), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(select|join)! ?[({\\[]([a-c]|=|=>|,| |if|else|\\(|\\)|\\{|\\}|;|biased|&|\\.|>){0,20}[)}\\]]") {
            found(&format!("fn f() {{ {text} }}"));
        }
    }
}

//! Calls that hand a future to an executor.

use ra_ap_parser::{Edition, LexedStr, SyntaxKind};
use ra_ap_syntax::{TextRange, TextSize};

/// `tokio::spawn(argument)`, `runtime.block_on(argument)`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spawn {
    /// The called name: `spawn`.
    pub name: TextRange,
    /// What is handed over.
    pub argument: Argument,
}

/// The future handed over, as far as the text tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// An `async` block that begins here.
    Block(TextSize),
    /// A call of the fn with this last name.
    Call(String),
}

/// The calls of this name, and whether it is the method of a runtime.
const SPAWNING: [&str; 5] = ["spawn", "spawn_local", "spawn_on", "spawn_local_on", "block_on"];

/// All such calls in a text.
pub fn spawns(text: &str) -> Vec<Spawn> {
    if !SPAWNING.iter().any(|name| text.contains(name)) {
        return Vec::new();
    }
    let lexed = LexedStr::new(Edition::CURRENT, text);
    let tokens: Vec<usize> = (0..lexed.len()).filter(|&i| !lexed.kind(i).is_trivia()).collect();
    let word = |at: usize| tokens.get(at).map_or("", |&i| lexed.text(i));
    let start = |at: usize| TextSize::try_from(lexed.text_start(tokens[at])).ok();
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if !SPAWNING.contains(&word(at)) || word(at + 1) != "(" || at > 0 && word(at - 1) == "fn" {
            continue;
        }
        // `std::thread::spawn`, or a scope's.
        let is_thread = |at: usize| word(at) == "thread" && word(at + 1) == ":";
        if at.checked_sub(3).is_some_and(is_thread) || at.checked_sub(2).is_some_and(is_thread) {
            continue;
        }
        let mut next = at + 2;
        let argument = if word(next) == "async" {
            start(next).map(Argument::Block)
        } else {
            // `path::to::name(` or `self.name(`: the last name before the bracket is the called one.
            while let Some(&token) = tokens.get(next) {
                let kind = lexed.kind(token);
                let path = matches!(kind, SyntaxKind::IDENT | SyntaxKind::SELF_KW)
                    || matches!(lexed.text(token), ":" | "." | "crate" | "super" | "Self" | "&");
                if !path {
                    break;
                }
                next += 1;
            }
            let is_call = word(next) == "(" && next > at + 2;
            is_call.then(|| Argument::Call(word(next - 1).to_owned()))
        };
        if let (Some(argument), Some(begin)) = (argument, start(at)) {
            found.push(Spawn { name: TextRange::at(begin, TextSize::of(word(at))), argument });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn futures_handed_over_are_found() {
        let text = "fn spawn(f: F) {} fn main() { tokio::spawn(async move { 1 }); set.spawn(a::run(1));\n\
                    rt.block_on(self.go()); std::thread::spawn(move || 1); spawn(task); \
                    std::thread::spawn(a::run()); }";
        let arguments: Vec<_> = spawns(text).into_iter().map(|spawn| spawn.argument).collect();
        let block = TextSize::of(&text[..text.find("async").unwrap()]);
        assert_eq!(
            arguments,
            [Argument::Block(block), Argument::Call("run".into()), Argument::Call("go".into())]
        );
    }
}

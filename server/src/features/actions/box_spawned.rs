//! Hands a pointer to a large future over when it is spawned, and not the future itself. No future gets smaller by that: what
//! it saves is what is moved over the stack.
//!
//! ```text
//! tokio::spawn(serve(page));      tokio::spawn(Box::pin(serve(page)));
//! ```
//!
//! A future is built on the stack of whoever spawns it, and passed to `spawn` by value, from one fn to the next, until it is
//! where tasks are stored. With optimization a boxed one is built on the heap where it is made. tokio boxes a future itself above
//! 2,048 bytes in builds with debug assertions and above 16,384 in others, but only after it was passed by value.
//!
//! So the sizes in the title are those of what is passed: the future's, and a pointer's. Offered above 2,048 bytes, in editors;
//! `futurelens fix` lists such edits only with `--kind box-spawned`. It costs an allocation for each task, beside the task's own.

use super::box_awaitee::pin_path;
use super::{ActionKind, Candidate, Context, Elsewhere, call_sites, local};
use crate::features::spawned;
use crate::layout::FutureKind;
use crate::layout::whatif::Prediction;
use crate::source::{Argument, Edit, SiteKind, Spawn, TextRange, spawns, with_tree};
use ra_ap_syntax::ast::{self, AstNode, HasArgList, HasAttrs};
use ra_ap_syntax::{SourceFile, SyntaxKind};
use std::path::Path;

/// Smaller ones may as well be passed by value, in bytes: above this tokio allocates itself in builds with debug assertions.
const LARGE: u64 = 2048;

/// Why a spawned future is passed as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The call of `spawn` stands among the tokens of a macro, or in a file in which no future was measured.
    Macro,
    /// What is spawned is something else: `block_on` runs a future where it is, and a future in a wrapper, or in a box, is not
    /// the one that was measured.
    Otherwise,
    /// The argument has an attribute.
    Attribute,
}

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    all(context).unwrap_or_default()
}

fn all(context: &Context<'_>) -> Option<Vec<Candidate>> {
    let (site, body) = (context.site(), context.future.body.as_ref()?);
    // A macro may have made something else of what stands there.
    let is_as_written = body.compiled_name.is_none() && context.shown.id == context.future.id;
    if context.future.size <= LARGE || !is_as_written {
        return None;
    }
    match (site.kind, FutureKind::from(body.compiled)) {
        (SiteKind::AsyncBlock, FutureKind::AsyncBlock) => Some(block(context).into_iter().collect()),
        (SiteKind::AsyncFn, FutureKind::AsyncFn) => called(context),
        _ => None,
    }
}

/// `spawn(async move { … })`
fn block(context: &Context<'_>) -> Option<Candidate> {
    let path = pin_path(context.language.heap, context.text())?;
    let site = context.site();
    let spawn = spawns(context.text())
        .into_iter()
        .find(|spawn| matches!(spawn.argument, Argument::Block(at) if at == site.token.start()))?;
    let argument = argument(context.tree, &spawn).ok().filter(|it| *it == site.range)?;
    let name = &context.text()[spawn.name];
    let label = format!("Box the future that `{name}` is called with");
    let mut candidate = candidate(context, label, vec![spawn.name])?;
    candidate.ways = vec![boxed(argument, &path).to_vec()];
    Some(candidate)
}

/// `spawn(f(x))`, wherever it is.
fn called(context: &Context<'_>) -> Option<Vec<Candidate>> {
    let snapshot = context.snapshot;
    let name = spawned::last_name(context.future);
    if spawned::called(snapshot, name).is_empty() {
        return None;
    }
    let mut found = Vec::new();
    for file in snapshot.paths() {
        for view in snapshot.file(file).iter().filter(|view| !view.standing.is_stale()) {
            let text = view.outline.text();
            // All offsets would be shifted by a byte order mark.
            let is_of_run = snapshot.text(context.future, &view.path).is_some_and(|it| it.text() == text);
            if !is_of_run || text.starts_with('\u{feff}') || !text.contains(name) {
                continue;
            }
            let Some(path) = pin_path(context.language.heap, text) else { continue };
            let is_of = |spawn: &Spawn| matches!(&spawn.argument, Argument::Call(called) if called == name);
            let spawns: Vec<Spawn> = spawns(text).into_iter().filter(is_of).collect();
            if spawns.is_empty() {
                continue;
            }
            let look = |tree: &SourceFile| -> Vec<Option<TextRange>> {
                let called = |spawn| argument(tree, spawn).ok().filter(|at| is_call(tree, *at, name));
                spawns.iter().map(called).collect()
            };
            let arguments = with_tree(text, look).unwrap_or_default();
            for (spawn, argument) in spawns.iter().zip(arguments) {
                let Some(argument) = argument else { continue };
                let is_here = file == context.file;
                if is_here && context.site().range.contains_range(argument) {
                    continue;
                }
                let anchors = if is_here { vec![spawn.name] } else { Vec::new() };
                let at = view.outline.line_col(spawn.name.start());
                let file_name =
                    Path::new(&*view.path).file_name().map_or("".into(), |it| it.to_string_lossy());
                let label = format!("Box `{name}` where it is spawned, in {file_name}:{}", at.line);
                let Some(mut candidate) = candidate(context, label, anchors) else { continue };
                candidate.ways = vec![Vec::new()];
                candidate.elsewhere = vec![Elsewhere {
                    file: file.to_owned(),
                    text: view.outline.clone(),
                    edits: boxed(argument, &path).to_vec(),
                    bodies: call_sites::bodies(
                        context,
                        std::slice::from_ref(view),
                        std::iter::once(argument),
                    ),
                }];
                found.push(candidate);
            }
        }
    }
    Some(found)
}

/// What is passed is a pointer then.
fn candidate(context: &Context<'_>, label: String, anchors: Vec<TextRange>) -> Option<Candidate> {
    let pointer = context.future.parts.pointer?;
    let mut candidate = context.candidate(ActionKind::BoxSpawned, label, anchors);
    candidate.predicted = Some(Prediction { size: pointer, align: pointer, exact: true });
    Some(candidate)
}

fn boxed(argument: TextRange, path: &str) -> [Edit; 2] {
    [Edit::insert(argument.start(), format!("{path}(")), Edit::insert(argument.end(), ")")]
}

/// What is passed to a call of `spawn`.
fn argument(tree: &SourceFile, spawn: &Spawn) -> Result<TextRange, Refusal> {
    let token = tree.syntax().token_at_offset(spawn.name.start()).right_biased().ok_or(Refusal::Macro)?;
    if local::is_in_macro(&token) {
        return Err(Refusal::Macro);
    }
    if token.text() == "block_on" {
        return Err(Refusal::Otherwise);
    }
    let is_call = |kind| matches!(kind, SyntaxKind::CALL_EXPR | SyntaxKind::METHOD_CALL_EXPR);
    let call = token.parent_ancestors().find(|node| is_call(node.kind())).ok_or(Refusal::Otherwise)?;
    let list = match ast::CallExpr::cast(call.clone()) {
        Some(it) => it.arg_list(),
        None => ast::MethodCallExpr::cast(call).and_then(|it| it.arg_list()),
    };
    let list = list.ok_or(Refusal::Otherwise)?;
    let argument = list.args().next().ok_or(Refusal::Otherwise)?;
    if list.syntax().text_range().start() < spawn.name.end() {
        return Err(Refusal::Otherwise);
    }
    if argument.syntax().children().any(|it| ast::Attr::can_cast(it.kind())) {
        return Err(Refusal::Attribute);
    }
    Ok(argument.syntax().text_range())
}

/// Is it a call of a fn with this name, and nothing else?
fn is_call(tree: &SourceFile, at: TextRange, name: &str) -> bool {
    let node = match tree.syntax().covering_element(at) {
        ra_ap_syntax::NodeOrToken::Node(node) => node,
        ra_ap_syntax::NodeOrToken::Token(_) => return false,
    };
    let of = |it: Option<ast::NameRef>| it.is_some_and(|it| it.text().trim_start_matches("r#") == name);
    match ast::Expr::cast(node) {
        Some(ast::Expr::CallExpr(it)) => match it.expr() {
            Some(ast::Expr::PathExpr(path)) => of(path.path().and_then(|it| it.segment()?.name_ref())),
            _ => false,
        },
        Some(ast::Expr::MethodCallExpr(it)) => it.attrs().next().is_none() && of(it.name_ref()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples, in_fn};
    use super::*;
    use crate::source::edited;
    use proptest::prelude::*;
    use ra_ap_syntax::Edition;

    /// All that is spawned in a text, in boxes: blocks, and calls of `serve`.
    fn of(text: &str) -> Result<String, Refusal> {
        let look = |tree: &SourceFile| {
            let mut edits = Vec::new();
            for spawn in spawns(text) {
                let at = argument(tree, &spawn)?;
                let is_meant = match &spawn.argument {
                    Argument::Block(start) => at.start() == *start && local::async_block(tree, at).is_some(),
                    Argument::Call(_) => is_call(tree, at, "serve"),
                };
                if !is_meant {
                    return Err(Refusal::Otherwise);
                }
                edits.extend(boxed(at, "Box::pin"));
            }
            Ok(edits)
        };
        let edits = with_tree(text, look).unwrap()?;
        Ok(edited(text, &edits).unwrap())
    }

    #[test]
    fn the_example() {
        for Example { before, after } in examples(include_str!("box_spawned.rs")) {
            assert_eq!(of(&in_fn(&before)), Ok(in_fn(&after)));
        }
    }

    #[test]
    fn what_is_spawned() {
        for (text, expected) in [
            ("rt.spawn_on(a::serve(1, 2), &h)", "rt.spawn_on(Box::pin(a::serve(1, 2)), &h)"),
            ("spawn(self.serve())", "spawn(Box::pin(self.serve()))"),
            ("spawn(async move { 1 })", "spawn(Box::pin(async move { 1 }))"),
            ("spawn()", "spawn()"),
            ("std::thread::spawn(serve())", "std::thread::spawn(serve())"),
            ("spawn(serve)", "spawn(serve)"),
        ] {
            let within = |text: &str| format!("fn f() {{ {text} }}");
            assert_eq!(of(&within(text)), Ok(within(expected)));
        }
    }

    #[test]
    fn refusals() {
        for (text, why) in [
            ("m!(spawn(serve()))", Refusal::Macro),
            ("rt.block_on(serve())", Refusal::Otherwise),
            ("spawn(serve().instrument(s))", Refusal::Otherwise),
            ("spawn(async { 1 }.map(h))", Refusal::Otherwise),
            ("spawn(Box::pin(serve()))", Refusal::Otherwise),
            ("spawn(other(serve()))", Refusal::Otherwise),
            ("spawn(self.serve(1)(2))", Refusal::Otherwise),
            ("spawn(serve(1)?)", Refusal::Otherwise),
        ] {
            assert_eq!(of(&format!("fn f() {{ {text} }}")), Err(why), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn any_text(text in super::super::texts::pieces(&[
            "spawn(", "a.spawn_on(", "serve(1)", "async move {", "}", ")", "#[a]", "m!(", ";", ".b()", "// c\n", "/* d */", "é", ",", "|b|",
        ])) {
            let text = format!("fn f() {{ {text} }}");
            let errors = |text: &str| SourceFile::parse(text, Edition::CURRENT).errors().len();
            if let Ok(new) = of(&text) {
                prop_assert!(errors(&text) > 0 || errors(&new) == 0, "{text}");
            }
        }
    }
}

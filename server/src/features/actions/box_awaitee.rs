//! Moves an awaited future to the heap, so that only a pointer to it is stored.
//!
//! ```text
//! large(x).await?;                    Box::pin(large(x)).await?;
//! ```
//!
//! Where a future awaits the same callee several times, all its awaits are boxed at once: one that stays would keep the future
//! as large as it is. The arguments of `join!` and the arms of `select!` are awaited, too; what boxing one of them saves, only
//! the compiler can tell.

use super::{ActionKind, Candidate, Context, macro_arguments};
use crate::features::language::Heap;
use crate::layout::whatif::Change;
use crate::layout::{Held, HeldKind};
use crate::render::types::short_type;
use crate::source::{Edit, TextRange, TextSize};
use ra_ap_parser::{Edition, LexedStr};
use ra_ap_syntax::SourceFile;
use ra_ap_syntax::ast::{self, AstNode};

/// One `.await` whose awaitee could be boxed.
pub(super) struct Await<'a> {
    pub held: &'a Held,
    /// Index among the body's stored locals.
    pub saved: u32,
    /// The awaited expression, without `.await`.
    pub operand: TextRange,
    /// `operand.await`
    pub whole: TextRange,
}

/// All of them, in the order of the states.
pub(super) fn awaits<'a>(context: &Context<'a>) -> Vec<Await<'a>> {
    let mut awaits: Vec<Await<'_>> = Vec::new();
    for (_, state) in context.suspended() {
        let Some(found) = state.held.iter().find_map(|held| awaited(context, held)) else { continue };
        // Two states of one await: a macro's.
        if awaits.iter().all(|known| known.whole != found.whole) {
            awaits.push(found);
        }
    }
    awaits
}

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    let Some(pin) = pin_path(context.language.heap, context.text()) else { return Vec::new() };
    let awaits = awaits(context);
    let mut found: Vec<Candidate> = awaits.iter().map(|one| boxed(context, &pin, &[one])).collect();
    let mut done: Vec<&str> = Vec::new();
    for one in &awaits {
        let Some(callee) = one.held.future.as_deref() else { continue };
        if done.contains(&callee) {
            continue;
        }
        done.push(callee);
        let same: Vec<&Await<'_>> =
            awaits.iter().filter(|other| other.held.future.as_deref() == Some(callee)).collect();
        if same.len() > 1 {
            let all = boxed(context, &pin, &same);
            // Worth a word only if one alone does less.
            let best = found.iter().filter_map(|candidate| candidate.predicted).map(|p| p.size).min();
            if best.is_none_or(|best| all.predicted.is_none_or(|all| all.size < best)) {
                found.push(all);
            }
        }
    }
    found.extend(arguments(context, &pin));
    found
}

/// Does this future hold what a macro that waits for several futures made of them: something that is declared in the
/// macro, and has its place at the call?
pub(super) fn holds_arguments(context: &Context<'_>) -> bool {
    let is_macro_s = |held: &Held| {
        let is_call = |range: TextRange| {
            context.text().get(std::ops::Range::<usize>::from(range)).is_some_and(macro_arguments::is_call)
        };
        let in_macro = held.declared.as_ref().is_some_and(|span| context.range(span).is_none_or(is_call));
        held.kind == HeldKind::Local && in_macro && held.size >= SMALLEST_ARGUMENTS
    };
    context.suspended().any(|(_, state)| state.held.iter().any(is_macro_s))
}

/// The arguments of such macros.
fn arguments(context: &Context<'_>, pin: &str) -> Vec<Candidate> {
    if !holds_arguments(context) {
        return Vec::new();
    }
    let candidate = |operand: TextRange| {
        let label = "Box this future with Box::pin".to_owned();
        let mut candidate = context.candidate(ActionKind::BoxAwaitee, label, vec![operand]);
        candidate.ways = ways(pin, &[operand]);
        candidate
    };
    let futures = macro_arguments::calls(context.tree.syntax()).into_iter().flatten();
    futures.filter(|operand| context.is_innermost(operand.start())).map(candidate).collect()
}

/// Bytes: what the futures of a macro take together, for one of them to be worth a try.
const SMALLEST_ARGUMENTS: u64 = 64;

/// The path of `Box::pin` in a text; none without a heap.
pub(super) fn pin_path(heap: Heap, text: &str) -> Option<String> {
    match heap {
        Heap::Std => Some("Box::pin".to_owned()),
        Heap::None => None,
        Heap::Alloc if imports_box(text) => Some("Box::pin".to_owned()),
        Heap::Alloc => Some("alloc::boxed::Box::pin".to_owned()),
    }
}

/// Is there a `use alloc::boxed::Box`, in whatever form?
fn imports_box(text: &str) -> bool {
    let words: String = text.split_whitespace().collect();
    words.contains("usealloc::boxed::Box;") || words.contains("boxed::Box,") || words.contains("boxed::Box}")
}

fn awaited<'a>(context: &Context<'_>, held: &'a Held) -> Option<Await<'a>> {
    if held.kind != HeldKind::Awaitee {
        return None;
    }
    let whole = context.range(held.declared.as_ref()?)?;
    let (whole, operand) = operand(context.text(), whole).map(|operand| (whole, operand)).or_else(|| {
        let whole = with_macro(context.text(), context.site().range.start(), whole)?;
        Some((whole, operand(context.text(), whole)?))
    })?;
    // Boxed already, or pinned by a reference.
    let is_pointer = |ty: &str| ty.starts_with("std::pin::Pin<") || ty.starts_with('&');
    if held.ty.as_deref().is_some_and(is_pointer) {
        return None;
    }
    Some(Await { held, saved: held.saved?, operand, whole })
}

/// `OPERAND` of `OPERAND.await`, if that is what stands there: an await that a macro makes does not.
pub(super) fn operand(text: &str, whole: TextRange) -> Option<TextRange> {
    let expression = text.get(std::ops::Range::<usize>::from(whole))?;
    let lexed = LexedStr::new(Edition::CURRENT, expression);
    let mut tokens = (0..lexed.len()).rev().filter(|&i| !lexed.kind(i).is_trivia());
    let (word, dot, last) = (tokens.next()?, tokens.next()?, tokens.next()?);
    if lexed.text(word) != "await" || lexed.text(dot) != "." || !is_await(expression) {
        return None;
    }
    let end = TextSize::try_from(lexed.text_range(last).end).ok()?;
    Some(TextRange::at(whole.start(), end))
}

/// The compiler has an expression that begins with a macro's argument begin there: of `call!(large()).await` it says
/// `large()).await`. Here it begins with the macro, behind `from`.
fn with_macro(text: &str, from: TextSize, at: TextRange) -> Option<TextRange> {
    let slice = |start: TextSize, end: TextSize| text.get(usize::from(start)..usize::from(end));
    // How many brackets are closed that were opened before?
    let (mut depth, mut open) = (0usize, 0usize);
    let behind = slice(at.start(), at.end())?;
    let lexed = LexedStr::new(Edition::CURRENT, behind);
    for i in 0..lexed.len() {
        match lexed.text(i) {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth > 0 => depth -= 1,
            ")" | "]" | "}" => open += 1,
            _ => {}
        }
    }
    let before = slice(from, at.start()).filter(|_| open > 0)?;
    let lexed = LexedStr::new(Edition::CURRENT, before);
    let tokens: Vec<usize> = (0..lexed.len()).filter(|&i| !lexed.kind(i).is_trivia()).collect();
    let text = |at: usize| lexed.text(tokens[at]);
    let mut depth = 0usize;
    let bracket = (0..tokens.len()).rev().find(|&at| {
        match text(at) {
            ")" | "]" | "}" => depth += 1,
            "(" | "[" | "{" if depth > 0 => depth -= 1,
            "(" | "[" | "{" => open -= 1,
            _ => {}
        }
        open == 0
    })?;
    let mut first = bracket.checked_sub(2).filter(|_| text(bracket - 1) == "!")?;
    let is_name = |at: usize| text(at).starts_with(|c: char| c == '_' || c.is_alphabetic());
    while is_name(first)
        && first >= 3
        && text(first - 1) == ":"
        && text(first - 2) == ":"
        && is_name(first - 3)
    {
        first -= 3;
    }
    let start = TextSize::try_from(lexed.text_range(tokens[first]).start).ok()?;
    is_name(first).then(|| TextRange::new(from + start, at.end()))
}

/// Is the text one expression that ends in `.await`? Not so `a + b.await`.
fn is_await(expression: &str) -> bool {
    let tree = SourceFile::parse(&format!("fn f() {{ _ = {expression}; }}"), Edition::CURRENT).tree();
    let value = tree.syntax().descendants().find_map(ast::BinExpr::cast).and_then(|set| set.rhs());
    matches!(value, Some(ast::Expr::AwaitExpr(it)) if it.syntax().text() == expression)
}

fn boxed(context: &Context<'_>, pin: &str, awaits: &[&Await<'_>]) -> Candidate {
    let label = match awaits {
        [_] => "Box this future with Box::pin".to_owned(),
        all => {
            let count = if all.len() == 2 { "both".to_owned() } else { format!("all {}", all.len()) };
            let ty = short_type(all[0].held.ty.as_deref().unwrap_or("it"), 80);
            let callee =
                ty.strip_prefix("{async fn ").and_then(|rest| rest.strip_suffix("()}")).unwrap_or(&ty);
            format!("Box {count} awaits of `{callee}` with Box::pin")
        }
    };
    let anchors = awaits.iter().map(|one| one.whole).collect();
    let changes: Vec<Change> = awaits.iter().map(|one| Change::Box { saved: one.saved }).collect();
    let mut candidate = context.candidate(ActionKind::BoxAwaitee, label, anchors);
    candidate.predicted = context.predict(&changes);
    candidate.ways = ways(pin, &awaits.iter().map(|one| one.operand).collect::<Vec<_>>());
    candidate
}

/// The ways to box all of these.
pub(super) fn ways(pin: &str, operands: &[TextRange]) -> Vec<Vec<Edit>> {
    let way = |into| operands.iter().flat_map(|operand| pinned(pin, *operand, into)).collect();
    INTO.map(way).into()
}

/// An awaited value need not be a future, only something that becomes one, by a trait that older editions do
/// not have in scope: what stands around it then.
const INTO: [(&str, &str); 3] =
    [("", ""), ("", ".into_future()"), ("core::future::IntoFuture::into_future(", ")")];

/// `large(x)` becomes `Box::pin(large(x))`.
pub(super) fn pinned(pin: &str, operand: TextRange, (before, behind): (&str, &str)) -> [Edit; 2] {
    let before = format!("{pin}({before}");
    [Edit::insert(operand.start(), before), Edit::insert(operand.end(), format!("{behind})"))]
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples};
    use super::*;
    use crate::source::edited;
    use proptest::prelude::*;

    /// The text with what stands between `«` and `»` boxed, if it is an await.
    fn boxed(marked: &str, into: (&str, &str)) -> Option<String> {
        let (before, rest) = marked.split_once('«')?;
        let (whole, behind) = rest.split_once('»')?;
        let text = format!("{before}{whole}{behind}");
        let whole = TextRange::at(TextSize::of(before), TextSize::of(whole));
        edited(&text, &pinned("Box::pin", operand(&text, whole)?, into))
    }

    fn check(before: &str, after: &str) {
        assert_eq!(boxed(before, INTO[0]).as_deref(), Some(after));
    }

    #[test]
    fn the_example() {
        for Example { before, after } in examples(include_str!("box_awaitee.rs")) {
            let (operand, behind) = before.split_once(".await").unwrap();
            check(&format!("«{operand}.await»{behind}"), &after);
        }
    }

    #[test]
    fn whatever_is_awaited() {
        check("«self.x().y().await»", "Box::pin(self.x().y()).await");
        check("«f(a()?)?.await»", "Box::pin(f(a()?)?).await");
        check("«{ let x = 1; f(x) }.await»", "Box::pin({ let x = 1; f(x) }).await");
        check("«async { 1 }.await»", "Box::pin(async { 1 }).await");
        check("f(g().await, «h().await»)", "f(g().await, Box::pin(h()).await)");
        check("println!(\"{}\", «f(x).await»)", "println!(\"{}\", Box::pin(f(x)).await)");
    }

    #[test]
    fn comments_stay_where_they_are() {
        check(
            "«client\n    // First.\n    .get(x) // Then.\n    .await»;",
            "Box::pin(client\n    // First.\n    .get(x)) // Then.\n    .await;",
        );
        check("«f /* a */ (x) /* b */ . /* c */ await»", "Box::pin(f /* a */ (x)) /* b */ . /* c */ await");
    }

    #[test]
    fn what_begins_in_a_macro_begins_with_it() {
        let check = |marked: &str, after: Option<&str>| {
            let (before, rest) = marked.split_once('«').unwrap();
            let (whole, behind) = rest.split_once('»').unwrap();
            let text = format!("{before}{whole}{behind}");
            let at = TextRange::at(TextSize::of(before), TextSize::of(whole));
            let whole = with_macro(&text, TextSize::new(0), at);
            let operand = whole.and_then(|whole| operand(&text, whole));
            let edited = operand.and_then(|it| edited(&text, &pinned("Box::pin", it, INTO[0])));
            assert_eq!(edited.as_deref(), after, "{marked}");
        };
        check("call!(«large()).await»", Some("Box::pin(call!(large())).await"));
        check("match call![ «large()].await» {}", Some("match Box::pin(call![ large()]).await {}"));
        check("f(a::call!(1, [«large()]).x().await»)", Some("f(Box::pin(a::call!(1, [large()]).x()).await)"));
        check("call!(call! {«large()}.await»)", Some("call!(Box::pin(call! {large()}).await)"));
        check("call!(call!(«large())).await»", Some("Box::pin(call!(call!(large()))).await"));
        check("g(«large()).await»", None);
        check("(«large()).await»", None);
        check("!(«large()).await»", None);
        check("«large().await»", None);
        check("«)).await»", None);
    }

    #[test]
    fn what_becomes_a_future_is_made_one_first() {
        assert_eq!(boxed("«req.await»", INTO[1]).as_deref(), Some("Box::pin(req.into_future()).await"));
        let path = "Box::pin(core::future::IntoFuture::into_future(req)).await";
        assert_eq!(boxed("«req.await»", INTO[2]).as_deref(), Some(path));
    }

    #[test]
    fn what_is_no_await_of_the_user_s_is_left_alone() {
        for text in [
            "«select! { x = f() => x }»",
            "«a + b.await»",
            "«await»",
            "«.await»",
            "«f().await.g()»",
            "«f(»",
            "«»",
        ] {
            assert_eq!(boxed(text, INTO[0]), None, "{text}");
        }
    }

    #[test]
    fn the_box_is_named_as_the_crate_has_it() {
        assert_eq!(pin_path(Heap::Std, "").as_deref(), Some("Box::pin"));
        assert_eq!(pin_path(Heap::Alloc, "").as_deref(), Some("alloc::boxed::Box::pin"));
        assert_eq!(pin_path(Heap::Alloc, "use alloc::boxed::Box;").as_deref(), Some("Box::pin"));
        assert_eq!(pin_path(Heap::None, ""), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in "([a-zé(){}.;«»/*!:\\n ]|\\.await|async|\\?){0,24}") {
            if let Some((before, rest)) = text.split_once('«') {
                let at = TextRange::at(TextSize::of(before), TextSize::of(rest.split('»').next().unwrap()));
                with_macro(&text.replacen('«', "", 1).replacen('»', "", 1), TextSize::new(0), at);
            }
            if let Some(new) = boxed(&text, INTO[0]) {
                let plain = text.replacen('«', "", 1).replacen('»', "", 1);
                prop_assert_eq!(new.replacen("Box::pin(", "", 1).len() - 1, plain.len());
            }
        }
    }
}

//! Returns the future that an `async fn` only awaits. The fn's own future stores that one, and the arguments beside it.
//!
//! ```text
//! async fn get(key: Key) -> Value {      fn get(key: Key) -> impl Future<Output = Value> {
//!     fetch(key).await                       fetch(key)
//! }                                      }
//! ```
//!
//! What stands before the await then runs at the call, and not when the future is first polled. For a call of an `async fn`
//! whose arguments are only moved, that makes no difference; else the title of the edit says so. It also says which values of
//! the fn's own future are then dropped at the call, or in another order if the future is never polled.
//!
//! What is awaited must not borrow from the arguments: the compiler refuses that.

use super::made::{self, Arguments, Made, leaves};
use super::signature::{self, Refusal::NotAnAsyncFn};
use super::{ActionKind, Candidate, Context};
use crate::features::language::Language;
use crate::layout::FutureKind;
use crate::source::{Edit, SiteKind, TextRange};
use ra_ap_syntax::ast::{self, AstNode, HasAttrs};

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    candidate(context).into_iter().collect()
}

fn candidate(context: &Context<'_>) -> Option<Candidate> {
    let (site, body) = (context.site(), context.future.body.as_ref()?);
    // An attribute may have made something else of the `async fn`.
    let is_fn = site.kind == SiteKind::AsyncFn && FutureKind::from(body.compiled) == FutureKind::AsyncFn;
    if !is_fn || context.shown.id != context.future.id {
        return None;
    }
    let (awaitee, inner) = made::only_awaited(context)?;
    let function = signature::function(context.tree, site.token).ok()?;
    let returned = returned(&function, context.language).ok()?;
    let waits_there = context.range(awaitee.declared.as_ref()?)?;
    if !returned.awaited.contains_range(waits_there) {
        return None;
    }
    let label = format!("Return the future of `{}` itself", returned.callee);
    let mut candidate = context.candidate(ActionKind::ReturnInner, label, vec![returned.awaited]);
    made::replace(&mut candidate, context, body, inner, &returned.made, returned.has_more);
    candidate.ways = returned.ways;
    Some(candidate)
}

/// Why a fn is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The fn cannot have another signature
    Signature(signature::Refusal),
    /// The last expression of the fn is not an await, or there is another await.
    NotLast,
    /// The fn returns or awaits in another place, too.
    Returns,
    /// What is awaited cannot be returned: it is a block, or borrows from an argument.
    Operand,
}

impl From<signature::Refusal> for Refusal {
    fn from(why: signature::Refusal) -> Self {
        Refusal::Signature(why)
    }
}

/// The rewritten fn.
#[derive(Debug)]
struct Returned {
    ways: Vec<Vec<Edit>>,
    /// What makes the future, in a word.
    callee: String,
    /// `g(x).await`
    awaited: TextRange,
    made: Made,
    /// Something stands before the await.
    has_more: bool,
}

/// The fn with what it awaits last returned instead.
fn returned(function: &ast::Fn, language: &Language) -> Result<Returned, Refusal> {
    if !signature::look_around(function)?.is_empty() {
        return Err(signature::Refusal::Attribute.into());
    }
    let list = function.body().and_then(|body| body.stmt_list()).ok_or(NotAnAsyncFn)?;
    let mut has_more = list.statements().next().is_some();
    let (last, semicolon) = match list.tail_expr() {
        Some(tail) => (tail, None),
        None => {
            let Some(ast::Stmt::ExprStmt(last)) = list.statements().last() else {
                return Err(Refusal::NotLast);
            };
            has_more = list.statements().nth(1).is_some();
            let output = function.ret_type().and_then(|it| it.ty());
            let is_unit = output.is_none_or(|ty| ty.syntax().text() == "()");
            let expression = last.expr().filter(|_| is_unit).ok_or(Refusal::NotLast)?;
            (expression, Some(last.semicolon_token().ok_or(Refusal::NotLast)?))
        }
    };
    let ast::Expr::AwaitExpr(last) = last else { return Err(Refusal::NotLast) };
    let operand = last.expr().ok_or(Refusal::NotLast)?;
    let without_await = signature::without_await(&last).ok_or(Refusal::NotLast)?;
    let is_attributed =
        last.attrs().next().is_some() || operand.syntax().children().any(|it| ast::Attr::can_cast(it.kind()));
    if is_attributed {
        return Err(Refusal::Operand);
    }
    if leaves(list.syntax(), last.syntax()) {
        return Err(Refusal::Returns);
    }
    let arguments = Arguments::of(function).ok_or(NotAnAsyncFn)?;
    let (made, callee) = arguments.made(&operand).ok_or(Refusal::Operand)?;
    let mut ways = signature::returning(function, language)?;
    for way in &mut ways {
        way.extend(without_await.iter().cloned());
        way.extend(semicolon.iter().map(|it| Edit::delete(it.text_range())));
    }
    let awaited = last.syntax().text_range();
    Ok(Returned { ways, callee, awaited, made, has_more })
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples};
    use super::super::made::Passed;
    use super::super::signature::Refusal as Why;
    use super::super::texts;
    use super::*;
    use crate::source::{Outline, edited, with_tree};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use ra_ap_syntax::SourceFile;

    fn language(edition: &str) -> Language {
        Language { edition: edition.to_owned(), ..Language::default() }
    }

    /// The first `async fn` of a text.
    fn of(text: &str, edition: &str) -> Result<Returned, Refusal> {
        let outline = Outline::new(text.into());
        let site = outline.sites().iter().find(|site| site.kind == SiteKind::AsyncFn).unwrap();
        let look = |tree: &SourceFile| returned(&signature::function(tree, site.token)?, &language(edition));
        with_tree(text, look).unwrap()
    }

    fn check(edition: &str, text: &str, expected: Expect) {
        let returned = of(text, edition).unwrap();
        expected.assert_eq(&edited(text, &returned.ways[0]).unwrap());
    }

    fn moved(of: &str) -> Passed {
        Passed::Moved { of: of.to_owned(), is_whole: true }
    }

    #[test]
    fn the_example() {
        for Example { before, after } in examples(include_str!("return_inner.rs")) {
            assert_eq!(edited(&before, &of(&before, "2024").unwrap().ways[0]).unwrap(), after);
        }
    }

    #[test]
    fn what_is_written_around_it_stays() {
        let text = "impl<'a> S<'a> {\r\n\t/// Docs.\r\n\tpub async fn f(&self, n: u8) // one\r\n\t{\r\n\t\tlog(n); // two\r\n\
                    \t\tself.inner\r\n\t\t\t.go(n) /* three */\r\n\t\t\t.await; // four\r\n\t}\r\n}\r\n";
        let new = edited(text, &of(text, "2021").unwrap().ways[0]).unwrap();
        let future = "impl std::future::Future<Output = ()> + use<'_, 'a>";
        let expected = text
            .replace("async fn f(&self, n: u8)", &format!("fn f(&self, n: u8) -> {future}"))
            .replace(".await;", "");
        assert_eq!(new, expected);
        check(
            "2024",
            "async fn f() { g()\n .await; }",
            expect!["fn f() -> impl Future<Output = ()> { g() }"],
        );
    }

    #[test]
    fn what_is_done_before_is_known() {
        let of = |body: &str| {
            let text = format!("impl S {{ async fn f(self, a: A, (b, _): (B, C), r: &R) {{ {body} }} }}");
            let found = of(&text, "2024").unwrap();
            (found.made, found.has_more)
        };
        let call = |passed: Vec<Passed>| (Made::Call(passed), false);
        assert_eq!(of("g(a).await"), call(vec![moved("a")]));
        assert_eq!(of("g(a).await;"), call(vec![moved("a")]));
        assert_eq!(of("self.go((a)).await"), call(vec![moved("self"), moved("a")]));
        let part = |of: &str| Passed::Moved { of: of.to_owned(), is_whole: false };
        assert_eq!(of("self.x.go(b, a.0).await"), call(vec![part("self"), part("__arg2"), part("a")]));
        let still = || vec![Passed::Place, Passed::Place, Passed::Place, Passed::Place, Passed::Place];
        assert_eq!(of("g(r.x, &r.x, &mut *r, 3 as u64, -1).await"), call(still()));
        assert_eq!(
            of("g([0; 3], (1, -2), \"\").await").0,
            Made::Call(vec![Passed::Place, Passed::Place, Passed::Place])
        );
        assert_eq!(of("g(None, MOST).await"), call(vec![Passed::Constant, Passed::Constant]));
        for done in [
            "h()", "a + 1", "a.len()", "[a]", "a[0]", "|| 1", "&h()", "-a", "!a", "S { a }", "{ a }", "m!(a)",
        ] {
            assert_eq!(of(&format!("g({done}).await")), call(vec![Passed::Otherwise]), "{done}");
        }
        assert_eq!(of("a.await"), (Made::Argument, false));
        assert_eq!(of("a(b).await"), (Made::Otherwise, false), "it may do anything");
        assert_eq!(of("self.x.await"), (Made::Otherwise, false));
        assert!(of("let c = a; g(c).await").1);
        assert!(of("h(); g(a).await;").1);
    }

    #[test]
    fn refusals() {
        for (text, why) in [
            ("trait T { async fn f() { g().await } }", Why::Trait.into()),
            ("async fn f() -> ! { g().await }", Why::Never.into()),
            ("#[tokio::main] async fn f() { g().await }", Why::Attribute.into()),
            ("async fn f() {}", Refusal::NotLast),
            ("async fn f() { g() }", Refusal::NotLast),
            ("async fn f() -> u8 { g().await + 1 }", Refusal::NotLast),
            ("async fn f() -> u8 { g().await? }", Refusal::NotLast),
            ("async fn f() -> u8 { g().await; }", Refusal::NotLast),
            ("async fn f() { let a = g().await; }", Refusal::NotLast),
            ("async fn f() { h().await; g().await }", Refusal::Returns),
            ("async fn f() { h()?; g().await }", Refusal::Returns),
            ("async fn f() { if a { return; } g().await }", Refusal::Returns),
            ("async fn f() { g(h().await).await }", Refusal::Returns),
            ("async fn f() { m!(return); g().await }", Refusal::Returns),
            ("async fn f(a: A) { g(&a).await }", Refusal::Operand),
            ("async fn f() { async { 1 }.await }", Refusal::Operand),
            ("async fn f() { m!().await }", Refusal::Operand),
            ("async fn f() { #[a] g().await }", Refusal::Operand),
        ] {
            assert_eq!(of(text, "2021").unwrap_err(), why, "{text}");
        }
        for text in [
            "async fn f(a: &A) { g(&a).await }",
            "async fn f() { let c = || return; let d = async { h().await }; fn i() { return } g(c).await }",
            "async fn f() -> () { g().await; }",
        ] {
            assert!(of(text, "2021").is_ok(), "{text}");
        }
    }

    /// Texts made of what matters here.
    fn rusty() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "async fn f(",
            "&self, ",
            "a: &u8, ",
            "mut b: B",
            ") {",
            ") -> u8 {",
            "}",
            "\n",
            "\r\n\t",
            "async {",
            "impl S {",
            "m! {",
            "#[inline] ",
            "g(a)",
            "self.b",
            ".await",
            ".",
            "await",
            ";",
            "?",
            "return ",
            "// c\n",
            "/* d */",
            "é",
            "(",
            ")",
            ",",
            "|b|",
            "let b = ",
            "&",
            "*",
            "b",
            "-1",
            "[b; 3]",
            "as u8",
            "loop {",
            " ",
        ]);
        prop_oneof![
            8 => prop::collection::vec(word.clone(), 0..30).prop_map(|it| it.concat()),
            8 => prop::collection::vec(word, 0..8).prop_map(|it| format!("async fn f(b: B) {{ {}.await }}", it.concat())),
            1 => "\\PC{0,80}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn any_text(text in rusty(), edition in prop::sample::select(vec!["", "2018", "2021", "2024"])) {
            texts::check_ways(&text, |tree, site| {
                let function = signature::function(tree, site.token).ok();
                let new = function.and_then(|function| returned(&function, &language(edition)).ok());
                new.map(|new| new.ways).unwrap_or_default()
            })?;
        }
    }
}

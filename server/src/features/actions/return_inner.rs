//! Returns the future that an `async fn` does nothing but wait for. Its own future stores that one, and its arguments
//! beside it.
//!
//! ```text
//! async fn get(key: Key) -> Value {      fn get(key: Key) -> impl Future<Output = Value> {
//!     fetch(key).await                       fetch(key)
//! }                                      }
//! ```
//!
//! What stands before the await then runs at the call, and not when the future is polled for the first time. Nobody
//! notices that of a call of an `async fn` with arguments that are only moved; else the edit says so. So it does where
//! values are dropped at the call that the fn's own future held, or in another order if it is never polled.
//!
//! What is awaited must not borrow from the arguments: that the compiler refuses.

use super::signature::{self, Refusal::NotAnAsyncFn};
use super::{ActionKind, Candidate, Context, local};
use crate::dump::drops::is_observable;
use crate::features::language::Language;
use crate::layout::whatif::Prediction;
use crate::layout::{Body, BodyUpvar, Future, FutureKind, HeldKind};
use crate::source::{Edit, SiteKind, TextRange, with_tree};
use ra_ap_syntax::ast::{self, AstNode, HasArgList, HasAttrs, HasName};
use ra_ap_syntax::{NodeOrToken, SourceFile, SyntaxKind, SyntaxNode};
use std::sync::Arc;

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
    let mut states = context.suspended();
    let (_, state) = states.next().filter(|_| states.next().is_none())?;
    let awaitee = state.held.iter().find(|held| held.kind == HeldKind::Awaitee)?;
    // The future itself, not one in a wrapper: of that nobody knows the size afterwards.
    let parts = context.future.parts.saved.get(awaitee.saved? as usize)?.as_ref()?;
    let [embedded] = &*parts.embedded else { return None };
    if embedded.layers.as_ref().is_none_or(|layers| !layers.is_empty()) {
        return None;
    }
    let inner = context.future_with_id(&embedded.id)?;

    let function = signature::function(context.tree, site.token).ok()?;
    let returned = returned(&function, context.language).ok()?;
    let waits_there = context.range(awaitee.declared.as_ref()?)?;
    if !returned.awaited.contains_range(waits_there) {
        return None;
    }
    let mut upvars: Vec<&BodyUpvar> = body.upvars.iter().collect();
    upvars.sort_by_key(|upvar| upvar.index);
    let observable = |upvar: &&&BodyUpvar| is_observable(&upvar.ty);
    let loud: Vec<&str> = upvars.iter().filter(observable).map(|upvar| &*upvar.name).collect();

    let label = format!("Return the future of `{}` itself", returned.callee);
    let mut candidate = context.candidate(ActionKind::ReturnInner, label, vec![returned.awaited]);
    candidate.predicted = Some(Prediction { size: inner.size, align: inner.align, exact: true });
    candidate.becomes = Some(inner.id.clone());
    let at_call = match &returned.made {
        Made::Argument => true,
        Made::Call(passed) => {
            body.awaits_what_it_calls
                && passed
                    .iter()
                    .enumerate()
                    .all(|(index, passed)| is_still(passed, inner.body.as_ref(), index))
                && is_only_made(context, inner)
        }
        Made::Otherwise => false,
    };
    if returned.has_more || !at_call {
        candidate.does_otherwise = Some(AT_CALL.into());
    }
    if !keeps_order(&returned.made, &loud, inner) {
        let words = loud.iter().map(|name| match *name == "_" || name.starts_with("__arg") {
            true => "an argument without a name".into(),
            false => format!("`{name}`").into(),
        });
        candidate.drops_earlier = words.collect();
        candidate.drops_earlier.dedup();
    }
    candidate.ways = returned.ways;
    Some(candidate)
}

/// For a title.
const AT_CALL: &str = "runs what is before the await at the call";

/// Is it nothing to evaluate what is passed for the parameter of this index?
fn is_still(passed: &Passed, of: Option<&Arc<Body>>, index: usize) -> bool {
    match passed {
        Passed::Moved { .. } | Passed::Place => true,
        // It is dropped if the future is never polled.
        Passed::Constant => {
            let mut upvars = of.iter().flat_map(|body| &body.upvars);
            upvars.find(|upvar| upvar.index as usize == index).is_some_and(|upvar| !is_observable(&upvar.ty))
        }
        Passed::Otherwise => false,
    }
}

/// Does a call of the fn whose body the future is do nothing but make it?
fn is_only_made(context: &Context<'_>, inner: &Future) -> bool {
    let Some(body) = &inner.body else { return false };
    if body.compiled_name.is_some() {
        return false;
    }
    match (body.kind, FutureKind::from(body.compiled)) {
        (FutureKind::AsyncFn, FutureKind::AsyncFn) => true,
        (FutureKind::AsyncBlock, FutureKind::AsyncBlock) => {
            let place = context.snapshot.place(inner);
            let text = place.and_then(|place| context.snapshot.text(inner, &place.file));
            let Some((place, outline)) = place.zip(text) else { return false };
            let Some(site) = outline.sites().get(place.site).filter(|_| !place.made_by_macro) else {
                return false;
            };
            with_tree(outline.text(), |tree| is_whole_fn(tree, site.range)) == Some(true)
        }
        _ => false,
    }
}

/// Is the block all that a fn has in it? `fn f(x: X) -> impl Future { async move { … } }`
fn is_whole_fn(tree: &SourceFile, block: TextRange) -> bool {
    let token = tree.syntax().token_at_offset(block.start()).right_biased();
    let block = token.and_then(|token| token.parent_ancestors().find(|node| node.text_range() == block));
    let list = block.as_ref().and_then(|block| ast::StmtList::cast(block.parent()?));
    let Some((block, list)) = block.zip(list) else { return false };
    let is_tail =
        list.statements().next().is_none() && list.tail_expr().is_some_and(|tail| *tail.syntax() == block);
    let function = list.syntax().parent().and_then(|body| ast::Fn::cast(body.parent()?));
    is_tail
        && function.is_some_and(|function| {
            function.async_token().is_none()
                && signature::look_around(&function).is_ok_and(|macros| macros.is_empty())
        })
}

/// Are the values that somebody could notice being dropped dropped in the order in which they were, if the future is never
/// polled? `loud` are the arguments that have such, in order.
fn keeps_order(made: &Made, loud: &[&str], inner: &Future) -> bool {
    let Made::Call(passed) = made else { return loud.len() < 2 };
    let body = inner.body.as_ref();
    // Of an `async fn` each argument is a capture.
    let of_fn = body.filter(|body| FutureKind::from(body.compiled) == FutureKind::AsyncFn);
    let is_loud = |index: usize| {
        let mut upvars = of_fn.iter().flat_map(|body| &body.upvars);
        upvars.find(|upvar| upvar.index as usize == index).is_none_or(|upvar| is_observable(&upvar.ty))
    };
    let moved: Vec<(&str, bool)> = passed
        .iter()
        .enumerate()
        .filter_map(|(index, passed)| match passed {
            Passed::Moved { of, is_whole } if loud.contains(&of.as_str()) && is_loud(index) => {
                Some((of.as_str(), *is_whole))
            }
            _ => None,
        })
        .collect();
    let is_one = loud.len() < 2 && moved.len() < 2;
    is_one || of_fn.is_some() && moved.iter().copied().eq(loud.iter().map(|name| (*name, true)))
}

/// Why a fn is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// It cannot return a future.
    Signature(signature::Refusal),
    /// Its last expression is no await, or it waits before.
    NotLast,
    /// It returns or waits somewhere else, too.
    Returns,
    /// What is awaited would be gone, or is nobody's to return: a block, a reference to an argument.
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

/// Where the future comes from.
#[derive(Debug, PartialEq, Eq)]
enum Made {
    /// It is an argument.
    Argument,
    /// A call, with these arguments; of a method, what it is called on is the first one.
    Call(Vec<Passed>),
    /// Anything else.
    Otherwise,
}

/// An argument of the call.
#[derive(Debug, PartialEq, Eq)]
enum Passed {
    /// An argument of the fn, by the name that the compiler has for it, or a part of one.
    Moved { of: String, is_whole: bool },
    /// What an argument points to, or a reference to that; or a number.
    Place,
    /// A constant or a variant of an enum.
    Constant,
    /// Something is done for it.
    Otherwise,
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
    let arguments = Arguments::of(function)?;
    let (made, callee) = arguments.made(&operand)?;
    let mut ways = signature::returning(function, language)?;
    for way in &mut ways {
        way.extend(without_await.iter().cloned());
        way.extend(semicolon.iter().map(|it| Edit::delete(it.text_range())));
    }
    let awaited = last.syntax().text_range();
    Ok(Returned { ways, callee, awaited, made, has_more })
}

/// Does a fn's body return, or wait, elsewhere than in its last expression? What is in closures and blocks of their own
/// does not count.
fn leaves(body: &SyntaxNode, last: &SyntaxNode) -> bool {
    local::own(body).any(|node| match node.kind() {
        SyntaxKind::RETURN_EXPR | SyntaxKind::TRY_EXPR => true,
        SyntaxKind::AWAIT_EXPR => node != *last,
        SyntaxKind::TOKEN_TREE => {
            // What a macro makes of it nobody sees.
            let mut tokens = node.descendants_with_tokens().filter_map(NodeOrToken::into_token);
            tokens.any(|it| matches!(it.text(), "return" | "await" | "?"))
        }
        _ => false,
    })
}

/// What an `async fn` gets.
struct Arguments {
    known: Vec<Argument>,
}

/// A variable that has an argument, or a part of one.
struct Argument {
    name: String,
    /// What the compiler calls the argument.
    of: String,
    /// It is all of the argument.
    is_whole: bool,
    /// It is no reference, as far as the look of its type tells.
    is_owned: bool,
}

impl Arguments {
    fn of(function: &ast::Fn) -> Result<Arguments, Refusal> {
        let list = function.param_list().ok_or(NotAnAsyncFn)?;
        let mut known = Vec::new();
        if let Some(it) = list.self_param() {
            let is_owned = it.amp_token().is_none() && it.ty().is_none_or(|ty| is_owned(&ty));
            known.push(Argument { name: "self".to_owned(), of: "self".to_owned(), is_whole: true, is_owned });
        }
        let first = known.len();
        for (parameter, index) in list.params().zip(first..) {
            let is_owned = parameter.ty().is_none_or(|ty| is_owned(&ty));
            let plain = match parameter.pat() {
                Some(ast::Pat::IdentPat(it)) if it.ref_token().is_none() && it.pat().is_none() => it.name(),
                _ => None,
            };
            let of = plain.as_ref().map_or_else(|| format!("__arg{index}"), |name| name.text().to_string());
            let variables = parameter.syntax().descendants().filter_map(ast::IdentPat::cast);
            known.extend(variables.filter_map(|it| {
                let name = it.name()?.text().to_string();
                Some(Argument { name, of: of.clone(), is_whole: plain.is_some(), is_owned })
            }));
        }
        Ok(Arguments { known })
    }

    /// The argument that an expression is.
    fn named(&self, expression: &ast::Expr) -> Option<&Argument> {
        let text = match expression {
            ast::Expr::PathExpr(path) => path.syntax().text().to_string(),
            _ => return None,
        };
        self.known.iter().find(|argument| argument.name == text)
    }

    /// How a future is made, and by what.
    fn made(&self, operand: &ast::Expr) -> Result<(Made, String), Refusal> {
        Ok(match operand {
            ast::Expr::PathExpr(_) => match self.named(operand) {
                Some(argument) => (Made::Argument, argument.name.clone()),
                None => (Made::Otherwise, short(operand)),
            },
            ast::Expr::CallExpr(call) => {
                let callee = call.expr().ok_or(Refusal::Operand)?;
                let is_path = matches!(callee, ast::Expr::PathExpr(_)) && self.named(&callee).is_none();
                let arguments = call.arg_list().ok_or(Refusal::Operand)?;
                let passed = arguments.args().map(|it| self.passed(&it)).collect::<Result<_, _>>()?;
                (if is_path { Made::Call(passed) } else { Made::Otherwise }, short(&callee))
            }
            ast::Expr::MethodCallExpr(call) => {
                let receiver = call.receiver().ok_or(Refusal::Operand)?;
                let arguments = call.arg_list().ok_or(Refusal::Operand)?;
                let all = std::iter::once(receiver).chain(arguments.args());
                let passed = all.map(|it| self.passed(&it)).collect::<Result<_, _>>()?;
                (Made::Call(passed), call.name_ref().map_or_else(String::new, |it| it.text().to_string()))
            }
            ast::Expr::BlockExpr(_) | ast::Expr::MacroExpr(_) => return Err(Refusal::Operand),
            _ => (Made::Otherwise, short(operand)),
        })
    }

    fn passed(&self, expression: &ast::Expr) -> Result<Passed, Refusal> {
        Ok(match expression {
            ast::Expr::ParenExpr(it) => self.passed(&it.expr().ok_or(Refusal::Operand)?)?,
            ast::Expr::Literal(_) => Passed::Place,
            ast::Expr::PathExpr(_) => match self.named(expression) {
                Some(argument) => Passed::Moved { of: argument.of.clone(), is_whole: argument.is_whole },
                None => Passed::Constant,
            },
            ast::Expr::FieldExpr(_) | ast::Expr::PrefixExpr(_) => match self.root(expression) {
                Some(root) if root.is_owned => Passed::Moved { of: root.of.clone(), is_whole: false },
                Some(_) => Passed::Place,
                None if is_negative(expression) => Passed::Place,
                None => Passed::Otherwise,
            },
            ast::Expr::RefExpr(it) => {
                let of = it.expr().ok_or(Refusal::Operand)?;
                if self.named(&of).is_some_and(|argument| argument.is_owned) {
                    return Err(Refusal::Operand);
                }
                match self.root(&of) {
                    Some(_) => Passed::Place,
                    None => Passed::Otherwise,
                }
            }
            ast::Expr::ArrayExpr(_) | ast::Expr::TupleExpr(_) => {
                let mut parts = expression.syntax().children().filter_map(ast::Expr::cast);
                match parts.all(|part| matches!(part, ast::Expr::Literal(_)) || is_negative(&part)) {
                    true => Passed::Place,
                    false => Passed::Otherwise,
                }
            }
            ast::Expr::CastExpr(it) => match self.passed(&it.expr().ok_or(Refusal::Operand)?)? {
                Passed::Moved { .. } | Passed::Place => Passed::Place,
                other => other,
            },
            _ => Passed::Otherwise,
        })
    }

    /// The argument that an expression is, or is a field of, or what that points to.
    fn root(&self, expression: &ast::Expr) -> Option<&Argument> {
        match expression {
            ast::Expr::ParenExpr(it) => self.root(&it.expr()?),
            ast::Expr::FieldExpr(it) => self.root(&it.expr()?),
            ast::Expr::PrefixExpr(it) if it.op_kind() == Some(ast::UnaryOp::Deref) => self.root(&it.expr()?),
            _ => self.named(expression),
        }
    }
}

/// `-1`
fn is_negative(expression: &ast::Expr) -> bool {
    match expression {
        ast::Expr::PrefixExpr(it) => {
            it.op_kind() == Some(ast::UnaryOp::Neg) && matches!(it.expr(), Some(ast::Expr::Literal(_)))
        }
        _ => false,
    }
}

/// Is a value of this type the fn's own, as far as its look tells?
fn is_owned(ty: &ast::Type) -> bool {
    !matches!(ty, ast::Type::RefType(_) | ast::Type::PtrType(_))
}

/// The last name of a path: `get` of `a::get::<u8>`.
fn short(expression: &ast::Expr) -> String {
    let path = match expression {
        ast::Expr::PathExpr(it) => it.path(),
        _ => None,
    };
    let name = path.and_then(|path| path.segment()).and_then(|segment| segment.name_ref());
    name.map_or_else(|| "the awaited".to_owned(), |name| name.text().to_string())
}

#[cfg(test)]
mod tests {
    use super::super::signature::Refusal as Why;
    use super::super::texts;
    use super::*;
    use crate::source::{Outline, edited};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

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
    fn the_inner_future_is_returned() {
        check(
            "2024",
            "
async fn get(key: Key) -> Value {
    fetch(key).await
}
",
            expect![[r#"

                fn get(key: Key) -> impl Future<Output = Value> {
                    fetch(key)
                }
            "#]],
        );
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

    #[test]
    fn only_a_fn_that_is_nothing_but_its_block_just_makes_it() {
        let is_whole = |text: &str| {
            let outline = Outline::new(text.into());
            let site = outline.sites().iter().find(|site| site.kind == SiteKind::AsyncBlock).unwrap();
            with_tree(text, |tree| is_whole_fn(tree, site.range)).unwrap()
        };
        assert!(is_whole("fn f(x: X) -> impl Future { async move { g(x).await } }"));
        assert!(is_whole("impl S { #[inline] fn f(&self) -> impl Future { /* a */ async move {} } }"));
        for text in [
            "fn f(x: X) -> impl Future { h(); async move {} }",
            "fn f(x: X) -> impl Future { wrap(async move {}) }",
            "fn f(x: X) { { async move {} }; }",
            "#[handler] fn f(x: X) -> impl Future { async move {} }",
            "async fn f(x: X) { async move {} }",
            "fn f(x: X) { let a = async move {}; }",
        ] {
            assert!(!is_whole(text), "{text}");
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
            for site in Outline::new(text.as_str().into()).sites() {
                with_tree(&text, |tree| is_whole_fn(tree, site.range));
            }
        }
    }
}

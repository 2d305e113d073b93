//! How the future is made that a body only awaits, and what changes if it is made earlier: where the body's own future was
//! made.
//!
//! ```text
//! fetch(key, self.most, 3)            moves `key`, reads a place, and does nothing else if `fetch` is an `async fn`
//! self.inner.get(key.hash())          runs code for an argument
//! ```

use super::{Candidate, Context, local, signature};
use crate::dump::drops::is_observable;
use crate::layout::whatif::Prediction;
use crate::layout::{Body, BodyUpvar, Future, FutureKind, Held, HeldKind};
use crate::source::{TextRange, with_tree};
use ra_ap_syntax::ast::{self, AstNode, HasArgList, HasName};
use ra_ap_syntax::{NodeOrToken, SourceFile, SyntaxKind, SyntaxNode};
use std::sync::Arc;

/// What a future waits for, if it does so in one place only: what is held there, and the future that it is. It is that
/// future itself, not one in a wrapper: of that nobody knows the size afterwards.
pub(super) fn only_awaited<'a>(context: &Context<'a>) -> Option<(&'a Held, &'a Future)> {
    let mut states = context.suspended();
    let (_, state) = states.next().filter(|_| states.next().is_none())?;
    let awaitee = state.held.iter().find(|held| held.kind == HeldKind::Awaitee)?;
    let parts = context.future.parts.saved.get(awaitee.saved? as usize)?.as_ref()?;
    let [embedded] = &*parts.embedded else { return None };
    if embedded.layers.as_ref().is_none_or(|layers| !layers.is_empty()) {
        return None;
    }
    Some((awaitee, context.future_with_id(&embedded.id)?))
}

/// Has an edit put the future that is awaited, which is made like this, in the place of the one that awaits it. `has_more`:
/// something is done before it is made.
pub(super) fn replace(
    candidate: &mut Candidate,
    context: &Context<'_>,
    body: &Body,
    inner: &Future,
    made: &Made,
    has_more: bool,
) {
    candidate.predicted = Some(Prediction { size: inner.size, align: inner.align, exact: true });
    candidate.becomes = Some(inner.id.clone());
    let at_call = match made {
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
    if has_more || !at_call {
        candidate.does_otherwise = Some(AT_CALL.into());
    }
    let mut upvars: Vec<&BodyUpvar> = body.upvars.iter().collect();
    upvars.sort_by_key(|upvar| upvar.index);
    let observable = |upvar: &&&BodyUpvar| is_observable(&upvar.ty);
    let loud: Vec<&str> = upvars.iter().filter(observable).map(|upvar| &*upvar.name).collect();
    if !keeps_order(made, &loud, inner) {
        let words = loud.iter().map(|name| match *name == "_" || name.starts_with("__arg") {
            true => "an argument without a name".into(),
            false => format!("`{name}`").into(),
        });
        candidate.drops_earlier = words.collect();
        candidate.drops_earlier.dedup();
    }
}

/// For a title.
pub(super) const AT_CALL: &str = "runs what is before the await at the call";

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

/// Where the future comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// It is an argument.
    Argument,
    /// A call, with these arguments; of a method, what it is called on is the first one.
    Call(Vec<Passed>),
    /// Anything else.
    Otherwise,
}

/// An argument of the call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// An argument of the fn, by the name that the compiler has for it, or a part of one.
    Moved { of: String, is_whole: bool },
    /// What an argument points to, or a reference to that; or a number.
    Place,
    /// A constant or a variant of an enum.
    Constant,
    /// Something is done for it.
    Otherwise,
}

/// Does a call borrow from a variable that is the body's own, as far as the fn's parameters tell? That is what a method may
/// do with what it is called on.
pub(super) fn lends(made: &Made, body: &Body, inner: &Future) -> bool {
    let Made::Call(passed) = made else { return false };
    let Some(of) = inner.body.as_ref().filter(|it| FutureKind::from(it.compiled) == FutureKind::AsyncFn)
    else {
        return false;
    };
    passed.iter().zip(0u32..).any(|(passed, index)| {
        let Passed::Moved { of: name, .. } = passed else { return false };
        let is_owned = body.upvars.iter().any(|it| *it.name == **name && !is_pointer(&it.ty));
        is_owned && of.upvars.iter().any(|it| it.index == index && it.ty.starts_with('&'))
    })
}

/// Is it a reference or a pointer, by its verbose type?
fn is_pointer(ty: &str) -> bool {
    ty.starts_with(['&', '*'])
}

/// Does a fn's body return, or wait, elsewhere than in its last expression? What is in closures and blocks of their own
/// does not count.
pub(super) fn leaves(body: &SyntaxNode, last: &SyntaxNode) -> bool {
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

/// What an `async fn` gets, or what a block captures.
pub(super) struct Arguments {
    known: Vec<Argument>,
    /// They are captures: without the block, they are variables of what is around it, and live on there.
    are_captures: bool,
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
    /// Of an `async fn`.
    pub(super) fn of(function: &ast::Fn) -> Option<Arguments> {
        let list = function.param_list()?;
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
        Some(Arguments { known, are_captures: false })
    }

    /// Of a block.
    pub(super) fn captured(body: &Body) -> Arguments {
        let upvars = body.upvars.iter();
        let captures: Vec<(&str, bool)> = upvars.map(|it| (&*it.name, !is_pointer(&it.ty))).collect();
        Arguments::of_captures(&captures)
    }

    /// Of a block that captures variables of these names; with those that are its own afterwards.
    pub(super) fn of_captures(captures: &[(&str, bool)]) -> Arguments {
        let argument = |&(name, is_owned): &(&str, bool)| {
            // Parts of a variable, which have its name, cannot be used by that alone.
            Argument { name: name.to_owned(), of: name.to_owned(), is_whole: true, is_owned }
        };
        let mut known: Vec<Argument> = captures.iter().map(argument).collect();
        known.sort_by_key(|argument| !argument.is_owned);
        Arguments { known, are_captures: true }
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
    pub(super) fn made(&self, operand: &ast::Expr) -> Option<(Made, String)> {
        Some(match operand {
            ast::Expr::PathExpr(_) => match self.named(operand) {
                Some(argument) => (Made::Argument, argument.name.clone()),
                None => (Made::Otherwise, short(operand)),
            },
            ast::Expr::CallExpr(call) => {
                let callee = call.expr()?;
                let is_path = matches!(callee, ast::Expr::PathExpr(_)) && self.named(&callee).is_none();
                let arguments = call.arg_list()?;
                let passed = arguments.args().map(|it| self.passed(&it)).collect::<Option<_>>()?;
                (if is_path { Made::Call(passed) } else { Made::Otherwise }, short(&callee))
            }
            ast::Expr::MethodCallExpr(call) => {
                let receiver = call.receiver()?;
                let arguments = call.arg_list()?;
                let all = std::iter::once(receiver).chain(arguments.args());
                let passed = all.map(|it| self.passed(&it)).collect::<Option<_>>()?;
                (Made::Call(passed), call.name_ref().map_or_else(String::new, |it| it.text().to_string()))
            }
            ast::Expr::BlockExpr(_) | ast::Expr::MacroExpr(_) => return None,
            _ => (Made::Otherwise, short(operand)),
        })
    }

    fn passed(&self, expression: &ast::Expr) -> Option<Passed> {
        Some(match expression {
            ast::Expr::ParenExpr(it) => self.passed(&it.expr()?)?,
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
                let of = it.expr()?;
                let lent = if self.are_captures { self.root(&of) } else { self.named(&of) };
                if lent.is_some_and(|argument| argument.is_owned) {
                    return None;
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
            ast::Expr::CastExpr(it) => match self.passed(&it.expr()?)? {
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
    use super::*;
    use crate::source::{Outline, SiteKind};

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
}

//! Passes a large argument that an `async fn` only reads by reference. The future of an `async fn` stores an argument
//! where it is passed, and once more where the body uses it.
//!
//! ```text
//! async fn checksum(page: [u8; 4096]) -> usize {      async fn checksum(page: &[u8; 4096]) -> usize {
//!     tick().await;                                       tick().await;
//!     page.len()                                          page.len()
//! }                                                   }
//! async fn send() {                                   async fn send() {
//!     let page = make();                                  let page = make();
//!     checksum(page).await;                               checksum(&page).await;
//! }                                                   }
//! ```
//!
//! All callers are edited, in whatever file, and the future of none of them may grow. The value stays in the caller until the
//! call has been awaited. In the fn every use keeps its type: `page` becomes `*page`, `&page` becomes `page`; a field, an
//! element, or a method that only looks at the value is found through the reference. A fn that moves or changes the value does
//! not compile then. The compiler also ensures that nobody else changes the value meanwhile, except through statics and raw
//! pointers, which it does not track.
//!
//! The caller drops the value, later than before. If the value has a destructor, the compiler shows that.

use super::callers::{self, Called};
use super::{ActionKind, Candidate, Context, local, signature};
use crate::layout::FutureKind;
use crate::source::{Edit, SiteKind, TextRange, TextSize};
use ra_ap_syntax::ast::{self, AstNode, HasArgList, HasAttrs, HasGenericArgs, HasGenericParams, HasName};
use ra_ap_syntax::{SyntaxKind, SyntaxNode, SyntaxToken, T};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// Bytes: what is not larger is handed over as it is.
const LEAST: u64 = 64;

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    all(context).unwrap_or_default()
}

fn all(context: &Context<'_>) -> Option<Vec<Candidate>> {
    let (site, body) = (context.site(), context.future.body.as_ref()?);
    // An attribute may have made something else of the `async fn`.
    let is_fn = site.kind == SiteKind::AsyncFn && FutureKind::from(body.compiled) == FutureKind::AsyncFn;
    // What waits for nothing need not be a future at all.
    if !is_fn || context.shown.id != context.future.id || context.suspended().next().is_none() {
        return None;
    }
    let large: Vec<&str> =
        context.future.states.upvars().iter().filter(|it| it.size > LEAST).map(|it| &*it.name).collect();
    if large.is_empty() {
        return None;
    }
    let function = signature::function(context.tree, site.token).ok()?;
    let called = callers::called(&function).ok()?;
    let parameters = function.param_list()?.params().count();
    let found = (0..parameters).filter_map(|index| borrowed(&function, index).ok());
    let found: Vec<Borrowed> = found.filter(|it| large.contains(&it.name.trim_start_matches("r#"))).collect();
    if found.is_empty() {
        return None;
    }
    let awaits = callers::awaits(context)?;
    let candidate = |together: &[Borrowed]| {
        let cloned: Mutex<BTreeSet<String>> = Mutex::default();
        let edit = |awaited: &ast::AwaitExpr| {
            let mut edits = Vec::new();
            for borrowed in together {
                let lent = lent(awaited, borrowed)?;
                cloned.lock().ok()?.extend(lent.cloned);
                edits.extend(lent.edits);
            }
            Some(edits)
        };
        let elsewhere = callers::elsewhere(context, &awaits, &called, &edit).filter(|it| !it.is_empty())?;
        let names: Vec<&str> = together.iter().map(|it| it.name.as_str()).collect();
        let label = format!("Let `{}` borrow `{}`", called.name, names.join("`, `"));
        let anchors = together.iter().map(|it| it.range).collect();
        let mut candidate = context.candidate(ActionKind::BorrowArgument, label, anchors);
        candidate.ways = vec![together.iter().flat_map(|it| it.edits.clone()).collect()];
        candidate.elsewhere = elsewhere;
        candidate.does_otherwise =
            otherwise(&called, context.snapshot.is_library(&body.origin), cloned.into_inner().ok()?);
        Some(candidate)
    };
    // A caller that takes several from one value keeps that for one of them as well as for all.
    let all = if found.len() > 1 { candidate(&found) } else { None };
    Some(all.into_iter().chain(found.chunks(1).filter_map(candidate)).collect())
}

fn otherwise(called: &Called, is_library: bool, cloned: BTreeSet<String>) -> Option<std::sync::Arc<str>> {
    let mut notes: Vec<String> = Vec::new();
    if called.is_public && is_library {
        notes.push(callers::INTERFACE.to_owned());
    }
    if !cloned.is_empty() {
        let names: Vec<String> = cloned.into_iter().map(|name| format!("`{name}`")).collect();
        notes.push(format!("does not clone {} any more", names.join(", ")));
    }
    (!notes.is_empty()).then(|| notes.join(", ").into())
}

/// Why an argument stays a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The parameter is not a plain variable: it is a reference, a pattern, `mut`, `impl Trait`, or has an attribute.
    Parameter,
    /// The return type has an elided lifetime, which might then mean the new reference.
    Lifetime,
    /// Something else in the body has the argument's name.
    Shadowed,
    /// The argument is changed.
    Changed,
    /// The argument is passed to a macro of which it is not known what it does with it.
    Macro,
}

/// A parameter that takes a reference.
#[derive(Debug)]
struct Borrowed {
    name: String,
    /// Among those behind `self`.
    index: usize,
    has_self: bool,
    /// Of the parameter.
    range: TextRange,
    /// What is left if nobody clones it for the call any more is known: the type is no parameter.
    is_concrete: bool,
    /// To clone it does nothing else: it is an array of numbers.
    is_plain: bool,
    /// In the fn.
    edits: Vec<Edit>,
}

fn borrowed(function: &ast::Fn, index: usize) -> Result<Borrowed, Refusal> {
    let list = function.param_list().ok_or(Refusal::Parameter)?;
    let parameter = list.params().nth(index).ok_or(Refusal::Parameter)?;
    let Some(ast::Pat::IdentPat(binding)) = parameter.pat() else { return Err(Refusal::Parameter) };
    let is_variable =
        binding.mut_token().is_none() && binding.ref_token().is_none() && binding.pat().is_none();
    let (Some(ty), Some(name)) = (parameter.ty(), binding.name()) else { return Err(Refusal::Parameter) };
    let is_value = !matches!(
        ty,
        ast::Type::RefType(_)
            | ast::Type::InferType(_)
            | ast::Type::NeverType(_)
            | ast::Type::DynTraitType(_)
    );
    let is_hidden =
        |node: SyntaxNode| ast::ImplTraitType::can_cast(node.kind()) || ast::MacroType::can_cast(node.kind());
    let is_clear = !ty.syntax().descendants().any(is_hidden) && parameter.attrs().next().is_none();
    if !is_variable || !is_value || !is_clear {
        return Err(Refusal::Parameter);
    }
    let own = list.self_param();
    let is_own_lent = own.as_ref().is_some_and(|it| it.amp_token().is_some());
    let leaves_out = |it: ast::RetType| signature::leaves_out_lifetimes(it.syntax());
    if function.ret_type().is_some_and(leaves_out) && !is_own_lent {
        return Err(Refusal::Lifetime);
    }
    let body = function.body().ok_or(Refusal::Parameter)?;
    let mut edits = vec![Edit::insert(ty.syntax().text_range().start(), "&")];
    let plain = name.text().trim_start_matches("r#").to_owned();
    edits.extend(uses(body.syntax(), &plain, name.text())?);
    let is_generic = |list: Option<ast::GenericParamList>| {
        list.is_some_and(|list| list.generic_params().any(|it| matches!(it, ast::GenericParam::TypeParam(_))))
    };
    let around = signature::associated(function).and_then(ast::Impl::cast);
    let is_concrete = !is_generic(function.generic_param_list())
        && !around.is_some_and(|it| is_generic(it.generic_param_list()));
    Ok(Borrowed {
        name: name.text().to_string(),
        index,
        has_self: own.is_some(),
        range: parameter.syntax().text_range(),
        is_concrete,
        is_plain: is_numbers(&ty),
        edits,
    })
}

/// `[[u8; 64]; N]`
fn is_numbers(ty: &ast::Type) -> bool {
    const NUMBERS: &[&str] = &[
        "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64",
        "bool", "char",
    ];
    match ty {
        ast::Type::ArrayType(it) => it.ty().is_some_and(|ty| is_numbers(&ty)),
        ast::Type::PathType(it) => NUMBERS.iter().any(|name| it.syntax().text() == *name),
        _ => false,
    }
}

/// Methods of the standard library that only look at a value. Any other may take it, and be another one's for a reference.
const LOOK: &[&str] = &[
    "as_bytes",
    "as_ptr",
    "as_ref",
    "as_slice",
    "as_str",
    "binary_search",
    "chunks",
    "chunks_exact",
    "clone",
    "contains",
    "contains_key",
    "ends_with",
    "first",
    "get",
    "is_empty",
    "is_none",
    "is_some",
    "iter",
    "last",
    "len",
    "split_at",
    "starts_with",
    "to_string",
    "to_vec",
    "windows",
];

/// What becomes of the uses of a variable that is a reference then.
fn uses(body: &SyntaxNode, name: &str, written: &str) -> Result<Vec<Edit>, Refusal> {
    let mut names = body.descendants().filter_map(ast::Name::cast);
    if names.any(|it| it.text().trim_start_matches("r#") == name) {
        return Err(Refusal::Shadowed);
    }
    let mut edits = Vec::new();
    for token in local::mentioning(body, name) {
        match local::is_in_macro(&token) {
            true => edits.extend(use_in_macro(&token)?),
            false => edits.extend(plain_use(&token, written)?),
        }
    }
    Ok(edits)
}

/// A use of the variable that the tree shows.
fn plain_use(token: &SyntaxToken, written: &str) -> Result<Vec<Edit>, Refusal> {
    let path = token.parent_ancestors().find_map(ast::Path::cast);
    let found = path.and_then(|path| path.syntax().parent()).and_then(ast::PathExpr::cast);
    // The name of a type, a macro or a module.
    let Some(variable) = found else { return Ok(Vec::new()) };
    let range = variable.syntax().text_range();
    let Some(around) = variable.syntax().parent() else { return Ok(Vec::new()) };
    let is_it = |expr: Option<ast::Expr>| expr.is_some_and(|expr| expr.syntax() == variable.syntax());
    let apart = || vec![Edit::insert(range.start(), "(*"), Edit::insert(range.end(), ")")];
    match around.kind() {
        SyntaxKind::FIELD_EXPR => return Ok(Vec::new()),
        SyntaxKind::METHOD_CALL_EXPR => {
            let name = ast::MethodCallExpr::cast(around).and_then(|it| it.name_ref());
            return Ok(match name.is_some_and(|name| only_looks(&variable, &name)) {
                true => Vec::new(),
                false => apart(),
            });
        }
        SyntaxKind::INDEX_EXPR if ast::IndexExpr::cast(around.clone()).is_some_and(|it| is_it(it.base())) => {
            return Ok(Vec::new());
        }
        SyntaxKind::CALL_EXPR | SyntaxKind::TRY_EXPR | SyntaxKind::AWAIT_EXPR => return Ok(apart()),
        SyntaxKind::REF_EXPR => {
            let reference = ast::RefExpr::cast(around).ok_or(Refusal::Changed)?;
            if reference.mut_token().is_some() {
                return Err(Refusal::Changed);
            }
            if reference.raw_token().is_none() {
                return Ok(vec![without_reference(&reference, range).ok_or(Refusal::Changed)?]);
            }
        }
        SyntaxKind::BIN_EXPR => {
            let is_changed = ast::BinExpr::cast(around).is_some_and(|it| {
                matches!(it.op_kind(), Some(ast::BinaryOp::Assignment { .. })) && is_it(it.lhs())
            });
            if is_changed {
                return Err(Refusal::Changed);
            }
        }
        SyntaxKind::RECORD_EXPR_FIELD => {
            let is_short = ast::RecordExprField::cast(around).is_some_and(|it| it.colon_token().is_none());
            if is_short {
                return Ok(vec![Edit::insert(range.end(), format!(": *{written}"))]);
            }
        }
        _ => (),
    }
    Ok(vec![dereferenced(token)])
}

/// `*page`, but for a comment that it might begin.
fn dereferenced(token: &SyntaxToken) -> Edit {
    let before = token.prev_token().is_some_and(|before| before.text().ends_with('/'));
    Edit::insert(token.text_range().start(), if before { " *" } else { "*" })
}

/// `&page` without `&`.
fn without_reference(reference: &ast::RefExpr, operand: TextRange) -> Option<Edit> {
    let token = reference.amp_token()?;
    let is_word = |token: &SyntaxToken| token.text().ends_with(|c: char| c == '_' || c.is_alphanumeric());
    let range = token.text_range();
    let next = token.next_token().filter(|it| it.kind() == SyntaxKind::WHITESPACE);
    let end =
        next.filter(|it| it.text_range().end() == operand.start()).map_or(range.end(), |_| operand.start());
    let space = if token.prev_token().is_some_and(|before| is_word(&before)) { " " } else { "" };
    Some(Edit::replace(TextRange::new(range.start(), end), space))
}

/// Does a method only look at what it is called on? One of the standard library, or all that the text has of this name.
fn only_looks(at: &ast::PathExpr, name: &ast::NameRef) -> bool {
    if LOOK.contains(&name.text()) {
        return true;
    }
    let Some(root) = at.syntax().ancestors().last() else { return false };
    let functions = root.descendants().filter_map(ast::Fn::cast);
    let mut named = functions.filter(|it| it.name().is_some_and(|it| it.text() == name.text())).peekable();
    named.peek().is_some()
        && named.all(|it| {
            let own = it.param_list().and_then(|list| list.self_param());
            own.is_some_and(|own| own.amp_token().is_some() && own.mut_token().is_none())
        })
}

/// A use in the arguments of a macro.
fn use_in_macro(token: &SyntaxToken) -> Result<Option<Edit>, Refusal> {
    let tree = token.parent().ok_or(Refusal::Macro)?;
    let call = tree.ancestors().find_map(ast::MacroCall::cast).ok_or(Refusal::Macro)?;
    let name =
        call.path().and_then(|path| path.segment()).and_then(|it| it.name_ref()).ok_or(Refusal::Macro)?;
    let arguments = call.token_tree().ok_or(Refusal::Macro)?;
    // Where the value is, is something else then; and another macro in it may take anything.
    let text = arguments.syntax().text().to_string();
    let is_unclear = ["p}", "!(", "![", "!{"].iter().any(|it| text.contains(it));
    if !local::BY_REFERENCE.contains(&name.text()) || is_unclear {
        return Err(Refusal::Macro);
    }
    if token.kind() == SyntaxKind::STRING {
        return Ok(None);
    }
    let next = |from: &SyntaxToken, step: fn(&SyntaxToken) -> Option<SyntaxToken>| {
        std::iter::successors(step(from), step).find(|it| !it.kind().is_trivia()).ok_or(Refusal::Macro)
    };
    let before = next(token, SyntaxToken::prev_token)?;
    let behind = next(token, SyntaxToken::next_token)?;
    match behind.kind() {
        T![.] => {
            let member = next(&behind, SyntaxToken::next_token)?;
            let is_call = matches!(next(&member, SyntaxToken::next_token)?.kind(), T!['('] | T![:]);
            let is_known = match member.kind() {
                SyntaxKind::IDENT => !is_call || LOOK.contains(&member.text()),
                kind => matches!(kind, SyntaxKind::INT_NUMBER | SyntaxKind::FLOAT_NUMBER),
            };
            is_known.then_some(None).ok_or(Refusal::Macro)
        }
        T!['['] => Ok(None),
        T![,] | T![')'] | T![']'] | T!['}'] => {
            let is_argument =
                tree == *arguments.syntax() && matches!(before.kind(), T![,] | T!['('] | T!['['] | T!['{']);
            is_argument.then(|| Some(dereferenced(token))).ok_or(Refusal::Macro)
        }
        _ => Err(Refusal::Macro),
    }
}

/// A call that hands over a reference.
struct Lent {
    edits: Vec<Edit>,
    /// What it does not clone for that any more, if that may do more than to copy.
    cloned: Option<String>,
}

fn lent(awaited: &ast::AwaitExpr, to: &Borrowed) -> Option<Lent> {
    let (list, index) = match awaited.expr()? {
        ast::Expr::CallExpr(call) => (call.arg_list()?, to.index + usize::from(to.has_self)),
        ast::Expr::MethodCallExpr(call) => (call.arg_list()?, to.index),
        _ => return None,
    };
    let argument = list.args().nth(index)?;
    if argument.attrs().next().is_some() {
        return None;
    }
    let range = argument.syntax().text_range();
    let lent = Edit::insert(range.start(), "&");
    // What raw pointers and statics lead to may be changed by anybody.
    let is_unsafe = awaited.syntax().ancestors().any(|node| {
        ast::BlockExpr::cast(node.clone()).is_some_and(|it| it.unsafe_token().is_some())
            || ast::Fn::cast(node).is_some_and(|it| it.unsafe_token().is_some())
    });
    if is_unsafe && reads_place(&argument) {
        return None;
    }
    if let Some((receiver, clone)) = cloned(&argument).filter(|_| to.is_concrete) {
        let cloned = (!to.is_plain).then(|| receiver.to_string());
        return Some(Lent { edits: vec![lent, Edit::delete(clone)], cloned });
    }
    use ast::Expr;
    let edits = match &argument {
        Expr::BinExpr(it) if !matches!(it.op_kind(), Some(ast::BinaryOp::Assignment { .. })) => apart(range),
        Expr::CastExpr(_) => apart(range),
        Expr::PathExpr(_)
        | Expr::FieldExpr(_)
        | Expr::IndexExpr(_)
        | Expr::CallExpr(_)
        | Expr::MethodCallExpr(_)
        | Expr::MacroExpr(_)
        | Expr::Literal(_)
        | Expr::ArrayExpr(_)
        | Expr::RecordExpr(_)
        | Expr::TupleExpr(_)
        | Expr::ParenExpr(_)
        | Expr::AwaitExpr(_)
        | Expr::TryExpr(_)
        | Expr::PrefixExpr(_)
        | Expr::IfExpr(_)
        | Expr::MatchExpr(_) => vec![lent],
        _ => return None,
    };
    Some(Lent { edits, cloned: None })
}

fn apart(range: TextRange) -> Vec<Edit> {
    vec![Edit::insert(range.start(), "&("), Edit::insert(range.end(), ")")]
}

/// Is it a place other than a variable or one of its fields?
fn reads_place(expr: &ast::Expr) -> bool {
    match expr {
        ast::Expr::PathExpr(it) => {
            let text = it.syntax().text().to_string();
            !text.starts_with(|first: char| first == '_' || first.is_lowercase()) || text.contains(':')
        }
        ast::Expr::FieldExpr(it) => it.expr().is_none_or(|it| reads_place(&it)),
        ast::Expr::ParenExpr(it) => it.expr().is_none_or(|it| reads_place(&it)),
        ast::Expr::PrefixExpr(it) => it.op_kind() == Some(ast::UnaryOp::Deref),
        ast::Expr::IndexExpr(_) => true,
        ast::Expr::MethodCallExpr(_) => cloned(expr).is_some(),
        _ => false,
    }
}

/// The variable or field of which an expression is `.clone()`, and what is behind it.
fn cloned(expr: &ast::Expr) -> Option<(ra_ap_syntax::SyntaxText, TextRange)> {
    let ast::Expr::MethodCallExpr(call) = expr else { return None };
    let is_clone = call.name_ref()?.text() == "clone" && call.generic_arg_list().is_none();
    let receiver = call.receiver()?;
    let is_place = is_variable(&receiver) && call.attrs().next().is_none();
    let end: TextSize = receiver.syntax().text_range().end();
    let has_comment = call.syntax().descendants_with_tokens().any(|it| it.kind() == SyntaxKind::COMMENT);
    let is_bare = call.arg_list()?.args().next().is_none() && !has_comment;
    let all = is_clone && is_place && is_bare;
    all.then(|| (receiver.syntax().text(), TextRange::new(end, call.syntax().text_range().end())))
}

/// `x.a.b`
fn is_variable(expr: &ast::Expr) -> bool {
    match expr {
        ast::Expr::FieldExpr(it) => it.expr().is_some_and(|it| is_variable(&it)),
        ast::Expr::PathExpr(it) => it.path().is_some_and(|path| path.as_single_name_ref().is_some()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples};
    use super::super::texts::{check_ways, pieces};
    use super::*;
    use crate::source::{edited, with_tree};
    use proptest::prelude::*;
    use ra_ap_syntax::{Edition, SourceFile};

    /// The first parameter of the first fn of a text as a reference.
    fn of(text: &str) -> Result<Borrowed, Refusal> {
        let look = |tree: &SourceFile| {
            let function = tree.syntax().descendants().find_map(ast::Fn::cast).unwrap();
            borrowed(&function, 0)
        };
        with_tree(text, look).unwrap()
    }

    /// Every awaited call of a fn of this name, and what is no call that is awaited.
    fn callers_of(tree: &SourceFile, borrowed: &Borrowed) -> Vec<Option<Lent>> {
        let function = tree.syntax().descendants().find_map(ast::Fn::cast).and_then(|it| it.name());
        let function = function.unwrap().text().to_string();
        let awaits = tree.syntax().descendants().filter_map(ast::AwaitExpr::cast);
        let of_name = awaits.filter(|it| match it.expr() {
            Some(ast::Expr::CallExpr(call)) => {
                call.expr().is_some_and(|it| it.syntax().text().to_string().ends_with(&function))
            }
            Some(ast::Expr::MethodCallExpr(call)) => {
                call.name_ref().is_some_and(|it| it.text() == function.as_str())
            }
            _ => false,
        });
        of_name.map(|it| lent(&it, borrowed)).collect()
    }

    /// With all edits made, and what is not cloned any more.
    fn with_callers(text: &str) -> (String, Vec<String>) {
        let borrowed = of(text).unwrap();
        let lents = with_tree(text, |tree| callers_of(tree, &borrowed)).unwrap();
        let lents: Vec<Lent> = lents.into_iter().map(|it| it.expect("it can be lent")).collect();
        let edits = lents.iter().flat_map(|it| it.edits.clone());
        let edits: Vec<Edit> = borrowed.edits.iter().cloned().chain(edits).collect();
        (edited(text, &edits).unwrap(), lents.into_iter().filter_map(|it| it.cloned).collect())
    }

    /// What becomes of a body in which `p` is one of several arguments.
    fn body(text: &str) -> Result<String, Refusal> {
        let text = format!("async fn f(p: P) {{ {text} }}");
        let new = edited(&text, &of(&text)?.edits).unwrap();
        Ok(new.strip_prefix("async fn f(p: &P) { ").unwrap().strip_suffix(" }").unwrap().to_owned())
    }

    /// What becomes of what is handed over.
    fn argument(text: &str) -> Option<(String, Option<String>)> {
        let text = format!("async fn f(p: P) {{}} async fn g() {{ f({text}).await }}");
        let borrowed = of(&text).unwrap();
        let lent = with_tree(&text, |tree| callers_of(tree, &borrowed).pop().unwrap()).unwrap()?;
        let new = edited(&text, &lent.edits).unwrap();
        let at = new.find("{ f(").unwrap() + 4;
        Some((new[at..].strip_suffix(").await }").unwrap().to_owned(), lent.cloned))
    }

    #[test]
    fn the_example() {
        for Example { before, after } in examples(include_str!("borrow_argument.rs")) {
            assert_eq!(with_callers(&before).0, after);
        }
    }

    #[test]
    fn what_is_written_around_it_stays() {
        let text = "impl S {\r\n\t/// Docs.\r\n\tasync fn f(&self, /* one */ p : [u8; 99], // two\r\n\t) -> u8 { g(& p).await; p[0] }\r\n}\r\n\
                    async fn a(s: S) {\r\n\ts.f( /* three */ s.p , ) // four\r\n\t\t.await;\r\n\tS::f(&s, x).await;\r\n}\r\n";
        let expected = text
            .replace("p : [u8", "p : &[u8")
            .replace("g(& p)", "g(p)")
            .replace("/* three */ s.p", "/* three */ &s.p")
            .replace("S::f(&s, x)", "S::f(&s, &x)");
        assert_eq!(with_callers(text).0, expected);
    }

    #[test]
    fn each_use_is_of_the_type_that_it_was() {
        for (old, new) in [
            ("p.a.b; p.len(); p[0]; p[0][1]", "p.a.b; p.len(); p[0]; p[0][1]"),
            ("p.take(); p.take::<u8>()", "(*p).take(); (*p).take::<u8>()"),
            ("g(&p); h(&p, &p.a, &p[1..]); && p; &&p", "g(p); h(p, &p.a, &p[1..]); &p; &p"),
            ("return&p", "return p"),
            ("g(p); let q = p; let S { a } = p;", "g(*p); let q = *p; let S { a } = *p;"),
            (
                "p == q; q == p; p + 1; a * p; a/p; !p; p as u8",
                "*p == q; q == *p; *p + 1; a * *p; a/ *p; !*p; *p as u8",
            ),
            ("for x in p {} match p { _ => p }", "for x in *p {} match *p { _ => *p }"),
            (
                "S { p }; S { p: p }; S { p: q }; S { a: &p }",
                "S { p: *p }; S { p: *p }; S { p: q }; S { a: p }",
            ),
            (
                "p(1); p?; (p).a; &raw const p; [p; 2]; x[p]",
                "(*p)(1); (*p)?; (*p).a; &raw const *p; [*p; 2]; x[*p]",
            ),
            ("|| p; async move { p.a }; move || g(&p)", "|| *p; async move { p.a }; move || g(p)"),
            (
                "q.p; q.p(); a::p; p::a(); p!(); let x: p = 'p: loop {};",
                "q.p; q.p(); a::p; p::a(); p!(); let x: p = 'p: loop {};",
            ),
            ("println!(\"{p:?} {} {}\", p, p.a, p.0[1])", "println!(\"{p:?} {} {}\", *p, p.a, p.0[1])"),
            (
                "assert_eq!(p, q, \"{}\", p[0]); assert!(p.len() == 1)",
                "assert_eq!(*p, q, \"{}\", p[0]); assert!(p.len() == 1)",
            ),
        ] {
            assert_eq!(body(old).as_deref(), Ok(new), "{old}");
        }
    }

    #[test]
    fn methods_of_the_text_that_only_look() {
        let text = "async fn f(p: P) { p.sum(); p.give(); p.both() } \
                    impl P { fn sum(&self) {} fn give(self) {} fn both(&self) {} } impl Q { fn both(&mut self) {} }";
        let new = edited(text, &of(text).unwrap().edits).unwrap();
        assert!(new.starts_with("async fn f(p: &P) { p.sum(); (*p).give(); (*p).both() }"), "{new}");
    }

    #[test]
    fn what_is_handed_over() {
        for (old, new) in [
            ("p", "&p"),
            ("self.p.q", "&self.p.q"),
            ("PAGE", "&PAGE"),
            ("make()", "&make()"),
            ("s.make(1)?", "&s.make(1)?"),
            ("make().await", "&make().await"),
            ("[1; 500]", "&[1; 500]"),
            ("S { a: 1 }", "&S { a: 1 }"),
            ("*p", "&*p"),
            ("pages[i]", "&pages[i]"),
            ("a + b", "&(a + b)"),
            ("a as B", "&(a as B)"),
            ("make().clone()", "&make().clone()"),
            ("if a { b } else { c }", "&if a { b } else { c }"),
        ] {
            assert_eq!(argument(old), Some((new.to_owned(), None)), "{old}");
        }
        let cloned = |place: &str| Some((format!("&{place}"), Some(place.to_owned())));
        assert_eq!(argument("p.clone()"), cloned("p"));
        assert_eq!(argument("self.p\n  .clone( )"), cloned("self.p"));
        for other in ["#[a] p", "return", "|a| a", "p = q", "async { p }", ""] {
            assert_eq!(argument(other), None, "{other}");
        }
    }

    #[test]
    fn a_clone_of_numbers_does_nothing_else() {
        let (new, cloned) =
            with_callers("async fn f(p: [[u8; 9]; N]) {} async fn g() { f(p.clone()).await }");
        assert!(new.ends_with("{ f(&p).await }"), "{new}");
        assert!(cloned.is_empty());
        // Which type the parameter is, only the argument tells.
        for text in [
            "async fn f<T: Clone>(p: T) {} async fn g() { f(p.clone()).await }",
            "impl<T> S<T> { async fn f(p: T) {} } async fn g() { S::f(p.clone()).await }",
        ] {
            assert!(with_callers(text).0.ends_with("f(&p.clone()).await }"), "{text}");
        }
    }

    #[test]
    fn what_raw_pointers_lead_to_is_copied() {
        for (argument, is_lent) in [
            ("p", true),
            ("p.a", true),
            ("make()", true),
            ("PAGE", false),
            ("*p", false),
            ("(*p).a", false),
            ("p[0]", false),
        ] {
            for caller in ["async fn g() { unsafe { f(A).await } }", "async unsafe fn g() { f(A).await }"] {
                let text = format!("async fn f(p: P) {{}} {}", caller.replace('A', argument));
                let borrowed = of(&text).unwrap();
                let found = with_tree(&text, |tree| callers_of(tree, &borrowed).pop().unwrap()).unwrap();
                assert_eq!(found.is_some(), is_lent, "{text}");
            }
        }
    }

    #[test]
    fn refusals() {
        for (text, why) in [
            ("async fn f(p: &P) {}", Refusal::Parameter),
            ("async fn f(mut p: P) {}", Refusal::Parameter),
            ("async fn f(ref p: P) {}", Refusal::Parameter),
            ("async fn f((p, q): (P, Q)) {}", Refusal::Parameter),
            ("async fn f(p @ _: P) {}", Refusal::Parameter),
            ("async fn f(_: P) {}", Refusal::Parameter),
            ("async fn f(p: impl T) {}", Refusal::Parameter),
            ("async fn f(p: Vec<impl T>) {}", Refusal::Parameter),
            ("async fn f(p: m!()) {}", Refusal::Parameter),
            ("async fn f(#[a] p: P) {}", Refusal::Parameter),
            ("async fn f(&self) {}", Refusal::Parameter),
            ("async fn f(p: P, q: &Q) -> &u8 { q.a }", Refusal::Lifetime),
            ("async fn f(p: P, q: Q<'_>) -> R<'_> { q.a }", Refusal::Lifetime),
            ("async fn f(p: P) { let p = p; }", Refusal::Shadowed),
            ("async fn f(p: P) { |p| p; }", Refusal::Shadowed),
            ("async fn f(p: P) { if let Some(p) = q {} }", Refusal::Shadowed),
            ("async fn f(p: P) { g(&mut p) }", Refusal::Changed),
            ("async fn f(p: P) { p = q; }", Refusal::Changed),
            ("async fn f(p: P) { p += q; }", Refusal::Changed),
            ("async fn f(p: P) { m!(p) }", Refusal::Macro),
            ("async fn f(p: P) { dbg!(p) }", Refusal::Macro),
            ("async fn f(p: P) { println!(\"{:p}\", &p) }", Refusal::Macro),
            ("async fn f(p: P) { println!(\"{p:p}\") }", Refusal::Macro),
            ("async fn f(p: P) { println!(\"{}\", g(p)) }", Refusal::Macro),
            ("async fn f(p: P) { println!(\"{}\", &p) }", Refusal::Macro),
            ("async fn f(p: P) { println!(\"{}\", p.take()) }", Refusal::Macro),
            ("async fn f(p: P) { println!(\"{}\", p . take ::<u8>()) }", Refusal::Macro),
            ("async fn f(p: P) { println!(\"{p}\", p = 1) }", Refusal::Macro),
            ("async fn f(p: P) { println!(\"{:?}\", p..q) }", Refusal::Macro),
            ("async fn f(p: P) { println!(\"{}\", m!(p.a)) }", Refusal::Macro),
            ("async fn f(p: P) { assert!(p == q) }", Refusal::Macro),
        ] {
            assert_eq!(of(text).unwrap_err(), why, "{text}");
        }
        assert!(of("impl S { async fn f(&self, p: P) -> &u8 { &self.0 } }").is_ok());
    }

    #[test]
    fn what_else_it_does() {
        let called = |is_public| Called { name: "f".to_owned(), is_associated: false, is_public };
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<BTreeSet<_>>();
        assert_eq!(otherwise(&called(false), true, names(&[])), None);
        assert_eq!(otherwise(&called(true), false, names(&[])), None);
        assert_eq!(
            otherwise(&called(true), true, names(&[])).as_deref(),
            Some("changes the public interface")
        );
        let both = otherwise(&called(true), true, names(&["p", "s.q"]));
        assert_eq!(both.as_deref(), Some("changes the public interface, does not clone `p`, `s.q` any more"));
    }

    const PIECES: &[&str] = &[
        "p",
        "&",
        "&p",
        "p.a",
        "p.len()",
        "p.take()",
        "p[0]",
        "p(1)",
        "*",
        "/",
        "-",
        "==",
        "=",
        "return",
        "S { p }",
        "m!(p)",
        "println!(\"{p}\", p)",
        "(",
        ")",
        "{",
        "}",
        "?",
        ".await",
        "|a|",
        "async",
        "move",
        "let q =",
        ";",
        ",",
        "as u8",
        "r#p",
        "if",
        "match",
        "// c\n",
        "/* d */",
        "é",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn what_parsed_still_does(text in pieces(PIECES)) {
            let text = format!("async fn f(q: u8, p: [u8; 99]) {{ {text} }}");
            check_ways(&text, |tree, site| {
                let function = signature::function(tree, site.token);
                function.into_iter().filter_map(|it| Some(borrowed(&it, 1).ok()?.edits)).collect()
            })?;
        }

        #[test]
        fn what_is_handed_over_still_parses(text in pieces(PIECES)) {
            let text = format!("async fn f(p: [u8; 99]) {{}} async fn g() {{ f({text}).await }}");
            let borrowed = of(&text).unwrap();
            let errors = |text: &str| SourceFile::parse(text, Edition::Edition2021).errors().len();
            for lent in with_tree(&text, |tree| callers_of(tree, &borrowed)).unwrap().into_iter().flatten() {
                let new = edited(&text, &lent.edits);
                prop_assert!(new.is_some());
                prop_assert!(errors(&text) > 0 || errors(&new.unwrap()) == 0, "{text}");
            }
        }

        #[test]
        fn any_text(text in "\\PC{0,80}") {
            check_ways(&text, |tree, site| {
                let function = signature::function(tree, site.token);
                function.into_iter().filter_map(|it| Some(borrowed(&it, 0).ok()?.edits)).collect()
            })?;
        }
    }
}

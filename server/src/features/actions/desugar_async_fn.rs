//! Stores the arguments of an `async fn` once. The future of an `async fn` stores an argument where it is passed, and a second
//! time as a variable of the body, if that is used after an await. One `async move` block stores its captures only once.
//!
//! ```text
//! async fn send(data: [u8; 4096]) {      fn send(data: [u8; 4096]) -> impl Future<Output = ()> {
//!     connect().await;                       async move {
//!     write(&data);                              connect().await;
//! }                                              write(&data);
//!                                            }
//!                                        }
//! ```
//!
//! An argument of which the block would capture only a part, or nothing, is captured whole by a first statement. Otherwise
//! the rest of it would be dropped at the call.
//!
//! ```text
//! async fn pay(order: Order, _: Permit) {      fn pay(order: Order, _arg1: Permit) -> impl Future<Output = ()> {
//!     connect().await;                             async move {
//!     send(&order.id);                                 let _ = (&_arg1, &order);
//! }                                                    connect().await;
//!                                                      send(&order.id);
//!                                                  }
//!                                              }
//! ```
//!
//! If several arguments have destructors, some may be dropped earlier. A block drops its captures in the order in which it
//! mentions them, whether it was polled or not. A fn drops its arguments from the last to the first, and, if its future was
//! never polled, from the first to the last.
//!
//! Patterns in the parameters are matched at the call. An attribute that may be a macro gets another fn than before: unless it
//! is known that it makes the same of both, the title of the edit says so. Methods in implementations of traits are edited,
//! too.
//!
//! The value of a block is not coerced to the return type: a value that becomes a `Box<dyn T>` only because it is returned
//! does not compile then. Only the compiler can tell.

use super::captured::{Captured, captured};
use super::signature::{self, Refusal::NotAnAsyncFn};
use super::{ActionKind, Candidate, Context};
use crate::features::language::Language;
use crate::layout::FutureKind;
use crate::layout::whatif::{Change, Prediction};
use crate::source::{Edit, SiteKind, TextRange, TextSize};
use ra_ap_syntax::ast::{self, AstNode, HasGenericArgs, HasName};
use ra_ap_syntax::{NodeOrToken, SyntaxKind, SyntaxNode, SyntaxToken};

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    candidate(context).into_iter().collect()
}

fn candidate(context: &Context<'_>) -> Option<Candidate> {
    let site = context.site();
    let body = context.future.body.as_ref()?;
    // An attribute may have made something else of the `async fn`.
    if site.kind != SiteKind::AsyncFn || FutureKind::from(body.compiled) != FutureKind::AsyncFn {
        return None;
    }
    let function = signature::function(context.tree, site.token).ok()?;
    let parameters = parameters(&function).ok()?;
    // The variables of the body that are the arguments again, or parts of them.
    let mut again: Vec<(u32, TextRange)> = Vec::new();
    for (index, saved) in body.saved.iter().enumerate() {
        let declared = saved.span.as_ref().and_then(|span| context.range(span));
        let found = parameters.iter().find(|parameter| {
            let mut names = saved.names.iter();
            names.any(|name| parameter.is_called(name))
                && declared.is_some_and(|declared| parameter.range.contains_range(declared))
        });
        again.extend(found.map(|parameter| (index as u32, parameter.range)));
    }
    if again.is_empty() {
        return None;
    }
    let desugared = desugar(&function, context.language).ok()?;
    let mut changes: Vec<Change> = Vec::new();
    for &(saved, _) in &again {
        let states = context.future.states.iter().enumerate();
        let holds = states.filter(|(_, state)| state.held.iter().any(|held| held.saved == Some(saved)));
        let states = holds.map(|(index, _)| index as u32).collect();
        changes.push(Change::Remove { saved, states, beside: Vec::new() });
    }
    for name in &desugared.gone {
        let upvar = context.future.states.upvars().iter().position(|upvar| *upvar.name == **name);
        changes.extend(upvar.map(|upvar| Change::ResizeUpvar { upvar: upvar as u32, size: 0, align: 1 }));
    }
    let name = function.name()?;
    let label = format!("Store the arguments of `{}` once: return `impl Future`", name.text());
    let mut anchors: Vec<TextRange> = again.iter().map(|(_, range)| *range).collect();
    anchors.dedup();
    let mut candidate = context.candidate(ActionKind::DesugarAsyncFn, label, anchors);
    candidate.predicted = context
        .predict(&changes)
        .map(|predicted| Prediction { exact: predicted.exact && desugared.is_certain, ..predicted });
    candidate.ways = desugared.ways;
    candidate.drops_earlier = desugared.drops_earlier.iter().map(|name| format!("`{name}`").into()).collect();
    let text = context.text();
    let unknown = desugared.macros.iter().find(|path| !makes_the_same(path, text));
    candidate.does_otherwise =
        unknown.map(|path| format!("`#[{path}]` gets a fn that is not `async`").into());
    Some(candidate)
}

/// Is it known of a macro that it makes the same of an `async fn` and of one that returns a future?
fn makes_the_same(path: &str, text: &str) -> bool {
    const TASK: &str = "embassy_executor::task";
    path.trim_start_matches("::") == TASK || path == "task" && text.contains(&format!("use {TASK};"))
}

/// Why a fn is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The fn cannot have another signature
    Signature(signature::Refusal),
    /// It is not known which variables a parameter declares: it has an attribute, a macro, `ref` or `@`.
    Parameter,
    /// A parameter without a name needs one, and that is taken.
    Name,
}

impl From<signature::Refusal> for Refusal {
    fn from(why: signature::Refusal) -> Self {
        Refusal::Signature(why)
    }
}

/// The rewritten fn.
#[derive(Debug)]
struct Desugared {
    ways: Vec<Vec<Edit>>,
    /// Arguments that are no longer stored at all.
    gone: Vec<String>,
    /// All others are captured as they were.
    is_certain: bool,
    /// Arguments that are dropped before others that were dropped before them, where that may matter.
    drops_earlier: Vec<String>,
    /// Attributes that may be macros.
    macros: Vec<String>,
}

struct Parameter {
    /// What the compiler calls the argument: `__arg0` if that is taken apart or has no name.
    name: String,
    /// Of its pattern.
    range: TextRange,
    /// The variables that it makes, in order.
    variables: Vec<String>,
    /// The first `_` in it.
    wild: Option<TextRange>,
    /// It is more than a name.
    is_pattern: bool,
    /// Dropping it does nothing.
    is_inert: bool,
    /// Its fields are behind a pointer.
    is_pointer: bool,
    /// Nobody can tell when it is dropped.
    is_quiet: bool,
}

impl Parameter {
    fn is_called(&self, name: &str) -> bool {
        // One that is only a `_` is called so by the compiler, too.
        let is_wild = self.variables.is_empty() && name == "_";
        is_wild || self.name == name || self.variables.iter().any(|variable| variable == name)
    }

    /// What its `_` is called afterwards: nearly what the compiler calls it.
    fn name_of_wild(&self) -> Option<&str> {
        self.wild.and(self.name.strip_prefix('_')).filter(|_| !self.is_inert)
    }
}

fn desugar(function: &ast::Fn, language: &Language) -> Result<Desugared, Refusal> {
    let body = function.body().and_then(|body| body.stmt_list()).ok_or(NotAnAsyncFn)?;
    let (Some(open), Some(close)) = (body.l_curly_token(), body.r_curly_token()) else {
        return Err(NotAnAsyncFn.into());
    };
    let macros = signature::look_around(function)?;
    let is_certain = macros.is_empty();
    let mut desugared =
        Desugared { ways: Vec::new(), gone: Vec::new(), is_certain, drops_earlier: Vec::new(), macros };
    let parameters = parameters(function)?;
    let is_disjoint = signature::edition(language) >= 2021;
    let mut is_captured = true;
    for parameter in &parameters {
        desugared.is_certain &= !parameter.is_pattern;
        is_captured &= parameter.name_of_wild().is_none();
        for variable in &parameter.variables {
            let captured = match captured(body.syntax(), variable, is_disjoint) {
                Captured::Part if parameter.is_pointer => Captured::Whole,
                captured => captured,
            };
            match captured {
                Captured::Whole => (),
                _ if !parameter.is_inert => is_captured = false,
                Captured::Part => desugared.is_certain = false,
                Captured::Nothing if parameter.is_pattern => (),
                Captured::Nothing => desugared.gone.push(variable.clone()),
            }
        }
    }
    let first = match is_captured {
        true => {
            desugared.drops_earlier = drops_earlier(body.syntax(), &parameters);
            None
        }
        false => Some(captures_all(&parameters)),
    };
    let mut named = Vec::new();
    for parameter in &parameters {
        if let (Some(name), Some(at)) = (parameter.name_of_wild(), parameter.wild) {
            if first_mention(function.syntax(), name).is_some() {
                return Err(Refusal::Name);
            }
            named.push(Edit::replace(at, name));
        }
    }
    desugared.ways = signature::returning(function, language)?;
    for way in &mut desugared.ways {
        way.extend(named.iter().cloned());
        wrap(body.syntax(), &open, &close, first.as_deref(), way);
    }
    Ok(desugared)
}

/// The statement for which a block captures all that is not inert, in the order in which the fn drops it:
/// `let _ = (&b, &a);`
fn captures_all(parameters: &[Parameter]) -> String {
    let loud = parameters.iter().rev().filter(|parameter| !parameter.is_inert);
    let names = loud.flat_map(|parameter| {
        parameter.variables.iter().rev().map(String::as_str).chain(parameter.name_of_wild())
    });
    let references: Vec<String> = names.map(|name| format!("&{name}")).collect();
    match &references[..] {
        [one] => format!("let _ = {one};"),
        _ => format!("let _ = ({});", references.join(", ")),
    }
}

fn parameters(function: &ast::Fn) -> Result<Vec<Parameter>, Refusal> {
    let list = function.param_list().ok_or(NotAnAsyncFn)?;
    if list
        .syntax()
        .descendants()
        .any(|it| ast::Attr::can_cast(it.kind()) || it.kind() == SyntaxKind::MACRO_CALL)
    {
        return Err(Refusal::Parameter);
    }
    let mut found = Vec::new();
    if let Some(it) = list.self_param() {
        let ty = it.ty();
        let is_reference = it.amp_token().is_some() || ty.as_ref().is_some_and(is_inert_type);
        found.push(Parameter {
            name: "self".to_owned(),
            range: it.syntax().text_range(),
            variables: vec!["self".to_owned()],
            wild: None,
            is_pattern: false,
            is_inert: is_reference,
            is_quiet: is_reference || ty.as_ref().is_some_and(is_quiet_type),
            is_pointer: is_reference || ty.as_ref().is_some_and(is_pointer),
        });
    }
    let first = found.len();
    for (parameter, index) in list.params().zip(first..) {
        let (Some(pattern), Some(ty)) = (parameter.pat(), parameter.ty()) else {
            return Err(Refusal::Parameter);
        };
        if parameter.dotdotdot_token().is_some() {
            return Err(Refusal::Parameter);
        }
        let (variables, wild) = variables(&pattern)?;
        let is_pattern = !matches!(pattern, ast::Pat::IdentPat(_)) || variables.is_empty();
        found.push(Parameter {
            name: match &variables[..] {
                [name] if !is_pattern => name.clone(),
                _ => format!("__arg{index}"),
            },
            range: pattern.syntax().text_range(),
            variables,
            wild,
            is_pattern,
            is_inert: is_inert_type(&ty),
            is_quiet: is_quiet_type(&ty),
            is_pointer: is_pointer(&ty),
        });
    }
    Ok(found)
}

/// The variables that a pattern makes, in order, and its first `_`.
fn variables(pattern: &ast::Pat) -> Result<(Vec<String>, Option<TextRange>), Refusal> {
    let (mut variables, mut wild) = (Vec::new(), None);
    for node in pattern.syntax().descendants() {
        match ast::Pat::cast(node) {
            Some(ast::Pat::IdentPat(it)) => {
                if it.ref_token().is_some() || it.pat().is_some() {
                    return Err(Refusal::Parameter);
                }
                let name = it.name().ok_or(Refusal::Parameter)?.text().to_string();
                // Else it is a constant or a struct without fields.
                if !name.starts_with(|c: char| c.is_uppercase()) {
                    variables.push(name);
                }
            }
            Some(ast::Pat::WildcardPat(it)) => wild = wild.or(Some(it.syntax().text_range())),
            Some(
                ast::Pat::TuplePat(_)
                | ast::Pat::TupleStructPat(_)
                | ast::Pat::RecordPat(_)
                | ast::Pat::ParenPat(_)
                | ast::Pat::SlicePat(_)
                | ast::Pat::RefPat(_)
                | ast::Pat::RestPat(_)
                | ast::Pat::PathPat(_),
            )
            | None => {}
            Some(_) => return Err(Refusal::Parameter),
        }
    }
    Ok((variables, wild))
}

const PRIMITIVES: &[&str] = &[
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64",
    "u128", "usize",
];

/// Does its look tell that dropping it does nothing?
fn is_inert_type(ty: &ast::Type) -> bool {
    match ty {
        ast::Type::RefType(_) | ast::Type::PtrType(_) | ast::Type::FnPtrType(_) => true,
        ast::Type::ArrayType(it) => it.ty().is_some_and(|it| is_inert_type(&it)),
        ast::Type::TupleType(it) => it.fields().all(|it| is_inert_type(&it)),
        ast::Type::ParenType(it) => it.ty().is_some_and(|it| is_inert_type(&it)),
        ast::Type::PathType(it) => PRIMITIVES.iter().any(|name| it.syntax().text() == *name),
        _ => false,
    }
}

/// Of what is in them it matters when that is dropped, but not of them.
const QUIET: &[&str] = &[
    "Arc",
    "BTreeMap",
    "BTreeSet",
    "Box",
    "Duration",
    "HashMap",
    "HashSet",
    "Instant",
    "Option",
    "OsString",
    "PathBuf",
    "Rc",
    "Result",
    "String",
    "SystemTime",
    "Vec",
    "VecDeque",
];

/// Does its look tell that nobody notices when it is dropped?
fn is_quiet_type(ty: &ast::Type) -> bool {
    match ty {
        ast::Type::ArrayType(it) => it.ty().is_some_and(|it| is_quiet_type(&it)),
        ast::Type::SliceType(it) => it.ty().is_some_and(|it| is_quiet_type(&it)),
        ast::Type::TupleType(it) => it.fields().all(|it| is_quiet_type(&it)),
        ast::Type::ParenType(it) => it.ty().is_some_and(|it| is_quiet_type(&it)),
        ast::Type::PathType(it) if !is_inert_type(ty) => {
            let Some(segment) = it.path().and_then(|it| it.segment()) else { return false };
            let is_known =
                segment.name_ref().is_some_and(|name| QUIET.iter().any(|known| name.text() == *known));
            let mut arguments = segment.generic_arg_list().into_iter().flat_map(|list| list.generic_args());
            is_known
                && arguments.all(|argument| match argument {
                    ast::GenericArg::TypeArg(it) => it.ty().is_some_and(|it| is_quiet_type(&it)),
                    _ => false,
                })
        }
        _ => is_inert_type(ty),
    }
}

/// A fn drops its arguments from the last to the first, a block its captures from the first it mentions on.
fn drops_earlier(body: &SyntaxNode, parameters: &[Parameter]) -> Vec<String> {
    let loud = parameters.iter().filter(|parameter| !parameter.is_quiet);
    let loud = loud.flat_map(|parameter| &parameter.variables);
    let loud: Vec<(&str, Option<TextSize>)> =
        loud.map(|name| (name.as_str(), first_mention(body, name))).collect();
    let earlier = loud.iter().enumerate().filter(|(index, (_, at))| {
        let mut later = loud[index + 1..].iter();
        later.any(|(_, other)| at < other)
    });
    earlier.map(|(_, (name, _))| (*name).to_owned()).collect()
}

fn first_mention(body: &SyntaxNode, name: &str) -> Option<TextSize> {
    let mut tokens = body.descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let found = tokens.find(|token| match token.kind() {
        // `"{name}"`
        SyntaxKind::STRING => token.text().contains(name),
        _ => token.text() == name,
    })?;
    Some(found.text_range().start())
}

/// Are a value's fields behind a pointer, so that a block that uses one captures the pointer?
fn is_pointer(ty: &ast::Type) -> bool {
    match ty {
        ast::Type::RefType(_) => true,
        ast::Type::PathType(it) => {
            let name = it.path().and_then(|it| it.segment()).and_then(|it| it.name_ref());
            name.is_some_and(|name| ["Arc", "Box", "Pin", "Rc"].iter().any(|known| name.text() == *known))
        }
        _ => false,
    }
}

/// Puts everything in the braces into an `async move` block, one level deeper, behind a first statement.
fn wrap(
    body: &SyntaxNode,
    open: &SyntaxToken,
    close: &SyntaxToken,
    first: Option<&str>,
    edits: &mut Vec<Edit>,
) {
    let (start, end) = (open.text_range().end(), close.text_range().start());
    let last = close.prev_token().filter(|it| it.kind() == SyntaxKind::WHITESPACE);
    let Some((before, base)) = last.as_ref().and_then(|it| it.text().rsplit_once('\n')) else {
        let first = first.map_or_else(String::new, |first| format!(" {first}"));
        edits.push(Edit::insert(start, format!(" async move {{{first}")));
        edits.push(Edit::insert(end, "} "));
        return;
    };
    let newline = if before.ends_with('\r') { "\r\n" } else { "\n" };
    let spaces = body.descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let spaces: Vec<SyntaxToken> = spaces.filter(|it| it.kind() == SyntaxKind::WHITESPACE).collect();
    let has_tabs = spaces.iter().any(|it| it.text().contains("\n\t"));
    let unit = if has_tabs { "\t" } else { "    " };
    let first = first.map_or_else(String::new, |first| format!("{newline}{base}{unit}{unit}{first}"));
    edits.push(Edit::insert(start, format!("{newline}{base}{unit}async move {{{first}")));
    for space in spaces {
        if let Some(line) = space.text().rfind('\n')
            && let Ok(line) = TextSize::try_from(line + 1)
        {
            edits.push(Edit::insert(space.text_range().start() + line, unit));
        }
    }
    edits.push(Edit::insert(end, format!("}}{newline}{base}")));
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples};
    use super::super::signature::Refusal as Why;
    use super::super::texts;
    use super::*;
    use crate::features::language::Heap;
    use crate::source::{Outline, edited, with_tree};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use ra_ap_syntax::SourceFile;

    fn language(edition: &str) -> Language {
        Language { edition: edition.to_owned(), ..Language::default() }
    }

    /// The first `async fn` of a text.
    fn desugared(text: &str, language: &Language) -> Result<Desugared, Refusal> {
        let outline = Outline::new(text.into());
        let site = outline.sites().iter().find(|site| site.kind == SiteKind::AsyncFn);
        let look = |tree: &SourceFile| desugar(&signature::function(tree, site.unwrap().token)?, language);
        with_tree(text, look).unwrap()
    }

    fn ways(text: &str, language: &Language) -> Vec<String> {
        let desugared = desugared(text, language).unwrap();
        desugared.ways.iter().map(|edits| edited(text, edits).unwrap()).collect()
    }

    fn check(edition: &str, text: &str, expected: Expect) {
        expected.assert_eq(&ways(text, &language(edition))[0]);
    }

    fn refused(text: &str) -> Refusal {
        desugared(text, &language("2021")).unwrap_err()
    }

    #[test]
    fn the_examples() {
        for Example { before, after } in examples(include_str!("desugar_async_fn.rs")) {
            assert_eq!(ways(&before, &language("2024"))[0], after);
        }
    }

    #[test]
    fn in_edition_2024_all_is_captured() {
        check(
            "2024",
            "
impl<'a, T> Sender<'a, T> {
    /// Sends.
    #[inline] // quickly
    pub(crate) async fn send(&self, data: [u8; 4096]) -> u8 where T: Send {
        self.go().await; // now

        /* a
        b */
        let text = \"c
        d\";
        data[0]
    }
}
",
            expect![[r#"

                impl<'a, T> Sender<'a, T> {
                    /// Sends.
                    #[inline] // quickly
                    pub(crate) fn send(&self, data: [u8; 4096]) -> impl Future<Output = u8> where T: Send {
                        async move {
                            self.go().await; // now

                            /* a
                        b */
                            let text = "c
                        d";
                            data[0]
                        }
                    }
                }
            "#]],
        );
    }

    #[test]
    fn before_it_lifetimes_are_named() {
        let text = "impl<'a, T, const N: usize> S<'a, T, N> { async fn f<'b, U>(&self, u: &'b U) -> &T { g(u).await } }";
        check(
            "2021",
            text,
            expect![
                "impl<'a, T, const N: usize> S<'a, T, N> { fn f<'b, U>(&self, u: &'b U) -> impl std::future::Future<Output = &T> + use<'_, 'a, 'b, T, N, U> { async move { g(u).await } } }"
            ],
        );
        check(
            "2018",
            "async fn f(a: &u8) -> &u8 { g(a).await }",
            expect![
                "fn f(a: &u8) -> impl std::future::Future<Output = &u8> + use<'_> { async move { g(a).await } }"
            ],
        );
        check(
            "2021",
            "async fn f<T>(a: T) { g(a).await }",
            expect!["fn f<T>(a: T) -> impl std::future::Future<Output = ()> { async move { g(a).await } }"],
        );
    }

    #[test]
    fn several_lifetimes_left_out_get_names() {
        check(
            "2021",
            "impl S<u8> { async fn f(&self, a: &mut A<'_>, c: fn(&u8) -> &u8) -> B<'_> { g(a).await } }",
            expect![
                "impl S<u8> { fn f<'a, 'b, 'c>(&'a self, a: &'b mut A<'c>, c: fn(&u8) -> &u8) -> impl std::future::Future<Output = B<'a>> + use<'a, 'b, 'c> { async move { g(a).await } } }"
            ],
        );
    }

    #[test]
    fn single_lines_stay() {
        check("2024", "async fn f(){}", expect!["fn f() -> impl Future<Output = ()>{ async move {} }"]);
        check(
            "2024",
            "async fn f() { g() }",
            expect!["fn f() -> impl Future<Output = ()> { async move { g() } }"],
        );
        check(
            "2024",
            "async unsafe fn f() {\n}",
            expect![[r#"
            unsafe fn f() -> impl Future<Output = ()> {
                async move {
                }
            }"#]],
        );
    }

    #[test]
    fn line_ends_and_tabs_stay() {
        let text =
            "mod m {\r\n\tasync fn f() {\r\n\t\tg();\r\n\r\n\t\th! {\r\n\t\t\ti\r\n\t\t}\r\n\t}\r\n}\r\n";
        let new = ways(text, &language("2024")).remove(0);
        assert_eq!(
            new,
            "mod m {\r\n\tfn f() -> impl Future<Output = ()> {\r\n\t\tasync move {\r\n\t\t\tg();\r\n\r\n\t\t\th! {\r\n\t\t\t\ti\r\n\t\t\t}\r\n\t\t}\r\n\t}\r\n}\r\n"
        );
    }

    #[test]
    fn names_of_future() {
        let path = |text: &str, language: &Language| -> Vec<String> {
            let ways = ways(text, language);
            let path = |way: &String| way.split("-> impl ").nth(1)?.split('<').next().map(str::to_owned);
            ways.iter().filter_map(path).collect()
        };
        let f = "async fn f() {}";
        let (old, new) = (language("2021"), language("2024"));
        let no_std = Language { heap: Heap::None, ..language("2021") };
        let full = "std::future::Future";
        assert_eq!(path(f, &old), [full]);
        assert_eq!(path(f, &Language::default()), [full]);
        assert_eq!(path(f, &new), ["Future", full]);
        assert_eq!(path(f, &no_std), ["core::future::Future"]);
        for import in [
            "use std::future::Future;",
            "use core::{a, future::{self, Future}};",
            "use ::std::future::{Future};",
        ] {
            assert_eq!(path(&format!("{import} {f}"), &old), ["Future", full], "{import}");
            assert_eq!(path(&format!("{import} mod m {{ {f} }}"), &old), [full], "{import}");
            assert_eq!(path(&format!("mod m {{ {import} }} {f}"), &old), [full], "{import}");
        }
        for other in [
            "use std::future::Future as _;",
            "use std::future;",
            "use futures::Future;",
            "struct Future;",
            "use a::B as Future;",
        ] {
            assert_eq!(path(&format!("{other} {f}"), &old), [full], "{other}");
        }
        assert_eq!(path(&format!("use futures::Future; {f}"), &new), [full]);
        assert_eq!(path(&format!("trait Future {{}} {f}"), &new), [full]);
    }

    #[test]
    fn refusals() {
        for (text, why) in [
            ("m! { async fn f() {} }", Why::NotAnAsyncFn.into()),
            ("macro_rules! m { () => { async fn f() {} } }", Why::NotAnAsyncFn.into()),
            ("async fn f() -> m!() {}", Why::NotAnAsyncFn.into()),
            ("trait T { async fn f() {} }", Why::Trait.into()),
            ("#[tokio::main] async fn f() {}", Why::Attribute.into()),
            ("#[cfg_attr(a, inline, b::c)] async fn f() {}", Why::Attribute.into()),
            ("#[cfg_attr(a = \"(\", b)] async fn f() {}", Why::Attribute.into()),
            ("#[target_feature(enable = \"avx\")] async fn f() {}", Why::Attribute.into()),
            ("#[service] impl S { async fn f() {} }", Why::Attribute.into()),
            ("const async fn f() {}", Why::Qualifier.into()),
            ("async extern \"C\" fn f() {}", Why::Qualifier.into()),
            ("#[tracing::instrument] async fn f() {}", Why::Attribute.into()),
            ("#[unsafe(no_mangle)] async fn f() {}", Why::Attribute.into()),
            ("async fn f(ref a: u8) {}", Refusal::Parameter),
            ("async fn f((ref a, b): (u8, u8)) {}", Refusal::Parameter),
            ("async fn f(a @ (b, c): (u8, u8)) {}", Refusal::Parameter),
            ("async fn f((A(a) | B(a)): C) {}", Refusal::Parameter),
            ("async fn f(_: A) { g(_arg0) }", Refusal::Name),
            ("impl S { async fn f(&self, _: A) { g(\"{_arg1}\") } }", Refusal::Name),
            ("async fn f(#[cfg(x)] a: u8) {}", Refusal::Parameter),
            ("async fn f(a: u8, ...) {}", Refusal::Parameter),
            ("async fn f(a: m!()) {}", Refusal::Parameter),
            ("async fn f() -> ! {}", Why::Never.into()),
            ("async fn f(a: &u8, b: impl B) { g(b) }", Why::ImplTrait.into()),
            ("async fn f(a: &u8) -> impl B {}", Why::ImplTrait.into()),
            ("impl S<'_> { async fn f(&self) {} }", Why::UnnamedLifetime.into()),
            ("impl S<&u8> { async fn f(&self) {} }", Why::UnnamedLifetime.into()),
        ] {
            assert_eq!(refused(text), why, "{text}");
        }
        let old = Language { oldest_compiler: Some(81), ..language("2021") };
        assert_eq!(desugared("async fn f(a: &u8) {}", &old).unwrap_err(), Why::OldCompiler.into());
        assert!(desugared("async fn f(a: u8) {}", &old).is_ok());
        assert!(desugared("async fn f(a: &u8) {}", &Language { oldest_compiler: Some(82), ..old }).is_ok());
        for block in ["fn f() { async {} }", "fn f() { async || {} }"] {
            let token = Outline::new(block.into()).sites()[0].token;
            let found = with_tree(block, |tree| signature::function(tree, token).err()).unwrap();
            assert_eq!(found, Some(Why::NotAnAsyncFn));
        }
    }

    #[test]
    fn not_refused() {
        for text in [
            "#[doc = \"a\"] #[allow(b)] #[cfg_attr(any(a, b = \"),\"), inline, doc(hidden),)] #[must_use] async fn f() {}",
            "#[cfg(a)] impl S { async fn f(&self) { self.a } }",
            "impl S { async fn f(self: Box<Self>) { g(self.a) } }",
            "async fn f(a: impl A) -> impl B { g(a) }",
            "async fn f(a: (u8, [f64; 3]), b: *const u8, mut c: &mut A) {}",
        ] {
            let new = desugared(text, &language("2021"));
            assert!(new.is_ok(), "{text}: {new:?}");
        }
        let text = "#[task(pool_size = 2)] #[inline] #[a::task] async fn f(a: u8) { g(a) }";
        let new = desugared(text, &language("2021")).unwrap();
        assert_eq!(
            (&new.macros[..], new.is_certain),
            (&["task".to_owned(), "a::task".to_owned()][..], false)
        );
    }

    #[test]
    fn macros_that_are_known_to_make_the_same() {
        assert!(makes_the_same("embassy_executor::task", ""));
        assert!(makes_the_same("::embassy_executor::task", ""));
        assert!(makes_the_same("task", "use embassy_executor::task;"));
        assert!(!makes_the_same("task", "use rtic::task;"));
        assert!(!makes_the_same("handler", ""));
    }

    #[test]
    fn what_would_be_dropped_at_the_call_is_captured_whole() {
        check(
            "2024",
            "
async fn pay(order: Order, _: Permit) {
    connect().await;
    send(&order.id);
}
",
            expect![[r#"

                fn pay(order: Order, _arg1: Permit) -> impl Future<Output = ()> {
                    async move {
                        let _ = (&_arg1, &order);
                        connect().await;
                        send(&order.id);
                    }
                }
            "#]],
        );
        let first = |text: &str| {
            let new = ways(text, &language("2021")).remove(0);
            new.split_once("async move {")
                .and_then(|(_, body)| Some(body.split_once(';')?.0.trim().to_owned()))
        };
        for (text, expected) in [
            ("async fn f(a: A) { g(a.b); }", "let _ = &a"),
            ("async fn f(unused: A) { h(); }", "let _ = &unused"),
            ("async fn f(a: A) { let a = b; g(a); }", "let _ = &a"),
            ("impl S { async fn f(self, n: u8, b: B) { g(self.b, n); } }", "let _ = (&b, &self)"),
            ("impl T for S { async fn f(&self, b: B) { g(b.c); } }", "let _ = &b"),
            ("async fn f(S { a, b }: S, [c, mut d]: [C; 2]) { g(a.b); }", "let _ = (&d, &c, &b, &a)"),
            ("async fn f(_: A, b: B) { g(b); }", "let _ = (&b, &_arg0)"),
            ("impl S { async fn f(&self, (a, _): (A, B)) { g(a); } }", "let _ = (&a, &_arg1)"),
            ("async fn f(Json(body): Json<B>) { g(body.a); }", "let _ = &body"),
        ] {
            assert_eq!(first(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "async fn f(a: A, b: B) { g(a, b); }",
            "async fn f((a, b): (A, B)) { g(a, &b); }",
            "async fn f(a: (u8, u8), _: u8, (b, _): (u8, u8)) { g(a.0); }",
            "async fn f(&(a, _): &(A, B)) { g(a.c); }",
        ] {
            assert_eq!(first(text).filter(|first| first.starts_with("let _")), None, "{text}");
        }
        // Whatever is mentioned is captured whole.
        let text = "async fn f(a: A) { g(a.b) }";
        assert!(!ways(text, &language("2018"))[0].contains("let _"));
        assert!(ways(text, &language(""))[0].contains("let _ = &a; g"));
    }

    #[test]
    fn in_an_implementation_of_a_trait_nothing_is_said_of_lifetimes() {
        check(
            "2021",
            "impl<'a> T for S<'a> { async fn f<'b>(&self, a: &'b u8, b: &u8) -> &'b u8 { g(b).await; a } }",
            expect![
                "impl<'a> T for S<'a> { fn f<'b>(&self, a: &'b u8, b: &u8) -> impl std::future::Future<Output = &'b u8> { async move { g(b).await; a } } }"
            ],
        );
    }

    #[test]
    fn what_is_not_captured_is_known() {
        let new =
            desugared("async fn f(a: u8, b: (u8, u8), c: u8) { g(b.0, c) }", &language("2021")).unwrap();
        assert_eq!((new.gone, new.is_certain), (vec!["a".to_owned()], false));
        let new = desugared("async fn f(a: &A, b: u8) { g(a.b, b) }", &language("2021")).unwrap();
        assert_eq!((new.gone, new.is_certain), (vec![], true));
    }

    #[test]
    fn destructors_that_run_earlier_are_known() {
        let earlier = |text: &str| desugared(text, &language("2021")).unwrap().drops_earlier;
        let none: [&str; 0] = [];
        assert_eq!(earlier("async fn f(a: A, b: B) { g(&a); g(&b) }"), ["a"]);
        assert_eq!(earlier("async fn f(a: A, b: B) { g(&b); g(&a) }"), none);
        assert_eq!(earlier("impl S { async fn f(self, a: u8, b: Arc<B>) { g(&self, b, a) } }"), ["self"]);
        assert_eq!(
            earlier("impl S { async fn f(&self, a: A, b: std::vec::Vec<u8>) { g(&self, a, b) } }"),
            none
        );
        assert_eq!(earlier("async fn f(a: Vec<(String, u8)>, b: Option<Box<[u8]>>) { g(a, b) }"), none);
        assert_eq!(earlier("async fn f<T>(a: T, b: Vec<T>) { g(a, b) }"), ["a"]);
    }

    /// Texts made of what matters here.
    fn rusty() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "async fn f(",
            "pub async unsafe fn g<'a, T>(",
            "&self, ",
            "_: B, ",
            "(d, mut e): (B, C), ",
            "S { x, .. }: S",
            "impl T for S {",
            "#[task] ",
            "a: &u8, ",
            "mut b: A<'_>, ",
            "c: &'a mut [T; 3]",
            ") {",
            ") -> u8 {",
            ") -> &T where T: B {",
            "}",
            "\n",
            "\r\n\t",
            "    ",
            "async {",
            "impl<'b> S<'b> {",
            "impl S {",
            "trait T {",
            "mod m {",
            "use std::future::Future;",
            "m! {",
            "#[inline] ",
            "#[cfg_attr(",
            ")]",
            "a.b;",
            "g(b).await;",
            "\"",
            "// c\n",
            "/*",
            "*/",
            "é",
            "'",
            "x",
            "-> ",
            "(",
            ")",
            "<",
            ">",
            ",",
            "|b|",
            "let b = ",
            "{b}",
            "println!(\"{b}\", b);",
            "fn(&u8)",
            "impl Fn(&u8)",
            "async ",
            "fn ",
            "&",
            "'_ ",
            "self",
            "r#\"",
            "\"#",
        ]);
        prop_oneof![
            8 => prop::collection::vec(word, 0..40).prop_map(|it| it.concat()),
            1 => "\\PC{0,80}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn any_text(text in rusty(), edition in prop::sample::select(vec!["", "2018", "2021", "2024"])) {
            texts::check_ways(&text, |tree, site| {
                let function = signature::function(tree, site.token).ok();
                let new = function.and_then(|function| desugar(&function, &language(edition)).ok());
                new.map(|new| new.ways).unwrap_or_default()
            })?;
        }
    }
}

//! Uses the arguments of an `async fn` where they are captured. The fn itself stores them a second time, as
//! the variables of its body, if those are used after an await.
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
//! Of several arguments with destructors some may then be dropped earlier: a block drops its captures in the
//! order in which it mentions them, a fn its arguments from the last to the first.
//!
//! A block's value is not converted to what the fn returns: one that becomes a `Box<dyn T>` only by being
//! returned does not compile then, which nothing but the compiler can tell.

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
    // The variables of the body that are the arguments again.
    let mut again: Vec<(u32, TextRange)> = Vec::new();
    for (index, saved) in body.saved.iter().enumerate() {
        let declared = saved.span.as_ref().and_then(|span| context.range(span));
        let found = parameters.iter().find(|parameter| {
            saved.names.iter().any(|name| **name == *parameter.name)
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
    let anchors = again.iter().map(|(_, range)| *range).collect();
    let mut candidate = context.candidate(ActionKind::DesugarAsyncFn, label, anchors);
    candidate.predicted = context
        .predict(&changes)
        .map(|predicted| Prediction { exact: predicted.exact && desugared.is_certain, ..predicted });
    candidate.ways = desugared.ways;
    candidate.drops_earlier = desugared.drops_earlier.iter().map(|name| format!("`{name}`").into()).collect();
    Some(candidate)
}

/// Why a fn is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// It cannot return a future.
    Signature(signature::Refusal),
    /// A parameter that is more than a name.
    Parameter,
    /// An argument would be dropped at the call, or parts of it.
    DroppedAtCall,
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
    /// All others are captured as a whole.
    is_certain: bool,
    /// Arguments that are dropped before others that were dropped before them, where that may matter.
    drops_earlier: Vec<String>,
}

struct Parameter {
    name: String,
    range: TextRange,
    /// Dropping it does nothing.
    is_inert: bool,
    /// Its fields are behind a pointer.
    is_pointer: bool,
    /// Nobody can tell when it is dropped.
    is_quiet: bool,
}

fn desugar(function: &ast::Fn, language: &Language) -> Result<Desugared, Refusal> {
    let body = function.body().and_then(|body| body.stmt_list()).ok_or(NotAnAsyncFn)?;
    let (Some(open), Some(close)) = (body.l_curly_token(), body.r_curly_token()) else {
        return Err(NotAnAsyncFn.into());
    };
    signature::look_around(function)?;
    let edition = signature::edition(language);
    let mut desugared =
        Desugared { ways: Vec::new(), gone: Vec::new(), is_certain: true, drops_earlier: Vec::new() };
    let parameters = parameters(function)?;
    desugared.drops_earlier = drops_earlier(body.syntax(), &parameters);
    for parameter in parameters {
        let captured = match captured(body.syntax(), &parameter.name, edition >= 2021) {
            Captured::Part if parameter.is_pointer => Captured::Whole,
            captured => captured,
        };
        match captured {
            Captured::Whole => (),
            _ if !parameter.is_inert => return Err(Refusal::DroppedAtCall),
            Captured::Part => desugared.is_certain = false,
            Captured::Nothing => desugared.gone.push(parameter.name),
        }
    }
    desugared.ways = signature::returning(function, language)?;
    for way in &mut desugared.ways {
        wrap(body.syntax(), &open, &close, way);
    }
    Ok(desugared)
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
            is_inert: is_reference,
            is_quiet: is_reference || ty.as_ref().is_some_and(is_quiet_type),
            is_pointer: is_reference || ty.as_ref().is_some_and(is_pointer),
        });
    }
    for parameter in list.params() {
        let (Some(ast::Pat::IdentPat(pattern)), Some(ty)) = (parameter.pat(), parameter.ty()) else {
            return Err(Refusal::Parameter);
        };
        let is_plain = pattern.ref_token().is_none() && pattern.pat().is_none();
        let name = pattern.name().filter(|_| is_plain && parameter.dotdotdot_token().is_none());
        found.push(Parameter {
            name: name.ok_or(Refusal::Parameter)?.text().to_string(),
            range: pattern.syntax().text_range(),
            is_inert: is_inert_type(&ty),
            is_quiet: is_quiet_type(&ty),
            is_pointer: is_pointer(&ty),
        });
    }
    Ok(found)
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
    let loud: Vec<(&str, Option<TextSize>)> =
        loud.map(|parameter| (&*parameter.name, first_mention(body, &parameter.name))).collect();
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

/// Puts everything in the braces into an `async move` block, one level deeper.
fn wrap(body: &SyntaxNode, open: &SyntaxToken, close: &SyntaxToken, edits: &mut Vec<Edit>) {
    let (start, end) = (open.text_range().end(), close.text_range().start());
    let last = close.prev_token().filter(|it| it.kind() == SyntaxKind::WHITESPACE);
    let Some((before, base)) = last.as_ref().and_then(|it| it.text().rsplit_once('\n')) else {
        edits.push(Edit::insert(start, " async move {"));
        edits.push(Edit::insert(end, "} "));
        return;
    };
    let newline = if before.ends_with('\r') { "\r\n" } else { "\n" };
    let spaces = body.descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let spaces: Vec<SyntaxToken> = spaces.filter(|it| it.kind() == SyntaxKind::WHITESPACE).collect();
    let has_tabs = spaces.iter().any(|it| it.text().contains("\n\t"));
    let unit = if has_tabs { "\t" } else { "    " };
    edits.push(Edit::insert(start, format!("{newline}{base}{unit}async move {{")));
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
    use super::super::signature::Refusal as Why;
    use super::*;
    use crate::features::language::Heap;
    use crate::source::{Outline, edited, with_tree};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use ra_ap_syntax::{Edition, SourceFile};

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
            ("impl T for S { async fn f() {} }", Why::Trait.into()),
            ("#[tokio::main] async fn f() {}", Why::Attribute.into()),
            ("#[cfg_attr(a, inline, b::c)] async fn f() {}", Why::Attribute.into()),
            ("#[cfg_attr(a = \"(\", b)] async fn f() {}", Why::Attribute.into()),
            ("#[target_feature(enable = \"avx\")] async fn f() {}", Why::Attribute.into()),
            ("#[service] impl S { async fn f() {} }", Why::Attribute.into()),
            ("const async fn f() {}", Why::Qualifier.into()),
            ("async extern \"C\" fn f() {}", Why::Qualifier.into()),
            ("async fn f((a, b): (u8, u8)) {}", Refusal::Parameter),
            ("async fn f(_: u8) {}", Refusal::Parameter),
            ("async fn f(ref a: u8) {}", Refusal::Parameter),
            ("async fn f(#[cfg(x)] a: u8) {}", Refusal::Parameter),
            ("async fn f(a: u8, ...) {}", Refusal::Parameter),
            ("async fn f(a: m!()) {}", Refusal::Parameter),
            ("async fn f(a: A) {}", Refusal::DroppedAtCall),
            ("async fn f(a: A) { g(a.b) }", Refusal::DroppedAtCall),
            ("impl S { async fn f(self) { g(self.b) } }", Refusal::DroppedAtCall),
            ("async fn f(a: A) { let a = b; g(a) }", Refusal::DroppedAtCall),
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
        let text = "async fn f(a: A) { g(a.b) }";
        assert!(desugared(text, &language("2018")).is_ok());
        assert_eq!(desugared(text, &language("")).unwrap_err(), Refusal::DroppedAtCall);
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
            let outline = Outline::new(text.as_str().into());
            let errors = |text: &str| SourceFile::parse(text, Edition::Edition2021).errors().len();
            let before = errors(&text);
            for site in outline.sites() {
                let look = |tree: &SourceFile| desugar(&signature::function(tree, site.token)?, &language(edition));
                let looked = if text.starts_with('\u{feff}') { None } else { with_tree(&text, look) };
                for way in looked.into_iter().flatten().flat_map(|new| new.ways) {
                    let new = edited(&text, &way);
                    prop_assert!(new.is_some());
                    prop_assert!(before > 0 || errors(&new.unwrap()) == 0, "{text}");
                    prop_assert!(way.iter().all(|edit| site.range.contains_range(edit.range)));
                }
            }
        }
    }
}

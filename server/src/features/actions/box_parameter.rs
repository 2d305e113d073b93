//! Lets an `async fn` that is spawned or stored take a large argument in a box. Its future stores an argument where it is
//! passed, and once more where the body uses it; whoever spawns it copies all that.
//!
//! ```text
//! async fn store(page: [u8; 4096]) -> usize {      async fn store(page: Box<[u8; 4096]>) -> usize {
//!     send(&page).await;                               send(&*page).await;
//!     page.len()                                       page.len()
//! }                                                }
//! fn start() {                                     fn start() {
//!     tokio::spawn(store(make()));                     tokio::spawn(store(Box::new(make())));
//! }                                                }
//! ```
//!
//! All calls are edited, in whatever file, and the future of none of the callers may grow. The box is dropped where the argument
//! was dropped; if a use moves the value out of it, the compiler shows what is dropped.

use super::box_awaitee::pin_path;
use super::box_local::{self, as_box};
use super::call_sites::{self, CallSite, Target, call_sites};
use super::callers::{self, Called};
use super::{ActionKind, Candidate, Context, Elsewhere, signature};
use crate::layout::whatif::{Change, Prediction};
use crate::layout::{FutureKind, Held, HeldKind, item_path};
use crate::source::{Edit, Outline, SiteKind, TextRange, with_tree};
use ra_ap_syntax::ast::{self, AstNode, HasAttrs, HasGenericParams, HasName};
use ra_ap_syntax::{SourceFile, SyntaxNode};
use std::collections::BTreeSet;
use std::path::Path;

/// Smaller ones are not worth an allocation, in bytes.
const LARGE: u64 = 64;

/// Why an argument is not passed in a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The fn cannot have another signature
    Called(callers::Refusal),
    /// The fn is `unsafe`.
    Unsafe,
    /// The parameter is not a plain variable with a type of its own: it is a pattern, a reference or pointer, `impl Trait`, or
    /// has an attribute.
    Parameter,
    /// The parameter's type is a type parameter of the fn or of the `impl` around it.
    Generic,
    /// The body uses the argument in a way that does not fit a box
    Use(box_local::Refusal),
    /// The calls cannot be told
    Calls(call_sites::Refusal),
    /// The fn calls itself.
    Recursive,
    /// Every call is awaited on the spot: `box-awaitee` or `borrow-argument` do more there.
    Awaited,
}

impl From<callers::Refusal> for Refusal {
    fn from(why: callers::Refusal) -> Self {
        Refusal::Called(why)
    }
}

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    all(context).unwrap_or_default()
}

fn all(context: &Context<'_>) -> Option<Vec<Candidate>> {
    let (site, body) = (context.site(), context.future.body.as_ref()?);
    // An attribute may have made something else of the `async fn`.
    let is_fn = site.kind == SiteKind::AsyncFn && FutureKind::from(body.compiled) == FutureKind::AsyncFn;
    if !is_fn || context.shown.id != context.future.id {
        return None;
    }
    let path = box_path(context, context.text())?;
    let upvars = context.future.states.upvars().iter().zip(0u32..);
    let large: Vec<(&Held, u32)> = upvars.filter(|(it, _)| it.size > LARGE && it.printed.is_none()).collect();
    if large.is_empty() {
        return None;
    }
    let function = signature::function(context.tree, site.token).ok()?;
    let called = called(&function).ok()?;
    let parameters = function.param_list()?.params().count();
    let boxed: Vec<Boxed> = (0..parameters).filter_map(|index| boxed(&function, index, &path).ok()).collect();
    let boxed: Vec<(Boxed, &Held, u32)> = boxed
        .into_iter()
        .filter_map(|it| {
            let plain = it.name.trim_start_matches("r#");
            let (held, index) = large.iter().find(|(held, _)| *held.name == *plain)?;
            Some((it, *held, *index))
        })
        .collect();
    if boxed.is_empty() {
        return None;
    }
    let calls = calls(context, &function, &called).ok()??;
    let found =
        boxed.iter().filter_map(|(it, held, index)| candidate(context, &called, &calls, it, held, *index));
    Some(found.collect())
}

fn called(function: &ast::Fn) -> Result<Called, Refusal> {
    if function.unsafe_token().is_some() {
        return Err(Refusal::Unsafe);
    }
    Ok(callers::called(function)?)
}

/// What `Box` is called in a text; `None` where nothing can be allocated.
fn box_path(context: &Context<'_>, text: &str) -> Option<String> {
    Some(pin_path(context.language.heap, text)?.strip_suffix("::pin")?.to_owned())
}

/// The calls in one text.
struct Calls<'a> {
    file: &'a Path,
    text: &'a Outline,
    found: Vec<CallSite>,
}

/// All calls, in whatever file. `None` if a file with one of them was not measured.
fn calls<'a>(
    context: &Context<'a>,
    function: &ast::Fn,
    called: &Called,
) -> Result<Option<Vec<Calls<'a>>>, Refusal> {
    let Some(body) = &context.future.body else { return Ok(None) };
    let item = item_path(&body.def_path);
    let (krate, within) = item.split_once("::").unwrap_or((item, ""));
    let own = signature::associated(function).and_then(ast::Impl::cast);
    let list = function.param_list();
    let has_self = list.as_ref().is_some_and(|it| it.self_param().is_some());
    let target = Target {
        called,
        module: within.rsplit("::").nth(1),
        krate,
        of_type: own.as_ref().and_then(call_sites::type_name),
        parameters: list.map_or(0, |it| it.params().count()) + usize::from(has_self),
        has_self,
    };
    if called.is_associated && target.of_type.is_none() {
        return Err(Refusal::Calls(call_sites::Refusal::Unclear));
    }
    let Some(awaits) = callers::awaits(context) else { return Ok(None) };
    let word = called.name.trim_start_matches("r#");
    let Some(texts) = context.snapshot.texts_around(context.file, word) else { return Ok(None) };
    let own_range = context.site().range;
    let mut all = Vec::new();
    for (file, text) in texts.into_iter().filter(|(_, text)| text.text().contains(word)) {
        // All offsets would be shifted by a byte order mark.
        if text.text().starts_with('\u{feff}') {
            return Ok(None);
        }
        let known = awaits.places.get(&file).map_or(&[][..], Vec::as_slice);
        let is_own = file == context.file;
        let look = |tree: &SourceFile| call_sites(tree, &target, known, is_own);
        let Some(found) = with_tree(text.text(), look) else { return Ok(None) };
        let found = found.map_err(Refusal::Calls)?;
        if is_own && found.iter().any(|call| own_range.contains_range(call.range)) {
            return Err(Refusal::Recursive);
        }
        if !found.is_empty() {
            let Some(file) = context.snapshot.paths().into_iter().find(|it| *it == file) else {
                return Ok(None);
            };
            all.push(Calls { file, text, found });
        }
    }
    let mut each = all.iter().flat_map(|it| &it.found);
    if each.all(|call| call.is_awaited) {
        return Err(Refusal::Awaited);
    }
    Ok(Some(all))
}

fn candidate(
    context: &Context<'_>,
    called: &Called,
    calls: &[Calls<'_>],
    boxed: &Boxed,
    upvar: &Held,
    index: u32,
) -> Option<Candidate> {
    let body = context.future.body.as_ref()?;
    let pointer = context.future.parts.pointer?;
    let mut changes = vec![Change::ResizeUpvar { upvar: index, size: pointer, align: pointer }];
    let held = context.future.states.iter().flat_map(|state| &state.held);
    let copies = held
        .filter(|held| held.kind == HeldKind::Local && held.name == upvar.name && held.size == upvar.size);
    let saved: BTreeSet<u32> = copies.filter_map(|held| held.saved).collect();
    changes.extend(saved.into_iter().map(|saved| Change::Resize { saved, size: pointer, align: pointer }));
    let new = context.predict(&changes);
    if new.is_some_and(|new| new.size >= context.shown.size) {
        return None;
    }
    let label = format!("Let `{}` take `{}` in a Box", called.name, boxed.name);
    let here = calls.iter().filter(|it| it.file == context.file).flat_map(|it| &it.found);
    let anchors = std::iter::once(boxed.range).chain(here.map(|call| call.range)).collect();
    let mut candidate = context.candidate(ActionKind::BoxArgument, label, anchors);
    // Moved out of its box, it may be stored as before.
    candidate.predicted = new.map(|new| Prediction { exact: false, ..new });
    candidate.ways = vec![boxed.edits.clone()];
    for Calls { file, text, found } in calls {
        let path = box_path(context, text.text())?;
        let arguments = found.iter().map(|call| call.arguments.get(boxed.index).copied());
        let arguments: Vec<TextRange> = arguments.collect::<Option<_>>()?;
        let around = |range: &TextRange| {
            [Edit::insert(range.start(), format!("{path}::new(")), Edit::insert(range.end(), ")")]
        };
        candidate.elsewhere.push(Elsewhere {
            file: file.to_path_buf(),
            text: (*text).clone(),
            edits: arguments.iter().flat_map(around).collect(),
            bodies: call_sites::bodies(
                context,
                context.snapshot.file(file),
                found.iter().map(|call| call.range),
            ),
        });
    }
    if called.is_public && context.snapshot.is_library(&body.origin) {
        candidate.does_otherwise = Some(callers::INTERFACE.into());
    }
    Some(candidate)
}

/// A parameter that takes a box.
#[derive(Debug)]
struct Boxed {
    name: String,
    /// Among those behind `self`.
    index: usize,
    /// Of the parameter.
    range: TextRange,
    /// In the fn.
    edits: Vec<Edit>,
}

fn boxed(function: &ast::Fn, index: usize, path: &str) -> Result<Boxed, Refusal> {
    let list = function.param_list().ok_or(Refusal::Parameter)?;
    let parameter = list.params().nth(index).ok_or(Refusal::Parameter)?;
    let Some(ast::Pat::IdentPat(binding)) = parameter.pat() else { return Err(Refusal::Parameter) };
    let (Some(ty), Some(name)) = (parameter.ty(), binding.name()) else { return Err(Refusal::Parameter) };
    let is_variable = binding.ref_token().is_none() && binding.pat().is_none();
    let is_value = matches!(ty, ast::Type::PathType(_) | ast::Type::ArrayType(_) | ast::Type::TupleType(_));
    let is_hidden =
        |node: SyntaxNode| ast::ImplTraitType::can_cast(node.kind()) || ast::MacroType::can_cast(node.kind());
    let is_clear = !ty.syntax().descendants().any(is_hidden) && parameter.attrs().next().is_none();
    if !is_variable || !is_value || !is_clear {
        return Err(Refusal::Parameter);
    }
    let around = signature::associated(function).and_then(ast::Impl::cast);
    let outer = around.and_then(|it| it.generic_param_list());
    let text = ty.syntax().text().to_string();
    let mut types = outer
        .iter()
        .chain(&function.generic_param_list())
        .flat_map(|it| it.generic_params())
        .filter_map(|it| match it {
            ast::GenericParam::TypeParam(it) => it.name(),
            _ => None,
        })
        .collect::<Vec<_>>()
        .into_iter();
    if types.any(|it| it.text() == text) {
        return Err(Refusal::Generic);
    }
    let body = function.body().and_then(|it| it.stmt_list()).ok_or(Refusal::Parameter)?;
    let plain = name.text().trim_start_matches("r#").to_owned();
    let start = body.syntax().text_range().start();
    let uses = box_local::uses(&body, start, &plain).map_err(Refusal::Use)?;
    let ty = ty.syntax().text_range();
    let mut edits = vec![Edit::insert(ty.start(), format!("{path}<")), Edit::insert(ty.end(), ">")];
    edits.extend(uses.iter().filter_map(|(token, how)| as_box(token, *how)));
    Ok(Boxed { name: name.text().to_string(), index, range: parameter.syntax().text_range(), edits })
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples};
    use super::super::texts::{check_ways, pieces};
    use super::call_sites::Refusal::{Conditional, Named, Unclear};
    use super::*;
    use crate::source::edited;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use ra_ap_syntax::Edition;

    /// The first parameter of the first `async fn` of a text in a box, and what is passed for it in another text. Nothing is
    /// known of what is awaited.
    fn of_two(text: &str, other: &str) -> Result<(String, String), Refusal> {
        let outline = Outline::new(text.into());
        let site = outline.sites().iter().find(|site| site.kind == SiteKind::AsyncFn).unwrap();
        let look = |tree: &SourceFile| {
            let function = signature::function(tree, site.token).map_err(callers::Refusal::from)?;
            let called = called(&function)?;
            let boxed = boxed(&function, 0, "Box")?;
            let own = signature::associated(&function).and_then(ast::Impl::cast);
            let list = function.param_list().unwrap();
            let has_self = list.self_param().is_some();
            let target = Target {
                called: &called,
                module: Some("m"),
                krate: "own",
                of_type: own.as_ref().and_then(call_sites::type_name),
                parameters: list.params().count() + usize::from(has_self),
                has_self,
            };
            let passed = |tree: &SourceFile, is_own: bool| {
                let calls = call_sites(tree, &target, &[], is_own).map_err(Refusal::Calls)?;
                let arguments = calls.iter().map(|call| call.arguments[boxed.index]);
                let around = |range: TextRange| {
                    [Edit::insert(range.start(), "Box::new("), Edit::insert(range.end(), ")")]
                };
                Ok::<Vec<Edit>, Refusal>(arguments.flat_map(around).collect())
            };
            let mut edits = passed(tree, true)?;
            edits.extend(boxed.edits.clone());
            let others = passed(&SourceFile::parse(other, Edition::CURRENT).tree(), false)?;
            Ok((edited(text, &edits).unwrap(), edited(other, &others).unwrap()))
        };
        with_tree(text, look).unwrap()
    }

    fn of(text: &str) -> Result<String, Refusal> {
        Ok(of_two(text, "")?.0)
    }

    fn check(text: &str, expected: Expect) {
        // In a literal the compiler takes it away.
        expected.assert_eq(&of(text).unwrap().replace('\r', "<CR>"));
    }

    #[test]
    fn the_example() {
        for Example { before, after } in examples(include_str!("box_parameter.rs")) {
            assert_eq!(of(&before), Ok(after));
        }
    }

    #[test]
    fn every_use_and_every_call() {
        check(
            "async fn f(mut p: P, n: u8) {\r\n\tp.a = 1; p.go(&p, &mut p); S { p }; h(p)\r\n}\r\n\
             fn g() { spawn(f(p, 1)); a.push(self::f(m!(), 3)); join!(f(a, b), g(1)); let f = f(q?, 2); }",
            expect![[r#"
                async fn f(mut p: Box<P>, n: u8) {<CR>
                	p.a = 1; p.go(&*p, &mut *p); S { p: *p }; h(*p)<CR>
                }<CR>
                fn g() { spawn(f(Box::new(p), 1)); a.push(self::f(Box::new(m!()), 3)); join!(f(Box::new(a), b), g(1)); let f = f(Box::new(q?), 2); }"#]],
        );
    }
    #[test]
    fn only_its_own_calls() {
        let passed = |text: &str, other: &str| Ok::<_, Refusal>(of_two(text, other)?.1);
        let free = "async fn f(p: P) {} fn g() { spawn(f(p)) }";
        for (other, expected) in [
            ("use m::f; fn g() { f(a) }", "use m::f; fn g() { f(Box::new(a)) }"),
            (
                "use crate::m::{self, f}; fn g() { f(a); m::f(b) }",
                "use crate::m::{self, f}; fn g() { f(Box::new(a)); m::f(Box::new(b)) }",
            ),
            ("use super::*; fn g() { f(a) }", "use super::*; fn g() { f(Box::new(a)) }"),
            (
                "fn g() { own::f(a); a.f(b); T::f(a); f!(a); f(a, b) }",
                "fn g() { own::f(Box::new(a)); a.f(b); T::f(a); f!(a); f(a, b) }",
            ),
            ("fn f(a: A) { f(a) }", "fn f(a: A) { f(a) }"),
            ("use rt::f; fn g() { f(a) }", "use rt::f; fn g() { f(a) }"),
        ] {
            assert_eq!(passed(free, other).as_deref(), Ok(expected), "{other}");
        }
        for (other, why) in [
            ("use rt::*; fn g() { f(a) }", Unclear),
            ("fn g() { rt::f(a) }", Unclear),
            ("fn g(f: F) { f(a) }", Unclear),
            ("fn g() { let f = h; f(a) }", Unclear),
            ("mod a { fn f(a: A) {} } fn g() { self::f(a) }", Unclear),
            ("fn g() { h(f) }", Named),
            ("fn g() { m!(f(a)) }", Named),
            ("fn g() { join!(m!(f(a))) }", Named),
            ("fn g() { join!(rt::f(a)) }", Named),
            ("use m::f as h;", Named),
            ("#[cfg(test)] mod tests { fn g() { f(a) } }", Conditional),
            ("#[test] fn g() { f(a) }", Conditional),
        ] {
            assert_eq!(passed(free, other), Err(Refusal::Calls(why)), "{other}");
        }
        let method = "impl S { async fn f(&self, p: P) {} fn g(&self) { h(self.f(p)); join!(self.f(p)) } }";
        let expected = "impl S { async fn f(&self, p: Box<P>) {} fn g(&self) { h(self.f(Box::new(p))); join!(self.f(Box::new(p))) } }";
        assert_eq!(of(method).as_deref(), Ok(expected));
        for (other, expected) in [
            (
                "impl S { fn g(self) { Self::f(&a, b) } }",
                "impl S { fn g(self) { Self::f(&a, Box::new(b)) } }",
            ),
            ("fn g() { S::f(&a, b); f(a); a.f(b, c) }", "fn g() { S::f(&a, Box::new(b)); f(a); a.f(b, c) }"),
            ("impl T { fn g(self) { Self::f(&a, b) } }", "impl T { fn g(self) { Self::f(&a, b) } }"),
        ] {
            assert_eq!(passed(method, other).as_deref(), Ok(expected), "{other}");
        }
        for other in ["fn g() { a.f(b) }", "impl T { fn g(&self) { self.f(b) } }", "fn g() { T::f(&a, b) }"] {
            assert_eq!(passed(method, other), Err(Refusal::Calls(Unclear)), "{other}");
        }
    }

    #[test]
    fn refusals() {
        use callers::Refusal::{Conditional, Signature};
        use signature::Refusal as Why;
        for (text, why) in [
            ("trait T { async fn f(p: P) {} }", Refusal::Called(Signature(Why::Trait))),
            ("impl T for S { async fn f(p: P) {} }", Refusal::Called(Signature(Why::Trait))),
            ("#[handler] async fn f(p: P) {}", Refusal::Called(Signature(Why::Attribute))),
            ("async extern \"C\" fn f(p: P) {}", Refusal::Called(Signature(Why::Qualifier))),
            ("#[cfg(unix)] async fn f(p: P) {}", Refusal::Called(Conditional)),
            ("async unsafe fn f(p: P) {}", Refusal::Unsafe),
            ("async fn f(P(p): P) {}", Refusal::Parameter),
            ("async fn f(ref p: P) {}", Refusal::Parameter),
            ("async fn f(p: &P) {}", Refusal::Parameter),
            ("async fn f(p: impl T) {}", Refusal::Parameter),
            ("async fn f(p: Vec<impl T>) {}", Refusal::Parameter),
            ("async fn f(#[a] p: P) {}", Refusal::Parameter),
            ("async fn f(p: fn(u8)) {}", Refusal::Parameter),
            ("async fn f<P: T>(p: P) {}", Refusal::Generic),
            ("impl<P> S<P> { async fn f(p: P) {} }", Refusal::Generic),
            ("async fn f(p: P) { p.await }", Refusal::Use(box_local::Refusal::Awaited)),
            ("async fn f(p: P) { m!(p) }", Refusal::Use(box_local::Refusal::Macro)),
            ("async fn f(p: P) { &raw const p; }", Refusal::Use(box_local::Refusal::RawPointer)),
            ("async fn f(p: P) {} fn g() { h(f) }", Refusal::Calls(Named)),
        ] {
            assert_eq!(of(text).unwrap_err(), why, "{text}");
        }
        assert!(of("impl<P> S<P> { async fn f(p: [P; 9]) {} }").is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn what_parsed_still_does(text in pieces(&[
            "p", "&p", "&mut p", "p.a", "p.len()", "p[0]", "p?", "*", "=", "return", "S { p }", "m!(p)", "println!(\"{p}\", p)",
            "(", ")", "{", "}", ".await", "|p|", "async", "move", "let q =", "let p =", ";", ",", "if", "match", "// c\n", "/* d */", "é",
        ])) {
            let text = format!("async fn f(q: u8, p: [u8; 99]) {{ {text} }}");
            check_ways(&text, |tree, site| {
                let function = signature::function(tree, site.token);
                function.into_iter().filter_map(|it| Some(boxed(&it, 1, "Box").ok()?.edits)).collect()
            })?;
        }

        #[test]
        fn what_is_passed_still_parses(text in pieces(&[
            "p", "&", "f(p)", "self.f(q)", "m::f(p)", "f", "join!(", "m!(", "println!(\"{}\", ", ")", "(", "[", "]", "{", "}", ",", ";", ".await",
            "|a|", "let f =", "use a::f;", "#[a]", "// c\n", "/* d */", "é", "fn g(f: F) {", "::<T>", "<", ">",
        ])) {
            let text = format!("async fn f(p: P) {{}} fn g() {{ {text} }}");
            let errors = |text: &str| SourceFile::parse(text, Edition::CURRENT).errors().len();
            if let Ok(new) = of(&text) {
                prop_assert!(errors(&text) > 0 || errors(&new) == 0, "{text}\n{new}");
            }
        }
    }
}

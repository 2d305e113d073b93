//! Makes an `async fn` that awaits nothing a plain one. Who awaits its future stores that, with all arguments in it, although
//! nobody ever waits for it.
//!
//! ```text
//! async fn checksum(page: [u8; 500]) -> usize {      fn checksum(page: [u8; 500]) -> usize {
//!     page.len()                                         page.len()
//! }                                                  }
//! async fn send() {                                  async fn send() {
//!     checksum([1; 500]).await;                          checksum([1; 500]);
//! }                                                  }
//! ```
//!
//! `g(x).await` makes the future and polls it at once, and such a future is done when it has been polled once. So the body
//! runs where it ran, and what it has is dropped where it was: the compiler makes the body of an `async fn` such that
//! arguments, variables and temporaries are dropped in a plain fn's order. What is dropped in the fns that call it the
//! compiler shows.
//!
//! That is only so where each call is awaited on the spot. All of them are found: by what the compiler says is awaited, and
//! every other place that has the fn's name must be something else, as far as the text tells.

use super::signature::{self, Refusal::NotAnAsyncFn};
use super::{ActionKind, Candidate, Context, Elsewhere, local};
use crate::dump::absolute;
use crate::features::snapshot::Placed;
use crate::layout::whatif::{self, Change, Prediction};
use crate::layout::{FutureKind, HeldKind};
use crate::source::{Edit, SiteKind, TextRange, with_tree};
use ra_ap_syntax::ast::{self, AstNode, HasAttrs, HasName, HasVisibility};
use ra_ap_syntax::{NodeOrToken, SourceFile, SyntaxKind, SyntaxNode, SyntaxToken};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    candidate(context).into_iter().collect()
}

fn candidate(context: &Context<'_>) -> Option<Candidate> {
    let (site, body) = (context.site(), context.future.body.as_ref()?);
    // An attribute may have made something else of the `async fn`.
    let is_fn = site.kind == SiteKind::AsyncFn && FutureKind::from(body.compiled) == FutureKind::AsyncFn;
    // Of what is not understood there are no states.
    let is_known = !context.future.states.is_empty() && !body.unread.layout && !body.unread.code;
    if !is_fn || !is_known || context.shown.id != context.future.id || context.suspended().next().is_some() {
        return None;
    }
    let function = signature::function(context.tree, site.token).ok()?;
    let plain = plain(&function).ok()?;
    let awaits = awaits(context)?;
    let best = awaits.callers.iter().filter_map(|caller| caller.saving(context, &body.origin)).max_by_key(
        |(placed, prediction)| {
            let saves = placed.future.size.saturating_sub(prediction.size);
            (saves, placed.future.size, std::cmp::Reverse(placed.future.id.clone()))
        },
    );
    let (caller, prediction) = best?;
    let texts = context.snapshot.texts_around(context.file, plain.name.trim_start_matches("r#"))?;
    if awaits.places.keys().any(|file| !texts.contains_key(file)) {
        return None;
    }
    let mut elsewhere: Vec<Elsewhere> = Vec::new();
    for (file, &text) in &texts {
        let places = awaits.places.get(file).map_or(&[][..], Vec::as_slice);
        if !text.text().contains(plain.name.trim_start_matches("r#")) {
            continue;
        }
        // All offsets would be shifted by a byte order mark.
        if text.text().starts_with('\u{feff}') {
            return None;
        }
        let look = |tree: &SourceFile| calls(tree, &plain, places);
        let edits = with_tree(text.text(), look)?.ok()?;
        if !edits.is_empty() {
            let bodies = awaits.callers.iter().filter(|caller| caller.file == *file);
            let bodies = bodies.filter_map(|caller| caller.placed.future.body.as_ref());
            let bodies = bodies.filter(|caller| caller.origin == body.origin);
            let bodies: BTreeSet<Arc<str>> = bodies.map(|body| body.def_path.clone()).collect();
            let bodies = bodies.into_iter().collect();
            elsewhere.push(Elsewhere { file: file.clone(), text: text.clone(), edits, bodies });
        }
    }
    let anchors = awaits.places.get(context.file).cloned().unwrap_or_default();
    let label = format!("Make `{}` a plain fn: it awaits nothing", plain.name);
    let mut candidate = context.candidate(ActionKind::Unasync, label, anchors);
    // Of one caller there may be several, in several files.
    candidate.id = format!(
        "{}/{}#{}",
        ActionKind::Unasync.name(),
        caller.future.id,
        context.future.id.replace('#', "-")
    )
    .into();
    candidate.future = caller.future.id.clone();
    candidate.name = caller.future.name.clone();
    candidate.before = Some(caller.future.size);
    candidate.predicted = Some(prediction);
    candidate.ways = vec![vec![plain.edit]];
    candidate.elsewhere = elsewhere;
    candidate.plain = Some(body.def_path.clone());
    if plain.is_public && context.snapshot.is_library(&body.origin) {
        candidate.does_otherwise = Some(INTERFACE.into());
    }
    Some(candidate)
}

/// For a title.
const INTERFACE: &str = "changes the public interface";

/// A future that awaits the fn's.
struct Caller<'a> {
    placed: &'a Placed,
    /// The file that it awaits it in: absolute path.
    file: PathBuf,
    /// The stored futures of the fn, and the states that have them.
    held: Vec<(u32, u32)>,
}

impl<'a> Caller<'a> {
    /// What is left of it, about; nothing if it is another compiler run's.
    fn saving(&self, context: &Context<'_>, origin: &str) -> Option<(&'a Placed, Prediction)> {
        let future = &self.placed.future;
        if future.body.as_ref().is_none_or(|body| *body.origin != *origin)
            || !context.snapshot.is_made_by(&future.id, origin)
        {
            return None;
        }
        let remove =
            |&(saved, state): &(u32, u32)| Change::Remove { saved, states: vec![state], beside: Vec::new() };
        let changes: Vec<Change> = self.held.iter().map(remove).collect();
        // The states go, too, and what was only held across them.
        let prediction = whatif::predict(future, &changes)?;
        Some((self.placed, Prediction { exact: false, ..prediction }))
    }
}

/// Where the fn's future is awaited.
struct Awaits<'a> {
    callers: Vec<Caller<'a>>,
    /// What is awaited, or the whole await, by absolute path.
    places: BTreeMap<PathBuf, Vec<TextRange>>,
}

/// All that the compiler says awaits the fn's future. `None` if one of them is in no text.
fn awaits<'a>(context: &Context<'a>) -> Option<Awaits<'a>> {
    let of_site = &context.view.sites.get(&context.site)?.futures;
    let ids: HashSet<&Arc<str>> = of_site.iter().map(|future| &future.id).collect();
    let is_here = |id: &str, origin: &str| {
        let placed = context.snapshot.future_in(id, origin);
        placed
            .and_then(|placed| placed.location.as_ref())
            .is_some_and(|location| location.file == context.file && location.site == context.site)
    };
    let mut found = Awaits { callers: Vec::new(), places: BTreeMap::new() };
    for placed in context.snapshot.futures(false) {
        let Some(body) = &placed.future.body else { continue };
        let mut stored = placed.future.parts.all().flat_map(|part| &part.embedded);
        if !stored.any(|one| ids.contains(&one.id)) {
            continue;
        }
        let mut callers: Vec<Caller<'a>> = Vec::new();
        for (state, index) in placed.future.states.iter().zip(0u32..) {
            for held in &state.held {
                let Some(id) = held.future.as_ref().filter(|id| ids.contains(id)) else { continue };
                if held.kind != HeldKind::Awaitee || !is_here(id, &body.origin) {
                    continue;
                }
                let declared = held.declared.as_ref()?;
                let range = context.snapshot.text(&placed.future, &declared.file)?.range(declared)?;
                let file = absolute(&placed.dir, &declared.file);
                let places = found.places.entry(file.clone()).or_default();
                if !places.contains(&range) {
                    places.push(range);
                }
                let caller = match callers.iter_mut().find(|caller| caller.file == file) {
                    Some(caller) => caller,
                    None => {
                        callers.push(Caller { placed, file, held: Vec::new() });
                        callers.last_mut()?
                    }
                };
                caller.held.push((held.saved?, index));
            }
        }
        found.callers.extend(callers);
    }
    Some(found)
}

/// Why a fn stays `async`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// Its signature or what is around it.
    Signature(signature::Refusal),
    /// In other configurations there may be another fn of its name, which awaits something.
    Conditional,
    /// `#[track_caller]`: a panic in it would be said to be somewhere else.
    TrackCaller,
    /// It awaits something.
    Awaits,
    /// What is awaited is not a call of it as such.
    NotCalled,
    /// Its name stands somewhere else, too.
    Named,
}

impl From<signature::Refusal> for Refusal {
    fn from(why: signature::Refusal) -> Self {
        Refusal::Signature(why)
    }
}

/// The fn as a plain one.
#[derive(Debug)]
struct Plain {
    name: String,
    /// `async` goes.
    edit: Edit,
    /// It is an item of an `impl`: only called by a path with something in front, or as a method.
    is_associated: bool,
    is_public: bool,
}

fn plain(function: &ast::Fn) -> Result<Plain, Refusal> {
    if !signature::look_around(function)?.is_empty() {
        return Err(signature::Refusal::Attribute.into());
    }
    let around = signature::associated(function);
    if around.and_then(ast::Impl::cast).is_some_and(|it| it.trait_().is_some()) {
        return Err(signature::Refusal::Trait.into());
    }
    let attributes = |node: SyntaxNode| node.children().filter_map(ast::Attr::cast).collect::<Vec<_>>();
    let has_word = |attribute: &ast::Attr, words: &[&str]| {
        let mut tokens = attribute.syntax().descendants_with_tokens().filter_map(NodeOrToken::into_token);
        tokens.any(|token| words.contains(&token.text()))
    };
    if attributes(function.syntax().clone()).iter().any(|it| has_word(it, &["track_caller"])) {
        return Err(Refusal::TrackCaller);
    }
    let around = function.syntax().ancestors();
    if around.flat_map(attributes).any(|it| has_word(&it, &["cfg"])) {
        return Err(Refusal::Conditional);
    }
    let body = function.body().ok_or(NotAnAsyncFn)?;
    if awaits_itself(body.syntax()) {
        return Err(Refusal::Awaits);
    }
    let keyword = function.async_token().ok_or(NotAnAsyncFn)?;
    let behind = keyword.next_token().filter(|it| it.kind() == SyntaxKind::WHITESPACE);
    let end = behind.map_or(keyword.text_range().end(), |it| it.text_range().end());
    Ok(Plain {
        name: function.name().ok_or(NotAnAsyncFn)?.text().to_string(),
        edit: Edit::delete(TextRange::new(keyword.text_range().start(), end)),
        is_associated: signature::associated(function).is_some(),
        is_public: function.visibility().is_some_and(|it| it.syntax().text() == "pub"),
    })
}

/// Does a fn's own body wait? What macros make of it, only the compiler knows.
fn awaits_itself(body: &SyntaxNode) -> bool {
    local::own(body).any(|node| node.kind() == SyntaxKind::AWAIT_EXPR)
}

/// Edits that take `.await` away at these places of a text. No other place in it may mean the fn.
fn calls(tree: &SourceFile, of: &Plain, places: &[TextRange]) -> Result<Vec<Edit>, Refusal> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut known: HashSet<TextRange> = HashSet::new();
    for place in places {
        let (called, edit) = call(tree, of, *place).ok_or(Refusal::NotCalled)?;
        known.insert(called);
        edits.extend(edit);
    }
    let tokens = tree.syntax().descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let mut named = tokens.filter(|token| token.kind() == SyntaxKind::IDENT && token.text() == of.name);
    match named.any(|token| !known.contains(&token.text_range()) && may_mean(&token, of)) {
        true => Err(Refusal::Named),
        false => Ok(edits),
    }
}

/// The name in a call that is awaited on the spot, and the edits that take `.await` away. `place` is what is awaited or the
/// whole of it.
fn call(tree: &SourceFile, of: &Plain, place: TextRange) -> Option<(TextRange, Vec<Edit>)> {
    let token = tree.syntax().token_at_offset(place.start()).right_biased()?;
    let mut around = token.parent_ancestors().filter_map(ast::AwaitExpr::cast);
    let awaited = around.find(|it| {
        let operand = it.expr().map(|operand| operand.syntax().text_range());
        it.syntax().text_range() == place || operand == Some(place)
    })?;
    let operand = awaited.expr()?;
    let name = match &operand {
        ast::Expr::CallExpr(call) => match call.expr()? {
            ast::Expr::PathExpr(callee) => callee.path()?.segment()?.name_ref()?,
            _ => return None,
        },
        ast::Expr::MethodCallExpr(call) if of.is_associated => call.name_ref()?,
        _ => return None,
    };
    if name.text() != of.name.as_str() || operand.attrs().next().is_some() {
        return None;
    }
    let edits = signature::without_await(&awaited)?;
    Some((name.syntax().text_range(), edits))
}

/// Could the fn be meant by its name there? An import by that name is no use of it.
fn may_mean(token: &SyntaxToken, of: &Plain) -> bool {
    let Some(parent) = token.parent() else { return true };
    let Some(around) = parent.parent() else { return true };
    match parent.kind() {
        // What is declared is something else; but by a name given to an import nobody would know it.
        SyntaxKind::NAME => false,
        SyntaxKind::NAME_REF => match around.kind() {
            SyntaxKind::FIELD_EXPR => false,
            SyntaxKind::RECORD_EXPR_FIELD => {
                ast::RecordExprField::cast(around).is_none_or(|it| it.colon_token().is_none())
            }
            SyntaxKind::RECORD_PAT_FIELD => {
                ast::RecordPatField::cast(around).is_none_or(|it| it.colon_token().is_none())
            }
            SyntaxKind::METHOD_CALL_EXPR => of.is_associated,
            SyntaxKind::PATH_SEGMENT => path_may_mean(&around, of),
            _ => true,
        },
        // Whatever a macro makes of it.
        _ => true,
    }
}

fn path_may_mean(segment: &SyntaxNode, of: &Plain) -> bool {
    let Some(path) = segment.parent().and_then(ast::Path::cast) else { return true };
    let Some(around) = path.syntax().parent() else { return true };
    match around.kind() {
        // It stands in front of another name.
        SyntaxKind::PATH => false,
        SyntaxKind::USE_TREE => ast::UseTree::cast(around).is_none_or(|it| it.rename().is_some()),
        SyntaxKind::PATH_TYPE | SyntaxKind::MACRO_CALL | SyntaxKind::VISIBILITY => false,
        _ => !of.is_associated || path.qualifier().is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::signature::Refusal as Why;
    use super::*;
    use crate::source::{Outline, edited};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use ra_ap_syntax::Edition;

    /// Every await of what looks like a direct call of a fn of this name, as the compiler would tell of them.
    fn awaited(tree: &SourceFile, name: &str) -> Vec<TextRange> {
        let awaits = tree.syntax().descendants().filter_map(ast::AwaitExpr::cast);
        let of_name = awaits.filter(|it| {
            let called = match it.expr() {
                Some(ast::Expr::CallExpr(call)) => call.expr().map(|it| it.syntax().text().to_string()),
                Some(ast::Expr::MethodCallExpr(call)) => call.name_ref().map(|it| it.text().to_string()),
                _ => None,
            };
            called.is_some_and(|called| called.rsplit("::").next() == Some(name))
        });
        of_name.map(|it| it.syntax().text_range()).collect()
    }

    /// The first `async fn` of a text as a plain one.
    fn of(text: &str) -> Result<Vec<Edit>, Refusal> {
        let outline = Outline::new(text.into());
        let site = outline.sites().iter().find(|site| site.kind == SiteKind::AsyncFn).unwrap();
        let look = |tree: &SourceFile| {
            let plain = plain(&signature::function(tree, site.token)?)?;
            let edits = calls(tree, &plain, &awaited(tree, &plain.name))?;
            Ok([vec![plain.edit], edits].concat())
        };
        with_tree(text, look).unwrap()
    }

    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&edited(text, &of(text).unwrap()).unwrap());
    }

    #[test]
    fn a_fn_that_awaits_nothing_is_plain() {
        check(
            "
async fn checksum(page: [u8; 500]) -> usize {
    page.len()
}
async fn send() {
    checksum([1; 500]).await;
}
",
            expect![[r#"

                fn checksum(page: [u8; 500]) -> usize {
                    page.len()
                }
                async fn send() {
                    checksum([1; 500]);
                }
            "#]],
        );
    }

    #[test]
    fn what_is_written_around_it_stays() {
        let text = "impl S {\r\n\t/// Docs.\r\n\tpub(crate) async  unsafe fn f<T>(&self, t: T) -> R // one\r\n\t{ async { g().await }; t }\r\n}\r\n\
                    async fn a(s: S) {\r\n\tlet b = s // two\r\n\t\t.f(1) /* three */ . /* four */ await?;\r\n\
                    \ts.f::<u8>(s.f(2).await).await.f;\r\n\tS::f(&s, 1)\r\n\t\t.await\r\n\t\t.g();\r\n}\r\n";
        let new = edited(text, &of(text).unwrap()).unwrap();
        let expected = text
            .replace("async  unsafe fn f", "unsafe fn f")
            .replace(" . /* four */ await?", "  /* four */ ?")
            .replace("s.f::<u8>(s.f(2).await).await.f", "s.f::<u8>(s.f(2)).f")
            .replace("S::f(&s, 1)\r\n\t\t.await\r\n", "S::f(&s, 1)\r\n");
        assert_eq!(new, expected);
        // Behind a comment a line has to end.
        check(
            "async fn f() {} async fn g() { f() // c\n .await; }",
            expect![[r#"
                fn f() {} async fn g() { f() // c
                 ; }"#]],
        );
    }

    #[test]
    fn what_has_the_name_and_is_something_else() {
        for text in [
            "async fn f() {} async fn a(s: S) { f().await; s.f(); s.f; S { f: 1 }; f!(); let x: f = f::g(); }",
            "use b::f; async fn f() {} mod c { use super::f; pub use d::{f, g}; async fn a() { super::f().await } }",
            "impl S { async fn f(&self) {} } fn g(f: u8) { f(1); f } async fn a(s: S) { s.f().await }",
            "async fn f() {} fn g() { let S { f: x } = s; \"f\"; /* f */ }",
        ] {
            let new = edited(text, &of(text).unwrap()).unwrap();
            assert!(!new.contains("await"), "{new}");
        }
    }

    #[test]
    fn refusals() {
        for (text, why) in [
            ("trait T { async fn f() {} }", Why::Trait.into()),
            ("impl T for S { async fn f() {} }", Why::Trait.into()),
            ("async fn f() -> ! { loop {} }", Why::Never.into()),
            ("#[handler] async fn f() {}", Why::Attribute.into()),
            ("#[handler] impl S { async fn f() {} }", Why::Attribute.into()),
            ("#[cfg(unix)] async fn f() {}", Refusal::Conditional),
            ("#[cfg(unix)] mod m { async fn f() {} }", Refusal::Conditional),
            ("#[cfg(unix)] impl S { async fn f() {} }", Refusal::Conditional),
            ("#[track_caller] async fn f() {}", Refusal::TrackCaller),
            ("#[cfg_attr(a, track_caller)] async fn f() {}", Refusal::TrackCaller),
            ("async fn f() { g().await }", Refusal::Awaits),
            ("async fn f() { if a { g(b.await) } }", Refusal::Awaits),
            ("async fn f() {} fn g() { spawn(f()); }", Refusal::Named),
            ("async fn f() {} fn g() { let a = f(); }", Refusal::Named),
            ("async fn f() {} async fn g() { f().await; let h = f; h(); }", Refusal::Named),
            ("async fn f() {} async fn g() { (f()).await; }", Refusal::Named),
            ("async fn f() {} async fn g() { join!(f()); }", Refusal::Named),
            ("async fn f() {} async fn g() { println!(\"{}\", f().await); }", Refusal::Named),
            ("async fn f() {} use self::f as h;", Refusal::Named),
            ("async fn f() {} fn g() { S { f }; }", Refusal::Named),
            ("async fn f() {} macro_rules! m { () => { f() } }", Refusal::Named),
            ("impl S { async fn f(&self) {} } fn g(s: S, t: T) { t.f(); }", Refusal::Named),
            ("impl S { async fn f(&self) {} } fn g() { h(Self::f); }", Refusal::Named),
            ("impl S { async fn f(&self) {} } async fn g(s: S) { #[a] s.f().await; s.f() }", Refusal::Named),
        ] {
            assert_eq!(of(text).unwrap_err(), why, "{text}");
        }
        // What the compiler says is awaited is no call of it as such.
        let text = "async fn f() {} async fn g() { let f = f(); f.await; m!(f().await) }";
        let plain = |tree: &SourceFile| {
            let function = tree.syntax().descendants().find_map(ast::Fn::cast).unwrap();
            plain(&function).unwrap()
        };
        for place in ["f.await", "f().await", "g()", "f"] {
            let at = text.rfind(place).unwrap() as u32;
            let place = TextRange::at(at.into(), (place.len() as u32).into());
            let found = with_tree(text, |tree| calls(tree, &plain(tree), &[place])).unwrap();
            assert_eq!(found.unwrap_err(), Refusal::NotCalled);
        }
    }

    #[test]
    fn what_the_signature_tells() {
        let of = |text: &str| {
            let look = |tree: &SourceFile| {
                let function = tree.syntax().descendants().find_map(ast::Fn::cast).unwrap();
                let plain = plain(&function).unwrap();
                (plain.is_public, plain.is_associated)
            };
            with_tree(text, look).unwrap()
        };
        assert_eq!(of("pub async fn f() {}"), (true, false));
        assert_eq!(of("pub(crate) async fn f() {}"), (false, false));
        assert_eq!(of("impl S { pub async fn f() {} }"), (true, true));
        assert_eq!(
            of("async fn f() { |a| a.await; async { b.await }; async fn g() { c.await } }"),
            (false, false)
        );
    }

    /// Texts made of what matters here.
    fn rusty() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "async fn f(",
            "async fn g(",
            "&self, ",
            "a: u8",
            ") {",
            ") -> u8 {",
            "}",
            "\n",
            "\r\n\t",
            "async {",
            "impl S {",
            "m! {",
            "#[inline] ",
            "use f;",
            "use a::{f as b};",
            "f(a)",
            "a.f()",
            "S::f()",
            "f",
            "f(a).await",
            "self.f().await",
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
            " ",
        ]);
        prop_oneof![
            8 => prop::collection::vec(word.clone(), 0..30).prop_map(|it| it.concat()),
            8 => prop::collection::vec(word, 0..12).prop_map(|it| format!("async fn f(a: u8) {{}} async fn g() {{ {} }}", it.concat())),
            1 => "\\PC{0,80}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn any_text(text in rusty(), at in 0u32..200, len in 0u32..12) {
            let outline = Outline::new(text.as_str().into());
            let errors = |text: &str| SourceFile::parse(text, Edition::Edition2021).errors().len();
            let before = errors(&text);
            for site in outline.sites().iter().filter(|_| !text.starts_with('\u{feff}')) {
                let look = |tree: &SourceFile| {
                    let plain = plain(&signature::function(tree, site.token)?)?;
                    // Nothing to be found at a place that is none.
                    _ = calls(tree, &plain, &[TextRange::at(at.into(), len.into())]);
                    let edits = calls(tree, &plain, &awaited(tree, &plain.name))?;
                    Ok::<_, Refusal>((plain.edit, edits))
                };
                let Some(Ok((edit, edits))) = with_tree(&text, look) else { continue };
                prop_assert!(site.range.contains_range(edit.range));
                let new = edited(&text, &[vec![edit], edits].concat());
                prop_assert!(new.is_some());
                prop_assert!(before > 0 || errors(&new.unwrap()) == 0, "{text}");
            }
        }
    }
}

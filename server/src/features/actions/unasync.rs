//! Makes an `async fn` that awaits nothing a plain fn, and removes `.await` from all its calls. A caller stores the future with
//! all its arguments, although that future is never suspended.
//!
//! ```text
//! async fn length(page: [u8; 500]) -> usize {      fn length(page: [u8; 500]) -> usize {
//!     page.len()                                       page.len()
//! }                                                }
//! async fn send() {                                async fn send() {
//!     length([1; 500]).await;                          length([1; 500]);
//! }                                                }
//! ```
//!
//! `g(x).await` makes the future and polls it at once, and the first poll of such a future completes it. So the body runs
//! where it ran before, and drops its values where it dropped them: an `async fn` drops arguments, variables and temporaries
//! in the order of a plain fn. For the callers, the compiler shows what is dropped.
//!
//! This holds only if each call is awaited on the spot. All calls are found, in whatever file: from what the compiler says is
//! awaited. Every other place that has the fn's name must be something else, as far as the text tells; a fn whose name stands
//! among the tokens of a macro is left alone.

use super::callers::{self, Called, Caller};
use super::signature::{self, Refusal::NotAnAsyncFn};
use super::{ActionKind, Candidate, Context, local};
use crate::features::snapshot::Placed;
use crate::layout::FutureKind;
use crate::layout::whatif::{self, Change, Prediction};
use crate::source::{Edit, SiteKind, TextRange};
use crate::unit_id::UnitId;
use ra_ap_syntax::ast::{self, AstNode};
use ra_ap_syntax::{SyntaxKind, SyntaxNode};

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
    let awaits = callers::awaits(context)?;
    let best = awaits.callers.iter().filter_map(|caller| saving(caller, context, &body.origin)).max_by_key(
        |(placed, prediction)| {
            let saves = placed.future.size.saturating_sub(prediction.size);
            (saves, placed.future.size, std::cmp::Reverse(placed.future.id.clone()))
        },
    );
    let (caller, prediction) = best?;
    let elsewhere = callers::elsewhere(context, &awaits, &plain.called, &signature::without_await)?;
    let anchors = awaits.places.get(context.file).cloned().unwrap_or_default();
    let label = format!("Make `{}` a plain fn: it awaits nothing", plain.called.name);
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
    if plain.called.is_public && context.snapshot.is_library(&body.origin) {
        candidate.does_otherwise = Some(callers::INTERFACE.into());
    }
    Some(candidate)
}

/// What is left of a caller, about; nothing if it is another compiler run's.
fn saving<'a>(
    caller: &Caller<'a>,
    context: &Context<'_>,
    origin: &UnitId,
) -> Option<(&'a Placed, Prediction)> {
    let future = &caller.placed.future;
    if future.body.as_ref().is_none_or(|body| body.origin != *origin)
        || !context.snapshot.is_made_by(&future.id, origin)
    {
        return None;
    }
    let remove =
        |&(saved, state): &(u32, u32)| Change::Remove { saved, states: vec![state], beside: Vec::new() };
    let changes: Vec<Change> = caller.held.iter().map(remove).collect();
    // The states go, too, and what was only held across them.
    let prediction = whatif::predict(future, &changes)?;
    Some((caller.placed, Prediction { exact: false, ..prediction }))
}

/// Why a fn stays `async`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The fn cannot be edited together with all its callers
    Called(callers::Refusal),
    /// The fn has `#[track_caller]`: a panic in it would name another place.
    TrackCaller,
    /// The fn awaits something.
    Awaits,
}

impl From<callers::Refusal> for Refusal {
    fn from(why: callers::Refusal) -> Self {
        Refusal::Called(why)
    }
}

impl From<signature::Refusal> for Refusal {
    fn from(why: signature::Refusal) -> Self {
        callers::Refusal::from(why).into()
    }
}

/// The fn as a plain one.
#[derive(Debug)]
struct Plain {
    called: Called,
    /// `async` goes.
    edit: Edit,
}

fn plain(function: &ast::Fn) -> Result<Plain, Refusal> {
    let called = callers::called(function)?;
    if callers::has_attribute(function.syntax(), "track_caller") {
        return Err(Refusal::TrackCaller);
    }
    let body = function.body().ok_or(NotAnAsyncFn)?;
    if awaits_itself(body.syntax()) {
        return Err(Refusal::Awaits);
    }
    let keyword = function.async_token().ok_or(NotAnAsyncFn)?;
    let behind = keyword.next_token().filter(|it| it.kind() == SyntaxKind::WHITESPACE);
    let end = behind.map_or(keyword.text_range().end(), |it| it.text_range().end());
    Ok(Plain { called, edit: Edit::delete(TextRange::new(keyword.text_range().start(), end)) })
}

/// Does a fn's own body wait? What macros make of it, only the compiler knows.
fn awaits_itself(body: &SyntaxNode) -> bool {
    local::own(body).any(|node| node.kind() == SyntaxKind::AWAIT_EXPR)
}

#[cfg(test)]
mod tests {
    use super::super::callers::Refusal::{Conditional, Named, NotCalled};
    use super::super::examples::{Example, examples};
    use super::super::signature::Refusal as Why;
    use super::*;
    use crate::source::{Outline, edited, with_tree};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use ra_ap_syntax::{Edition, SourceFile};

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

    fn calls(tree: &SourceFile, of: &Plain, places: &[TextRange]) -> Result<Vec<Edit>, callers::Refusal> {
        callers::calls(tree, &of.called, places, &signature::without_await)
    }

    /// The first `async fn` of a text as a plain one.
    fn of(text: &str) -> Result<Vec<Edit>, Refusal> {
        let outline = Outline::new(text.into());
        let site = outline.sites().iter().find(|site| site.kind == SiteKind::AsyncFn).unwrap();
        let look = |tree: &SourceFile| {
            let plain = plain(&signature::function(tree, site.token)?)?;
            let edits = calls(tree, &plain, &awaited(tree, &plain.called.name))?;
            Ok([vec![plain.edit], edits].concat())
        };
        with_tree(text, look).unwrap()
    }

    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&edited(text, &of(text).unwrap()).unwrap());
    }

    #[test]
    fn the_example() {
        for Example { before, after } in examples(include_str!("unasync.rs")) {
            assert_eq!(edited(&before, &of(&before).unwrap()).unwrap(), after);
        }
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
            ("#[cfg(unix)] async fn f() {}", Conditional.into()),
            ("#[cfg(unix)] mod m { async fn f() {} }", Conditional.into()),
            ("#[cfg(unix)] impl S { async fn f() {} }", Conditional.into()),
            ("#[track_caller] async fn f() {}", Refusal::TrackCaller),
            ("#[cfg_attr(a, track_caller)] async fn f() {}", Refusal::TrackCaller),
            ("async fn f() { g().await }", Refusal::Awaits),
            ("async fn f() { if a { g(b.await) } }", Refusal::Awaits),
            ("async fn f() {} fn g() { spawn(f()); }", Named.into()),
            ("async fn f() {} fn g() { let a = f(); }", Named.into()),
            ("async fn f() {} async fn g() { f().await; let h = f; h(); }", Named.into()),
            ("async fn f() {} async fn g() { (f()).await; }", Named.into()),
            ("async fn f() {} async fn g() { join!(f()); }", Named.into()),
            ("async fn f() {} async fn g() { println!(\"{}\", f().await); }", Named.into()),
            ("async fn f() {} use self::f as h;", Named.into()),
            ("async fn f() {} fn g() { S { f }; }", Named.into()),
            ("async fn f() {} macro_rules! m { () => { f() } }", Named.into()),
            ("impl S { async fn f(&self) {} } fn g(s: S, t: T) { t.f(); }", Named.into()),
            ("impl S { async fn f(&self) {} } fn g() { h(Self::f); }", Named.into()),
            ("impl S { async fn f(&self) {} } async fn g(s: S) { #[a] s.f().await; s.f() }", Named.into()),
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
            assert_eq!(found.unwrap_err(), NotCalled);
        }
    }

    #[test]
    fn what_the_signature_tells() {
        let of = |text: &str| {
            let look = |tree: &SourceFile| {
                let function = tree.syntax().descendants().find_map(ast::Fn::cast).unwrap();
                let plain = plain(&function).unwrap();
                (plain.called.is_public, plain.called.is_associated)
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
                    let edits = calls(tree, &plain, &awaited(tree, &plain.called.name))?;
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

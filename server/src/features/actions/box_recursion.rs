//! Moves the future of a recursive call to the heap (E0733). A future that stores another one of the same `async fn` has no
//! size, and the crate does not compile.
//!
//! ```text
//! async fn count(n: u32) {            async fn count(n: u32) {
//!     if n > 0 {                          if n > 0 {
//!         count(n - 1).await;                 Box::pin(count(n - 1)).await;
//!     }                                   }
//! }                                   }
//! ```
//!
//! Where one fn calls itself several times, all these calls are boxed: one that stays is one too many.

use super::box_awaitee::{operand, pin_path, pinned};
use super::{ActionKind, Candidate};
use crate::dump::{absolute, diagnostics};
use crate::features::language::Language;
use crate::features::snapshot::Recursion;
use crate::source::{Edit, Outline, Site, SiteKind, TextRange, with_tree};
use crate::unit_id::UnitId;
use ra_ap_syntax::SourceFile;
use ra_ap_syntax::ast::{self, AstNode};
use std::path::{Path, PathBuf};

/// rustc's number of the error.
const RECURSION: &str = "E0733";

/// The recursions among the JSON messages of a compiler run that failed. `dir` is where relative paths in them
/// start, `read` gives a file's text as it was compiled.
pub fn recursions(
    messages: &str,
    origin: &UnitId,
    language: &Language,
    dir: &Path,
    read: &dyn Fn(&Path) -> Option<String>,
) -> Vec<Recursion> {
    let mut found: Vec<Recursion> = Vec::new();
    let mut unread: Vec<PathBuf> = Vec::new();
    for error in diagnostics::errors(messages) {
        if error.code.as_deref() != Some(RECURSION) {
            continue;
        }
        for named in error.spans {
            if !named.label.is_some_and(|label| label.contains("recursive call")) {
                continue;
            }
            let file = absolute(dir, &named.span.file);
            let known = found.iter().position(|known| known.file == file);
            let index = known.unwrap_or_else(|| {
                if !unread.contains(&file) {
                    match read(&file) {
                        // All offsets would be shifted by a byte order mark.
                        Some(text) if !text.starts_with('\u{feff}') => found.push(Recursion {
                            origin: origin.into(),
                            language: language.clone(),
                            file: file.clone(),
                            text: Outline::new(text.into()),
                            calls: Vec::new(),
                        }),
                        _ => unread.push(file.clone()),
                    }
                }
                found.len().saturating_sub(1)
            });
            let Some(recursion) = found.get_mut(index).filter(|found| found.file == file) else { continue };
            let call = recursion.text.range(&named.span);
            let is_await = |call: &TextRange| operand(recursion.text.text(), *call).is_some();
            if let Some(call) = call.filter(is_await)
                && !recursion.calls.contains(&call)
            {
                recursion.calls.push(call);
            }
        }
    }
    found.retain(|recursion| !recursion.calls.is_empty());
    found
}

/// What can be done in a file.
pub(super) fn candidates(recursions: &[Recursion], file: &Path) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for recursion in recursions.iter().filter(|recursion| recursion.file == file) {
        for &call in &recursion.calls {
            // A library and the same library with its unit tests fail in the same way.
            let is_known = |known: &Candidate| {
                known.anchors.first() == Some(&call) && known.text.text() == recursion.text.text()
            };
            if !found.iter().any(is_known) {
                found.extend(boxed(recursion, call));
            }
        }
    }
    found
}

fn boxed(recursion: &Recursion, call: TextRange) -> Option<Candidate> {
    let text = recursion.text.text();
    let pin = pin_path(recursion.language.heap, text)?;
    let is_body = |site: &Site| !matches!(site.kind, SiteKind::MacroCall | SiteKind::AttrFn);
    let at = call.start();
    let site = recursion.text.innermost(at, is_body).or_else(|| recursion.text.innermost(at, |_| true))?;
    // The size is the fn's, whatever block in it the call is in.
    let function = recursion.text.innermost(at, |site| site.kind == SiteKind::AsyncFn).unwrap_or(site);
    let sites = recursion.text.sites();
    let (site, function) = ((site, sites.get(site)?), sites.get(function)?);
    let edits = |calls: &[TextRange]| -> Vec<Edit> {
        let operands = calls.iter().filter_map(|call| operand(text, *call));
        operands.flat_map(|operand| pinned(&pin, operand, ("", ""))).collect()
    };
    let same = same_calls(text, site.1, call);
    let mut ways = vec![edits(&[call])];
    let mut label = "Box the recursive call with Box::pin".to_owned();
    if same.len() > 1 && same.contains(&call) {
        ways.insert(0, edits(&same));
        label = format!("Box the {} recursive calls with Box::pin", same.len());
    }
    let krate = recursion.origin.rsplit_once('-').map_or(&*recursion.origin, |(krate, _)| krate);
    let name = function.name.and_then(|name| text.get(std::ops::Range::<usize>::from(name)));
    Some(Candidate {
        kind: ActionKind::BoxRecursion,
        id: "".into(),
        label,
        future: format!("{krate}::{}", function.path).into(),
        name: name.unwrap_or(&function.path).into(),
        origin: recursion.origin.clone(),
        file: recursion.file.clone(),
        text: recursion.text.clone(),
        site: site.0,
        anchors: std::iter::once(call).chain(function.name).collect(),
        ways,
        before: None,
        predicted: None,
        drops_earlier: Vec::new(),
        does_otherwise: None,
        elsewhere: Vec::new(),
        becomes: None,
        plain: None,
    })
}

/// All awaits at a site that call what this one does. The compiler names the first only.
fn same_calls(text: &str, site: &Site, call: TextRange) -> Vec<TextRange> {
    let look = |tree: &SourceFile| {
        let awaits = tree.syntax().descendants().filter_map(ast::AwaitExpr::cast);
        let awaits: Vec<(TextRange, String)> = awaits
            .filter(|it| site.body.contains_range(it.syntax().text_range()))
            .filter_map(|it| Some((it.syntax().text_range(), callee(&it.expr()?)?)))
            .collect();
        let own = awaits.iter().find(|(range, _)| *range == call).map(|(_, callee)| callee.clone());
        let same = awaits.iter().filter(|(_, callee)| Some(callee) == own.as_ref());
        same.map(|(range, _)| *range).collect()
    };
    with_tree(text, look).unwrap_or_default()
}

/// `a::f`, `.f`
fn callee(awaited: &ast::Expr) -> Option<String> {
    Some(match awaited {
        ast::Expr::CallExpr(call) => call.expr()?.syntax().text().to_string(),
        ast::Expr::MethodCallExpr(call) => format!(".{}", call.name_ref()?.text()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples};
    use super::*;
    use crate::features::Snapshot;
    use crate::features::actions;
    use crate::features::language::Heap;
    use crate::source::edited;
    use expect_test::expect;
    use proptest::prelude::*;
    use serde_json::json;

    /// An error about these parts of a text.
    fn message(text: &str, calls: &[(&str, &str)]) -> String {
        let outline = Outline::new(text.into());
        let spans = calls.iter().enumerate().map(|(index, (file, call))| {
            let start = text.find(call).unwrap();
            let [from, to] = [start, start + call.len()].map(|at| outline.line_col((at as u32).into()));
            let label = if index == 0 { "recursive call here" } else { "...leading to this recursive call" };
            json!({
                "file_name": file, "line_start": from.line, "line_end": to.line, "column_start": from.col,
                "column_end": to.col, "is_primary": false, "label": label, "expansion": null,
            })
        });
        let mut spans = spans.collect::<Vec<_>>();
        let rest = spans.split_off(1.min(spans.len()));
        let children = json!([{"message": "which leads to this async fn", "spans": rest}]);
        let code = json!({"code": RECURSION});
        json!({"level": "error", "message": "m", "code": code, "spans": spans, "children": children})
            .to_string()
    }

    fn found(text: &str, calls: &[&str], heap: Heap) -> Vec<Candidate> {
        let calls: Vec<(&str, &str)> = calls.iter().map(|call| ("src/lib.rs", *call)).collect();
        let language = Language { heap, ..Language::default() };
        let read = |path: &Path| (path == Path::new("/p/src/lib.rs")).then(|| text.to_owned());
        let messages = message(text, &calls);
        let recursions = recursions(&messages, &"demo_crate-12ab".into(), &language, Path::new("/p"), &read);
        let mut snapshot = Snapshot::default();
        snapshot.recursions = recursions;
        actions::candidates(&snapshot, Path::new("/p/src/lib.rs"))
    }

    #[test]
    fn the_example() {
        for Example { before, after } in examples(include_str!("box_recursion.rs")) {
            let [found] = &found(&before, &["count(n - 1).await"], Heap::Std)[..] else { panic!() };
            assert_eq!(edited(&before, &found.ways[0]).unwrap(), after);
        }
    }

    #[test]
    fn one_call() {
        let text = "mod m { pub async fn f(n: u8) { if n > 0 { f(n - 1).await } } }";
        let [found] = &found(text, &["f(n - 1).await"], Heap::Std)[..] else { panic!() };
        let anchors: Vec<&str> = found.anchors.iter().map(|anchor| &text[*anchor]).collect();
        let shown = format!(
            "{}\n{}\n{} {}\n{anchors:?}\n{}\n",
            found.title(None),
            found.id,
            found.name,
            found.site().path,
            edited(text, &found.ways[0]).unwrap()
        );
        expect![[r#"
            Box the recursive call with Box::pin
            box-recursion/demo_crate::mod m::fn f#1
            f mod m::fn f
            ["f(n - 1).await", "f"]
            mod m { pub async fn f(n: u8) { if n > 0 { Box::pin(f(n - 1)).await } } }
        "#]]
        .assert_eq(&shown);
        assert_eq!((found.ways.len(), found.before, found.predicted), (1, None, None));
    }

    #[test]
    fn each_call_of_a_circle() {
        let text = "async fn a() { b().await } async fn b() { async { a().await }.await }";
        let found = found(text, &["b().await", "a().await"], Heap::Alloc);
        let new: Vec<String> = found.iter().map(|it| edited(text, &it.ways[0]).unwrap()).collect();
        assert_eq!(
            new,
            [
                "async fn a() { alloc::boxed::Box::pin(b()).await } async fn b() { async { a().await }.await }",
                "async fn a() { b().await } async fn b() { async { alloc::boxed::Box::pin(a()).await }.await }",
            ]
        );
        let names: Vec<&str> = found.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(found[1].site().kind, SiteKind::AsyncBlock);
    }

    #[test]
    fn calls_of_the_same_fn_go_together() {
        let text = "async fn f(n: u8) { f(n - 1).await; g().await; f(n - 2).await }";
        let [found] = &found(text, &["f(n - 1).await"], Heap::Std)[..] else { panic!() };
        assert_eq!(found.label, "Box the 2 recursive calls with Box::pin");
        let new: Vec<String> = found.ways.iter().map(|way| edited(text, way).unwrap()).collect();
        assert_eq!(
            new,
            [
                "async fn f(n: u8) { Box::pin(f(n - 1)).await; g().await; Box::pin(f(n - 2)).await }",
                "async fn f(n: u8) { Box::pin(f(n - 1)).await; g().await; f(n - 2).await }",
            ]
        );
    }

    #[test]
    fn refusals() {
        let text = "async fn f() { f().await; m!(f()); }";
        assert_eq!(found(text, &["f().await"], Heap::None).len(), 0, "nothing to box with");
        assert_eq!(found(text, &["m!(f())"], Heap::Std).len(), 0, "a macro awaits");
        assert_eq!(found(text, &["f()"], Heap::Std).len(), 0, "no await");
        assert_eq!(found(text, &["f().await", "f().await"], Heap::Std).len(), 1, "named twice");
        assert_eq!(found(&format!("\u{feff}{text}"), &["f().await"], Heap::Std).len(), 0);
        let none = |_: &Path| None;
        let messages = message(text, &[("src/a.rs", "f().await"), ("src/a.rs", "f().await")]);
        assert!(
            recursions(&messages, &"a-1".into(), &Language::default(), Path::new("/p"), &none).is_empty()
        );
    }

    proptest! {
        #[test]
        fn any_text(
            text in "(async fn f\\(\\)|[{} ()\\n]|f\\(\\)\\.await|a\\.f\\(\\)\\.await|é|m!|\\PC){0,30}",
            at in prop::collection::vec((0u32..6, 0u32..40, 0u32..6, 0u32..40), 0..6),
        ) {
            let spans: Vec<_> = at.iter().map(|(line, col, end, end_col)| json!({
                "file_name": "a.rs", "line_start": line, "line_end": end, "column_start": col,
                "column_end": end_col, "is_primary": false, "label": "recursive call here",
            })).collect();
            let messages = json!({"level": "error", "message": "", "code": {"code": RECURSION}, "spans": spans});
            let read = |_: &Path| Some(text.clone());
            let found = recursions(&messages.to_string(), &"a".into(), &Language::default(), Path::new("/"), &read);
            for candidate in candidates(&found, Path::new("/a.rs")) {
                for way in candidate.ways {
                    prop_assert!(edited(&text, &way).is_some());
                }
            }
        }
    }
}

//! Which macro call of the user's a thing is of that the macro declares.
//!
//! Such a thing has its place in the macro's own file. What the user wrote and the compiler runs just before and just
//! after it lies in the macro's arguments, or around the call.

use std::collections::BTreeMap;
use std::sync::Arc;

use ra_ap_syntax::{TextRange, TextSize};

use super::collect::SiteKind;
use super::outline::{Outline, Site};
use crate::dump::Span;
use crate::dump::span::is_of_std;

/// A macro call in the user's text.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) file: &'a Arc<str>,
    pub(super) outline: &'a Outline,
    pub(super) index: usize,
    pub(super) site: &'a Site,
}

impl<'a> Call<'a> {
    /// The macro's path without `!`.
    fn path(&self) -> &'a str {
        self.outline.macro_path(self.site)
    }

    /// The last segment of the macro's path.
    pub(super) fn name(&self) -> &'a str {
        self.outline.macro_name(self.site)
    }

    pub(super) fn arguments(&self) -> &'a str {
        &self.outline.text()[self.site.body]
    }

    /// Whether the called macro is one of that crate's: by its path, or by a `use` in its file. What is defined in
    /// `futures_util` is called as one of `futures`.
    pub(super) fn comes_from(&self, origin: &str) -> bool {
        let is_origin = |text: &str| {
            let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            words.any(|word| word == origin || is_part_of(word, origin) || is_part_of(origin, word))
        };
        let (path, name) = (self.path(), self.name());
        if path != name {
            return is_origin(path.strip_suffix(name).unwrap_or(path));
        }
        self.outline.uses().iter().any(|&range| {
            let item = &self.outline.text()[range];
            is_origin(item) && (has_word(item, name) || item.contains('*') || item.contains("extern"))
        })
    }

    /// Whether the called macro is one of the standard library's.
    fn is_of_std(&self) -> bool {
        let (path, name) = (self.path(), self.name());
        match path.split("::").next().map(str::trim) {
            Some("std" | "core" | "alloc") => true,
            _ if path != name => false,
            _ => is_standard(name) || matches!(name, "join" | "pin" | "ready" | "thread_local" | "try"),
        }
    }
}

/// All macro calls in the user's text, those in macro definitions left out.
pub(super) fn calls(files: &BTreeMap<Arc<str>, Outline>) -> impl Iterator<Item = Call<'_>> {
    files.iter().flat_map(|(file, outline)| {
        outline.sites().iter().enumerate().filter_map(move |(index, site)| {
            let is_call = site.kind == SiteKind::MacroCall && outline.extra(index).definition.is_none();
            is_call.then_some(Call { file, outline, index, site })
        })
    })
}

/// The macro call that something is of which a macro of another crate declares, or does, in `file`; `name` is what it
/// is called. `before` and `after` are what the user wrote and the compiler runs just before it and just after it.
pub fn call_of(
    files: &BTreeMap<Arc<str>, Outline>,
    file: &str,
    name: Option<&str>,
    before: Option<&Span>,
    after: Option<&Span>,
) -> Option<Span> {
    let (home, outline) = files.get_key_value(&before.or(after)?.file)?;
    let range = |span: Option<&Span>| span.filter(|span| span.file == *home).and_then(|it| outline.range(it));
    let (before, after) = (range(before), range(after));
    let mut all: Vec<Call<'_>> = calls(files).filter(|call| call.file == home).collect();
    all.sort_by_key(|call| call.site.range.len());
    let origin = crate_of(file);
    let (ours, others): (Vec<Call<'_>>, Vec<Call<'_>>) = all.into_iter().partition(|call| match &origin {
        _ if is_of_std(file) => call.is_of_std(),
        Some(origin) => call.comes_from(origin),
        None => false,
    });
    // A macro of the user's own may call that of the other crate: then it was given what is next to it.
    let is_possible = |call: &Call<'_>| {
        let is_around = |place: TextRange| call.site.range.contains_range(place);
        !call.is_of_std() && (before.is_some_and(is_around) || after.is_some_and(is_around))
    };
    let others: Vec<Call<'_>> = others.into_iter().filter(is_possible).collect();
    let call = [ours, others].iter().find_map(|calls| best(calls, file, name, before, after))?;
    Some(outline.span(home, call.site.range))
}

/// Where a scope ends in the text of the site at which the future is placed, which is given by its file and index: what
/// a macro made around the user's text
/// ends on its attribute, or in its definition. `None` if the scope's end is there already, or if the variable is not
/// declared there.
pub fn scope_end(
    files: &BTreeMap<Arc<str>, Outline>,
    (file, site): (&str, usize),
    declared: &Span,
    end: &Span,
) -> Option<Span> {
    let (file, outline) = files.get_key_value(file).filter(|(file, _)| **file == declared.file)?;
    let site = outline.sites().get(site)?;
    let declared = outline.range(declared).filter(|it| site.range.contains_range(*it))?;
    let of_end = files.get(&end.file)?;
    let range = of_end.range(end)?;
    if end.file == *file && site.range.contains_range(range) {
        return None;
    }
    let is_defined = of_end.definitions().iter().any(|it| it.range.contains_range(range));
    let is_around = |it: &Site| {
        it.kind == SiteKind::MacroCall
            && it.body.contains_range(declared)
            && site.range.contains_range(it.range)
    };
    let call = outline.innermost(declared.start(), is_around).filter(|_| is_defined);
    let body = call.map_or(site.body, |call| outline.sites()[call].body);
    outline.text()[body]
        .ends_with(['}', ')', ']'])
        .then(|| outline.span(file, TextRange::new(body.end() - TextSize::from(1), body.end())))
}

/// The best of these calls, which stand in order of their length.
fn best<'a>(
    calls: &[Call<'a>],
    file: &str,
    name: Option<&str>,
    before: Option<TextRange>,
    after: Option<TextRange>,
) -> Option<Call<'a>> {
    let is_around = |call: &Call<'_>, place: Option<TextRange>| {
        place.is_some_and(|place| call.site.range.contains_range(place))
    };
    let (end, start) = (before.map(TextRange::end), after.map(TextRange::start));
    let is_between = |call: &Call<'_>| {
        let range = call.site.range;
        end.is_some_and(|it| it <= range.start()) && start.is_some_and(|it| range.end() <= it)
    };
    let possible = |call: &&Call<'a>| is_around(call, before) || is_around(call, after) || is_between(call);
    let mut calls: Vec<Call<'a>> = calls.iter().filter(possible).copied().collect();
    // Many crates have each of their large macros in a file of its name.
    let stem =
        file.rsplit(['/', '\\']).next().unwrap_or(file).trim_end_matches(".rs").trim_end_matches("_mod");
    if calls.iter().any(|call| call.name() == stem) {
        calls.retain(|call| call.name() == stem);
    }
    let between = || {
        // It was given nothing that is run.
        let between: Vec<&Call<'a>> = calls.iter().filter(|call| is_between(call)).collect();
        let named = || between.iter().filter(|call| name.is_some_and(|it| has_word(call.arguments(), it)));
        match (&between[..], named().count()) {
            ([only], _) => Some(*only),
            (_, 1) => named().next().copied(),
            _ => None,
        }
    };
    // A macro runs its arguments first of all: what lies between two calls is of the first one.
    let call = calls.iter().find(|call| is_around(call, before)).or_else(between);
    let call = call.or_else(|| calls.iter().find(|call| is_around(call, after)))?;
    calls
        .iter()
        .find(|it| call.site.range.contains_range(it.site.range) && !is_between(it))
        .or(Some(call))
        .copied()
}

/// Whether a crate has the name of another one and more: `futures_util` of `futures`.
fn is_part_of(part: &str, whole: &str) -> bool {
    !whole.is_empty() && part.strip_prefix(whole).is_some_and(|rest| rest.starts_with('_') && rest.len() > 1)
}

/// The crate that a source file belongs to, from a path as cargo lays them out:
/// `../async-stream-0.3.6/src/lib.rs` is of `async_stream`.
pub(super) fn crate_of(file: &str) -> Option<String> {
    let parts: Vec<&str> = file.split(['/', '\\']).collect();
    let folder = parts[..parts.iter().rposition(|it| *it == "src")?].last()?;
    let is_version = |it: &str| it.starts_with(|c: char| c.is_ascii_digit()) && it.contains('.');
    let name = folder.match_indices('-').find(|(at, _)| is_version(&folder[at + 1..]));
    let name = name.map_or(*folder, |(at, _)| &folder[..at]);
    (!name.is_empty()).then(|| name.replace('-', "_"))
}

/// Whether the name stands in the text as a word.
pub fn has_word(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    !name.is_empty()
        && text
            .match_indices(name)
            .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + name.len()..].starts_with(is_part))
}

/// Macros of the standard library that make no closure of their own.
pub(super) fn is_standard(name: &str) -> bool {
    matches!(
        name,
        "assert"
            | "assert_eq"
            | "assert_ne"
            | "cfg"
            | "column"
            | "concat"
            | "dbg"
            | "debug_assert"
            | "debug_assert_eq"
            | "debug_assert_ne"
            | "env"
            | "eprint"
            | "eprintln"
            | "file"
            | "format"
            | "format_args"
            | "include_bytes"
            | "include_str"
            | "line"
            | "matches"
            | "module_path"
            | "option_env"
            | "panic"
            | "print"
            | "println"
            | "stringify"
            | "todo"
            | "unimplemented"
            | "unreachable"
            | "vec"
            | "write"
            | "writeln"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ra_ap_syntax::TextSize;

    const FILE: &str = "src/lib.rs";

    /// A text in which `«1` and `1»` stand around what is given by the number.
    struct Marked {
        files: BTreeMap<Arc<str>, Outline>,
        spans: BTreeMap<char, Span>,
    }

    fn marked(text: &str) -> Marked {
        let (mut plain, mut starts, mut ranges) = (String::new(), BTreeMap::new(), Vec::new());
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            match (char, chars.peek().copied()) {
                ('«', Some(number)) => {
                    starts.insert(number, plain.len() as u32);
                    chars.next();
                }
                (number, Some('»')) => {
                    ranges
                        .push((number, TextRange::new(starts[&number].into(), (plain.len() as u32).into())));
                    chars.next();
                }
                _ => plain.push(char),
            }
        }
        let (file, outline): (Arc<str>, Outline) = (FILE.into(), Outline::new(plain.as_str().into()));
        let spans = ranges.into_iter().map(|(number, range)| (number, outline.span(&file, range))).collect();
        Marked { files: BTreeMap::from([(file, outline)]), spans }
    }

    const TOKIO: &str = "/r/tokio-1.5.0/src/macros";
    const STD: &str = "/rustc/abc/library/core/src/pin.rs";

    /// Which call something is of that `name` stands for in `file`, between what is marked with 1 and with 2.
    fn called(file: &str, name: &str, text: &str) -> String {
        let Marked { files, spans } = marked(text);
        let of = |number| spans.get(&number);
        match call_of(&files, file, Some(name), of('1'), of('2')) {
            Some(span) => files[FILE].text()[files[FILE].range(&span).unwrap()].to_owned(),
            None => "none".to_owned(),
        }
    }

    #[test]
    fn what_a_macro_declares_is_of_the_call_whose_arguments_are_run_next_to_it() {
        let select = format!("{TOKIO}/select.rs");
        let text = "let a = std::pin::pin!(«1b()1»); tokio::select! { _ = c() => {«2d2»} }";
        assert_eq!(called(STD, "pinned", text), "std::pin::pin!(b())");
        assert_eq!(called(&select, "futures", text), "tokio::select! { _ = c() => {d} }");
        // Nothing else is run in it.
        let text = "let b = «1a()1»; tokio::pin!(b); tokio::pin!(c); other!(); tokio::join!(«2c2»)";
        assert_eq!(called(&format!("{TOKIO}/pin.rs"), "c", text), "tokio::pin!(c)");
        assert_eq!(called(&format!("{TOKIO}/pin.rs"), "x", text), "none");
        assert_eq!(called(&format!("{TOKIO}/join.rs"), "x", text), "tokio::join!(c)");
        // One in the arguments of the other.
        let text = "tokio::select! { _ = x => { let a = tokio::pin!(«1b1»); «2c2» } }";
        assert_eq!(called(&format!("{TOKIO}/pin.rs"), "a", text), "tokio::pin!(b)");
        let text = "outer::a!({ «1b1»; outer::c!(«2d2») })";
        assert_eq!(called("/r/outer-1.0.0/src/lib.rs", "x", text), "outer::c!(d)");
        // By a macro of the user's own that is given it, and not by one of the standard library.
        let text = "assert_eq!(mine!(«1a1»), vec![«2b2»])";
        assert_eq!(called("/r/other-1.0.0/src/lib.rs", "x", text), "mine!(a)");
        assert_eq!(called(STD, "x", "tokio::join!(«1a1»)"), "tokio::join!(a)");
        assert_eq!(called(STD, "x", "let b = «1a()1»; tokio::join!(); «2c()2»"), "none");
    }

    #[test]
    fn crates_call_their_macros_by_the_name_of_another_crate() {
        let file = "/r/futures-util-0.3.34/src/macros.rs";
        let text = "futures::pin_mut!(«1d1»); tokio::join!(«2e2»)";
        assert_eq!(called(file, "d", text), "futures::pin_mut!(d)");
        let text = "use futures::pin_mut; fn f() { pin_mut!(d); join!(«1e1») }";
        assert_eq!(called(file, "d", text), "none");
        let text = "use futures::{join, pin_mut}; fn f() { pin_mut!(«2d2»); join!(«1e1») }";
        assert_eq!(called(file, "d", text), "join!(e)");
    }

    /// The text from where the scope ends on.
    fn end_of(text: &str) -> String {
        let Marked { files, spans } = marked(text);
        let outline = &files[FILE];
        let is_it = |site: &Site| !matches!(site.kind, SiteKind::AttrFn);
        let site = outline.innermost(outline.range(&spans[&'s']).unwrap().start(), is_it).unwrap();
        let file = files.keys().next().unwrap().clone();
        match scope_end(&files, (&file, site), &spans[&'1'], &spans[&'2']) {
            Some(end) => {
                let range = outline.range(&end).unwrap();
                assert_eq!(range.len(), TextSize::from(1));
                outline.text()[TextRange::new(range.start(), TextSize::of(&**outline.text()))].to_owned()
            }
            None => "there".to_owned(),
        }
    }

    #[test]
    fn scopes_end_in_the_users_text() {
        let end = end_of("«2#[entry]2» «sasyncs» fn f() { let «1x1» = 1; g().await; } // a");
        assert_eq!(end, "} // a");
        assert_eq!(end_of("#[entry] «sasyncs» fn f() { let «1x1» = 1; g().await; «2}2» // a"), "there");
        // In the definition of a macro of the crate's own: around the variable, or around the whole body.
        let macro_rules = "macro_rules! m { ($($t:tt)*) => { async { $($t)* «2}2» } }\n";
        let end = end_of(&format!("{macro_rules}fn f() {{ «sm!s»(let «1x1» = 1; g().await); }}"));
        assert_eq!(end, "); }");
        let end = end_of(&format!("{macro_rules}«sasyncs» fn f() {{ m!(let «1x1» = 1; g().await); }} // a"));
        assert_eq!(end, "); } // a");
        // Declared by the macro itself: there is no end of it in the user's text.
        let text = "macro_rules! m { ($t:tt) => { { let «1x1» = 1; $t «2}2» } }\n«sasyncs» fn f() { m!(a) }";
        assert_eq!(end_of(text), "there");
    }

    #[test]
    fn crate_of_a_path() {
        let of = |path| crate_of(path).unwrap_or_default();
        assert_eq!(of("/r/src/index-1/async-stream-0.3.6/src/lib.rs"), "async_stream");
        assert_eq!(of("/w/crates/my-macros/src/a/b.rs"), "my_macros");
        assert_eq!(of("lib.rs"), "");
    }
}

//! Type names as `-Zverbose-internals` prints them, and as people read them.
//!
//! Verbose names tell coroutines apart by definition path, so they do not change when lines move and two
//! blocks made by one macro stay two. [`readable`] turns them into the form the compiler prints without
//! that flag:
//!
//! ```text
//! {static cmd::Get::apply::{closure#0} upvar_tys=(…) resume_ty=… yield_ty=() return_ty=…}
//! {async fn body of cmd::Get::apply()}
//! ```

mod readable;

pub use readable::readable;
use std::fmt::Write as _;

/// Nesting this deep is no type a person wrote; reading stops there and keeps the text as it is.
const DEPTH_LIMIT: usize = 200;

/// The index of the bracket that closes the one `text` begins with; `->` and `=>` close nothing.
pub fn closing(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if !matches!(bytes.first()?, b'(' | b'[' | b'{' | b'<') {
        return None;
    }
    let mut depth = 0usize;
    for (i, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            b'>' if matches!(bytes[i - 1], b'-' | b'=') => {}
            b')' | b']' | b'}' | b'>' => {
                depth -= 1;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

/// [`closing`] for many brackets of one text. Those that are never closed are looked for once and not again and again.
struct Closings<'a> {
    text: &'a str,
    /// The brackets that are never closed, by place; none as long as nobody has met one.
    open: Option<Vec<usize>>,
}

impl<'a> Closings<'a> {
    fn of(text: &'a str) -> Self {
        Closings { text, open: None }
    }

    /// Where the bracket at `at` is closed, from there.
    fn closing(&mut self, at: usize) -> Option<usize> {
        if self.open.as_ref().is_some_and(|open| open.binary_search(&at).is_ok()) {
            return None;
        }
        let text = self.text.get(at..)?;
        let end = closing(text);
        if end.is_none() && text.starts_with(['(', '[', '{', '<']) {
            self.open = Some(self.open_from(at));
        }
        end
    }

    fn open_from(&self, from: usize) -> Vec<usize> {
        let bytes = self.text.as_bytes();
        let mut open = Vec::new();
        for at in from..bytes.len() {
            match bytes[at] {
                b'(' | b'[' | b'{' | b'<' => open.push(at),
                b'>' if at > from && matches!(bytes[at - 1], b'-' | b'=') => {}
                b')' | b']' | b'}' | b'>' => _ = open.pop(),
                _ => {}
            }
        }
        open
    }
}

/// The first place outside any bracket where `needle` stands.
pub fn find_outside(text: &str, needle: &str) -> Option<usize> {
    let mut closings = Closings::of(text);
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(needle) {
            return Some(at);
        }
        at += match text.as_bytes()[at] {
            b'(' | b'[' | b'{' | b'<' => closings.closing(at).map_or(1, |end| end + 1),
            _ => char_len(text, at),
        };
    }
    None
}

fn char_len(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(1, char::len_utf8)
}

/// How a coroutine is resumed and what it gives, which tells the keyword it was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumption {
    /// `async`: resumed with a task context.
    Async,
    /// `gen`: an iterator.
    Gen,
    /// `async gen`: an async iterator.
    AsyncGen,
    /// `#[coroutine]`: what its user says.
    Coroutine,
    /// `#[coroutine] static`: the same, and it may hold references to what it holds.
    StaticCoroutine,
}

/// What in the source a coroutine is made of. The compiler's `CoroutineSource`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CoroutineSource {
    /// A block.
    Block,
    /// The body of a closure.
    Closure,
    /// The body of a fn.
    Fn,
}

/// What the compiler takes a coroutine for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoroutineKind {
    /// How it is resumed.
    pub resumption: Resumption,
    /// What it is made of.
    pub source: CoroutineSource,
}

impl CoroutineKind {
    /// As `-Zprint-type-sizes` writes it: `async fn body`, `gen block`, `static coroutine`.
    pub fn words(self) -> String {
        let keyword = match self.resumption {
            Resumption::Async => "async",
            Resumption::Gen => "gen",
            Resumption::AsyncGen => "async gen",
            Resumption::Coroutine => return "coroutine".to_owned(),
            Resumption::StaticCoroutine => return "static coroutine".to_owned(),
        };
        let source = match self.source {
            CoroutineSource::Block => "block",
            CoroutineSource::Closure => "closure body",
            CoroutineSource::Fn => "fn body",
        };
        format!("{keyword} {source}")
    }
}

/// A coroutine's verbose name, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoroutineName<'a> {
    /// Definition path with generic arguments: `cmd::Get<u8>::apply::{closure#0}`.
    pub path: &'a str,
    /// Types of the captures, `(A, B)`.
    pub upvars: &'a str,
    /// What kind of coroutine it is.
    pub resumption: Resumption,
}

impl<'a> CoroutineName<'a> {
    /// Of a coroutine whose name is not understood: all of it stands for the path.
    pub fn raw(name: &'a str) -> Self {
        CoroutineName { path: name, upvars: "", resumption: Resumption::Async }
    }

    /// Takes apart `{static PATH upvar_tys=(…) resume_ty=… yield_ty=… return_ty=…}`.
    pub fn parse(name: &'a str) -> Option<Self> {
        // Most types are no coroutines: look at the cheap signs first.
        let inner = name.strip_prefix('{')?.strip_suffix('}')?;
        let inner = inner.strip_prefix("static ").unwrap_or(inner);
        let path_end = find_outside(inner, " upvar_tys=")?;
        let path = &inner[..path_end];
        if path.contains(" closure_kind_ty=") && find_outside(path, " closure_kind_ty=").is_some() {
            return None;
        }
        let rest = &inner[path_end + " upvar_tys=".len()..];
        let upvars_end = find_outside(rest, " resume_ty=")?;
        let after = &rest[upvars_end + " resume_ty=".len()..];
        let yields = &after[find_outside(after, " yield_ty=")? + " yield_ty=".len()..];
        let is_task = after.split(' ').next().is_some_and(|resumes| resumes.ends_with("ResumeTy"));
        let resumption = match (is_task, yields.starts_with("() ")) {
            (true, true) => Resumption::Async,
            (true, false) => Resumption::AsyncGen,
            // So are many a `#[coroutine]`: what the body returns tells them apart.
            _ if after.starts_with("() ") => Resumption::Gen,
            _ => Resumption::coroutine(name),
        };
        Some(CoroutineName { path, upvars: &rest[..upvars_end], resumption })
    }
}

impl Resumption {
    /// That of a `#[coroutine]` with this verbose name.
    fn coroutine(name: &str) -> Self {
        if name.starts_with("{static ") { Resumption::StaticCoroutine } else { Resumption::Coroutine }
    }

    /// That of the coroutine with this verbose name whose body returns this.
    pub fn of_body(name: &str, returns: &str) -> Option<Self> {
        let ty = &returns[..returns.find('<').unwrap_or(returns.len())];
        match ty.rsplit("::").next()? {
            "CoroutineState" => Some(Resumption::coroutine(name)),
            "Option" => Some(Resumption::Gen),
            _ => CoroutineName::parse(name).map(|name| name.resumption),
        }
    }
}

impl<'a> CoroutineName<'a> {
    /// The types of the captures.
    pub fn captures(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let list = self.upvars.strip_prefix('(').and_then(|list| list.strip_suffix(')'));
        list.into_iter().flat_map(arguments)
    }
}

/// `A, B<C, D>` → `A`, `B<C, D>`.
pub fn arguments(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bytes = rest.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                b',' => break,
                b'(' | b'[' | b'{' | b'<' => at += closing(&rest[at..]).unwrap_or(0),
                _ => {}
            }
            at += 1;
        }
        let argument = rest[..at].trim();
        rest = rest.get(at + 1..).unwrap_or_default().trim_start();
        Some(argument)
    })
}

/// What all instances of one body have in common: `a::B<u8>::c::<T>::{closure#0}` and
/// `<a::B as Trait>::m` become `a::B::c::{closure#0}` and `<_ as Trait>::m`.
pub fn skeleton(path: &str) -> String {
    strip(path, true, 0)
}

/// The path without generic arguments, for people: `<a::B<u8> as Trait>::m` becomes `<a::B as Trait>::m`.
pub fn without_arguments(path: &str) -> String {
    strip(path, false, 0)
}

fn strip(path: &str, skeleton: bool, depth: usize) -> String {
    if depth >= DEPTH_LIMIT {
        return path.to_owned();
    }
    let strip = |path: &str| strip(path, skeleton, depth + 1);
    let mut closings = Closings::of(path);
    let mut out = String::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        let rest = &path[at..];
        if rest.starts_with('<')
            && let Some(end) = closings.closing(at)
        {
            if let Some(tr) = find_outside(&rest[1..end], " as ") {
                // The implementing type is an argument too: a default method is the trait's.
                let own = if skeleton { "_".to_owned() } else { strip(&rest[1..1 + tr]) };
                let _ = write!(out, "<{own} as {}>", strip(&rest[1 + tr + 4..end]));
            } else if (out.is_empty() || out.ends_with("::"))
                && let Some(of) = rest[..end].strip_prefix("<impl ")
            {
                // Behind a name, `<impl Trait>` is an argument like any other.
                let own = if skeleton { "_".to_owned() } else { strip(of) };
                let _ = write!(out, "<impl {own}>");
            } else if out.ends_with("::") {
                out.truncate(out.len() - 2);
            }
            at += end + 1;
            continue;
        }
        let len = char_len(path, at);
        out.push_str(&rest[..len]);
        at += len;
    }
    out
}

/// Which bare names in the words of a body are its generic parameters. `impl Trait` and `N/#0` always are: the compiler
/// prints them like that. Of `A` in `<Vec<A> as Step>::go` only what is declared tells whether it is a parameter or a type
/// at the crate's root.
#[derive(Debug, Clone, Copy)]
pub enum Parameters<'a> {
    /// These, and no others.
    Declared(&'a [std::sync::Arc<str>]),
    /// Nobody knows: any name that could be one by how it is written.
    AnyCapitalised,
}

impl Parameters<'_> {
    fn has(self, name: &str) -> bool {
        match self {
            Parameters::Declared(names) => names.iter().any(|declared| **declared == *name),
            Parameters::AnyCapitalised => name.starts_with(char::is_uppercase),
        }
    }

    /// Does a path or type mention one?
    pub fn are_in(self, text: &str) -> bool {
        let mut previous = b' ';
        text.char_indices().any(|(at, char)| {
            let starts = !is_word(previous);
            previous = if char.is_ascii() { char as u8 } else { 0x80 };
            starts && self.first(&text[at..]).is_some_and(|(name, _)| !name.is_empty())
        })
    }

    /// A generic parameter at the start of a type, and what is behind it: `T`, `N/#0`, `impl Trait`.
    fn first(self, pattern: &str) -> Option<(&str, &str)> {
        if pattern.starts_with("impl ") {
            let end = argument_end(pattern);
            return Some(pattern.split_at(end));
        }
        let (name, rest) = name(pattern);
        if let Some(index) = rest.strip_prefix("/#") {
            let digits = index.bytes().take_while(u8::is_ascii_digit).count();
            return Some((name, &index[digits..]));
        }
        (is_bare(rest) && self.has(name)).then_some((name, rest))
    }
}

/// The name a text starts with, maybe none, and what is behind it.
fn name(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !(c == '_' || c.is_alphanumeric())).unwrap_or(text.len()))
}

/// Is a name with this behind it all there is of a path?
fn is_bare(rest: &str) -> bool {
    !rest.starts_with("::") && !rest.starts_with('<')
}

/// The names of the path to what a definition path without its arguments is defined by: `m::S::f` of `m::S<u8>::f`,
/// `m::Trait::f` of `<S as m::Trait>::f`, since that is the trait's or of one who knows it.
pub fn defining_names(path: &str) -> Vec<&str> {
    let qualified = path.strip_prefix('<').and_then(|_| closing(path)).map(|end| path.split_at(end));
    let (of, rest) = match qualified {
        Some((own, rest)) => {
            let own = &own[1..];
            (find_outside(own, " as ").map_or(own, |at| &own[at + " as ".len()..]), rest)
        }
        None => (path, ""),
    };
    let mut names = Vec::new();
    for text in [of, rest] {
        let mut closings = Closings::of(text);
        let mut at = 0;
        while at < text.len() {
            let (found, _) = name(&text[at..]);
            // Arguments and `{closure#0}` are no names.
            at += match text.as_bytes()[at] {
                b'<' | b'{' | b'(' | b'[' => closings.closing(at).map_or(1, |end| end + 1),
                _ if found.is_empty() => char_len(text, at),
                _ => found.len(),
            };
            names.extend(Some(found).filter(|found| !found.is_empty()));
        }
    }
    names
}

/// The names in a path or type that are no part of a longer path: parameters, types at the crate's root, primitive types
/// and keywords.
pub fn bare_names(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let mut previous = b' ';
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (found, after) = name(rest);
            let starts = !is_word(previous);
            let len = found.len().max(char_len(rest, 0));
            let is_name =
                starts && found.starts_with(|c: char| c == '_' || c.is_alphabetic()) && is_bare(after);
            previous = rest.as_bytes()[len - 1];
            rest = &rest[len..];
            if is_name {
                return Some(found);
            }
        }
        None
    })
}

/// Does `pattern`, in the words of a generic body, stand for `text`, one of its instances?
///
/// Returns what each generic parameter stands for, in order of first use. Arguments may be missing in
/// `text`: the compiler leaves defaulted ones out.
pub fn unify<'a>(
    pattern: &'a str,
    text: &'a str,
    parameters: Parameters<'_>,
) -> Option<Vec<(&'a str, &'a str)>> {
    let mut bindings = Vec::new();
    let mut pattern = pattern;
    let mut text = text;
    let mut previous = b' ';
    while let Some(&p) = pattern.as_bytes().first() {
        if !is_word(previous)
            && let Some((name, rest)) = parameters.first(pattern)
        {
            let end = argument_end(text);
            if end == 0 {
                return None;
            }
            let value = &text[..end];
            // Every `impl Trait` is a parameter of its own, even under one name.
            let one_name_many = name.starts_with("impl ");
            match bindings.iter().find(|(n, v)| *n == name && (!one_name_many || *v == value)) {
                Some((_, bound)) if *bound != value => return None,
                Some(_) => {}
                None => bindings.push((name, value)),
            }
            previous = b' ';
            (pattern, text) = (rest, &text[end..]);
            continue;
        }
        match text.as_bytes().first() {
            Some(&t) if t == p => {
                previous = p;
                let len = char_len(pattern, 0);
                if !text.is_char_boundary(len) {
                    return None;
                }
                (pattern, text) = (&pattern[len..], &text[len..]);
            }
            _ if p == b'<' => pattern = &pattern[closing(pattern)? + 1..],
            _ => return None,
        }
    }
    if matches!(parameters, Parameters::AnyCapitalised) {
        // What stands for itself need not be a parameter.
        bindings.retain(|(name, value)| name != value);
    }
    text.is_empty().then_some(bindings)
}

/// Writes `ty`, in the words of a generic body, with what each parameter stands for.
pub fn substitute(ty: &str, arguments: &[(String, String)]) -> String {
    let mut out = String::with_capacity(ty.len());
    let mut rest = ty;
    let mut previous = b' ';
    while !rest.is_empty() {
        if !is_word(previous)
            && let Some((name, after)) =
                Parameters::Declared(&[]).first(rest).or(Some(name(rest)).filter(|(_, rest)| is_bare(rest)))
            && let Some((_, value)) = arguments.iter().find(|(parameter, _)| parameter == name)
        {
            out.push_str(value);
            previous = b' ';
            rest = after;
            continue;
        }
        let len = char_len(rest, 0);
        previous = rest.as_bytes()[0];
        out.push_str(&rest[..len]);
        rest = &rest[len..];
    }
    out
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte == b':' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Where the type or constant at the start of `text` ends.
fn argument_end(text: &str) -> usize {
    let mut closings = Closings::of(text);
    let mut at = 0;
    while at < text.len() {
        match text.as_bytes()[at] {
            b',' | b';' | b')' | b']' | b'}' => return at,
            b'>' if at == 0 || !matches!(text.as_bytes()[at - 1], b'-' | b'=') => return at,
            b'(' | b'[' | b'{' | b'<' => match closings.closing(at) {
                Some(end) => at += end + 1,
                None => return at,
            },
            _ if text[at..].starts_with(" as ") || text[at..].starts_with("::{closure#") => return at,
            _ => at += char_len(text, at),
        }
    }
    at
}

/// A name or type in which a library is called by the module that has its `extern crate`, without that: `krate::A` for
/// `tests::common::krate::A`. None if there is no such way in it.
pub fn without_way(text: &str, krate: &str, is_crate: &dyn Fn(&str) -> bool) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut previous = b' ';
    let mut is_found = false;
    while !rest.is_empty() {
        let (found, after) = name(rest);
        if found.is_empty() || is_word(previous) || previous == b':' || is_crate(found) {
            let len = found.len().max(char_len(rest, 0));
            out.push_str(&rest[..len]);
            (previous, rest) = (rest.as_bytes()[len - 1], &rest[len..]);
            continue;
        }
        // The modules up to the library.
        let mut way = after;
        let at = loop {
            let Some(behind) = way.strip_prefix("::") else { break None };
            let (segment, after) = name(behind);
            match segment {
                "" => break None,
                _ if segment == krate && after.starts_with("::") => break Some(behind),
                _ => way = after,
            }
        };
        is_found |= at.is_some();
        match at {
            Some(at) => rest = at,
            None => {
                out.push_str(found);
                (previous, rest) = (found.as_bytes()[found.len() - 1], after);
            }
        }
        if at.is_some() {
            out.push_str(krate);
            rest = &rest[krate.len()..];
            previous = b'_';
        }
    }
    is_found.then_some(out)
}

/// A name or type that was printed where the crate `own` was compiled, in the words of a library that is called `krate`
/// there: the library's paths without it in front, and those of `own` with it, or two crates' types would have one name.
/// Second, whether it names the library at all. `is_crate` tells what is the name of a crate.
pub fn seen_from(text: &str, krate: &str, own: &str, is_crate: &dyn Fn(&str) -> bool) -> (String, bool) {
    let mut out = String::with_capacity(text.len() + own.len());
    let mut names_it = false;
    let mut rest = text;
    let mut previous = b' ';
    while !rest.is_empty() {
        let (found, after) = name(rest);
        if found.is_empty() || is_word(previous) {
            let len = found.len().max(char_len(rest, 0));
            out.push_str(&rest[..len]);
            (previous, rest) = (rest.as_bytes()[len - 1], &rest[len..]);
            continue;
        }
        let is_path = after.starts_with("::");
        if is_path && found == krate {
            names_it = true;
            (previous, rest) = (b' ', &after["::".len()..]);
            // What follows is a path's first name now, and no other crate's.
            let (first, after) = name(rest);
            out.push_str(first);
            rest = after;
            previous = first.bytes().last().unwrap_or(previous);
            continue;
        }
        let is_root = match is_path {
            true => found.starts_with(|c: char| c == '_' || c.is_alphabetic()) && !is_crate(found),
            // Everything else that is written like this is no path: `Output = T`, `ValTree(…)`, a lifetime.
            false => {
                found.starts_with(char::is_uppercase)
                    && !matches!(previous, b'\'' | b'.' | b'"' | b'#')
                    && !matches!(found, "BrAnon" | "BrEnv" | "Self")
                    && !after.trim_start().starts_with(['(', '='])
            }
        };
        if is_root {
            out.push_str(own);
            out.push_str("::");
        }
        out.push_str(found);
        (previous, rest) = (found.as_bytes()[found.len() - 1], after);
    }
    (out, names_it)
}

/// The fn whose body a coroutine is by its path alone: `a::f::{closure#0}` is `a::f`'s.
pub fn function_of(path: &str) -> Option<&str> {
    let function = path.strip_suffix("::{closure#0}")?;
    (!function.ends_with('}') && !function.is_empty()).then_some(function)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unify<'a>(pattern: &'a str, text: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        super::unify(pattern, text, Parameters::AnyCapitalised)
    }

    #[track_caller]
    fn check(verbose: &str, plain: &str) {
        let local = |path: &str| {
            function_of(path).map(|f| format!("{{async fn body of {}()}}", readable(f, &|_| None)))
        };
        assert_eq!(readable(verbose, &local), plain);
    }

    #[test]
    fn coroutines_are_named_as_the_compiler_names_them_for_people() {
        check(
            "{static f<&'{erased} str>::{closure#0} upvar_tys=(&'{erased} str,) resume_ty=std::future::ResumeTy yield_ty=() return_ty=()}",
            "{async fn body of f<&str>()}",
        );
        check(
            "std::pin::Pin<&'{erased} mut {static tokio::f::{closure#0}::{closure#1} upvar_tys=() resume_ty=std::future::ResumeTy yield_ty=() return_ty=()}>",
            "std::pin::Pin<&mut {async block@tokio::f::{closure#0}::{closure#1}}>",
        );
        check(
            "{g1::{closure#0} upvar_tys=() resume_ty=() yield_ty=u8 return_ty=()}",
            "{async fn body of g1()}",
        );
    }

    /// What the compiler takes for a coroutine of each kind: by its name, and by what its body returns.
    #[test]
    fn kinds_of_coroutines() {
        let task = "resume_ty=std::future::ResumeTy yield_ty=";
        for (name, returns, expected) in [
            (format!("{{f upvar_tys=() {task}() return_ty=u8}}"), "std::task::Poll<u8>", "async"),
            (
                format!(
                    "{{static f upvar_tys=() {task}std::task::Poll<std::option::Option<u8>> return_ty=()}}"
                ),
                "std::task::Poll<std::option::Option<u8>>",
                "async gen",
            ),
            (
                "{f upvar_tys=() resume_ty=() yield_ty=u8 return_ty=()}".to_owned(),
                "std::option::Option<u8>",
                "gen",
            ),
            (
                "{f upvar_tys=() resume_ty=() yield_ty=u8 return_ty=()}".to_owned(),
                "std::ops::CoroutineState<u8, ()>",
                "coroutine",
            ),
            ("{f upvar_tys=() resume_ty=(u8, u8) yield_ty=() return_ty=()}".to_owned(), "", "coroutine"),
            (
                "{static f upvar_tys=() resume_ty=u8 yield_ty=() return_ty=()}".to_owned(),
                "",
                "static coroutine",
            ),
        ] {
            let resumption = Resumption::of_body(&name, returns).expect("it is a coroutine's name");
            let words = CoroutineKind { resumption, source: CoroutineSource::Block }.words();
            assert_eq!(words.trim_end_matches(" block"), expected, "{name}");
        }
    }

    #[test]
    fn regions_trait_objects_and_constants_read_as_written() {
        check("S<'{erased}, &'{erased} mut T>", "S<'_, &mut T>");
        check("<[A; N/#1] as S>::m", "<[A; N] as S>::m");
        check("m::test#1::{closure#0}::{closure#12}", "m::test::{closure#0}::{closure#12}");
        check(
            "std::boxed::Box<(dyn A + std::marker::Send + '{erased})>",
            "std::boxed::Box<dyn A + std::marker::Send>",
        );
        check("[u8; ValTree(Leaf(0x0000000000000021): usize)]", "[u8; 33]");
        check("C<ValTree(Leaf(0x01): bool), ValTree(Leaf(0x00000027): char)>", "C<true, '\\''>");
        check("C<ValTree(Leaf(0xff): i8), ValTree(Leaf(0xff): u8)>", "C<-1, 255>");
        check(
            "&'{erased} mut (dyn for<Region(BrAnon)> std::ops::FnMut<(&'^0 str, u8), Output = usize> + '{erased})",
            "&mut dyn for<'a> std::ops::FnMut(&'a str, u8) -> usize",
        );
        check(
            "for<Region(BrNamed(DefId(2:66339 ~ core[667c]::str::{impl#0}::len::'_)))> fn(&'^0.Named(DefId(2:66339 ~ core[667c]::str::{impl#0}::len::'_)) str) -> usize {core::str::<impl str>::len}",
            "for<'a> fn(&'a str) -> usize {core::str::<impl str>::len}",
        );
        check(
            "{f::{closure#0} closure_kind_ty=i8 closure_sig_as_fn_ptr_ty=extern \"rust-call\" fn((u8,)) upvar_tys=()}",
            "{closure@f::{closure#0}}",
        );
    }

    #[test]
    fn skeletons_hold_no_arguments() {
        assert_eq!(skeleton("a::B<u8, C<D>>::c::<T>::{closure#0}"), "a::B::c::{closure#0}");
        assert_eq!(skeleton("<a::B<u8> as T<X>>::m::{closure#0}<i16>"), "<_ as T>::m::{closure#0}");
        assert_eq!(skeleton("m::<impl a::B<fn() -> u8>>::c"), "m::<impl _>::c");
        assert_eq!(skeleton("m::f<impl Future>::{closure#0}"), "m::f::{closure#0}");
        assert_eq!(without_arguments("<a::B<u8> as T<X>>::m::<Y>"), "<a::B as T>::m");
    }

    #[test]
    fn instances_unify_with_their_body() {
        assert_eq!(
            unify("f<K, Vec<V>>::{closure#0} (K, V)", "f<u8, Vec<(a::B, C)>>::{closure#0} (u8, (a::B, C))"),
            Some(vec![("K", "u8"), ("V", "(a::B, C)")])
        );
        assert_eq!(unify("f<K>::{closure#0} (K,)", "f<u8>::{closure#0} (u16,)"), None);
        assert_eq!(unify("<Self as T>::m", "<a::B<u8> as T>::m"), Some(vec![("Self", "a::B<u8>")]));
        assert_eq!(unify("f<N/#0>", "f<ValTree(Leaf(0x21): usize)>").unwrap()[0].0, "N");
        // A defaulted argument is left out of the instance's name.
        assert_eq!(unify("B<H>::f<T>", "B::f<u8>"), Some(vec![("T", "u8")]));
        assert_eq!(unify("f<impl Fn(u8)>::{closure#0}", "f<{closure x}>::{closure#0}").unwrap().len(), 1);
        assert_eq!(unify("f<u8>", "f<u16>"), None);
        assert_eq!(unify("f<impl A, impl A>", "f<u8, u16>").unwrap().len(), 2);
        let own = "s::run<impl Future>::{closure#0}\n(tokio::T, impl Future)";
        let instance = "s::run<{static c::{closure#0} upvar_tys=() r=R<(), E>}>::{closure#0}\n(tokio::T, {static c::{closure#0} upvar_tys=() r=R<(), E>})";
        assert_eq!(unify(own, instance).unwrap()[0].0, "impl Future");
    }

    #[test]
    fn what_is_declared_is_a_parameter_and_nothing_else_is() {
        let declared = ["A".into(), "t".into()];
        let unify = |pattern, text| super::unify(pattern, text, Parameters::Declared(&declared));
        // A type at the crate's root is a bare name, too.
        assert_eq!(unify("<Leaf as Step>::go", "<Vec<u8> as Step>::go"), None);
        assert_eq!(unify("<Leaf as Step>::go", "<Leaf as Step>::go"), Some(Vec::new()));
        assert_eq!(unify("<Vec<A> as Step>::go", "<Vec<Leaf> as Step>::go"), Some(vec![("A", "Leaf")]));
        assert_eq!(unify("f<t>", "f<u8>"), Some(vec![("t", "u8")]));
        assert_eq!(unify("f<[u8; N/#0]>", "f<[u8; 3]>"), Some(vec![("N", "3")]));
        assert!(!Parameters::Declared(&declared).are_in("<Leaf as Step>::go::{closure#0}\n(&Leaf, A::B)"));
        assert!(Parameters::Declared(&declared).are_in("(&Leaf, [A; 3])"));
    }

    #[test]
    fn types_of_two_crates_keep_two_names() {
        let seen = |text| seen_from(text, "lib", "bin", &|name| matches!(name, "std" | "lib" | "tokio"));
        assert_eq!(seen("<Leaf as lib::Step>::go"), ("<bin::Leaf as Step>::go".to_owned(), true));
        assert_eq!(
            seen("lib::m::f<m::Leaf<lib::Leaf>, u8>"),
            ("m::f<bin::m::Leaf<Leaf>, u8>".to_owned(), true)
        );
        let unchanged =
            "{static std::f<&'{erased} [u8; ValTree(Leaf(0x03): usize)]>::{closure#0} upvar_tys=(tokio::T,)}";
        assert_eq!(seen(unchanged), (unchanged.to_owned(), false));
        let object = "(dyn for<Region(BrAnon)> std::ops::FnMut<(&'^0 str,), Output = u8> + 'A)";
        assert_eq!(seen(object), (object.to_owned(), false));
        assert_eq!(seen("xlib::C").0, "bin::xlib::C");
    }

    #[test]
    fn a_trait_s_method_is_the_trait_s() {
        assert_eq!(defining_names("m::S<a::B>::f::{closure#0}"), ["m", "S", "f"]);
        assert_eq!(defining_names("<m::S<u8> as n::T<x::Y>>::f::{closure#0}::{closure#1}"), ["n", "T", "f"]);
        assert_eq!(defining_names("m::<impl x::Y>::f"), ["m", "f"]);
        assert!(defining_names("").is_empty());
    }

    #[test]
    fn a_library_may_be_in_a_module() {
        let without = |text: &str| without_way(text, "lib", &|name| matches!(name, "std" | "lib"));
        let given =
            "<tests::common::lib::A<common::lib::b::C> as std::lib::D>::f::<common::E, lib::F>::{closure#0}";
        let wanted = "<lib::A<lib::b::C> as std::lib::D>::f::<common::E, lib::F>::{closure#0}";
        assert_eq!(without(given).as_deref(), Some(wanted));
        for text in
            ["lib::A", "common::A", "common::lib", "std::lib::A", "common::lib2::A", "<T as lib::A>::f", ""]
        {
            assert_eq!(without(text), None, "{text}");
        }
    }

    #[test]
    fn bare_names_are_no_part_of_a_path() {
        let names = |text| bare_names(text).collect::<Vec<_>>();
        assert_eq!(names("<Vec<A> as m::Step<é>>::go::{closure#0}"), ["A", "as", "é", "closure"]);
        assert_eq!(names("x::T, Vec<T>"), ["T"]);
    }

    #[test]
    fn a_body_s_types_are_written_for_the_instance() {
        let arguments = [("T".to_owned(), "a::B<u8>".to_owned()), ("N".to_owned(), "3".to_owned())];
        assert_eq!(
            substitute("Vec<T, x::T, [T; N/#1], Tx>", &arguments),
            "Vec<a::B<u8>, x::T, [a::B<u8>; 3], Tx>"
        );
    }

    #[test]
    fn brackets_without_end_take_little_time_and_stack() {
        let deep = |part: &str, end: &str| format!("{}{}", part.repeat(10_000), end.repeat(10_000));
        let text = [
            deep("(", ""),
            deep("<(", ""),
            deep("{", ""),
            deep("ValTree(", ""),
            deep("for<Region(", ""),
            deep("Fn<(", ""),
            deep("<", " as a>"),
            deep("<a as ", ">"),
            deep("<impl ", ">"),
            deep("(", ")"),
        ];
        for text in text {
            // As in the threads that read: they have two megabytes.
            let read = move || {
                find_outside(&text, " upvar_tys=");
                (
                    skeleton(&text),
                    without_arguments(&text),
                    readable(&text, &|_| None),
                    unify("T<U>", &text).is_some(),
                )
            };
            assert!(std::thread::spawn(read).join().is_ok());
        }
    }

    proptest! {
        #[test]
        fn never_panics(a in "[<>(){}\\[\\]a-cA-C:,;'&^#/ é=0-9-]{0,30}(ValTree\\(|for<Region\\(|'\\{erased\\}|Fn<\\(| as |dyn )?[<>(){}a-cT:, é]{0,20}", b in any::<String>()) {
            for (x, y) in [(&a, &b), (&b, &a), (&a, &a)] {
                readable(x, &|_| None);
                skeleton(x);
                unify(x, y);
                bare_names(x).count();
                substitute(x, &[("T".to_owned(), y.clone())]);
                CoroutineName::parse(x);
                closing(x);
            }
        }
    }
}

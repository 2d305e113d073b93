//! Reader of one file of `-Zdump-mir=coroutine_post -Zmir-include-spans=yes`: one coroutine body.
//!
//! ```text
//! // MIR for `client::<impl at src/client.rs:8:1: 8:12>::get::{closure#0}` 0 coroutine_post-transform
//!
//! fn client::…::get::{closure#0}(_1: {static …}, _2: &mut Context<'_>) -> Poll<…> {
//!     debug key => (_1.0: &str);  // in scope 0 at src/client.rs:8:21: 8:24
//!     let mut _0: Poll<…>;        // return place in scope 0 at src/client.rs:8:40: 12:6
//! ```
//!
//! What is stored in which state stands in one of two forms, a file each: in a `comment` or in a `block`. The text
//! itself tells which. Both give one `Layout`, which is checked in one place.

mod block;
mod comment;
mod layout;
mod trim;

use layout::Layout;
pub use trim::{StatementPlace, statement_places, statement_spans, trimmed};

use super::mir::{self, Flow};
use super::names::CoroutineName;
use super::span::SpanRef;

/// What the dump says about one coroutine body (generic bodies are dumped once).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CoroutineBody<'a> {
    /// The path in the file's first line; `impl`s are named by span there.
    pub path: &'a str,
    /// The coroutine's type as its own signature names it, `{…}` included.
    pub self_ty: &'a str,
    /// Where the body stands: the fn's block, or the whole `async` block.
    pub span: Option<SpanRef<'a>>,
    /// What resuming it gives: `std::task::Poll<…>`, `std::ops::CoroutineState<…>`, …
    pub returns: &'a str,
    /// The saved locals `_s0`, `_s1`, … in order.
    pub saved: Vec<Saved<'a>>,
    /// The states in order of their discriminant.
    pub variants: Vec<BodyVariant<'a>>,
    /// Which saved locals are in storage at the same time, as printed: (row, column). A local that is always
    /// in storage conflicts with all others in its own row, but not the other way round.
    pub storage_conflicts: Vec<(u32, u32)>,
    /// Captured variables: `debug x => (_1.N: T)`.
    pub upvars: Vec<UpvarDebug<'a>>,
    /// What it does with what it stores.
    pub flow: Flow<'a>,
    /// The form of its layout, if it is one that is known.
    pub dialect: Option<Dialect>,
    /// What of it could not be read. Nothing that depends on that is there.
    pub unread: Unread,
    /// The first line that was not as expected, if any.
    pub example: Option<&'a str>,
}

/// In which form the layout is dumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// In a comment in front of the body.
    Comment,
    /// In a block at the beginning of the body.
    Block,
}

/// What of a dump could not be read: a line was of an unknown form, or one was missing or elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unread {
    /// Where the body stands.
    pub place: bool,
    /// Which locals are stored in which states, what they are called and where they are declared. Without that
    /// nothing is known of conflicts and code either.
    pub layout: bool,
    /// Which stored locals are in storage at the same time.
    pub conflicts: bool,
    /// What the statements do.
    pub code: bool,
}

/// One local the compiler keeps in the coroutine's state.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Saved<'a> {
    /// Where the compiler says it was declared; for an awaitee the whole `….await` expression.
    pub span: Option<SpanRef<'a>>,
    /// Names of the variables that live in it, in order of scope.
    pub names: Vec<&'a str>,
    /// Its type as the body's own lines print it; none if only the header's debug form is there.
    pub ty: Option<&'a str>,
    /// Nameless `bool`s that are only ever set to constants are drop flags.
    pub drop_flag: bool,
}

/// One state: which saved locals are live in it, in which order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct BodyVariant<'a> {
    /// `Unresumed`, `Returned`, `Panicked`, `Suspend0`, …
    pub name: &'a str,
    /// The discriminant's value.
    pub index: u32,
    /// Indices into [`CoroutineBody::saved`].
    pub fields: Vec<u32>,
    /// The `await` (or `yield`) at which this state is entered.
    pub suspended_at: Option<SpanRef<'a>>,
}

/// A captured variable or argument.
#[derive(Debug, PartialEq, Eq)]
pub struct UpvarDebug<'a> {
    /// Index among the captures.
    pub index: u32,
    /// The variable's name.
    pub name: &'a str,
    /// Its type as printed.
    pub ty: &'a str,
    /// Where it is declared.
    pub span: Option<SpanRef<'a>>,
}

/// The variable that holds what the future was last polled with.
const TASK_CONTEXT: &str = "_task_context";

impl<'a> Saved<'a> {
    /// A variable lives in it. The compiler may name it more than once.
    fn add_name(&mut self, name: &'a str) {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }
}

/// A saved local or upvar as MIR names its place.
enum SavedPlace<'a> {
    /// `((_1 as variant#V).F: T)`
    Saved { variant: u32, field: usize, ty: &'a str },
    /// `(_1.N: T)`
    Upvar { index: u32, ty: &'a str },
}

impl<'a> CoroutineBody<'a> {
    /// Reads one dumped body. `None` if the text does not say which coroutine it is of.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut body = CoroutineBody::default();
        let (layout, signature, code) = match text.split_once(comment::END) {
            Some((header, code)) => {
                body.dialect = Some(Dialect::Comment);
                (Some(comment::read(header)), "", code)
            }
            None => {
                let code = &text[text.find("\nfn ")?..];
                match block::split(code) {
                    Some((signature, block, code)) => {
                        body.dialect = Some(Dialect::Block);
                        (Some(block::read(block)), signature, code)
                    }
                    // Size and place can be told still.
                    None => (None, "", code),
                }
            }
        };
        body.take_layout(text, layout);
        // (saved local, all assignments so far are constants)
        let mut flags: Vec<Option<bool>> = vec![None; body.saved.len()];
        let variants = body.variants.iter().map(|variant| (variant.index, &variant.fields[..]));
        let mut reader = mir::Reader::new(variants);
        // Scopes around the declaration being read, and whether those are over.
        let mut scopes: Vec<u32> = Vec::new();
        let mut in_blocks = false;
        // Captures of which the declarations do not say where they are declared.
        let mut placeless: Vec<u32> = Vec::new();
        for line in signature.lines().chain(code.lines()) {
            if !in_blocks {
                if reader.block(line) {
                    in_blocks = true;
                    placeless =
                        body.upvars.iter().filter(|it| it.span.is_none()).map(|it| it.index).collect();
                    if !scopes.is_empty() {
                        body.unread(line, |unread| unread.layout = true);
                    }
                } else if !body.declaration(line, &mut reader, &mut scopes)? {
                    body.unread(line, |unread| unread.layout = true);
                }
                continue;
            }
            match line.as_bytes() {
                // Constants are explained in lines of their own, far to the right.
                [b' ', b' ', b' ', b' ', b' ', b' ', b' ', b' ', b' ', ..] => {}
                [b' ', b' ', b' ', b' ', b' ', b' ', b' ', b' ', first, ..] => {
                    let line = &line[8..];
                    let Some(parts) = mir::split_comment(line).filter(|parts| reader.statement(*parts))
                    else {
                        let code = mir::split_comment(line).map_or(line, |parts| parts.code);
                        body.unread(code, |unread| unread.code = true);
                        continue;
                    };
                    if !placeless.is_empty() {
                        body.place_argument(parts.code, line, &mut placeless);
                    }
                    match first {
                        b'd' => body.set_discriminant(line),
                        b'(' => body.assignment(parts.code, &mut flags),
                        _ => {}
                    }
                }
                [b' ', b' ', b' ', b' ', b'b', ..] if !reader.block(line) => {
                    body.unread(line, |unread| unread.code = true);
                }
                _ => {}
            }
        }
        match reader.finish() {
            Some(flow) => {
                let known = body.variants.len();
                if flow.suspensions.iter().any(|suspension| suspension.variant as usize >= known) {
                    body.unread(body.self_ty, |unread| unread.layout = true);
                }
                body.flow = flow;
            }
            None => body.unread(body.self_ty, |unread| unread.code = true),
        }
        for (saved, flag) in body.saved.iter_mut().zip(flags) {
            saved.drop_flag = saved.names.is_empty() && flag == Some(true);
        }
        if Layout::suspended(&body.variants).any(|variant| variant.suspended_at.is_none()) {
            body.unread(body.self_ty, |unread| unread.code = true);
        }
        // Of each capture there is a variable, be it a part of it.
        let captures = CoroutineName::parse(body.self_ty).map(|name| name.captures().count());
        if captures.is_some_and(|captures| body.upvars.len() != captures) {
            body.unread(body.self_ty, |unread| unread.layout = true);
        }
        if body.span.is_none() {
            body.unread(body.self_ty, |unread| unread.place = true);
        }
        body.leave_out_unread();
        (!body.self_ty.is_empty()).then_some(body)
    }

    /// Notes that a line is not as expected.
    fn unread(&mut self, line: &'a str, what: impl FnOnce(&mut Unread)) {
        what(&mut self.unread);
        self.example.get_or_insert(line);
    }

    /// Takes out whatever is uncertain.
    fn leave_out_unread(&mut self) {
        if self.unread.layout {
            (self.unread.conflicts, self.unread.code) = (true, true);
            self.saved.clear();
            self.variants.clear();
            self.upvars.clear();
        }
        if self.unread.conflicts {
            self.storage_conflicts.clear();
        }
        if self.unread.code {
            self.flow = Flow::default();
            self.saved.iter_mut().for_each(|saved| saved.drop_flag = false);
        }
    }

    /// A line before the first block; false if it is of an unknown form. `None` if this is not a coroutine after
    /// all.
    fn declaration(
        &mut self,
        line: &'a str,
        reader: &mut mir::Reader<'a>,
        scopes: &mut Vec<u32>,
    ) -> Option<bool> {
        let (indented, line) = (line, line.trim_ascii_start());
        let is_at = |depth: usize| indented.len() - line.len() == 4 * (depth + 1);
        Some(match line.as_bytes() {
            b"" => true,
            [b'd', b'e', b'b', ..] => is_at(scopes.len()) && self.debug_line(line, reader),
            [b'c', b'o', b'r', ..] => is_at(scopes.len()) && self.coroutine_debug_line(line),
            [b'l', b'e', b't', b' ', ..] => {
                if let Some(rest) = line.strip_prefix("let mut _0: ") {
                    self.returns = rest.split_once(';').map_or(rest, |(ty, _)| ty);
                    self.span = comment_span(line, "// return place in scope ");
                }
                true
            }
            [b'f', b'n', b' ', ..] if self.self_ty.is_empty() => {
                self.self_ty = self_type(line)?;
                true
            }
            [b's', b'c', b'o', ..] => {
                let number = line.strip_prefix("scope ").and_then(|rest| rest.strip_suffix(" {"));
                let Some(scope) = number.and_then(|number| number.parse().ok()) else { return Some(false) };
                let is_known =
                    is_at(scopes.len()) && reader.scope(scope, scopes.last().copied().unwrap_or(0));
                scopes.push(scope);
                is_known
            }
            b"}" => scopes.pop().is_some() && is_at(scopes.len()),
            _ => false,
        })
    }

    /// The path in the first line, and what one of the dialects says of the layout.
    fn take_layout(&mut self, text: &'a str, layout: Option<Layout<'a>>) {
        let first = text.lines().next().unwrap_or_default();
        let path = first.strip_prefix("// MIR for `").and_then(|rest| rest.split('`').next());
        self.path = path.unwrap_or_default();
        let mut layout = layout.unwrap_or_default();
        if path.is_none() || layout.variants.is_empty() {
            layout.unread(first);
        }
        self.unread.layout = layout.is_unread;
        self.unread.conflicts = layout.are_conflicts_unread;
        self.example = layout.example;
        (self.saved, self.variants) = (layout.saved, layout.variants);
        self.storage_conflicts = layout.conflicts;
    }

    /// `debug NAME => PLACE; // in scope N at SPAN`; false if it is something else.
    fn debug_line(&mut self, line: &'a str, reader: &mut mir::Reader<'a>) -> bool {
        let Some((name, rest)) = line.strip_prefix("debug ").and_then(|l| l.split_once(" => ")) else {
            return false;
        };
        match place(rest) {
            // Only a bare place is the variable itself; `(*…)` is what it points to.
            Some((SavedPlace::Saved { variant, field, ty }, rest)) if rest.starts_with(';') => {
                let Some(saved) = self.saved_at(variant, field) else { return false };
                saved.add_name(name);
                saved.ty = Some(ty);
            }
            Some((SavedPlace::Upvar { index, ty }, _)) => {
                // By reference: `debug x => (*(_1.0: &T))` never gets here, see `place`.
                let span = comment_span(line, "// in scope ");
                self.upvar(UpvarDebug { index, name, ty, span });
            }
            _ => {
                if let Some(local) = rest.strip_prefix('_').and_then(|rest| rest.split_once(';'))
                    && let Ok(local) = local.0.parse()
                {
                    if name == TASK_CONTEXT {
                        reader.resume = Some(local);
                    }
                    reader.flow.local_names.push((local, name));
                }
                // A capture by reference: the variable is what the capture points to.
                if let Some(inner) = rest.strip_prefix("(*")
                    && let Some((SavedPlace::Upvar { index, ty }, _)) = place(inner)
                {
                    let span = comment_span(line, "// in scope ");
                    self.upvar(UpvarDebug { index, name, ty, span });
                }
            }
        }
        rest.contains("; ") && rest.contains("// in scope ")
    }

    /// See [`block::debug_line`]; false if it is something else.
    fn coroutine_debug_line(&mut self, line: &'a str) -> bool {
        match block::debug_line(line) {
            Some((name, Some(saved))) => match self.saved.get_mut(saved) {
                Some(saved) => saved.add_name(name),
                None => return false,
            },
            Some((_, None)) => {}
            None => return false,
        }
        true
    }

    fn upvar(&mut self, upvar: UpvarDebug<'a>) {
        // Disjoint captures of one variable (`x.a`, `x.b`) come with the same name and other indices.
        if self.upvars.iter().all(|u| u.index != upvar.index) {
            self.upvars.push(upvar);
        }
    }

    /// `discriminant(_1) = 3; // bb12[12]: scope 1 at SPAN`
    fn set_discriminant(&mut self, line: &'a str) {
        let Some((place, rest)) = line.strip_prefix("discriminant(").and_then(|l| l.split_once(") = "))
        else {
            return;
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if !matches!(place, "_1" | "(*_1)") {
            return;
        }
        let Ok(index) = rest[..digits].parse::<u32>() else { return };
        let span = comment_span(line, ": scope ");
        if let Some(variant) = self.variants.iter_mut().find(|v| v.index == index)
            && variant.suspended_at.is_none()
        {
            variant.suspended_at = span;
        }
    }

    /// `((_1 as variant#4).5: bool) = const true;`: is it only ever set to a constant?
    fn assignment(&mut self, line: &'a str, flags: &mut [Option<bool>]) {
        let Some((SavedPlace::Saved { variant, field, ty }, rest)) = place(line) else { return };
        let Some(index) = self.saved_index(variant, field) else { return };
        self.saved[index].ty.get_or_insert(ty);
        if ty == "bool"
            && let Some(value) = rest.strip_prefix(" = ")
        {
            let constant = value.starts_with("const ") || value.starts_with("ConstValue(Scalar");
            let all = flags[index].get_or_insert(true);
            *all &= constant;
        }
    }

    /// `_3 = move (_1.0: T); // scope 0 at SPAN`: an argument that is a pattern has no name and no place of its own, but
    /// what it is first moved to has the pattern's.
    fn place_argument(&mut self, code: &'a str, line: &'a str, placeless: &mut Vec<u32>) {
        let from = code.split_once(" = ").map(|(_, value)| value);
        let from = from.and_then(|value| value.strip_prefix("move ").or_else(|| value.strip_prefix("copy ")));
        let Some((SavedPlace::Upvar { index, .. }, _)) =
            from.filter(|it| it.starts_with("(_1.")).and_then(place)
        else {
            return;
        };
        let Some(at) = placeless.iter().position(|it| *it == index) else { return };
        placeless.swap_remove(at);
        let upvar = self.upvars.iter_mut().find(|upvar| upvar.index == index);
        if let Some(upvar) = upvar {
            upvar.span = comment_span(line, "scope ");
        }
    }

    fn saved_index(&self, variant: u32, field: usize) -> Option<usize> {
        let variant = self.variants.iter().find(|v| v.index == variant)?;
        let index = *variant.fields.get(field)? as usize;
        (index < self.saved.len()).then_some(index)
    }

    fn saved_at(&mut self, variant: u32, field: usize) -> Option<&mut Saved<'a>> {
        let index = self.saved_index(variant, field)?;
        self.saved.get_mut(index)
    }

    /// Every place in the source that the body's declarations and suspension points name.
    pub fn spans(&self) -> impl Iterator<Item = SpanRef<'a>> {
        let saved = self.saved.iter().filter_map(|s| s.span);
        let upvars = self.upvars.iter().filter_map(|u| u.span);
        saved.chain(upvars).chain(self.variants.iter().filter_map(|v| v.suspended_at))
    }

    /// The span inside `<impl at SPAN>` of the header's path.
    pub fn impl_span(&self) -> Option<SpanRef<'a>> {
        let rest = &self.path[self.path.find("<impl at ")? + "<impl at ".len()..];
        SpanRef::parse(rest.split('>').next()?)
    }
}

/// `fn path(_1: {…}, _2: …) -> … {` → `{…}`; the receiver may be behind `Pin<&mut …>`.
fn self_type(line: &str) -> Option<&str> {
    let rest = &line[line.find("(_1: ")? + "(_1: ".len()..];
    let start = rest.find('{')?;
    let end = super::names::closing(&rest[start..])?;
    Some(&rest[start..start + end + 1])
}

/// The span behind `MARKER…at ` at the end of a line.
fn comment_span<'a>(line: &'a str, marker: &str) -> Option<SpanRef<'a>> {
    let comment = &line[line.rfind(marker)?..];
    SpanRef::parse(comment.split_once(" at ")?.1)
}

/// Reads a place at the start of `text`; returns what follows it.
fn place(text: &str) -> Option<(SavedPlace<'_>, &str)> {
    let end = super::names::closing(text)?;
    let rest = &text[end + 1..];
    let inner = &text[1..end];
    if let Some(inner) = inner.strip_prefix("(_1 as variant#") {
        let (variant, inner) = inner.split_once(").")?;
        let (field, ty) = inner.split_once(": ")?;
        let (variant, field) = (variant.parse().ok()?, field.parse().ok()?);
        return Some((SavedPlace::Saved { variant, field, ty }, rest));
    }
    let (index, ty) = inner.strip_prefix("_1.")?.split_once(": ")?;
    Some((SavedPlace::Upvar { index: index.parse().ok()?, ty }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BODY: &str = r#"// MIR for `m::<impl at src/m.rs:8:1: 8:12>::get::{closure#0}` 0 coroutine_post-transform
/* coroutine_layout = CoroutineLayout {
    field_tys: {
        _s0: CoroutineSavedTy {
            ty: Coroutine(
                DefId(28:9976 ~ tokio[fac2]::sync::watch::{impl#4}::changed::{closure#0}),
                [
                    (),
                ],
            ),
            source_info: SourceInfo {
                span: src/m.rs:9:5: 9:20 (#12),
                scope: scope[0],
            },
            ignore_for_traits: false,
        },
        _s1: CoroutineSavedTy {
            ty: bool,
            source_info: SourceInfo {
                span: src/m.rs:9:9: 9:10 (#0),
                scope: scope[0],
            },
            ignore_for_traits: false,
        },
    },
    variant_fields: {
        Unresumed(0): [],
        Returned (1): [],
        Panicked (2): [],
        Suspend0 (3): [_s0, _s1],
    },
    storage_conflicts: BitMatrix(2x2) {
        (_s0, _s0),
        (_s0, _s1),
        (_s1, _s0),
        (_s1, _s1),
    },
} */

fn m::<impl at src/m.rs:8:1: 8:12>::get::{closure#0}(_1: {static m::M::get::{closure#0} upvar_tys=(u8,) resume_ty=std::future::ResumeTy yield_ty=() return_ty=()}, _2: &'{erased} mut std::task::Context<'{erased}>) -> std::task::Poll<()> {
    debug _task_context => _2;           // in scope 0 at src/m.rs:8:40: 12:6
    debug key => (_1.0: u8);             // in scope 0 at src/m.rs:8:21: 8:24
    let mut _0: std::task::Poll<()>; // return place in scope 0 at src/m.rs:8:40: 12:6
    scope 1 {
        debug __awaitee => ((_1 as variant#3).0: [u8; 4]); // in scope 1 at src/m.rs:9:5: 9:20
        debug pointee => (*((_1 as variant#3).0: &'{erased} u8)); // in scope 1 at src/m.rs:9:5: 9:20
    }

    bb0: {
        ((_1 as variant#3).1: bool) = const ConstValue(Scalar(0x00): bool); // bb0[0]: scope 1 at src/m.rs:9:15: 9:20
        discriminant(_1) = 3;            // bb0[1]: scope 1 at src/m.rs:9:15: 9:20
        return;                          // bb0[2]: scope 1 at src/m.rs:9:15: 9:20
    }
"#;

    #[test]
    fn reads_layout_names_and_places() {
        let body = CoroutineBody::parse(BODY).unwrap();
        let at = |text| SpanRef::parse(text);
        assert_eq!((body.unread, body.example), (Unread::default(), None));
        assert!(body.self_ty.starts_with("{static m::M::get") && body.self_ty.ends_with("=()}"));
        assert_eq!(body.span, at("src/m.rs:8:40: 12:6"));
        assert_eq!(body.impl_span(), at("src/m.rs:8:1: 8:12"));
        assert_eq!(body.saved[0].names, ["__awaitee"]);
        assert_eq!(body.saved[0].ty, Some("[u8; 4]"));
        assert_eq!(body.saved[0].span, at("src/m.rs:9:5: 9:20"));
        assert!(!body.saved[0].drop_flag && body.saved[1].drop_flag);
        let suspend = &body.variants[3];
        assert_eq!((suspend.name, suspend.index, &suspend.fields[..]), ("Suspend0", 3, &[0, 1][..]));
        assert_eq!(suspend.suspended_at, at("src/m.rs:9:15: 9:20"));
        assert_eq!((body.upvars[0].name, body.upvars[0].ty), ("key", "u8"));
        assert_eq!(body.storage_conflicts, [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert_eq!(statement_spans(BODY).len(), 4);
    }

    #[test]
    fn a_variable_that_is_set_to_something_else_is_no_drop_flag() {
        let text = BODY.replace("const ConstValue(Scalar(0x00): bool)", "move _7");
        assert!(!CoroutineBody::parse(&text).unwrap().saved[1].drop_flag);
    }

    #[test]
    fn only_what_nobody_reads_is_trimmed() {
        let explained = "    }\n\n    bb1: {\n        _7 = const ConstValue(ZeroSized: m::F)() -> bb0; // bb1[0]: scope 1 at src/m.rs:9:1: 9:2\n\
                         \x20                                        // mir::ConstOperand\n\
                         \x20                                        // + span: src/m.rs:9:3: 9:4\n    }\n\n\
                         alloc1 (size: 1, align: 1) {\n    00 │ .\n}\n";
        let locals = "    let mut _0: std::task::Poll<()>; // return place in scope 0 at src/m.rs:8:40: 12:6\n    \
                      let mut _7: u8; // in scope 0 at src/m.rs:9:1: 9:2\n    let _8: {static m::f upvar_tys=()};\n";
        let text = BODY.trim_end().trim_end_matches('}').trim_end().to_owned() + "\n" + explained;
        let text = text.replacen("    let mut _0", &format!("{locals}    let mut _0"), 1);
        let short = trimmed(&text);
        assert!(
            !short.contains("mir::ConstOperand")
                && !short.contains("let mut _7")
                && !short.contains("alloc1")
        );
        assert!(
            short.contains("{static m::f upvar_tys=()}")
                && short.contains("ConstValue(ZeroSized: m::F)() -> bb0; // bb]: ")
        );
        assert_eq!(CoroutineBody::parse(&short), CoroutineBody::parse(&text));
        assert_eq!(statement_spans(&short), statement_spans(&text));
        assert_eq!(trimmed(&short), short);
    }

    #[test]
    fn places_are_kept_wherever_they_stand() {
        let late = format!("{BODY}    let mut _7: u8; // in scope 2 at src/m.rs:7:1: 7:2\n");
        let short = trimmed(&late);
        assert_eq!(statement_spans(&late).len(), 5);
        assert_eq!(statement_spans(&short), statement_spans(&late));
        assert_eq!(trimmed(&short), short);
    }

    #[test]
    fn lines_end_as_they_did() {
        let cut = BODY.trim_end().trim_end_matches('}').trim_end();
        for text in [BODY.replace('\n', "\r\n"), format!("{BODY}x\r\r\n"), format!("{cut}\r"), cut.to_owned()]
        {
            let short = trimmed(&text);
            assert_eq!(CoroutineBody::parse(&short), CoroutineBody::parse(&text), "{text:?}");
            assert_eq!(statement_spans(&short), statement_spans(&text), "{text:?}");
            assert_eq!(trimmed(&short), short);
        }
        assert!(trimmed(&format!("{BODY}\n    bb7\r\r\n")).ends_with("\n    bb7\r\r\n"));
    }

    #[test]
    fn a_block_s_line_with_a_statement_stays_as_it_is() {
        let text = BODY.replace("bb0: {\n", "bb0: ");
        assert_eq!(CoroutineBody::parse(&trimmed(&text)), CoroutineBody::parse(&text));
    }

    #[test]
    fn a_body_that_is_no_coroutine_is_nothing() {
        assert_eq!(CoroutineBody::parse("// MIR for `f` 0 built\n\nfn f() -> () {\n}\n"), None);
    }

    proptest! {
        #[test]
        fn never_panics(cut in 0..BODY.len(), to in 0..BODY.len(), junk in "[(){}<>:;,#_s1=.> a-z0-9]{0,20}") {
            let (cut, to) = (cut.min(to), cut.max(to));
            let text = format!("{}{junk}{}", &BODY[..cut], &BODY[to..]);
            let (short, parsed) = (trimmed(&text), CoroutineBody::parse(&text));
            prop_assert_eq!(CoroutineBody::parse(&short), parsed);
            statement_spans(&BODY[cut..]);
        }

        #[test]
        fn never_panics_on_any_text(text in any::<String>()) {
            CoroutineBody::parse(&text);
            statement_spans(&text);
        }
    }
}

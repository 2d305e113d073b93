//! Reader of one file of `-Zdump-mir=coroutine_post -Zmir-include-spans=yes`: one coroutine body.
//!
//! ```text
//! // MIR for `client::<impl at src/client.rs:8:1: 8:12>::get::{closure#0}` 0 coroutine_post-transform
//! /* coroutine_layout = CoroutineLayout {
//!     field_tys: {
//!         _s0: CoroutineSavedTy { ty: …, source_info: SourceInfo { span: src/client.rs:9:5: 9:20 (#0), … }, … },
//!     },
//!     variant_fields: {
//!         Suspend0 (3): [_s0],
//!     },
//!     storage_conflicts: BitMatrix(1x1) { (_s0, _s0), },
//! } */
//!
//! fn client::…::get::{closure#0}(_1: {static …}, _2: &mut Context<'_>) -> Poll<…> {
//!     debug key => (_1.0: &str);  // in scope 0 at src/client.rs:8:21: 8:24
//!     let mut _0: Poll<…>;        // return place in scope 0 at src/client.rs:8:40: 12:6
//! ```

use super::mir::{self, Flow};
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
    /// Lines that should have been understood and were not.
    pub skipped: usize,
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

/// Behind it comes the body as MIR.
const HEADER_END: &str = "\n} */";

/// A saved local or upvar as MIR names its place.
enum Place<'a> {
    /// `((_1 as variant#V).F: T)`
    Saved { variant: u32, field: usize, ty: &'a str },
    /// `(_1.N: T)`
    Upvar { index: u32, ty: &'a str },
}

impl<'a> CoroutineBody<'a> {
    /// Reads one dumped body. `None` if the text is not a dump of a coroutine.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut body = CoroutineBody::default();
        let (header, code) = text.split_once(HEADER_END)?;
        body.header(header)?;
        // (saved local, all assignments so far are constants)
        let mut flags: Vec<Option<bool>> = vec![None; body.saved.len()];
        let variants = body.variants.iter().map(|variant| (variant.index, &variant.fields[..]));
        let mut reader = mir::Reader::new(variants);
        // Scopes around the declaration being read, and whether those are over.
        let mut scopes: Vec<u32> = Vec::new();
        let mut in_blocks = false;
        for line in code.lines() {
            if !in_blocks {
                in_blocks = reader.block(line);
                if !in_blocks {
                    body.declaration(line.trim_start(), &mut reader, &mut scopes)?;
                }
                continue;
            }
            match line.as_bytes() {
                // Constants are explained in lines of their own, far to the right.
                [b' ', b' ', b' ', b' ', b' ', b' ', b' ', b' ', b' ', ..] => {}
                [b' ', b' ', b' ', b' ', b' ', b' ', b' ', b' ', first, ..] => {
                    let line = &line[8..];
                    match first {
                        b'd' => body.set_discriminant(line),
                        b'(' => body.assignment(line, &mut flags),
                        _ => {}
                    }
                    let known = mir::split_comment(line)
                        .is_some_and(|(code, comment)| reader.statement(code, comment));
                    body.skipped += usize::from(!known);
                }
                [b' ', b' ', b' ', b' ', b'b', ..] => body.skipped += usize::from(!reader.block(line)),
                _ => {}
            }
        }
        body.flow = reader.finish();
        for (saved, flag) in body.saved.iter_mut().zip(flags) {
            saved.drop_flag = saved.names.is_empty() && flag == Some(true);
        }
        (!body.self_ty.is_empty()).then_some(body)
    }

    /// A line before the first block. `None` if this is not a coroutine after all.
    fn declaration(
        &mut self,
        line: &'a str,
        reader: &mut mir::Reader<'a>,
        scopes: &mut Vec<u32>,
    ) -> Option<()> {
        match line.as_bytes() {
            [b'd', b'e', b'b', ..] => self.debug_line(line, reader),
            [b'l', b'e', b't', ..] if line.starts_with("let mut _0: ") => {
                self.span = comment_span(line, "// return place in scope ");
                self.skipped += usize::from(self.span.is_none());
            }
            [b'f', b'n', b' ', ..] if self.self_ty.is_empty() => self.self_ty = self_type(line)?,
            [b's', b'c', b'o', ..] => {
                let number = line.strip_prefix("scope ").and_then(|rest| rest.split(' ').next());
                if let Some(scope) = number.and_then(|number| number.parse().ok()) {
                    reader.scope(scope, scopes.last().copied().unwrap_or(0));
                    scopes.push(scope);
                }
            }
            b"}" => {
                scopes.pop();
            }
            _ => {}
        }
        Some(())
    }

    fn header(&mut self, header: &'a str) -> Option<()> {
        enum In {
            Nothing,
            Fields,
            Variants,
            Conflicts,
        }
        self.path = header.strip_prefix("// MIR for `")?.split('`').next()?;
        let mut section = In::Nothing;
        for line in header.lines() {
            match line {
                "    field_tys: {" => section = In::Fields,
                "    variant_fields: {" => section = In::Variants,
                "    }," => section = In::Nothing,
                _ if line.starts_with("    storage_conflicts: BitMatrix(") && line.ends_with('{') => {
                    section = In::Conflicts;
                }
                _ => match section {
                    In::Nothing => {}
                    In::Fields => {
                        if line.starts_with("        _s") {
                            self.saved.push(Saved::default());
                        } else if let Some(span) = line.trim_start().strip_prefix("span: ")
                            && let Some(saved) = self.saved.last_mut()
                        {
                            saved.span = SpanRef::parse(span.trim_end_matches(','));
                            self.skipped += usize::from(saved.span.is_none());
                        }
                    }
                    In::Variants => match variant_line(line, self.saved.len()) {
                        Some(variant) => self.variants.push(variant),
                        None => self.skipped += 1,
                    },
                    In::Conflicts => match conflict_line(line, self.saved.len()) {
                        Some(conflict) => self.storage_conflicts.push(conflict),
                        None => self.skipped += 1,
                    },
                },
            }
        }
        Some(())
    }

    /// `debug NAME => PLACE; // in scope N at SPAN`
    fn debug_line(&mut self, line: &'a str, reader: &mut mir::Reader<'a>) {
        let Some((name, rest)) = line.strip_prefix("debug ").and_then(|l| l.split_once(" => ")) else {
            return;
        };
        match place(rest) {
            // Only a bare place is the variable itself; `(*…)` is what it points to.
            Some((Place::Saved { variant, field, ty }, rest)) if rest.starts_with(';') => {
                if let Some(saved) = self.saved_at(variant, field) {
                    if !saved.names.contains(&name) {
                        saved.names.push(name);
                    }
                    saved.ty = Some(ty);
                }
            }
            Some((Place::Upvar { index, ty }, _)) => {
                // By reference: `debug x => (*(_1.0: &T))` never gets here, see `place`.
                let span = comment_span(line, "// in scope ");
                self.upvar(UpvarDebug { index, name, ty, span });
            }
            _ => {
                if let Some(local) = rest.strip_prefix('_').and_then(|rest| rest.split_once(';'))
                    && let Ok(local) = local.0.parse()
                {
                    reader.flow.local_names.push((local, name));
                }
                // A capture by reference: the variable is what the capture points to.
                if let Some(inner) = rest.strip_prefix("(*")
                    && let Some((Place::Upvar { index, ty }, _)) = place(inner)
                {
                    let span = comment_span(line, "// in scope ");
                    self.upvar(UpvarDebug { index, name, ty, span });
                }
            }
        }
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
        let Some((Place::Saved { variant, field, ty }, rest)) = place(line) else { return };
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

/// A dumped body without what no reader looks at: half of it is the types of locals, explanations of constants and
/// white space. Both [`CoroutineBody::parse`] and [`statement_spans`] find the same in it.
///
/// Types of futures are all still there, for who looks for one in the text.
pub fn trimmed(text: &str) -> String {
    let Some((header, code)) = text.split_once(HEADER_END) else { return text.to_owned() };
    let mut out = String::with_capacity(text.len() / 3 * 2);
    out.push_str(header);
    out.push_str(HEADER_END);
    let mut in_blocks = false;
    let mut declared = std::collections::HashSet::new();
    for line in code.lines() {
        in_blocks |= line.starts_with("    bb");
        let is_read = match line.as_bytes() {
            [] => false,
            // The locals' types.
            bytes if !in_blocks => {
                let is_local = bytes.trim_ascii_start().starts_with(b"let ");
                !is_local || line.contains("let mut _0: ") || line.contains("upvar_tys=")
            }
            [b' ', b' ', b' ', b' ', b' ', b' ', b' ', b' ', first, ..] => *first != b' ',
            [b' ', b' ', b' ', b' ', b'b', ..] => true,
            // The ends of blocks, and constants' bytes.
            _ => false,
        };
        if !is_read {
            // Where something is declared may be the only place that tells which macro call it is of.
            let place = line.rfind(" at ").filter(|at| !in_blocks && line[..*at].contains("scope "));
            if let Some(at) = place.filter(|at| declared.insert(&line[*at..])) {
                out.push_str("\n    let // scope _");
                out.push_str(&line[at..]);
            }
            continue;
        }
        out.push('\n');
        // `CODE;    // bb3[1]: scope 2 at …`: who reads this knows in which block it is.
        match line.rfind("// bb").and_then(|at| Some((at, line[at..].find("]: ")?))) {
            Some((at, end)) if in_blocks => {
                out.push_str(line[..at].trim_end());
                out.push_str(" // bb");
                out.push_str(&line[at + end..]);
            }
            _ => out.push_str(line),
        }
    }
    out.push('\n');
    out
}

/// The distinct source ranges of all statements of a dumped body, in order of first mention.
///
/// Slower than [`CoroutineBody::parse`]; needed only to find out which macro call made a body whose own
/// span points into the macro's definition.
pub fn statement_spans(text: &str) -> Vec<SpanRef<'_>> {
    let mut seen = std::collections::HashSet::new();
    let spans = text.lines().filter_map(|line| {
        let at = line.rfind(" at ")?;
        line[..at].contains("scope ").then(|| SpanRef::parse(&line[at + 4..])).flatten()
    });
    spans.filter(|span| seen.insert(*span)).collect()
}

/// `        Suspend0 (3): [_s0, _s1],`
fn variant_line(line: &str, saved: usize) -> Option<BodyVariant<'_>> {
    let (name, rest) = line.trim_start().split_once('(')?;
    let (index, rest) = rest.split_once("): [")?;
    let list = rest.strip_suffix("],").or_else(|| rest.strip_suffix(']'))?;
    let fields = list
        .split(", ")
        .filter(|field| !field.is_empty())
        .map(|field| field.strip_prefix("_s")?.parse().ok().filter(|&n| (n as usize) < saved))
        .collect::<Option<Vec<u32>>>()?;
    Some(BodyVariant { name: name.trim_end(), index: index.parse().ok()?, fields, suspended_at: None })
}

/// `        (_s0, _s1),`
fn conflict_line(line: &str, saved: usize) -> Option<(u32, u32)> {
    let pair = line.trim_start().strip_prefix("(_s")?.strip_suffix("),")?;
    let (row, column) = pair.split_once(", _s")?;
    let known = |index: &str| index.parse().ok().filter(|&n: &u32| (n as usize) < saved);
    Some((known(row)?, known(column)?))
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
fn place(text: &str) -> Option<(Place<'_>, &str)> {
    let end = super::names::closing(text)?;
    let rest = &text[end + 1..];
    let inner = &text[1..end];
    if let Some(inner) = inner.strip_prefix("(_1 as variant#") {
        let (variant, inner) = inner.split_once(").")?;
        let (field, ty) = inner.split_once(": ")?;
        let (variant, field) = (variant.parse().ok()?, field.parse().ok()?);
        return Some((Place::Saved { variant, field, ty }, rest));
    }
    let (index, ty) = inner.strip_prefix("_1.")?.split_once(": ")?;
    Some((Place::Upvar { index: index.parse().ok()?, ty }, rest))
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
    }
"#;

    #[test]
    fn reads_layout_names_and_places() {
        let body = CoroutineBody::parse(BODY).unwrap();
        let at = |text| SpanRef::parse(text);
        assert_eq!(body.skipped, 0);
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
        assert_eq!(body.storage_conflicts, [(0, 0)]);
        assert_eq!(statement_spans(BODY).len(), 4);
    }

    #[test]
    fn a_variable_that_is_set_to_something_else_is_no_drop_flag() {
        let text = BODY.replace("const ConstValue(Scalar(0x00): bool)", "move _7");
        assert!(!CoroutineBody::parse(&text).unwrap().saved[1].drop_flag);
    }

    #[test]
    fn only_what_nobody_reads_is_trimmed() {
        let explained = "        _7 = const ConstValue(ZeroSized: m::F); // bb0[2]: scope 1 at src/m.rs:9:1: 9:2\n\
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
                && short.contains("ConstValue(ZeroSized: m::F); // bb]: ")
        );
        assert_eq!(CoroutineBody::parse(&short), CoroutineBody::parse(&text));
        assert_eq!(statement_spans(&short), statement_spans(&text));
        assert_eq!(trimmed(&short), short);
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

//! What an assignment of a dumped body reads and writes.
//!
//! ```text
//! _8 = &'{erased} mut ((_1 as variant#3).0: T)      a reference
//! _5 = move (_4.1: U)                               a value: the field 1 of `_4`
//! _7 = (move _5, move _6)                           parts
//! _9 = ConstValue(ZeroSized: fn(A) -> B {f})(move _7) -> [return: bb1, unwind: bb2]
//! ```

use super::mir::{Flow, Place, Step};
use super::names::{arguments, closing, find_outside};

/// A place, with what is known of the way into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operand<'a> {
    /// Without projections.
    pub place: Place,
    /// The fields on the way, as far as no pointer and no index is before them.
    pub path: Vec<u32>,
    /// What is meant lies behind a pointer that is stored at `path`.
    pub is_behind: bool,
    /// What is meant is one of several elements at `path`.
    pub is_element: bool,
    /// Its type, where it is printed.
    pub ty: Option<&'a str>,
    /// `move`: the place means nothing afterwards.
    pub is_moved: bool,
    /// What is meant is not the `Box` at `path`, but the pointer in it.
    pub is_in_box: bool,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'a> {
    /// Moved or copied as it is.
    Value(Operand<'a>),
    /// The same, as another type.
    Cast(Operand<'a>, &'a str),
    /// `&x`, `&mut x`, `&raw mut x`; and the pointer in a `Box`, of which a reference to what is in it is made.
    Reference {
        /// What it refers to.
        of: Operand<'a>,
        /// It may be changed through it.
        is_mutable: bool,
    },
    /// A struct, tuple, array or closure.
    Parts {
        /// With generic arguments; nothing for tuples and arrays.
        name: &'a str,
        /// What it is made of, in order; none for constants.
        parts: Vec<Option<Operand<'a>>>,
    },
    /// A function's result.
    Call(Call<'a>),
    /// Anything else: constants, arithmetic.
    Other,
}

/// A call of a function that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'a> {
    /// Path with generic arguments.
    pub path: &'a str,
    /// The types of its parameters.
    pub parameters: Vec<&'a str>,
    /// The type of its result, in the words of its signature.
    pub result: &'a str,
    /// None for constants.
    pub arguments: Vec<Option<Operand<'a>>>,
}

impl<'a> Operand<'a> {
    /// Is it the whole of its place?
    pub fn is_whole(&self) -> bool {
        self.path.is_empty() && !self.is_behind && !self.is_element && !self.is_in_box
    }
}

impl<'a> Flow<'a> {
    /// The place that a step writes.
    pub fn written(&self, step: &Step<'a>) -> Option<Operand<'a>> {
        self.operand_at(step.left)
    }

    /// The place that a text is.
    pub(super) fn operand_at(&self, text: &'a str) -> Option<Operand<'a>> {
        let (place, rest) = self.place(text)?;
        rest.is_empty().then_some(place)
    }

    /// The place of the `Box` whose pointer is read.
    pub(super) fn box_of(&self, right: &'a str) -> Option<Place> {
        match self.read(right)? {
            Source::Reference { of, .. } if of.is_in_box => Some(of.place),
            _ => None,
        }
    }

    /// What a step writes there.
    pub fn source(&self, step: &Step<'a>) -> Source<'a> {
        self.read(step.right).unwrap_or(Source::Other)
    }

    fn read(&self, right: &'a str) -> Option<Source<'a>> {
        let right = right.strip_prefix("no_retag ").unwrap_or(right);
        if let Some(reference) = right.strip_prefix('&') {
            // Behind the region and `mut`, neither of which has a parenthesis or an underscore.
            let (words, place) = reference.split_at(reference.find(['(', '_'])?);
            let (of, rest) = self.place(place)?;
            let is_mutable = words.split(' ').any(|word| word == "mut");
            return rest.is_empty().then_some(Source::Reference { of, is_mutable });
        }
        if let Some((operand, rest)) = self.operand(right) {
            if operand.is_in_box && !operand.is_moved {
                return Some(Source::Reference { of: operand, is_mutable: false });
            }
            return match rest {
                // As another type only to the borrow checker.
                "" => Some(Source::Value(operand)),
                _ if rest.ends_with(" (Subtype)") => Some(Source::Value(operand)),
                _ => {
                    let ty = rest.strip_prefix(" as ")?;
                    let ty = &ty[..find_outside(ty, " (").unwrap_or(ty.len())];
                    Some(Source::Cast(operand, ty))
                }
            };
        }
        if right.starts_with("ConstValue(") {
            return self.call(right).map(Source::Call);
        }
        self.parts(right).map(|(name, parts)| Source::Parts { name, parts })
    }

    /// `ConstValue(ZeroSized: for<…> fn(A, B) -> C {PATH})(move _5, const …) -> [return: bb1, …]`
    fn call(&self, right: &'a str) -> Option<Call<'a>> {
        let callee = &right["ConstValue".len()..];
        let (callee, rest) = callee.split_at(closing(callee)? + 1);
        let list = &rest[1..closing(rest).filter(|_| rest.starts_with('('))?];
        let mut signature = callee.strip_prefix("(ZeroSized: ")?.strip_suffix(')')?;
        if let Some(regions) = signature.strip_prefix("for") {
            signature = regions.get(closing(regions)? + 1..)?.trim_start();
        }
        let types = &signature[find_outside(signature, "fn")? + "fn".len()..];
        let (types, rest) = types.split_at(closing(types).filter(|_| types.starts_with('('))? + 1);
        // The type of the result may have braces too.
        let mut path_at = None;
        let mut from = 0;
        while let Some(at) = find_outside(&rest[from..], " {") {
            path_at = Some(from + at);
            from += at + 1;
            from += closing(&rest[from..])? + 1;
        }
        let (result, path) = rest.split_at(path_at?);
        Some(Call {
            path: path.strip_prefix(" {")?.strip_suffix('}')?,
            parameters: arguments(&types[1..types.len() - 1]).collect(),
            result: result.strip_prefix(" -> ").unwrap_or("()"),
            arguments: arguments(list).map(|argument| self.whole_operand(argument)).collect(),
        })
    }

    /// `(A, B)`, `Name::<T> { x: A, y: B }`, `Name::<T>(A)`, `[A, B]`.
    fn parts(&self, right: &'a str) -> Option<(&'a str, Vec<Option<Operand<'a>>>)> {
        let is_name =
            |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'<' | b'{' | b'(' | b'[');
        if !is_name(*right.as_bytes().first()?) {
            return None;
        }
        // The last group that is not in another one has them.
        let (mut at, mut last) = (0, None);
        while at < right.len() {
            at += match right.as_bytes()[at] {
                b'(' | b'[' | b'{' | b'<' => {
                    let end = closing(&right[at..])?;
                    last = Some(&right[at..=at + end]);
                    end + 1
                }
                _ => 1,
            };
            while !right.is_char_boundary(at) {
                at += 1;
            }
        }
        let last = last.filter(|last| right.ends_with(last) && !last.starts_with('<'))?;
        let list = last[1..last.len() - 1].trim();
        // `Eq(…)`, `Len(…)` and other operators have names of one word.
        let name = right[..right.len() - last.len()].trim_end();
        if last.starts_with('(') && !name.is_empty() && !name.contains("::") {
            return None;
        }
        let parts = arguments(list).map(|part| {
            let named = part.split_once(": ").filter(|(name, _)| {
                name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80)
            });
            self.whole_operand(named.map_or(part, |(_, part)| part))
        });
        Some((name, parts.collect()))
    }

    fn whole_operand(&self, text: &'a str) -> Option<Operand<'a>> {
        self.operand(text).filter(|(_, rest)| rest.is_empty()).map(|(operand, _)| operand)
    }

    /// `move _5…`, and what stands behind it.
    fn operand(&self, text: &'a str) -> Option<(Operand<'a>, &'a str)> {
        // Compilers before 1.89 have a word of their own for the copy of a pointer that is looked through.
        let words = [("move ", true), ("copy ", false), ("deref_copy ", false)];
        let (place, is_moved) =
            words.iter().find_map(|(word, is_moved)| Some((text.strip_prefix(word)?, *is_moved)))?;
        let (operand, rest) = self.place(place)?;
        Some((Operand { is_moved, ..operand }, rest))
    }

    /// The place that `text` begins with, and what stands behind it.
    fn place(&self, text: &'a str) -> Option<(Operand<'a>, &'a str)> {
        let (found, rest) = self.place_in(text, 0)?;
        // The future's own state as a whole is no place of interest.
        let place = match found.base {
            Base::Place(place) => place,
            Base::Itself(_) => return None,
        };
        let ReadPlace { path, is_behind, is_element, is_in_box, ty, .. } = found;
        Some((Operand { place, path, is_behind, is_element, ty, is_moved: false, is_in_box }, rest))
    }

    fn place_in(&self, text: &'a str, depth: usize) -> Option<(ReadPlace<'a>, &'a str)> {
        const DEEPEST: usize = 64;
        if depth > DEEPEST {
            return None;
        }
        let (mut found, mut rest) = if text.starts_with('(') {
            let end = closing(text)?;
            (self.group(&text[1..end], depth)?, &text[end + 1..])
        } else {
            let digits = text.strip_prefix('_')?;
            let (number, rest) = digits.split_at(digits.bytes().take_while(u8::is_ascii_digit).count());
            let base = match number.parse().ok()? {
                1 => Base::Itself(None),
                local => Base::Place(Place::Local(local)),
            };
            (
                ReadPlace {
                    base,
                    path: Vec::new(),
                    is_behind: false,
                    is_element: false,
                    is_in_box: false,
                    ty: None,
                },
                rest,
            )
        };
        while rest.starts_with('[') {
            rest = &rest[closing(rest)? + 1..];
            (found.is_element, found.ty) = (found.is_element || !found.is_behind, None);
        }
        Some((found, rest))
    }

    /// What stands in parentheses: `*P`, `P.3: T`, `P as Some`.
    fn group(&self, text: &'a str, depth: usize) -> Option<ReadPlace<'a>> {
        if let Some(pointer) = text.strip_prefix('*') {
            let (found, rest) = self.place_in(pointer, depth + 1)?;
            let is_behind = true;
            return rest.is_empty().then_some(ReadPlace { is_behind, is_in_box: false, ty: None, ..found });
        }
        let (mut found, rest) = self.place_in(text, depth + 1)?;
        if let Some(variant) = rest.strip_prefix(" as ") {
            if let (Base::Itself(known), Some(variant)) = (&mut found.base, variant.strip_prefix("variant#"))
            {
                *known = variant.parse().ok();
            }
            return Some(found);
        }
        let (field, ty) = rest.strip_prefix('.')?.split_once(": ")?;
        let field: u32 = field.parse().ok()?;
        // It has nothing of its own but the pointer, in wrappers that nobody else's fields are.
        let is_of_box = ["std::ptr::Unique<", "std::boxed::BoxRaw<"].iter().any(|it| ty.starts_with(it));
        found.is_in_box |= is_of_box && !found.is_behind;
        found.ty = Some(ty);
        match found.base {
            Base::Itself(variant) if !found.is_behind => {
                found.base = Base::Place(match variant {
                    Some(variant) => Place::Saved(*self.fields.get(variant as usize)?.get(field as usize)?),
                    None => Place::Upvar(field),
                });
            }
            _ if found.is_behind || found.is_element || found.is_in_box => {}
            _ => found.path.push(field),
        }
        Some(found)
    }
}

/// A place while it is read.
struct ReadPlace<'a> {
    base: Base,
    path: Vec<u32>,
    is_behind: bool,
    is_element: bool,
    is_in_box: bool,
    ty: Option<&'a str>,
}

/// What a place begins with.
enum Base {
    Place(Place),
    /// `_1`: the future, in one of its states.
    Itself(Option<u32>),
}

/// May a value of the type `to` carry a reference that one of the type `from` has? Both in the words of one signature.
/// By its regions: a type without one carries none, and regions with names are told apart.
pub fn may_carry(from: &str, to: &str) -> bool {
    let (mut has, mut can) = (Vec::new(), Vec::new());
    regions(from, false, 0, &mut has);
    regions(to, true, 0, &mut can);
    has.iter().any(|region| can.contains(region))
}

/// Does a type have a region that is not `'static`?
pub fn has_region(ty: &str) -> bool {
    let mut found = Vec::new();
    regions(ty, true, 0, &mut found);
    !found.is_empty()
}

const ERASED: &str = "'{erased}";

/// The regions of what a value of this type stores: not those in the signatures of fn pointers and closures. With
/// `strictly`, regions that lost their names are not taken from `<T as Trait>::Type` either: the type that this stands
/// for need not have them.
fn regions<'a>(ty: &'a str, strictly: bool, depth: usize, found: &mut Vec<&'a str>) {
    const DEEPEST: usize = 64;
    if depth > DEEPEST {
        return;
    }
    let inside_of = |part: &'a str, is_wanted: &dyn Fn(&str) -> bool, found: &mut Vec<&'a str>| {
        let mut inner = Vec::new();
        regions(part, strictly, depth + 1, &mut inner);
        for region in inner {
            if is_wanted(region) && !found.contains(&region) {
                found.push(region);
            }
        }
    };
    let mut at = 0;
    while at < ty.len() {
        let rest = &ty[at..];
        let before = ty[..at].chars().next_back();
        let starts_word = !before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        // What comes behind brackets that are never closed is no type.
        let group = |open: usize| closing(&rest[open..]).map(|end| open + end);
        at += if rest.starts_with(ERASED) {
            if !found.contains(&ERASED) {
                found.push(ERASED);
            }
            ERASED.len()
        } else if let Some(bound) = rest.strip_prefix("'^") {
            let end = 2 + bound.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'_').count();
            // One without a name is of a signature inside.
            if !rest[end..].starts_with(".Named(") {
                end
            } else {
                let Some(end) = group(end + ".Named".len()) else { return };
                if !found.contains(&&rest[..=end]) {
                    found.push(&rest[..=end]);
                }
                end + 1
            }
        } else if let Some(word) =
            ["DefId(", "fn("].iter().find(|word| starts_word && rest.starts_with(**word))
        {
            let Some(end) = group(word.len() - 1) else { return };
            end + 1
        } else if rest.starts_with('{') {
            let Some(end) = group(0) else { return };
            let inside = &rest[1..end];
            let stored = " upvar_tys=";
            match find_outside(inside, stored) {
                // What a closure or coroutine takes and returns it does not store.
                Some(captures) => {
                    let path = find_outside(inside, " closure_kind_ty=").unwrap_or(captures).min(captures);
                    let list = &inside[captures + stored.len()..];
                    let list = &list[..closing(list).map_or(list.len(), |end| end + 1)];
                    inside_of(&inside[..path], &|_| true, found);
                    inside_of(list, &|_| true, found);
                }
                None => inside_of(inside, &|_| true, found),
            }
            end + 1
        } else if rest.starts_with('<') && starts_word && !matches!(before, Some(':' | '>' | '}')) {
            let Some(end) = group(0) else { return };
            let inside = &rest[1..end];
            // A future is turned into itself.
            let is_itself = inside.ends_with("IntoFuture") && rest[end + 1..].starts_with("::IntoFuture");
            inside_of(inside, &|region| !strictly || is_itself || region != ERASED, found);
            end + 1
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::CoroutineBody;

    fn flow() -> Flow<'static> {
        Flow { fields: vec![vec![], vec![], vec![], vec![7, 8]], ..Flow::default() }
    }

    #[track_caller]
    fn place(text: &str) -> String {
        let (operand, rest) =
            flow().place(text).map_or_else(|| panic!("{text}"), |(o, r)| (format!("{o:?}"), r.to_owned()));
        assert_eq!(rest, "", "{text}");
        operand
            .replace("Operand { place: ", "")
            .replace(", is_moved: false, is_in_box: false }", "")
            .replace(", path: []", "")
            .replace(", is_behind: false", "")
            .replace(", is_element: false", "")
            .replace(", ty: None", "")
    }

    #[test]
    fn places_with_their_ways() {
        for (text, expected) in [
            ("_5", "Local(5)"),
            ("(_5.1: u8)", "Local(5), path: [1], ty: Some(\"u8\")"),
            ("((_5 as Some).0: &'{erased} T)", "Local(5), path: [0], ty: Some(\"&'{erased} T\")"),
            ("((_5.1: (A, B)).0: A)", "Local(5), path: [1, 0], ty: Some(\"A\")"),
            ("(*_5)", "Local(5), is_behind: true"),
            ("((*(_5.2: &'{erased} X)).1: u8)", "Local(5), path: [2], is_behind: true, ty: Some(\"u8\")"),
            ("_5[_6]", "Local(5), is_element: true"),
            ("(_1.2: T)", "Upvar(2), ty: Some(\"T\")"),
            ("((_1.2: (A, B)).1: B)", "Upvar(2), path: [1], ty: Some(\"B\")"),
            ("((_1 as variant#3).1: T)", "Saved(8), ty: Some(\"T\")"),
            ("(((_1 as variant#3).0: (A, B)).1: B)", "Saved(7), path: [1], ty: Some(\"B\")"),
            ("(*((_1 as variant#3).0: &'{erased} T))", "Saved(7), is_behind: true"),
        ] {
            assert_eq!(place(text), expected, "{text}");
        }
        for text in ["", "_", "_1", "((_1 as variant#9).0: T)", "(_1 as variant#3)", "(_5", "x", "(*)"] {
            assert_eq!(flow().place(text), None, "{text}");
        }
    }

    /// What a right side reads, in short.
    fn read(right: &str) -> String {
        let flow = flow();
        let short = |operand: &Operand<'_>| {
            let path: String = operand.path.iter().map(|field| format!(".{field}")).collect();
            format!("{:?}{path}{}", operand.place, if operand.is_behind { "*" } else { "" })
        };
        let list = |operands: &[Option<Operand<'_>>]| -> Vec<String> {
            operands.iter().map(|operand| operand.as_ref().map_or("-".to_owned(), short)).collect()
        };
        match flow.read(right) {
            Some(Source::Value(operand)) => format!("value {}", short(&operand)),
            Some(Source::Cast(operand, ty)) => format!("cast {} as {ty}", short(&operand)),
            Some(Source::Reference { of, is_mutable }) => {
                format!("{} {}", if is_mutable { "mut" } else { "ref" }, short(&of))
            }
            Some(Source::Parts { parts, .. }) => format!("parts {}", list(&parts).join(" ")),
            Some(Source::Call(call)) => {
                format!(
                    "{} of {:?} to {}: {}",
                    call.path,
                    call.parameters,
                    call.result,
                    list(&call.arguments).join(" ")
                )
            }
            Some(Source::Other) | None => "other".to_owned(),
        }
    }

    #[test]
    fn right_sides() {
        for (right, expected) in [
            ("move _5", "value Local(5)"),
            ("copy (_5.1: u8)", "value Local(5).1"),
            ("no_retag copy _5", "value Local(5)"),
            ("deref_copy (*_5)", "value Local(5)*"),
            ("move _5 as A<'{erased}> (Subtype)", "value Local(5)"),
            ("&'{erased} _5", "ref Local(5)"),
            (
                "copy ((((_1 as variant#3).0: std::boxed::Box<C>).0: std::ptr::Unique<C>).0: std::ptr::NonNull<C>) as \
                 *const C (Transmute)",
                "ref Saved(7)",
            ),
            (
                "copy (((_1 as variant#3).0: std::boxed::Box<C>).0: std::boxed::BoxRaw<C>) as *const C \
                 (BoxDerefTransmute)",
                "ref Saved(7)",
            ),
            (
                "copy ((((_5.2: std::boxed::Box<C>).0: std::ptr::Unique<C>).0: std::ptr::NonNull<C>).0: *const C)",
                "ref Local(5).2",
            ),
            ("&'{erased} mut ((_1 as variant#3).1: T)", "mut Saved(8)"),
            ("&raw mut (*_5)", "mut Local(5)*"),
            (
                "move _7 as &'{erased} [u8] (PointerCoercion(Unsize, Implicit))",
                "cast Local(7) as &'{erased} [u8]",
            ),
            ("(move _5, const 3_u8, copy (_6.0: T))", "parts Local(5) - Local(6).0"),
            ("[move _5, move _6]", "parts Local(5) Local(6)"),
            ("Holder::<'{erased}> { b: move _5, n: copy _6 }", "parts Local(5) Local(6)"),
            ("std::option::Option::<(A, B)>::Some(move _5)", "parts Local(5)"),
            ("{closure@src/a b.rs:1:2: 3:4} { x: move _5 }", "parts Local(5)"),
            ("Unit", "other"),
            ("Eq(copy _5, copy _6)", "other"),
            ("const ConstValue(ZeroSized: ())", "other"),
            ("()", "parts "),
            (
                "ConstValue(ZeroSized: for<Region(BrNamed(DefId(0:74 ~ a[0]::read::'_)))> fn(&'^0.Named(DefId(0:74 ~ \
                 a[0]::read::'_)) [u8], u8) -> Opaque(DefId(0:43 ~ a[0]::read::{opaque#0}), []) {read})(move _6, const 1) \
                 -> [return: bb1, unwind: bb24]",
                "read of [\"&'^0.Named(DefId(0:74 ~ a[0]::read::'_)) [u8]\", \"u8\"] to Opaque(DefId(0:43 ~ \
                 a[0]::read::{opaque#0}), []): Local(6) -",
            ),
            (
                "ConstValue(ZeroSized: unsafe fn({static a::{closure#0} upvar_tys=()}) -> {b c} {<A as B>::c::<D>})(move _6) \
                 -> [return: bb1, unwind: bb24]",
                "<A as B>::c::<D> of [\"{static a::{closure#0} upvar_tys=()}\"] to {b c}: Local(6)",
            ),
            ("ConstValue(ZeroSized: fn() {f})() -> [return: bb1, unwind: bb2]", "f of [] to (): "),
        ] {
            assert_eq!(read(right), expected, "{right}");
        }
    }

    #[test]
    fn what_carries_a_reference() {
        let named = |name: &str| format!("'^0.Named(DefId(0:74 ~ a[0]::f::{name}))");
        let (a, b) = (named("'a"), named("'b"));
        for (from, to, expected) in [
            (format!("&{a} [u8]"), format!("Opaque(DefId(0:1 ~ a[0]::f::{{opaque#0}}), [{a}])"), true),
            (format!("&{b} [u8]"), format!("Opaque(DefId(0:1 ~ a[0]::f::{{opaque#0}}), [{a}])"), false),
            (format!("&{a} [u8]"), "usize".into(), false),
            ("&'{erased} [u8]".into(), "a::W<&'{erased} [u8]>".into(), true),
            ("usize".into(), "a::W<&'{erased} [u8]>".into(), false),
            ("&'{erased} T".into(), "<T as a::Count<'{erased}>>::Number".into(), false),
            (format!("&{a} T"), format!("<T as a::Step>::Future<{a}>"), true),
            (
                "{static a::f::{closure#0} upvar_tys=(&'{erased} T,) resume_ty=R yield_ty=() return_ty=()}".into(),
                "<{static a::f::{closure#0} upvar_tys=(&'{erased} T,) resume_ty=R yield_ty=() return_ty=()} as \
                 std::future::IntoFuture>::IntoFuture"
                    .into(),
                true,
            ),
            (
                "&'{erased} T".into(),
                "{static a::f::{closure#0} upvar_tys=(u8,) resume_ty=R yield_ty=() return_ty=&'{erased} T}".into(),
                false,
            ),
            ("&'{erased} T".into(), "fn(&'{erased} T)".into(), false),
            (
                "<S as a::Store>::read::{anon_assoc#0}<'{erased}>".into(),
                "<<S as a::Store>::read::{anon_assoc#0}<'{erased}> as std::future::IntoFuture>::IntoFuture".into(),
                true,
            ),
            ("&'static str".into(), "&'static str".into(), false),
        ] {
            assert_eq!(may_carry(&from, &to), expected, "{from} to {to}");
        }
    }

    #[test]
    fn never_panics_on_half_a_line() {
        let whole = "ConstValue(ZeroSized: for<A> fn(&'^0.Named(DefId(é)) B<'{erased}>) -> <C as D>::E {f})(move ((_1 as \
                     variant#3).0: (A, B))) -> [return: bb1]";
        let flow = flow();
        for (at, _) in whole.char_indices() {
            for text in [&whole[at..], &whole[..at]] {
                flow.read(text);
                flow.place(text);
                has_region(text);
            }
        }
        has_region(&"{(<".repeat(100_000));
        has_region(&format!("{}{}", "{".repeat(10_000), "}".repeat(10_000)));
        assert_eq!(CoroutineBody::parse("").map(|body| body.flow.steps.len()), None);
    }
}

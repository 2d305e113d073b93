//! Sizes and alignments of the parts of a future, as far as the dumps are certain about them.
//!
//! The compiler prints a field's alignment only after padding. What is missing is found in the type's own
//! record, follows from the type's text, or from where the field stands: it starts at a multiple of its
//! alignment, its size is one, and the largest alignment of all parts is the future's. Where that leaves more
//! than one possibility, the alignment is unknown.

use super::body_index::BodyIndex;
use super::whatif::{Embedded, Layer};
use crate::dump::names::{self, CoroutineName, arguments};
use crate::dump::type_sizes::{FieldRecord, TypeRecord, TypeSizes};
use crate::unit_id::UnitId;
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// What one compiler run printed about types. Needed only while the two dumps are joined.
pub(super) struct TypeFacts<'a> {
    sizes: &'a TypeSizes<'a>,
    /// By name; none if two types of one name are not laid out the same.
    by_name: FxHashMap<Cow<'a, str>, Option<&'a TypeRecord<'a>>>,
    by_size: Rc<FxHashMap<u64, Vec<&'a TypeRecord<'a>>>>,
    /// Bytes of a thin pointer, which are its alignment too; none if no record tells.
    pub pointer: Option<u64>,
}

/// Types that are laid out as their only argument is.
const TRANSPARENT: [&str; 8] = [
    "pin::Pin",
    "mem::ManuallyDrop",
    "mem::MaybeUninit",
    "mem::MaybeDangling",
    "cell::UnsafeCell",
    "cell::Cell",
    "option::Option",
    "task::Poll",
];

/// Types that point to their first argument.
const POINTERS: [&str; 8] = [
    "boxed::Box",
    "sync::Arc",
    "rc::Rc",
    "sync::Weak",
    "rc::Weak",
    "ptr::NonNull",
    "vec::Vec",
    "collections::VecDeque",
];

/// How deep types in types are looked at.
const DEEPEST: usize = 32;

impl<'a> TypeFacts<'a> {
    pub fn new(sizes: &'a TypeSizes<'a>) -> Self {
        let mut by_name = FxHashMap::default();
        let mut by_size: FxHashMap<_, Vec<_>> = FxHashMap::default();
        for ty in &sizes.types {
            let known = by_name.entry(Cow::Borrowed(ty.name)).or_insert(Some(ty));
            if known.is_some_and(|known| (known.size, known.align) != (ty.size, ty.align)) {
                *known = None;
            }
            by_size.entry(ty.size).or_default().push(ty);
        }
        const THIN: [&str; 6] = [
            "std::ptr::NonNull<",
            "core::ptr::NonNull<",
            "std::boxed::Box<",
            "alloc::boxed::Box<",
            "std::ptr::Unique<",
            "core::ptr::Unique<",
        ];
        // The smallest of them are thin.
        let pointers = sizes.types.iter().filter(|ty| THIN.iter().any(|thin| ty.name.starts_with(thin)));
        let pointer = pointers.map(|ty| ty.size).min();
        TypeFacts { sizes, by_name, by_size: by_size.into(), pointer }
    }

    /// The same for bodies of another crate, which name their crate's types without it.
    pub fn seen_from(&self, bodies: &BodyIndex, krate: &str, origin: &UnitId) -> Self {
        let mut by_name = self.by_name.clone();
        for ty in &self.sizes.types {
            let (name, _) = bodies.seen_from(ty.name, krate, origin);
            if name != ty.name {
                let known = by_name.entry(Cow::Owned(name)).or_insert(Some(ty));
                if known.is_some_and(|known| (known.size, known.align) != (ty.size, ty.align)) {
                    *known = None;
                }
            }
        }
        TypeFacts { sizes: self.sizes, by_name, by_size: self.by_size.clone(), pointer: self.pointer }
    }

    /// The size of a named type.
    pub fn size(&self, name: &str) -> Option<u64> {
        Some(self.record(name)?.size)
    }

    fn record(&self, name: &str) -> Option<&'a TypeRecord<'a>> {
        self.by_name.get(name).copied().flatten()
    }

    /// The alignment of a type that is `size` bytes large.
    pub fn align(&self, ty: &str, size: u64) -> Option<u64> {
        match self.record(ty) {
            Some(record) => (record.size == size).then_some(record.align),
            None => self.align_by_text(ty, Some(size), 0),
        }
    }

    /// `size` is there to tell a fn item from a fn pointer.
    fn align_by_text(&self, ty: &str, size: Option<u64>, depth: usize) -> Option<u64> {
        if depth > DEEPEST {
            return None;
        }
        if let Some(record) = self.record(ty) {
            return Some(record.align);
        }
        // Where a pointer has two bytes, nothing is aligned as elsewhere.
        let pointer = self.pointer.filter(|pointer| *pointer >= 4);
        match ty {
            "()" | "!" | "bool" | "u8" | "i8" => return Some(1),
            "u16" | "i16" => return pointer.map(|_| 2),
            "u32" | "i32" | "f32" | "char" => return pointer.map(|_| 4),
            "usize" | "isize" => return pointer,
            "u64" | "i64" | "f64" => return pointer.filter(|pointer| *pointer == 8),
            "std::string::String" | "alloc::string::String" => return pointer,
            _ => {}
        }
        match ty.as_bytes().first()? {
            b'&' | b'*' => return pointer,
            // Of async closures there are no records.
            b'(' | b'{' if tuple(ty).or_else(|| captures(ty)).is_some() => {
                let parts = arguments(tuple(ty).or_else(|| captures(ty))?);
                let mut aligns = parts.map(|part| self.align_by_text(part, None, depth + 1));
                return aligns.try_fold(1, |most: u64, align| Some(most.max(align?)));
            }
            b'[' if ty.ends_with(']') => {
                let element = arguments(&ty[1..ty.len() - 1]).next()?;
                let element = element.rsplit_once("; ").map_or(element, |(element, _)| element);
                return self.align_by_text(element, None, depth + 1);
            }
            _ => {}
        }
        if is_fn(ty) {
            return match size? {
                0 => Some(1),
                size => pointer.filter(|pointer| *pointer == size),
            };
        }
        let (name, inside) = ty.strip_suffix('>')?.split_once('<')?;
        let (root, name) = name.split_once("::")?;
        if !matches!(root, "std" | "core" | "alloc") {
            return None;
        }
        if name == "marker::PhantomData" {
            return Some(1);
        }
        let mut inside = arguments(inside);
        let (first, more) = (inside.next()?, inside.next());
        if more.is_some() {
            return None;
        }
        if POINTERS.contains(&name) {
            return pointer;
        }
        // An `Option`'s tag is as small as it has to be: it does not change the alignment.
        TRANSPARENT.contains(&name).then(|| self.align_by_text(first, None, depth + 1))?
    }

    /// Bytes of a type, as far as its text or record is certain.
    fn size_by_text(&self, ty: &str) -> Option<u64> {
        match ty {
            "()" | "!" => return Some(0),
            "bool" | "u8" | "i8" => return Some(1),
            "u16" | "i16" => return Some(2),
            "u32" | "i32" | "f32" | "char" => return Some(4),
            "u64" | "i64" | "f64" => return Some(8),
            "usize" | "isize" => return self.pointer,
            _ => {}
        }
        self.size(ty)
    }

    /// How a type of this name and size contains the coroutine in place, as far as records tell.
    fn layers(&self, ty: &str, size: u64, coroutine: &TypeRecord<'_>) -> Option<Vec<Layer>> {
        let mut search = Search { facts: self, coroutine, layers: Vec::new(), tried: FxHashSet::default() };
        search.add_named(ty, size).then_some(search.layers)
    }

    /// Types of this size that name the coroutine and are no wrappers of `ty`.
    fn parts_of(
        &self,
        ty: &TypeRecord<'_>,
        size: u64,
        coroutine: &TypeRecord<'_>,
    ) -> impl Iterator<Item = &'a TypeRecord<'a>> {
        let same_size = self.by_size.get(&size).map_or(&[][..], Vec::as_slice);
        // Names are long, and to prepare a search for one takes longer than most searches.
        let names_it = memchr::memmem::Finder::new(coroutine.name.as_bytes());
        let wraps = memchr::memmem::Finder::new(ty.name.as_bytes());
        same_size.iter().copied().filter(move |part| {
            part.name != ty.name
                && names_it.find(part.name.as_bytes()).is_some()
                && wraps.find(part.name.as_bytes()).is_none()
        })
    }

    /// The futures stored in a thing of this type and size: the type itself, or those that its arguments name. And the
    /// identities of those of which only this is known: its layout may depend on theirs.
    pub fn embedded(
        &self,
        ty: &str,
        size: u64,
        identity: &dyn Fn(&CoroutineName<'_>) -> Identity,
    ) -> (Vec<Embedded>, Vec<Arc<str>>) {
        let (mut found, mut named) = (Vec::new(), Vec::new());
        in_place(ty, 0, &mut |part| match part {
            InPlace::Coroutine(text, name) => {
                let Identity { id, is_measured } = identity(&name);
                if !is_measured {
                    coroutines(text, &mut |name| named.push(identity(name).id));
                }
                match self.record(text).filter(|record| record.size <= size) {
                    Some(record) => found.push(Embedded {
                        id,
                        size: record.size,
                        align: record.align,
                        layers: self.layers(ty, size, record).map(Into::into),
                    }),
                    None => named.push(id),
                }
            }
            InPlace::Unknown(text) => coroutines(text, &mut |name| named.push(identity(name).id)),
        });
        (found, named)
    }
}

/// Which future a coroutine's name means.
pub(super) struct Identity {
    /// See [`super::Future::id`].
    pub id: Arc<str>,
    /// Its body was measured: what it stores is known.
    pub is_measured: bool,
}

/// How a type contains a coroutine in place: what is around it is found from the outside in.
struct Search<'a, 't> {
    facts: &'t TypeFacts<'a>,
    coroutine: &'t TypeRecord<'t>,
    layers: Vec<Layer>,
    /// Types, with their sizes, that need not be looked at again. Pointers to one coroutine are all of one size and
    /// name it, so that there is a way from each to all others.
    tried: FxHashSet<(&'t str, u64)>,
}

impl<'a: 't, 't> Search<'a, 't> {
    /// Adds what is between the type of this name and the coroutine; false if that is not certain.
    fn add_named(&mut self, ty: &'t str, size: u64) -> bool {
        let coroutine = self.coroutine;
        if ty == coroutine.name || self.layers.len() >= DEEPEST || !self.tried.insert((ty, size)) {
            return ty == coroutine.name;
        }
        // The records of closures tell nothing about what is in them, and tuples have none: what is beside the
        // coroutine has to be known by its type.
        let Some(list) = tuple(ty).or_else(|| captures(ty)) else {
            let record = self.facts.record(ty).filter(|record| record.size == size);
            return record.is_some_and(|record| self.add_layers(record));
        };
        let names_it = memchr::memmem::Finder::new(coroutine.name.as_bytes());
        let is_around = |part: &&str| names_it.find(part.as_bytes()).is_some();
        let mut around = arguments(list).filter(is_around);
        let (Some(part), None) = (around.next(), around.next()) else { return false };
        let mut others = arguments(list).filter(|part| !is_around(part));
        let rest = others.try_fold(0u64, |sum, part| sum.checked_add(self.facts.size_by_text(part)?));
        let align = self.facts.align_by_text(ty, Some(size), 0);
        let part_align = self.facts.align_by_text(part, None, 0);
        let (Some(inner), Some(rest), Some(align), Some(part_align)) =
            (self.facts.size_by_text(part), rest, align, part_align)
        else {
            return false;
        };
        let layer = Layer { size, align, inner, rest, tag: 0, floor: 0 };
        let is_right = layer.resized(inner, part_align, part_align).is_some_and(|now| now.0 == size);
        self.layers.push(layer);
        is_right && self.add_named(part, inner)
    }

    /// The same for a type that the compiler has printed.
    fn add_layers(&mut self, ty: &TypeRecord<'_>) -> bool {
        let coroutine = self.coroutine;
        if self.layers.len() >= DEEPEST {
            return false;
        }
        let variants = self.facts.sizes.variants(ty);
        let fits = |field: &FieldRecord<'_>| {
            field.size == coroutine.size || self.facts.parts_of(ty, field.size, coroutine).next().is_some()
        };
        let mut found = None;
        for (index, variant) in variants.iter().enumerate() {
            for (at, field) in self.facts.sizes.fields(variant).iter().enumerate() {
                if field.size >= coroutine.size && fits(field) && found.replace((index, at)).is_some() {
                    return false;
                }
            }
        }
        let Some((index, at)) = found else { return false };
        let end = |field: &FieldRecord<'_>| field.offset.saturating_add(field.size);
        let fields = self.facts.sizes.fields(&variants[index]);
        let others = variants.iter().enumerate().filter(|(other, _)| *other != index);
        let layer = Layer {
            size: ty.size,
            align: ty.align,
            inner: fields[at].size,
            rest: fields
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != at)
                .fold(0, |sum: u64, (_, field)| sum.saturating_add(field.size)),
            tag: ty.discriminant.unwrap_or(0),
            floor: others.flat_map(|(_, v)| self.facts.sizes.fields(v)).map(end).max().unwrap_or(0),
        };
        let layer_align =
            |align| layer.resized(fields[at].size, align, align).is_some_and(|r| r.0 == ty.size);
        if !layer_align(coroutine.align) {
            return false;
        }
        let inner = fields[at].size;
        self.layers.push(layer);
        if inner == coroutine.size {
            return true;
        }
        let depth = self.layers.len();
        self.facts.parts_of(ty, inner, coroutine).any(|part| {
            self.layers.truncate(depth);
            self.add_named(part.name, part.size)
        })
    }
}

/// Something that stands in a type without a pointer around it.
enum InPlace<'t> {
    /// A coroutine.
    Coroutine(&'t str, CoroutineName<'t>),
    /// `<A as B>::C`: what that is, its name does not tell.
    Unknown(&'t str),
}

/// Calls `found` for every coroutine, and for what may be one.
fn in_place<'t>(ty: &'t str, depth: usize, found: &mut dyn FnMut(InPlace<'t>)) {
    if ty.starts_with(['&', '*']) || is_fn(ty) {
        return;
    }
    if depth > DEEPEST {
        return found(InPlace::Unknown(ty));
    }
    if let Some(name) = CoroutineName::parse(ty) {
        return found(InPlace::Coroutine(ty, name));
    }
    let inside = if let Some(list) = tuple(ty).or_else(|| captures(ty)) {
        list
    } else if let Some(array) = ty.strip_prefix('[').and_then(|array| array.strip_suffix(']')) {
        array
    } else {
        let named = ty.strip_suffix('>').and_then(|ty| ty.split_once('<'));
        let Some((name, inside)) = named.filter(|(name, _)| !name.is_empty()) else {
            if ty.contains('{') {
                found(InPlace::Unknown(ty));
            }
            return;
        };
        let known = |list: &[&str]| list.iter().any(|known| name.ends_with(known));
        if known(&POINTERS) || name.ends_with("PhantomData") {
            return;
        }
        inside
    };
    for argument in arguments(inside) {
        in_place(argument, depth + 1, found);
    }
}

/// Calls `found` for every coroutine that a text names, wherever in it.
fn coroutines<'t>(text: &'t str, found: &mut dyn FnMut(&CoroutineName<'t>)) {
    for at in memchr::memchr_iter(b'{', text.as_bytes()) {
        let name = names::closing(&text[at..]).and_then(|end| CoroutineName::parse(&text[at..=at + end]));
        if let Some(name) = name {
            found(&name);
        }
    }
}

/// `(A, B)` → `A, B`.
fn tuple(ty: &str) -> Option<&str> {
    ty.strip_prefix('(')?.strip_suffix(')')
}

/// What a closure stores: `{path closure_kind_ty=… upvar_tys=(A, B)}` → `A, B`. Of an async closure it is also told how
/// its body takes them, which is stored nowhere.
fn captures(ty: &str) -> Option<&str> {
    const CAPTURES: &str = " upvar_tys=";
    let closure = ty.strip_prefix('{')?.strip_suffix('}')?;
    let list = &closure[names::find_outside(closure, CAPTURES)? + CAPTURES.len()..];
    let (list, rest) = list.split_at(names::closing(list)? + 1);
    let is_closure = rest.is_empty() || rest.starts_with(" coroutine_captures_by_ref_ty=");
    tuple(list).filter(|_| is_closure)
}

/// A fn pointer or the type of a fn.
fn is_fn(ty: &str) -> bool {
    ["fn(", "unsafe fn(", "extern ", "unsafe extern ", "for<"].iter().any(|start| ty.starts_with(start))
}

/// A part of a future while its alignment is being found out.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub size: u64,
    pub offset: u64,
    /// As printed, or certain by its type.
    pub align: Option<u64>,
}

/// The largest alignment a part can have, in a future of this alignment.
pub(super) fn most(seen: &Seen, future: u64) -> u64 {
    let of = |n: u64| if n == 0 { future } else { 1 << n.trailing_zeros().min(62) };
    of(seen.size).min(of(seen.offset)).min(future).max(1)
}

/// Fills in what follows from sizes, offsets and the future's alignment, and takes back what they refute.
pub(super) fn deduce(parts: &mut [&mut Seen], future: u64, tag: u64) {
    for part in parts.iter_mut() {
        let most = most(part, future);
        if part.align.is_some_and(|align| align > most || !align.is_power_of_two()) {
            part.align = None;
        }
        if most == 1 {
            part.align = Some(1);
        }
    }
    let is_explained = tag >= future || parts.iter().any(|part| part.align == Some(future));
    if !is_explained {
        let mut could = parts.iter_mut().filter(|part| part.align.is_none() && most(part, future) == future);
        if let (Some(only), None) = (could.next(), could.next()) {
            only.align = Some(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_of_one_size_are_each_looked_at_once() {
        let coroutine = "{static f::{closure#0} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}";
        let mut text = format!("print-type-size type: `{coroutine}`: 2 bytes, alignment: 1 bytes\n");
        for number in 0..12 {
            text += &format!(
                "print-type-size type: `a::W{number}<{coroutine}>`: 8 bytes, alignment: 8 bytes\n\
                 print-type-size     field `.0`: 8 bytes\n"
            );
        }
        let sizes = TypeSizes::parse(&text);
        let identity = |_: &CoroutineName<'_>| Identity { id: "f".into(), is_measured: true };
        let (embedded, named) = TypeFacts::new(&sizes).embedded(&format!("a::W0<{coroutine}>"), 8, &identity);
        // Which of them points to it, nothing tells; ways through all of them are more than anyone can count.
        assert_eq!(embedded.len(), 1);
        assert_eq!(embedded[0].layers, None);
        assert_eq!(named.len(), 0);
    }

    #[test]
    fn what_a_layout_depends_on_is_named_though_no_record_tells_where_it_is() {
        let coroutine = |path: &str, upvars: &str| {
            format!(
                "{{static {path}::{{closure#0}} upvar_tys=({upvars}) resume_ty=R yield_ty=() return_ty=()}}"
            )
        };
        let (own, other) = (coroutine("f", ""), coroutine("g", ""));
        let text = format!("print-type-size type: `{own}`: 2 bytes, alignment: 1 bytes\n");
        let sizes = TypeSizes::parse(&text);
        let facts = TypeFacts::new(&sizes);
        let identity = |name: &CoroutineName<'_>| Identity {
            id: name.path.into(),
            is_measured: name.path.starts_with(['f', 'g']),
        };
        let named = |ty: &str| {
            let (embedded, named) = facts.embedded(ty, 8, &identity);
            let ids = |ids: Vec<Arc<str>>| ids.iter().map(|id| id.to_string()).collect::<Vec<_>>().join(" ");
            (ids(embedded.into_iter().map(|one| one.id).collect()), ids(named))
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(named(&format!("a::W<{own}>")), pair("f::{closure#0}", ""));
        assert_eq!(named(&format!("a::W<{other}>")), pair("", "g::{closure#0}"));
        let foreign = coroutine(&format!("x::wrap<{own}>"), &own);
        let path = format!("x::wrap<{own}>::{{closure#0}}");
        assert_eq!(named(&foreign), pair("", &format!("{path} f::{{closure#0}} f::{{closure#0}} {path}")));
        assert_eq!(named(&format!("<a::W<{own}> as b::Into>::Future")), pair("", "f::{closure#0}"));
        for pointer in [format!("std::boxed::Box<{other}>"), format!("&'a {other}"), format!("fn({other})")] {
            assert_eq!(named(&pointer), pair("", ""), "{pointer}");
        }
    }

    #[test]
    fn alignments_follow_from_the_text_only_where_that_is_certain() {
        let sizes = TypeSizes::parse(
            "print-type-size type: `a::S`: 32 bytes, alignment: 16 bytes\n\
             print-type-size type: `std::ptr::NonNull<()>`: 4 bytes, alignment: 4 bytes\n\
             print-type-size type: `two::T`: 4 bytes, alignment: 4 bytes\n\
             print-type-size type: `two::T`: 8 bytes, alignment: 8 bytes\n",
        );
        let facts = TypeFacts::new(&sizes);
        let align = |ty| facts.align(ty, 32);
        assert_eq!(facts.pointer, Some(4));
        assert_eq!(align("a::S"), Some(16));
        assert_eq!(facts.align("a::S", 33), None, "another type of that name");
        assert_eq!(align("two::T"), None);
        for closure in [
            "{f::{closure#1} closure_kind_ty=i8 signature_parts_ty=fn(R) -> () upvar_tys=(a::S, u8)}",
            "{f::{closure#1} closure_kind_ty=i8 upvar_tys=(a::S,) coroutine_captures_by_ref_ty=fn() -> (u8,)}",
        ] {
            assert_eq!(align(closure), Some(16));
        }
        assert_eq!(
            align("{static f::{closure#0} upvar_tys=(a::S,) resume_ty=R yield_ty=() return_ty=()}"),
            None
        );
        assert_eq!(align("[S; 1]"), None);
        assert_eq!(facts.seen_from(&BodyIndex::default(), "a", &"b-1".into()).align("[S; 1]", 32), Some(16));
        assert_eq!(align("[(u8, a::S); ValTree(Leaf(0x1): usize)]"), Some(16));
        assert_eq!(align("(&'{erased} str, u16)"), Some(4));
        assert_eq!(align("(u16, b::Unknown)"), None);
        assert_eq!(align("std::boxed::Box<dyn X>"), Some(4));
        assert_eq!(align("std::boxed::Box<dyn X, Huge>"), None);
        assert_eq!(align("std::option::Option<std::pin::Pin<&'{erased} mut b::Unknown>>"), Some(4));
        assert_eq!(align("u64"), None, "4 or 8, by target");
        assert_eq!(facts.align("fn(u8) -> u64 {f}", 0), Some(1));
        assert_eq!(facts.align("fn(u8) -> u64", 4), Some(4));
    }

    #[test]
    fn futures_behind_pointers_are_not_in_place() {
        let k = "{static a::f::{closure#0} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}";
        let count = |ty: String| {
            let mut count = 0;
            in_place(&ty, 0, &mut |part| count += usize::from(matches!(part, InPlace::Coroutine(..))));
            count
        };
        assert_eq!(count(k.into()), 1);
        assert_eq!(count(format!("({k}, a::B<std::boxed::Box<{k}>, a::C<{k}>>)")), 2);
        assert_eq!(
            count(format!("a::P<{{a::f::{{closure#1}} closure_kind_ty=i32 upvar_tys=(u8, {k})}}>")),
            1
        );
        assert_eq!(count(format!("std::pin::Pin<&'{{erased}} mut {k}>")), 0);
        assert_eq!(count(format!("std::pin::Pin<std::boxed::Box<{k}>>")), 0);
    }

    #[test]
    fn a_part_must_have_the_alignment_that_no_other_explains() {
        let seen = |offset, size, align| Seen { size, offset, align };
        let (mut a, mut b, mut c) = (seen(0, 16, None), seen(16, 4, None), seen(21, 6, None));
        deduce(&mut [&mut a, &mut b, &mut c], 8, 1);
        assert_eq!((a.align, b.align, c.align), (Some(8), None, Some(1)));
        let mut refuted = seen(4, 4, Some(8));
        deduce(&mut [&mut refuted], 8, 1);
        assert_eq!(refuted.align, None);
    }
}

//! Which destructors anybody can notice.

use crate::dump::names;

/// A type without the boxes and pins around it: an edit may put one there.
pub(super) fn without_boxes(ty: &str) -> &str {
    let inside = |ty| {
        let around =
            ["std::boxed::Box<", "std::pin::Pin<"].iter().find_map(|it| str::strip_prefix(ty, it))?;
        names::arguments(around.strip_suffix('>')?).next()
    };
    let mut ty = ty;
    while let Some(inner) = inside(ty) {
        ty = inner;
    }
    ty
}

/// A type without any box in it: an edit may put one there, and what is in it is dropped in the same order.
pub(super) fn without_any_boxes(ty: &str) -> String {
    const AROUND: [&str; 2] = ["std::boxed::Box<", "std::pin::Pin<std::boxed::Box<"];
    let mut out = String::with_capacity(ty.len());
    let mut rest = ty;
    while let Some(at) = AROUND.iter().filter_map(|it| rest.find(it)).min() {
        let (before, boxed) = rest.split_at(at);
        out.push_str(before);
        let end = boxed.find('<').and_then(|open| Some(open + names::closing(&boxed[open..])? + 1));
        let whole = end.and_then(|end| boxed.get(..end)).unwrap_or_default();
        let inner = without_boxes(whole);
        if inner.len() == whole.len() {
            // Not understood, or nothing to take away.
            let first = boxed.chars().next().map_or(0, char::len_utf8);
            out.push_str(&boxed[..first]);
            rest = &boxed[first..];
        } else {
            out.push_str(&without_any_boxes(inner));
            rest = &boxed[whole.len()..];
        }
    }
    out + rest
}

/// The part of a type that can be observed, where that is one alone: a box or a tuple has no destructor of its own.
pub(super) fn loud_part(ty: &str) -> &str {
    let mut ty = without_boxes(ty);
    while let Some(list) = ty.strip_prefix('(').and_then(|list| list.strip_suffix(')')) {
        let mut loud = names::arguments(list).filter(|part| is_observable(part));
        match (loud.next(), loud.next()) {
            (Some(only), None) => ty = without_boxes(only),
            _ => break,
        }
    }
    ty
}

/// What of a type tells a value from others: whether it is in a box, or beside something that is dropped without a sign,
/// changes nothing.
pub(super) fn told_by(ty: &str) -> String {
    loud_part(&without_any_boxes(ty)).to_owned()
}

/// Types of the standard library whose destructor frees memory and does what those of its arguments do, and no more.
const PLAIN: &[&str] = &[
    "std::boxed::Box",
    "std::pin::Pin",
    "std::vec::Vec",
    "std::vec::IntoIter",
    "std::string::String",
    "std::option::Option",
    "std::result::Result",
    "std::collections::VecDeque",
    "std::collections::BTreeMap",
    "std::collections::BTreeSet",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::collections::BinaryHeap",
    "std::borrow::Cow",
    "std::path::PathBuf",
    "std::ffi::OsString",
    "std::ffi::CString",
    "std::ops::ControlFlow",
    "std::task::Poll",
    "std::cell::Cell",
    "std::cell::RefCell",
    "std::cell::UnsafeCell",
    "std::mem::ManuallyDrop",
    "std::mem::MaybeUninit",
    "std::alloc::Global",
    "std::hash::RandomState",
];

/// Could anybody notice when a value of this verbose type is dropped, other than by the memory it frees?
pub fn is_observable(ty: &str) -> bool {
    is_observable_but(ty, &|_| false)
}

/// As [`is_observable`], but for types that are known to be silent.
pub(super) fn is_observable_but(ty: &str, is_silent: &dyn Fn(&str) -> bool) -> bool {
    let ty = ty.trim();
    let is_observable = |ty: &str| is_observable_but(ty, is_silent);
    if is_silent(ty) {
        return false;
    }
    let (Some(first), last) = (ty.chars().next(), ty.chars().next_back()) else { return true };
    match first {
        '&' | '*' | '!' => return false,
        '(' if last == Some(')') => return names::arguments(&ty[1..ty.len() - 1]).any(is_observable),
        '[' if last == Some(']') => {
            let inside = &ty[1..ty.len() - 1];
            return is_observable(&inside[..names::find_outside(inside, "; ").unwrap_or(inside.len())]);
        }
        _ => {}
    }
    const NUMBERS: &[&str] = &[
        "bool", "char", "f16", "f32", "f64", "f128", "i8", "i16", "i32", "i64", "i128", "isize", "str", "u8",
        "u16", "u32", "u64", "u128", "usize", "()",
    ];
    if NUMBERS.contains(&ty) {
        return false;
    }
    let (path, arguments) = match ty.find('<') {
        Some(open) if ty.ends_with('>') => (&ty[..open], &ty[open + 1..ty.len() - 1]),
        Some(_) => return true,
        None => (ty, ""),
    };
    !PLAIN.contains(&path) || names::arguments(arguments).any(|it| !it.starts_with('\'') && is_observable(it))
}

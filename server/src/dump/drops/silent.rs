//! Futures that nobody notices when they are dropped: those whose bodies drop nothing that anybody notices.
//!
//! ```text
//! async fn large() { let bytes = [0; 600]; tick().await; … }        only another future, that of `tick`
//! async fn logged<F: Future>(future: F) { … future.await }          what `F` is
//! ```

use super::Drops;
use super::observable::is_observable_but;
use crate::dump::names::{self, CoroutineName};
use rustc_hash::FxHashMap;
use std::cell::RefCell;

/// Of the bodies of one compiler run.
#[derive(Debug, Default)]
pub struct Silent<'a> {
    /// The dumped text and the body's own type, by the path that all its instances have in common. None where several
    /// bodies have it.
    bodies: FxHashMap<String, Option<(&'a str, &'a str)>>,
    known: RefCell<FxHashMap<String, bool>>,
}

/// Futures in futures deeper than this are taken to be noticed.
const DEEPEST: usize = 32;

impl<'a> Silent<'a> {
    /// Of dumped texts.
    pub fn new(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut silent = Silent::default();
        for text in texts {
            let Some(own) = own_type(text) else { continue };
            let Some(name) = CoroutineName::parse(own) else { continue };
            let body = silent.bodies.entry(names::skeleton(name.path));
            body.and_modify(|body| *body = None).or_insert(Some((text, own)));
        }
        silent
    }

    /// Is this verbose type a future, or made of such, that is dropped without a sign?
    pub fn is_silent(&self, ty: &str) -> bool {
        !ty.is_empty() && self.is_silent_at(ty, 0)
    }

    /// A future's type without the generic arguments that are silent: with others in their place, and what it captures
    /// being what it is by its arguments, it is dropped the same way. None of other types, and if there are no such.
    pub(super) fn without_silent(&self, ty: &str) -> Option<String> {
        let name = CoroutineName::parse(ty)?;
        let skeleton = names::skeleton(name.path);
        let (_, own) = (*self.bodies.get(&skeleton)?)?;
        // One that is in no generic body may be named alike.
        let (all, own) = (generics(name.path), generics(CoroutineName::parse(own)?.path));
        let kept: Vec<&str> = all.iter().map(|it| if self.is_silent(it) { "_" } else { it }).collect();
        (all.len() == own.len() && kept != all).then(|| format!("{{{skeleton} {}}}", kept.join(", ")))
    }

    fn is_silent_at(&self, ty: &str, depth: usize) -> bool {
        let ty = output(ty).unwrap_or(ty);
        !is_observable_but(ty, &|ty| self.is_future_silent(ty, depth))
    }

    fn is_future_silent(&self, ty: &str, depth: usize) -> bool {
        if depth > DEEPEST || !ty.starts_with('{') {
            return false;
        }
        if let Some(known) = self.known.borrow().get(ty) {
            return *known;
        }
        // In case that it is in itself, behind a box.
        self.known.borrow_mut().insert(ty.to_owned(), false);
        let found = self.look(ty, depth).unwrap_or(false);
        self.known.borrow_mut().insert(ty.to_owned(), found);
        found
    }

    fn look(&self, ty: &str, depth: usize) -> Option<bool> {
        let name = CoroutineName::parse(ty)?;
        let (text, own) = (*self.bodies.get(&names::skeleton(name.path))?)?;
        let own = CoroutineName::parse(own)?;
        let (parameters, values) = (generics(own.path), generics(name.path));
        if parameters.len() != values.len() {
            return None;
        }
        let arguments: Vec<(String, String)> =
            parameters.into_iter().zip(values).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        let drops = Drops::parse(text)?;
        let is_silent =
            |ty: &str| !ty.is_empty() && self.is_silent_at(&names::substitute(ty, &arguments), depth + 1);
        Some(drops.values().into_iter().all(|value| is_silent(&value.ty)))
    }
}

/// `{static f<T>::{closure#0} …}` of `fn f::{closure#0}(_1: {static f<T>::{closure#0} …}, _2: …)`.
fn own_type(text: &str) -> Option<&str> {
    let header = text.lines().find(|line| line.starts_with("fn "))?;
    let at = header.find("(_1: ")? + "(_1: ".len();
    // Before the transform it is behind a pin.
    let ty = &header[at..];
    let ty = &ty[ty.find('{')?..];
    ty.get(..=names::closing(ty)?)
}

/// `T` of `<{static … return_ty=T} as std::future::Future>::Output`.
fn output(ty: &str) -> Option<&str> {
    let future = ty.strip_prefix('<')?.strip_suffix(" as std::future::Future>::Output")?;
    let pinned = future.strip_prefix("std::pin::Pin<&").and_then(|rest| rest.strip_suffix('>'));
    let future = pinned.and_then(|rest| Some(rest.split_once(" mut ")?.1)).unwrap_or(future);
    CoroutineName::parse(future)?;
    let at = names::find_outside(future.strip_suffix('}')?.strip_prefix('{')?, " return_ty=")?;
    future.get(1 + at + " return_ty=".len()..future.len() - 1)
}

/// `A`, `B<C>` and `D` of `a::E<A>::f::<B<C>, D>::{closure#0}`.
fn generics(path: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = path.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let end =
            matches!(rest.as_bytes()[0], b'(' | b'[' | b'{' | b'<').then(|| names::closing(rest)).flatten();
        if let Some(end) = end
            && rest.starts_with('<')
        {
            found.extend(names::arguments(&rest[1..end]));
        }
        at += end.map_or(first, |end| end + 1);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body that drops these places, of its own type.
    fn body(own: &str, dropped: &[&str]) -> String {
        let mut text = format!(
            "// MIR for `f::{{closure#0}}` 0 coroutine_post-transform\n/* coroutine_layout = CoroutineLayout {{\n    \
             field_tys: {{\n    }},\n    variant_fields: {{\n        Unresumed(0): [],\n        Returned (1): [],\n        \
             Panicked (2): [],\n    }},\n    storage_conflicts: BitMatrix(0x0) {{\n    }},\n}} */\n\nfn \
             f::{{closure#0}}(_1: {own}, _2: &mut Context<'_>) -> Poll<()> {{\n    debug _task_context => _2; // in scope \
             0 at src/m.rs:1:1: 1:2\n    let mut _0: std::task::Poll<()>; // return place in scope 0 at src/m.rs:1:1: \
             1:2\n",
        );
        for (at, ty) in dropped.iter().enumerate() {
            text.push_str(&format!("    let _{}: {ty}; // in scope 0 at src/m.rs:1:1: 1:2\n", at + 3));
        }
        for at in 0..dropped.len() {
            text.push_str(&format!(
                "\n    bb{at}: {{\n        drop(_{}) -> [return: bb{}, unwind continue]; // bb{at}[0]: scope 0 at \
                 src/m.rs:1:1: 1:2\n    }}\n",
                at + 3,
                at + 1
            ));
        }
        let last = dropped.len();
        text + &format!(
            "\n    bb{last}: {{\n        return; // bb{last}[0]: scope 0 at src/m.rs:1:1: 1:2\n    }}\n}}\n"
        )
    }

    fn future(path: &str, upvars: &str) -> String {
        format!(
            "{{static {path}::{{closure#0}} upvar_tys={upvars} resume_ty=std::future::ResumeTy yield_ty=() return_ty=()}}"
        )
    }

    #[test]
    fn a_future_is_silent_if_all_that_it_drops_is() {
        let tick = future("tick", "()");
        let texts = [
            body(&tick, &[]),
            body(&future("a::large", "()"), &[&tick, "std::vec::Vec<u8>"]),
            body(&future("loud", "()"), &["a::Loud"]),
            body(&future("logged<F>", "()"), &["F", &tick, "<F as std::future::Future>::Output"]),
            body(&future("both<A, B>", "()"), &["(A, B)"]),
            body(&future("twice", "()"), &[]),
            body(&future("twice", "()"), &[]),
        ];
        let silent = Silent::new(texts.iter().map(String::as_str));
        let (large, loud) = (future("a::large", "()"), future("loud", "()"));
        let logged = |inner: &str| future(&format!("logged<{inner}>"), &format!("({inner},)"));
        for ty in
            [&large, &logged(&large), &logged(&logged(&tick)), &future(&format!("both<{tick}, u8>"), "()")]
        {
            assert!(silent.is_silent(ty), "{ty}");
        }
        let pinned = |inner: &str| format!("std::pin::Pin<&'{{erased}} mut {inner}>");
        assert!(silent.is_silent(&logged(&pinned(&loud))));
        let gives_loud = loud.replace("return_ty=()", "return_ty=a::Loud");
        assert!(!silent.is_silent(&logged(&pinned(&gives_loud))));
        let both = |a: &str, b: &str| silent.without_silent(&future(&format!("both<{a}, {b}>"), "()"));
        assert!(both(&loud, &large).is_some() && both(&loud, &large) == both(&loud, &pinned(&loud)));
        assert_ne!(both(&loud, &large), both("a::Loud", &large));
        assert_ne!(both(&loud, &large), both(&large, &loud));
        assert!(silent.is_silent(&format!("std::option::Option<{large}>")));
        for ty in [
            &loud,
            &logged(&loud),
            &logged(&logged("a::Loud")),
            &future(&format!("both<{tick}, a::Loud>"), "()"),
            &future("twice", "()"),
            &future("unknown", "()"),
            &format!("a::Wrapper<{large}>"),
            &"F".to_owned(),
            &String::new(),
        ] {
            assert!(!silent.is_silent(ty), "{ty}");
        }
    }

    #[test]
    fn generics_are_found_in_their_order() {
        assert_eq!(generics("a::E<A>::f::<B<C>, D>::{closure#0}"), ["A", "B<C>", "D"]);
        assert_eq!(generics("f::{closure#0}"), Vec::<&str>::new());
        assert_eq!(generics("<a::E<A> as B>::f<C>"), ["a::E<A> as B", "C"]);
    }
}

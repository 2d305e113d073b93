//! What people may call a future: in `explain`, in the keys of budgets.

use crate::dump::names;
use crate::layout::{Body, Future};

/// The names of a future or of a body, with and without its crate in front.
#[derive(Debug)]
pub struct Called<'a> {
    krate: &'a str,
    name: &'a str,
    /// `Type::method` for `<Type as Trait>::method`.
    short: Option<String>,
    /// What the compiler calls it, if a macro renamed it; and the path with all closures in it. Who wrote them down when
    /// they were shown shall be understood.
    compiled: Vec<String>,
    part_of: Option<&'a str>,
}

impl<'a> Called<'a> {
    /// What a future is called.
    pub fn future(future: &'a Future) -> Self {
        Called::new(&future.krate, &future.name, future.body.as_deref())
    }

    /// What the futures of a body are called.
    pub fn body(body: &'a Body) -> Self {
        Called::new(&body.krate, &body.name, Some(body))
    }

    /// What the fn is called that a body is in, however deep.
    pub fn item(body: &'a Body, item: &'a str) -> Self {
        Called::new(&body.krate, item, None)
    }

    fn new(krate: &'a str, name: &'a str, body: Option<&'a Body>) -> Self {
        let mut compiled: Vec<String> = body.map(Body::path_name).into_iter().collect();
        compiled.extend(body.and_then(|body| body.compiled_name.as_deref()).map(str::to_owned));
        compiled.retain(|other| *other != name);
        compiled.dedup();
        let part_of = body.and_then(|body| body.part_of.as_deref());
        Called { krate, name, short: short(name), compiled, part_of }
    }

    /// Of what a macro made in a fn: does the pattern fit the fn's names?
    pub fn is_part_of(&self, pattern: &str) -> bool {
        let Some(name) = self.part_of else { return false };
        Called { krate: self.krate, name, short: short(name), compiled: Vec::new(), part_of: None }
            .fits(pattern)
    }

    /// Is it one of the names that are shown?
    pub fn is(&self, wanted: &str) -> bool {
        self.is_shown(wanted, |name, wanted| name == wanted)
    }

    /// Does one of the names that are shown end in this?
    pub fn ends_in(&self, wanted: &str) -> bool {
        self.is_shown(wanted, ends_in)
    }

    /// Is it what only the compiler calls it?
    pub fn is_for_compiler(&self, wanted: &str) -> bool {
        self.is_compiled(wanted, |name, wanted| name == wanted)
    }

    /// Does what only the compiler calls it end in this?
    pub fn ends_in_for_compiler(&self, wanted: &str) -> bool {
        self.is_compiled(wanted, ends_in)
    }

    /// Does a pattern fit any of the names?
    pub fn fits(&self, pattern: &str) -> bool {
        let fits = |name: &str, pattern: &str| matches(pattern, name);
        self.is_shown(pattern, fits) || self.is_compiled(pattern, fits)
    }

    fn is_shown(&self, wanted: &str, is_it: impl Fn(&str, &str) -> bool) -> bool {
        let names = || [Some(self.name), self.short.as_deref()].into_iter().flatten();
        self.wanted(wanted).any(|wanted| names().any(|name| is_it(name, wanted)))
    }

    fn is_compiled(&self, wanted: &str, is_it: impl Fn(&str, &str) -> bool) -> bool {
        self.wanted(wanted).any(|wanted| self.compiled.iter().any(|name| is_it(name, wanted)))
    }

    /// As it is, and without the crate.
    fn wanted<'b>(&self, wanted: &'b str) -> impl Iterator<Item = &'b str> + use<'b> {
        let local = wanted.strip_prefix(self.krate).and_then(|rest| rest.strip_prefix("::"));
        [Some(wanted), local].into_iter().flatten().filter(|wanted| !wanted.is_empty())
    }
}

fn ends_in(name: &str, end: &str) -> bool {
    name.strip_suffix(end).is_some_and(|rest| rest.ends_with("::"))
}

/// `<a::Type as Trait>::method` → `a::Type::method`; of a trait's own method `Trait::method`.
fn short(name: &str) -> Option<String> {
    let inner = &name[1..names::closing(name).filter(|_| name.starts_with('<'))?];
    let rest = &name[inner.len() + 2..];
    let at = names::find_outside(inner, " as ")?;
    let (own, of) = (&inner[..at], &inner[at + " as ".len()..]);
    Some(format!("{}{rest}", if own == "Self" { of } else { own }))
}

/// Does `*` in the pattern cover the rest of the name? Linear in both, whatever the pattern.
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
    }
    match last {
        Some(part) => rest.ends_with(part),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_names() {
        for (pattern, name, fits) in [
            ("a::b", "a::b", true),
            ("a::b", "a::b::c", false),
            ("a::*", "a::b::c", true),
            ("*::run", "a::b::run", true),
            ("*b*c", "abxc", true),
            ("*b*c", "acxb", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn methods_are_called_by_their_type() {
        for (name, expected) in [
            ("<Svc as Run>::run", Some("Svc::run")),
            ("<a::Svc as b::Run>::run::{closure#0}", Some("a::Svc::run::{closure#0}")),
            ("<Self as b::Run>::run", Some("b::Run::run")),
            ("a::<impl [T]>::f", None),
            ("<", None),
            ("<é as", None),
            ("", None),
        ] {
            assert_eq!(short(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn any_name_that_is_or_was_shown_is_understood() {
        let called = Called {
            krate: "fw",
            name: "net::web",
            short: None,
            compiled: vec!["net::__web_task::__web_task_inner_function".to_owned()],
            part_of: None,
        };
        for name in ["net::web", "fw::net::web"] {
            assert!(called.is(name) && called.fits(name), "{name}");
        }
        for end in ["web", "fw::web"] {
            assert!(!called.is(end) && called.ends_in(end), "{end}");
        }
        let old = "net::__web_task::__web_task_inner_function";
        assert!(called.is_for_compiler(old) && !called.ends_in(old));
        let end = "__web_task_inner_function";
        assert!(called.ends_in_for_compiler(end) && !called.is_for_compiler(end) && !called.ends_in(end));
        assert!(called.fits("net::*") && called.fits("fw::*::web") && called.fits("net::__web*"));
        for other in ["eb", "fw::", "", "other::net::web", "web::net"] {
            assert!(!called.is(other) && !called.ends_in(other) && !called.is_for_compiler(other), "{other}");
        }
    }
}

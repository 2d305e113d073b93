//! Which body a type is an instance of.

use super::body::Body;
use crate::dump::names::{self, Parameters};
use crate::unit_id::UnitId;
use std::collections::{HashMap, HashSet};
use std::hash::Hasher as _;
use std::sync::Arc;

/// The bodies of one compiler run. What they are found by is made once, not with each snapshot.
#[derive(Debug, Default)]
pub struct Bodies {
    all: Vec<Arc<Body>>,
    /// Hash of each one's skeleton, and its place in `all`; sorted.
    by_skeleton: Box<[(u64, u32)]>,
}

impl Bodies {
    /// All bodies that one run dumped.
    pub fn new(all: Vec<Arc<Body>>) -> Self {
        let hashes = all.iter().map(|body| hash_of_skeleton(body.path()));
        let mut by_skeleton: Box<[(u64, u32)]> = hashes.zip(0..).collect();
        by_skeleton.sort_unstable();
        Bodies { all, by_skeleton }
    }

    /// Those that an instance with this path may be of, in order. (That it is of none of them is possible, too.)
    fn with_skeleton_of(&self, path: &str) -> impl Iterator<Item = &Arc<Body>> + Clone {
        let hash = hash_of_skeleton(path);
        let start = self.by_skeleton.partition_point(|(other, _)| *other < hash);
        let found = self.by_skeleton[start..].iter().take_while(move |(other, _)| *other == hash);
        found.map(|(_, body)| &self.all[*body as usize])
    }
}

impl std::ops::Deref for Bodies {
    type Target = [Arc<Body>];

    fn deref(&self) -> &[Arc<Body>] {
        &self.all
    }
}

fn hash_of_skeleton(path: &str) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(names::skeleton(path).as_bytes());
    hasher.finish()
}

/// Finds the body of an instance.
#[derive(Debug, Default)]
pub struct BodyIndex {
    /// By compiler run.
    runs: HashMap<UnitId, Arc<Bodies>>,
    /// The libraries among the runs: crate and run. Only their bodies are seen from other crates.
    libraries: Vec<(Arc<str>, UnitId)>,
    /// Names of crates, as far as known.
    crates: HashSet<String>,
    /// The names of all libraries, also of those without bodies: they may export again what others have.
    exporting: HashSet<Arc<str>>,
}

/// An instance of a body.
#[derive(Debug)]
pub struct Instance {
    /// The body.
    pub body: Arc<Body>,
    /// What each of its generic parameters stands for, as verbose types.
    pub arguments: Vec<(String, String)>,
    /// Its path is that of a crate that exports it again, and all that was compared are names without modules.
    pub is_reexported: bool,
}

impl BodyIndex {
    /// Where these crates are known, besides those that come with the compiler.
    pub fn among<'a>(crates: impl Iterator<Item = &'a String>) -> Self {
        let of_compiler = ["std", "core", "alloc", "proc_macro", "test"].map(str::to_owned);
        BodyIndex { crates: crates.cloned().chain(of_compiler).collect(), ..BodyIndex::default() }
    }

    /// What a compiler run printed, in the words of a library that is called `krate` there, see [`names::seen_from`].
    pub fn seen_from(&self, text: &str, krate: &str, origin: &UnitId) -> (String, bool) {
        names::seen_from(text, krate, origin.crate_name(), &|name| self.is_crate(name))
    }

    fn is_crate(&self, name: &str) -> bool {
        self.crates.contains(name) || self.has_library(name)
    }

    /// Notes that there is a library of this name.
    pub fn insert_library(&mut self, krate: &str) {
        self.exporting.insert(krate.into());
    }

    /// Adds the bodies of a run; `library`: other crates can make use of them.
    pub fn insert(&mut self, bodies: Arc<Bodies>, library: bool) {
        let Some(body) = bodies.first() else { return };
        let run = (body.krate.clone(), body.origin.clone());
        if library && !self.libraries.contains(&run) {
            self.libraries.push(run.clone());
        }
        self.runs.insert(run.1, bodies);
    }

    /// Were the bodies of a library of this name dumped?
    pub fn has_library(&self, krate: &str) -> bool {
        self.libraries.iter().any(|(library, _)| **library == *krate)
    }

    /// The body that a coroutine in the dump of compiler run `origin` is an instance of. Give the captures
    /// where they are known: without them two `impl`s with the same path may stay undecided.
    pub fn find(&self, origin: &UnitId, path: &str, upvars: Option<&str>) -> Option<Instance> {
        let text = [path, upvars.unwrap_or_default()].join("\n");
        let find = |text: &str| {
            let reexported =
                text.split_once('\n').filter(|_| upvars.is_none()).map_or(text, |(path, _)| path);
            self.find_direct(origin, text).or_else(|| self.find_reexported(origin, reexported))
        };
        find(&text).or_else(|| {
            // By the module that has the `extern crate` of the library.
            let mut direct = None;
            for krate in self.exporting.iter().chain(self.libraries.iter().map(|(krate, _)| krate)) {
                let text: &str = direct.as_deref().unwrap_or(text.as_str());
                if text.contains(&**krate)
                    && let Some(new) = names::without_way(text, krate, &|name| self.is_crate(name))
                {
                    direct = Some(new);
                }
            }
            direct.and_then(|text| find(&text))
        })
    }

    /// By the path that the crate has in which it is declared.
    fn find_direct(&self, origin: &UnitId, text: &str) -> Option<Instance> {
        self.find_in(origin, text).or_else(|| {
            // Another crate of the workspace: there its paths have no crate in front.
            let others = self.libraries.iter().filter(|(_, run)| run != origin);
            // Most texts name no library, and there may be hundreds.
            others.filter(|(krate, _)| text.contains(&**krate)).find_map(|(krate, run)| {
                let (local, names_it) = self.seen_from(text, krate, origin);
                names_it.then(|| self.find_in(run, &local)).flatten()
            })
        })
    }

    /// The compiler calls what a crate exports again, its own things or another's, by the path that it is exported under.
    /// Of that only the last names are certain; so it has to be the only body of this name that takes such captures, or
    /// the one that has most of the names before that, too.
    fn find_reexported(&self, origin: &UnitId, text: &str) -> Option<Instance> {
        let exporting = text.trim_start_matches(['<', '&']).split("::").next()?;
        if !self.exporting.contains(exporting) {
            return None;
        }
        let (loose, places) = without_modules(text);
        let name = own_name(text.split('\n').next()?);
        let defining = names::defining_names(text.split('\n').next()?);
        let runs = self.libraries.iter().filter(|(_, run)| run != origin);
        let bodies = runs.filter_map(|(_, run)| self.runs.get(run)).flat_map(|bodies| bodies.iter());
        let mut found: Option<(usize, Instance)> = None;
        let mut is_unsure = false;
        for body in bodies.filter(|body| own_name(body.path()) == name) {
            // A library and the same library with its unit tests are two runs with the same bodies.
            let is_same = |other: &Body| (&other.krate, &other.def_path) == (&body.krate, &body.def_path);
            if found.as_ref().is_some_and(|(_, found)| is_same(&found.body)) {
                continue;
            }
            let names = names::defining_names(body.path());
            let common = names.iter().rev().zip(defining.iter().rev()).take_while(|(a, b)| a == b).count();
            if found.as_ref().is_some_and(|(most, _)| *most > common) {
                continue;
            }
            let (pattern, _) = without_modules(if text.contains('\n') { &body.pattern } else { body.path() });
            let Some(arguments) = names::unify(&pattern, &loose, Parameters::Declared(&body.parameters))
            else {
                continue;
            };
            let value = |value: &str| -> Option<String> {
                let start = (value.as_ptr() as usize).checked_sub(loose.as_ptr() as usize)?;
                let end = start + value.len();
                Some(text[*places.get(start)?..places.get(end).copied().unwrap_or(text.len())].to_owned())
            };
            let arguments = arguments.into_iter().map(|(name, ty)| {
                Some((name.to_owned(), self.seen_from(&value(ty)?, &body.krate, origin).0))
            });
            let arguments = arguments.collect::<Option<Vec<_>>>()?;
            is_unsure = found.as_ref().is_some_and(|(most, _)| *most == common);
            found = Some((common, Instance { body: body.clone(), arguments, is_reexported: true }));
        }
        found.filter(|_| !is_unsure).map(|(_, found)| found)
    }

    fn find_in<'a>(&'a self, origin: &UnitId, text: &'a str) -> Option<Instance> {
        let path = text.split('\n').next()?;
        let candidates = self.runs.get(origin)?.with_skeleton_of(path);
        // A parameter may be called as the type is that it stands for.
        let is_it = |body: &&Arc<Body>| body.parameters.is_empty() && body.pattern == text;
        if let Some(own) = candidates.clone().find(is_it) {
            return Some(Instance { body: own.clone(), arguments: Vec::new(), is_reexported: false });
        }
        let matched = |of: fn(&Body) -> &str, text| {
            let unify = move |body: &'a Arc<Body>| {
                let arguments = names::unify(of(body), text, Parameters::Declared(&body.parameters))?;
                // The less its parameters stand for, the more of it is its own: `impl Step for Vec<A>` before a
                // default method, which is of `Self`.
                let filled_in = arguments.iter().map(|(_, value)| value.len()).sum::<usize>();
                Some((filled_in, arguments.len(), body, arguments))
            };
            let mut found: Vec<_> = candidates.clone().filter_map(unify).collect();
            found.sort_by_key(|(filled_in, count, ..)| (*filled_in, *count));
            found
        };
        let mut found = matched(|body| &body.pattern, text);
        if found.is_empty() {
            // Captures may be unknown, or written in the instance's own words (a projection resolved):
            // then the path decides, if it can.
            found = matched(Body::path, path);
            if let [first, second, ..] = &found[..]
                && (first.0, first.1) == (second.0, second.1)
            {
                return None;
            }
        }
        let (_, _, body, arguments) = found.into_iter().next()?;
        let arguments = arguments.into_iter().map(|(name, ty)| (name.to_owned(), ty.to_owned())).collect();
        Some(Instance { body: body.clone(), arguments, is_reexported: false })
    }
}

/// The last thing with a name in a path, without arguments.
fn own_name(path: &str) -> String {
    let path = names::without_arguments(path);
    let name = path.rsplit("::").find(|segment| !segment.starts_with('{')).unwrap_or_default();
    name.to_owned()
}

/// Leaves only the last of names that `::` stands between: `a::b::C<d::E>::f::{closure#0}` becomes
/// `C<E>::f::{closure#0}`. Second, where each byte was; of a name that stood behind others where those began.
fn without_modules(text: &str) -> (String, Vec<usize>) {
    let is_name = |c: char| c == '_' || c.is_alphanumeric();
    let (mut out, mut places) = (String::with_capacity(text.len()), Vec::with_capacity(text.len() + 1));
    let (mut at, mut start) = (0, None);
    while let Some(first) = text[at..].chars().next() {
        let end = match is_name(first) {
            true => text[at..].find(|c| !is_name(c)).map_or(text.len(), |length| at + length),
            false => at + first.len_utf8(),
        };
        let rest = text[end..].strip_prefix("::").filter(|rest| is_name(first) && rest.starts_with(is_name));
        if let Some(rest) = rest {
            start.get_or_insert(at);
            at = text.len() - rest.len();
            continue;
        }
        let from = start.take().unwrap_or(at);
        places.extend((at..end).map(|place| if place == at { from } else { place }));
        out.push_str(&text[at..end]);
        at = end;
    }
    places.push(text.len());
    (out, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_taken_off_paths() {
        for (text, expected) in [
            ("a::b::C<d::E>::f::{closure#0}", "C<E>::f::{closure#0}"),
            ("<a::B as c::D<e::F>>::g::{closure#1}", "<B as D<F>>::g::{closure#1}"),
            ("(&'{erased} a::B, [u8; 3])", "(&'{erased} B, [u8; 3])"),
            ("f::{closure#0}\n(é::ü::T,)", "f::{closure#0}\n(T,)"),
            ("::a::", "::a::"),
            ("", ""),
        ] {
            let (without, places) = without_modules(text);
            assert_eq!(without, expected, "{text}");
            assert_eq!(places.len(), without.len() + 1, "{text}");
        }
        let (without, places) = without_modules("x<a::B, c>");
        assert_eq!((without.as_str(), &places[..]), ("x<B, c>", &[0, 1, 2, 6, 7, 8, 9, 10][..]));
        assert_eq!(own_name("<a::B as c::D<e::F>>::g<u8>::{closure#1}"), "g");
    }
}

//! What one compiler run printed: as text, and read.

use super::super::drift::{Drift, Missing};
use super::super::language::Language;
use super::{Location, words, written};
use crate::dump::{CoroutineBody, Span, TypeSizes, Unread, absolute, names};
use crate::layout::{Allocation, Away, Bodies, Body, BodyIndex, Future};
use crate::parallel;
use crate::source::{self, Outline, SiteKind};
use crate::unit_id::UnitId;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// What one compiler run printed, read. See [`PrintedUnit`].
#[derive(Debug)]
pub(super) struct ReadUnit {
    pub(super) stamp: u64,
    /// Its package, and which of its targets it is: `lib`, `bin NAME`, …
    pub(super) name: [Arc<str>; 2],
    pub(super) language: Language,
    /// Other crates can make use of its bodies.
    pub(super) is_library: bool,
    /// Where relative paths start.
    pub(super) dir: Arc<Path>,
    pub(super) bodies: Arc<Bodies>,
    pub(super) futures: Vec<Arc<Future>>,
    /// Where memory is taken for the futures of the workspace.
    pub(super) allocations: Vec<Allocation>,
    /// PrintedTexts as they were measured, by path as the compiler prints it.
    pub(super) files: BTreeMap<Arc<str>, Outline>,
    /// The words of all other texts, as hashes in order.
    pub(super) other_words: Box<[u64]>,
    /// Of the bodies, by definition path.
    pub(super) places: HashMap<Arc<str>, source::Placement>,
    /// By name of the dump's file.
    pub(super) dumps: HashMap<Arc<str>, Dump>,
    /// Bodies that have no future although each has to be laid out, by definition path.
    pub(super) unread: HashSet<Arc<str>>,
    /// What is declared in the crate; nothing once its futures are known.
    pub(super) declared: HashSet<Box<str>>,
    /// Identities of futures of the crate whose body is not known.
    pub(super) own: HashSet<Arc<str>>,
    /// What could not be read.
    pub(super) drift: Vec<Drift>,
}

/// A dump of a body that was read.
#[derive(Debug, Clone)]
pub(super) struct Dump {
    digest: u64,
    body: Option<Arc<Body>>,
    /// The first line that was not as expected.
    example: Option<Box<str>>,
}

/// Where the large texts of a unit are. They are tens of megabytes, nearly all of it dumps that were read before:
/// one is asked for only if it is needed, and not kept.
pub trait PrintedTexts: std::fmt::Debug + Send + Sync {
    /// `-Zprint-type-sizes`. `None` if it cannot be had.
    fn sizes(&self) -> Option<Cow<'_, str>>;
    /// One dump, by its index in [`PrintedUnit::bodies`]. `None` if it cannot be had.
    fn body(&self, index: usize) -> Option<Cow<'_, str>>;
}

/// What one compiler run printed, and what was compiled.
pub struct PrintedUnit<'a> {
    /// Names the compiler run: `CRATE-HASH`.
    pub origin: &'a UnitId,
    /// Changes whenever the unit is measured again.
    pub stamp: u64,
    /// The package's name.
    pub package: &'a str,
    /// The crate's name.
    pub krate: &'a str,
    /// `lib`, `bin NAME`, …
    pub unit: &'a str,
    /// The edition of the language: `2021`.
    pub edition: &'a str,
    /// The oldest compiler its package is for, if it says so: `1.75`.
    pub rust_version: Option<&'a str>,
    /// Where relative paths in the dumps start.
    pub dir: &'a Path,
    /// The dumps.
    pub texts: Arc<dyn PrintedTexts>,
    /// `-Zdump-mir`: file name, and a digest of the text. Of one name and digest there is one text.
    pub bodies: Vec<(&'a str, u64)>,
    /// Source files as compiled: path as the compiler prints it, and text.
    pub sources: Vec<(&'a str, &'a str)>,
    /// Flags that its compiler does not know, and that it was measured without.
    pub without: &'a [String],
}

impl PrintedUnit<'_> {
    /// How an edit of the crate has to be written.
    fn language(&self) -> Language {
        Language::new(self.edition, self.rust_version, self.sources.iter().map(|(_, text)| *text))
    }
}

impl ReadUnit {
    /// Reads and places the bodies; the futures come when all bodies are known. What was read before and did
    /// not change since is not read again. `None` if a dump cannot be had.
    pub(super) fn read(text: &PrintedUnit<'_>, before: Option<&ReadUnit>) -> Option<ReadUnit> {
        let before = before.map(|unit| Before::new(unit, text));
        let dumps: Vec<(usize, &str, u64)> =
            text.bodies.iter().enumerate().map(|(index, (name, digest))| (index, *name, *digest)).collect();
        let own: HashSet<&str> = text.sources.iter().map(|(file, _)| *file).collect();
        let read = parallel::map(&dumps, |&(index, name, digest)| {
            if let Some((name, dump)) = before.as_ref().and_then(|before| before.dump(name, digest)) {
                return Some((name.clone(), dump.clone(), None));
            }
            let (body, example) = read_body(text, &own, name, &text.texts.body(index)?);
            Some((name.into(), Dump { digest, body: None, example }, body))
        });
        let read = read.into_iter().collect::<Option<Vec<_>>>()?;
        let mut fresh: Vec<(usize, Body)> = Vec::new();
        let take = |(index, (name, dump, body)): (usize, (Arc<str>, Dump, Option<Body>))| {
            fresh.extend(body.map(|body| (index, body)));
            (name, dump)
        };
        let mut read: Vec<(Arc<str>, Dump)> = read.into_iter().enumerate().map(take).collect();
        let known = read.iter().filter_map(|(_, dump)| dump.body.as_deref());
        let files = outlines(text, known.chain(fresh.iter().map(|(_, body)| body)), before.as_ref());
        let mut places = HashMap::new();
        if let Some(before) = &before {
            let known = read.iter().filter_map(|(_, dump)| dump.body.as_deref());
            let known = known.filter_map(|body| before.unit.places.get_key_value(&body.def_path));
            places.extend(known.map(|(path, place)| (path.clone(), place.clone())));
        }
        // One copy of each text in all that was read now.
        let mut texts: HashSet<Arc<str>> = files.keys().cloned().collect();
        let declared = declared_in(text.sources.iter().map(|(_, text)| *text));
        let others = text.sources.iter().filter(|(file, _)| !files.contains_key(*file));
        let other_words = words::all(others.map(|(_, text)| *text));
        for (index, mut body) in fresh {
            let place = place(&files, &mut body);
            set_parameters(&files, &mut body, place.as_ref(), |name| declared.contains(name));
            body.name_patterns(&|span| written(&files, span));
            let place = place.and_then(|mut place| {
                let (file, outline) = files.get_key_value(&place.file)?;
                place.file = file.clone();
                Some((place, outline))
            });
            let made_by = place.as_ref().and_then(|(place, outline)| {
                let site = outline.sites().get(place.site)?;
                let is_foreign = body.span.as_ref().is_some_and(|span| !own.contains(&*span.file));
                let range = match site.kind {
                    SiteKind::MacroCall => site.range,
                    // `async || m!()`
                    SiteKind::AsyncClosure if is_foreign => site.body,
                    _ if is_foreign => site.token,
                    _ => return None,
                };
                Some(outline.span(&place.file, range))
            });
            let call = |away: &Away| {
                let (before, after) = (away.before.as_ref(), away.after.as_ref());
                source::call_of(&files, &away.span.file, away.name.as_deref(), before, after)
            };
            body.bring_home(&call, made_by.as_ref());
            if let Some((place, _)) = place {
                body.end_scopes(&|declared, at| {
                    source::scope_end(&files, (&place.file, place.site), declared, at)
                });
                places.insert(body.def_path.clone(), place);
            }
            body.pack(&mut texts);
            read[index].1.body = Some(Arc::new(body));
        }
        let mut bodies: Vec<&mut Arc<Body>> =
            read.iter_mut().filter_map(|(_, dump)| dump.body.as_mut()).collect();
        let crate_texts: Vec<&str> = text.sources.iter().map(|(_, text)| *text).collect();
        written::name_all(&mut bodies, &places, &files, &crate_texts);
        let mut unit = ReadUnit {
            stamp: text.stamp,
            language: text.language(),
            name: [text.package, text.unit].map(Into::into),
            is_library: text.unit.starts_with("lib"),
            dir: text.dir.into(),
            bodies: Arc::new(Bodies::new(read.iter().filter_map(|(_, dump)| dump.body.clone()).collect())),
            futures: Vec::new(),
            allocations: Vec::new(),
            files,
            places,
            dumps: read.into_iter().collect(),
            unread: HashSet::new(),
            other_words,
            declared,
            own: HashSet::new(),
            drift: Vec::new(),
        };
        unit.look_at_bodies(text);
        Some(unit)
    }

    /// Notes what of the bodies could not be read, and what was not even asked for.
    fn look_at_bodies(&mut self, text: &PrintedUnit<'_>) {
        let all = self.dumps.len();
        let mut note = |missing, is_it: &dyn Fn(&Dump) -> bool| {
            let unread: Vec<&Dump> = self.dumps.values().filter(|dump| is_it(dump)).collect();
            if let Some(first) = unread.iter().min_by_key(|dump| &dump.example) {
                self.drift.push(Drift::new(missing, (unread.len(), all), first.example.as_deref()));
            }
        };
        let unread = |dump: &Dump| dump.body.as_ref().map_or(Unread::default(), |body| body.unread);
        note(Missing::Places, &|dump| dump.body.is_none() || unread(dump).place);
        note(Missing::Declarations, &|dump| unread(dump).layout);
        note(Missing::Reasons, &|dump| unread(dump).code && !unread(dump).layout);
        note(Missing::Predictions, &|dump| unread(dump).conflicts && !unread(dump).layout);
        note(Missing::Names, &|dump| dump.body.as_ref().is_some_and(|body| body.is_raw));
        if all > 0 && text.sources.is_empty() {
            self.drift.push(Drift::new(Missing::Sources, (1, 1), None));
        }
        for flag in text.without {
            let missing = match flag.as_str() {
                flag if flag.starts_with("-Zprint-mono-items") => Missing::Instances,
                "--emit=obj" => {
                    let of_executable = "the tests of a crate, of which this compiler lists no instances";
                    self.drift.push(Drift::new(Missing::Generic, (1, 1), Some(of_executable)));
                    continue;
                }
                flag if flag.starts_with("-Zdump-mir") || flag.starts_with("-Zmir-include") => {
                    Missing::Places
                }
                _ => continue,
            };
            let known = self.drift.iter_mut().find(|drift| drift.missing == missing);
            let example = format!("error: unknown unstable option: {flag}");
            match known {
                Some(known) => known.example = example,
                None if missing == Missing::Instances => {
                    self.drift.push(Drift::new(missing, (1, 1), Some(&example)));
                }
                // Of how many futures, is known when they are.
                None => self.drift.push(Drift::new(missing, (0, 0), Some(&example))),
            }
        }
    }

    /// Compares what was read of sizes with itself and with the bodies.
    pub(super) fn compare(&mut self, sizes: &TypeSizes<'_>, bodies: &BodyIndex) {
        let all = self.futures.len();
        let unread: Vec<&Arc<Future>> =
            self.futures.iter().filter(|future| future.states.is_empty()).collect();
        if !unread.is_empty() {
            let differ = "the two dumps differ about what the states hold";
            let example = sizes.example.or(Some(differ));
            let drift = Drift::new(Missing::States, (unread.len(), all), example);
            self.drift.push(drift.with_futures(unread.into_iter()));
        }
        let measured: HashSet<&Arc<str>> =
            self.futures.iter().filter_map(|future| Some(&future.body.as_ref()?.def_path)).collect();
        let lost: HashSet<Arc<str>> = self
            .bodies
            .iter()
            .filter(|body| body.is_concrete() && !measured.contains(&body.def_path))
            .map(|body| body.def_path.clone())
            .collect();
        // A body may be there that nothing lays out, for a reason that is not known here: not all can be of that kind.
        let is_raw = |future: &Arc<Future>| future.body.is_none() && future.id.starts_with("{static ");
        let is_lost = sizes.example.is_some() || all == 0 || self.futures.iter().any(is_raw);
        if is_lost && (sizes.skipped > 0 || !lost.is_empty()) {
            let count = lost.len().max(1);
            let of = self.bodies.len().max(count);
            self.drift.push(Drift::new(Missing::Futures, (count, of), sizes.example));
            self.unread = lost;
        }
        if sizes.types.iter().any(|ty| !ty.is_whole)
            && self.drift.iter().all(|drift| !matches!(drift.missing, Missing::States | Missing::Predictions))
        {
            // Of other types only alignments and wrappers are needed.
            self.drift.push(Drift::new(Missing::Predictions, (all, all), sizes.example));
        }
        let raw = self.futures.iter().filter(|future| is_raw(future));
        let raw: Vec<Arc<Future>> = raw.cloned().collect();
        if !raw.is_empty() && self.drift.iter().all(|drift| drift.missing != Missing::Names) {
            let drift = Drift::new(Missing::Names, (raw.len(), all), Some(&raw[0].ty));
            self.drift.push(drift.with_futures(raw.iter()));
        }
        self.own = self.find_own(bodies);
        self.declared = HashSet::new();
        let is_placed = |body: &Body| self.places.contains_key(&body.def_path) || body.is_raw;
        let of_this =
            |body: &&Arc<Body>| self.bodies.first().is_some_and(|first| first.origin == body.origin);
        let is_nowhere = |future: &&Arc<Future>| match &future.body {
            Some(body) => Some(body).filter(of_this).is_some_and(|body| !is_placed(body)),
            None => self.is_own(future),
        };
        let own: Vec<&Arc<Future>> = self.futures.iter().filter(is_nowhere).collect();
        let known = self.drift.iter().position(|drift| drift.missing == Missing::Places && drift.of == 0);
        let without = known.map(|known| self.drift.remove(known).example);
        if !own.is_empty() {
            let first: Vec<&str> = own.iter().take(3).map(|future| &*future.id).collect();
            let named = first.join("`, `");
            let example = without.as_deref().or(Some(&named));
            let drift = Drift::new(Missing::Places, (own.len(), all), example);
            let drift = drift.with_futures(own.into_iter());
            self.drift.retain(|drift| drift.missing != Missing::Places);
            self.drift.push(drift);
        }
    }

    /// Identities of the futures that are of the workspace, for all that no body is theirs. If all bodies are known,
    /// their paths tell: what they name is declared here. Else it has to do that they begin with something that is.
    fn find_own(&self, bodies: &BodyIndex) -> HashSet<Arc<str>> {
        let is_known = |dump: &Dump| dump.body.as_ref().is_some_and(|body| !body.is_raw);
        let is_whole = !self.dumps.is_empty() && self.dumps.values().all(is_known);
        let is_declared = |name: &str| self.declared.contains(name);
        let is_own = |future: &&Arc<Future>| {
            let is_raw = future.id.starts_with("{static ");
            let path = future.id.trim_start_matches("{static ");
            let path = names::defining_names(path);
            match path.first() {
                // Of those that are not generic the library tells itself.
                Some(first) if bodies.has_library(first) => future.id.trim_start_matches('<').contains('<'),
                Some(_) if is_whole && !is_raw => path.into_iter().all(is_declared),
                Some(first) => is_declared(first),
                None => false,
            }
        };
        let without_body = self.futures.iter().filter(|future| future.body.is_none());
        without_body.filter(is_own).map(|future| future.id.clone()).collect()
    }

    pub(super) fn is_own(&self, future: &Future) -> bool {
        self.own.contains(&future.id)
    }

    /// The text a body is placed in, and the compiler's path of it.
    pub(super) fn text_of(&self, body: &Body) -> Option<(&Arc<str>, &Outline)> {
        self.files.get_key_value(&self.places.get(&body.def_path)?.file)
    }

    pub(super) fn location(&self, body: &Body) -> Option<Location> {
        let place = self.places.get(&body.def_path)?;
        let outline = self.files.get(&place.file)?;
        let token = outline.sites().get(place.site)?.token;
        Some(Location {
            file: absolute(&self.dir, &place.file),
            at: outline.line_col(token.start()),
            site: place.site,
        })
    }
}

/// A unit as it was measured before, and which of its files have not changed since.
struct Before<'a> {
    unit: &'a ReadUnit,
    unchanged: HashSet<&'a str>,
}

impl<'a> Before<'a> {
    fn new(unit: &'a ReadUnit, text: &PrintedUnit<'_>) -> Self {
        let now: HashMap<&str, &str> = text.sources.iter().copied().collect();
        let is_unchanged =
            |(path, outline): &(&Arc<str>, &Outline)| now.get(&***path) == Some(&&**outline.text());
        let unchanged = unit.files.iter().filter(is_unchanged).map(|(path, _)| &**path).collect();
        Before { unit, unchanged }
    }

    /// A dump that is as it was, of a body that is where it was: not one that a macro of another file made.
    fn dump(&self, name: &str, digest: u64) -> Option<(&'a Arc<str>, &'a Dump)> {
        let (name, dump) = self.unit.dumps.get_key_value(name).filter(|(_, dump)| dump.digest == digest)?;
        let body = dump.body.as_deref()?;
        let place = self.unit.places.get(&body.def_path)?;
        let is_its_own = body.span.as_ref().is_some_and(|span| span.file == place.file);
        let is_unchanged = body.files.iter().all(|file| self.unchanged.contains(&**file));
        (is_its_own && is_unchanged).then_some((name, dump))
    }

    fn outline(&self, path: &str) -> Option<(&'a Arc<str>, &'a Outline)> {
        self.unit.files.get_key_value(path).filter(|_| self.unchanged.contains(path))
    }
}

/// The names of modules, functions and types that are declared anywhere in these texts.
fn declared_in<'a>(texts: impl Iterator<Item = &'a str>) -> HashSet<Box<str>> {
    const KEYWORDS: [&str; 6] = ["mod", "fn", "struct", "enum", "union", "trait"];
    let words = texts.flat_map(|text| text.split(|char: char| !(char == '_' || char.is_alphanumeric())));
    let mut words = words.filter(|word| !word.is_empty()).peekable();
    let mut found = HashSet::new();
    while let Some(word) = words.next() {
        if KEYWORDS.contains(&word) {
            found.extend(words.peek().map(|name| Box::from(*name)));
        }
    }
    found
}

/// What the user wrote at a place, on one line. In a macro's definition a part of it may be the macro's.
fn written(files: &BTreeMap<Arc<str>, Outline>, span: &Span) -> Option<String> {
    let outline = files.get(&span.file)?;
    let words = outline.text()[outline.range(span)?].split_whitespace();
    Some(words.collect::<Vec<_>>().join(" ")).filter(|text| !text.contains('$'))
}

/// Tells a body which of the names in its type are generic parameters: those that the items around it declare. Of what a
/// macro made the items may be the macro's. There a name that is no type of the crate is one, if it is written like one.
fn set_parameters(
    files: &BTreeMap<Arc<str>, Outline>,
    body: &mut Body,
    place: Option<&source::Placement>,
    is_type: impl Fn(&str) -> bool,
) {
    let of_place = place.and_then(|place| {
        let outline = files.get(&place.file)?;
        Some((outline, outline.sites().get(place.site)?.body.start()))
    });
    let of_span = |span: &Span| {
        let outline = files.get(&span.file)?;
        Some((outline, outline.offset(span.start)?))
    };
    let around = [of_place, body.span.as_ref().and_then(of_span), body.impl_span.as_ref().and_then(of_span)];
    let names = around.into_iter().flatten().flat_map(|(outline, at)| outline.generics_around(at));
    // A trait's own methods are of it.
    let names: HashSet<String> = names.chain(["Self"]).map(str::to_owned).collect();
    let is_macros = place.is_none_or(|place| place.made_by_macro);
    let could_be = |name: &str| is_macros && name.starts_with(char::is_uppercase) && !is_type(name);
    body.set_parameters(|name| names.contains(name) || could_be(name));
}

/// Reads one dump; second, the first line that was not as expected. `own` are the files of its crate.
fn read_body(
    text: &PrintedUnit<'_>,
    own: &HashSet<&str>,
    name: &str,
    dump: &str,
) -> (Option<Body>, Option<Box<str>>) {
    let first_line = || dump.lines().next().unwrap_or("an empty dump").into();
    let Some(parsed) = CoroutineBody::parse(dump) else { return (None, Some(first_line())) };
    let Some(mut body) = Body::new(text.origin, text.krate, name, &parsed) else {
        return (None, Some(first_line()));
    };
    body.package = text.package.into();
    body.look_around(&parsed, dump, &|file| own.contains(file));
    if body.span.as_ref().is_some_and(|span| !own.contains(&*span.file)) {
        // Made by another crate's macro: which call made it, only its statements tell.
        body.add_spans(&crate::dump::coroutine::statement_spans(dump));
    }
    (Some(body), parsed.example.map(Into::into))
}

/// Places a body, and puts right what the source tells about it.
fn place(files: &BTreeMap<Arc<str>, Outline>, body: &mut Body) -> Option<source::Placement> {
    let span = body.span.clone()?;
    let segments = body.segments();
    let query = source::CompiledBody {
        span: &span,
        spans: &body.spans,
        path: &segments,
        impl_span: body.impl_span.as_ref(),
        type_path: body.path(),
    };
    let place = source::place(files, &query)?;
    let header = source::header_span(files, &query);
    body.header = Some(header);
    let outline = files.get(&place.file)?;
    body.set_compiled(written::compiled(body, &place, outline));
    Some(place)
}

/// Outlines of the texts a place could be in: those that a body mentions. If a body was made by another
/// crate's macro and mentions none, all of them.
fn outlines<'a>(
    text: &PrintedUnit<'_>,
    bodies: impl Iterator<Item = &'a Body>,
    before: Option<&Before<'_>>,
) -> BTreeMap<Arc<str>, Outline> {
    let sources: HashSet<&str> = text.sources.iter().map(|(file, _)| *file).collect();
    let mut named: HashSet<&str> = HashSet::new();
    let mut everything = false;
    for body in bodies {
        named.extend(body.files.iter().map(|file| &**file));
        everything |= body.files.iter().all(|file| !sources.contains(&**file));
    }
    let wanted = text.sources.iter().filter(|(file, _)| everything || named.contains(file));
    let outline = |(file, text): &(&str, &str)| match before.and_then(|before| before.outline(file)) {
        Some((file, outline)) => (file.clone(), outline.clone()),
        None => ((*file).into(), Outline::new((*text).into())),
    };
    let wanted: Vec<(&str, &str)> = wanted.copied().collect();
    parallel::map(&wanted, outline).into_iter().collect()
}

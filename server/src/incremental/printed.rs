//! What one run printed, read.

use super::instances::Instances;
use crate::dump::mono_items::{self, as_in_types, makers};
use crate::dump::names::CoroutineName;
use crate::dump::records::{Record, records};
use crate::dump::types::{has_body, mentions};
use crate::dump::{self, CoroutineBody, LineCol, Span, type_sizes};
use crate::kept_text::KeptText;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// How much a run measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Every future, all instances of generic ones included. `-Zno-codegen` with an object file asked for: the
    /// compiler finds every instance without generating any code, and needs no more of the dependencies than
    /// `cargo check` makes with their MIR in it.
    Complete,
    /// What a run that only checks lays out: the futures that are not generic, and some instances of others. Says
    /// nothing about the code.
    Checked,
    /// As [`Form::Checked`], but nobody looks at anything generic: the quick pass, whose numbers are there before those
    /// of [`Form::Complete`].
    QuickPass,
}

/// A source file's path as the compiler prints it, and its text; no text if it was changed during the run.
pub type Source = (String, Option<String>);

/// What one run printed, or several of them together.
#[derive(Debug)]
pub struct Printed {
    pub(super) form: Form,
    /// The records of `-Zprint-type-sizes` by type; one name may be that of several types.
    pub(super) records: HashMap<String, Vec<Record>>,
    /// Names of types that the list of instances mentions, as far as they were asked for.
    pub(super) mentioned: HashSet<String>,
    /// Of these, the futures that it only has the fn of that makes them. Not kept.
    pub(super) made: HashSet<String>,
    /// Is there a list of instances? The compiler makes none for a binary.
    pub(super) has_list: bool,
    /// By file name.
    pub(super) bodies: BTreeMap<String, DumpedBody>,
    pub(super) sources: Vec<Source>,
    /// Every line is of a known form.
    pub(super) is_understood: bool,
}

/// A coroutine's body as it was dumped.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DumpedBody {
    pub text: KeptText,
    /// Its type, with the body's own parameters if it has any; then there is no record of it.
    pub ty: String,
    pub span: Option<Span>,
    /// The types of what it stores and captures that have a body's type in them.
    pub held: Vec<String>,
    pub is_understood: bool,
}

/// What is known of a dumped body, as it is kept beside the text, so that this is not read again: a body that was not
/// dumped again need not even be unpacked.
#[derive(Debug, Serialize, Deserialize)]
struct BodyFacts<'a> {
    #[serde(borrow)]
    ty: Cow<'a, str>,
    /// The file; line and column of the first character, and of one past the last.
    #[serde(borrow)]
    span: Option<(Cow<'a, str>, [u32; 4])>,
    #[serde(borrow)]
    held: Vec<Cow<'a, str>>,
}

impl BodyFacts<'_> {
    /// The body with these facts. `files` has one copy of each path.
    fn body(self, text: KeptText, files: &mut HashSet<Arc<str>>) -> DumpedBody {
        let BodyFacts { ty, span, held } = self;
        let mut one = |file: &str| match files.get(file) {
            Some(known) => known.clone(),
            None => {
                let file: Arc<str> = file.into();
                files.insert(file.clone());
                file
            }
        };
        let span = span.map(|(file, [line, col, last_line, last_col])| Span {
            file: one(&file),
            start: LineCol { line, col },
            end: LineCol { line: last_line, col: last_col },
        });
        let held = held.into_iter().map(Cow::into_owned).collect();
        // Or nothing would be built on it.
        DumpedBody { text, ty: ty.into_owned(), span, held, is_understood: true }
    }
}

impl DumpedBody {
    fn facts(&self) -> BodyFacts<'_> {
        let span = self.span.as_ref().map(|Span { file, start, end }| {
            (Cow::Borrowed(&**file), [start.line, start.col, end.line, end.col])
        });
        let held = self.held.iter().map(|ty| Cow::Borrowed(&**ty)).collect();
        BodyFacts { ty: Cow::Borrowed(&self.ty), span, held }
    }

    fn new(text: KeptText) -> Self {
        let Some(parsed) = text.text().and_then(CoroutineBody::parse) else {
            return DumpedBody {
                text,
                ty: String::new(),
                span: None,
                held: Vec::new(),
                is_understood: false,
            };
        };
        let stored = parsed.saved.iter().filter_map(|saved| saved.ty);
        let held = stored.chain(parsed.upvars.iter().map(|upvar| upvar.ty)).filter(|ty| has_body(ty));
        let held = held.map(str::to_owned).collect();
        let span = parsed.span.map(|span| span.to_span(&mut HashSet::new()));
        let is_understood = parsed.example.is_none() && CoroutineName::parse(parsed.self_ty).is_some();
        let ty = parsed.self_ty.to_owned();
        DumpedBody { ty, span, held, is_understood, text }
    }

    /// Does its text have this in it?
    pub fn mentions(&self, words: &str) -> bool {
        self.text.text().is_some_and(|text| text.contains(words))
    }

    fn parse(&self) -> Option<CoroutineBody<'_>> {
        CoroutineBody::parse(self.text.text()?)
    }

    /// Is what it stores something else, or stored elsewhere, for certain?
    pub fn stores_other_than(&self, other: &DumpedBody) -> bool {
        let (Some(a), Some(b)) = (self.parse(), other.parse()) else {
            return false;
        };
        // Not of every local the type is known.
        let differ = |(a, b): (Option<&str>, Option<&str>)| a.is_some() && b.is_some() && a != b;
        let mut types = a.saved.iter().zip(&b.saved).map(|(a, b)| (a.ty, b.ty));
        let fields = |body: &CoroutineBody<'_>| -> Vec<Vec<u32>> {
            body.variants.iter().map(|variant| variant.fields.clone()).collect()
        };
        a.saved.len() != b.saved.len()
            || types.any(differ)
            || fields(&a) != fields(&b)
            || a.storage_conflicts != b.storage_conflicts
    }
}

impl Printed {
    /// Reads a run. `before` is what its incremental compilation built on.
    pub fn read(
        form: Form,
        stdout: &str,
        bodies: Vec<(String, String)>,
        sources: Vec<Source>,
        before: Option<&Printed>,
    ) -> Printed {
        let stdout = &*dump::normal(stdout);
        let records = records(stdout);
        let (mut mentioned, mut made) = (HashSet::new(), HashSet::new());
        let mut has_list = false;
        let sizes = type_sizes::TypeSizes::parse(stdout);
        let mut is_understood = sizes.example.is_none();
        let known = records.keys().chain(before.into_iter().flat_map(|before| before.records.keys()));
        let makers = makers(known.map(String::as_str));
        for instance in mono_items::instances(stdout) {
            has_list = true;
            is_understood &= instance.is_understood;
            mentions(instance.line, &mut |ty| {
                let is_known = || {
                    records.contains_key(ty) || before.is_some_and(|before| before.records.contains_key(ty))
                };
                if !mentioned.contains(ty) && is_known() {
                    mentioned.insert(ty.to_owned());
                }
            });
            let of_it = instance.function.and_then(|maker| makers.get(&as_in_types(maker)));
            made.extend(of_it.into_iter().flatten().map(|ty| (*ty).to_owned()));
        }
        made.retain(|ty| !mentioned.contains(ty));
        mentioned.extend(made.iter().cloned());
        let bodies = bodies
            .into_iter()
            .map(|(name, text)| (name, DumpedBody::new(KeptText::new(dump::normal(&text)))));
        let bodies: BTreeMap<String, DumpedBody> = bodies.collect();
        is_understood &= bodies.values().all(|body| body.is_understood);
        Printed { form, records, mentioned, made, has_list, bodies, sources, is_understood }
    }

    /// What is kept of earlier runs: their records, the types that the list of instances mentioned, bodies by file
    /// name with what [`Printed::facts`] gave of them, and the texts of the sources. `None` if the facts are not of these
    /// bodies.
    pub fn kept<'a>(
        form: Form,
        sizes: &str,
        mentioned: impl Iterator<Item = &'a str>,
        bodies: impl Iterator<Item = (&'a str, &'a KeptText)>,
        facts: &str,
        sources: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Option<Printed> {
        let (mut lines, mut files) = (facts.lines(), HashSet::new());
        let mut body = |(name, text): (&str, &KeptText)| {
            let facts: BodyFacts<'_> = serde_json::from_str(lines.next()?).ok()?;
            Some((name.to_owned(), facts.body(text.clone(), &mut files)))
        };
        let known = bodies.map(&mut body).collect::<Option<BTreeMap<_, _>>>()?;
        lines.next().is_none().then(|| Printed {
            form,
            records: records(sizes),
            mentioned: mentioned.map(str::to_owned).collect(),
            made: HashSet::new(),
            has_list: false,
            bodies: known,
            sources: sources.map(|(name, text)| (name.to_owned(), Some(text.to_owned()))).collect(),
            // Or nothing would be built on it.
            is_understood: true,
        })
    }

    /// Can another run build on this one?
    pub fn is_understood(&self) -> bool {
        self.is_understood
    }

    /// Did the compiler list the instances, if it was to?
    pub fn has_list(&self) -> bool {
        self.has_list || self.form != Form::Complete
    }

    /// Is there a body of which no instance is known, although each instance would be printed here?
    pub fn lacks_instances(&self) -> bool {
        let generic = self.bodies.values().filter(|body| !self.records.contains_key(&body.ty));
        let generic = Instances::new(generic.map(|body| &*body.ty));
        let known = self.records.keys().flat_map(|name| generic.all(name)).map(|(pattern, _)| pattern);
        let known: HashSet<&str> = known.collect();
        generic.own.values().flatten().any(|(pattern, _)| !known.contains(pattern))
    }

    /// The types that the list of instances mentions, sorted.
    pub fn mentioned(&self) -> Vec<&str> {
        let mut mentioned: Vec<&str> = self.mentioned.iter().map(String::as_str).collect();
        mentioned.sort_unstable();
        mentioned
    }

    /// The dumped bodies: file name and text.
    pub fn bodies(&self) -> impl Iterator<Item = (&str, &KeptText)> {
        self.bodies.iter().map(|(name, body)| (name.as_str(), &body.text))
    }

    /// What is known of each of [`Printed::bodies`] besides its text, one in each line.
    pub fn facts(&self) -> String {
        let facts = self.bodies.values().filter_map(|body| serde_json::to_string(&body.facts()).ok());
        facts.fold(String::new(), |all, line| all + &line + "\n")
    }

    /// The source files.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    pub(super) fn text(&self, file: &str) -> Option<Option<&str>> {
        let (_, text) = self.sources.iter().find(|(name, _)| name == file)?;
        Some(text.as_deref())
    }

    /// All records as one run would have printed them: largest first.
    pub fn sizes(&self) -> String {
        let named = self.records.iter().flat_map(|(name, records)| records.iter().map(move |r| (name, r)));
        let mut records: Vec<(&String, &Record)> = named.collect();
        records.sort_by_key(|(name, record)| (Reverse(record.size), *name));
        records.into_iter().map(|(_, record)| &*record.lines).collect()
    }
}

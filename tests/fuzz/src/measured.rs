//! One or two compiler runs as one text, so that a fuzzer sees all of it:
//!
//! ```text
//! %%% sizes
//! print-type-size type: …
//! %%% body a.f-{closure#0}.-------.coroutine_post-transform.0.mir
//! // MIR for …
//! %%% source src/lib.rs
//! async fn f() {}
//! %%% now
//! …the next run; of a source that is not there, the text is as it was…
//! ```

use futurelens::compiler::UnitOutput;
use futurelens::dump::CoroutineBody;
use futurelens::dump::names::CoroutineName;
use std::borrow::Cow;
use std::fmt::Write as _;

/// What one compiler run printed, and read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// `-Zprint-type-sizes`, and the list of instances.
    pub sizes: String,
    /// The files of `-Zdump-mir`.
    pub bodies: Vec<(String, String)>,
    /// The source files; no text if it was changed meanwhile.
    pub sources: Vec<(String, Option<String>)>,
}

impl futurelens::features::snapshot::PrintedTexts for Run {
    fn sizes(&self) -> Option<Cow<'_, str>> {
        Some(self.sizes.as_str().into())
    }

    fn body(&self, index: usize) -> Option<Cow<'_, str>> {
        Some(self.bodies.get(index)?.1.as_str().into())
    }
}

impl Run {
    /// The form above.
    pub fn text(&self) -> String {
        let mut out = format!("%%% sizes\n{}", self.sizes);
        for (name, text) in &self.bodies {
            let _ = write!(out, "%%% body {name}\n{text}");
        }
        for (name, text) in &self.sources {
            let _ = match text {
                Some(text) => write!(out, "%%% source {name}\n{text}"),
                None => writeln!(out, "%%% changed {name}"),
            };
        }
        out
    }
}

/// The runs that a text has, one at least.
pub fn runs(text: &str) -> Vec<Run> {
    enum In {
        Nothing,
        Sizes,
        Body,
        Source,
    }
    let mut runs = vec![Run::default()];
    let mut place = In::Nothing;
    for line in text.split_inclusive('\n') {
        let Some(run) = runs.last_mut() else { break };
        let heading = line.strip_prefix("%%% ").map(|heading| heading.trim_end_matches('\n'));
        let Some((kind, name)) = heading.map(|heading| heading.split_once(' ').unwrap_or((heading, "")))
        else {
            match place {
                In::Nothing => {}
                In::Sizes => run.sizes.push_str(line),
                In::Body => run.bodies.last_mut().into_iter().for_each(|(_, text)| text.push_str(line)),
                In::Source => {
                    run.sources
                        .last_mut()
                        .into_iter()
                        .for_each(|(_, text)| _ = text.as_mut().map(|t| t.push_str(line)));
                }
            }
            continue;
        };
        match kind {
            "sizes" => place = In::Sizes,
            "body" => {
                run.bodies.push((name.to_owned(), String::new()));
                place = In::Body;
            }
            "source" | "changed" => {
                let text = (kind == "source").then(String::new);
                run.sources.push((name.to_owned(), text));
                place = In::Source;
            }
            "now" => {
                let sources = Vec::new();
                runs.push(Run { sources, ..Run::default() });
                place = In::Nothing;
            }
            _ => place = In::Nothing,
        }
    }
    for now in 1..runs.len() {
        if runs[now].sources.is_empty() {
            runs[now].sources = runs[now - 1].sources.clone();
        }
    }
    runs
}

/// A kept unit as one run.
pub fn whole(unit: &UnitOutput) -> Run {
    let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    Run {
        sizes: unit.sizes().to_owned(),
        bodies: unit.bodies().map(owned).collect(),
        sources: unit.sources().map(|(name, text)| (name.to_owned(), Some(text.to_owned()))).collect(),
    }
}

/// A kept unit in small pieces: a body of each, what was printed about it, and the file that it is in.
pub fn pieces(unit: &UnitOutput) -> Vec<Run> {
    let mut records: Vec<String> = Vec::new();
    for line in unit.sizes().split_inclusive('\n') {
        if line.contains(" type: `") || records.is_empty() {
            records.push(String::new());
        }
        records.last_mut().into_iter().for_each(|record| record.push_str(line));
    }
    let piece = |(name, text): (&str, &str)| {
        let body = CoroutineBody::parse(text)?;
        let ty = CoroutineName::parse(body.self_ty)?;
        let mut sizes: Vec<&String> =
            records.iter().filter(|record| record.contains(ty.path)).take(4).collect();
        // Of pointers, and what it holds.
        sizes.extend(
            records.iter().filter(|record| record.contains("Box<") || record.contains("NonNull<")).take(3),
        );
        let file = body.span?.file;
        let source = unit.sources().find(|(name, _)| *name == file)?;
        Some(Run {
            sizes: sizes.into_iter().map(String::as_str).collect(),
            bodies: vec![(name.to_owned(), text.to_owned())],
            sources: vec![(file.to_owned(), Some(source.1.to_owned()))],
        })
    };
    unit.bodies().filter_map(piece).collect()
}

//! The joining of dumps and sources, and everything that is made of it: for numbers of any size, in an instant.

use super::edits;
use super::measured::{Run, runs};
use futurelens::features::actions::{candidates, gains};
use futurelens::features::check::{Question, Tolerance, check};
use futurelens::features::current_text::{CurrentTexts, Spot};
use futurelens::features::explain::{ExplainSettings, explain};
use futurelens::features::find::{Meaning, find};
use futurelens::features::hints::{Awaits, HintSettings, hints};
use futurelens::features::hover::{HoverSettings, hover};
use futurelens::features::record::Recording;
use futurelens::features::report::{Choice, Sort, report, table};
use futurelens::features::snapshot::Snapshot;
use futurelens::features::{diagnostics, layout, overview, webpage};
use futurelens::layout::Future;
use futurelens::layout::whatif::{self, Change, Prediction};
use futurelens::render::{PictureOptions, picture, svg};
use futurelens::source::{Outline, TextSize, edited};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

/// The text of one or two runs, see [`measured`](super::measured). If there are two, the sources of the second are
/// the text of today.
pub fn any(text: &str) {
    let runs = runs(text);
    let first = &runs[0];
    let sources: Vec<(&str, &str)> =
        first.sources.iter().filter_map(|(name, text)| Some((name.as_str(), text.as_deref()?))).collect();
    let snapshot = edits::snapshot(first, &sources);
    futures(&snapshot);
    texts(&snapshot, runs.last().unwrap_or(first));
    reports(&snapshot);
}

/// Nothing that is drawn of a future is as large as the future, and all of it is as large as what is in it.
fn is_small(what: &str, drawn: &str, future: &Future) {
    let things: usize = future.states.iter().map(|state| state.held.len() + 1).sum();
    assert!(
        drawn.len() <= (things + 64) * 2048 + 4 * future.ty.len(),
        "{what}: {} bytes for {things} things",
        drawn.len()
    );
}

fn futures(snapshot: &Snapshot) {
    let shared = snapshot.shared_futures();
    for placed in snapshot.futures(true).take(12) {
        let future = &placed.future;
        for (width, cache_line) in [(80, 64), (40, 1), (0, 0), (200, u64::MAX), (120, 1 << 60)] {
            let cache_line = NonZeroU64::new(cache_line);
            let options = PictureOptions { width, cache_line, color: width == 80, ascii: width == 40 };
            is_small("picture", &picture(future, &options), future);
        }
        for cache_line in [64, 1, 0, u64::MAX].map(NonZeroU64::new) {
            is_small("svg", &svg(future, cache_line), future);
            cache_line.map(|line| future.cache_lines(line));
        }
        what_if(future, &shared);
    }
}

fn what_if(future: &Arc<Future>, shared: &[Arc<Future>]) {
    whatif::is_understood(future);
    let mut changes = vec![vec![], vec![Change::DropUpvarCopy]];
    let saved = future.parts.saved.len() as u32;
    for saved in (0..saved).take(3) {
        changes.push(vec![Change::Box { saved }]);
        changes.push(vec![Change::Remove { saved, states: vec![3, 0, 99], beside: vec![0, 1, 99] }]);
        changes.push(vec![Change::Resize { saved, size: u64::MAX, align: 1 << 63 }]);
        changes.push(vec![Change::Resize { saved, size: 48, align: 16 }, Change::Box { saved: 0 }]);
    }
    changes.push(vec![Change::ResizeUpvar { upvar: 0, size: 1 << 60, align: 0 }]);
    changes.push(vec![Change::Box { saved: u32::MAX }]);
    for changes in &changes {
        whatif::predict(future, changes);
    }
    for new in [1, future.size.saturating_add(8), u64::MAX] {
        let new = Prediction { size: new, align: future.align, exact: true };
        let around = whatif::propagate(shared, &future.id, new);
        assert!(around.iter().all(|one| one.id != future.id));
        gains(shared, &future.id, new);
    }
}

fn texts(snapshot: &Snapshot, now: &Run) {
    let today: Vec<(std::path::PathBuf, Outline)> = now
        .sources
        .iter()
        .filter_map(|(name, text)| Some((Path::new("/w").join(name), Outline::new(text.as_deref()?.into()))))
        .collect();
    let link = |_: &Path, line: u32| Some(format!("x:{line}"));
    for (file, outline) in &today {
        let views = snapshot.file(file);
        let text = outline.text();
        for cache_line in [64, 0, u64::MAX].map(NonZeroU64::new) {
            let settings = HintSettings { min_bytes: 0, cache_line, awaits: Awaits::All };
            for hint in hints(views, outline, &settings) {
                assert!(text.is_char_boundary(hint.at.into()));
                assert!(hint.label.len() < 400, "{}", hint.label);
                futurelens::features::hints::tooltip(&hint, snapshot, cache_line);
                futurelens::features::hints::target(&hint);
            }
        }
        let found = diagnostics::diagnostics(snapshot, views, outline, Some(1));
        for one in found.iter().chain(&diagnostics::sizes(views, outline, &HintSettings::default())) {
            assert!(text.get(std::ops::Range::<usize>::from(one.range)).is_some());
            assert!(
                one.related
                    .iter()
                    .all(|(range, _)| text.get(std::ops::Range::<usize>::from(*range)).is_some())
            );
        }
        for (index, markdown) in [(0, true), (1, false), (2, true)] {
            let settings = HoverSettings {
                cache_line: NonZeroU64::new([64, 0, u64::MAX][index]),
                markdown,
                link: &link,
            };
            for site in outline.sites().iter().take(8) {
                let inside = site.range.start() + TextSize::new(u32::from(site.range.len()) / 2);
                for at in [site.token.start(), inside, site.range.end(), TextSize::new(u32::MAX)] {
                    if let Some(hover) = hover(snapshot, views, outline, at, &settings) {
                        assert!(text.get(std::ops::Range::<usize>::from(hover.range)).is_some());
                    }
                    layout::at(snapshot, views, outline, at);
                }
            }
        }
        for candidate in candidates(snapshot, file).iter().take(32) {
            for way in &candidate.ways {
                assert!(edited(candidate.text.text(), way).is_some(), "{way:?}");
            }
        }
    }
    let open = |path: &Path| today.iter().find(|(file, _)| file == path).map(|(_, outline)| outline);
    let today = CurrentTexts::new(snapshot, &open);
    let location = |spot: Spot<'_>| {
        assert!(spot.text.text().get(std::ops::Range::<usize>::from(spot.range)).is_some());
        spot.text.line_col(spot.range.start()).line
    };
    for placed in snapshot.futures(true).take(8) {
        let layout = layout::layout(placed, &today, NonZeroU64::new(64), &location);
        serde_json::to_string(&layout).expect("it is JSON");
        let settings = ExplainSettings { depth: Some(6), full_types: true, ..ExplainSettings::default() };
        explain(&today, &[placed], &settings);
    }
    let circumstances =
        overview::Circumstances { cache_line: None, budget: Some(1), before: &overview::sizes(snapshot) };
    overview::overview(&today, &circumstances, &location);
}

fn reports(snapshot: &Snapshot) {
    for sort in [Sort::Size, Sort::Padding, Sort::Duplicated] {
        let cache_line = NonZeroU64::new(64);
        let choice = Choice { all: true, cache_line, sort, filter: None, needs: true };
        let report = report(snapshot, &choice);
        table(&report, sort);
        if sort == Sort::Size {
            let json = serde_json::to_string(&report).expect("it is JSON");
            webpage::page(&report, "a </script>", NonZeroU64::new(64)).expect("it is JSON");
            let record = Recording::parse(&json).expect("a report was just written");
            assert_eq!(Ok(&record), Recording::of(&report).as_ref());
            let question = Question {
                snapshot,
                record: &record,
                budget: Some(1),
                baseline: None,
                tolerance: Tolerance::Bytes(0),
            };
            check(&question).text();
            if let Some(first) = report.futures.first() {
                match find(snapshot, first.id) {
                    Meaning::One(found) | Meaning::Ambiguous(found) => assert!(!found.is_empty()),
                    Meaning::Inside(_) | Meaning::Unknown(_) => panic!("`{}` is not found", first.id),
                }
                find(snapshot, "é");
            }
        }
    }
}

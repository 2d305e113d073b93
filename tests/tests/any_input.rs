//! What is read may be anything: the functions that fuzzers run (`tests/fuzz`), over what the real compiler printed
//! about the fixtures, changed at random.

use futurelens::compiler::UnitOutput;
use futurelens_tests::kept;
use proptest::prelude::*;
use std::sync::OnceLock;

#[allow(dead_code, reason = "fuzz targets have a use for the rest")]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use fuzz::measured::{self, Run};
use fuzz::{dumps, edits, front, kept as disk, layouts, messages, mutate};

/// What is known of the fixtures.
struct Real {
    /// A body of each, and what belongs to it.
    pieces: Vec<Run>,
    /// Of each fixture all there is.
    whole: Vec<Run>,
    /// A report and a baseline.
    report: String,
    baseline: String,
    index: String,
}

fn real() -> &'static Real {
    static REAL: OnceLock<Real> = OnceLock::new();
    REAL.get_or_init(|| {
        let kept = ["article", "why"].map(kept::of);
        let units = kept.iter().flat_map(|kept| &kept.units);
        let units: Vec<UnitOutput> =
            units.map(|file| UnitOutput::read(file).expect("it was just written")).collect();
        Real {
            pieces: units.iter().flat_map(measured::pieces).collect(),
            whole: units.iter().map(measured::whole).collect(),
            report: kept[0].report.clone(),
            baseline: kept[0].baseline.clone(),
            index: std::fs::read_to_string(&kept[0].index).expect("it was just written"),
        }
    })
}

fn piece(at: usize) -> &'static Run {
    let pieces = &real().pieces;
    &pieces[at % pieces.len()]
}

#[test]
fn what_the_compiler_printed_is_read_whole() {
    for run in &real().whole {
        dumps::sizes(&run.sizes);
        run.bodies.iter().for_each(|(_, text)| dumps::body(text));
        assert_eq!(measured::runs(&run.text()), std::slice::from_ref(run));
        messages::printed(&run.text());
        layouts::any(&run.text());
    }
    assert!(real().pieces.len() > 30, "most bodies make a piece");
    disk::record(&format!("{}%%%{}", real().report, real().report));
    disk::record(&format!("{}%%%{}", real().baseline, real().baseline));
    disk::index(&real().index);
}

/// What a fuzzer found. Names may begin and end in what is trimmed elsewhere.
#[test]
fn names_with_white_space_around_them() {
    let text = piece(0).text();
    assert!(text.contains("type: `{static "));
    for odd in ["\u{c}", "\u{85}", "()"] {
        layouts::any(&text.replace("type: `{static ", &format!("type: `{odd}static ")));
        layouts::any(&text.replace("}`: ", &format!("}}{odd}`: ")));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn dumps_that_came_to_harm(at: usize, seed: u64) {
        let run = piece(at);
        dumps::sizes(&mutate::text(&run.sizes, seed));
        dumps::body(&mutate::text(&run.bodies[0].1, seed));
    }

    #[test]
    fn dep_info_of_any_names(names in prop::collection::vec("[a-z /\\\\.:é]{1,12}", 0..6), seed: u64) {
        dumps::dep_info(&names.join("\n"));
        dumps::dep_info(&mutate::text("/t/a\\ b.d: src/lib.rs src/b\\ c.rs\n\nsrc/lib.rs:\n", seed));
    }

    #[test]
    fn what_is_kept_is_right_or_an_error(damage in prop::collection::vec(any::<u8>(), 0..24), at: usize) {
        let mut data = damage;
        data.resize(24, 0);
        data.extend(piece(at).text().bytes().take(2000));
        disk::damaged_unit(&data);
        disk::unit(&data);
    }

    #[test]
    fn reports_and_baselines_that_came_to_harm(seed: u64) {
        let Real { report, baseline, index, .. } = real();
        disk::record(&format!("{}%%%{}", mutate::text(baseline, seed), mutate::text(baseline, seed / 2)));
        disk::record(&mutate::text(&report[..report.floor_char_boundary(4000)], seed));
        disk::index(&mutate::text(index.lines().nth(2).unwrap_or_default(), seed));
    }

    #[test]
    fn runs_put_over_each_other(at: usize, seed: u64) {
        let text = format!("{}%%% now\n{}", piece(at).text(), mutate::text(&piece(at).text(), seed));
        messages::printed(&text);
        messages::json(&mutate::text(r#"{"level":"error","message":"é","spans":[{"file_name":"a","line_start":1}]}"#, seed));
    }

    #[test]
    fn bytes_at_the_front_door(data in prop::collection::vec(any::<u8>(), 0..200), text in "(Content-Length: ?[0-9]{0,3}\r\n|\r\n|[a-z{}:\" ]){0,12}") {
        front::bytes(&data);
        front::bytes(text.as_bytes());
    }

    #[test]
    fn messages_at_the_front_door(data in prop::collection::vec(any::<u8>(), 0..600)) {
        front::messages(&data);
    }
}

// Each of these takes tenths of a second without optimization.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn texts_and_edits(choices in prop::collection::vec(any::<u8>(), 0..60), at: usize, seed: u64) {
        let (_, source) = &piece(at).sources[0];
        let source = source.as_deref().unwrap_or_default();
        let from = source.floor_char_boundary(at % source.len().max(1));
        let part = &source[from..source.floor_char_boundary((from + 1500).min(source.len()))];
        let mut data = choices;
        data.extend(mutate::text(part, seed).into_bytes());
        edits::any(&data);
    }

    #[test]
    fn layouts_of_any_size(at: usize, seed: u64) {
        layouts::any(&mutate::text(&piece(at).text(), seed));
        let today = mutate::text(piece(at).sources[0].1.as_deref().unwrap_or_default(), seed);
        layouts::any(&format!("{}%%% now\n%%% source {}\n{today}", piece(at).text(), piece(at).sources[0].0));
    }
}

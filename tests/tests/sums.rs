//! Bytes of a state add up: held + tag + padding + free = size, of every future, in every place that shows them.
//!
//! Texts are read as a user reads them.

use futurelens::features::current_text::CurrentTexts;
use futurelens::features::explain::{ExplainSettings, explain};
use futurelens::features::report::{Choice, report};
use futurelens::features::snapshot::{PrintedTexts, PrintedUnit, Snapshot};
use futurelens::features::webpage;
use futurelens::render::svg;
use futurelens_tests::binary::fixture;
use futurelens_tests::editor::{Editor, Moment, Setup};
use futurelens_tests::project::{PENDING_ONCE, Project};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a state's bytes are there for: held, tag, padding, free.
type Bytes = [u64; 4];

/// States by name.
type States = BTreeMap<String, Bytes>;

/// How many numbers were looked at, by where they stand.
type Seen = BTreeMap<&'static str, usize>;

/// The first number in a text: `1,234`.
fn number(text: &str) -> Option<u64> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let digits = text[start..].chars().take_while(|&c| c.is_ascii_digit() || c == ',');
    digits.filter(char::is_ascii_digit).collect::<String>().parse().ok()
}

/// The number behind a word.
fn after(text: &str, word: &str) -> u64 {
    text.split_once(word).and_then(|(_, rest)| number(rest)).unwrap_or(0)
}

/// The word in front of these, read as a number.
fn before(text: &str, words: &str) -> u64 {
    let word = text.split_once(words).and_then(|(text, _)| text.split(' ').next_back());
    word.and_then(number).unwrap_or(0)
}

/// What a report or a layout says of a future's states. The things held are what is held.
#[track_caller]
fn states(future: &Value, seen: &mut Seen) -> States {
    let size = future["size"].as_u64().expect("a number");
    let mut states = States::new();
    for state in future["states"].as_array().expect("a list") {
        let bytes =
            ["held", "tag", "padding", "free"].map(|key| state["bytes"][key].as_u64().expect("a number"));
        assert_eq!(bytes.iter().sum::<u64>(), size, "{state:#}");
        let things = state["held"].as_array().expect("a list").iter();
        let held: u64 = things.map(|held| held["size"].as_u64().expect("a number")).sum();
        assert_eq!(held, bytes[0], "{state:#}");
        assert_eq!(bytes[1], future["discriminant"], "{state:#}");
        // Alone it would be no smaller than what is in it, and no larger than all.
        if let Some(needs) = state["needs"].as_u64() {
            assert!((held + bytes[1]..=size).contains(&needs), "{needs} of {size}: {state:#}");
            *seen.entry("needs").or_default() += 1;
        }
        states.insert(state["name"].as_str().expect("a name").to_owned(), bytes);
        *seen.entry("state").or_default() += 1;
    }
    // Tag and padding are the same in all.
    let same: BTreeSet<[u64; 2]> = states.values().map(|[_, tag, padding, _]| [*tag, *padding]).collect();
    assert!(same.len() <= 1, "{states:?}");
    states
}

/// Reads what `explain` or a hover says about a future of this size.
#[track_caller]
fn text(text: &str, size: u64, states: &States, seen: &mut Seen) {
    let plain = text.replace(['`', '*'], "");
    let lines: Vec<&str> = plain.lines().collect();
    let any = states.values().next().copied().unwrap_or_default();
    let (mut tag, mut padding) = (0, 0);
    for (at, line) in lines.iter().enumerate() {
        if let Some((_, said)) =
            line.strip_prefix("Held across this await of ").and_then(|l| l.rsplit_once(": "))
        {
            let held = number(said).expect("bytes");
            assert_eq!(after(said, " of "), size, "{line}");
            let is_over = |line: &str| line.starts_with("Held across") || line.starts_with("Futures in it");
            let rest = lines[at + 1..].iter().take_while(|line| !is_over(line));
            // What is polled together is in what is held.
            let listed = rest.clone().skip_while(|line| !line.starts_with("Largest first"));
            let listed = listed.filter(|line| line.starts_with("- "));
            assert_eq!(listed.map(|line| number(line).expect("bytes")).sum::<u64>(), held, "{plain}");
            let rest = rest.clone().find(|line| line.starts_with("And ")).unwrap_or(&"");
            let rest = ["tag ", "padding ", "free "].map(|word| after(rest, word));
            assert_eq!(held + rest.iter().sum::<u64>(), size, "{plain}");
            let all = [held, rest[0], rest[1], rest[2]];
            assert!(states.values().any(|bytes| *bytes == all), "{all:?}: {states:?}\n{plain}");
            *seen.entry("await").or_default() += 1;
        }
        if line.starts_with("Tag: ") || line.starts_with("Padding: ") {
            (tag, padding) = (after(line, "Tag: "), after(line, "Padding: "));
            assert_eq!([tag, padding], [any[1], any[2]], "{plain}");
        }
    }
    for line in lines.iter().filter(|line| line.starts_with("- ") && line.contains(" B held")) {
        let (held, free) = (before(line, " B held"), before(line, " B free"));
        assert_eq!(held + tag + padding + free, size, "{line}\n{plain}");
        *seen.entry("list").or_default() += 1;
    }
    // The picture: a bar between two rules, and the bytes held.
    for line in lines.iter().filter(|line| line.contains('│')) {
        let (label, _) = line.split_once('│').expect("a rule");
        let (_, held) = line.rsplit_once('│').expect("a rule");
        let name: String = label.chars().take_while(char::is_ascii_alphanumeric).collect();
        let bytes = states.get(&name).unwrap_or_else(|| panic!("no state {name}: {states:?}"));
        assert_eq!(number(held), Some(bytes[0]), "{line}\n{plain}");
        *seen.entry("bar").or_default() += 1;
    }
    if let Some(line) = lines.iter().find(|line| line.contains(" B in every state")) {
        assert_eq!(before(line, " B in every state"), any[2], "{plain}");
        *seen.entry("legend").or_default() += 1;
    }
}

/// Reads the titles of a drawing.
fn drawing(drawn: &str, size: u64, seen: &mut Seen) {
    for title in drawn.split("<g><title>").skip(1).filter_map(|rest| rest.split_once("</title>")) {
        let said = title.0.split_once(": ").expect("names and bytes").1;
        let sum =
            before(said, " B held") + after(said, "tag ") + after(said, "padding ") + after(said, "free ");
        assert_eq!(sum, size, "{}", title.0);
        *seen.entry("drawing").or_default() += 1;
    }
}

/// Reads the page's data.
fn page(page: &str, seen: &mut Seen) {
    let data = page.split_once(r#"id="data">"#).and_then(|(_, page)| page.split_once("</script>"));
    let data: Value = serde_json::from_str(data.expect("it has data").0).expect("it is JSON");
    for future in data["futures"].as_array().expect("a list") {
        let number = |value: &Value| value.as_u64().expect("a number");
        for state in future[13].as_array().expect("a list") {
            let things: u64 = state[5].as_array().expect("a list").iter().map(|held| number(&held[3])).sum();
            assert_eq!(things, number(&state[1]), "{state}");
            let sum = things + number(&future[10]) + number(&future[11]) + number(&state[2]);
            assert_eq!(sum, number(&future[8]), "{state}");
            *seen.entry("page").or_default() += 1;
        }
    }
}

#[derive(Debug)]
struct Golden {
    sizes: String,
    bodies: Vec<(String, String)>,
}

impl PrintedTexts for Golden {
    fn sizes(&self) -> Option<Cow<'_, str>> {
        Some(self.sizes.as_str().into())
    }

    fn body(&self, index: usize) -> Option<Cow<'_, str>> {
        Some(self.bodies[index].1.as_str().into())
    }
}

/// What compilers of each dialect printed: no compiler runs here.
const LINE: Option<std::num::NonZeroU64> = std::num::NonZeroU64::new(64);

#[test]
fn of_every_dialect() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/golden");
    let entries = |folder: &Path| -> Vec<PathBuf> {
        folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
    };
    let read = |file: &Path| fs::read_to_string(file).expect("a text");
    let source = read(&folder.join("source.rs"));
    let mut seen = Seen::new();
    for of_one in entries(&folder).into_iter().filter(|path| path.is_dir()) {
        let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut bodies: Vec<PathBuf> = entries(&of_one);
        bodies.retain(|file| file.extension().is_some_and(|is| is == "mir"));
        let golden = Golden {
            sizes: read(&of_one.join("sizes.txt")),
            bodies: bodies.iter().map(|file| (name(file), read(file))).collect(),
        };
        let names: Vec<String> = golden.bodies.iter().map(|(name, _)| name.clone()).collect();
        let unit = PrintedUnit {
            package: "golden",
            origin: &"golden-1".into(),
            stamp: 1,
            krate: "golden",
            unit: "lib",
            edition: "2021",
            rust_version: None,
            dir: Path::new("/w"),
            texts: Arc::new(golden),
            bodies: names.iter().zip(0..).map(|(name, at)| (name.as_str(), at)).collect(),
            sources: vec![("src/lib.rs", &source)],
            without: &[],
        };
        let snapshot = Snapshot::default().updated(&[unit], &["golden-1".into()].into(), BTreeSet::new());
        let choice = Choice { all: true, cache_line: LINE, needs: true, ..Choice::default() };
        let report = report(&snapshot, &choice);
        page(&webpage::page(&report, "golden", LINE).expect("it is JSON"), &mut seen);
        let report = serde_json::to_value(report).expect("it is JSON");
        let today = CurrentTexts::new(&snapshot, &|_| None);
        for future in report["futures"].as_array().expect("a list") {
            let states = states(future, &mut seen);
            let placed = snapshot.future(future["id"].as_str().expect("a text")).expect("it is there");
            let explained = explain(&today, &[placed], &ExplainSettings::default());
            text(&explained, placed.future.size, &states, &mut seen);
            drawing(&svg(&placed.future, LINE), placed.future.size, &mut seen);
        }
    }
    assert_eq!(
        seen.keys().copied().collect::<Vec<_>>(),
        ["await", "bar", "drawing", "legend", "list", "needs", "page", "state"]
    );
    assert!(seen.values().all(|&seen| seen >= 7 * 3), "of seven compilers: {seen:?}");
}

/// Layouts, explanations and hovers of an editor.
#[test]
fn of_every_fixture() {
    for name in ["article", "places", "why"] {
        let project = Project::copy_of(&fixture(name));
        let file = project.root().join("src/lib.rs");
        // The texts of all files are on the disk as they were measured.
        let mut editor = Editor::open(project.root(), Setup::default());
        editor.did_open(&file);
        editor.wait_for_work(Moment::start());
        let report = editor.request("futurelens/report", json!({}));
        let mut seen = Seen::new();
        for future in report["workspaces"][0]["futures"].as_array().expect("a list") {
            let layout = editor.request("futurelens/layout", json!({ "id": future["id"] }));
            let states = states(&layout, &mut seen);
            let size = layout["size"].as_u64().expect("a number");
            text(layout["text"].as_str().expect("a text"), size, &states, &mut seen);
            for state in layout["states"].as_array().into_iter().flatten() {
                let at = &state["location"];
                if layout["instances"].as_array().is_some_and(|all| all.len() > 1)
                    || !at["uri"].as_str().is_some_and(|uri| uri.ends_with("src/lib.rs"))
                {
                    continue;
                }
                let at = &at["range"]["start"];
                let place = |key: &str| at[key].as_u64().expect("a number") as usize;
                let hover = editor.hover(&file, (place("line"), place("character")));
                let Some(hover) = hover.filter(|hover| hover.text.contains("Held across this await")) else {
                    continue;
                };
                let name = layout["name"].as_str().expect("a text");
                // Of futures in each other that wait there the innermost is shown.
                if hover.text.contains(&format!("of `{name}`")) {
                    text(&hover.text, size, &states, &mut seen);
                    *seen.entry("hover").or_default() += 1;
                }
            }
        }
        editor.exit();
        assert!(seen["state"] > 100 && seen["await"] > 20 && seen["bar"] > 50, "{name}: {seen:?}");
        assert!(name != "why" || seen["hover"] > 20, "{seen:?}");
    }
}

/// The numbers by hand: `small` of 40 and `large` of 400 bytes are held across one await each, beside `kept`.
#[test]
fn by_hand() {
    const LIB: &str = "\
pub async fn two() {
    let kept = std::hint::black_box([1u8; 8]);
    {
        let small = std::hint::black_box([1u8; 40]);
        PendingOnce(false).await;
        std::hint::black_box(&small);
    }
    {
        let large = std::hint::black_box([1u64; 50]);
        PendingOnce(false).await;
        std::hint::black_box(&large);
    }
    std::hint::black_box(&kept);
}
";
    let project = Project::lib("two", &format!("{LIB}{PENDING_ONCE}"));
    let file = project.root().join("src/lib.rs");
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    editor.wait_for_work(Moment::start());
    let position = json!({ "line": 0, "character": 14 });
    let uri = futurelens_tests::editor::uri(&file);
    let layout =
        editor.request("futurelens/layout", json!({ "textDocument": { "uri": uri }, "position": position }));
    // `kept`, the tag and the awaited one are 10; `large` is aligned, at 16. The 6 between are of `small` in its state.
    assert_eq!(layout["size"], 416, "{layout:#}");
    let seen = &mut Seen::new();
    let states = states(&layout, seen);
    assert_eq!(states["Unresumed"], [0, 1, 0, 415]);
    assert_eq!(states["Suspend0"], [49, 1, 0, 366], "kept 8, small 40, 1 awaited");
    assert_eq!(states["Suspend1"], [409, 1, 0, 6], "kept 8, large 400, 1 awaited");
    let needs: Vec<&Value> =
        layout["states"].as_array().expect("a list").iter().map(|state| &state["needs"]).collect();
    assert_eq!(needs, [&Value::Null, &json!(50), &json!(416), &Value::Null, &Value::Null], "{layout:#}");
    let said = "The largest state (line 10) decides the size: shrinking what it does not hold saves nothing; \
                the next largest (line 5) needs 366 B less (predicted).";
    assert!(layout["text"].as_str().is_some_and(|text| text.contains(said)), "{layout:#}");
    for (line, held) in [(4, "49"), (9, "409")] {
        let hover = editor.hover(&file, (line, 28)).expect("an await").text;
        assert!(hover.contains(&format!("line {}: **{held}** of 416 bytes", line + 1)), "{hover}");
        assert!(hover.contains(said), "{hover}");
        text(&hover, 416, &states, seen);
    }
    editor.exit();
}

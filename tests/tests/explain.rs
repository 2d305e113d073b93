//! `explain` and the parts of `report` that go with it: names, trees, widths, order and filter.

use futurelens_tests::binary::{Run, fixture, futurelens, has, run};
use futurelens_tests::project::Project;
use futurelens_tests::report::report;

/// Beside the article: two futures of one name, and one that is handed on as an argument.
const MORE: &str = "
use std::future::Future;
pub mod left {
    pub async fn twin() {}
}
pub mod right {
    pub async fn twin() {}
}
pub async fn pass<F: Future>(future: F) -> F::Output {
    future.await
}
pub async fn tower() {
    pass(pass(pass(crate::locals::empty()))).await
}
";

fn explain(article: &Project, arguments: &[&str]) -> Run {
    let [name, options @ ..] = arguments else { panic!("a name") };
    run(futurelens().arg("explain").arg(name).arg(article.root()).args(options))
}

#[test]
fn explains() {
    let article = Project::copy_of(&fixture("article"));
    let lib = article.read("src/lib.rs");
    article.write("src/lib.rs", &format!("{lib}pub mod more;\n")).write("src/more.rs", MORE);
    names(&article);
    depth(&article);
    doubling(&article);
    widths(&article);
    order_and_filter(&article);
    pictures(&article);
}

fn pictures(article: &Project) {
    let run = explain(article, &["keeps", "--format", "svg"]).expect_success();
    has(&run.stdout, &["<svg xmlns=", "async fn ", "515 B, 9 cache lines of 64 B", "</svg>"]);
    has(&run.stderr, &["the largest of 3 instances is drawn"]);
    let file = article.root().join("keeps.svg");
    let by_type = explain(article, &["large_future", "--format", "svg", "--output", &file.to_string_lossy()]);
    assert_eq!(by_type.expect_success().stdout, "");
    has(&article.read("keeps.svg"), &["page: 4,096 B at 1"]);
}

fn names(article: &Project) {
    let by_path = explain(article, &["boxes::large_future"]).expect_success().stdout;
    has(&by_path, &["src/boxes.rs:11", "async fn boxes::large_future: 4,099 bytes, 65 cache lines"]);
    has(&by_path, &["Held across this await of boxes::large_future, line 13: 4,098 of 4,099 bytes"]);
    has(&by_path, &["4,096 B at 1: local page: [u8; 4096], line 12; used later, line 14"]);
    for name in
        ["large_future", "large_future()", "{async fn body of boxes::large_future()}", "src/boxes.rs:11"]
    {
        assert_eq!(explain(article, &[name]).expect_success().stdout, by_path, "{name}");
    }
    // All instances of a generic one.
    let text = explain(article, &["keeps"]).expect_success().stdout;
    has(&text, &["3 instances, largest first", "515 B T = [u8; 256]", "24 B T = u64", "5 B T = u8"]);

    for (name, said) in [
        ("twin", &["`twin` is the name of 2 futures", "more::left::twin", "more::right::twin"][..]),
        ("twin", &["src/more.rs:4", "src/more.rs:7"]),
        ("large_futur", &["no future is called `large_futur`", "boxes::large_future"]),
        ("BOXES::LARGE_FUTURE", &["no future is called", "boxes::large_future"]),
        ("level", &["nesting::level_0"]),
        ("src/boxes.rs:12", &["no future"]),
        ("xyzzy", &["no future is called `xyzzy`", "futurelens report"]),
        ("", &["no future"]),
    ] {
        let failed = explain(article, &[name]);
        assert_eq!((failed.code, failed.stdout.as_str()), (Some(2), ""), "{name}: {failed:?}");
        has(&failed.stderr, said);
    }
    // A name that is the end of another's is not ambiguous if it is whole.
    let text = explain(article, &["more::left::twin"]).expect_success().stdout;
    has(&text, &["src/more.rs:4", "1 byte"]);
}

/// What comes after the heading of the tree.
fn tree_of(text: &str) -> Vec<&str> {
    let (_, tree) = text.split_once("Futures stored in it:\n").expect("there is a tree");
    let lines = tree.lines().filter(|line| line.contains("{async"));
    lines.collect()
}

/// The bytes of a row of the tree: in total, and its own.
#[track_caller]
fn bytes(line: &str) -> (u64, u64) {
    let mut numbers = line.split(" B").map(|part| part.trim().replace(',', "").parse());
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or_else(|| panic!("two sizes in {line:?}"));
    (next(), next())
}

fn depth(article: &Project) {
    let text = explain(article, &["level_5", "--depth", "9"]).expect_success().stdout;
    let tree = tree_of(&text);
    // One byte a level, down to the one that holds a byte of its own, and what all of them wait for.
    let sizes: Vec<(u64, u64)> = tree.iter().map(|line| bytes(line)).collect();
    assert_eq!(sizes, [(9, 1), (8, 1), (7, 1), (6, 1), (5, 1), (4, 2), (2, 2)], "{text}");
    for (line, name) in tree.iter().zip(["level_5", "level_4", "level_3", "level_2", "level_1", "level_0"]) {
        has(line, &[name, "nesting.rs:"]);
    }
    for depth in [0, 2] {
        let text = explain(article, &["level_5", "--depth", &depth.to_string()]).expect_success().stdout;
        // The root, those below it, and the names of the next ones.
        let lines = tree_of(&text).len();
        assert!((depth + 1..=depth + 2).contains(&lines), "{depth}:\n{text}");
    }
    let without = explain(article, &["level_5"]).expect_success().stdout;
    assert!(!without.contains("Futures stored in it"), "{without}");
}

/// A future that is handed on as an argument is there twice: where it came in, and where it is awaited.
fn doubling(article: &Project) {
    let text = explain(article, &["tower", "--depth", "9"]).expect_success().stdout;
    let tree = tree_of(&text);
    let sizes: Vec<u64> = tree.iter().map(|line| bytes(line).0).collect();
    assert_eq!(sizes[0], 16, "{text}");
    for (size, times) in [(15, 1), (7, 2), (3, 4), (1, 8)] {
        assert_eq!(sizes.iter().filter(|found| **found == size).count(), times, "{size}:\n{text}");
    }
    assert_eq!(sizes.len(), 16, "{text}");
    // A level adds its byte to the two copies of what came in.
    assert!(tree[1..].iter().all(|line| bytes(line).1 == 1), "{text}");
    let wide = explain(article, &["tower", "--depth", "9", "--width", "200"]).expect_success().stdout;
    let arguments = tree_of(&wide).iter().filter(|line| line.contains("argument or capture")).count();
    assert_eq!(arguments, 7, "half of those below the first are where they came in:\n{wide}");
    let report = report::<&str>(article.root(), &[]);
    let mut passes: Vec<(u64, u64)> =
        report.futures.iter().filter(|f| f.last_name() == "pass").map(|f| (f.size, f.duplicated)).collect();
    passes.sort_unstable();
    assert_eq!(passes, [(3, 1), (7, 3), (15, 7)]);
}

fn widths(article: &Project) {
    // The smallest, a large one, one with many things, and a tree.
    for name in ["empty", "stores_argument", "keeps_several", "tower"] {
        for width in [80, 120] {
            let columns = width.to_string();
            let options = [name, "--depth", "9", "--width", &columns];
            let text = explain(article, &options).expect_success().stdout;
            for line in drawn(&text) {
                assert!(line.chars().count() <= width, "{width} columns: {line:?} in\n{text}");
            }
            let text = explain(article, &[&options[..], &["--ascii"]].concat()).expect_success().stdout;
            for line in drawn(&text) {
                assert!(line.is_ascii() && line.len() <= width, "{width} columns: {line:?} in\n{text}");
            }
        }
    }
    // A wider picture says more: it is not only cut.
    let drawn_at = |width| explain(article, &["stores_argument", "--width", width]).expect_success().stdout;
    assert!(drawn(&drawn_at("120")).any(|line| line.chars().count() > 80), "{}", drawn_at("120"));
    // Nobody asked for colour.
    assert!(!drawn_at("80").contains('\u{1b}'));

    let short = explain(article, &["tower"]).expect_success().stdout;
    let full = explain(article, &["tower", "--full"]).expect_success().stdout;
    let path = "more::pass<{async fn body of more::pass<{async fn body of locals::empty()}>()}>()";
    has(&full, &[path]);
    assert!(!short.contains(path), "{short}");
}

/// The lines of pictures and trees: sentences are for the terminal to break.
fn drawn(text: &str) -> impl Iterator<Item = &str> {
    let (_, picture) = text.split_once(" cache lines of 64 B").unwrap_or_else(|| {
        text.split_once(" cache line of 64 B").unwrap_or_else(|| panic!("no picture in:\n{text}"))
    });
    let (picture, _) = picture.split_once("\nrelease · ").expect("a line says what was measured");
    let tree = text.split_once("Futures stored in it:\n").map_or("", |(_, tree)| tree);
    // The first line began before what was split off.
    picture.lines().skip(1).chain(tree.lines())
}

fn order_and_filter(article: &Project) {
    let by_padding = report(article.root(), &["--sort", "padding"]);
    let padding: Vec<u64> = by_padding.futures.iter().map(|future| future.padding).collect();
    assert!(padding.is_sorted_by(|a, b| a >= b), "{padding:?}");
    // 96 and 32 bytes, of which 83 and 19 are in use; equal ones by size.
    let first = by_padding.futures[..2].iter().map(|future| (future.padding, future.last_name()));
    assert_eq!(first.collect::<Vec<_>>(), [(13, "keeps_ordered"), (13, "with_u128")]);

    let by_duplicated = report(article.root(), &["--sort", "duplicated"]);
    let duplicated: Vec<u64> = by_duplicated.futures.iter().map(|future| future.duplicated).collect();
    assert!(duplicated.is_sorted_by(|a, b| a >= b), "{duplicated:?}");
    let first = &by_duplicated.futures[0];
    assert_eq!((first.duplicated, first.last_name()), (8192, "stores_argument"));
    assert_eq!(by_duplicated.facts(), by_padding.facts(), "an order leaves nothing out");

    for (filter, count) in [("level_", 6), ("src/nesting.rs", 6), ("nesting::*_5", 1), ("*", 0), ("none", 0)]
    {
        let found = report(article.root(), &["--filter", filter]).futures;
        if filter == "*" {
            assert_eq!(found.len(), by_padding.futures.len());
        } else {
            assert_eq!(found.len(), count, "{filter}: {found:#?}");
        }
    }
    let table = |arguments: &[&str]| {
        run(futurelens().arg("report").arg(article.root()).args(arguments)).expect_success().stdout
    };
    let text = table(&["--sort", "duplicated", "--filter", "stores_argument"]);
    has(text.lines().next().unwrap_or_default(), &["stored twice"]);
    has(&text, &["16,387", "8,192", "src/arguments.rs:11"]);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert_eq!(table(&["--filter", "none"]), "");
}

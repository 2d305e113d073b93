//! Hovers: what a future is made of, what an await holds, and nothing at all where there is nothing to
//! say.

use futurelens_tests::binary::has;
use futurelens_tests::editor::{Editor, Hover, Moment, Setup, place_of, text_at, uri};
use futurelens_tests::project::{PENDING_ONCE, Project, manifest};
use std::path::PathBuf;

const LIB: &str = "\
mod inner;

pub async fn outer(name: [u8; 400]) {
    let buffer = std::hint::black_box([1u8; 600]);
    let count = std::hint::black_box(1u64);
    inner::stored(3).await;
    parcel::deliver().await;
    std::hint::black_box((&buffer, &count, &name));
}

pub async fn shifted() {
    outer([1; 400]).await;
}

pub async fn generic<T>(value: T) {
    inner::stored(4).await;
    std::hint::black_box(&value);
}

pub async fn instances() {
    generic([2u8; 64]).await;
    generic(2u8).await;
}

pub async fn block() {
    let task = async move {
        let inside = std::hint::black_box([1u8; 40]);
        inner::stored(5).await;
        std::hint::black_box(&inside);
    };
    task.await;
}

macro_rules! wait {
    ($future:expr) => {
        $future.await
    };
}

pub async fn in_macro() {
    let kept = std::hint::black_box([1u8; 32]);
    println!(\"{:?}\", inner::stored(6).await);
    wait!(inner::stored(7));
    std::hint::black_box(&kept);
}

pub static MAKE: fn() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = || {
    Box::pin(async {
        inner::stored(8).await;
    })
};

pub async fn with_closure() {
    let closure = async |x: u8| inner::stored(x).await;
    closure(9).await;
}

pub struct Marked<const MARK: char>([u8; 30]);

pub async fn r#match(r#in: Marked<'`'>, __bold__: Marked<'*'>) {
    let r#type = Marked::<'['>(std::hint::black_box([1; 30]));
    inner::stored(10).await;
    std::hint::black_box((&r#type.0, &r#in.0, &__bold__.0));
}
";

const INNER: &str = "
pub async fn stored(value: u8) {
    PendingOnce(false).await;
    std::hint::black_box(&value);
}
";

/// A crate beside the workspace: a dependency, although it is on the same disk.
const PARCEL: &str = "
pub async fn deliver() {
    let address = std::hint::black_box([1u8; 20]);
    PendingOnce(false).await;
    std::hint::black_box(&address);
}
";

struct Session {
    project: Project,
    lib: PathBuf,
    editor: Editor,
}

impl Session {
    fn open(project: Project, formats: &[&'static str]) -> Self {
        let lib = project.root().join("src/lib.rs");
        let setup = Setup { hover_formats: formats.to_vec(), ..Setup::default() };
        let mut editor = Editor::open(project.root(), setup);
        editor.did_open(&lib);
        // Not only for the first sizes: instances of generic futures come last.
        editor.wait_for_work(Moment::start());
        Self { project, lib, editor }
    }

    /// The hover at the place of a needle in the library's text on disk, `after` characters into it.
    #[track_caller]
    fn at(&mut self, needle: &str, after: usize) -> Option<Hover> {
        let (line, character) = place_of(LIB, needle);
        self.editor.hover(&self.lib, (line, character + after))
    }

    #[track_caller]
    fn text_at(&mut self, needle: &str, after: usize) -> String {
        self.at(needle, after).unwrap_or_else(|| panic!("no hover at {needle:?}")).text
    }
}

fn project() -> Project {
    let project = Project::empty();
    let dependency = "[dependencies]\nparcel = { path = \"../parcel\" }\n";
    let manifest_of = |name| manifest(name).replace("2021", "2024");
    project
        .write("Cargo.toml", &format!("{}\n{dependency}", manifest_of("demo")))
        .write("src/lib.rs", LIB)
        .write("src/inner.rs", &format!("{INNER}{PENDING_ONCE}"))
        .write(
            "src/orphan.rs",
            &format!("pub async fn orphan() {{ PendingOnce(false).await }}{PENDING_ONCE}"),
        )
        .write("../parcel/Cargo.toml", &manifest_of("parcel").replace("0.0.0", "1.2.3"))
        .write("../parcel/src/lib.rs", &format!("{PARCEL}{PENDING_ONCE}"));
    project
}

/// The one line with this in it.
#[track_caller]
fn line_with<'a>(text: &'a str, wanted: &str) -> &'a str {
    let found: Vec<&str> = text.lines().filter(|line| line.contains(wanted)).collect();
    assert_eq!(found.len(), 1, "one line with {wanted:?} in:\n{text}");
    found[0]
}

/// Nothing in source text is taken for markup: outside of fences every backtick has its partner in its
/// line, and what is between them is all that can hold a star, a bracket or two underscores.
#[track_caller]
fn is_harmless(markdown: &str) {
    let mut fenced = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        assert_eq!(line.matches('`').count() % 2, 0, "{line}\nin:\n{markdown}");
        let outside: String = line.split('`').step_by(2).collect();
        let outside = outside.replace("**", "").replace("](file://", "");
        for markup in ["*", "__", "<", "]("] {
            assert!(!outside.contains(markup), "{markup:?} in {line}\nin:\n{markdown}");
        }
    }
    assert!(!fenced, "a fence ends:\n{markdown}");
}

#[test]
fn markdown() {
    let mut session = Session::open(project(), &["markdown", "plaintext"]);
    on_a_fn(&mut session);
    on_an_await(&mut session);
    on_blocks_and_generics(&mut session);
    in_unusual_places(&mut session);
    unusual_names(&mut session);
    nowhere(&mut session);
    after_edits(&mut session);
    session.editor.exit();
}

fn on_a_fn(session: &mut Session) {
    let hover = session.at("outer(name", 0).expect("the name has a hover");
    assert_eq!(hover.kind, "markdown");
    assert_eq!(text_at(LIB, hover.range), "outer");
    let text = hover.text;
    is_harmless(&text);
    has(&text, &["async fn", "`outer`", "aligned to 8", "23 cache lines", "release", "nightly"]);
    // 400 + 400 + 600 + 8, the discriminant rounded up to 8, and the 22 of the larger await, likewise.
    has(&text, &["**1,440 bytes**"]);
    has(line_with(&text, "line 6 "), &["stored()"]);
    has(line_with(&text, "line 7 "), &["deliver()"]);
    // The largest first, and only once.
    let largest = text.find("600 B (42 %) local `buffer`").expect("the largest thing is listed");
    let smaller = text.find("400 B (28 %) argument `name`").expect("the argument is listed");
    assert!(largest < smaller, "{text}");
    has(line_with(&text, "`buffer`"), &["[u8; 600]", "line 4"]);
    has(&text, &["Stored twice", "400 B: `name`", "Padding: 9 B"]);

    // The picture, where columns keep their places.
    let (_, picture) = text.split_once("```text\n").expect("there is a picture");
    let (picture, _) = picture.split_once("\n```").expect("it ends");
    has(picture, &["Unresumed", "Suspend0", "Suspend1", "buffer", "name"]);
    assert!(picture.lines().all(|line| line.chars().count() <= 80), "{picture}");

    // A link leads to the line of the fn in this workspace; a foreign one has no place here.
    let inner = uri(&session.project.root().join("src/inner.rs"));
    has(line_with(&text, "line 6 "), &[&format!("]({inner}#L2)")]);
    let foreign = line_with(&text, "line 7 ");
    has(foreign, &["parcel 1.2.3"]);
    assert!(!foreign.contains("]("), "{foreign}");

    // `async` says the same.
    let line = place_of(LIB, "pub async fn outer").0;
    let on_async = session.editor.hover(&session.lib, (line, 5)).expect("`async` has a hover");
    assert_eq!(text_at(LIB, on_async.range), "async");
    assert_eq!(on_async.text, text);
    // The rest of the text is rust-analyzer's.
    for (needle, after) in [("[u8; 400]", 2), ("let buffer", 6), ("black_box([1u8; 600])", 2)] {
        assert_eq!(session.at(needle, after), None, "{needle}");
    }
}

fn on_an_await(session: &mut Session) {
    let hover = session.at("stored(3).await", 11).expect("the await has a hover");
    has(text_at(LIB, hover.range), &["await"]);
    let text = hover.text;
    is_harmless(&text);
    has(&text, &["Held across this await of `outer`", "line 6", " of 1,440 bytes", "tag 1 B"]);
    has(line_with(&text, "600 B at "), &["local `buffer`", "[u8; 600]", "line 4", "used later, line 8"]);
    has(line_with(&text, "400 B at 0: "), &["argument `name`", "line 3", "stored again as `name`"]);
    has(line_with(&text, "local `name`"), &["400 B at ", "used later, line 8"]);
    has(line_with(&text, "local `count`"), &["8 B at ", "u64", "line 5", "used later, line 8"]);
    has(line_with(&text, ": awaited "), &["4 B at ", "stored()", "line 6"]);
    assert!(!text.contains("deliver"), "that is another await:\n{text}");

    let text = session.text_at("deliver().await", 11);
    has(line_with(&text, ": awaited "), &["22 B at ", "deliver()", "parcel 1.2.3", "line 7"]);
}

fn on_blocks_and_generics(session: &mut Session) {
    let text = session.text_at("async move {", 0);
    has(&text, &["async block", "**45 bytes**", "local `inside`"]);
    let text = session.text_at("stored(5).await", 11);
    // The block's await and not the fn's around it.
    has(&text, &["40 B at ", "local `inside`", " of 45 bytes"]);
    let text = session.text_at("task.await", 6);
    has(&text, &["Held across this await of `block`", "{async block@lib.rs:26:16}", "src/lib.rs#L26"]);

    let text = session.text_at("generic<T>", 0);
    is_harmless(&text);
    has(&text, &["**133 bytes**", "2 instances, largest first"]);
    let largest = text.find("133 B `T = [u8; 64]`").expect("the larger instance is listed");
    let smallest = text.find("7 B `T = u8`").expect("the smaller instance is listed");
    assert!(largest < smallest, "{text}");
}

fn in_unusual_places(session: &mut Session) {
    // Inside of a macro call: of this await, or nothing.
    for needle in ["stored(6).await", "wait!(inner::stored(7))"] {
        if let Some(hover) = session.at(needle, 11) {
            has(&hover.text, &["Held across this await of `in_macro`", "`kept`"]);
        }
    }
    // In the macro's definition there is no future.
    assert_eq!(session.at("$future.await", 9), None);

    let text = session.text_at("async {", 0);
    has(&text, &["async block", "bytes", "stored()"]);
    let text = session.text_at("stored(8).await", 11);
    has(&text, &["Held across this await", "awaited"]);

    let text = session.text_at("async |x: u8|", 0);
    has(&text, &["async closure", "bytes"]);
    let text = session.text_at("stored(x).await", 11);
    has(&text, &["Held across this await of `with_closure::{closure", "stored()"]);
}

fn unusual_names(session: &mut Session) {
    let text = session.text_at("r#match(", 2);
    is_harmless(&text);
    has(&text, &["match", "`__bold__`", "Marked"]);
    let text = session.text_at("stored(10).await", 12);
    is_harmless(&text);
    has(&text, &["`__bold__`", "type", "30 B"]);
}

fn nowhere(session: &mut Session) {
    let Session { project, lib, editor } = session;
    // Past the end of a line, of the text, and far away.
    for at in [(2, 10_000), (10_000, 0), (10_000, 10_000)] {
        assert_eq!(editor.hover(lib, at), None, "{at:?}");
    }
    // Never opened, though measured.
    assert_eq!(editor.hover(&project.root().join("src/inner.rs"), (1, 14)), None);
    assert_eq!(editor.hover(&project.root().join("src/missing.rs"), (0, 0)), None);
    // In the folder, but of no crate.
    let orphan = project.root().join("src/orphan.rs");
    editor.did_open(&orphan);
    assert_eq!(editor.hover(&orphan, (0, 14)), None);
    assert_eq!(editor.hints(&orphan), []);
    // Of another project, and of none.
    for (path, text) in [("../parcel/src/lib.rs", None), ("../alone.rs", Some("async fn alone() {}"))] {
        if let Some(text) = text {
            project.write(path, text);
        }
        let file = project.beside(path.trim_start_matches("../"));
        editor.did_open(&file);
        if text.is_some() {
            assert_eq!(editor.hover(&file, (0, 10)), None, "{path}");
        } else {
            // Its project is measured too, in its own time.
            let line = place_of(PARCEL, "deliver").0;
            if let Some(hover) = editor.hover(&file, (line, 14)) {
                has(&hover.text, &["`deliver`", "22 bytes"]);
            }
        }
    }
}

fn after_edits(session: &mut Session) {
    // Lines above move everything along.
    session.editor.did_change(&session.lib, (0, 0), (0, 0), "// One.\n// Two.\n");
    let text = session.editor.hover(&session.lib, (4, 14)).expect("it is two lines further down").text;
    has(line_with(&text, "`buffer`:"), &["line 6"]);
    has(line_with(&text, "line 8 "), &["stored()"]);
    assert!(!text.contains("Stale"), "{text}");
    let (line, character) = place_of(LIB, "stored(3).await");
    let text = session.editor.hover(&session.lib, (line + 2, character + 11)).expect("so is the await").text;
    has(line_with(&text, "600 B at "), &["line 6", "used later, line 10"]);

    // A change inside: these numbers are of the text before.
    let (line, character) = place_of(LIB, "[1u8; 600]");
    let (line, start) = (line + 2, character + 6);
    session.editor.did_change(&session.lib, (line, start), (line, start + 3), "700");
    let text = session.editor.hover(&session.lib, (4, 14)).expect("the old numbers are still there").text;
    has(&text, &["Stale", "1,440 bytes"]);
    // The others are not.
    let (line, character) = place_of(LIB, "shifted()");
    let text = session.editor.hover(&session.lib, (line + 2, character)).expect("it is measured").text;
    assert!(!text.contains("Stale"), "{text}");
    // Not saved: nothing was measured again.
    session.editor.did_change_all(&session.lib, LIB);
    let text = session.text_at("outer(name", 0);
    assert!(!text.contains("Stale"), "undone:\n{text}");
}

#[test]
fn plain_text() {
    let mut session = Session::open(project(), &["plaintext"]);
    for (needle, after, wanted) in [
        ("outer(name", 0, &["async fn outer: 1,440 bytes", "local buffer: [u8; 600]", "Suspend0"][..]),
        ("stored(3).await", 11, &["Held across this await of outer", "600 B at ", "local buffer"]),
        ("r#match(", 2, &["Marked<'*'>"]),
    ] {
        let hover = session.at(needle, after).expect("there is a hover");
        assert_eq!(hover.kind, "plaintext");
        has(&hover.text, wanted);
        for markup in ["**", "```", "]("] {
            assert!(!hover.text.contains(markup), "{markup} in:\n{}", hover.text);
        }
    }
    session.editor.exit();
}

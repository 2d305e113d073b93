//! The page `docs/actions.md`: its kinds are generated from the doc comments of the actions.

use super::ActionKind;
use super::examples::{doc, examples_of};
use expect_test::expect_file;

/// Ends the part of the page that is written by hand.
const MARK: &str = "<!-- From here on the page is generated from doc comments: see CONTRIBUTING.md. -->\n";

/// The sources of a kind's files.
fn sources(kind: ActionKind) -> &'static [&'static str] {
    match kind {
        ActionKind::BoxAwaitee => &[include_str!("box_awaitee.rs"), include_str!("box_pinned.rs")],
        ActionKind::ScopeBlock => &[include_str!("scope_block.rs")],
        ActionKind::BoxRecursion => &[include_str!("box_recursion.rs")],
        ActionKind::DesugarAsyncFn => &[include_str!("desugar_async_fn.rs")],
        ActionKind::BoxLocal => &[include_str!("box_local.rs")],
        ActionKind::BoxSeveral => &[include_str!("box_several.rs")],
        ActionKind::PinArgument => &[include_str!("pin_argument.rs")],
        ActionKind::HoistScrutinee => &[include_str!("hoist_scrutinee.rs")],
        ActionKind::ReturnInner => &[include_str!("return_inner.rs")],
        ActionKind::Unasync => &[include_str!("unasync.rs")],
        ActionKind::BoxArgument => &[
            include_str!("box_argument.rs"),
            include_str!("box_capture.rs"),
            include_str!("box_parameter.rs"),
        ],
        ActionKind::BorrowArgument => &[include_str!("borrow_argument.rs")],
        ActionKind::BoxSpawned => &[include_str!("box_spawned.rs")],
        ActionKind::AllSafe => &[include_str!("all_safe.rs")],
    }
}

/// Refusals that several kinds have: heading, what stands above the list, and the file's source.
const SHARED: [(&str, &str, &str); 4] = [
    (
        "Signatures",
        "The signature of a fn, or what is around it, cannot be edited where:",
        include_str!("signature.rs"),
    ),
    ("Callers", "A fn and all its callers cannot be edited together where:", include_str!("callers.rs")),
    ("Calls", "All calls of a fn cannot be told where:", include_str!("call_sites.rs")),
    (
        "Tried on the compiler",
        "An edit of any kind is dropped after the compiler has tried it where:",
        include_str!("../../engine/verify.rs"),
    ),
];

/// Everything below the mark.
fn generated() -> String {
    let kinds = || ActionKind::ALL.into_iter().chain([ActionKind::AllSafe]);
    let mut page = "\n| kind | edit |\n|---|---|\n".to_owned();
    for kind in kinds() {
        let sentences: Vec<String> = sources(kind).iter().map(|source| first_sentence(source)).collect();
        let name = kind.name();
        page += &format!("| [`{name}`](#{name}) | {} |\n", sentences.join(" "));
    }
    for kind in kinds() {
        page += &format!("\n## `{}`\n", kind.name());
        for source in sources(kind) {
            page.push('\n');
            page += &body(source);
            let refusals = refusals(source);
            if !refusals.is_empty() {
                page += &format!("\nNot offered where:\n\n{refusals}");
            }
        }
    }
    for (heading, above, source) in SHARED {
        page += &format!("\n## {heading}\n\n{above}\n\n{}", refusals(source));
    }
    page
}

/// A doc comment as Markdown; an example is code, what becomes of it, and code again.
fn body(source: &str) -> String {
    let (mut page, mut block) = (String::new(), None::<Vec<&str>>);
    for line in doc(source) {
        match (&mut block, line) {
            (None, "```text") => block = Some(Vec::new()),
            (Some(lines), "```") => {
                let examples = examples_of(lines).into_iter().map(|example| {
                    format!("```rust\n{}```\n\nbecomes\n\n```rust\n{}```\n", example.before, example.after)
                });
                page += &examples.collect::<Vec<_>>().join("\nand\n\n");
                block = None;
            }
            (Some(lines), line) => lines.push(line),
            (None, line) => page += &format!("{line}\n"),
        }
    }
    page
}

/// Of a doc comment.
fn first_sentence(source: &str) -> String {
    let paragraph: Vec<&str> = doc(source).take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    paragraph.split_once(". ").map_or(paragraph.clone(), |(first, _)| format!("{first}."))
}

/// The doc comments of a file's `Refusal`, or of the engine's `Rejection`, as a list; none if it has no such enum. A variant that holds another file's refusal
/// leads to those.
fn refusals(source: &str) -> String {
    let variants = ["enum Refusal {\n", "enum Rejection {\n"].iter().find_map(|head| source.split_once(head));
    let Some((_, variants)) = variants else { return String::new() };
    let variants = variants.lines().take_while(|line| *line != "}").map(str::trim);
    let mut list = String::new();
    let mut text = String::new();
    for line in variants {
        match line.strip_prefix("/// ") {
            Some(line) => {
                text += if text.is_empty() { "" } else { " " };
                text += line;
            }
            None => {
                let more = [
                    ("(signature::Refusal)", ": see [Signatures](#signatures)."),
                    ("(callers::Refusal)", ": see [Callers](#callers)."),
                    ("(call_sites::Refusal)", ": see [Calls](#calls)."),
                    ("(box_local::Refusal)", ": see [`box-local`](#box-local)."),
                ];
                let more = more.iter().find(|(held, _)| line.contains(held)).map_or("", |(_, link)| link);
                assert!(!text.is_empty() && text.ends_with('.') == more.is_empty(), "a sentence: {line}");
                list += &format!("- {text}{more}\n");
                text.clear();
            }
        }
    }
    list
}

/// `UPDATE_EXPECT=1 cargo test -p futurelens --lib actions::manual` writes it.
#[test]
fn the_page_is_current() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/actions.md");
    let page = std::fs::read_to_string(path).expect("it is there");
    let (head, _) = page.split_once(MARK).expect("the mark is there");
    let notes = [
        super::made::AT_CALL,
        super::callers::INTERFACE,
        "drops `x` earlier",
        "not compiled: may drop values earlier",
        "does not clone `p` any more",
        "passes 8 B instead of 4100 B",
        "gets a fn that is not `async`",
    ];
    for note in notes {
        assert!(head.contains(note), "the note is explained: {note}");
    }
    expect_file!["../../../../docs/actions.md"].assert_eq(&format!("{head}{MARK}{}", generated()));
}

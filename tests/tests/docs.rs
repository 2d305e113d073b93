//! What the manuals tell people to type is understood, what they link to is there, and they say it once.

use futurelens_tests::binary::{futurelens, run, workspace_root};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The commands of a text's code blocks, word by word.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let (mut is_code, mut is_output) = (false, false);
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("```") {
            is_code = !is_code;
            is_output = line == "```text";
            continue;
        }
        // There a prompt is in front of what is typed.
        if is_output && !line.starts_with("$ ") {
            continue;
        }
        let line =
            ["- run: ", "entry: ", "$ ", "RUSTC_WRAPPER=sccache ", "cargo run --release -p futurelens -- "]
                .iter()
                .fold(line.to_owned(), |line, start| match line.strip_prefix(start) {
                    Some(rest) if rest.starts_with("futurelens ") || start.starts_with("RUSTC") => {
                        rest.to_owned()
                    }
                    Some(rest) if start.starts_with("cargo run") => format!("futurelens {rest}"),
                    _ => line,
                });
        if is_code && line.starts_with("futurelens ") {
            found.push(words(&line.replace("${{ matrix.packages }}", "-p server")));
        }
    }
    found
}

/// As a shell splits a line without anything difficult in it.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            '#' if !quoted && word.is_none() => break,
            '|' if !quoted => break,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Every Markdown page of the project, by its path in it, with its text.
fn pages() -> BTreeMap<PathBuf, String> {
    fn collect(folder: &Path, pages: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let kind = entry.file_type().expect("it is there");
            // Build output, packages of others, and what a fuzzer keeps.
            let is_others = ["target", "node_modules", "dist", "corpus", "artifacts"].contains(&&*name);
            if kind.is_dir() && !is_others && !name.starts_with('.') {
                collect(&path, pages);
            } else if kind.is_file() && name.ends_with(".md") {
                let text = fs::read_to_string(&path).expect("it is text");
                let path = path.strip_prefix(workspace_root()).expect("it is in the project");
                pages.insert(path.to_owned(), text);
            }
        }
    }
    let mut pages = BTreeMap::new();
    collect(workspace_root(), &mut pages);
    pages
}

/// The lines of a page that are no code block, with their numbers from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (!is_code && !is_fence).then_some((number, line))
    })
}

/// The code spans of a line, and the line without them.
fn code_spans(line: &str) -> (Vec<&str>, String) {
    let (mut spans, mut rest) = (Vec::new(), String::new());
    let mut after = line;
    while let Some(start) = after.find('`') {
        let ticks = after[start..].bytes().take_while(|byte| *byte == b'`').count();
        let (mark, inner) = (&after[start..start + ticks], &after[start + ticks..]);
        let Some(end) = inner.find(mark) else { break };
        spans.push(&inner[..end]);
        rest.push_str(&after[..start]);
        // Something stands for the code: a link may have nothing else in it.
        rest.push('c');
        after = &inner[end + ticks..];
    }
    rest.push_str(after);
    (spans, rest)
}

/// What the links and pictures of a line lead to.
fn targets(line: &str) -> Vec<String> {
    let (_, line) = code_spans(line);
    let links = line.split("](").skip(1);
    links.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect()
}

/// The anchors of a page's headings, as forges make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String =
            kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect();
        let next = (1..).map(|count| format!("{anchor}-{count}")).find(|other| !anchors.contains(other));
        match anchors.contains(&anchor) {
            true => anchors.extend(next),
            false => {
                anchors.insert(anchor);
            }
        }
    }
    anchors
}

/// What is wrong with a link on a page, if anything is.
fn broken(pages: &BTreeMap<PathBuf, String>, page: &Path, target: &str) -> Option<&'static str> {
    if target.starts_with("https://") {
        return None;
    }
    if target.contains("://") {
        return Some("another scheme than https");
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let mut path = page.to_owned();
    if !file.is_empty() {
        path.pop();
        for part in file.split('/') {
            match part {
                ".." if !path.pop() => return Some("it leads out of the project"),
                ".." | "." => {}
                part => path.push(part),
            }
        }
        if !workspace_root().join(&path).exists() {
            return Some("no such file");
        }
    }
    let anchor = anchor?;
    match pages.get(&path) {
        None => Some("an anchor in what is no page"),
        Some(text) if !anchors(text).contains(anchor) => Some("no such heading"),
        Some(_) => None,
    }
}

/// The words of a text that are paths of this project: they begin with a folder of it, or are those of a file of code.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let folders = ["docs/", "editors/", "server/", "tests/", "vscode-extension/", ".ci/"];
    let words = text.split(|c: char| c.is_whitespace() || "()\"'`=,;:".contains(c));
    words.filter(move |word| {
        let is_plain = word.chars().all(|c| c.is_alphanumeric() || "./_-".contains(c));
        // `src/` is that of a user's project.
        let is_code = word.ends_with(".rs") && word.contains('/') && !word.starts_with("src/");
        is_plain
            && !word.starts_with('/')
            && (is_code || folders.iter().any(|folder| word.starts_with(folder)))
    })
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let (mut count, mut wrong) = (0, Vec::new());
    for (page, text) in &pages {
        for (number, line) in prose(text) {
            for target in targets(line) {
                count += 1;
                let why = broken(&pages, page, &target);
                wrong.extend(why.map(|why| format!("{}:{number}: {target}: {why}", page.display())));
            }
        }
    }
    assert!(count >= 50, "{count} were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What is not there is found.
    for (target, why) in [
        ("docs/none.md", "no such file"),
        ("docs/ci.md#none", "no such heading"),
        ("#none", "no such heading"),
        ("../README.md", "it leads out of the project"),
        ("tests/all.sh#none", "an anchor in what is no page"),
        ("http://localhost", "another scheme than https"),
    ] {
        assert_eq!(broken(&pages, Path::new("README.md"), target), Some(why), "{target}");
    }
}

#[test]
fn files_that_are_named_are_there() {
    let (mut count, mut wrong) = (0, Vec::new());
    for (page, text) in pages() {
        // What was true once stays written there.
        if page.ends_with("CHANGELOG.md") {
            continue;
        }
        for (line, number) in text.lines().zip(1..) {
            let is_prose = prose(text.as_str()).any(|(other, _)| other == number);
            let code = if is_prose { code_spans(line).0 } else { vec![line] };
            for path in code.into_iter().flat_map(paths) {
                count += 1;
                let folders =
                    [Path::new(""), page.parent().expect("a page is in a folder"), Path::new("server/src")];
                if !folders.iter().any(|folder| workspace_root().join(folder).join(path).exists()) {
                    wrong.push(format!("{}:{number}: {path}", page.display()));
                }
            }
        }
    }
    assert!(count >= 40, "{count} were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_promise_is_listed() {
    let text = &pages()[Path::new("tests/README.md")];
    let listed: BTreeSet<&str> =
        text.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once(".rs` |")?.0)).collect();
    let files = fs::read_dir(workspace_root().join("tests/tests")).expect("a folder");
    let names: Vec<String> = files
        .map(|file| file.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter_map(|name| Some(name.strip_suffix(".rs")?.to_owned()))
        .filter(|name| name != "main")
        .collect();
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(listed, names);
    // A file that is not a module of the program is never compiled, and nobody would miss its tests.
    let program = fs::read_to_string(workspace_root().join("tests/tests/main.rs")).expect("a file");
    let modules: BTreeSet<&str> =
        program.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).collect();
    let unlisted: Vec<_> = names.difference(&modules).collect();
    assert!(unlisted.is_empty(), "not modules of tests/tests/main.rs: {unlisted:?}");
}

#[test]
fn nothing_is_said_twice() {
    let mut said: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut twice = Vec::new();
    for (page, text) in pages() {
        // The extension's page stands alone in the marketplace.
        if page.ends_with("CHANGELOG.md") || page.starts_with("vscode-extension") {
            continue;
        }
        // Two actions may be refused for the same reason.
        let is_list = |line: &str| line.starts_with("- ") && page.ends_with("actions.md");
        let lines = prose(&text).map(|(_, line)| line);
        let lines: Vec<&str> = lines.filter(|line| !line.starts_with(['|', '#']) && !is_list(line)).collect();
        for paragraph in lines.join("\n").split("\n\n") {
            let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            for sentence in paragraph.split(". ").filter(|sentence| sentence.split(' ').count() >= 8) {
                let sentence = sentence.trim_end_matches(['.', ':']).to_owned();
                if let Some(other) = said.insert(sentence.clone(), page.clone()) {
                    twice.push(format!("{} and {}: {sentence}", other.display(), page.display()));
                }
            }
        }
    }
    assert!(said.len() >= 200, "{} were found", said.len());
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

#[test]
fn commands_in_the_manuals_are_understood() {
    let mut count = 0;
    for (page, text) in pages() {
        for command in commands(&text) {
            // Those are cargo's words.
            if command.get(1).is_some_and(|name| name == "cargo") {
                continue;
            }
            // Help is printed instead, but only if everything before it is known.
            let mut with_help = futurelens();
            with_help.args(&command[1..]).arg("--help");
            let said = run(&mut with_help);
            assert_eq!(said.code, Some(0), "{}: {command:?}\n{}", page.display(), said.stderr);
            count += 1;
        }
    }
    assert!(count >= 20, "{count} were found");
}

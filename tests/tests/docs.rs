//! What the manuals tell people to type is understood.

use futurelens_tests::binary::{futurelens, run, workspace_root};
use std::fs;

/// The commands of a text's code blocks, word by word.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut is_code = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("```") {
            is_code = !is_code;
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

#[test]
fn commands_in_the_manuals_are_understood() {
    let mut count = 0;
    for file in ["README.md", "docs/ci.md", "docs/editors.md"] {
        let text = fs::read_to_string(workspace_root().join(file)).expect("it is there");
        for command in commands(&text) {
            // Those are cargo's words.
            if command.get(1).is_some_and(|name| name == "cargo") {
                continue;
            }
            // Help is printed instead, but only if everything before it is known.
            let mut with_help = futurelens();
            with_help.args(&command[1..]).arg("--help");
            let said = run(&mut with_help);
            assert_eq!(said.code, Some(0), "{file}: {command:?}\n{}", said.stderr);
            count += 1;
        }
    }
    assert!(count >= 20, "{count} were found");
}

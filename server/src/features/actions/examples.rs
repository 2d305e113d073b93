//! The examples in the doc comments of actions: code before an edit and after it, in two columns of a `text` block.

/// The code before an edit, and after it. Each line has its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub before: String,
    pub after: String,
}

/// The lines of a module's doc comment.
pub fn doc(source: &str) -> impl Iterator<Item = &str> {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line))
}

/// The examples in the doc comment of a module, in order, at least one. In a block an empty line is between two of them.
pub fn examples(source: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut block: Option<Vec<&str>> = None;
    for line in doc(source) {
        match (&mut block, line) {
            (None, "```text") => block = Some(Vec::new()),
            (None, _) => {}
            (Some(lines), "```") => {
                examples.extend(examples_of(lines));
                block = None;
            }
            (Some(lines), line) => lines.push(line),
        }
    }
    // A test that goes through them tests something.
    assert!(!examples.is_empty(), "there is an example");
    examples
}

/// The examples in one block.
pub fn examples_of(block: &[&str]) -> Vec<Example> {
    block.split(|line| line.is_empty()).map(columns).collect()
}

/// The first line has code in both columns, with three spaces or more between them. A line that is empty in a column is not
/// there in the code.
fn columns(lines: &[&str]) -> Example {
    let first = lines.first().expect("an example has lines");
    let gap = first.find("   ").expect("the first line has two columns");
    let second = gap + first[gap..].len() - first[gap..].trim_start().len();
    let mut example = Example { before: String::new(), after: String::new() };
    for line in lines {
        let (left, right) = line.split_at_checked(second).unwrap_or((line, ""));
        assert!(right.is_empty() || left.ends_with("  "), "between the columns there is space: {line}");
        for (code, column) in [(&mut example.before, left), (&mut example.after, right)] {
            if !column.trim().is_empty() {
                *code += column.trim_end();
                code.push('\n');
            }
        }
    }
    example
}

/// Code as the body of a fn.
pub fn in_fn(code: &str) -> String {
    format!("async fn f() {{\n{}}}\n", indented(code, "    "))
}

/// Code with this in front of each line.
pub fn indented(code: &str, by: &str) -> String {
    code.lines().map(|line| format!("{by}{line}\n")).collect()
}

//! The errors among a compiler's JSON messages, one object in each line.

use super::{LineCol, Span};
use serde_json::Value;

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompilerError {
    /// `E0733`
    pub code: Option<String>,
    /// Its first line.
    pub message: String,
    /// The places it names, its notes' included.
    pub spans: Vec<ErrorSpan>,
}

/// A place that an error names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorSpan {
    /// The place.
    pub span: Span,
    /// It is what the error is about.
    pub primary: bool,
    /// What is said about it; of a note's own place the note.
    pub label: Option<String>,
}

/// Macros in macros are followed so far.
const DEEPEST: usize = 64;

/// All messages of level `error`. What is no such message is passed over: cargo's and the program's own lines.
pub fn errors(json_lines: &str) -> Vec<CompilerError> {
    let lines = json_lines.lines().filter(|line| line.trim_start().starts_with('{'));
    lines.filter_map(|line| error(&serde_json::from_str(line).ok()?)).collect()
}

fn error(message: &Value) -> Option<CompilerError> {
    if message.get("level")?.as_str()? != "error" {
        return None;
    }
    let mut spans = Vec::new();
    push_spans(message, None, &mut spans);
    for child in message.get("children").and_then(Value::as_array).into_iter().flatten() {
        push_spans(child, Some(child.get("message").and_then(Value::as_str).unwrap_or_default()), &mut spans);
    }
    Some(CompilerError {
        code: message.get("code").and_then(|code| code.get("code")?.as_str()).map(str::to_owned),
        message: message.get("message")?.as_str()?.to_owned(),
        spans,
    })
}

/// Those of a message, or of the note with this text.
fn push_spans(message: &Value, note: Option<&str>, out: &mut Vec<ErrorSpan>) {
    for given in message.get("spans").and_then(Value::as_array).into_iter().flatten() {
        let is_primary = given.get("is_primary").and_then(Value::as_bool).unwrap_or_default();
        let label = given.get("label").and_then(Value::as_str);
        let label = label.or(note.filter(|_| is_primary)).map(str::to_owned);
        let found = |span| ErrorSpan { span, primary: is_primary && note.is_none(), label: label.clone() };
        out.extend(span(given).map(found));
        // Where a macro was called, outermost.
        let outermost = std::iter::successors(call(given), |given| call(given)).take(DEEPEST).last();
        let outermost = outermost.and_then(span).map(found);
        if outermost.as_ref() != out.last() {
            out.extend(outermost);
        }
    }
}

/// The macro call that a span comes from.
fn call(span: &Value) -> Option<&Value> {
    span.get("expansion")?.get("span")
}

fn span(given: &Value) -> Option<Span> {
    let number = |name: &str| u32::try_from(given.get(name)?.as_u64()?).ok();
    Some(Span {
        file: given.get("file_name")?.as_str()?.into(),
        start: LineCol { line: number("line_start")?, col: number("column_start")? },
        end: LineCol { line: number("line_end")?, col: number("column_end")? },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use proptest::prelude::*;
    use serde_json::json;

    fn at(file: &str, line: u32, label: Option<&str>, primary: bool, expansion: Value) -> Value {
        json!({
            "file_name": file, "line_start": line, "line_end": line, "column_start": 2, "column_end": 9,
            "is_primary": primary, "label": label, "expansion": expansion,
        })
    }

    #[test]
    fn reads_an_error_with_its_notes() {
        let call = json!({"span": at("src/a.rs", 9, None, false, Value::Null)});
        let within = json!({"span": at("src/m.rs", 8, None, false, call)});
        let error = json!({
            "$message_type": "diagnostic", "level": "error", "message": "recursion", "code": {"code": "E0733"},
            "spans": [at("src/a.rs", 1, None, true, Value::Null), at("src/m.rs", 7, Some("here"), false, within)],
            "children": [
                {"message": "which leads", "spans": [at("src/b.rs", 3, None, true, Value::Null)]},
                {"message": "help", "spans": []},
            ],
        });
        let warning = json!({"level": "warning", "message": "unused", "spans": [], "children": []});
        let text = format!("   Compiling a\n{warning}\n{error}\n{{\"level\":\"error\"}}\n{{\n");
        let found = errors(&text);
        let mut shown = String::new();
        for error in &found {
            shown += &format!("{:?} {}\n", error.code, error.message);
            for ErrorSpan { span, primary, label } in &error.spans {
                shown += &format!("    {span} {primary} {label:?}\n");
            }
        }
        expect![[r#"
            Some("E0733") recursion
                src/a.rs:1:2: 1:9 true None
                src/m.rs:7:2: 7:9 false Some("here")
                src/a.rs:9:2: 9:9 false Some("here")
                src/b.rs:3:2: 3:9 false Some("which leads")
        "#]]
        .assert_eq(&shown);
    }

    proptest! {
        #[test]
        fn any_text(text in "\\PC{0,80}", cut in 0usize..400) {
            errors(&text);
            let line = json!({"level": "error", "message": text, "spans": [at(&text, 1, Some(&text), true, json!([]))], "children": text});
            let line = line.to_string();
            prop_assert_eq!(errors(&line).len(), 1);
            if let Some(part) = line.get(..cut) {
                errors(part);
            }
        }
    }
}

//! A check's findings as annotations of GitHub Actions: lines on standard output that the runner reads
//! (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>).

use super::Check;
use crate::render::one_line;
use std::fmt::Write as _;

/// One line a finding. `folder` is the workspace's in the repository, with a slash at its end, or empty.
///
/// ```text
/// ::error file=src/cmd/set.rs,line=128,col=18,title=Future grew since the baseline::async fn … takes 1,520 bytes, …
/// ```
pub fn github(check: &Check<'_>, folder: &str) -> String {
    let mut out = String::new();
    for finding in &check.findings {
        out.push_str("::error ");
        if let (Some(file), Some(line), Some(column)) = (finding.file, finding.line, finding.column) {
            let file = property(&one_line(&format!("{folder}{file}")));
            let _ = write!(out, "file={file},line={line},col={column},");
        }
        let mut message = one_line(&finding.message());
        for culprit in &finding.culprits {
            let _ = write!(message, "\n{}", one_line(culprit));
        }
        let _ = writeln!(out, "title={}::{}", property(finding.rule.title()), data(&message));
    }
    if !check.missing.is_empty() {
        let missing = one_line(&check.missing.join(", "));
        let _ = writeln!(out, "::error title=Not everything compiles::not measured: {}", data(&missing));
    }
    out.push_str(&data(&check.summary()));
    out.push('\n');
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_ends_a_command() {
        assert_eq!(data("100%\n::error::x"), "100%25%0A::error::x");
        assert_eq!(property("a,b:c%\r"), "a%2Cb%3Ac%25%0D");
    }
}

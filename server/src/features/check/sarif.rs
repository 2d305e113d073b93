//! A check's findings in the Static Analysis Results Interchange Format, version 2.1.0, which code scanning services
//! read (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>).

use super::{Check, Finding, Rule};
use crate::render::one_line;
use serde_json::{Value, json};

/// The whole log: a run for each target. `folder` is the workspace's in the repository, with a slash at its end, or
/// empty.
pub fn sarif(checks: &[Check<'_>], folder: &str) -> Value {
    let runs: Vec<Value> = checks.iter().map(|check| run(check, folder, checks.len() > 1)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": runs,
    })
}

fn run(check: &Check<'_>, folder: &str, is_one_of_several: bool) -> Value {
    let rules = Rule::ALL.map(|rule| {
        json!({
            "id": rule.name(),
            "shortDescription": { "text": rule.title() },
            "defaultConfiguration": { "level": "error" },
        })
    });
    let mut run = json!({
        "tool": { "driver": {
            "name": "futurelens",
            "version": env!("CARGO_PKG_VERSION"),
            "rules": rules,
        }},
        "columnKind": "unicodeCodePoints",
        "results": check.findings.iter().map(|finding| result(finding, folder)).collect::<Vec<Value>>(),
        "properties": {
            "compiler": check.compiler, "profile": check.profile, "target": check.target,
        },
    });
    if !check.missing.is_empty() {
        let text = format!("not everything compiles; not measured: {}", check.missing.join(", "));
        let said = json!([{ "level": "error", "message": { "text": one_line(&text) } }]);
        run["invocations"] = json!([{ "executionSuccessful": false, "toolExecutionNotifications": said }]);
    }
    if is_one_of_several {
        // Else services would take one run for a newer state of the other.
        run["automationDetails"] = json!({ "id": format!("futurelens/{}", check.target) });
    }
    run
}

fn result(finding: &Finding<'_>, folder: &str) -> Value {
    let mut message = one_line(&finding.message());
    for culprit in &finding.culprits {
        message.push_str("\n- ");
        message.push_str(&one_line(culprit));
    }
    let mut location = json!({
        "logicalLocations": [{ "fullyQualifiedName": format!("{}::{}", finding.krate, finding.name), "kind": "function" }],
    });
    if let (Some(file), Some(line), Some(column)) = (finding.file, finding.line, finding.column) {
        location["physicalLocation"] = json!({
            "artifactLocation": { "uri": uri(&format!("{folder}{file}")), "uriBaseId": "%SRCROOT%" },
            "region": { "startLine": line, "startColumn": column },
        });
    }
    json!({
        "ruleId": finding.rule.name(),
        "ruleIndex": Rule::ALL.iter().position(|&rule| rule == finding.rule),
        "level": "error",
        // Else a name could be a link.
        "message": { "text": message.replace("](", "] (") },
        "locations": [location],
        "partialFingerprints": { "futurelens/v1": format!("{} {} {}", finding.rule.name(), finding.unit, finding.id) },
        "properties": { "size": finding.size, "before": finding.before, "limit": finding.limit },
    })
}

/// A relative path as a URI reference.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_uris() {
        assert_eq!(uri("src/ä b:c%.rs"), "src/%C3%A4%20b%3Ac%25.rs");
    }
}

//! A future is called what the user wrote, whatever made it and by whatever path it is reached; every other name that was
//! shown is understood; and of two packages' futures of one name neither is taken for the other.

use futurelens_tests::binary::{Run, fixture, futurelens, has, nightly, run};
use futurelens_tests::project::Project;
use serde_json::Value;
use std::collections::BTreeSet;

const ALL: [&str; 2] = ["--all-targets", "--offline"];

fn named(project: &Project, arguments: &[&str]) -> Run {
    let [command, rest @ ..] = arguments else { panic!("a command") };
    let mut program = futurelens();
    let program = program.arg(command).args(rest).args(ALL).args(["--toolchain", nightly()]);
    run(program.current_dir(project.root()))
}

#[test]
fn names() {
    let project = Project::copy_of(&fixture("cases/names"));
    // Without this the lock file's packages may not be there yet.
    let first = run(futurelens()
        .args(["report", "--all", "--all-targets", "--format", "json", "--toolchain", nightly()])
        .current_dir(project.root()));
    let report: Value = serde_json::from_str(&first.expect_success().stdout).expect("it is JSON");
    what_the_user_wrote(&report);
    explained(&project);
    budgets(&project);
    packages(&project);
}

fn what_the_user_wrote(report: &Value) {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let futures = report["futures"].as_array().expect("there are some");
    let ours: BTreeSet<(String, String, String, String)> = futures
        .iter()
        .filter(|future| future["file"].is_string())
        .map(|future| {
            let place = format!("{}:{}", text(future, "file"), future["line"]);
            (place, text(future, "name"), text(future, "kind"), text(future, "package"))
        })
        .collect();
    let expected = [
        ("facade/src/lib.rs:7", "own", "async fn", "facade"),
        // By a path of another crate these three, and `run`, are there once.
        ("inner/src/lib.rs:10", "tick", "async fn", "inner"),
        ("inner/src/lib.rs:14", "free", "async fn", "facade"),
        ("inner/src/lib.rs:14", "free", "async fn", "names"),
        ("inner/src/lib.rs:20", "block::{closure#0}", "async block", "inner"),
        ("inner/src/lib.rs:4", "Thing::run", "async fn", "inner"),
        ("p/src/lib.rs:1", "wait", "async fn", "p"),
        ("p/tests/integration.rs:6", "basic", "async fn", "p"),
        ("q/src/lib.rs:1", "wait", "async fn", "q"),
        ("q/tests/integration.rs:6", "basic", "async fn", "q"),
        ("src/elsewhere.rs:2", "elsewhere::main", "async fn", "names"),
        ("src/elsewhere.rs:9", "elsewhere::inline::main", "async fn", "names"),
        ("src/elsewhere.rs:9", "elsewhere::inline::main::{closure#0}", "async block", "names"),
        ("src/main.rs:15", "tick", "async fn", "names"),
        ("src/main.rs:28", "<Svc as Run>::run", "async fn", "names"),
        ("src/main.rs:36", "traced", "async fn", "names"),
        ("src/main.rs:36", "traced::{closure#0}::{closure#0}", "async block", "names"),
        ("src/main.rs:36", "traced::{closure#0}::{closure#0}::{closure#0}", "async block", "names"),
        ("src/main.rs:44", "blink", "async fn", "names"),
        ("src/main.rs:51", "_::__generated_load::{closure#0}", "async block", "names"),
        ("src/main.rs:51", "load", "async fn", "names"),
        ("src/main.rs:63", "large::{closure#0}", "async block", "names"),
        ("src/main.rs:65", "large::{closure#1}", "async block", "names"),
        ("src/main.rs:7", "main", "async fn", "names"),
        ("src/net.rs:2", "net::serve", "async fn", "names"),
    ];
    let expected = expected.map(|(a, b, c, d)| (a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned()));
    assert_eq!(ours, BTreeSet::from(expected));
    let again =
        futures.iter().find(|future| text(future, "crate") == "facade" && text(future, "name") != "own");
    assert_eq!(again, None);
    // The type is what the compiler prints, whatever the user wrote.
    let future = |name: &str| futures.iter().find(|future| text(future, "name") == name).expect(name);
    for (name, ty) in [
        ("main", "{async block@src/main.rs:"),
        ("<Svc as Run>::run", "{async block@src/main.rs:28:5: 28:10}"),
        ("blink", "{async fn body of __blink_task::__blink_task_inner_function()}"),
        ("net::serve", "{async fn body of net::__serve_task::__serve_task_inner_function()}"),
        ("load", "{async fn body of load()}"),
        ("_::__generated_load::{closure#0}", "{async block@src/main.rs:"),
        ("elsewhere::inline::main", "{async fn body of elsewhere::inline::main::main()}"),
    ] {
        assert!(text(future(name), "type").starts_with(ty), "{name}: {}", text(future(name), "type"));
    }
    let captured = &future("large::{closure#0}")["upvars"];
    assert_eq!(captured[0]["name"], "_ref__pair__large");
    assert_eq!(captured[0]["written"], "pair.large");
}

fn explained(project: &Project) {
    let explain = |name: &str| named(project, &["explain", name]);
    for name in ["main", "names::main", "main::{closure#0}", "src/main.rs:7"] {
        has(&explain(name).expect_success().stdout, &["src/main.rs:7", "async fn main: 928 bytes"]);
    }
    for name in ["serve", "names::net::serve", "net::__serve_task::__serve_task_inner_function"] {
        // Its argument is no capture.
        has(&explain(name).expect_success().stdout, &["async fn net::serve: ", "argument port"]);
    }
    has(
        &explain("Svc::run").expect_success().stdout,
        &["async fn <Svc as Run>::run: ", "argument self: &Svc"],
    );
    let traced = explain("traced").expect_success().stdout;
    has(&traced, &["Futures in it", "async block traced::{closure#0}::{closure#0}"]);
    has(&explain("large").stderr, &["no future itself", "large::{closure#0}  (src/main.rs:63)", "closure#1"]);
    has(&explain("large::{closure#0}").expect_success().stdout, &["captured pair.large: &[u8; 24]"]);
    let same = explain("basic").stderr;
    has(&same, &["2 futures", "basic  (p/tests/integration.rs:6)", "basic  (q/tests/integration.rs:6)"]);
    has(&explain("p/tests/integration.rs:6").expect_success().stdout, &["async fn basic: 103 bytes"]);
    has(&explain("outside::near").expect_success().stdout, &["in crate outside for "]);
    has(&explain("Svc::rnu").stderr, &["did you mean\n  <Svc as Run>::run"]);
}

fn budgets(project: &Project) {
    let run = named(project, &["check"]).expect_success();
    has(&run.stdout, &["none is over its budget"]);
    let warnings: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    let of = |whose: &str, key: &str| {
        format!(
            "warning: Cargo.toml: [{whose}.metadata.futurelens.budgets] no future that was measured is called `{key}`"
        )
    };
    let expected = [
        of("package", "not::there"),
        of("workspace", "net::srve") + "; did you mean `net::serve`?",
        of("workspace", "nobody"),
    ];
    assert_eq!(warnings.len(), expected.len(), "{}", run.stderr);
    for (warning, expected) in warnings.iter().zip(&expected) {
        assert!(warning.starts_with(expected), "{warning}");
    }
    // Where only a part is measured, a key of the workspace may be another package's.
    let part = named(project, &["check", "--package", "p"]).expect_success().stderr;
    assert!(!part.contains("no future that was measured"), "{part}");
}

/// Growth in one of two test targets of one name, in fns of one name.
fn packages(project: &Project) {
    named(project, &["check", "--baseline", "b", "--update-baseline"]).expect_success();
    let baseline = project.read("b");
    has(
        &baseline,
        &["\np\ttest integration\tintegration::basic::{closure#0}\t103\t", "\nnames\tbin names\t"],
    );
    let old = named(project, &["report", "--format", "json"]).expect_success().stdout;
    project.write("old.json", &old);
    // A baseline from before packages were told, and in which macros gave the names: the larger one of two.
    let untold = baseline.lines().map(|line| match line {
        line if line.starts_with('#') => line.replacen("baseline 2", "baseline 1", 1),
        line if line.starts_with("p\ttest integration") => "# the smaller one".to_owned(),
        line => match line.split_once('\t') {
            Some((_, rest)) if rest.contains("\t") => rest.to_owned(),
            _ => line.to_owned(),
        },
    });
    project.write("untold", &(untold.collect::<Vec<_>>().join("\n") + "\n"));
    let run = named(project, &["check", "--baseline", "untold"]).expect_success();
    has(&run.stdout, &["none grew (since the baseline: 1 new, 0 gone, 0 renamed)"]);

    let tests = project.read("p/tests/integration.rs");
    project.write("p/tests/integration.rs", &tests.replace("[1u8; 100]", "[1u8; 800]"));
    let run = named(project, &["check", "--baseline", "b"]);
    has(
        &run.stdout,
        &["async fn basic takes 803 bytes, 700 more", "--> p/tests/integration.rs:6:1", "1 grew"],
    );
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let new = named(project, &["report", "--format", "json"]).expect_success().stdout;
    project.write("new.json", &new);
    let diff = run_diff(project);
    has(&diff, &["+700", "basic  p/tests/integration.rs:6", "1 grown, 0 shrunk, 0 new, 0 gone, 0 renamed"]);
}

fn run_diff(project: &Project) -> String {
    run(futurelens().args(["diff", "old.json", "new.json"]).current_dir(project.root()))
        .expect_success()
        .stdout
}

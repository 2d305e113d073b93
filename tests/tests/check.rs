//! `check` names what grew or is too large and nothing else, in every form; `diff` and `merge` work on what was
//! measured.

use futurelens_tests::binary::{Run, binary, clean_command, futurelens, run, say};
use futurelens_tests::project::{PENDING_ONCE, Project, future_of, manifest};
use futurelens_tests::registry::checkout;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// `moved` lies below fifty lines that the next commit moves up; `other` is in a file that is renamed.
fn library(grown: usize, blank: usize, more: &str) -> String {
    let generic = "pub async fn keep<T>(value: T) {\n    PendingOnce(false).await;\n    drop(value);\n}\n";
    let blank = "// A line.\n".repeat(blank);
    format!(
        "pub mod parts;\n{}{generic}{blank}{}pub async fn caller() {{\n    keep([1u8; 70]).await;\n}}\n{more}{PENDING_ONCE}",
        future_of("grows", grown),
        future_of("moved", 300),
    )
}

fn parts(renamed: &str) -> String {
    format!("use crate::PendingOnce;\n{}", future_of(renamed, 200))
}

fn check(project: &Project, arguments: &[&str]) -> Run {
    run(futurelens().args(["check", "--offline"]).args(arguments).current_dir(project.root()))
}

fn git(folder: &Path, arguments: &[&str]) {
    let mut git = clean_command("git");
    git.current_dir(folder).args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(arguments);
    run(&mut git).expect_success();
}

const BASELINE: &str = "futures.baseline";

/// A repository with a project in a folder of it, and a baseline of its first commit.
fn repository() -> Project {
    let project = Project::lib("team_crate", &library(100, 50, ""));
    project.write("src/parts.rs", &parts("other")).write(".gitignore", "target\n");
    git(project.outside(), &["init", "-q"]);
    let written = check(&project, &["--baseline", BASELINE, "--update-baseline"]).expect_success();
    assert!(written.stderr.contains("`futures.baseline` has"), "{}", written.stderr);
    git(project.outside(), &["add", "."]);
    git(project.outside(), &["commit", "-qm", "first"]);
    project
}

/// One future grows by a kilobyte; fifty lines move, a fn is renamed, a file is renamed with its module, an instance is
/// new.
fn second_commit(project: &Project) {
    let more = "pub async fn second_caller() {\n    keep([1u8; 90]).await;\n}\n";
    let text =
        library(1124, 0, more).replace("pub mod parts;", "pub mod pieces;").replace("fn caller", "fn called");
    project.write("src/lib.rs", &text).write("src/pieces.rs", &parts("other"));
    fs::remove_file(project.root().join("src/parts.rs")).expect("it is there");
}

#[test]
fn only_what_grew_is_named_in_every_form() {
    let project = repository();
    let baseline = project.read(BASELINE);
    let passed = check(&project, &["--baseline", BASELINE]).expect_success();
    assert!(passed.stdout.ends_with("futures: none is over its budget, none grew\n"), "{}", passed.stdout);
    second_commit(&project);

    let failed = |arguments: &[&str]| {
        let run = check(&project, &[&["--baseline", BASELINE][..], arguments].concat());
        assert_eq!(run.code, Some(1), "{}\n{}", run.stdout, run.stderr);
        run.stdout
    };
    let text = failed(&[]);
    say(&text);
    let named: Vec<&str> = text.lines().filter(|line| line.starts_with("error")).collect();
    assert_eq!(
        named,
        ["error: async fn grows takes 1,126 bytes, 1,024 more than in the baseline (102)"],
        "{text}"
    );
    assert!(text.contains("\n  --> src/lib.rs:2:5\n  held: 1,124 bytes, was 100\n"), "{text}");
    assert!(text.contains("1 grew, 0 over budget (since the baseline: 2 new, 0 gone, 2 renamed)"), "{text}");

    let json: Value = serde_json::from_str(&failed(&["--format", "json"])).expect("it is JSON");
    let [finding] = &json["findings"].as_array().expect("a list")[..] else { panic!("{json:#}") };
    assert_eq!(
        (&finding["rule"], &finding["name"], &finding["size"], &finding["before"], &json["passed"]),
        (&"grown".into(), &"grows".into(), &1126.into(), &102.into(), &false.into())
    );
    assert_eq!(
        finding["held"][0],
        serde_json::json!({ "name": "held", "before": 100, "after": 1124 }),
        "{finding:#}"
    );

    let annotations = failed(&["--format", "github"]);
    let errors: Vec<&str> = annotations.lines().filter(|line| line.starts_with("::")).collect();
    // The path is the repository's, not the workspace's.
    assert_eq!(
        errors,
        [
            "::error file=project/src/lib.rs,line=2,col=5,title=Future grew since the baseline::async fn grows takes \
          1,126 bytes, 1,024 more than in the baseline (102)%0Aheld: 1,124 bytes, was 100"
        ]
    );

    let sarif: Value = serde_json::from_str(&failed(&["--format", "sarif"])).expect("it is JSON");
    validate(&sarif);
    let [result] = &sarif["runs"][0]["results"].as_array().expect("a list")[..] else { panic!("{sarif:#}") };
    assert_eq!(result["ruleId"], "grown");
    let location = &result["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "project/src/lib.rs");
    assert_eq!(location["region"]["startLine"], 2);

    // What is tolerated is no finding.
    for tolerance in ["1024", "1100%"] {
        check(&project, &["--baseline", BASELINE, "--tolerance", tolerance]).expect_success();
    }
    assert!(failed(&["--tolerance", "1023"]).contains("grows"));
    assert!(failed(&["--tolerance", "900%"]).contains("grows"));
    assert_eq!(project.read(BASELINE), baseline, "comparing writes nothing");

    // The new state is the baseline from now on; only lines of what changed are touched.
    check(&project, &["--baseline", BASELINE, "--update-baseline"]).expect_success();
    let updated = project.read(BASELINE);
    let is_kept = |line: &&str| baseline.lines().any(|old| old == *line);
    let changed: Vec<&str> = updated.lines().filter(|line| !is_kept(line)).collect();
    assert_eq!(changed.len(), 5, "{changed:#?}");
    check(&project, &["--baseline", BASELINE]).expect_success();
}

/// Against the schema that OASIS publishes, as a crate of the registry ships it.
fn validate(sarif: &Value) {
    let file = checkout("serde-sarif", "0.8.0").join("src/schema.json");
    let text = fs::read_to_string(file).expect("the crate has it");
    let schema: Value = serde_json::from_str(&text).expect("it is JSON");
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("file:///sarif.json", schema).expect("it is a schema");
    let index = compiler.compile("file:///sarif.json", &mut schemas).expect("it is a schema");
    if let Err(error) = schemas.validate(sarif, index) {
        panic!("{error:#}\n{sarif:#}");
    }
    // A schema that takes anything would prove nothing.
    let mut wrong = sarif.clone();
    wrong["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(schemas.validate(&wrong, index).is_err());
}

#[test]
fn budgets_of_manifests_and_of_the_command_line() {
    let project = repository();
    let over = |arguments: &[&str]| -> Vec<String> {
        let run = check(&project, &[&["--format", "json"][..], arguments].concat());
        let json: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
        let findings = json["findings"].as_array().expect("a list");
        assert_eq!(run.code, Some(if findings.is_empty() { 0 } else { 1 }));
        findings
            .iter()
            .map(|finding| {
                assert_eq!(finding["rule"], "over-budget");
                format!(
                    "{} {}>{}",
                    finding["name"].as_str().expect("text"),
                    finding["size"],
                    finding["limit"]
                )
            })
            .collect()
    };
    assert_eq!(over(&[]), [""; 0]);
    assert_eq!(over(&["--budget", "200"]), ["moved 302>200", "parts::other 202>200"]);
    let text = check(&project, &["--budget", "300"]).stdout;
    let said = "error: async fn moved takes 302 bytes, 2 more than its budget of 300\n  --> src/lib.rs:";
    assert!(text.starts_with(said) && text.contains("\n  held: 300 bytes\n"), "{text}");

    let metadata = "[package.metadata.futurelens]\nbudget = 250\n[package.metadata.futurelens.budgets]\n\
                    \"parts::*\" = 100\n\"moved\" = false\n";
    project.write("Cargo.toml", &format!("{}{metadata}", manifest("team_crate")));
    assert_eq!(over(&["--budget", "20"]), ["parts::other 202>100"]);

    project
        .write("Cargo.toml", &format!("{}{}", manifest("team_crate"), metadata.replace("250", "\"much\"")));
    let wrong = check(&project, &[]);
    assert_eq!((wrong.code, &*wrong.stdout), (Some(2), ""));
    assert!(wrong.stderr.contains("`budget` must be a number of bytes"), "{}", wrong.stderr);
}

#[test]
fn what_cannot_be_compared_is_said_and_not_written_over() {
    let project = repository();
    let baseline = project.read(BASELINE);
    let refused = |arguments: &[&str], said: &str| {
        let before = project.read(BASELINE);
        for update in [&[][..], &["--update-baseline"]] {
            let run = check(&project, &[&["--baseline", BASELINE][..], arguments, update].concat());
            assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{}", run.stderr);
            assert!(run.stderr.contains(said), "{said} in:\n{}", run.stderr);
            assert_eq!(project.read(BASELINE), before);
        }
    };
    refused(&["--profile", "dev"], "profile `release` cannot be compared with profile `dev`");
    for (text, said) in [
        ("nonsense\n".to_owned(), "neither a baseline"),
        (baseline.replace("baseline 2", "baseline 7"), "use a newer futurelens"),
        (baseline.replace("\t302", "\tlarge"), "`large` is no number of bytes"),
        (format!("{baseline}<<<<<<< HEAD\n"), "conflict"),
        (r#"{"schema": 2, "futures": []}"#.to_owned(), "use a newer futurelens"),
        (r#"{"schema": 1, "futures": 7}"#.to_owned(), "this is no report"),
    ] {
        project.write(BASELINE, &text);
        refused(&[], said);
    }
    let missing = check(&project, &["--baseline", "missing.txt"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("--update-baseline` writes one"), "{}", missing.stderr);
    let nothing = check(&project, &["--update-baseline"]);
    assert_eq!(nothing.code, Some(2), "what would it write?");
    for tolerance in ["-1", "much", "5%%", "NaN%"] {
        let run = check(&project, &["--baseline", BASELINE, &format!("--tolerance={tolerance}")]);
        assert_eq!(run.code, Some(2), "{tolerance}");
        assert!(run.stderr.contains("neither a number of bytes"), "{}", run.stderr);
    }
}

/// Two members; each of two machines measures one.
#[test]
fn shards_make_the_whole() {
    let project = Project::empty();
    project.write("Cargo.toml", "[workspace]\nmembers = [\"one\", \"two\"]\nresolver = \"2\"\n");
    for (name, bytes) in [("one", 100), ("two", 200)] {
        let package = manifest(name).replace("[workspace]\n", "");
        project.write(&format!("{name}/Cargo.toml"), &package);
        let source = format!("{}{}{PENDING_ONCE}", future_of("f", bytes), future_of("same", 50));
        project.write(&format!("{name}/src/lib.rs"), &source);
    }
    let report = |name: &str, arguments: &[&str]| -> PathBuf {
        let file = project.beside(name);
        let mut command = futurelens();
        command.args(["report", "--offline", "--format", "json", "--output"]).arg(&file).args(arguments);
        run(command.current_dir(project.root())).expect_success();
        file
    };
    let whole = report("whole.json", &[]);
    let shards = [report("one.json", &["-p", "one"]), report("two.json", &["-p", "two"])];
    let merged = project.beside("merged.json");
    run(futurelens().arg("merge").args(&shards).arg("--output").arg(&merged)).expect_success();
    let read = |file: &Path| -> Value {
        serde_json::from_str(&fs::read_to_string(file).expect("it was written")).expect("it is JSON")
    };
    assert!(read(&whole)["futures"].as_array().is_some_and(|futures| futures.len() == 4));
    assert_eq!(read(&merged), read(&whole));

    let dev = report("dev.json", &["--profile", "dev", "-p", "two"]);
    let refused = run(futurelens().arg("merge").arg(&whole).arg(&dev).arg("--output").arg(&merged));
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("dev.json`: it is of profile `dev`"), "{}", refused.stderr);
    assert_eq!(read(&merged), read(&whole), "nothing is written over");

    // A baseline of all is checked, and updated, package by package.
    let baseline = project.beside("all.baseline");
    let check = |arguments: &[&str]| {
        let mut command = futurelens();
        command.args(["check", "--offline", "--baseline"]).arg(&baseline).args(arguments);
        run(command.current_dir(project.root()))
    };
    check(&["--update-baseline"]).expect_success();
    let before = fs::read_to_string(&baseline).expect("it was written");
    let alone = check(&["-p", "one"]).expect_success();
    assert!(alone.stdout.contains("2 futures") && !alone.stdout.contains("gone"), "{}", alone.stdout);
    check(&["-p", "two", "--update-baseline"]).expect_success();
    assert_eq!(fs::read_to_string(&baseline).expect("it was written"), before);
}

#[test]
fn two_reports_of_a_change() {
    let project = repository();
    let report = |name: &str| {
        let mut command = futurelens();
        command.args(["report", "--offline", "--format", "json", "--output", name]);
        run(command.current_dir(project.root())).expect_success();
    };
    report("old.json");
    second_commit(&project);
    report("new.json");
    let diff = |arguments: &[&str]| run(futurelens().arg("diff").args(arguments).current_dir(project.root()));
    for old in ["old.json", BASELINE] {
        let table = diff(&[old, "new.json"]).expect_success().stdout;
        say(&table);
        let grown: Vec<&str> = table.lines().filter(|line| line.trim_start().starts_with('+')).collect();
        assert_eq!(grown, ["   +1,024        102      1,126  grows  src/lib.rs:2"], "{table}");
        assert!(table.contains("held: 1,124 bytes, was 100"), "{table}");
        assert!(table.contains("1 grown, 0 shrunk, 2 new, 0 gone, 2 renamed"), "{table}");
    }
    let json: Value =
        serde_json::from_str(&diff(&["old.json", "new.json", "--format", "json"]).expect_success().stdout)
            .expect("it is JSON");
    assert_eq!(json["changes"][0]["name"], "grows");
    let markdown = diff(&["old.json", "new.json", "--format", "markdown"]).expect_success().stdout;
    assert!(
        markdown.contains("| +1,024 | 102 | 1,126 | `grows  src/lib.rs:2` | `held: 1,124 bytes, was 100` |"),
        "{markdown}"
    );
    let same = diff(&["old.json", "old.json"]).expect_success();
    assert_eq!(same.stdout, "");
    for (old, said) in [("missing.json", "cannot read"), ("Cargo.toml", "neither a baseline")] {
        let wrong = diff(&[old, "new.json"]);
        assert_eq!((wrong.code, &*wrong.stdout), (Some(2), ""));
        assert!(wrong.stderr.contains(said), "{}", wrong.stderr);
    }
}

#[test]
fn a_revision_is_measured_in_a_worktree() {
    let project = repository();
    second_commit(&project);
    let diff = |revision: &str| {
        run(futurelens().args(["diff", "--offline", "--git", revision]).current_dir(project.root()))
    };
    let worktrees = || {
        let mut list = clean_command("git");
        list.args(["worktree", "list"]).current_dir(project.root());
        run(&mut list).expect_success().stdout.lines().count()
    };
    for round in ["measured", "measured again"] {
        let table = diff("HEAD").expect_success().stdout;
        assert!(table.contains("   +1,024        102      1,126  grows  src/lib.rs:2\n"), "{round}: {table}");
        assert!(table.contains("1 grown, 0 shrunk, 2 new, 0 gone, 2 renamed"), "{round}: {table}");
        assert_eq!(worktrees(), 1, "{round}");
    }
    git(project.outside(), &["add", "."]);
    git(project.outside(), &["commit", "-qm", "second"]);
    assert_eq!(diff("HEAD").expect_success().stdout, "", "nothing changed since");
    assert!(diff("HEAD~1").expect_success().stdout.contains("grows"));

    for missing in ["nothing-of-this-name", "--all", "HEAD~7"] {
        let mut command = futurelens();
        command.args(["diff", "--offline", &format!("--git={missing}")]).current_dir(project.root());
        let refused = run(&mut command);
        assert_eq!((refused.code, &*refused.stdout), (Some(2), ""));
        assert!(refused.stderr.contains(&format!("git knows no revision `{missing}`")), "{}", refused.stderr);
    }
    // One that does not compile.
    let text = project.read("src/lib.rs");
    project.write("src/lib.rs", "fn broken(");
    git(project.outside(), &["commit", "-qam", "third"]);
    project.write("src/lib.rs", &text);
    let broken = diff("HEAD");
    assert_eq!((broken.code, &*broken.stdout), (Some(2), ""));
    assert!(broken.stderr.contains("`HEAD` cannot be measured"), "{}", broken.stderr);
    assert_eq!(worktrees(), 1);
}

/// As cargo's subcommand it is the same program, whatever toolchain cargo is of.
#[test]
fn cargo_finds_it() {
    let project = Project::lib("cargo_crate", &format!("{}{PENDING_ONCE}", future_of("f", 98)));
    let folder = binary().parent().expect("it is in a folder");
    let path = std::env::join_paths(
        std::iter::once(folder.to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").expect("it is set"))),
    );
    let path = path.expect("they were split");
    let cargo = |arguments: &[&str]| {
        let mut command = clean_command("cargo");
        run(command.args(arguments).env("PATH", &path).current_dir(project.root())).expect_success().stdout
    };
    let alone =
        run(futurelens().args(["report", "--offline"]).current_dir(project.root())).expect_success().stdout;
    assert!(alone.contains("100"), "{alone}");
    for toolchain in ["+stable", "+nightly"] {
        assert_eq!(cargo(&[toolchain, "futurelens", "report", "--offline"]), alone);
    }
    let help = cargo(&["futurelens"]);
    assert!(help.contains("Usage: cargo futurelens"), "{help}");
    assert_eq!(cargo(&["futurelens", "--help"]), help);
}

#[test]
fn completions_and_manual_pages() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(futurelens().args(["completions", shell])).expect_success().stdout;
        assert!(script.contains("update-baseline"), "{shell}: {script}");
    }
    // The shell takes it, and completes with it.
    let script = run(futurelens().args(["completions", "bash"])).expect_success().stdout;
    let ask = "COMP_WORDS=(futurelens check --upd); COMP_CWORD=2; _futurelens futurelens --upd check; \
               echo \"${COMPREPLY[@]}\"";
    let answer =
        run(clean_command("bash").args(["--norc", "-c", &format!("{script}\n{ask}")])).expect_success();
    assert_eq!(answer.stdout.trim(), "--update-baseline");
    let project = Project::empty();
    run(futurelens().arg("man").arg(project.root())).expect_success();
    let page = project.read("futurelens-check.1");
    assert!(page.contains(".TH") && page.contains("baseline"), "{page}");
}

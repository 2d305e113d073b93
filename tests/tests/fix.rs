//! `fix` offers what compiles and saves what it says, and writes no more than that.

use futurelens_tests::actions::{Action, offered, own_tests, read, try_all};
use futurelens_tests::binary::{clean_command, fixture, futurelens, run, say};
use futurelens_tests::project::{DEFER, PENDING_ONCE, Project, files, future_of};
use futurelens_tests::registry::checkout;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn the_article_s_large_future_is_boxed() {
    let project = Project::copy_of(&fixture("article"));
    let actions = offered(project.root(), &[]);
    let action = actions
        .iter()
        .find(|action| action.future == "boxes::caller_inline")
        .unwrap_or_else(|| panic!("{actions:#?}"));
    assert_eq!((action.kind.as_str(), action.before, action.after), ("box-awaitee", Some(4100), Some(16)));
    assert_eq!(action.title, "Box this future with Box::pin (saves 4084 B)");
    let text = project.read("src/boxes.rs");
    let [(file, start, end, new)] = &action.edits[..] else { panic!("one edit: {action:?}") };
    assert_eq!((file.as_str(), &text[*start..*end]), ("src/boxes.rs", "large_future()"));
    assert_eq!(new, "Box::pin(large_future())");
    let twice =
        actions.iter().find(|action| action.kind == "desugar-async-fn").expect("arguments are stored twice");
    assert_eq!((twice.future.as_str(), twice.before), ("arguments::stores_argument", Some(16_387)));
    assert_eq!(twice.after, Some(8_195));
}

#[test]
fn every_action_of_the_article_holds() {
    let outcome = try_all(&fixture("article"));
    say(&format!("fix, article:\n{}", outcome.table()));
    let all = outcome.total();
    assert!(all.offered >= 8, "{}", outcome.table());
    assert!(outcome.broken.is_empty(), "{}", outcome.broken.join("\n"));
    assert_eq!((all.compiled, all.shrank, all.as_promised), (all.offered, all.offered, all.offered));
}

/// What changes in one instance of a generic fn changes in all of them, and a fn whose captures come in another
/// order is another type.
#[test]
fn every_action_of_generic_fns_holds() {
    let source = format!(
        "use std::hint::black_box;
{}{PENDING_ONCE}
pub async fn request<T>(value: T) -> T {{
    large().await;
    PendingOnce(false).await;
    black_box(value)
}}
pub async fn update<S: Copy>(name: u8, config: S) -> u8 {{
    black_box(&config);
    let name = request(name).await;
    black_box(&config);
    name
}}
pub async fn create(config: [u8; 712]) -> u8 {{
    update(1, config).await
}}
pub async fn small() -> u8 {{
    update(1, 2u16).await + request(3u64).await as u8
}}
",
        future_of("large", 900)
    );
    let project = Project::lib("generic", &source);
    let outcome = try_all(project.root());
    let all = outcome.total();
    assert!(all.offered >= 6, "{}", outcome.table());
    assert!(outcome.broken.is_empty(), "{}\n{}", outcome.table(), outcome.broken.join("\n"));
}

#[test]
fn every_action_of_mini_redis_holds() {
    let outcome = try_all(&checkout("mini-redis", "0.4.1"));
    say(&format!("fix, mini-redis:\n{}", outcome.table()));
    let all = outcome.total();
    assert!(all.offered >= 40, "{}", outcome.table());
    assert!(outcome.broken.is_empty(), "{}", outcome.broken.join("\n"));
    assert_eq!((all.compiled, all.shrank, all.as_promised), (all.offered, all.offered, all.offered));
}

/// rustfmt of every file of a project.
fn formatted(root: &Path) {
    let sources = files(&root.join("src"));
    run(clean_command("rustfmt").args(["--edition", "2021"]).args(&sources)).expect_success();
}

#[test]
fn an_edit_and_rustfmt_change_nothing_else() {
    let original = Project::copy_of(&fixture("article"));
    formatted(original.root());
    let mut checked = 0;
    for action in offered(original.root(), &[]) {
        let copy = Project::copy_of(original.root());
        action.apply(copy.root());
        formatted(copy.root());
        for (file, first, last) in touched(&action, original.root()) {
            let (old, new) = (original.read(&file), copy.read(&file));
            let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
            let kept = old.len() - last - 1;
            assert_eq!(old[..first], new[..first], "before the statement: {}", action.title);
            assert_eq!(old[last + 1..], new[new.len() - kept..], "behind the statement: {}", action.title);
            checked += 1;
        }
    }
    assert!(checked >= 8, "{checked} files");
}

/// The lines of each file that an action's edits touch: file, first and last, from zero.
fn touched(action: &Action, root: &Path) -> Vec<(String, usize, usize)> {
    let mut touched: Vec<(String, usize, usize)> = Vec::new();
    for (file, start, end, _) in &action.edits {
        let text = fs::read_to_string(root.join(file)).expect("the file is there");
        let line = |at: usize| text[..at].matches('\n').count();
        let (first, last) = (line(*start), line(*end));
        match touched.iter_mut().find(|(known, ..)| known == file) {
            Some((_, low, high)) => (*low, *high) = ((*low).min(first), (*high).max(last)),
            None => touched.push((file.clone(), first, last)),
        }
    }
    touched
}

#[test]
fn mini_redis_works_as_before_when_all_is_applied() {
    let project = Project::copy_of(&checkout("mini-redis", "0.4.1"));
    let largest = |root: &Path| {
        let report = run(futurelens().arg("report").arg(root).args(["--format", "json"])).expect_success();
        let report: serde_json::Value = serde_json::from_str(&report.stdout).expect("report prints JSON");
        report["futures"][0]["size"].as_u64().expect("a size")
    };
    let before = largest(project.root());
    let mut fix = futurelens();
    fix.arg("fix").arg(project.root()).args(["--apply", "--min-saving", "256", "--format", "json"]);
    let applied = read(&run(&mut fix).expect_success());
    let after = largest(project.root());
    say(&format!(
        "fix --apply --min-saving 256, mini-redis: {} edits, {before} to {after} bytes",
        applied.len()
    ));
    assert!(!applied.is_empty());
    assert!(applied.iter().all(|action| action.saving() >= 256), "{applied:#?}");
    assert!(after < before);
    let tests = own_tests(project.root(), &project.beside("tests"), &["--lib", "--tests"]);
    assert_eq!(tests.code, Some(0), "{}{}", tests.stdout, tests.stderr);
    assert!(tests.stdout.contains("passed"), "{}", tests.stdout);
}

fn git(root: &Path, arguments: &[&str]) {
    let who = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
    let status =
        Command::new("git").args(who).args(arguments).current_dir(root).output().expect("git runs").status;
    assert!(status.success(), "git {arguments:?}");
}

/// `outer` awaits a future of 4098 bytes.
fn large_and_outer() -> String {
    format!(
        "{}\npub async fn outer() {{\n    // Comments stay.\n    large().await;\n}}\n{PENDING_ONCE}",
        future_of("large", 4096)
    )
}

#[test]
fn what_is_not_committed_is_not_mixed_with_edits() {
    let project = Project::lib("dirty", &large_and_outer());
    // The target directory is not ignored: what this program makes there is no change of the user's.
    project.write(".gitignore", "Cargo.lock\n");
    git(project.root(), &["init", "-q"]);
    git(project.root(), &["add", "src", "Cargo.toml", ".gitignore"]);
    git(project.root(), &["commit", "-qm", "all"]);
    project.write("src/lib.rs", &format!("// Mine.\n{}", large_and_outer()));
    let fix = || {
        let mut fix = futurelens();
        fix.arg("fix").arg(project.root()).args(["--apply", "--kind", "box-awaitee"]);
        fix
    };
    let refused = run(&mut fix());
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    assert!(
        refused.stderr.contains("src/lib.rs") && refused.stderr.contains("--allow-dirty"),
        "{}",
        refused.stderr
    );
    assert!(!project.read("src/lib.rs").contains("Box::pin"));
    run(fix().arg("--allow-dirty")).expect_success();
    let text = project.read("src/lib.rs");
    assert!(text.contains("    // Comments stay.\n    Box::pin(large()).await;\n"), "{text}");

    git(project.root(), &["add", "src", "Cargo.toml"]);
    git(project.root(), &["commit", "-qm", "boxed"]);
    let nothing = run(&mut fix()).expect_success();
    assert_eq!(nothing.stdout, "", "{}", nothing.stderr);
}

#[test]
fn a_crate_without_a_heap_is_offered_no_box() {
    let with = |header: &str| {
        let body = large_and_outer().replace("std::", "core::");
        let project = Project::lib("bare", &format!("#![no_std]\n{header}\n{body}"));
        offered(project.root(), &["--kind", "box-awaitee"])
    };
    assert_eq!(with("").len(), 0);
    let actions = with("extern crate alloc;");
    assert_eq!(actions.len(), 1, "{actions:?}");
    assert_eq!(actions[0].edits[0].3, "alloc::boxed::Box::pin(large())");
}

#[test]
fn only_what_was_asked_for_is_listed() {
    let project = Project::lib("asked", &large_and_outer());
    assert_eq!(offered(project.root(), &["--min-saving", "4083"]).len(), 1);
    assert_eq!(offered(project.root(), &["--min-saving", "5000"]).len(), 0);
    assert_eq!(offered(project.root(), &["--kind", "scope-block"]).len(), 0);
    let wrong = run(futurelens().arg("fix").arg(project.root()).args(["--kind", "boxes"]));
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("box-awaitee"), "{}", wrong.stderr);
}

/// The lines of `fix --format json-lines`, and the summary that is the last.
fn lines(stdout: &str) -> (Vec<Value>, Value) {
    let mut lines: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let mut last = lines.pop().expect("there is a last line");
    (lines, last["summary"].take())
}

#[test]
fn one_future_can_be_asked_for() {
    let source = format!("{}pub async fn other() {{\n    large().await;\n}}\n", large_and_outer());
    let project = Project::lib("one", &source);
    let fix = |arguments: &[&str]| {
        let mut command = futurelens();
        command.arg("fix").args(arguments).args(["--format", "json", "--kind", "box-awaitee"]);
        run(command.current_dir(project.root()))
    };
    let named = |arguments: &[&str]| -> Vec<String> {
        read(&fix(arguments).expect_success()).into_iter().map(|action| action.future).collect()
    };
    assert_eq!(named(&[]), ["other", "outer"]);
    assert_eq!(named(&["."]), ["other", "outer"]);
    assert_eq!(named(&["outer"]), ["outer"]);
    assert_eq!(named(&["outer", "."]), ["outer"]);
    let line = source.lines().position(|line| line.contains("fn other")).expect("it is there") + 1;
    assert_eq!(named(&[&format!("src/lib.rs:{line}")]), ["other"]);
    let unknown = fix(&["outre"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("did you mean\n  outer"), "{}", unknown.stderr);
    let applied = read(&fix(&["other", "--apply"]).expect_success());
    assert_eq!(applied.len(), 1);
    assert!(project.read("src/lib.rs").contains("fn other() {\n    Box::pin(large()).await"));
    assert!(project.read("src/lib.rs").contains("\n    large().await"));
}

/// A future's size after its edit does not depend on what it keeps behind a pointer then.
#[test]
fn a_chain_of_futures_is_tried_in_few_compiler_runs() {
    const LINKS: usize = 60;
    let link = |n: usize| format!("pub async fn link_{n}() {{\n    link_{}().await;\n}}\n", n + 1);
    let chain: String = (0..LINKS).map(link).collect();
    let source = format!(
        "#![recursion_limit = \"1000\"]\n{chain}{}{PENDING_ONCE}",
        future_of(&format!("link_{LINKS}"), 4096)
    );
    let project = Project::lib("chain", &source);
    let mut fix = futurelens();
    fix.arg("fix").arg(project.root()).args(["--format", "json-lines", "--kind", "box-awaitee"]);
    let (actions, summary) = lines(&run(&mut fix).expect_success().stdout);
    assert_eq!(actions.len(), LINKS);
    assert_eq!(summary["candidates"], LINKS);
    assert_eq!(summary["tried"], LINKS);
    assert_eq!(summary["listed"], LINKS);
    assert_eq!(summary["complete"], true);
    let runs = summary["runs"].as_u64().expect("a number");
    say(&format!("{LINKS} edits were tried in {runs} compiler runs"));
    assert!(runs <= 2, "{runs}");
    let promised = actions.iter().map(|action| action["after"].as_u64().expect("a number"));
    assert!(promised.clone().all(|after| after == 16), "{:?}", promised.collect::<Vec<_>>());
}

/// Each edit of one future takes a compiler run of its own.
#[cfg(unix)]
#[test]
fn an_interrupt_keeps_what_is_known() {
    const AWAITS: usize = 100;
    let callees: String = (0..AWAITS).map(|n| future_of(&format!("large_{n}"), 4000 + 16 * n)).collect();
    let calls: String = (0..AWAITS).map(|n| format!("    large_{n}().await;\n")).collect();
    let source = format!("{callees}pub async fn all() {{\n{calls}}}\n{PENDING_ONCE}");
    let project = Project::lib("interrupted", &source);
    for signal in ["INT", "TERM"] {
        let mut fix = futurelens();
        fix.arg("fix").arg(project.root()).args(["--format", "json-lines", "--min-saving", "0"]);
        let mut child = fix.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let mut text = String::new();
        stdout.read_line(&mut text).expect("it can be read");
        let kill = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(kill.expect("there is a `kill`").success());
        stdout.read_to_string(&mut text).expect("it can be read");
        let ended = child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(3), "{text}{stderr}");
        let (actions, summary) = lines(&text);
        assert_eq!(summary["complete"], false);
        assert_eq!(summary["listed"], actions.len());
        let tried = summary["tried"].as_u64().expect("a number");
        assert!(tried >= 1 && tried < summary["candidates"].as_u64().expect("a number"), "{summary}");
        let said = format!("interrupted: {tried} of {} edits were tried", summary["candidates"]);
        assert!(stderr.contains(&said), "{stderr}");
    }
}

#[test]
fn a_recursive_async_fn_gets_its_box() {
    let source = "pub async fn down(n: u32) -> u32 {\n    if n == 0 {\n        return 0;\n    }\n    \
                  down(n - 1).await + 1\n}\n";
    let project = Project::lib("recursive", source);
    let fix = |more: &[&str]| {
        run(futurelens().arg("fix").arg(project.root()).args(["--format", "json"]).args(more))
    };
    let listed = fix(&[]);
    assert!(listed.stderr.contains("E0733"), "{}", listed.stderr);
    let actions = read(&listed.expect_success());
    assert_eq!(actions.len(), 1, "{actions:?}");
    assert_eq!(
        (actions[0].kind.as_str(), actions[0].before, actions[0].after),
        ("box-recursion", None, None)
    );
    assert_eq!(actions[0].edits[0].3, "Box::pin(down(n - 1))");
    fix(&["--apply"]).expect_success();
    assert!(project.read("src/lib.rs").contains("    Box::pin(down(n - 1)).await + 1\n"));
    let report = run(futurelens().arg("report").arg(project.root())).expect_success();
    assert!(report.stdout.contains("down"), "{}", report.stdout);
}

#[test]
fn what_was_written_is_said_if_other_errors_are_left() {
    let source = "pub async fn down(n: u32) {\n    if n > 0 {\n        down(n - 1).await\n    }\n}\n\
                  pub async fn up(n: u32) {\n    if n < 9 {\n        up(n + 1).await\n    }\n}\n";
    let project = Project::lib("two", source);
    // Each of two is needed before the crate compiles.
    let applied = run(futurelens().arg("fix").arg(project.root()).arg("--apply")).expect_success();
    assert!(applied.stdout.contains("`down`") && applied.stdout.contains("`up`"), "{}", applied.stdout);

    let wrong = format!(
        "{source}pub fn wrong() -> &'static u8 {{\n    let x = 1;\n    &std::convert::identity(x)\n}}\n"
    );
    let project = Project::lib("three", &wrong);
    let run = run(futurelens().arg("fix").arg(project.root()).arg("--apply"));
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{}", run.stderr);
    assert!(run.stderr.contains("E0515"), "{}", run.stderr);
    // The compiler does not say all errors at once: what it did say about is written, or nothing is.
    let is_written = project.read("src/lib.rs").contains("Box::pin");
    assert_eq!(is_written, run.stderr.contains("written: src/lib.rs:"), "{}", run.stderr);
}

#[test]
fn what_does_not_compile_for_another_reason_is_said() {
    let source = "pub async fn wrong() -> u32 {\n    \"no number\"\n}\n";
    let project = Project::lib("wrong", source);
    for more in [&[][..], &["--apply"]] {
        let run = run(futurelens().arg("fix").arg(project.root()).args(more));
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains("E0308"), "{}", run.stderr);
    }
    assert_eq!(project.read("src/lib.rs"), source);
}

#[test]
fn what_becomes_a_future_is_made_one_first() {
    let source = format!(
        "{}{}",
        large_and_outer(),
        "
pub struct Request([u8; 600]);
impl std::future::IntoFuture for Request {
    type Output = ();
    type IntoFuture = Sending;
    fn into_future(self) -> Sending {
        Sending(self.0)
    }
}
pub struct Sending([u8; 600]);
impl std::future::Future for Sending {
    type Output = ();
    fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        std::hint::black_box(&self.0);
        std::task::Poll::Pending
    }
}
pub async fn send() {
    Request([1; 600]).await;
}
"
    );
    let text = |edition: &str| {
        let project = Project::lib("becomes", &source);
        let manifest = project.read("Cargo.toml").replace("2021", edition);
        project.write("Cargo.toml", &manifest);
        let actions = offered(project.root(), &["--kind", "box-awaitee"]);
        let action = actions.iter().find(|action| action.future == "send").expect("it can be boxed");
        action.edits[0].3.clone()
    };
    assert_eq!(text("2024"), "Box::pin(Request([1; 600]).into_future())");
    // The trait is not in scope there.
    assert_eq!(text("2021"), "Box::pin(core::future::IntoFuture::into_future(Request([1; 600])))");
}

#[test]
fn one_that_breaks_something_elsewhere_does_not_spoil_the_others() {
    let outer = |n: u32| format!("pub async fn outer_{n}() {{\n    large().await;\n}}\n");
    let outers: String = (0..5).map(outer).collect();
    // The error is at neither edit: who is to blame must be tried.
    let source = format!(
        "{}{outers}{PENDING_ONCE}
const fn size<F>(_: &fn() -> F) -> usize {{
    std::mem::size_of::<F>()
}}
const _: () = assert!(size(&(outer_3 as fn() -> _)) > 4000);
",
        future_of("large", 4096)
    );
    let project = Project::lib("elsewhere", &source);
    let actions = offered(project.root(), &["--kind", "box-awaitee"]);
    let mut futures: Vec<&str> = actions.iter().map(|action| action.future.as_str()).collect();
    futures.sort_unstable();
    assert_eq!(futures, ["outer_0", "outer_1", "outer_2", "outer_4"]);
    let mut fix = futurelens();
    fix.arg("fix").arg(project.root()).args(["--apply", "--kind", "box-awaitee", "--min-saving", "1000"]);
    run(&mut fix).expect_success();
    let text = project.read("src/lib.rs");
    assert_eq!(text.matches("Box::pin(large()).await").count(), 4, "{text}");
    assert!(text.contains("pub async fn outer_3() {\n    large().await;\n}"), "{text}");
}

/// A guard that is dropped before the await is let go, one that a macro makes stays; unless it is asked for.
#[test]
fn what_would_be_dropped_earlier_is_left_alone() {
    let source = format!(
        "use std::{{hint::black_box, sync::Mutex}};
{PENDING_ONCE}{DEFER}pub async fn locked(lock: &Mutex<u64>) {{
    let mut guard = lock.lock().unwrap();
    *guard += 1;
    drop(guard);
    PendingOnce(false).await;
}}
pub async fn deferred() {{
    let bytes = [1u8; 300];
    defer! {{ println!(\"bye\") }}
    black_box(&bytes);
    PendingOnce(false).await;
}}
"
    );
    let titles = |arguments: &[&str]| {
        let project = Project::lib("drops", &source);
        let arguments = [&["--kind", "scope-block", "--allow-dirty", "--apply"], arguments].concat();
        let actions = offered(project.root(), &arguments);
        let mut titles: Vec<(String, String)> =
            actions.into_iter().map(|action| (action.future, action.title)).collect();
        titles.sort();
        (titles, project.read("src/lib.rs"))
    };
    let (safe, text) = titles(&[]);
    let [(future, title)] = &safe[..] else { panic!("{safe:#?}") };
    assert_eq!(future, "locked");
    assert!(title.starts_with("End `guard` before the await with a block (saves "), "{title}");
    assert!(!title.contains("earlier"), "{title}");
    assert!(text.contains("    let bytes = [1u8; 300];\n    defer! {"), "{text}");
    let (all, text) = titles(&["--may-drop-earlier"]);
    let [(future, title), _] = &all[..] else { panic!("{all:#?}") };
    assert_eq!(future, "deferred");
    assert!(title.ends_with("drops a value made by `defer!` earlier)"), "{title}");
    assert!(text.contains("        let bytes = [1u8; 300];\n        defer! {"), "{text}");
}

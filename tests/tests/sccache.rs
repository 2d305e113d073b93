//! `sccache` as the user's wrapper: it serves dependencies, and never answers for a measured unit,
//! because what it keeps is the artifact and not the sizes that the compiler printed.

use futurelens_tests::binary::{clean_command, futurelens, run, say};
use futurelens_tests::project::Project;
use futurelens_tests::registry::checkout;
use futurelens_tests::report::parse;
use serde_json::Value;
use std::net::TcpListener;
use std::process::Command;

/// A cache of its own, gone with the project.
struct Sccache<'a> {
    project: &'a Project,
    port: u16,
}

impl Sccache<'_> {
    fn set(&self, command: &mut Command) {
        command
            .env("RUSTC_WRAPPER", "sccache")
            .env("SCCACHE_DIR", self.project.beside("sccache"))
            .env("SCCACHE_SERVER_PORT", self.port.to_string());
    }

    fn statistics(&self) -> Value {
        let mut command = clean_command("sccache");
        command.args(["--show-stats", "--stats-format", "json"]);
        self.set(&mut command);
        let shown = run(&mut command).expect_success();
        serde_json::from_str(&shown.stdout).expect("sccache prints JSON")
    }
}

impl Drop for Sccache<'_> {
    fn drop(&mut self) {
        let mut command = clean_command("sccache");
        command.arg("--stop-server");
        self.set(&mut command);
        // It ends by itself after a while if this fails.
        let _ = command.output();
    }
}

/// How many compilations sccache has answered from its cache, or has not been able to.
fn count(statistics: &Value, key: &str) -> u64 {
    let by_language = statistics["stats"][key]["counts"].as_object();
    let numbers = by_language.into_iter().flat_map(|counts| counts.values());
    numbers.filter_map(Value::as_u64).sum()
}

#[test]
fn measured_units_are_measured_and_dependencies_are_cached() {
    if clean_command("sccache").arg("--version").output().is_err() {
        say("skipped: sccache is not installed");
        return;
    }
    let project = Project::copy_of(&checkout("mini-redis", "0.4.1"));
    // A free port: bound once, then given back.
    let port = TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("there is a free port")
        .port();
    let sccache = Sccache { project: &project, port };

    let mut facts = Vec::new();
    let mut hits = Vec::new();
    for cold in ["first", "second"] {
        let mut command = futurelens();
        command
            .arg("report")
            .arg(project.root())
            .args(["--format", "json", "--target-dir"])
            .arg(project.beside(cold));
        sccache.set(&mut command);
        let report = parse(&run(&mut command).expect_success().stdout);
        facts.push(report.facts());
        let statistics = sccache.statistics();
        assert_eq!(count(&statistics, "cache_errors"), 0, "{statistics:#}");
        hits.push(count(&statistics, "cache_hits"));
    }
    assert!(facts[0].len() >= 46, "{}", facts[0].len());
    assert_eq!(facts[0], facts[1]);
    say(&format!("from the cache: {} of the first build, {} of the second", hits[0], hits[1]));
    assert_eq!(hits[0], 0, "the cache was empty");
    assert!(hits[1] >= 30, "dependencies came from the cache");
}

//! A long session, shortened: see `futurelens_tests::soak`, and `--example soak` for as long as one likes.

use futurelens_tests::binary::say;
use futurelens_tests::project::{PENDING_ONCE, Project, future_of};
use futurelens_tests::soak::run_for;
use std::time::Duration;

#[test]
fn half_a_minute_at_random() {
    if !cfg!(target_os = "linux") {
        say("not tested: there is no /proc");
        return;
    }
    let source = format!(
        "{PENDING_ONCE}\n{}\npub async fn calls() {{\n    held().await;\n    PendingOnce(false).await;\n}}\n",
        future_of("held", 400)
    );
    let project = Project::lib("soaked", &source);
    match run_for(project.root(), 3, Duration::from_secs(25), 8) {
        Ok(tally) => say(&format!("soak:\n{}", tally.text())),
        Err(error) => panic!("{error}"),
    }
}

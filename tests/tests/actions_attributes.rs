//! Edits in a fn whose body an attribute wraps into futures of its own, one or several deep.

use futurelens_tests::actions::offered;
use futurelens_tests::binary::fixture;
use futurelens_tests::project::{PENDING_ONCE, Project};
use std::collections::BTreeSet;

const SOURCE: &str = r#"
use std::hint::black_box;

pub async fn large(n: u8) -> u8 {
    let page = [n; 1000];
    PendingOnce(false).await;
    black_box(page)[0]
}

#[tracing::instrument]
pub async fn plain(n: u8) -> u8 {
    large(n).await + 1
}

#[tracing::instrument(err)]
pub async fn fails(n: u8) -> Result<u8, String> {
    Ok(large(n).await + 1)
}

#[tracing::instrument(ret)]
pub async fn returns(n: u8) -> u8 {
    large(n).await + 1
}

#[tracing::instrument(err, ret)]
pub async fn local(n: u8) -> Result<u8, String> {
    let page = [n; 600];
    black_box(&page);
    PendingOnce(false).await;
    Ok(n)
}
"#;

#[test]
fn all_kinds_are_offered_however_deep_the_body_is_wrapped() {
    let project = Project::copy_of(&fixture("places"));
    project.write("src/lib.rs", &format!("{SOURCE}{PENDING_ONCE}"));
    std::fs::remove_dir_all(project.root().join("src/bin")).expect("it is a copy");
    let actions = offered(project.root(), &["--profile", "dev", "--min-saving", "256"]);
    let found: BTreeSet<(&str, &str)> =
        actions.iter().map(|action| (action.future.as_str(), action.kind.as_str())).collect();
    let expected = [
        ("fails", "box-awaitee"),
        ("large", "box-local"),
        ("local", "box-local"),
        ("local", "scope-block"),
        ("plain", "box-awaitee"),
        ("returns", "box-awaitee"),
    ];
    assert_eq!(found, expected.into_iter().collect());
}

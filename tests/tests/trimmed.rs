//! What is left out of the dumps that are kept makes no difference: real ones, with futures that macros made.

use futurelens::dump::CoroutineBody;
use futurelens::dump::coroutine::{statement_spans, trimmed};
use futurelens_tests::binary::{cargo, fixture, nightly, run};
use futurelens_tests::project::{Project, files};

#[test]
fn the_same_is_read_from_a_trimmed_dump() {
    let project = Project::copy_of(&fixture("places"));
    let dumps = project.beside("mir");
    let mut command = cargo(nightly());
    command.current_dir(project.root()).args(["rustc", "--lib", "--profile", "check", "--"]);
    command.args(["-Zdump-mir=coroutine_post", "-Zmir-include-spans=yes", "-Zverbose-internals"]);
    command.args(["-Ztrim-diagnostic-paths=no", "-Zmir-opt-level=1"]);
    command.arg(format!("-Zdump-mir-dir={}", dumps.display()));
    run(&mut command).expect_success();

    let (mut bodies, mut whole, mut kept) = (0, 0, 0);
    for file in files(&dumps) {
        let text = std::fs::read_to_string(&file).expect("the compiler wrote it");
        let short = trimmed(&text);
        let at = file.display();
        let body = CoroutineBody::parse(&text).unwrap_or_else(|| panic!("{at} is a body"));
        assert_eq!(CoroutineBody::parse(&short).as_ref(), Some(&body), "{at}");
        assert_eq!(statement_spans(&short), statement_spans(&text), "{at}");
        // Whether a body is there is looked up in the text of the one around it.
        let futures = |text: &str| text.matches("{closure#0} upvar_tys=").count() > 0;
        assert_eq!(futures(&short), futures(&text), "{at}");
        (bodies, whole, kept) = (bodies + 1, whole + text.len(), kept + short.len());
    }
    assert!(bodies > 20, "{bodies} bodies");
    assert!(kept * 4 < whole * 3, "{kept} of {whole} bytes are kept");
}

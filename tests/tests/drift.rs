//! A compiler whose output is not what this version of futurelens knows: what is certain is shown, the rest is said
//! to be missing, and no number is wrong. One is made of the real compiler and a script in front of it, which changes
//! what it prints or refuses a flag; a second real one is the stable compiler.

use futurelens_tests::binary::{Run, clean_command, fixture, futurelens, nightly, run};
use futurelens_tests::editor::{Editor, Setup, place_of};
use futurelens_tests::project::{PENDING_ONCE, Project, future_of, manifest};
use futurelens_tests::registry::checkout;
use futurelens_tests::report::run_report;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

/// Everything reported of each future, by identity and unit.
type Futures = BTreeMap<String, Value>;

fn report(root: &Path, arguments: &[&str]) -> (Value, String) {
    let run = run_report(root, arguments).expect_success();
    (serde_json::from_str(&run.stdout).expect("a report is JSON"), run.stderr)
}

fn futures(report: &Value) -> Futures {
    let futures = report["futures"].as_array().expect("a report has futures");
    futures.iter().map(|future| (format!("{} {}", future["id"], future["unit"]), future.clone())).collect()
}

fn only<'a>(futures: &'a Futures, name: &str) -> &'a Value {
    let mut found = futures.values().filter(|future| future["name"] == name);
    found.next().unwrap_or_else(|| panic!("no `{name}` among {:?}", futures.keys()))
}

/// What the compiler that is known prints of the article's example.
fn undoctored() -> &'static (Value, String) {
    static UNDOCTORED: OnceLock<(Value, String)> = OnceLock::new();
    UNDOCTORED
        .get_or_init(|| report(Project::copy_of(&fixture("article")).root(), &["--toolchain", nightly()]))
}

/// A value without these keys, wherever they are.
fn without(value: &Value, keys: &[&str]) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !keys.contains(&key.as_str()));
            Value::Object(kept.map(|(key, value)| (key.clone(), without(value, keys))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(|value| without(value, keys)).collect()),
        other => other.clone(),
    }
}

/// The one entry about what is missing.
fn drift(report: &Value) -> &Value {
    match report["drift"].as_array().map(Vec::as_slice) {
        Some([drift]) => drift,
        other => panic!("{other:#?}"),
    }
}

fn compiler(report: &Value) -> &str {
    report["compiler"].as_str().expect("a report names its compiler")
}

#[cfg(unix)]
mod doctored {
    use super::*;

    /// What is done to the compiler's output.
    #[derive(Default)]
    struct Doctor<'a> {
        /// `sed` commands for what it prints.
        sizes: &'a str,
        /// The same for the bodies it dumps.
        bodies: &'a str,
        /// A flag that it does not know, without the `-Z`.
        refuses: &'a str,
    }

    /// The real compiler.
    fn rustc() -> &'static str {
        static RUSTC: OnceLock<String> = OnceLock::new();
        RUSTC.get_or_init(|| {
            let which = run(clean_command("rustup").args(["which", "rustc", "--toolchain", nightly()]));
            which.expect_success().stdout.trim().to_owned()
        })
    }

    /// Puts it in front of the compiler of a project.
    fn doctor(project: &Project, doctor: &Doctor<'_>) {
        let script = format!(
            r#"#!/bin/sh
sizes='{sizes}'
bodies='{bodies}'
refused='{refused}'
dir=
for arg in "$@"; do
    case "$arg" in
        -Zdump-mir-dir=*) dir="${{arg#-Zdump-mir-dir=}}" ;;
    esac
    case "$arg" in
        "-Z$refused"|"-Z$refused="*)
            if [ -n "$refused" ]; then
                said="unknown unstable option: \`$refused\`"
                echo "{{\"\$message_type\":\"diagnostic\",\"message\":\"$said\",\"code\":null,\"level\":\"error\",\"spans\":[],\"children\":[],\"rendered\":\"error: $said\\n\\n\"}}" >&2
                exit 1
            fi ;;
    esac
done
if [ -z "$dir" ]; then
    exec {rustc} "$@"
fi
printed=$(mktemp)
{rustc} "$@" > "$printed"
status=$?
sed -e "$sizes" "$printed"
for body in "$dir"/*.mir; do
    if [ -e "$body" ] && [ -n "$bodies" ]; then
        sed -e "$bodies" "$body" > "$printed"
        cat "$printed" > "$body"
    fi
done
rm -f "$printed"
exit $status
"#,
            sizes = doctor.sizes,
            bodies = doctor.bodies,
            refused = doctor.refuses,
            rustc = rustc(),
        );
        project.compile_with("rustc", &project.script("../rustc-shim", &script));
    }

    fn article(how: &Doctor<'_>) -> Project {
        let project = Project::copy_of(&fixture("article"));
        doctor(&project, how);
        project
    }

    const NIGHTLY: &str = "--toolchain";

    fn doctored(how: &Doctor<'_>) -> (Project, Value, String) {
        let project = article(how);
        let (report, said) = report(project.root(), &[NIGHTLY, nightly()]);
        (project, report, said)
    }

    fn command(project: &Project, arguments: &[&str]) -> Run {
        let mut command = futurelens();
        run(command.args(arguments).args([NIGHTLY, nightly()]).current_dir(project.root()))
    }

    /// An unknown line in one record.
    const NICHE: &str = "/type: `{static buffers::buffers_overlapping/a print-type-size     niche: 3 bytes";

    #[test]
    fn of_a_record_with_an_unknown_line_the_size_is_shown_and_nothing_else() {
        let (whole, _) = undoctored();
        let (project, report, said) = doctored(&Doctor { sizes: NICHE, ..Doctor::default() });
        let (shown, whole_futures) = (futures(&report), futures(whole));
        assert_eq!(shown.len(), whole_futures.len());
        for (id, future) in &shown {
            let of_whole = &whole_futures[id];
            if future["name"] != "buffers::buffers_overlapping" {
                assert_eq!(future, of_whole);
                continue;
            }
            assert_eq!((&future["size"], &future["align"]), (&of_whole["size"], &of_whole["align"]));
            assert_eq!((&future["file"], &future["line"]), (&of_whole["file"], &of_whole["line"]));
            assert!(future["states"].as_array().is_some_and(Vec::is_empty), "{future}");
            for key in ["padding", "duplicated", "discriminant"] {
                assert!(future.get(key).is_none(), "{key}: {future}");
            }
        }
        let id = only(&shown, "buffers::buffers_overlapping")["id"].clone();
        let drift = drift(&report);
        assert_eq!((&drift["missing"], &drift["unread"]), (&"states".into(), &1.into()));
        assert_eq!(drift["futures"], Value::from(vec![id]));
        for word in [compiler(whole), "1 of ", "only the size", "niche: 3 bytes", "--toolchain", "update"] {
            assert!(said.contains(word), "`{word}` in:\n{said}");
        }

        let explained = command(&project, &["explain", "buffers_overlapping"]).expect_success();
        for word in ["515 bytes", "States are not shown", compiler(whole)] {
            assert!(explained.stdout.contains(word), "`{word}` in:\n{}", explained.stdout);
        }
        assert!(
            !explained.stdout.contains("Suspend0") && !explained.stdout.contains("Padding"),
            "{explained:?}"
        );
        let picture = command(&project, &["explain", "buffers_overlapping", "--format", "svg"]);
        assert_eq!((picture.code, picture.stdout.as_str()), (Some(2), ""));
        assert!(picture.stderr.contains("States are not shown"), "{}", picture.stderr);

        let page = command(&project, &["report", "--format", "html"]).expect_success().stdout;
        let data = page.split_once(r#"id="data">"#).and_then(|(_, page)| page.split_once("</script>"));
        let data: Value = serde_json::from_str(data.expect("it has data").0).expect("it is JSON");
        for word in [compiler(whole), "only the size", "--toolchain"] {
            assert!(data["drift"].as_str().is_some_and(|said| said.contains(word)), "{}", data["drift"]);
        }
        let unknown = data["futures"].as_array().into_iter().flatten().filter(|future| future[10].is_null());
        assert_eq!(unknown.map(|future| &future[8]).collect::<Vec<_>>(), [515], "bytes never used are not 0");
    }

    #[test]
    fn an_editor_is_told_once() {
        let project = article(&Doctor { sizes: NICHE, ..Doctor::default() });
        let file = project.root().join("src/buffers.rs");
        let options = serde_json::json!({ "toolchain": nightly() });
        let mut editor = Editor::open(project.root(), Setup { options, ..Setup::default() });
        let opened = editor.now();
        editor.did_open(&file);
        editor.hints_when(&file, "the sizes", |hints| hints.iter().any(|hint| hint.label.contains("515 B")));
        editor.wait_for_work(opened);
        let text = project.read("src/buffers.rs");
        let hover = |editor: &mut Editor, name: &str| {
            let hover = editor.hover(&file, place_of(&text, name)).expect("there is a hover on a fn's name");
            hover.text
        };
        let unread = hover(&mut editor, "buffers_overlapping()");
        assert!(unread.contains("515 bytes") && unread.contains("States are not shown"), "{unread}");
        assert!(!unread.contains("Suspend0"), "{unread}");
        let read = hover(&mut editor, "buffers_sequential()");
        assert!(read.contains("Suspend0") && !read.contains("not shown"), "{read}");

        let saved = editor.now();
        editor.save_as(&file, &text.replace("[1u8; 256]", "[1u8; 300]"));
        editor.wait_for_work(saved);
        let shown = editor.shown(opened);
        let warnings: Vec<&String> = shown.iter().filter(|text| text.contains("does not read")).collect();
        let [warning] = &warnings[..] else { panic!("{shown:#?}") };
        for word in ["rustc 1.", "only the size", "futurelens.toolchain"] {
            assert!(warning.contains(word), "`{word}` in: {warning}");
        }
        editor.exit();
    }

    #[test]
    fn without_conflicts_nothing_is_predicted() {
        let source = "pub async fn caller() {\n    large().await;\n}\n";
        let small = || Project::lib("small", &format!("{PENDING_ONCE}{}{source}", future_of("large", 4096)));
        let (known, project) = (small(), small());
        doctor(&project, &Doctor { bodies: "s/storage_conflicts/storage_overlaps/", ..Doctor::default() });
        let (whole, _) = report(known.root(), &[NIGHTLY, nightly()]);
        let (report, said) = report(project.root(), &[NIGHTLY, nightly()]);
        // What a state needs is laid out by us.
        let printed = |report: &Value| -> Vec<Value> {
            futures(report).values().map(|future| without(future, &["needs"])).collect()
        };
        assert_eq!(printed(&report), printed(&whole));
        assert!(whole.to_string().contains("\"needs\"") && !report.to_string().contains("\"needs\""));
        assert_eq!(drift(&report)["missing"], "predictions");
        assert!(said.contains("what edits would save"), "{said}");
        let explain = |project: &Project| command(project, &["explain", "caller"]).expect_success().stdout;
        assert!(explain(&known).contains("Predicted:"));
        assert!(!explain(&project).contains("Predicted:"));

        // What is offered all the same was compiled.
        let actions = |project: &Project| -> Vec<Value> {
            let fix =
                command(project, &["fix", "--format", "json", "--kind", "box-awaitee"]).expect_success();
            let list: Value = serde_json::from_str(&fix.stdout).expect("it is JSON");
            list["actions"].as_array().expect("it lists actions").clone()
        };
        let (all, offered) = (actions(&known), actions(&project));
        assert!(!all.is_empty());
        for action in &offered {
            let same = |other: &&Value| ["future", "edits"].iter().all(|key| other[key] == action[key]);
            let known = all.iter().find(same).unwrap_or_else(|| panic!("{action}"));
            assert_eq!((&known["before"], &known["after"]), (&action["before"], &action["after"]));
        }
    }

    #[test]
    fn without_the_header_of_bodies_sizes_and_states_are_there() {
        let (whole, _) = undoctored();
        let bodies = "s/field_tys/saved_tys/";
        let (project, report, said) = doctored(&Doctor { bodies, ..Doctor::default() });
        assert_eq!(drift(&report)["missing"], "declarations");
        let (shown, whole) = (futures(&report), futures(whole));
        // Those of what is held: the future's own place is known.
        let of_bodies = ["why", "copy_of", "await", "type", "duplicated", "kind", "held_line", "needs"];
        for (id, future) in &shown {
            let strip = |future: &Value| {
                let mut future = without(future, &of_bodies);
                for state in future["states"].as_array_mut().into_iter().flatten() {
                    *state = without(state, &["line", "file", "future"]);
                }
                future
            };
            assert_eq!(strip(future), strip(&whole[id]), "{id}");
        }
        assert_eq!(shown.len(), whole.len());
        assert!(said.contains("why things are held"), "{said}");
        let explained = command(&project, &["explain", "buffers_sequential"]).expect_success().stdout;
        assert!(explained.contains("Suspend0") && !explained.contains("used later"), "{explained}");
    }

    #[test]
    fn without_bodies_sizes_are_there() {
        let (whole, _) = undoctored();
        let (_, report, said) = doctored(&Doctor { refuses: "dump-mir", ..Doctor::default() });
        assert_eq!(drift(&report)["missing"], "places");
        assert!(said.contains("dump-mir"), "{said}");
        let numbers = |report: &Value| {
            let futures = futures(report);
            let numbers = futures.values().map(|future| (future["size"].as_u64(), future["align"].as_u64()));
            let mut numbers: Vec<_> = numbers.collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(numbers(&report), numbers(whole));
    }

    #[test]
    fn without_a_list_of_instances_each_save_is_measured_whole() {
        let (whole, _) = undoctored();
        let (project, first, _) = doctored(&Doctor { refuses: "print-mono-items", ..Doctor::default() });
        assert_eq!(futures(&first), futures(whole));
        assert_eq!(drift(&first)["missing"], "instances");
        // One instance less.
        let text = project.read("src/generics.rs");
        let edited = text.replace("keeps([1u8; 256]).await", "keeps(1u64).await");
        assert_ne!(edited, text, "{text}");
        project.write("src/generics.rs", &edited);
        let (after, _) = report(project.root(), &[NIGHTLY, nightly()]);
        let known = Project::copy_of(&fixture("article"));
        known.write("src/generics.rs", &edited);
        let (expected, _) = self::report(known.root(), &[NIGHTLY, nightly()]);
        assert_eq!(futures(&after), futures(&expected));
        assert_ne!(futures(&after), futures(&first));
    }

    #[test]
    fn sizes_that_cannot_be_read_at_all_are_not_taken_for_none() {
        let sizes = "s/^print-type-size type:/print-type-size layout of/";
        let (project, report, said) = doctored(&Doctor { sizes, ..Doctor::default() });
        assert!(futures(&report).is_empty(), "{report}");
        assert_eq!(drift(&report)["missing"], "futures");
        assert!(said.contains("layout of"), "{said}");
        let hints = command(&project, &["hints", "src/buffers.rs"]).expect_success().stdout;
        assert!(hints.contains("size not read") && !hints.contains("generic"), "{hints}");
    }

    #[test]
    fn a_flag_that_nothing_can_be_measured_without_is_named() {
        for (refuses, root) in [("print-type-sizes", "article"), ("always-encode-mir", "dependency")] {
            let how = Doctor { refuses, ..Doctor::default() };
            let project = match root {
                "article" => article(&how),
                _ => {
                    let project = Project::lib("user", "pub async fn f() { dependency::g().await }\n");
                    let of =
                        manifest("user") + "\n[dependencies]\ndependency = { path = \"../dependency\" }\n";
                    project.write("Cargo.toml", &of);
                    project.write(
                        "../dependency/Cargo.toml",
                        &manifest("dependency").replace("[workspace]", ""),
                    );
                    project.write("../dependency/src/lib.rs", "pub async fn g() {}\n");
                    doctor(&project, &how);
                    project
                }
            };
            let refused = run_report(project.root(), &[NIGHTLY, nightly()]);
            assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:#?}");
            for word in ["rustc 1.", refuses, "--toolchain", "futurelens.toolchain"] {
                assert!(refused.stderr.contains(word), "`{word}` in:\n{}", refused.stderr);
            }
            assert!(!refused.stderr.contains("could not compile"), "{}", refused.stderr);
        }
    }
}

/// The stable compiler prints the same for the same code: every future, with all that it holds and why.
fn expect_the_same(root: &Path, arguments: &[&str], target: &Path) {
    let measured = |toolchain: &str| {
        let target = target.join(toolchain);
        let target = target.to_string_lossy();
        let more = ["--toolchain", toolchain, "--target-dir", &*target];
        report(root, &[arguments, &more].concat())
    };
    let ((new, _), (old, said)) = std::thread::scope(|scope| {
        let new = scope.spawn(|| measured(nightly()));
        let old = measured("stable");
        (new.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), old)
    });
    assert_ne!(compiler(&new), compiler(&old));
    assert!(!compiler(&old).contains("nightly"), "{}", compiler(&old));
    for (report, what) in [(&new, "nightly"), (&old, "stable")] {
        assert!(report.get("drift").is_none(), "{what}: {}\n{said}", report["drift"]);
    }
    // What a macro of the standard library made is declared there, and each compiler has its own.
    let strip = |report: &Value| -> Futures {
        let of_std = |text: &str| text.starts_with("/rustc/");
        fn walk(value: &mut Value, of_std: &dyn Fn(&str) -> bool) {
            match value {
                Value::Object(map) => {
                    if map.get("file").and_then(Value::as_str).is_some_and(of_std) {
                        map.remove("file");
                        map.remove("line");
                    }
                    map.values_mut().for_each(|value| walk(value, of_std));
                }
                Value::Array(list) => list.iter_mut().for_each(|value| walk(value, of_std)),
                _ => {}
            }
        }
        let mut futures = futures(report);
        futures.values_mut().for_each(|future| walk(future, &of_std));
        futures
    };
    let (new, old) = (strip(&new), strip(&old));
    assert_eq!(new.keys().collect::<Vec<_>>(), old.keys().collect::<Vec<_>>());
    for (id, future) in &new {
        assert_eq!(future, &old[id], "{id}");
    }
    assert!(!new.is_empty());
}

#[test]
fn two_compilers_agree_about_the_article() {
    let article = Project::copy_of(&fixture("article"));
    expect_the_same(article.root(), &[], &article.beside("target"));
}

/// Futures of its dependencies too, which are those of `tokio`: the standard library's types in them have not changed
/// between the two.
#[test]
fn two_compilers_agree_about_mini_redis() {
    let mini_redis = Project::copy_of(&checkout("mini-redis", "0.4.1"));
    expect_the_same(mini_redis.root(), &["--all", "--locked"], &mini_redis.beside("target"));
}

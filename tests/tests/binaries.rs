//! Binaries, which are what most people have: every future that only their own generic code makes is found, by every form of
//! a build, and their warnings and errors are nobody's but cargo's.

use futurelens_tests::binary::{cargo, nightly, run};
use futurelens_tests::project::{PENDING_ONCE, Project, manifest};
use futurelens_tests::report::{report, run_report};

/// A binary beside a library: what it polls is generic, behind a trait, and boxed.
fn project() -> Project {
    let project = Project::lib("shop", "pub async fn shared<T>(value: T) -> T { value }\n");
    let main = format!(
        "#![deny(warnings)]\n{PENDING_ONCE}\nuse std::future::Future;\nuse std::pin::{{Pin, pin}};\n\
         use std::task::{{Context, Waker}};\n\
         trait Store {{ fn get(&self, key: u32) -> impl Future<Output = [u8; 100]>; }}\n\
         struct Memory;\n\
         impl Store for Memory {{\n    async fn get(&self, key: u32) -> [u8; 100] {{\n        let found = [key as u8; 100];\n        \
         PendingOnce(false).await;\n        found\n    }}\n}}\n\
         async fn lookup<S: Store>(store: &S, key: u32) -> u8 {{ store.get(key).await[0] }}\n\
         async fn start<S: Store>(store: S) -> u8 {{ lookup(&store, 1).await + shop::shared(2u8).await }}\n\
         trait Run {{ fn run<'a>(&'a self) -> Pin<Box<dyn Future<Output = u8> + 'a>> where Self: 'a; }}\n\
         impl Run for Memory {{\n    fn run<'a>(&'a self) -> Pin<Box<dyn Future<Output = u8> + 'a>> where Self: 'a {{\n        \
         Box::pin(async move {{ lookup(self, 3).await }})\n    }}\n}}\n\
         fn block_on<F: Future>(future: F) -> bool {{\n    let mut future = pin!(future);\n    \
         future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()\n}}\n\
         fn main() {{\n    block_on(start(Memory));\n    block_on(Memory.run());\n}}\n"
    );
    project.write("src/main.rs", &main);
    project
}

#[test]
fn what_only_a_binary_makes_is_as_a_plain_build_prints_it() {
    let project = project();
    for profile in ["release", "dev"] {
        let measured = report(project.root(), &["--profile", profile, "--toolchain", nightly()]);
        let mut build = cargo(nightly());
        build
            .args(["rustc", "--bin", "shop", "--profile", profile, "--target-dir"])
            .arg(project.beside("plain"));
        build.args(["--", "-Zprint-type-sizes"]).current_dir(project.root());
        let printed = run(&mut build).expect_success().stdout;
        let sizes = printed.lines().filter_map(|line| {
            let (name, rest) = line.strip_prefix("print-type-size type: `{async ")?.split_once("}`: ")?;
            Some((name.to_owned(), rest.split(' ').next()?.parse::<u64>().ok()?))
        });
        let mut plain: Vec<(String, u64)> = sizes.filter(|(name, _)| !name.contains("shop::")).collect();
        let of_binary = measured.futures.iter().filter(|future| future.unit == "bin shop");
        let name = |ty: &str| ty.trim_start_matches("{async ").trim_end_matches('}').to_owned();
        let mut found: Vec<(String, u64)> = of_binary
            .filter(|future| future.crate_name == "shop" && future.file == "src/main.rs")
            .map(|future| (name(&future.ty), future.size))
            .collect();
        plain.sort();
        plain.dedup();
        found.sort();
        assert_eq!(found, plain, "{profile}");
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(
            measured.futures.iter().any(|future| future.last_name() == "shared"),
            "{:?}",
            measured.names()
        );
    }
}

#[test]
fn errors_of_a_binary_are_cargo_s_own() {
    let project = Project::empty();
    project
        .write("Cargo.toml", &manifest("broken"))
        .write("src/main.rs", "fn main() {\n    let x: u8 = \"text\";\n}\n");
    let refused = run_report(project.root(), &["--toolchain", nightly()]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    assert!(
        refused.stderr.contains("mismatched types") && refused.stderr.contains("(bin \"broken\")"),
        "{}",
        refused.stderr
    );
}

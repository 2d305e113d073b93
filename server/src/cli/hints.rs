//! `futurelens hints`: a file as an editor would show it.

use super::{CliError, CommonArgs, Measured};
use crate::compiler::Project;
use crate::engine::Links;
use crate::features::hints::{Awaits, HintSettings, hints};
use crate::source::Outline;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct HintsArgs {
    /// A Rust source file of the project.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Hide futures smaller than this.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    min_bytes: u64,
    /// Which awaits get a hint: those that dominate their future, all, or none.
    #[arg(long, value_name = "large|all|off", default_value = "large", value_parser = awaits)]
    awaits: Awaits,
    #[command(flatten)]
    common: CommonArgs,
}

fn awaits(text: &str) -> Result<Awaits, String> {
    serde_json::from_value(text.into()).map_err(|_| "expected `large`, `all` or `off`".to_owned())
}

pub(super) fn run(args: &HintsArgs) -> Result<(), CliError> {
    let error = |source| CliError::File { what: "read", path: args.file.clone(), source };
    let text = std::fs::read_to_string(&args.file).map_err(error)?;
    let real = dunce::canonicalize(&args.file).map_err(error)?;
    let given = std::path::absolute(&args.file).map_err(error)?;
    // A link in a package is a file of that package, wherever it leads.
    let is_in_package = |file: &&PathBuf| file.ancestors().any(|folder| folder.join("Cargo.toml").is_file());
    let placed = [&given, &real].into_iter().find(is_in_package).unwrap_or(&real);
    let mut request = args.common.build.request(placed.parent().unwrap_or(placed));
    // What the editor measures, and `report` at the root: a package alone may have other features.
    request.whole = true;
    let project = Project::open(&request)?;
    request.selection.also = project.package_of(placed).map(str::to_owned).into_iter().collect();
    let measured = Measured::of(project, &request)?;
    measured.note_first();
    let snapshot = &measured.first;
    let mut links = Links::default();
    links.follow(snapshot);
    let file = links.compiled(&real).unwrap_or(&real);
    let outline = Outline::new(text.as_str().into());
    let settings = HintSettings {
        min_bytes: args.min_bytes,
        cache_line: args.common.cache_line.on(&snapshot.target),
        awaits: args.awaits,
    };
    let hints = hints(snapshot.file(file), &outline, &settings);
    if hints.is_empty() {
        eprintln!(
            "no future was measured in `{}`: is it part of a crate that is built?",
            args.file.display()
        );
    }
    let mut out = String::with_capacity(text.len() + 64 * hints.len());
    let mut at = 0;
    for hint in hints {
        let end = usize::from(hint.at);
        out.push_str(&text[at..end]);
        out.push_str(&format!(" «{}»", hint.label));
        at = end;
    }
    out.push_str(&text[at..]);
    args.common.output.write(&out)?;
    measured.finish()
}

//! `futurelens explain`: the hovers of one future, in a terminal.

use super::{CliError, CommonArgs, named};
use crate::features::current_text::CurrentTexts;
use crate::features::drift::Missing;
use crate::features::explain::{self, ExplainSettings};
use crate::features::find::{Meaning, find};
use crate::features::snapshot::{Placed, Snapshot};
use crate::render::{PictureOptions, one_line, svg};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The future: a fn's name or any end of its path (`apply`, `Set::apply`, `mini_redis::cmd::set::Set::apply`), a
    /// type as the compiler writes it, a place (`src/cmd/set.rs:128`), or the fn that it is in.
    #[arg(value_name = "NAME")]
    name: String,
    /// A folder in the project.
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// What to print: all there is to say, or the picture alone, for documents.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Show the futures stored in it, this many levels deep.
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
    /// Write types in full.
    #[arg(long)]
    full: bool,
    /// Draw with ASCII only.
    #[arg(long)]
    ascii: bool,
    /// Columns of the picture [default: the terminal's, else 80].
    #[arg(long, value_name = "COLUMNS")]
    width: Option<usize>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    /// A picture, of the largest instance.
    Svg,
}

pub(super) fn run(args: &ExplainArgs) -> Result<(), CliError> {
    let measured = args.common.build.measure(&args.path)?;
    let is_list = !measured.others.is_empty();
    let mut texts = Vec::new();
    for snapshot in measured.all().filter(|_| is_list) {
        // What it is called in the one it is called in all, where it is there.
        if let (Meaning::One(instances), Format::Text) = (find(snapshot, &args.name), args.format) {
            texts.push(format!("For {}:\n\n{}", snapshot.target, explain(args, snapshot, &instances)));
        }
    }
    if !texts.is_empty() {
        args.common.output.write(&texts.join("\n"))?;
        return measured.finish();
    }
    if is_list {
        measured.note_first();
    }
    let snapshot = &measured.first;
    let said = named(snapshot, &args.name).and_then(|instances| {
        let text = match args.format {
            Format::Text => explain(args, snapshot, &instances),
            Format::Svg => picture(args, &instances, snapshot)?,
        };
        args.common.output.write(&text)
    });
    // What is not found may be in what does not compile.
    said.map_err(|error| measured.instead_of(error)).and_then(|()| measured.finish())
}

fn explain(args: &ExplainArgs, snapshot: &Snapshot, instances: &[&Placed]) -> String {
    let to_terminal = args.common.output.output.is_none();
    let terminal = console::Term::stdout();
    let columns = terminal.size_checked().filter(|_| to_terminal).map(|(_, columns)| usize::from(columns));
    let settings = ExplainSettings {
        picture: PictureOptions {
            width: args.width.or(columns).unwrap_or(80),
            cache_line: args.common.cache_line.on(&snapshot.target),
            color: to_terminal && args.common.build.color.on_stdout(),
            ascii: args.ascii,
        },
        full_types: args.full,
        depth: args.depth,
    };
    explain::explain(&CurrentTexts::new(snapshot, &|_| None), instances, &settings)
}

fn picture(args: &ExplainArgs, instances: &[&Placed], snapshot: &Snapshot) -> Result<String, CliError> {
    let Some(largest) = instances.first() else { return Ok(String::new()) };
    if largest.future.states.is_empty() {
        let note = Missing::note(&largest.future, &snapshot.compiler);
        return Err(CliError::Other(note.unwrap_or_default()));
    }
    if instances.len() > 1 {
        eprintln!(
            "note: the largest of {} instances is drawn, {}; any other can be asked for by its type",
            instances.len(),
            one_line(&largest.future.ty)
        );
    }
    Ok(svg(&largest.future, args.common.cache_line.on(&snapshot.target)))
}

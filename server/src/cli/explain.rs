//! `futurelens explain`: the hovers of one future, in a terminal.

use super::{CliError, CommonArgs};
use crate::dump::Span;
use crate::features::breakdown::{self, Context};
use crate::features::find::{Found, find};
use crate::features::nesting;
use crate::features::report::relative;
use crate::features::snapshot::{Placed, Snapshot};
use crate::layout::Future;
use crate::render::{Page, PictureOptions, TreeOptions, tree};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The future: a fn's name or any end of its path (`apply`, `Set::apply`), a type as the compiler
    /// writes it, or a place (`src/cmd/set.rs:128`).
    #[arg(value_name = "NAME")]
    name: String,
    /// A folder in the project.
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
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

pub(super) fn run(args: &ExplainArgs) -> Result<(), CliError> {
    let snapshot = args.common.build.measure(&args.path)?;
    match find(&snapshot, &args.name) {
        Found::One(instances) => args.common.output.write(&explain(args, &snapshot, &instances)),
        Found::Ambiguous(futures) => {
            let mut text = format!("`{}` is the name of {} futures; which one?", args.name, futures.len());
            for placed in futures {
                text.push_str(&format!("\n  {}", placed.future.name));
                if let Some(location) = &placed.location {
                    let file = relative(&snapshot.root, &location.file);
                    text.push_str(&format!("  ({file}:{})", location.at.line));
                }
            }
            Err(CliError::Other(text))
        }
        Found::Unknown(names) => {
            let mut text = format!("no future is called `{}`", args.name);
            if !names.is_empty() {
                text.push_str("; did you mean\n  ");
                text.push_str(&names.join("\n  "));
            } else {
                text.push_str("; `futurelens report` lists them all");
            }
            Err(CliError::Other(text))
        }
    }
}

fn explain(args: &ExplainArgs, snapshot: &Snapshot, instances: &[&Placed]) -> String {
    let Some(first) = instances.first() else { return String::new() };
    let own_file =
        first.future.body.as_ref().and_then(|body| body.span.as_ref()).map(|span| span.file.clone());
    let place = |span: &Span| {
        if Some(&span.file) == own_file.as_ref() {
            return Some(format!("line {}", span.start.line));
        }
        let file = relative(&snapshot.root, &first.dir.join(&*span.file));
        (!Path::new(&file).is_absolute()).then(|| format!("{file}:{}", span.start.line))
    };
    let to_terminal = args.common.output.output.is_none();
    let terminal = console::Term::stdout();
    let columns = terminal.size_checked().filter(|_| to_terminal).map(|(_, columns)| usize::from(columns));
    let picture = PictureOptions {
        width: args.width.or(columns).unwrap_or(80),
        cache_line: args.common.cache_line,
        color: to_terminal && args.common.build.color.on_stdout(),
        ascii: args.ascii,
    };
    let context = Context {
        snapshot,
        cache_line: args.common.cache_line,
        place: &place,
        link: &|_| None,
        picture: picture.clone(),
        full_types: args.full,
    };
    let mut page = Page::plain();
    if let Some(location) = &first.location {
        page.paragraph(&format!("{}:{}", relative(&snapshot.root, &location.file), location.at.line));
    }
    let futures: Vec<&Arc<Future>> = instances.iter().map(|placed| &placed.future).collect();
    breakdown::future(&mut page, &futures, false, &context);
    for state in first.future.states.iter().filter(|state| state.is_suspended()) {
        breakdown::one_await(&mut page, &first.future, state, false, &context);
    }
    if let Some(depth) = args.depth {
        let options = TreeOptions { width: picture.width, depth, color: picture.color, ascii: args.ascii };
        page.paragraph("Futures stored in it:");
        page.picture(&tree(&nesting::tree(snapshot, first, depth), &options));
    }
    page.finish()
}

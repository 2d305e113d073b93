//! `futurelens doctor`: which compiler measures, why, and what is in the way.

use super::{BuildArgs, CliError, OutputArgs, json};
use crate::dump::Dialect;
use crate::engine::doctor::{Compiler, Diagnosis, diagnose};
use crate::render::one_line;
use crate::render::size::{count, short as bytes};
use clap::{Args, ValueEnum};
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// A folder in the project.
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Form of what is said.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Say what can be said without running anything that the project's files name.
    #[arg(long)]
    untrusted: bool,
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(super) fn run(args: &DoctorArgs) -> Result<(), CliError> {
    let diagnosis = diagnose(&args.build.request(&args.path), args.untrusted.then_some(false));
    args.output.write(&match args.format {
        Format::Json => json(&diagnosis)?,
        Format::Text => text(&diagnosis),
    })
}

fn text(diagnosis: &Diagnosis) -> String {
    let mut text = format!("futurelens {}\n", diagnosis.futurelens);
    if let Some(chosen) = &diagnosis.chosen {
        let name = chosen.toolchain.as_deref().unwrap_or("the project's own");
        let _ = write!(
            text,
            "\nmeasured by   {}\n              {}: {}\n",
            one_line(&chosen.version),
            one_line(name),
            one_line(&chosen.why)
        );
    }
    if !diagnosis.compilers.is_empty() {
        text.push_str("\ncompilers, best first\n");
        diagnosis.compilers.iter().for_each(|compiler| write_compiler(&mut text, compiler));
    }
    if let Some(project) = &diagnosis.project {
        let _ = write!(
            text,
            "\nproject       {}\nkept in       {}\n              {}, of which {} what compilers printed in {}\n",
            one_line(&project.root.display().to_string()),
            one_line(&project.target_dir.display().to_string()),
            bytes(project.kept_bytes),
            bytes(project.printed_bytes),
            count(project.units, "run")
        );
    }
    if let Some(cache) = &diagnosis.cache {
        let _ = writeln!(text, "about compilers in {}", one_line(&cache.display().to_string()));
    }
    match &diagnosis.problems[..] {
        [] => text.push_str("\nno problems\n"),
        problems => {
            text.push_str("\nproblems\n");
            for problem in problems {
                let _ = writeln!(text, "! {}\n  {}", one_line(&problem.what), one_line(&problem.advice));
            }
        }
    }
    text
}

fn write_compiler(text: &mut String, compiler: &Compiler) {
    let mark = if compiler.chosen { '*' } else { ' ' };
    let read = match compiler.read {
        Some("whole") => match compiler.dialect {
            Some(Dialect::Comment) => "all of its output is read (layouts in comments)",
            Some(Dialect::Block) => "all of its output is read (layouts in blocks)",
            None => "all of its output is read",
        },
        Some("sizes") => "sizes only",
        Some(_) => "cannot measure",
        None => "not tried",
    };
    let name = compiler.toolchain.as_deref().unwrap_or("the project's own");
    let _ = writeln!(text, "{mark} {}", one_line(&compiler.version));
    let _ = write!(text, "    {}: {read}", one_line(name));
    match &compiler.why {
        Some(why) => _ = writeln!(text, "; {}", one_line(why)),
        None => text.push('\n'),
    }
    for limit in &compiler.limits {
        let _ = writeln!(text, "    {limit}");
    }
}

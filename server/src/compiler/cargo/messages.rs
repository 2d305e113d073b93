//! One run of cargo, and what it says meanwhile.

use super::metadata::unit_of;
use super::project::Project;
use super::quick_pass::announced;
use super::request::Request;
use crate::compiler::contract::{self, Settings};
use crate::compiler::error::BuildError;
use crate::compiler::invocation::Invocation;
use crate::compiler::process::{Cancel, Guarded, Running};
use crate::compiler::unit::MeasuredUnit;
use crate::compiler::{disk, files};
use cargo_metadata::diagnostic::DiagnosticLevel;
use cargo_metadata::{Message, PackageId, TargetKind};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

/// What happens during a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// cargo's own progress.
    Progress {
        /// Units done.
        done: u32,
        /// Units in all.
        total: u32,
        /// What is being compiled now.
        crates: String,
    },
    /// What the compiler printed of this unit is there, from this build or an earlier one.
    Measured(MeasuredUnit),
    /// What the quick pass over this unit printed is there, before the run that measures all is over.
    QuickPass(MeasuredUnit),
}

/// What came of one run of cargo.
pub(super) struct Ran {
    /// Those that compiled.
    pub units: Vec<MeasuredUnit>,
    pub tools: Vec<Tool>,
    /// What went wrong if some did not.
    pub failure: Option<Failure>,
}

impl Project {
    /// One run of cargo.
    pub(super) fn run_cargo(
        &self,
        request: &Request,
        settings: &Settings,
        quick_passes: &[Invocation],
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Ran, BuildError> {
        let started =
            quick_passes.iter().map(|run| self.quick_pass_command(run, &settings.scratch)?.start(cancel));
        // They end with the build, at the latest.
        let quick_passes: Vec<Running<'_>> = started.collect::<Result<_, BuildError>>()?;
        let cargo = Guarded::new("cargo", &self.command(request, settings)?, request.own_group)?;
        let mut running = cargo.stdout(Stdio::piped()).stderr(Stdio::piped()).start(cancel)?;
        let (stdout, stderr) = (running.stdout.take(), running.stderr.take());

        let (mut units, mut tools) = (Vec::new(), Vec::new());
        let (mut errors, mut nowhere) = (String::new(), String::new());
        let (mut is_crate_missing, mut dependency) = (false, None);
        let (tell, told) = mpsc::channel();
        let is_over = AtomicBool::new(settings.awaited.is_empty() && quick_passes.is_empty());
        let is_over = &is_over;
        let said = std::thread::scope(|scope| {
            let (tell_measured, tell_quick) = (tell.clone(), tell.clone());
            scope.spawn(move || {
                let mut known = BTreeSet::new();
                while !is_over.load(Ordering::Relaxed) {
                    for unit in announced(&settings.scratch, &mut known) {
                        let _ = tell_quick.send(Event::QuickPass(unit));
                    }
                    std::thread::sleep(contract::GLANCE);
                }
            });
            scope.spawn(|| {
                let tell = tell_measured;
                let Some(stdout) = stdout else { return };
                // A pipe that fails once fails for good.
                for message in Message::parse_stream(BufReader::new(stdout)).map_while(Result::ok) {
                    match message {
                        Message::CompilerArtifact(artifact) => {
                            let Some(unit) = self.unit(&artifact) else {
                                tools.extend(self.tool(&artifact));
                                continue;
                            };
                            units.push(unit.clone());
                            let _ = tell.send(Event::Measured(unit));
                        }
                        Message::CompilerMessage(message)
                            if matches!(
                                message.message.level,
                                DiagnosticLevel::Error | DiagnosticLevel::Ice
                            ) =>
                        {
                            is_crate_missing |= misses_crate(&message.message);
                            if !self.members.contains_key(&message.package_id) {
                                dependency.get_or_insert_with(|| {
                                    named(&message.package_id).unwrap_or(&message.target.name).to_owned()
                                });
                            }
                            let text = message.message.rendered.unwrap_or_default();
                            if message.message.spans.is_empty() {
                                nowhere.push_str(&text);
                            }
                            errors.push_str(&text);
                        }
                        _ => {}
                    }
                }
            });
            let said = scope.spawn(move || {
                let mut tell = |event| _ = tell.send(event);
                let said = stderr.map(|stderr| read_progress(stderr, &mut tell));
                is_over.store(true, Ordering::Relaxed);
                said
            });
            told.into_iter().for_each(on_event);
            said.join().ok().flatten().unwrap_or_default()
        });
        let success = running.wait()?;
        drop(quick_passes);
        if !success && errors.is_empty() {
            // cargo keeps the compiler's answers to its questions, and that there was none if the compiler was killed
            // over one: every later build would fail without asking again.
            let _ = std::fs::remove_file(self.target_dir.join(".rustc_info.json"));
        }
        let failure = (!success).then(|| Failure {
            text: match errors.is_empty() {
                true => said.clone(),
                false => format!("{}\n\n{said}", errors.trim_end()),
            },
            dependency: dependency.or_else(|| self.refused_dependency(&said)),
            of_no_code: nowhere + &said,
            misses_crate: is_crate_missing,
        });
        units.sort();
        units.dedup();
        Ok(Ran { units, tools, failure })
    }

    /// A build script or proc macro of a member, or what such is made of.
    fn tool(&self, artifact: &cargo_metadata::Artifact) -> Option<Tool> {
        let files = artifact.filenames.iter().map(|file| file.as_std_path().to_owned());
        let mut tool = Tool { files: files.collect() };
        if artifact.target.is_custom_build() {
            // It is named by a link; what cargo looks at lies beside it.
            let folder = tool.files.first().and_then(|file| file.parent());
            let beside =
                folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
            let is_program =
                |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("build_script_");
            let programs = beside.filter(is_program).map(|entry| entry.path());
            tool.files.extend(programs.collect::<Vec<_>>());
        }
        let is_ours = self.members.contains_key(&artifact.package_id) && !tool.files.is_empty();
        if is_ours && !artifact.fresh {
            tool.note(&self.root);
        }
        is_ours.then_some(tool)
    }

    /// The dependency whose build script failed, or that wants another compiler, as cargo says it.
    fn refused_dependency(&self, said: &str) -> Option<String> {
        let is_foreign = |name: &&str| !name.is_empty() && !self.is_member(name);
        let scripts = said.split("failed to run custom build command for `").skip(1);
        let of_script = scripts.filter_map(|rest| rest.split([' ', '`']).next()).find(is_foreign);
        let wants = said.split_once("is not supported by the following package");
        let mut wanting = wants.into_iter().flat_map(|(_, rest)| rest.lines().skip(1));
        // `  either@1.16.0 requires rustc 1.98`
        let of_version = || {
            wanting.find_map(|line| {
                line.split_once(" requires rustc ")?.0.trim().split('@').next().filter(is_foreign)
            })
        };
        of_script.or_else(of_version).map(str::to_owned)
    }

    /// The kept file of a member's library, binary, test, …; nothing for what is not measured.
    pub(in crate::compiler) fn unit(&self, artifact: &cargo_metadata::Artifact) -> Option<MeasuredUnit> {
        let (package, folder) = self.members.get(&artifact.package_id)?;
        let target = &artifact.target;
        let kind = unit_of(target)?;
        let in_tests =
            artifact.profile.test && !matches!(target.kind.first()?, TargetKind::Test | TargetKind::Bench);
        // A library also used by a build script is compiled a second time, for real; only what has
        // metadata alone is measured.
        let [file] = &artifact.filenames[..] else { return None };
        let stem = file.file_name()?.strip_prefix("lib")?.strip_suffix(".rmeta")?;
        Some(MeasuredUnit {
            package: package.clone(),
            krate: target.name.replace('-', "_"),
            unit: if in_tests { format!("{kind} (test)") } else { kind },
            folder: folder.clone(),
            file: file.parent()?.join(format!("{stem}.futurelens")).into(),
            debug_assertions: artifact.profile.debug_assertions,
        })
    }
}

/// `NAME@VERSION` of a package, where its identity has that: `registry+…#proc-macro2@1.0.56`.
pub(super) fn named(package: &PackageId) -> Option<&str> {
    package.repr.rsplit_once('#').map(|(_, named)| named).filter(|named| named.contains('@'))
}

/// What cargo made of a member to build others with. Where checkouts of a project share a target directory, cargo may take
/// what it has made of one for the other's: it looks at times alone. So there is a note beside it of whose it is.
pub(super) struct Tool {
    pub files: Vec<PathBuf>,
}

impl Tool {
    pub fn mark(&self) -> Option<PathBuf> {
        let first = self.files.first()?;
        let mut name = first.file_name()?.to_owned();
        name.push(".checkout");
        Some(first.with_file_name(name))
    }

    /// Notes that it is of the project with this root.
    pub fn note(&self, root: &Path) {
        let text = root.as_os_str().as_encoded_bytes();
        let Some(mark) = self.mark().filter(|mark| std::fs::read(mark).ok().as_deref() != Some(text)) else {
            return;
        };
        if let Err(error) = files::write(&mark, |file| file.write_all(text)) {
            // Then it is made again the next time.
            tracing::debug!("cannot note whose {} is: {error}", mark.display());
        }
    }

    pub fn is_of(&self, root: &Path) -> bool {
        let noted = self.mark().and_then(|mark| std::fs::read(mark).ok());
        noted.as_deref() == Some(root.as_os_str().as_encoded_bytes())
    }

    /// Has cargo make it again.
    pub fn remove(&self) {
        for file in self.files.iter().filter(|file| file.exists()) {
            if let Err(error) = std::fs::remove_file(file) {
                tracing::warn!("cannot remove {}: {error}", file.display());
            }
        }
    }
}

/// What cargo and the compiler said when a build failed.
pub(super) struct Failure {
    /// All of it, rendered.
    pub text: String,
    /// What is about no place in the code.
    pub of_no_code: String,
    /// A dependency that does not compile.
    pub dependency: Option<String>,
    /// See [`misses_crate`].
    pub misses_crate: bool,
}

impl Failure {
    /// The error if there was no room for something.
    pub fn no_room(&self) -> Option<std::io::Error> {
        disk::said(&self.of_no_code)
    }

    /// Could a unit not be measured that compiles?
    pub fn is_ours(&self) -> bool {
        self.of_no_code.contains(contract::TROUBLE)
    }

    /// Is it perhaps not the code's fault, but that of what happened to the files of the build?
    pub fn is_trouble(&self, target_dir: &Path) -> bool {
        let has = |words: &str| self.of_no_code.contains(words);
        self.misses_crate || has("(os error") && has(&target_dir.to_string_lossy())
    }
}

/// Does the compiler say that what was made of another crate is not there, or not whole?
pub(super) fn misses_crate(message: &cargo_metadata::diagnostic::Diagnostic) -> bool {
    let code = message.code.as_ref().map_or("", |code| &code.code);
    ["E0460", "E0463", "E0786"].contains(&code) || message.message.starts_with("extern location for")
}

/// Reads cargo's standard error: progress becomes events, the rest is returned.
pub(super) fn read_progress(stderr: impl Read, on_event: &mut dyn FnMut(Event)) -> String {
    let mut reader = BufReader::new(stderr);
    let (mut said, mut line) = (String::new(), Vec::new());
    loop {
        line.clear();
        // A progress line ends in a carriage return, everything else in a line feed.
        match read_until_either(&mut reader, &mut line) {
            Ok(0) | Err(_) => return said,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if let Some(event) = progress(text) {
            on_event(event);
        } else if !text.is_empty() && !is_routine(text) {
            said.push_str(text);
            said.push('\n');
        }
    }
}

pub(super) fn read_until_either(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<usize> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(line.len());
        }
        if let Some(end) = buffer.iter().position(|b| matches!(b, b'\r' | b'\n')) {
            line.extend_from_slice(&buffer[..=end]);
            reader.consume(end + 1);
            return Ok(line.len());
        }
        let len = buffer.len();
        line.extend_from_slice(buffer);
        reader.consume(len);
    }
}

/// `    Building [=====>     ] 34/100: memchr(build.rs), syn`
pub(super) fn progress(text: &str) -> Option<Event> {
    let text = text.trim_start().strip_prefix("Building [")?;
    let (count, crates) = text.split_once("] ")?.1.split_once(':')?;
    let (done, total) = count.split_once('/')?;
    let (done, total) = (done.trim().parse().ok()?, total.trim().parse().ok()?);
    Some(Event::Progress { done, total, crates: crates.trim().to_owned() })
}

/// `   Compiling serde v1.0.0`: news while it happens, noise in an error message.
pub(super) fn is_routine(text: &str) -> bool {
    let word = text.trim_start().split(' ').next().unwrap_or_default();
    text.starts_with(' ')
        && matches!(
            word,
            "Compiling"
                | "Checking"
                | "Finished"
                | "Updating"
                | "Locking"
                | "Downloading"
                | "Downloaded"
                | "Adding"
                | "Blocking"
                | "Fresh"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    pub fn progress_is_told_from_what_cargo_says() {
        let text = "   Compiling a v1.0.0\n    Building [==>  ] 34/100: memchr(build.rs), syn\r    Building [=====] 99/100: a(bin)\rerror: could not compile `a`\n";
        let mut events = Vec::new();
        let said = read_progress(text.as_bytes(), &mut |event| events.push(event));
        assert_eq!(said, "error: could not compile `a`\n");
        let crates = "memchr(build.rs), syn".to_owned();
        assert_eq!(events[0], Event::Progress { done: 34, total: 100, crates });
        assert_eq!(events.len(), 2);
    }
}

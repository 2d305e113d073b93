//! What one compiler run printed, kept beside the artifacts of that run.
//!
//! One file per compiled unit, `deps/CRATE-HASH.futurelens`, so that a unit cargo considers fresh still
//! has its numbers. It is written to a temporary file and renamed into place: it is whole or not there.
//!
//! ```text
//! futurelens unit
//! 0123abcd {"flags":"…","dir":"…","invocation":{…},"sections":[{"kind":"sizes","name":"","packed":471,"crc":7,"len":4711,"digest":123},…]}
//! …the sections, one after another, each compressed…
//! ```
//!
//! The sections are tens of megabytes of text, nearly all of it dumps that are as they were before. A reader that
//! knows those tells by the digests which others to read: a [`UnitFile`] reads one section at a time. And a run that
//! is put over what was kept writes those as they are, packed (see [`crate::kept_text`]).

use super::contract::FLAGS;
use super::files;
use super::invocation::Invocation;
use crate::dump::coroutine;
use crate::incremental::{Form, Printed};
use crate::kept_text::KeptText;
use crate::parallel;
use crate::unit_id::UnitId;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

const MAGIC: &[u8] = b"futurelens unit\n";

/// What stands before the header in its line: its checksum.
const CHECKSUM: &[u8] = b"0123abcd ";

/// What the compiler read and printed in one measured run, in memory. Raw text: nothing of it is read here.
#[derive(Debug, Clone, Default)]
pub struct UnitOutput {
    /// The version of the flags it was measured with, see [`FLAGS`].
    pub flags: String,
    /// The directory the compiler ran in: relative paths in the dumps start there.
    pub dir: PathBuf,
    /// The run itself, to be repeated; `None` if something about it is not UTF-8.
    pub invocation: Option<Invocation>,
    /// Names what the run left for incremental compilation; the next run may build on that and nothing else.
    pub session: Option<String>,
    /// Files besides the sources that the compiler read, as it names them, each with a digest of what is in it.
    included: Vec<(String, u64)>,
    /// Flags of ours that the compiler does not know, and that it ran without.
    pub without: Vec<String>,
    /// Code was generated to find the instances, see [`Plan::generates`](super::attempts::Plan::generates).
    pub(super) generates: bool,
    sections: Vec<Section>,
}

#[derive(Debug, Clone)]
struct Section {
    kind: SectionKind,
    name: String,
    text: KeptText,
}

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SectionKind {
    /// Standard output of `-Zprint-type-sizes`.
    Sizes,
    /// One file of `-Zdump-mir`; named as the compiler named it.
    Mir,
    /// One source file as it was when it was compiled; named as the compiler names it.
    Source,
    /// A source file that was changed while it was compiled, so that it is not known which text was measured.
    Changed,
    /// What the compiler said, in JSON, in a run that failed.
    Messages,
    /// Types that the compiler's list of instances mentions, one in each line.
    Mentioned,
    /// What is known of each body, see [`Printed::facts`].
    Facts,
}

#[derive(Debug, Serialize, Deserialize)]
struct SectionHeader {
    kind: SectionKind,
    name: String,
    /// Bytes in the file, and their checksum.
    packed: usize,
    crc: u32,
    /// Bytes of the text.
    len: usize,
    /// See [`KeptText::digest`].
    digest: u64,
}

impl SectionHeader {
    /// The section, if these are its bytes.
    fn text(&self, packed: Vec<u8>) -> Result<KeptText, UnitError> {
        match crc32fast::hash(&packed) == self.crc {
            true => Ok(KeptText::of_packed(packed, self.len, self.digest)),
            false => Err(UnitError::CHECKSUM),
        }
    }
}

/// Why a kept unit cannot be used. It is then measured again.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// It is missing or cannot be read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is cut off, damaged, or no such file at all.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// Another version of futurelens made it.
    #[error("measured with other flags")]
    OtherFlags,
    /// Another project that shares the target directory made it, or the same one in another folder.
    #[error("measured in `{}`", .0.display())]
    OtherProject(PathBuf),
}

impl UnitError {
    const CHECKSUM: UnitError = UnitError::Damaged("the checksum is wrong");
    const CUT_OFF: UnitError = UnitError::Damaged("a section is cut off");
    const NOT_TEXT: UnitError = UnitError::Damaged("it is not the text that was packed");
}

impl UnitOutput {
    /// An empty unit, to be filled by the compiler wrapper.
    pub fn new(flags: &str, dir: PathBuf) -> Self {
        UnitOutput { flags: flags.to_owned(), dir, ..UnitOutput::default() }
    }

    /// Is it a crate with its tests?
    pub(super) fn is_tests(&self) -> bool {
        self.invocation.as_ref().is_some_and(Invocation::is_tests)
    }

    fn push(&mut self, kind: SectionKind, name: String, text: KeptText) {
        self.sections.push(Section { kind, name, text });
    }

    /// Adds what `-Zprint-type-sizes` printed.
    pub fn push_sizes(&mut self, text: &str) {
        self.push(SectionKind::Sizes, String::new(), KeptText::new(text));
    }

    /// Adds one file of `-Zdump-mir`.
    pub fn push_body(&mut self, name: String, text: &str) {
        self.push(SectionKind::Mir, name, KeptText::new(text));
    }

    /// Adds a source file; `None` if it was changed while the compiler ran.
    pub fn push_source(&mut self, name: String, text: Option<&str>) {
        let kind = if text.is_some() { SectionKind::Source } else { SectionKind::Changed };
        self.push(kind, name, KeptText::new(text.unwrap_or_default()));
    }

    /// Adds all that a run printed, and the sources.
    pub fn push_printed(&mut self, printed: &Printed) {
        self.push_sizes(&printed.sizes());
        printed.bodies().for_each(|(name, text)| self.push(SectionKind::Mir, name.to_owned(), text.clone()));
        printed.sources().iter().for_each(|(name, text)| self.push_source(name.clone(), text.as_deref()));
        self.push_mentioned(&printed.mentioned());
        self.push(SectionKind::Facts, String::new(), KeptText::new(printed.facts()));
    }

    /// Adds the files that are part of the crate and no sources; no digest if one was changed while the compiler ran.
    pub(super) fn push_included(&mut self, files: &[(String, Option<u64>)]) {
        // A digest that no file has, as far as anyone can tell.
        self.included.extend(files.iter().map(|(name, digest)| (name.clone(), digest.unwrap_or(u64::MAX))));
    }

    /// All that was printed, for the next run to be put over.
    ///
    /// # Errors
    /// [`UnitError`] if it is not what [`UnitOutput::push_printed`] has added.
    pub fn printed(&self, form: Form) -> Result<Printed, UnitError> {
        let bodies = self.sections.iter().filter(|section| section.kind == SectionKind::Mir);
        let bodies = bodies.map(|section| (section.name.as_str(), &section.text));
        let facts = self.of(SectionKind::Facts).next().map_or("", |(_, text)| text);
        Printed::kept(form, self.sizes(), self.mentioned(), bodies, facts, self.sources())
            .ok_or(UnitError::Damaged("what is known of its bodies"))
    }

    /// Adds what the compiler said.
    pub fn push_messages(&mut self, text: &str) {
        self.push(SectionKind::Messages, String::new(), KeptText::new(text));
    }

    /// Adds the types that the list of instances mentions.
    fn push_mentioned(&mut self, types: &[&str]) {
        self.push(SectionKind::Mentioned, String::new(), KeptText::new(types.join("\n")));
    }

    fn of(&self, kind: SectionKind) -> impl Iterator<Item = (&str, &str)> {
        let sections = self.sections.iter().filter(move |section| section.kind == kind);
        sections.map(|section| (section.name.as_str(), section.text.text().unwrap_or_default()))
    }

    /// What `-Zprint-type-sizes` printed.
    pub fn sizes(&self) -> &str {
        self.of(SectionKind::Sizes).next().map_or("", |(_, text)| text)
    }

    /// The files of `-Zdump-mir`: name and text. No text, which no reader takes for a body's, of one that cannot be
    /// unpacked, for all that its checksum is right.
    pub fn bodies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.of(SectionKind::Mir)
    }

    /// The text of one of [`UnitOutput::digests`]; `None` if it cannot be unpacked.
    pub fn body(&self, index: usize) -> Option<&str> {
        let mut bodies = self.sections.iter().filter(|section| section.kind == SectionKind::Mir);
        bodies.nth(index)?.text.text()
    }

    /// The files of `-Zdump-mir`: name, and a digest of the text.
    pub fn digests(&self) -> impl Iterator<Item = (&str, u64)> {
        let bodies = self.sections.iter().filter(|section| section.kind == SectionKind::Mir);
        bodies.map(|section| (section.name.as_str(), section.text.digest()))
    }

    /// The source files as they were compiled: path as the compiler prints it, and text.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.of(SectionKind::Source)
    }

    /// What the compiler said in a run that failed, as JSON, one message in each line. Nothing of a run that
    /// succeeded.
    pub fn messages(&self) -> &str {
        self.of(SectionKind::Messages).next().map_or("", |(_, text)| text)
    }

    /// The types that the list of instances mentions.
    fn mentioned(&self) -> impl Iterator<Item = &str> {
        self.of(SectionKind::Mentioned).flat_map(|(_, text)| text.lines())
    }

    /// Writes the unit in one step.
    ///
    /// # Errors
    /// Whatever the file system says; the old file is untouched then.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        // Each keeps what it is packed to.
        parallel::map(&self.sections, |section| _ = section.text.packed());
        let packed: Vec<&[u8]> = self.sections.iter().map(|section| section.text.packed()).collect();
        let header = UnitHead {
            flags: self.flags.clone(),
            dir: self.dir.clone(),
            invocation: self.invocation.clone(),
            session: self.session.clone(),
            included: self.included.clone(),
            without: self.without.clone(),
            generates: self.generates,
            sections: self
                .sections
                .iter()
                .zip(&packed)
                .map(|(Section { kind, name, text }, packed)| SectionHeader {
                    kind: *kind,
                    name: name.clone(),
                    packed: packed.len(),
                    crc: crc32fast::hash(packed),
                    len: text.len(),
                    digest: text.digest(),
                })
                .collect(),
        };
        let header = serde_json::to_string(&header)?;
        files::write(path, |file| {
            file.write_all(MAGIC)?;
            writeln!(file, "{:08x} {header}", crc32fast::hash(header.as_bytes()))?;
            packed.iter().try_for_each(|packed| file.write_all(packed))
        })
    }

    /// Reads all but the sections.
    ///
    /// # Errors
    /// [`UnitError`] if it is no unit file; what follows the head may still be damaged.
    pub fn read_head(path: &Path) -> Result<UnitHead, UnitError> {
        parse_header(&read_header(&mut BufReader::new(File::open(path)?))?)
    }

    /// Reads a kept unit whole; bodies stay packed until somebody reads them.
    ///
    /// # Errors
    /// [`UnitError`] for anything but an undamaged unit file.
    pub fn read(path: &Path) -> Result<Self, UnitError> {
        let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
        let header = parse_header(&read_header(&mut file)?)?;
        let UnitHead { flags, dir, invocation, session, included, without, generates, sections: headers } =
            header;
        let mut sections = Vec::with_capacity(headers.len());
        for header in headers {
            let mut packed = Vec::new();
            file.by_ref().take(header.packed as u64).read_to_end(&mut packed)?;
            if packed.len() < header.packed {
                return Err(UnitError::CUT_OFF);
            }
            let text = header.text(packed)?;
            if header.kind != SectionKind::Mir && text.text().is_none() {
                return Err(UnitError::NOT_TEXT);
            }
            sections.push(Section { kind: header.kind, name: header.name, text });
        }
        Ok(UnitOutput { flags, dir, invocation, session, included, without, generates, sections })
    }
}

/// A kept unit of which one section is read at a time, each checked when it is read.
///
/// It reads from one open file, so that what another build puts in its place meanwhile is not mixed with it.
#[derive(Debug)]
pub struct UnitFile {
    path: PathBuf,
    head: UnitHead,
    /// Where the sections begin in the file: all of them, and those with bodies.
    starts: Vec<u64>,
    bodies: Vec<usize>,
    /// Checksum of the header.
    crc: u32,
    /// None while it is put away.
    file: Mutex<Option<File>>,
}

impl UnitFile {
    /// Opens a kept unit.
    ///
    /// # Errors
    /// [`UnitError`] if it is no unit file; the sections may still be damaged.
    pub fn open(path: &Path) -> Result<Self, UnitError> {
        let mut file = BufReader::new(File::open(path)?);
        let header = read_header(&mut file)?;
        let (head, crc) = (parse_header(&header)?, crc32fast::hash(&header));
        let sections = &head.sections;
        let mut at = (MAGIC.len() + CHECKSUM.len() + header.len() + b"\n".len()) as u64;
        let mut starts = Vec::with_capacity(sections.len());
        for section in sections {
            starts.push(at);
            at = at.checked_add(section.packed as u64).ok_or(UnitError::CHECKSUM)?;
        }
        if file.get_ref().metadata()?.len() != at {
            return Err(UnitError::CUT_OFF);
        }
        let bodies = (0..sections.len()).filter(|index| sections[*index].kind == SectionKind::Mir).collect();
        let file = Mutex::new(Some(file.into_inner()));
        Ok(UnitFile { path: path.to_owned(), head, starts, bodies, crc, file })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All but the sections.
    pub fn head(&self) -> &UnitHead {
        &self.head
    }

    /// See [`UnitOutput::sizes`].
    ///
    /// # Errors
    /// [`UnitError`] if it cannot be read or is damaged.
    pub fn sizes(&self) -> Result<String, UnitError> {
        let sizes = self.sections().position(|section| section.kind == SectionKind::Sizes);
        sizes.map_or(Ok(String::new()), |index| self.section(index))
    }

    /// See [`UnitOutput::digests`].
    pub fn digests(&self) -> impl Iterator<Item = (&str, u64)> {
        let bodies = self.bodies.iter().map(|index| &self.head.sections[*index]);
        bodies.map(|section| (section.name.as_str(), section.digest))
    }

    /// The text of one of [`UnitFile::digests`].
    ///
    /// # Errors
    /// [`UnitError`] if there is no such body, or it cannot be read or is damaged.
    pub fn body(&self, index: usize) -> Result<String, UnitError> {
        self.section(*self.bodies.get(index).ok_or(UnitError::Damaged("there is no such section"))?)
    }

    /// See [`UnitOutput::sources`].
    ///
    /// # Errors
    /// [`UnitError`] if one cannot be read or is damaged.
    pub fn sources(&self) -> Result<Vec<(&str, String)>, UnitError> {
        let sections = self.sections().enumerate();
        let sources = sections.filter(|(_, section)| section.kind == SectionKind::Source);
        sources.map(|(index, section)| Ok((section.name.as_str(), self.section(index)?))).collect()
    }

    /// Puts the file away: a workspace has hundreds of units, and a process few files. It is opened again when
    /// something is read, if it is still the same.
    pub fn put_away(&self) {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn sections(&self) -> impl Iterator<Item = &SectionHeader> {
        self.head.sections.iter()
    }

    fn section(&self, index: usize) -> Result<String, UnitError> {
        let header = &self.head.sections[index];
        let mut packed = vec![0; header.packed];
        {
            let mut place = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            let file = match &mut *place {
                Some(file) => file,
                None => place.insert(self.reopen()?),
            };
            file.seek(SeekFrom::Start(self.starts[index]))?;
            file.read_exact(&mut packed)?;
        }
        header.text(packed)?.into_text().ok_or(UnitError::NOT_TEXT)
    }

    fn reopen(&self) -> Result<File, UnitError> {
        let mut file = BufReader::new(File::open(&self.path)?);
        // It names the digests of all sections.
        if crc32fast::hash(&read_header(&mut file)?) != self.crc {
            return Err(UnitError::Damaged("another one is in its place"));
        }
        Ok(file.into_inner())
    }
}

/// One measured compiler run.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MeasuredUnit {
    /// The package's name.
    pub package: String,
    /// The crate's name, with underscores.
    pub krate: String,
    /// `lib`, `bin NAME`, `test NAME`, …; `(test)` behind it if compiled with its unit tests.
    pub unit: String,
    /// The package's folder. Projects that share a target directory call the files of their units alike: what is kept
    /// may be that of another checkout.
    pub folder: PathBuf,
    /// The file with what the compiler printed, see [`UnitFile`].
    pub file: PathBuf,
    /// Whether its profile has debug assertions.
    pub debug_assertions: bool,
}

impl MeasuredUnit {
    /// `CRATE-HASH`: names its compiler run.
    pub fn origin(&self) -> UnitId {
        self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned().into()
    }

    /// Tells one measurement of the unit from the next. Zero if there is none.
    pub fn stamp(&self) -> u64 {
        stamp(&self.file)
    }

    /// Opens what the compiler printed.
    ///
    /// # Errors
    /// [`UnitError`] if that is not there, no unit file, of another project, or measured with other flags than ours.
    pub fn open(&self) -> Result<UnitFile, UnitError> {
        let unit = UnitFile::open(&self.file)?;
        if unit.head().flags() != FLAGS {
            return Err(UnitError::OtherFlags);
        }
        if !unit.head().is_of(&self.folder) {
            return Err(UnitError::OtherProject(unit.head().dir().to_owned()));
        }
        Ok(unit)
    }
}

/// A unit whose kept file is what a build of today would make.
#[derive(Debug)]
pub struct CurrentUnit {
    /// Which unit.
    pub measured: MeasuredUnit,
    /// Tells one measurement of the unit from the next.
    pub stamp: u64,
}

/// Tells one write of a file from the next. Zero if there is no file.
pub(super) fn stamp(file: &Path) -> u64 {
    let modified = std::fs::metadata(file).and_then(|meta| Ok((meta.modified()?, meta.len())));
    modified.map_or(0, |(time, len)| {
        let nanos = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        nanos ^ len.rotate_left(40)
    })
}

/// What `-Zdump-mir` wrote into a folder: file names and texts, sorted, without what no reader looks at. Nothing if it
/// made no folder.
///
/// # Errors
/// Whatever the file system says; and if a text is not whole: the compiler says nothing if it cannot write them.
pub(super) fn read_bodies(folder: &Path) -> std::io::Result<Vec<(String, String)>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut bodies = std::fs::read_dir(folder)?
        .map(|entry| {
            let entry = entry?;
            let bytes = std::fs::read(entry.path())?;
            if memchr::memmem::rfind(&bytes, b"\n}\n").is_none() {
                return Err(std::io::Error::other("what the compiler dumped is cut off"));
            }
            let text = coroutine::trimmed(&String::from_utf8_lossy(&bytes));
            Ok((entry.file_name().to_string_lossy().into_owned(), text))
        })
        .collect::<std::io::Result<Vec<_>>>()?;
    bodies.sort();
    Ok(bodies)
}

/// A kept unit without its sections; as JSON, what stands before them.
#[derive(Debug, Serialize, Deserialize)]
pub struct UnitHead {
    flags: String,
    dir: PathBuf,
    #[serde(default)]
    invocation: Option<Invocation>,
    #[serde(default)]
    session: Option<String>,
    #[serde(default)]
    included: Vec<(String, u64)>,
    #[serde(default)]
    without: Vec<String>,
    #[serde(default)]
    generates: bool,
    sections: Vec<SectionHeader>,
}

impl UnitHead {
    /// See [`UnitOutput::flags`].
    pub(super) fn flags(&self) -> &str {
        &self.flags
    }

    /// See [`UnitOutput::dir`].
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// See [`UnitOutput::invocation`].
    pub fn invocation(&self) -> Option<&Invocation> {
        self.invocation.as_ref()
    }

    /// See [`UnitOutput::without`].
    pub fn without(&self) -> &[String] {
        &self.without
    }

    /// See [`UnitOutput::generates`].
    pub(super) fn generates(&self) -> bool {
        self.generates
    }

    /// The paths of the source files whose text was measured.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let sources = self.sections.iter().filter(|section| section.kind == SectionKind::Source);
        sources.map(|section| section.name.as_str())
    }

    /// All files that were read, each with a digest of what was in it; no file has that of one that was changed while
    /// the compiler ran.
    pub(super) fn inputs(&self) -> impl Iterator<Item = (PathBuf, u64)> {
        let UnitHead { dir, sections, included, .. } = self;
        let sources = sections.iter().filter_map(|section| match section.kind {
            SectionKind::Source => Some((&section.name, section.digest)),
            SectionKind::Changed => Some((&section.name, u64::MAX)),
            _ => None,
        });
        let included = included.iter().map(|(name, digest)| (name, *digest));
        sources.chain(included).map(|(name, digest)| (dir.join(name), digest))
    }

    /// Is the text of every source file known that was measured? Not of one that was changed meanwhile.
    pub fn is_text_known(&self) -> bool {
        self.sections.iter().all(|section| section.kind != SectionKind::Changed)
    }

    /// Was it made of the package in this folder?
    pub(super) fn is_of(&self, package: &Path) -> bool {
        // How it was compiled is not known where something is not UTF-8; then the folder is not known by name either.
        match self.invocation().and_then(Invocation::package) {
            Some(folder) => folder == package,
            None => package.starts_with(self.dir()) || self.dir() == package,
        }
    }

    /// Can an incremental run of this unit build on it? `session` is what there is to build on.
    pub(super) fn is_base_of(&self, unit: &UnitOutput, session: &Option<String>) -> bool {
        self.is_text_known()
            && self.session == *session
            && self.flags == unit.flags
            && self.generates == unit.generates
            && self.invocation.is_some()
            && self.invocation == unit.invocation
    }
}

/// Reads up to where the sections begin: the header, which is as it was written.
fn read_header(file: &mut impl BufRead) -> Result<Vec<u8>, UnitError> {
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic).map_err(|_| UnitError::Damaged("not a unit file"))?;
    if magic != *MAGIC {
        return Err(UnitError::Damaged("not a unit file"));
    }
    let mut checksum = [0; CHECKSUM.len()];
    file.read_exact(&mut checksum).map_err(|_| UnitError::Damaged("the header is cut off"))?;
    let mut header = Vec::new();
    file.read_until(b'\n', &mut header)?;
    match header.pop() {
        Some(b'\n') if checksum == *format!("{:08x} ", crc32fast::hash(&header)).as_bytes() => Ok(header),
        Some(b'\n') => Err(UnitError::CHECKSUM),
        _ => Err(UnitError::Damaged("the header is cut off")),
    }
}

fn parse_header(header: &[u8]) -> Result<UnitHead, UnitError> {
    serde_json::from_slice(header).map_err(|_| UnitError::Damaged("the header"))
}

#[cfg(test)]
mod tests;

//! What lies on the disk: kept units, the index, reports and baselines.

use arbitrary::Unstructured;
use futurelens::compiler::{Index, Invocation, UnitError, UnitFile, UnitOutput};
use futurelens::features::growth::compare;
use futurelens::features::record::Recording;
use std::path::{Path, PathBuf};

thread_local! {
    static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("the temporary directory is writable");
}

/// All of it; the first byte says what.
pub fn any(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind % 4 {
        0 => unit(data),
        1 => damaged_unit(data),
        2 => index(&String::from_utf8_lossy(data)),
        _ => record(&String::from_utf8_lossy(data)),
    }
}

/// Everything in a unit.
#[derive(Debug, PartialEq)]
struct Whole {
    flags: String,
    dir: PathBuf,
    invocation: Option<Invocation>,
    is_text_known: bool,
    sizes: String,
    bodies: Vec<(String, u64, String)>,
    sources: Vec<(String, String)>,
}

fn at_once(path: &Path) -> Result<Whole, UnitError> {
    let unit = UnitOutput::read(path)?;
    let bodies = unit.bodies().zip(unit.digests());
    let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    Ok(Whole {
        flags: unit.flags.clone(),
        dir: unit.dir.clone(),
        invocation: unit.invocation.clone(),
        is_text_known: UnitOutput::read_head(path)?.is_text_known(),
        sizes: unit.sizes().to_owned(),
        bodies: bodies
            .map(|((name, text), (_, digest))| (name.to_owned(), digest, text.to_owned()))
            .collect(),
        sources: unit.sources().map(owned).collect(),
    })
}

fn by_section(path: &Path) -> Result<Whole, UnitError> {
    let file = UnitFile::open(path)?;
    file.put_away();
    let head = UnitOutput::read_head(path)?;
    let bodies = file.digests().enumerate();
    let body = |(index, (name, digest)): (usize, (&str, u64))| -> Result<_, UnitError> {
        Ok((name.to_owned(), digest, file.body(index)?))
    };
    let bodies: Vec<_> = bodies.map(body).collect::<Result<_, _>>()?;
    assert!(file.body(bodies.len()).is_err());
    let sources = file.sources()?.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    Ok(Whole {
        flags: at_once(path).map(|whole| whole.flags).unwrap_or_default(),
        dir: head.dir().to_owned(),
        invocation: head.invocation().cloned(),
        is_text_known: head.is_text_known(),
        sizes: file.sizes()?,
        bodies,
        sources,
    })
}

fn with_file<R>(bytes: &[u8], look: impl FnOnce(&Path) -> R) -> R {
    FOLDER.with(|folder| {
        let path = folder.path().join("a.futurelens");
        std::fs::write(&path, bytes).expect("the temporary directory is writable");
        look(&path)
    })
}

/// Any file in the place of a unit.
pub fn unit(bytes: &[u8]) {
    with_file(bytes, |path| {
        let (whole, parts) = (at_once(path), by_section(path));
        if let (Ok(whole), Ok(parts)) = (&whole, &parts) {
            assert_eq!(whole, parts);
        }
    });
}

/// A unit that was written and came to harm: it is an error, or what was written.
pub fn damaged_unit(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let _ = harm(&mut u);
}

fn harm(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let damages = u.int_in_range(0..=3)?;
    let mut changes = Vec::new();
    for _ in 0..damages {
        changes.push((
            u.arbitrary::<u8>()?,
            u.arbitrary::<u16>()?,
            u.arbitrary::<u16>()?,
            u.arbitrary::<u8>()?,
        ));
    }
    let kinds = u.bytes(4.min(u.len()))?.to_vec();
    let text = String::from_utf8_lossy(u.bytes(u.len())?).into_owned();
    let parts: Vec<&str> = text.split('\n').collect();
    let part = |at: usize| parts.get(at % parts.len()).copied().unwrap_or_default();
    let mut unit = UnitOutput::new(part(0), PathBuf::from(format!("/{}", part(1).replace('\0', ""))));
    unit.push_sizes(part(2));
    for (at, kind) in kinds.iter().enumerate() {
        let (name, text) = (part(at + 3).to_owned(), part(at + 4));
        match kind % 4 {
            0 | 1 => unit.push_body(name, text),
            2 => unit.push_source(name, Some(text)),
            _ => unit.push_source(name, None),
        }
    }
    if text.len().is_multiple_of(2) {
        unit.invocation = Some(Invocation {
            program: part(5).into(),
            args: parts.iter().take(4).map(|part| (*part).to_owned()).collect(),
            env: vec![(part(6).to_owned(), part(7).to_owned())],
            dir: part(8).into(),
        });
    }
    with_file(b"", |path| {
        unit.write(path).expect("the temporary directory is writable");
        let written = at_once(path).expect("it was just written");
        assert_eq!(written, by_section(path).expect("it was just written"));
        let mut bytes = std::fs::read(path).expect("it was just written");
        let whole = bytes.clone();
        for (what, a, b, value) in changes {
            let (a, b) = (usize::from(a) % (bytes.len() + 1), usize::from(b) % (bytes.len() + 1));
            let (from, to) = (a.min(b), a.max(b));
            match what % 6 {
                0 => bytes.get_mut(a).into_iter().for_each(|byte| *byte = value),
                1 => bytes.get_mut(a).into_iter().for_each(|byte| *byte ^= 1 << (value % 8)),
                2 => bytes.truncate(a),
                3 => drop(bytes.drain(from..to)),
                4 => bytes.insert(a, value),
                _ => {
                    let again = bytes[from..to].to_vec();
                    bytes.splice(from..from, again);
                }
            }
        }
        std::fs::write(path, &bytes).expect("the temporary directory is writable");
        for read in [at_once(path), by_section(path)].into_iter().flatten() {
            assert_eq!(
                read,
                written,
                "{:?} was {:?}",
                bytes.escape_ascii().to_string(),
                whole.escape_ascii().to_string()
            );
        }
    });
    Ok(())
}

/// Any text in the place of an index; also with a checksum that is right.
pub fn index(text: &str) {
    let whole = format!("futurelens index 1\n{:08x}\n{text}\n", crc32fast::hash(text.as_bytes()));
    for text in [text, &whole] {
        let Some(index) = Index::parse(text) else { continue };
        assert_eq!(Some(&index), Index::parse(text).as_ref());
        FOLDER.with(|folder| {
            index.units(folder.path());
            // Its name is a checksum, wherever it says that it belongs.
            index.write(folder.path()).expect("the temporary directory is writable");
        });
    }
}

/// Any text in the place of a report or a baseline, and two of them compared.
pub fn record(text: &str) {
    let (old, new) = text.split_once("%%%").unwrap_or((text, text));
    let (old, new) = (Recording::parse(old), Recording::parse(new));
    for record in [&old, &new].into_iter().flatten() {
        let written = record.baseline();
        if let Ok(again) = Recording::parse(&written) {
            assert_eq!(again.baseline(), written);
        }
    }
    if let (Ok(old), Ok(new)) = (&old, &new) {
        if let Ok(comparison) = compare(old, new) {
            for change in &comparison.changes {
                change.culprits();
                change.bytes();
            }
            serde_json::to_string(&comparison.diff(new)).expect("it is JSON");
            comparison.table();
            comparison.markdown();
            comparison.summary();
        }
        let own = compare(new, new).expect("it is of the same");
        assert!(own.changes.is_empty(), "{:?}", own.changes);
    }
}

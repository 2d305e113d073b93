use super::*;
use proptest::prelude::*;

fn sample() -> UnitOutput {
    let mut unit = UnitOutput::new("v1", PathBuf::from("/w"));
    unit.push_sizes("print-type-size type: `é`: 1 bytes, alignment: 1 bytes\n");
    unit.push_body("a.mir".into(), "// MIR\n");
    unit.push_source("src/lib.rs".into(), Some("fn main() {}\n"));
    unit.push_source("src/changed.rs".into(), None);
    unit.push_messages("{}\n");
    unit.invocation = Some(Invocation {
        program: "rustc".into(),
        args: vec!["src/lib.rs".into()],
        env: vec![("A".into(), "b".into())],
        dir: "/w".into(),
    });
    unit
}

#[test]
fn what_is_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.futurelens");
    sample().write(&path).unwrap();
    let unit = UnitOutput::read(&path).unwrap();
    assert_eq!(unit.sizes(), sample().sizes());
    assert_eq!(unit.bodies().collect::<Vec<_>>(), [("a.mir", "// MIR\n")]);
    assert_eq!(unit.sources().collect::<Vec<_>>(), [("src/lib.rs", "fn main() {}\n")]);
    assert_eq!((unit.dir.to_str(), unit.flags.as_str()), (Some("/w"), "v1"));
    assert_eq!((unit.messages(), &unit.invocation), ("{}\n", &sample().invocation));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn one_section_is_read_at_a_time_from_the_file_that_was_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.futurelens");
    let mut unit = sample();
    unit.push_body("b.mir".into(), "// MIR é\n");
    unit.write(&path).unwrap();
    let file = UnitFile::open(&path).unwrap();
    assert_eq!(file.digests().collect::<Vec<_>>(), unit.digests().collect::<Vec<_>>());
    assert_ne!(file.digests().next().unwrap().1, file.digests().nth(1).unwrap().1);
    let mut other = sample();
    other.push_sizes("another");
    other.write(&path).unwrap();
    let read = || (file.sizes().ok(), file.body(0).ok(), file.body(1).ok(), file.sources().ok());
    let text = |text: &str| Some(text.to_owned());
    let sources = Some(vec![("src/lib.rs", "fn main() {}\n".to_owned())]);
    let all = (text(unit.sizes()), text("// MIR\n"), text("// MIR é\n"), sources);
    assert_eq!(read(), all);
    assert!(file.body(2).is_err());
    file.put_away();
    assert_eq!(read(), (None, None, None, None), "another one is in its place");
    unit.write(&path).unwrap();
    assert_eq!(read(), all);
}

#[test]
fn what_is_put_over_a_kept_unit_keeps_its_bodies_as_they_were_packed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.futurelens");
    let dump = "// MIR for `f`\n".repeat(100);
    let mut unit = UnitOutput::new(FLAGS, "/w".into());
    let bodies = vec![("a.mir".to_owned(), dump.clone())];
    unit.push_printed(&Printed::read(Form::Complete, "", bodies, Vec::new(), None));
    unit.write(&path).unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() < dump.len() as u64);
    let mut over = UnitOutput::new(FLAGS, "/w".into());
    over.push_printed(&UnitOutput::read(&path).unwrap().printed(Form::Complete).unwrap());
    assert_eq!(over.digests().collect::<Vec<_>>(), unit.digests().collect::<Vec<_>>());
    over.write(&path).unwrap();
    assert_eq!(UnitFile::open(&path).unwrap().body(0).unwrap(), dump);
    // What is known of them is not of other bodies.
    over.push_body("b.mir".into(), &dump);
    assert!(over.printed(Form::Complete).is_err());
}

#[test]
fn what_another_checkout_has_measured_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a-1.futurelens");
    let mut unit = UnitOutput::new(FLAGS, "/one".into());
    let env = vec![("CARGO_MANIFEST_DIR".to_owned(), "/one/a".to_owned())];
    unit.invocation = Some(Invocation { program: "rustc".into(), args: Vec::new(), env, dir: "/one".into() });
    unit.write(&file).unwrap();
    let open = |folder: &str| {
        MeasuredUnit { file: file.clone(), folder: folder.into(), ..MeasuredUnit::default() }.open()
    };
    assert!(open("/one/a").is_ok());
    assert!(matches!(open("/two/a"), Err(UnitError::OtherProject(dir)) if dir == Path::new("/one")));
    // Where it is not known how it was compiled, the folder that the compiler ran in tells.
    unit.invocation = None;
    unit.write(&file).unwrap();
    assert!(open("/one/a").is_ok() && open("/two/a").is_err());
}

proptest! {
    #[test]
    fn damage_is_noticed(cut in 0usize..1200, flip in 0usize..1200, junk in any::<u8>()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.futurelens");
        sample().write(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        bytes.truncate(cut.max(1));
        if let Some(byte) = bytes.get_mut(flip) {
            *byte = junk;
        }
        std::fs::write(&path, &bytes).unwrap();
        let by_section = || -> Result<Vec<String>, UnitError> {
            let file = UnitFile::open(&path)?;
            (0..file.starts.len()).map(|index| file.section(index)).collect()
        };
        if bytes != whole {
            prop_assert!(UnitOutput::read(&path).is_err() && by_section().is_err());
            // The header is whole if no more than a section was damaged.
            let head = UnitOutput::read_head(&path);
            let sections: usize = sample().sections.iter().map(|section| section.text.packed().len()).sum();
            prop_assert!(head.is_err() || bytes.starts_with(&whole[..whole.len() - sections]));
        }
    }
}

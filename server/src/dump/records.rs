//! The records of `-Zprint-type-sizes` as text: what is kept of them, type by type.

use super::record_lines::{FieldKind, FieldLine, Member, record_lines};
use std::collections::HashMap;
use std::sync::Arc;

/// One record.
#[derive(Debug, Clone)]
pub struct Record {
    /// Bytes of the type.
    pub size: u64,
    /// All its lines, as they are printed.
    pub lines: Arc<str>,
}

impl Record {
    /// Does it hold something of at least this size that the compiler prints no type of?
    pub fn has_unknown(&self, size: u64) -> bool {
        self.fields().any(|field| field.kind == FieldKind::Local && field.ty.is_none() && field.size >= size)
    }

    /// The types of what it holds, as far as the compiler prints them.
    pub fn held_types(&self) -> impl Iterator<Item = &str> {
        self.fields().filter_map(|field| field.ty)
    }

    fn fields(&self) -> impl Iterator<Item = FieldLine<'_>> {
        record_lines(&self.lines).filter_map(|line| match line.member()? {
            (_, Member::Field(field)) => Some(field),
            _ => None,
        })
    }
}

/// All records by the type's name; one name may be that of several types.
pub fn records(stdout: &str) -> HashMap<String, Vec<Record>> {
    let mut records: HashMap<String, Vec<Record>> = HashMap::new();
    let mut current: Option<(&str, u64, String)> = None;
    let mut finish = |record: Option<(&str, u64, String)>| {
        if let Some((name, size, lines)) = record {
            let record = Record { size, lines: lines.into() };
            match records.get_mut(name) {
                Some(others) => others.push(record),
                None => _ = records.insert(name.to_owned(), vec![record]),
            }
        }
    };
    for line in record_lines(stdout) {
        if let Some((name, size)) = line.type_name() {
            let digits = size.bytes().take_while(u8::is_ascii_digit).count();
            let size = size[..digits].parse().unwrap_or(0);
            finish(current.replace((name, size, String::new())));
        }
        // What comes before any record, its reader will find to be of an unknown form.
        let (_, _, lines) = current.get_or_insert_with(|| ("", u64::MAX, String::new()));
        lines.push_str(line.text);
        lines.push('\n');
    }
    finish(current);
    records
}

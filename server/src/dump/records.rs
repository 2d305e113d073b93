//! The records of `-Zprint-type-sizes` as text: what is kept of them, type by type.

use super::type_sizes::PREFIX;
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
        self.lines.lines().any(|line| {
            let local = line.split_once("local `").filter(|_| !line.contains(", type: "));
            let of = local.and_then(|(_, local)| local.split_once("`: ")?.1.split_once(" bytes"));
            of.and_then(|(bytes, _)| bytes.parse::<u64>().ok()).is_some_and(|bytes| bytes >= size)
        })
    }

    /// The types of what it holds, as far as the compiler prints them.
    pub fn held_types(&self) -> impl Iterator<Item = &str> {
        self.lines.lines().filter_map(|line| line.split_once(", type: ").map(|(_, ty)| ty.trim_end()))
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
    for line in stdout.lines() {
        let Some(rest) = line.strip_prefix(PREFIX) else { continue };
        if let Some((name, size)) = rest.strip_prefix("type: `").and_then(|rest| rest.rsplit_once("`: ")) {
            let digits = size.bytes().take_while(u8::is_ascii_digit).count();
            let size = size[..digits].parse().unwrap_or(0);
            finish(current.replace((name, size, String::new())));
        }
        // What comes before any record, its reader will find to be of an unknown form.
        let (_, _, lines) = current.get_or_insert_with(|| ("", u64::MAX, String::new()));
        lines.push_str(line);
        lines.push('\n');
    }
    finish(current);
    records
}

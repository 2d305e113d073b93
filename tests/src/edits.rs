//! Random edits of a library, as a person might make them, and a check that every measurement after them is
//! what a clean build measures.
//!
//! [`Edits`] plants a module of its own ([`planted`]) into the library and edits that and the library's real
//! files. The same seed gives the same edits. [`check`] measures after each.

pub mod check;
pub mod planted;
pub mod text;

use self::planted::Planted;
use self::text::{Function, around, behind_an_await, functions, items, mask, places_of, words};
use crate::project::files;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// Numbers that look random: splitmix64.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`, which is not zero.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("it is less than `end`")
    }

    /// True this often.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of a list that is not empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Texts by path below the crate.
pub type Files = BTreeMap<String, String>;

/// One edit, as it is told to people.
#[derive(Debug, Clone)]
pub struct Edit {
    /// What sort of edit.
    pub kind: &'static str,
    /// Where, and of what.
    pub what: String,
    /// It should compile.
    pub compiles: bool,
}

/// Texts that an edit has put into a file, to be taken out again together.
#[derive(Debug, Clone)]
struct Inserted {
    file: String,
    texts: Vec<String>,
}

#[derive(Debug, Clone)]
struct State {
    /// The library's own files.
    own: Files,
    planted: Planted,
    inserted: Vec<Inserted>,
}

impl State {
    fn files(&self) -> Files {
        let mut files = self.own.clone();
        files.extend(self.planted.files());
        files
    }
}

/// A library that is edited.
#[derive(Debug)]
pub struct Edits {
    random: Random,
    /// Makes names unique.
    serial: usize,
    now: State,
    /// Every state that compiled, the original first.
    good: Vec<State>,
    /// Edits since the last of them.
    since: usize,
}

/// Makes an edit; none if there is nothing to make it of.
type Make = fn(&mut Edits) -> Option<(&'static str, String)>;

/// Kinds of edits with their weights.
const MAKE: [(Make, usize); 13] = [
    (Edits::edit_planted, 40),
    (Edits::hold, 10),
    (Edits::insert_block, 9),
    (Edits::instantiate, 4),
    (Edits::take_out, 9),
    (Edits::move_text, 8),
    (Edits::move_item, 6),
    (Edits::rename_local, 6),
    (Edits::rename_fn, 4),
    (Edits::add_field, 4),
    (Edits::add_item, 5),
    (Edits::touch, 2),
    (Edits::back, 6),
];

const LIB: &str = "src/lib.rs";

impl Edits {
    /// Edits of the library in a folder with a `Cargo.toml`. Nothing is written.
    ///
    /// # Panics
    ///
    /// If there is no `src/lib.rs`.
    pub fn new(root: &Path, seed: u64) -> Self {
        let mut own = Files::new();
        for file in files(&root.join("src")) {
            let path = file.strip_prefix(root).expect("it was found below").to_string_lossy().into_owned();
            let of_the_library = !path.starts_with("src/bin/") && path != "src/main.rs";
            if of_the_library && path.ends_with(".rs") {
                own.insert(path, fs::read_to_string(&file).expect("sources are UTF-8"));
            }
        }
        own.get_mut(LIB).expect("there is a library").push_str("\npub mod planted;\n");
        let (mut random, mut serial) = (Random::new(seed), 0);
        let planted = Planted::full(&mut random, &mut serial);
        let now = State { own, planted, inserted: Vec::new() };
        Edits { random, serial, good: vec![now.clone()], now, since: 0 }
    }

    /// Every file of the library as it should be now.
    pub fn files(&self) -> Files {
        self.now.files()
    }

    /// Every file of the library as it last compiled.
    pub fn last_good(&self) -> Files {
        self.good.last().expect("the original is one").files()
    }

    /// Makes the next edit. Code that does not compile is repaired soon.
    pub fn edit(&mut self) -> Edit {
        let is_good = self.since == 0;
        if !is_good && (self.since > 2 || self.random.percent(70)) {
            self.now = self.good.last().expect("the original is one").clone();
            return Edit { kind: "repair", what: "as it last compiled".to_owned(), compiles: true };
        }
        if is_good && self.random.percent(9) {
            let (kind, what) = self.break_it();
            return Edit { kind, what, compiles: false };
        }
        let total = MAKE.iter().map(|(_, weight)| weight).sum();
        loop {
            let mut at = self.random.below(total);
            let (make, _) = MAKE
                .iter()
                .find(|(_, weight)| {
                    let found = at < *weight;
                    at = at.saturating_sub(*weight);
                    found
                })
                .expect("it is less than the total");
            let before = self.now.clone();
            match make(self) {
                Some((kind, what)) => return Edit { kind, what, compiles: is_good },
                None => self.now = before,
            }
        }
    }

    /// To be told what became of the files as they are now.
    pub fn measured(&mut self, compiled: bool) {
        match compiled {
            true => {
                self.since = 0;
                self.good.push(self.now.clone());
            }
            false => self.since += 1,
        }
    }

    fn serial(&mut self) -> usize {
        self.serial += 1;
        self.serial
    }

    fn edit_planted(&mut self) -> Option<(&'static str, String)> {
        let (kind, what) = self.now.planted.edit(&mut self.random, &mut self.serial);
        Some((kind, format!("planted {what}")))
    }

    /// A fn of the library's own files: the file, its mask, the fn, its name.
    fn any_fn(&mut self, suits: fn(&Function) -> bool) -> Option<(String, Vec<u8>, Function, String)> {
        let mut found = Vec::new();
        for (file, text) in &self.now.own {
            let functions = functions(text, &mask(text)).into_iter().filter(suits);
            found.extend(functions.map(|function| (file.clone(), function)));
        }
        if found.is_empty() {
            return None;
        }
        let (file, function) = self.random.pick(&found).clone();
        let text = &self.now.own[&file];
        let (mask, name) = (mask(text), text[function.name.clone()].to_owned());
        Some((file, mask, function, name))
    }

    /// Puts texts into a file, each at its place; remembers them.
    fn insert(&mut self, file: &str, mut texts: Vec<(usize, String)>) {
        let content = self.now.own.get_mut(file).expect("it was found before");
        texts.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        for (at, text) in &texts {
            content.insert_str(*at, text);
        }
        let texts = texts.into_iter().map(|(_, text)| text).collect();
        self.now.inserted.push(Inserted { file: file.to_owned(), texts });
    }

    /// A local that is held across an await.
    fn hold(&mut self) -> Option<(&'static str, String)> {
        let (file, mask, function, name) = self.any_fn(|function| function.is_async)?;
        let (n, bytes) = (self.serial(), 1 + self.random.below(300));
        let start = function.body.start;
        let behind = behind_an_await(&mask, &function.body).filter(|_| self.random.percent(60));
        let texts = match behind {
            Some(behind) => vec![
                (start, format!("\n    let held_{n} = ::std::hint::black_box([0u8; {bytes}]);")),
                (behind, format!("\n    ::std::hint::black_box(&held_{n});")),
            ],
            None => vec![(start, format!("\n    let _held_{n} = crate::planted::Held([0u8; {bytes}]);"))],
        };
        self.insert(&file, texts);
        Some(("hold", format!("{file} {name}")))
    }

    /// A block with an await in it, a closure, or an async block, before all others in the fn.
    fn insert_block(&mut self) -> Option<(&'static str, String)> {
        let (file, _, function, name) = self.any_fn(|function| function.is_async)?;
        let (n, bytes) = (self.serial(), 1 + self.random.below(100));
        let text = match self.random.below(5) {
            0 => format!(
                "\n    {{ let b_{n} = [0u8; {bytes}]; crate::planted::yield_now().await; \
                 ::std::hint::black_box(&b_{n}); }}"
            ),
            1 => format!("\n    async {{ crate::planted::sized::<[u8; {}]>().await }}.await;", bytes % 33),
            2 => format!("\n    let _block_{n} = async move {{ crate::planted::yield_now().await }};"),
            3 => format!("let _closure_{n} = |x: u8| x;"),
            _ => format!(
                "\n    crate::planted::around(Box::pin(async move {{ let b_{n} = [1u8; {bytes}];\n\
                 crate::planted::yield_now().await; ::std::hint::black_box(&b_{n}); }})).await;"
            ),
        };
        self.insert(&file, vec![(function.body.start, text)]);
        Some(("block", format!("{file} {name}")))
    }

    /// Another instance of a generic fn.
    fn instantiate(&mut self) -> Option<(&'static str, String)> {
        let (file, _, function, name) = self.any_fn(|function| function.is_async)?;
        let (n, bytes) = (self.serial(), self.random.below(100));
        let text = format!(
            "\n    let _size_{n} = crate::planted::sized::<crate::planted::Filler<{bytes}>>().await;"
        );
        self.insert(&file, vec![(function.body.start, text)]);
        Some(("instance", format!("{file} {name}")))
    }

    /// Takes out what an earlier edit put in.
    fn take_out(&mut self) -> Option<(&'static str, String)> {
        if self.now.inserted.is_empty() {
            return None;
        }
        let at = self.random.below(self.now.inserted.len());
        let Inserted { file, texts } = self.now.inserted.remove(at);
        let content = self.now.own.get_mut(&file)?;
        for text in &texts {
            let at = content.find(text.as_str())?;
            content.replace_range(at..at + text.len(), "");
        }
        let texts: String = texts.concat().split_whitespace().take(4).collect::<Vec<_>>().join(" ");
        Some(("take out", format!("{file} {texts}")))
    }

    fn any_file(&mut self) -> (String, Vec<u8>) {
        let files: Vec<&String> = self.now.own.keys().collect();
        let file = (*self.random.pick(&files)).clone();
        let mask = mask(&self.now.own[&file]);
        (file, mask)
    }

    /// Lines or a comment between two tokens.
    fn move_text(&mut self) -> Option<(&'static str, String)> {
        let (file, mask) = self.any_file();
        let n = self.serial();
        let (places, text): (Vec<usize>, _) = match self.random.below(3) {
            0 => {
                let words = ["let", "fn", "async", "match", "if", "return", "struct", "impl"];
                let places = words.iter().flat_map(|word| places_of(&mask, 0..mask.len(), word));
                (places.map(|place| place.start).collect(), format!("/* {n} */ "))
            }
            kind => {
                let breaks = (0..mask.len()).filter(|at| mask[*at] == b'\n');
                let lines = "\n".repeat(1 + self.random.below(3));
                let text = if kind == 1 { lines } else { format!("// Moved {n}.\n") };
                (breaks.map(|at| at + 1).collect(), text)
            }
        };
        if places.is_empty() {
            return None;
        }
        let at = *self.random.pick(&places);
        match text.trim().is_empty() {
            // It could not be found again.
            true => self.now.own.get_mut(&file)?.insert_str(at, &text),
            false => self.insert(&file, vec![(at, text)]),
        }
        Some(("text", format!("{file} at {at}")))
    }

    /// An item to another place in its file, or a method in its `impl`.
    fn move_item(&mut self) -> Option<(&'static str, String)> {
        let (file, mask) = self.any_file();
        let all = items(&mask, 0..mask.len());
        if all.iter().any(|item| item.keyword == "macro_rules") {
            return None;
        }
        let blocks: Vec<Range<usize>> =
            all.iter().filter(|item| item.keyword == "impl").filter_map(|item| item.inside.clone()).collect();
        let list = match blocks.is_empty() || self.random.percent(50) {
            // Above the first one are the file's own attributes and documentation.
            true => all.get(1..)?.to_vec(),
            false => items(&mask, self.random.pick(&blocks).clone()),
        };
        let can_move = |at: &usize| matches!(&*list[*at].keyword, "fn" | "struct" | "enum" | "impl");
        let candidates: Vec<usize> = (0..list.len()).filter(can_move).collect();
        if candidates.is_empty() || list.len() < 2 {
            return None;
        }
        let (from, to) = (*self.random.pick(&candidates), self.random.below(list.len()));
        let (range, target) = (list[from].range.clone(), list[to].range.end);
        if from == to || target == range.start {
            return None;
        }
        let text = self.now.own.get_mut(&file)?;
        let moved = text[range.clone()].to_owned();
        let what = moved.lines().last().unwrap_or_default().chars().take(20).collect::<String>();
        if target > range.start {
            text.insert_str(target, &moved);
            text.replace_range(range, "");
        } else {
            text.replace_range(range, "");
            text.insert_str(target, &moved);
        }
        Some(("move item", format!("{file} {} `{}`", list[from].keyword, what.trim())))
    }

    fn replace(&mut self, file: &str, places: &[Range<usize>], with: &str) {
        let text = self.now.own.get_mut(file).expect("it was found before");
        for place in places.iter().rev() {
            text.replace_range(place.clone(), with);
        }
    }

    fn rename_local(&mut self) -> Option<(&'static str, String)> {
        let (file, mask, function, _) = self.any_fn(|_| true)?;
        let text = &self.now.own[&file];
        let body = &function.body;
        let mut names = Vec::new();
        for place in places_of(&mask, body.clone(), "let") {
            let mut next = words(&mask, place.end..body.end).filter(|word| &mask[word.clone()] != b"mut");
            let Some(word) = next.next() else { continue };
            // No pattern in it.
            let between = String::from_utf8_lossy(&mask[place.end..word.start]).replace("mut", "");
            let name = &text[word];
            if between.trim().is_empty() && name.starts_with(|c: char| c.is_ascii_lowercase()) {
                names.push(name);
            }
        }
        names.retain(|name| {
            let head = places_of(&mask, function.name.end..body.start, name);
            let plain = places_of(&mask, body.clone(), name).iter().all(|place| match around(&mask, place) {
                (b'.', _) | (b'{' | b',', b'}' | b',') => false,
                (_, b':') => mask[..place.start].trim_ascii_end().ends_with(b"let"),
                (_, b'(' | b'!') => false,
                _ => true,
            });
            head.is_empty() && plain && !text[body.clone()].contains(&format!("{{{name}"))
        });
        if names.is_empty() {
            return None;
        }
        let name = (*self.random.pick(&names)).to_owned();
        let places = places_of(&mask, body.clone(), &name);
        let stem = name.split("_r").next().unwrap_or_default();
        let new = format!("{stem}_r{}", self.serial());
        self.replace(&file, &places, &new);
        // What was put in before does not look the same any more.
        Some(("rename local", format!("{file} {name}")))
    }

    /// Of a private fn that no other file names.
    fn rename_fn(&mut self) -> Option<(&'static str, String)> {
        let (file, mask, function, name) = self.any_fn(|function| !function.is_pub)?;
        let elsewhere = self.now.own.iter().filter(|(other, _)| **other != file);
        let mut elsewhere = elsewhere.map(|(_, text)| text);
        let item =
            items(&mask, 0..mask.len()).into_iter().find(|i| i.range.contains(&function.name.start))?;
        let head = item.range.start..item.inside?.start;
        let in_trait = item.keyword == "impl" && !places_of(&mask, head, "for").is_empty();
        if in_trait || !matches!(&*item.keyword, "impl" | "fn") {
            return None;
        }
        if name.len() < 5
            || elsewhere.any(|text| !places_of(text.as_bytes(), 0..text.len(), &name).is_empty())
        {
            return None;
        }
        let places = places_of(&mask, 0..mask.len(), &name);
        let stem = name.split("_r").next().unwrap_or_default();
        let new = format!("{stem}_r{}", self.serial());
        self.replace(&file, &places, &new);
        Some(("rename fn", format!("{file} {name}")))
    }

    /// A field more for a struct, and for each place that makes one.
    fn add_field(&mut self) -> Option<(&'static str, String)> {
        let (file, mask) = self.any_file();
        let text = &self.now.own[&file];
        let all = items(&mask, 0..mask.len());
        let structs: Vec<_> = all.iter().filter(|item| item.keyword == "struct").collect();
        if structs.is_empty() {
            return None;
        }
        let item = *self.random.pick(&structs);
        let inside = item.inside.clone()?;
        let keyword = places_of(&mask, item.range.clone(), "struct").pop()?;
        let name = text[words(&mask, keyword.end..inside.start).next()?].to_owned();
        // Derived by macros that know nothing of the field's type.
        let attributes = &text[item.range.start..keyword.start];
        if ["Deserialize", "Serialize", "StructOpt", "repr"].iter().any(|word| attributes.contains(word)) {
            return None;
        }
        let bytes = 1 + self.random.below(200);
        let n = self.serial();
        let field = format!(" planted_{n}: crate::planted::Filler<{bytes}>,");
        let value = format!(" planted_{n}: crate::planted::Filler([0; {bytes}]),");
        for (other, text) in self.now.own.clone() {
            let mask = text::mask(&text);
            let mut places = Vec::new();
            for item in items(&mask, 0..mask.len()) {
                let head = item.range.start..item.inside.as_ref().map_or(item.range.start, |i| i.start);
                let own = item.keyword == "impl" && !places_of(&mask, head.clone(), &name).is_empty();
                let mut names = places_of(&mask, head.end..item.range.end, &name);
                if own {
                    names.extend(places_of(&mask, head.end..item.range.end, "Self"));
                }
                places.extend(names);
            }
            places.retain(|place| {
                let before = mask[..place.start].trim_ascii_end();
                let is_other = [&b"impl"[..], b"for", b"struct", b"enum", b"mod", b">", b"&", b"let", b"|"]
                    .iter()
                    .any(|other| before.ends_with(other));
                let is_arm = before.ends_with(b">") && before.ends_with(b"=>");
                around(&mask, place).1 == b'{' && (!is_other || is_arm)
            });
            let mut texts: Vec<(usize, &str)> = Vec::new();
            for place in places {
                let open = place.end + mask[place.end..].iter().position(|byte| *byte == b'{')?;
                texts.push((open + 1, &value));
            }
            if other == file {
                texts.push((inside.start, &field));
            }
            texts.sort();
            let content = self.now.own.get_mut(&other)?;
            for (at, text) in texts.iter().rev() {
                content.insert_str(*at, text);
            }
        }
        Some(("field", format!("{file} {name}")))
    }

    /// A fn at the end of a file.
    fn add_item(&mut self) -> Option<(&'static str, String)> {
        let (file, mask) = self.any_file();
        let (n, bytes) = (self.serial(), 1 + self.random.below(100));
        let text = match self.random.below(3) {
            0 => format!(
                "\npub async fn added_{n}() {{\n    let kept = [0u8; {bytes}];\n    \
                 crate::planted::yield_now().await;\n    ::std::hint::black_box(&kept);\n}}\n"
            ),
            1 => format!(
                "\nasync fn added_{n}<T: Default>() -> usize {{\n    crate::planted::sized::<T>().await\n}}\n\n\
                 pub async fn uses_{n}() {{\n    added_{n}::<u64>().await;\n    added_{n}::<String>().await;\n}}\n"
            ),
            _ => format!(
                "\npub mod added_{n} {{\n    pub async fn inner() {{\n        \
                 crate::planted::sized::<crate::planted::Filler<{bytes}>>().await;\n    }}\n}}\n"
            ),
        };
        self.insert(&file, vec![(mask.len(), text)]);
        Some(("add item", format!("{file} added_{n}")))
    }

    /// Nothing but a new time of the file, which whoever writes the files has to give it.
    fn touch(&mut self) -> Option<(&'static str, String)> {
        let (file, _) = self.any_file();
        Some(("touch", file))
    }

    /// To what it was before the last edit, or at the very beginning.
    fn back(&mut self) -> Option<(&'static str, String)> {
        let (what, at) = match self.random.below(5) {
            0 => ("the original", 0),
            1 => ("some time ago", self.random.below(self.good.len())),
            _ => ("before the last edit", self.good.len().checked_sub(2)?),
        };
        self.now = self.good[at].clone();
        Some(("back", what.to_owned()))
    }

    /// An edit that must not compile.
    fn break_it(&mut self) -> (&'static str, String) {
        const BODIES: [(&str, &str); 5] = [
            ("syntax error", "\n    let = );"),
            ("type error", "\n    let _: u8 = \"no number\";"),
            ("name error", "\n    nowhere_to_be_found();"),
            (
                "borrow error",
                "\n    let mut list = vec![0u8]; let first = &list[0]; list.push(1); ::std::hint::black_box(first);",
            ),
            ("move error", "\n    let text = ::std::string::String::new(); drop(text); drop(text);"),
        ];
        const ITEMS: [(&str, &str); 5] = [
            ("endless error", "\npub async fn endless() { endless().await; }\n"),
            (
                "send error",
                "\npub fn sent() { fn send<T: Send>(_: T) {} send(async { let rc = ::std::rc::Rc::new(1u8); \
                 crate::planted::yield_now().await; drop(rc); }); }\n",
            ),
            ("constant error", "\npub const WRONG: u8 = [1u8, 2][::std::mem::size_of::<u32>()];\n"),
            (
                "instance error",
                "\npub struct Check<const N: usize>;\nimpl<const N: usize> Check<N> { const OK: () = assert!(N > 9); }\n\
                 pub fn instance<const N: usize>() { let () = Check::<N>::OK; }\n#[inline(never)]\npub fn wrong() { instance::<3>() }\n",
            ),
            ("lint error", "\n#[deny(unused_variables)]\npub fn lint() { let unused = 1; }\n"),
        ];
        let function = self.any_fn(|function| function.is_async).filter(|_| self.random.percent(50));
        match function {
            Some((file, _, function, name)) => {
                let (kind, text) = *self.random.pick(&BODIES);
                let content = self.now.own.get_mut(&file).expect("it was found before");
                content.insert_str(function.body.start, text);
                (kind, format!("{file} {name}"))
            }
            None => {
                let (kind, text) = *self.random.pick(&ITEMS);
                self.now.own.get_mut(LIB).expect("there is a library").push_str(text);
                (kind, LIB.to_owned())
            }
        }
    }
}

//! Changes of a text that a fuzzer's bits and bytes seldom make: numbers, lines, brackets.

/// Numbers that readers stumble over.
const NUMBERS: [&str; 16] = [
    "0",
    "1",
    "3",
    "64",
    "255",
    "4096",
    "65536",
    "1048575",
    "4294967295",
    "4294967296",
    "1152921504606846976",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
];

/// Snippets of everything that is read.
const WORDS: [&str; 40] = [
    "é",
    "\u{feff}",
    "😀",
    "\r\n",
    "\r",
    "\n",
    "\t",
    "(",
    ")",
    "<",
    ">",
    "{",
    "}",
    "[",
    "]",
    "'",
    "\"",
    "`",
    "::",
    " as ",
    ", ",
    ": ",
    "->",
    "=>",
    "&'{erased} ",
    "{closure#0}",
    "<impl Future>",
    "dyn ",
    "for<Region(BrAnon)> ",
    "'^0",
    "ValTree(Leaf(0xff): i8)",
    "upvar_tys=",
    "async ",
    "fn f() ",
    ".await",
    "async move {",
    "|x| ",
    "m!(",
    "/* ",
    "//",
];

/// A source of chances, the same for the same seed.
pub struct Chance(u64);

impl Chance {
    /// From any seed.
    pub fn new(seed: u64) -> Self {
        Chance(seed)
    }

    /// Less than `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) as usize % limit.max(1)
    }

    /// One of them.
    pub fn of<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

/// One change.
pub fn once(text: &str, chance: &mut Chance) -> String {
    let at = |chance: &mut Chance| text.floor_char_boundary(chance.below(text.len() + 1));
    match chance.below(9) {
        0 | 1 => number(text, chance),
        2 => lines(text, chance, |lines, a, _| {
            lines.remove(a);
        }),
        3 => lines(text, chance, |lines, a, b| lines.insert(a, lines[b])),
        4 => lines(text, chance, |lines, a, b| lines.swap(a, b)),
        5 => {
            // Nested deep, or just long.
            let what = chance.of(&["(", "<", "{", "[", "((", "<(", "{{", "&", "a::", "!", "fn a ", "async "]);
            let at = at(chance);
            format!("{}{}{}", &text[..at], what.repeat(1 << chance.below(11)), &text[at..])
        }
        6 => {
            let (a, b) = (at(chance), at(chance));
            format!("{}{}", &text[..a.min(b)], &text[a.max(b)..])
        }
        7 => {
            let (a, b, c) = (at(chance), at(chance), at(chance));
            let part = &text[a.min(b)..a.max(b)];
            let part = &part[..part.floor_char_boundary(part.len().min(200))];
            format!("{}{part}{}", &text[..c], &text[c..])
        }
        _ => {
            let at = at(chance);
            format!("{}{}{}", &text[..at], chance.of(&WORDS), &text[at..])
        }
    }
}

/// Several.
pub fn text(text: &str, seed: u64) -> String {
    let mut chance = Chance::new(seed);
    let times = 1 + chance.below(6);
    (0..times).fold(text.to_owned(), |text, _| once(&text, &mut chance))
}

/// Another number in the place of one.
fn number(text: &str, chance: &mut Chance) -> String {
    let bytes = text.as_bytes();
    let from = chance.below(bytes.len() + 1);
    let is_digit = |at: &usize| bytes[*at].is_ascii_digit();
    let Some(start) = (from..bytes.len()).chain(0..from).find(is_digit) else { return text.to_owned() };
    let end = (start..bytes.len()).find(|at| !is_digit(at)).unwrap_or(bytes.len());
    format!("{}{}{}", &text[..start], chance.of(&NUMBERS), &text[end..])
}

fn lines(text: &str, chance: &mut Chance, change: impl FnOnce(&mut Vec<&str>, usize, usize)) -> String {
    let mut lines: Vec<&str> = text.split('\n').collect();
    let (a, b) = (chance.below(lines.len()), chance.below(lines.len()));
    change(&mut lines, a, b);
    lines.join("\n")
}

/// For a fuzzer: puts a changed text in the place of one; the new length. None if it does not fit.
pub fn in_place(data: &mut [u8], size: usize, most: usize, seed: u32) -> Option<usize> {
    let changed = text(&String::from_utf8_lossy(&data[..size]), seed.into());
    let room = data.len().min(most);
    let changed = &changed.as_bytes()[..changed.len().min(room)];
    data[..changed.len()].copy_from_slice(changed);
    (!changed.is_empty()).then_some(changed.len())
}

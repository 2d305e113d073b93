//! The tokens of a text that are neither white space nor comments.

use ra_ap_syntax::{SyntaxKind, TextRange, TextSize};

/// One token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: SyntaxKind,
    pub(super) range: TextRange,
}

/// All tokens of a text in order, with their brackets paired and any run of them hashed in
/// constant time. Indices are into `list`; looking past either end gives the empty text.
pub(super) struct Tokens<'a> {
    text: &'a str,
    list: Vec<Token>,
    /// For a bracket the index of its partner, otherwise (or without a partner) its own index.
    partner: Vec<u32>,
    /// Polynomial hash of all tokens before the index.
    prefix: Vec<u64>,
    /// Powers of [`BASE`].
    powers: Vec<u64>,
}

const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str, list: Vec<Token>) -> Tokens<'a> {
        let mut partner: Vec<u32> = (0..list.len() as u32).collect();
        let mut open: Vec<usize> = Vec::new();
        let mut prefix = Vec::with_capacity(list.len() + 1);
        let mut powers = Vec::with_capacity(list.len() + 1);
        prefix.push(0);
        powers.push(1);
        for (i, token) in list.iter().enumerate() {
            let word = &text[token.range];
            let last = prefix[i];
            prefix.push(u64::wrapping_mul(last, BASE).wrapping_add(hash_word(word)));
            powers.push(u64::wrapping_mul(powers[i], BASE));
            match word {
                "(" | "[" | "{" => open.push(i),
                ")" | "]" | "}" => {
                    let opener = match word {
                        ")" => "(",
                        "]" => "[",
                        _ => "{",
                    };
                    // Broken text: a bracket that closes none of the last few is passed over, one
                    // that closes an outer one drops those inside.
                    let depth = open.iter().rev().take(8).position(|&at| &text[list[at].range] == opener);
                    if let Some(depth) = depth {
                        open.truncate(open.len() - depth);
                        if let Some(at) = open.pop() {
                            partner[at] = i as u32;
                            partner[i] = at as u32;
                        }
                    }
                }
                _ => (),
            }
        }
        Tokens { text, list, partner, prefix, powers }
    }

    /// The token's text.
    pub(super) fn word(&self, i: usize) -> &'a str {
        self.list.get(i).map_or("", |token| &self.text[token.range])
    }

    /// Whether the token is a name (raw ones too), not a keyword.
    pub(super) fn is_name(&self, i: usize) -> bool {
        self.list.get(i).is_some_and(|token| token.kind == SyntaxKind::IDENT)
    }

    pub(super) fn range(&self, i: usize) -> TextRange {
        self.list.get(i).map_or_else(|| TextRange::empty(TextSize::of(self.text)), |token| token.range)
    }

    /// From the start of one token to the end of another.
    pub(super) fn cover(&self, first: usize, last: usize) -> TextRange {
        self.range(first).cover(self.range(last))
    }

    /// The partner of the bracket at `i`.
    pub(super) fn partner(&self, i: usize) -> Option<usize> {
        self.partner.get(i).map(|&it| it as usize).filter(|&it| it != i)
    }

    /// The closing partner if `i` is an opening bracket of one of the given kinds.
    pub(super) fn group(&self, i: usize, opening: &str) -> Option<usize> {
        let word = self.word(i);
        (!word.is_empty() && opening.contains(word)).then(|| self.partner(i)).flatten().filter(|&it| it > i)
    }

    pub(super) fn is_closing(&self, i: usize) -> bool {
        matches!(self.word(i), ")" | "]" | "}")
    }

    /// The index of the first token that starts at `at` or later.
    pub(super) fn index(&self, at: TextSize) -> usize {
        self.list.partition_point(|token| token.range.start() < at)
    }

    /// The end of the last token that ends at `at` or before.
    pub(super) fn end_before(&self, at: TextSize) -> TextSize {
        match self.list.partition_point(|token| token.range.end() <= at) {
            0 => at,
            i => self.list[i - 1].range.end(),
        }
    }

    /// The last token, or group in brackets, within the braces of a body.
    pub(super) fn last_within(&self, body: TextRange) -> Option<TextRange> {
        let (first, close) = (self.index(body.start()), self.index(body.end()).checked_sub(1)?);
        let last = close.checked_sub(1).filter(|&it| it > first)?;
        let start = self.partner(last).filter(|&it| it > first && it < last).unwrap_or(last);
        Some(self.cover(start, last))
    }

    /// An expression with all parentheses that stand around nothing but it.
    pub(super) fn with_parentheses(&self, range: TextRange) -> TextRange {
        let (mut first, mut end) = (self.index(range.start()), self.index(range.end()));
        while let Some(open) = first.checked_sub(1)
            && self.word(open) == "("
            && self.partner(open) == Some(end)
            && !self.is_called(open)
        {
            (first, end) = (open, end + 1);
        }
        if end > first { self.cover(first, end - 1).cover(range) } else { range }
    }

    /// Whether the bracket at `open` has the arguments of a call or of a macro.
    fn is_called(&self, open: usize) -> bool {
        let Some(before) = open.checked_sub(1) else { return false };
        match self.word(before) {
            ")" | "!" | "?" | "self" | "Self" | "super" | "crate" => true,
            // An attribute, or a call of what is in a list.
            "]" => {
                self.partner(before).and_then(|it| it.checked_sub(1)).is_none_or(|it| self.word(it) != "#")
            }
            // `=> (`, `-> (`, or `f::<T>(`.
            ">" => open.checked_sub(2).is_none_or(|it| !matches!(self.word(it), "=" | "-")),
            _ => self.is_name(before),
        }
    }

    /// A hash of the tokens within the range: equal for equal tokens, whatever stands between.
    pub(super) fn hash(&self, range: TextRange) -> u64 {
        let first = self.index(range.start());
        let last = self.list.partition_point(|token| token.range.end() <= range.end()).max(first);
        let before = u64::wrapping_mul(self.prefix[first], self.powers[last - first]);
        mix(self.prefix[last].wrapping_sub(before) ^ (last - first) as u64)
    }
}

/// FNV-1a over the bytes, `\r\n` read as `\n` (in a text literal), then mixed.
fn hash_word(word: &str) -> u64 {
    let bytes = word.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for (i, &byte) in bytes.iter().enumerate() {
        if byte == b'\r' && bytes.get(i + 1) == Some(&b'\n') {
            continue;
        }
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    mix(hash)
}

/// The finalizer of splitmix64.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

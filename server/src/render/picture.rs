//! The states of a future drawn against cache lines.
//!
//! ```text
//! 260 B, 5 cache lines of 64 B; one column = 8 B
//!
//!              0        64       128      192      256   held
//! Unresumed    │#       │        │        │        │ │    0 B
//! Suspend0 :15 │a▒▒▒▒▒▒▒│▒buffer▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│▒│  258 B  +b
//! ```
//!
//! Read from the top: how large, which scale, then a bar for every state, each from the first byte of the
//! future to the last, then what the letters in the bars are. A bar has a rule where a cache line ends.

use super::contents::{Contents, OTHER, Row, Rows, Thing, name, rows};
use super::line::{Line, Paper, Style, columns, elide};
use super::size::{bytes, exact};
use super::types::short_type;
use crate::layout::{Future, HeldKind};
use std::fmt::Write as _;
use std::num::NonZeroU64;

/// How a picture is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureOptions {
    /// Columns; no line is wider. Below 40 or so there is little to see.
    pub width: usize,
    /// Bytes of a cache line, where a rule is; none for a picture that shows no cache lines.
    pub cache_line: Option<NonZeroU64>,
    /// ANSI escapes, for terminals. Everything can be told without them.
    pub color: bool,
    /// Draws with ASCII only. Names stay as they are in the source.
    pub ascii: bool,
}

impl Default for PictureOptions {
    fn default() -> Self {
        PictureOptions { width: 80, cache_line: NonZeroU64::new(64), color: false, ascii: false }
    }
}

/// What stands above the bytes of the states.
const HELD: &str = "held";
/// Bytes between two rules at least, where there are no cache lines.
const PLAIN_RULE: u64 = 64;
/// Columns between two rules at least, where every cache line has its rule, and where not.
const LINE_COLUMNS: u128 = 4;
const RULE_COLUMNS: u128 = 8;

/// The picture of one future, several lines each ended by `\n`, for a terminal or a code fence.
///
/// All numbers are the compiler's, or sums of them. It does not print where the discriminant is: that is
/// drawn only if one place alone is left for it.
pub fn picture(future: &Future, options: &PictureOptions) -> String {
    let paper = Paper { width: options.width, color: options.color, ascii: options.ascii };
    let contents = Contents::of(future);
    let rows = rows(&contents);
    let labels = Labels::of(&rows, paper);
    let scale = Scale::fitting(&contents, options.cache_line, labels.room_for_bars(paper));
    let drawing = Drawing { contents: &contents, paper, scale, labels };
    let mut out = String::new();
    drawing.head(&mut out, options.cache_line);
    drawing.ruler(&mut out);
    let mut drawn = Drawn::default();
    for row in &rows.shown {
        drawing.row(&mut out, row, &mut drawn);
    }
    drawing.notes(&mut out, &rows.shown, rows.left_out);
    drawing.legend(&mut out, &drawn);
    out
}

/// Signs in the bars that the legend has to explain.
#[derive(Debug, Default)]
struct Drawn {
    tag: bool,
    padding: bool,
    /// Something had no column.
    vanished: bool,
}

/// The columns beside the bars.
struct Labels {
    /// Of the longest label, a space included.
    left: usize,
    /// Of the longest number of bytes.
    right: usize,
}

impl Labels {
    fn of(rows: &Rows<'_>, paper: Paper) -> Self {
        let left = rows.shown.iter().map(|row| columns(&row.label)).max().unwrap_or(0);
        let right = rows.shown.iter().map(|row| bytes(row.bytes.held).len()).max().unwrap_or(0);
        Labels { left: left.min((paper.width / 3).min(26)) + 1, right: right.max(HELD.len()) }
    }

    /// Leaves room for the bytes behind a bar and a few letters.
    fn room_for_bars(&self, paper: Paper) -> usize {
        let letters = if paper.width < 60 { 0 } else { 5 };
        paper.width.saturating_sub(self.left + 2 + self.right + letters).max(4)
    }
}

/// Which bytes a column stands for, and after which columns there is a rule.
struct Scale {
    /// Bytes of one column; a power of two.
    column: u128,
    /// Columns.
    count: usize,
    /// Bytes from one rule to the next; cache lines, their number a power of two.
    rule: u128,
}

impl Scale {
    /// The finest scale at which a bar with its rules takes at most `room` columns.
    fn fitting(contents: &Contents<'_>, cache_line: Option<NonZeroU64>, room: usize) -> Self {
        let extent = u128::from(contents.extent);
        let mut column = 1;
        loop {
            let count = extent.div_ceil(column).max(1);
            let mut rule = u128::from(cache_line.map_or(PLAIN_RULE, NonZeroU64::get));
            if rule / column < LINE_COLUMNS {
                while rule / column < RULE_COLUMNS {
                    rule *= 2;
                }
            }
            let rules = count * column / rule + 2;
            // At this scale the largest future is a single column.
            if count + rules <= room as u128 || column >= 1 << 64 {
                return Scale { column, count: count.min(1 << 16) as usize, rule };
            }
            column *= 2;
        }
    }

    fn column_of(&self, byte: u64) -> usize {
        ((u128::from(byte) / self.column) as usize).min(self.count)
    }

    /// The columns in front of which there is a rule, and the offset (bytes) it stands for.
    fn rules(&self) -> impl Iterator<Item = (usize, u128)> + '_ {
        let starts = (0..).map(|i| i * self.rule).map(|offset| (offset.div_ceil(self.column), offset));
        starts
            .take_while(|(column, _)| *column < self.count as u128)
            .map(|(column, at)| (column as usize, at))
    }
}

/// What a column of a bar shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Unused,
    Padding,
    Tag,
    Thing(usize),
}

struct Drawing<'a> {
    contents: &'a Contents<'a>,
    paper: Paper,
    scale: Scale,
    labels: Labels,
}

impl Drawing<'_> {
    fn rule(&self) -> &'static str {
        if self.paper.ascii { "|" } else { "│" }
    }

    fn padding(&self) -> &'static str {
        if self.paper.ascii { "." } else { "·" }
    }

    fn fill(&self, kind: HeldKind) -> &'static str {
        match (kind, self.paper.ascii) {
            (HeldKind::Upvar, false) => "▓",
            (HeldKind::Local | HeldKind::Flag, false) => "▒",
            (HeldKind::Awaitee, false) => "░",
            (HeldKind::Temporary, false) => "═",
            (HeldKind::Upvar, true) => "%",
            (HeldKind::Local | HeldKind::Flag, true) => "-",
            (HeldKind::Awaitee, true) => "~",
            (HeldKind::Temporary, true) => "=",
        }
    }

    fn head(&self, out: &mut String, cache_line: Option<NonZeroU64>) {
        let future = self.contents.future;
        let lines = cache_line.map(|line| (line.get(), future.cache_lines(line)));
        let mut text = bytes(future.size);
        if let Some((line, lines)) = lines {
            let s = if lines == 1 { "" } else { "s" };
            let _ = write!(text, ", {} cache line{s} of {}", exact(lines), bytes(line));
        }
        let _ = write!(text, "; one column = {}", power_of_two(self.scale.column));
        if self.scale.rules().count() > 1 {
            let _ = match lines.map(|(line, _)| self.scale.rule / u128::from(line)) {
                Some(..=1) => Ok(()),
                Some(lines) => write!(text, ", a rule every {lines} lines"),
                None => write!(text, ", a rule every {}", power_of_two(self.scale.rule)),
            };
        }
        self.paper.wrap(out, 0, Style::Plain, &text);
        out.push('\n');
    }

    fn ruler(&self, out: &mut String) {
        let mut line = self.paper.line();
        let mut marks: Vec<(usize, String)> =
            self.scale.rules().map(|(column, offset)| (column, power_of_two_short(offset))).collect();
        let bar = self.scale.count + marks.len() + 1;
        let held_to = self.labels.left + bar + 2 + self.labels.right;
        let held_at = held_to - HELD.len();
        marks.push((self.scale.count, self.contents.extent.to_string()));
        for (i, (column, text)) in marks.into_iter().enumerate() {
            let at = self.labels.left + column + i;
            let fits = at + columns(&text) < held_at.min(self.paper.width + 1);
            if fits && (line.is_empty() || at > line.column()) {
                line.to(at);
                line.put(Style::Dim, &text);
            }
        }
        if held_to <= self.paper.width {
            line.to(held_at);
            line.put(Style::Dim, HELD);
        }
        line.end(out);
    }

    fn row(&self, out: &mut String, row: &Row<'_>, drawn: &mut Drawn) {
        let cells = self.cells(row);
        let mut line = self.paper.line();
        line.put(Style::Plain, &self.paper.elide(&row.label, self.labels.left - 1));
        line.to(self.labels.left);
        let mut rules = self.scale.rules().map(|(column, _)| column).peekable();
        let mut at = 0;
        // The thing whose run this is, and whether its name is written already.
        let (mut before, mut named) = (None, false);
        while at < cells.len() {
            if rules.next_if_eq(&at).is_some() {
                line.put(Style::Dim, self.rule());
            }
            let segment = rules.peek().map_or(cells.len(), |&next| next.min(cells.len()));
            let cell = cells[at];
            let run = cells[at..segment].iter().take_while(|other| **other == cell).count();
            let starts = before != Some(cell);
            named = self.run(&mut line, cell, run, starts, named && !starts);
            before = Some(cell);
            at += run;
        }
        line.put(Style::Dim, self.rule());
        line.gap(2);
        let size = bytes(row.bytes.held);
        line.put_right(line.column() + self.labels.right, Style::Plain, &size);
        drawn.vanished |= self.vanished(&mut line, row, &cells);
        drawn.tag |= cells.contains(&Cell::Tag);
        drawn.padding |= cells.contains(&Cell::Padding);
        line.end(out);
    }

    /// What each column of a state's bar shows: the thing that has most of it.
    fn cells(&self, row: &Row<'_>) -> Vec<Cell> {
        let contents = self.contents;
        let mut cells = vec![Cell::Unused; self.scale.count];
        // Most of a column decides what it shows; a thing is shown wherever it has a byte.
        let column = self.scale.column;
        let mut padding = vec![0u128; cells.len()];
        for &(from, to) in &contents.holes {
            let (first, last) = (self.scale.column_of(from), self.scale.column_of(to - 1));
            for (at, padding) in padding.iter_mut().enumerate().take(last + 1).skip(first) {
                let start = at as u128 * column;
                *padding += u128::from(to).min(start + column) - u128::from(from).max(start);
            }
        }
        for (at, padding) in padding.into_iter().enumerate() {
            let there = u128::from(contents.extent).saturating_sub(at as u128 * column).min(column);
            if padding > 0 && padding * 2 >= there {
                cells[at] = Cell::Padding;
            }
        }
        if let Some(tag) = contents.tag {
            cells[self.scale.column_of(tag).min(self.scale.count - 1)] = Cell::Tag;
        }
        let mut share = vec![0u128; cells.len()];
        for &thing in row.things.iter().filter(|&&thing| contents.held(thing).size > 0) {
            let held = contents.held(thing);
            let (start, end) = (u128::from(held.offset), u128::from(held.end()));
            let last = self.scale.column_of(held.end().saturating_sub(1)).min(cells.len() - 1);
            for column in self.scale.column_of(held.offset)..=last {
                let from = column as u128 * self.scale.column;
                let own = end.min(from + self.scale.column) - start.max(from).min(end);
                if own > share[column] {
                    share[column] = own;
                    cells[column] = Cell::Thing(thing);
                }
            }
        }
        cells
    }

    /// `count` equal columns between two rules. `starts`: the first of their thing; `named`: its name stands
    /// in one of the runs before. Returns whether it does now.
    fn run(&self, line: &mut Line, cell: Cell, count: usize, starts: bool, named: bool) -> bool {
        let thing = match cell {
            Cell::Thing(thing) => &self.contents.things[thing],
            Cell::Unused => {
                line.gap(count);
                return false;
            }
            Cell::Padding => {
                line.put(Style::Dim, &self.padding().repeat(count));
                return false;
            }
            Cell::Tag => {
                line.put(Style::Bold, &"#".repeat(count));
                return false;
            }
        };
        let name = elide(&name(thing.held), usize::MAX);
        let fill = self.fill(thing.held.kind);
        let own = thing.letter != OTHER && !named && !name.is_empty();
        let (text, now) = match (starts, own) {
            (true, true) if columns(&name) + 3 <= count => (format!("{} {name}", thing.letter), true),
            (false, true) if columns(&name) + 2 <= count => (format!("{fill}{name}"), true),
            (true, _) => (thing.letter.to_string(), false),
            (false, _) => (String::new(), false),
        };
        let rest = count.saturating_sub(columns(&text));
        // A gap between the name and what follows, where the thing still has a column after it.
        let gap = usize::from(now && starts && rest > 1);
        let text = text + &" ".repeat(gap) + &fill.repeat(rest - gap);
        line.put(style(thing.held.kind), &text);
        named || now
    }

    /// Letters of what the state holds and its bar does not show; whether there are any.
    fn vanished(&self, line: &mut Line, row: &Row<'_>, cells: &[Cell]) -> bool {
        let mut shown: Vec<usize> = cells
            .iter()
            .filter_map(|cell| if let Cell::Thing(thing) = cell { Some(*thing) } else { None })
            .collect();
        shown.sort_unstable();
        let hidden = row
            .things
            .iter()
            .filter(|&&thing| self.contents.held(thing).size > 0 && shown.binary_search(&thing).is_err());
        let mut letters: Vec<char> = hidden.map(|&thing| self.contents.things[thing].letter).collect();
        letters.sort_by_key(|&letter| (letter == OTHER, letter));
        letters.dedup();
        if letters.is_empty() || line.room() < 4 {
            return false;
        }
        line.gap(2);
        line.put(Style::Plain, "+");
        let room = line.room();
        let mut text: String = letters.iter().take(room).collect();
        if letters.len() > room {
            text.pop();
            text.push_str(self.paper.ellipsis());
        }
        line.put(Style::Plain, &text);
        true
    }

    fn notes(&self, out: &mut String, rows: &[Row<'_>], left_out: Option<(usize, u64)>) {
        let ellipsis = self.paper.ellipsis();
        if let Some((count, largest)) = left_out {
            let s = if count == 1 { "" } else { "s" };
            let text = format!("{ellipsis} and {count} more state{s}, none above {}", bytes(largest));
            self.paper.wrap(out, 2, Style::Plain, &text);
        }
        for row in rows.iter().filter(|row| row.note) {
            let (first, others) = (&row.states[0].name, &row.states[1..]);
            let names: Vec<&str> = others.iter().take(8).map(|state| &*state.name).collect();
            let mut text = names.join(", ");
            if others.len() > names.len() {
                let _ = write!(text, " and {} more", others.len() - names.len());
            }
            let _ = write!(text, ": the same as {first}");
            self.paper.wrap(out, 2, Style::Plain, &text);
        }
        out.push('\n');
    }

    fn legend(&self, out: &mut String, drawn: &Drawn) {
        let contents = self.contents;
        let things: Vec<&Thing<'_>> = contents.things.iter().filter(|thing| thing.letter != OTHER).collect();
        let tag = contents.future.discriminant;
        let names = things.iter().map(|thing| columns(&name(thing.held))).max().unwrap_or(0).clamp(3, 24);
        let names = names.min((self.paper.width / 4).max(4));
        let largest =
            |of: &dyn Fn(&Thing<'_>) -> u64| things.iter().map(|thing| of(thing)).max().unwrap_or(0);
        let name_at = 4;
        // Numbers end at these columns.
        let offset_to = name_at + names + 2 + exact(largest(&|t| t.held.offset)).len().max(6);
        let size_to = offset_to + 2 + bytes(largest(&|t| t.held.size).max(tag)).len().max(4);
        let kind_at = size_to + 2;
        let kind = things.iter().map(|thing| thing.held.kind.name().len()).max().unwrap_or(4).max(4);
        let type_at = kind_at + kind + 2;
        if !things.is_empty() {
            let mut line = self.paper.line();
            line.to(name_at);
            line.put(Style::Dim, "name");
            line.put_right(offset_to, Style::Dim, "offset");
            line.put_right(size_to, Style::Dim, "size");
            line.to(kind_at);
            if line.room() >= kind {
                line.put(Style::Dim, "kind");
            }
            line.to(type_at);
            if line.room() >= 4 && things.iter().any(|thing| thing.held.ty.is_some()) {
                line.put(Style::Dim, "type");
            }
            line.end(out);
        }
        for Thing { held, letter } in &things {
            let mut line = self.paper.line();
            line.put(style(held.kind), &format!("{letter}{}", self.fill(held.kind).repeat(2)));
            line.to(name_at);
            line.put(Style::Plain, &self.paper.elide(&name(held), names));
            line.put_right(offset_to, Style::Plain, &exact(held.offset));
            line.put_right(size_to, Style::Plain, &bytes(held.size));
            line.to(kind_at);
            if line.room() < kind {
                line.end(out);
                continue;
            }
            line.put(Style::Plain, held.kind.name());
            line.to(type_at);
            let ty = short_type(held.ty.as_deref().unwrap_or_default(), line.room());
            line.put(Style::Plain, &self.paper.elide(&ty, line.room()));
            line.end(out);
        }
        if let Some(first) = contents.things.iter().find(|thing| thing.letter == OTHER) {
            let more = contents.things.len() - things.len();
            let text = format!("and {more} more, none above {}", bytes(first.held.size));
            self.entry(out, name_at, &OTHER.to_string(), &text);
        }
        if tag > 0 {
            let mut line = self.paper.line();
            if drawn.tag {
                line.put(Style::Bold, "#");
            }
            line.to(name_at);
            line.put(Style::Plain, "tag");
            if let Some(offset) = contents.tag {
                line.put_right(offset_to, Style::Plain, &exact(offset));
            }
            line.put_right(size_to, Style::Plain, &bytes(tag));
            line.to(kind_at);
            let text = match contents.tag {
                Some(_) => "discriminant",
                None => "discriminant, place not printed",
            };
            if line.room() >= "discriminant".len() {
                self.paper.wrap_after(line, out, kind_at, Style::Plain, text);
            } else {
                line.end(out);
            }
        }
        if contents.padding > 0 {
            let key = if drawn.padding { self.padding() } else { "" };
            self.entry(out, name_at, key, &format!("padding, {} in every state", bytes(contents.padding)));
        }
        if drawn.vanished {
            self.entry(out, name_at, "+", "held too, but too small for this scale");
        }
    }

    /// A line of the legend without numbers of its own.
    fn entry(&self, out: &mut String, indent: usize, key: &str, text: &str) {
        let mut line = self.paper.line();
        line.put(Style::Plain, key);
        line.to(indent);
        self.paper.wrap_after(line, out, indent, Style::Plain, text);
    }
}

fn style(kind: HeldKind) -> Style {
    match kind {
        HeldKind::Local => Style::Green,
        HeldKind::Upvar => Style::Blue,
        HeldKind::Awaitee => Style::Magenta,
        HeldKind::Flag => Style::Yellow,
        HeldKind::Temporary => Style::Cyan,
    }
}

/// `8 B`, `2 KiB`: a scale.
fn power_of_two(bytes: u128) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let (mut value, mut unit) = (bytes, 0);
    while value >= 1024 && value.is_multiple_of(1024) && unit + 1 < UNITS.len() {
        value /= 1024;
        unit += 1;
    }
    format!("{value} {}", UNITS[unit])
}

/// `192`, `16K`: a mark of the ruler.
fn power_of_two_short(bytes: u128) -> String {
    if bytes < 10_000 {
        return bytes.to_string();
    }
    power_of_two(bytes).replace("iB", "").replace(" B", "").replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::super::{line, svg};
    use super::*;
    use crate::dump::Span;
    use crate::dump::span::LineCol;
    use crate::dump::type_sizes::{FieldKind, TypeSizes};
    use crate::layout::{FutureKind, Held, State};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use std::sync::Arc;

    /// The future whose record the compiler printed. `types` are those of its locals, by name; `awaits` the
    /// lines of its awaits. The prefix of the printed lines is left out in the tests.
    fn future(record: &str, types: &[(&str, &str)], awaits: &[u32]) -> Future {
        let indent = |line: &str| match line.split([':', ' ']).next().unwrap_or_default() {
            "type" => 0,
            "discriminant" | "variant" | "end" => 4,
            _ => 8,
        };
        let lines = record.lines().map(str::trim);
        let printed: String =
            lines.map(|line| format!("print-type-size {:1$}{line}\n", "", indent(line))).collect();
        let sizes = TypeSizes::parse(&printed);
        assert_eq!((sizes.example, sizes.types.len()), (None, 1), "{printed}");
        let ty = &sizes.types[0];
        let mut lines = awaits.iter();
        let states = sizes.variants(ty).iter().map(|variant| State {
            name: variant.name.unwrap_or_default().into(),
            size: variant.size,
            padding: variant.padding,
            awaiting: variant.name.filter(|name| name.starts_with("Suspend")).and_then(|_| {
                let at = LineCol { line: *lines.next()?, col: 9 };
                Some(Span { file: "src/lib.rs".into(), start: at, end: at })
            }),
            held: (sizes.fields(variant).iter())
                .map(|field| Held {
                    name: field.name.into(),
                    printed: None,
                    kind: match (field.kind, field.name) {
                        (FieldKind::Upvar, _) => HeldKind::Upvar,
                        (_, "__awaitee") => HeldKind::Awaitee,
                        (_, name) if name.starts_with('.') => HeldKind::Temporary,
                        _ => HeldKind::Local,
                    },
                    saved: None,
                    ty: field
                        .ty
                        .or(types.iter().find(|(name, _)| *name == field.name).map(|(_, ty)| *ty))
                        .map(Into::into),
                    size: field.size,
                    offset: field.offset,
                    declared: None,
                    future: None,
                    why: None,
                    copy_of: None,
                    copies: Vec::new(),
                    branches: Vec::new(),
                })
                .collect(),
        });
        blank(ty.size, ty.align, ty.discriminant.unwrap_or(0), ty.end_padding, states.collect())
    }

    fn blank(size: u64, align: u64, discriminant: u64, end_padding: u64, states: Vec<State>) -> Future {
        Future {
            name: "f".into(),
            kind: FutureKind::AsyncFn,
            krate: "article".into(),
            package: "a".into(),
            unit: "lib".into(),
            ty: "{async fn body of f()}".into(),
            id: "article::f::{closure#0}".into(),
            arguments: Vec::new(),
            size,
            align,
            discriminant,
            end_padding,
            states: states.into(),
            body: None,
            parts: Default::default(),
        }
    }

    fn check(future: &Future, width: usize, expected: Expect) {
        let drawn = picture(future, &PictureOptions { width, ..Default::default() });
        for line in drawn.lines() {
            assert!(line::columns(line) <= width, "{line}");
            assert_eq!(line, line.trim_end());
        }
        expected.assert_eq(&drawn);
    }

    fn empty() -> Future {
        future(
            "type: `{async fn body of locals::empty()}`: 1 bytes, alignment: 1 bytes
                 discriminant: 1 bytes
                 variant `Unresumed`: 0 bytes
                 variant `Returned`: 0 bytes
                 variant `Panicked`: 0 bytes",
            &[],
            &[],
        )
    }

    fn level_5() -> Future {
        future(
            "type: `{async fn body of nesting::level_5()}`: 9 bytes, alignment: 1 bytes
                 discriminant: 1 bytes
                 variant `Unresumed`: 0 bytes
                 variant `Suspend0`: 8 bytes
                     local `.__awaitee`: 8 bytes, type: {async fn body of nesting::level_4()}
                 variant `Returned`: 0 bytes
                 variant `Panicked`: 0 bytes",
            &[],
            &[41],
        )
    }

    fn recursive() -> Future {
        future(
            "type: `{async fn body of boxes::recursive()}`: 16 bytes, alignment: 8 bytes
                 discriminant: 1 bytes
                 variant `Unresumed`: 12 bytes
                     padding: 7 bytes
                     upvar `.depth`: 4 bytes, alignment: 4 bytes
                 variant `Suspend0`: 8 bytes
                     local `.__awaitee`: 8 bytes, offset: 0 bytes, alignment: 8 bytes, type: std::pin::Pin<std::boxed::Box<{async fn body of boxes::recursive()}>>
                     upvar `.depth`: 4 bytes
                 variant `Returned`: 12 bytes
                     padding: 7 bytes
                     upvar `.depth`: 4 bytes, alignment: 4 bytes
                 variant `Panicked`: 12 bytes
                     padding: 7 bytes
                     upvar `.depth`: 4 bytes, alignment: 4 bytes
                 end padding: 3 bytes",
            &[("depth", "u32")],
            &[52],
        )
    }

    fn buffers_sequential() -> Future {
        future(
            "type: `{async fn body of buffers::buffers_sequential()}`: 260 bytes, alignment: 1 bytes
                 discriminant: 1 bytes
                 variant `Unresumed`: 0 bytes
                 variant `Suspend0`: 259 bytes
                     padding: 1 bytes
                     local `.__awaitee`: 2 bytes, alignment: 1 bytes, type: {async fn body of yield_now::yield_now()}
                     local `.buffer`: 256 bytes
                 variant `Suspend1`: 259 bytes
                     local `.first`: 1 bytes
                     local `.__awaitee`: 2 bytes, type: {async fn body of yield_now::yield_now()}
                     local `.buffer`: 256 bytes
                 variant `Returned`: 0 bytes
                 variant `Panicked`: 0 bytes",
            &[("buffer", "[u8; 256]"), ("first", "u8")],
            &[15, 20],
        )
    }

    fn keeps() -> Future {
        future(
            "type: `{async fn body of generics::keeps<[u8; 256]>()}`: 515 bytes, alignment: 1 bytes
                 discriminant: 1 bytes
                 variant `Unresumed`: 256 bytes
                     upvar `.value`: 256 bytes
                 variant `Suspend0`: 514 bytes
                     upvar `.value`: 256 bytes
                     local `.value`: 256 bytes
                     local `.__awaitee`: 2 bytes, type: {async fn body of yield_now::yield_now()}
                 variant `Returned`: 256 bytes
                     upvar `.value`: 256 bytes
                 variant `Panicked`: 256 bytes
                     upvar `.value`: 256 bytes",
            &[("value", "[u8; 256]")],
            &[12],
        )
    }

    fn large_future() -> Future {
        future(
            "type: `{async fn body of boxes::large_future()}`: 4099 bytes, alignment: 1 bytes
                 discriminant: 1 bytes
                 variant `Unresumed`: 0 bytes
                 variant `Suspend0`: 4098 bytes
                     local `.page`: 4096 bytes
                     local `.__awaitee`: 2 bytes, type: {async fn body of yield_now::yield_now()}
                 variant `Returned`: 0 bytes
                 variant `Panicked`: 0 bytes",
            &[("page", "[u8; 4096]")],
            &[12],
        )
    }

    /// A server's connection task, in the style of real ones: an inlined handler makes it large.
    fn serve() -> Future {
        future(
            "type: `{async fn body of server::Listener::serve()}`: 102584 bytes, alignment: 8 bytes
                 discriminant: 1 bytes
                 variant `Unresumed`: 216 bytes
                     upvar `.self`: 88 bytes, offset: 0 bytes, alignment: 8 bytes
                     upvar `.config`: 128 bytes
                 variant `Suspend0`: 4384 bytes
                     upvar `.self`: 88 bytes, offset: 0 bytes, alignment: 8 bytes
                     upvar `.config`: 128 bytes
                     padding: 8 bytes
                     local `.__awaitee`: 4160 bytes, alignment: 8 bytes, type: {async fn body of tokio::net::TcpListener::accept()}
                 variant `Suspend1`: 102568 bytes
                     upvar `.self`: 88 bytes, offset: 0 bytes, alignment: 8 bytes
                     upvar `.config`: 128 bytes
                     padding: 8 bytes
                     local `.frame`: 65536 bytes, alignment: 8 bytes
                     local `.request`: 1832 bytes
                     local `.__awaitee`: 34952 bytes, type: {async fn body of server::handler::Handler<server::Tls>::handle()}
                     local `..coroutine_field7`: 24 bytes, type: tokio::sync::MutexGuard<'_, std::collections::HashMap<u64, server::Session>>
                 variant `Suspend2`: 67080 bytes
                     upvar `.self`: 88 bytes, offset: 0 bytes, alignment: 8 bytes
                     upvar `.config`: 128 bytes
                     padding: 8 bytes
                     local `.frame`: 65536 bytes, alignment: 8 bytes
                     padding: 1000 bytes
                     local `.__awaitee`: 312 bytes, alignment: 8 bytes, type: tokio::time::Timeout<{async block@src/server.rs:128:89: 138:6}>
                     local `.attempt`: 8 bytes
                 variant `Suspend3`: 67080 bytes
                     upvar `.self`: 88 bytes, offset: 0 bytes, alignment: 8 bytes
                     upvar `.config`: 128 bytes
                     padding: 8 bytes
                     local `.frame`: 65536 bytes, alignment: 8 bytes
                     padding: 1000 bytes
                     local `.__awaitee`: 312 bytes, alignment: 8 bytes, type: tokio::time::Timeout<{async block@src/server.rs:128:89: 138:6}>
                     local `.attempt`: 8 bytes
                 variant `Returned`: 216 bytes
                     upvar `.self`: 88 bytes, offset: 0 bytes, alignment: 8 bytes
                     upvar `.config`: 128 bytes
                 variant `Panicked`: 216 bytes
                     upvar `.self`: 88 bytes, offset: 0 bytes, alignment: 8 bytes
                     upvar `.config`: 128 bytes
                 end padding: 15 bytes",
            &[
                ("self", "server::Listener"),
                ("config", "std::sync::Arc<server::config::Config>"),
                ("frame", "[u8; 65536]"),
                ("request", "http::Request<server::body::Body<bytes::Bytes>>"),
                ("attempt", "u64"),
            ],
            &[118, 131, 140, 144],
        )
    }

    #[test]
    fn bytes_1() {
        check(
            &empty(),
            80,
            expect![[r#"
                1 B, 1 cache line of 64 B; one column = 1 B

                          0 1  held
                Unresumed │#│   0 B
                Returned, Panicked: the same as Unresumed

                #   tag       0   1 B  discriminant
            "#]],
        );
    }

    #[test]
    fn bytes_1_at_120() {
        check(
            &empty(),
            120,
            expect![[r#"
                1 B, 1 cache line of 64 B; one column = 1 B

                          0 1  held
                Unresumed │#│   0 B
                Returned, Panicked: the same as Unresumed

                #   tag       0   1 B  discriminant
            "#]],
        );
    }

    #[test]
    fn bytes_9() {
        check(
            &level_5(),
            80,
            expect![[r#"
                9 B, 1 cache line of 64 B; one column = 1 B

                             0         9  held
                Unresumed    │#        │   0 B
                Suspend0 :41 │#a░░░░░░░│   8 B
                Returned, Panicked: the same as Unresumed

                    name       offset  size  kind     type
                a░░ __awaitee       1   8 B  awaitee  {async fn level_4()}
                #   tag             0   1 B  discriminant
            "#]],
        );
    }

    /// The tag may be in any of the last four bytes.
    #[test]
    fn bytes_16_with_holes() {
        check(
            &recursive(),
            80,
            expect![[r#"
                16 B, 1 cache line of 64 B; one column = 1 B

                             0                16 held
                Unresumed    │        b▓▓▓#···│   4 B
                Suspend0 :52 │a░░░░░░░b▓▓▓#···│  12 B
                Returned, Panicked: the same as Unresumed

                    name       offset  size  kind     type
                a░░ __awaitee       0   8 B  awaitee  Pin<Box<{async fn recursive()}>>
                b▓▓ depth           8   4 B  upvar    u32
                #   tag            12   1 B  discriminant
                ·   padding, 3 B in every state
            "#]],
        );
    }

    #[test]
    fn bytes_260() {
        check(
            &buffers_sequential(),
            80,
            expect![[r#"
                260 B, 5 cache lines of 64 B; one column = 8 B

                             0        64       128      192      256   held
                Unresumed    │#       │        │        │        │ │    0 B
                Suspend0 :15 │a▒▒▒▒▒▒▒│▒buffer▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│▒│  258 B  +b
                Suspend1 :20 │a▒▒▒▒▒▒▒│▒buffer▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│▒│  259 B  +bc
                Returned, Panicked: the same as Unresumed

                    name       offset   size  kind     type
                a▒▒ buffer          4  256 B  local    [u8; 256]
                b░░ __awaitee       2    2 B  awaitee  {async fn yield_now()}
                c▒▒ first           1    1 B  local    u8
                #   tag             0    1 B  discriminant
                +   held too, but too small for this scale
            "#]],
        );
    }

    #[test]
    fn bytes_260_at_120() {
        check(
            &buffers_sequential(),
            120,
            expect![[r#"
                260 B, 5 cache lines of 64 B; one column = 4 B

                             0                64               128              192              256   held
                Unresumed    │#               │                │                │                │ │    0 B
                Suspend0 :15 │ba buffer ▒▒▒▒▒▒│▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│▒│  258 B
                Suspend1 :20 │ba buffer ▒▒▒▒▒▒│▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│▒│  259 B  +c
                Returned, Panicked: the same as Unresumed

                    name       offset   size  kind     type
                a▒▒ buffer          4  256 B  local    [u8; 256]
                b░░ __awaitee       2    2 B  awaitee  {async fn yield_now()}
                c▒▒ first           1    1 B  local    u8
                #   tag             0    1 B  discriminant
                +   held too, but too small for this scale
            "#]],
        );
    }

    #[test]
    fn bytes_515() {
        check(
            &keeps(),
            80,
            expect![[r#"
                515 B, 9 cache lines of 64 B; one column = 16 B

                             0    64   128  192  256  320  384  448  512   held
                Unresumed    │a▓▓▓│▓▓▓▓│▓▓▓▓│▓▓▓▓│▓   │    │    │    │ │  256 B
                Suspend0 :12 │a▓▓▓│▓▓▓▓│▓▓▓▓│▓▓▓▓│b▒▒▒│▒▒▒▒│▒▒▒▒│▒▒▒▒│c│  514 B
                Returned, Panicked: the same as Unresumed

                    name       offset   size  kind     type
                a▓▓ value           1  256 B  upvar    [u8; 256]
                b▒▒ value         257  256 B  local    [u8; 256]
                c░░ __awaitee     513    2 B  awaitee  {async fn yield_now()}
                    tag             0    1 B  discriminant
            "#]],
        );
    }

    #[test]
    fn bytes_515_at_120() {
        check(
            &keeps(),
            120,
            expect![[r#"
                515 B, 9 cache lines of 64 B; one column = 8 B

                             0        64       128      192      256      320      384      448      512   held
                Unresumed    │a value▓│▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓│▓       │        │        │        │ │  256 B
                Suspend0 :12 │a value▓│▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓│b value▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│c│  514 B
                Returned, Panicked: the same as Unresumed

                    name       offset   size  kind     type
                a▓▓ value           1  256 B  upvar    [u8; 256]
                b▒▒ value         257  256 B  local    [u8; 256]
                c░░ __awaitee     513    2 B  awaitee  {async fn yield_now()}
                    tag             0    1 B  discriminant
            "#]],
        );
    }

    #[test]
    fn kib_4() {
        check(
            &large_future(),
            80,
            expect![[r#"
                4,099 B, 65 cache lines of 64 B; one column = 128 B, a rule every 16 lines

                             0        1024     2048     3072     4096    held
                Unresumed    │#       │        │        │        │ │      0 B
                Suspend0 :12 │a page ▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│b│  4,098 B
                Returned, Panicked: the same as Unresumed

                    name       offset     size  kind     type
                a▒▒ page            1  4,096 B  local    [u8; 4096]
                b░░ __awaitee   4,097      2 B  awaitee  {async fn yield_now()}
                #   tag             0      1 B  discriminant
            "#]],
        );
    }

    #[test]
    fn kib_4_at_120() {
        check(
            &large_future(),
            120,
            expect![[r#"
                4,099 B, 65 cache lines of 64 B; one column = 64 B, a rule every 8 lines

                             0        512      1024     1536     2048     2560     3072     3584     4096    held
                Unresumed    │#       │        │        │        │        │        │        │        │ │      0 B
                Suspend0 :12 │a page ▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│b│  4,098 B
                Returned, Panicked: the same as Unresumed

                    name       offset     size  kind     type
                a▒▒ page            1  4,096 B  local    [u8; 4096]
                b░░ __awaitee   4,097      2 B  awaitee  {async fn yield_now()}
                #   tag             0      1 B  discriminant
            "#]],
        );
    }

    #[test]
    fn kib_100() {
        check(
            &serve(),
            80,
            expect![[r#"
                102,584 B, 1,603 cache lines of 64 B; one column = 4 KiB, a rule every 512 lines

                                 0        32K      64K      96K        held
                Unresumed        │f       │        │        │  │      216 B  +g
                Suspend0 :118    │c░      │        │        │  │    4,376 B  +fg
                Suspend1 :131    │a frame▒│▒▒▒▒▒▒▒▒│b░░░░░░░│░░│  102,560 B  +dfgh
                Suspend2-3 :140… │a frame▒│▒▒▒▒▒▒▒▒│e       │  │   66,072 B  +fgi
                Returned, Panicked: the same as Unresumed

                    name        offset      size  kind       type
                a▒▒ frame          224  65,536 B  local      [u8; 65536]
                b░░ __awaitee   67,592  34,952 B  awaitee    {async fn Handler<Tls>::handle()}
                c░░ __awaitee      224   4,160 B  awaitee    {async fn TcpListener::accept()}
                d▒▒ request     65,760   1,832 B  local      Request<Body<Bytes>>
                e░░ __awaitee   66,760     312 B  awaitee    Timeout<{async bl…erver.rs:128:89}>
                f▓▓ config          88     128 B  upvar      Arc<Config>
                g▓▓ self             0      88 B  upvar      Listener
                h══ _s7        102,544      24 B  temporary  MutexGuard<'_, Ha…ap<u64, Session>>
                i▒▒ attempt     67,072       8 B  local      u64
                    tag            216       1 B  discriminant
                    padding, 23 B in every state
                +   held too, but too small for this scale
            "#]],
        );
    }

    #[test]
    fn kib_100_at_120() {
        check(
            &serve(),
            120,
            expect![[r#"
                102,584 B, 1,603 cache lines of 64 B; one column = 2 KiB, a rule every 256 lines

                                 0        16K      32K      48K      64K      80K      96K 102584  held
                Unresumed        │f       │        │        │        │        │        │   │      216 B  +g
                Suspend0 :118    │c░░     │        │        │        │        │        │   │    4,376 B  +fg
                Suspend1 :131    │a frame▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│db░░░░░░│░░░░░░░░│░░░│  102,560 B  +fgh
                Suspend2-3 :140… │a frame▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒│e       │        │   │   66,072 B  +fgi
                Returned, Panicked: the same as Unresumed

                    name        offset      size  kind       type
                a▒▒ frame          224  65,536 B  local      [u8; 65536]
                b░░ __awaitee   67,592  34,952 B  awaitee    {async fn Handler<Tls>::handle()}
                c░░ __awaitee      224   4,160 B  awaitee    {async fn TcpListener::accept()}
                d▒▒ request     65,760   1,832 B  local      Request<Body<Bytes>>
                e░░ __awaitee   66,760     312 B  awaitee    Timeout<{async block@server.rs:128:89}>
                f▓▓ config          88     128 B  upvar      Arc<Config>
                g▓▓ self             0      88 B  upvar      Listener
                h══ _s7        102,544      24 B  temporary  MutexGuard<'_, HashMap<u64, Session>>
                i▒▒ attempt     67,072       8 B  local      u64
                    tag            216       1 B  discriminant
                    padding, 23 B in every state
                +   held too, but too small for this scale
            "#]],
        );
    }

    fn held(name: &str, kind: HeldKind, offset: u64, size: u64, ty: Option<&str>) -> Held {
        Held {
            name: name.into(),
            printed: None,
            kind,
            saved: None,
            ty: ty.map(Into::into),
            size,
            offset,
            declared: None,
            future: None,
            why: None,
            copy_of: None,
            copies: Vec::new(),
            branches: Vec::new(),
        }
    }

    fn state(name: &str, held: Vec<Held>) -> State {
        let size = held.iter().map(Held::end).max().unwrap_or(0).saturating_sub(1);
        State { name: name.into(), size, padding: 0, awaiting: None, held }
    }

    /// One state for each step of a long handler, with an awaitee each.
    #[test]
    fn many_states() {
        let states = (0..45u64).map(|i| {
            let awaitee = format!("{{async fn body of steps::step_{i}()}}");
            let mut all = vec![
                held("conn", HeldKind::Upvar, 8, 48, Some("net::Conn")),
                held("__awaitee", HeldKind::Awaitee, 128, 40 + i * 24, Some(&awaitee)),
            ];
            if (10..30).contains(&i) {
                all.push(held("reply", HeldKind::Local, 56, 72, Some("std::string::String")));
            }
            state(&format!("Suspend{i}"), all)
        });
        let future = blank(1224, 8, 1, 0, states.collect());
        check(
            &future,
            80,
            expect![[r#"
                1,224 B, 20 cache lines of 64 B; one column = 32 B, a rule every 4 lines

                          0        256      512      768      1024    1224  held
                Suspend5  │t▓  *░░░│░       │        │        │       │    208 B
                Suspend6  │t▓  *░░░│░░      │        │        │       │    232 B
                Suspend7  │t▓  *░░░│░░░     │        │        │       │    256 B
                Suspend8  │t▓  *░░░│░░░░    │        │        │       │    280 B
                Suspend9  │t▓  *░░░│░░░░    │        │        │       │    304 B
                Suspend10 │t▓s▒*░░░│░░░░░   │        │        │       │    400 B
                Suspend11 │t▓s▒*░░░│░░░░░░  │        │        │       │    424 B
                Suspend12 │t▓s▒*░░░│░░░░░░░ │        │        │       │    448 B
                Suspend13 │t▓s▒*░░░│░░░░░░░ │        │        │       │    472 B
                Suspend14 │t▓s▒*░░░│░░░░░░░░│        │        │       │    496 B
                Suspend15 │t▓s▒*░░░│░░░░░░░░│░       │        │       │    520 B
                Suspend16 │t▓s▒*░░░│░░░░░░░░│░░      │        │       │    544 B
                Suspend17 │t▓s▒*░░░│░░░░░░░░│░░      │        │       │    568 B
                Suspend18 │t▓s▒*░░░│░░░░░░░░│░░░     │        │       │    592 B
                Suspend19 │t▓s▒*░░░│░░░░░░░░│░░░░    │        │       │    616 B
                Suspend20 │t▓s▒*░░░│░░░░░░░░│░░░░░   │        │       │    640 B
                Suspend21 │t▓s▒*░░░│░░░░░░░░│░░░░░   │        │       │    664 B
                Suspend22 │t▓s▒*░░░│░░░░░░░░│░░░░░░  │        │       │    688 B
                Suspend23 │t▓s▒*░░░│░░░░░░░░│░░░░░░░ │        │       │    712 B
                Suspend24 │t▓s▒*░░░│░░░░░░░░│░░░░░░░░│        │       │    736 B
                Suspend25 │t▓s▒*░░░│░░░░░░░░│░░░░░░░░│        │       │    760 B
                Suspend26 │t▓s▒*░░░│░░░░░░░░│░░░░░░░░│░       │       │    784 B
                Suspend27 │t▓s▒r░░░│░░░░░░░░│░░░░░░░░│░░      │       │    808 B
                Suspend28 │t▓s▒q░░░│░░░░░░░░│░░░░░░░░│░░░     │       │    832 B
                Suspend29 │t▓s▒p░░░│░░░░░░░░│░░░░░░░░│░░░     │       │    856 B
                Suspend30 │t▓  o░░░│░░░░░░░░│░░░░░░░░│░░░░    │       │    808 B
                Suspend31 │t▓  n░░░│░░░░░░░░│░░░░░░░░│░░░░░   │       │    832 B
                Suspend32 │t▓  m░░░│░░░░░░░░│░░░░░░░░│░░░░░░  │       │    856 B
                Suspend33 │t▓  l░░░│░░░░░░░░│░░░░░░░░│░░░░░░  │       │    880 B
                Suspend34 │t▓  k░░░│░░░░░░░░│░░░░░░░░│░░░░░░░ │       │    904 B
                Suspend35 │t▓  j░░░│░░░░░░░░│░░░░░░░░│░░░░░░░░│       │    928 B
                Suspend36 │t▓  i░░░│░░░░░░░░│░░░░░░░░│░░░░░░░░│░      │    952 B
                Suspend37 │t▓  h░░░│░░░░░░░░│░░░░░░░░│░░░░░░░░│░      │    976 B
                Suspend38 │t▓  g░░░│░░░░░░░░│░░░░░░░░│░░░░░░░░│░░     │  1,000 B
                Suspend39 │t▓  f░░░│░░░░░░░░│░░░░░░░░│░░░░░░░░│░░░    │  1,024 B
                Suspend40 │t▓  e░░░│░░░░░░░░│░░░░░░░░│░░░░░░░░│░░░░   │  1,048 B
                Suspend41 │t▓  d░░░│░░░░░░░░│░░░░░░░░│░░░░░░░░│░░░░   │  1,072 B
                Suspend42 │t▓  c░░░│░░░░░░░░│░░░░░░░░│░░░░░░░░│░░░░░  │  1,096 B
                Suspend43 │t▓  b░░░│░░░░░░░░│░░░░░░░░│░░░░░░░░│░░░░░░ │  1,120 B
                Suspend44 │t▓  a░░░│░░░░░░░░│░░░░░░░░│░░░░░░░░│░░░░░░░│  1,144 B
                … and 5 more states, none above 184 B

                    name       offset     size  kind     type
                a░░ __awaitee     128  1,096 B  awaitee  {async fn step_44()}
                b░░ __awaitee     128  1,072 B  awaitee  {async fn step_43()}
                c░░ __awaitee     128  1,048 B  awaitee  {async fn step_42()}
                d░░ __awaitee     128  1,024 B  awaitee  {async fn step_41()}
                e░░ __awaitee     128  1,000 B  awaitee  {async fn step_40()}
                f░░ __awaitee     128    976 B  awaitee  {async fn step_39()}
                g░░ __awaitee     128    952 B  awaitee  {async fn step_38()}
                h░░ __awaitee     128    928 B  awaitee  {async fn step_37()}
                i░░ __awaitee     128    904 B  awaitee  {async fn step_36()}
                j░░ __awaitee     128    880 B  awaitee  {async fn step_35()}
                k░░ __awaitee     128    856 B  awaitee  {async fn step_34()}
                l░░ __awaitee     128    832 B  awaitee  {async fn step_33()}
                m░░ __awaitee     128    808 B  awaitee  {async fn step_32()}
                n░░ __awaitee     128    784 B  awaitee  {async fn step_31()}
                o░░ __awaitee     128    760 B  awaitee  {async fn step_30()}
                p░░ __awaitee     128    736 B  awaitee  {async fn step_29()}
                q░░ __awaitee     128    712 B  awaitee  {async fn step_28()}
                r░░ __awaitee     128    688 B  awaitee  {async fn step_27()}
                s▒▒ reply          56     72 B  local    String
                t▓▓ conn            8     48 B  upvar    Conn
                *   and 27 more, none above 664 B
                    tag                    1 B  discriminant, place not printed
                    padding, 7 B in every state
            "#]],
        );
    }

    #[test]
    fn many_things_in_one_state() {
        let things = (0..40u64).map(|i| {
            let kind = match i % 10 {
                0 => HeldKind::Flag,
                5 => HeldKind::Temporary,
                _ => HeldKind::Local,
            };
            held(&format!("field_{i}"), kind, 8 + i * (i + 1), 2 * i, Some("a::T"))
        });
        let future =
            blank(1648, 8, 1, 0, vec![state("Unresumed", vec![]), state("Suspend0", things.collect())]);
        check(
            &future,
            80,
            expect![[r#"
                1,648 B, 26 cache lines of 64 B; one column = 64 B, a rule every 8 lines

                          0        512      1024     1536     held
                Unresumed │#       │        │        │  │      0 B
                Suspend0  │*******s│rponmlkj│ihgfedcb│a▒│  1,560 B  +qt*

                    name      offset  size  kind       type
                a▒▒ field_39   1,568  78 B  local      T
                b▒▒ field_38   1,490  76 B  local      T
                c▒▒ field_37   1,414  74 B  local      T
                d▒▒ field_36   1,340  72 B  local      T
                e══ field_35   1,268  70 B  temporary  T
                f▒▒ field_34   1,198  68 B  local      T
                g▒▒ field_33   1,130  66 B  local      T
                h▒▒ field_32   1,064  64 B  local      T
                i▒▒ field_31   1,000  62 B  local      T
                j▒▒ field_30     938  60 B  flag       T
                k▒▒ field_29     878  58 B  local      T
                l▒▒ field_28     820  56 B  local      T
                m▒▒ field_27     764  54 B  local      T
                n▒▒ field_26     710  52 B  local      T
                o══ field_25     658  50 B  temporary  T
                p▒▒ field_24     608  48 B  local      T
                q▒▒ field_23     560  46 B  local      T
                r▒▒ field_22     514  44 B  local      T
                s▒▒ field_21     470  42 B  local      T
                t▒▒ field_20     428  40 B  flag       T
                *   and 20 more, none above 38 B
                #   tag            0   1 B  discriminant
                    padding, 87 B in every state
                +   held too, but too small for this scale
            "#]],
        );
    }

    #[test]
    fn narrow() {
        check(
            &serve(),
            40,
            expect![[r#"
                102,584 B, 1,603 cache lines of 64 B;
                one column = 16 KiB

                              0       102584  held
                Unresumed     │f      │      216 B  +g
                Suspend0 :118 │c      │    4,376 B  +fg
                Suspend1 :131 │a▒▒▒b░░│  102,560 B  +df…
                Suspen… :140… │a▒▒▒e  │   66,072 B  +fgi
                Returned, Panicked: the same as
                  Unresumed

                    name        offset      size
                a▒▒ frame          224  65,536 B
                b░░ __awaitee   67,592  34,952 B
                c░░ __awaitee      224   4,160 B
                d▒▒ request     65,760   1,832 B
                e░░ __awaitee   66,760     312 B
                f▓▓ config          88     128 B
                g▓▓ self             0      88 B
                h══ _s7        102,544      24 B
                i▒▒ attempt     67,072       8 B
                    tag            216       1 B
                    padding, 23 B in every state
                +   held too, but too small for this
                    scale
            "#]],
        );
        check(
            &keeps(),
            20,
            expect![[r#"
                515 B, 9 cache lines
                of 64 B; one column
                = 256 B

                       0   515 held
                Unr…ed │a▓ │  256 B
                Sus…12 │abc│  514 B
                Returned, Panicked:
                  the same as
                  Unresumed

                    name   offset
                a▓▓ value       1  …
                b▒▒ value     257  …
                c░░ __…ee     513
                    tag         0
            "#]],
        );
    }

    #[test]
    fn ascii() {
        let drawn = picture(&serve(), &PictureOptions { ascii: true, ..Default::default() });
        assert!(drawn.is_ascii());
        expect![[r#"
            102,584 B, 1,603 cache lines of 64 B; one column = 4 KiB, a rule every 512 lines

                             0        32K      64K      96K        held
            Unresumed        |f       |        |        |  |      216 B  +g
            Suspend0 :118    |c~      |        |        |  |    4,376 B  +fg
            Suspend1 :131    |a frame-|--------|b~~~~~~~|~~|  102,560 B  +dfgh
            Suspend2-3 :140~ |a frame-|--------|e       |  |   66,072 B  +fgi
            Returned, Panicked: the same as Unresumed

                name        offset      size  kind       type
            a-- frame          224  65,536 B  local      [u8; 65536]
            b~~ __awaitee   67,592  34,952 B  awaitee    {async fn Handler<Tls>::handle()}
            c~~ __awaitee      224   4,160 B  awaitee    {async fn TcpListener::accept()}
            d-- request     65,760   1,832 B  local      Request<Body<Bytes>>
            e~~ __awaitee   66,760     312 B  awaitee    Timeout<{async bl~erver.rs:128:89}>
            f%% config          88     128 B  upvar      Arc<Config>
            g%% self             0      88 B  upvar      Listener
            h== _s7        102,544      24 B  temporary  MutexGuard<'_, Ha~ap<u64, Session>>
            i-- attempt     67,072       8 B  local      u64
                tag            216       1 B  discriminant
                padding, 23 B in every state
            +   held too, but too small for this scale
        "#]]
        .assert_eq(&drawn);
    }

    #[test]
    fn without_cache_lines() {
        let options = PictureOptions { cache_line: None, ..Default::default() };
        expect![[r#"
            515 B; one column = 16 B, a rule every 64 B

                         0    64   128  192  256  320  384  448  512   held
            Unresumed    │a▓▓▓│▓▓▓▓│▓▓▓▓│▓▓▓▓│▓   │    │    │    │ │  256 B
            Suspend0 :12 │a▓▓▓│▓▓▓▓│▓▓▓▓│▓▓▓▓│b▒▒▒│▒▒▒▒│▒▒▒▒│▒▒▒▒│c│  514 B
            Returned, Panicked: the same as Unresumed

                name       offset   size  kind     type
            a▓▓ value           1  256 B  upvar    [u8; 256]
            b▒▒ value         257  256 B  local    [u8; 256]
            c░░ __awaitee     513    2 B  awaitee  {async fn yield_now()}
                tag             0    1 B  discriminant
        "#]]
        .assert_eq(&picture(&keeps(), &options));
        assert!(!svg(&keeps(), None).contains("cache line"));
        assert!(svg(&keeps(), NonZeroU64::new(64)).contains("515 B, 9 cache lines of 64 B"));
    }

    #[test]
    fn lines_of_128_bytes() {
        let options = PictureOptions { cache_line: NonZeroU64::new(128), ..Default::default() };
        expect![[r#"
            515 B, 5 cache lines of 128 B; one column = 16 B

                         0        128      256      384      512   held
            Unresumed    │a value▓│▓▓▓▓▓▓▓▓│▓       │        │ │  256 B
            Suspend0 :12 │a value▓│▓▓▓▓▓▓▓▓│b value▒│▒▒▒▒▒▒▒▒│c│  514 B
            Returned, Panicked: the same as Unresumed

                name       offset   size  kind     type
            a▓▓ value           1  256 B  upvar    [u8; 256]
            b▒▒ value         257  256 B  local    [u8; 256]
            c░░ __awaitee     513    2 B  awaitee  {async fn yield_now()}
                tag             0    1 B  discriminant
        "#]]
        .assert_eq(&picture(&keeps(), &options));
    }

    #[test]
    fn colors_add_escapes_and_nothing_else() {
        let plain = picture(&serve(), &PictureOptions::default());
        let colored = picture(&serve(), &PictureOptions { color: true, ..Default::default() });
        assert!(colored.contains("\x1b[32ma frame▒\x1b[0m"));
        assert_eq!(without_escapes(&colored), plain);
    }

    fn without_escapes(text: &str) -> String {
        let mut pieces = text.split("\x1b[");
        let first = pieces.next().unwrap_or_default().to_owned();
        first + &pieces.filter_map(|piece| Some(piece.split_once('m')?.1)).collect::<String>()
    }

    #[test]
    fn the_tag_is_drawn_only_where_it_must_be() {
        let at = |size, discriminant, spans: &[(u64, u64)]| {
            let things = spans.iter().map(|&(from, to)| held("x", HeldKind::Local, from, to - from, None));
            Contents::of(&blank(size, 1, discriminant, 0, vec![state("Suspend0", things.collect())])).tag
        };
        assert_eq!(at(1, 1, &[]), Some(0));
        assert_eq!(at(9, 1, &[(1, 9)]), Some(0));
        assert_eq!(at(9, 1, &[(0, 4), (5, 9)]), Some(4));
        assert_eq!(at(9, 1, &[(0, 8)]), Some(8));
        // What is laid out together with it has no holes.
        assert_eq!(at(16, 1, &[(0, 8), (10, 16)]), Some(8));
        assert_eq!(at(16, 1, &[(1, 8), (9, 16)]), Some(0));
        assert_eq!(at(8, 2, &[(0, 4), (6, 8)]), Some(4));
        assert_eq!(at(8, 2, &[(0, 3)]), None, "it would not be aligned");
        assert_eq!(at(8, 2, &[(0, 2), (3, 8)]), None, "it has no room");
        assert_eq!(at(8, 1, &[(0, 8)]), None);
        assert_eq!(at(8, 0, &[(1, 8)]), None);
        // Nothing stored takes no place.
        assert_eq!(at(2, 1, &[(0, 1), (1, 1)]), Some(1));
        // A capture is laid out together with it: there is a hole that the compiler would not have made.
        let captured = |to: u64| {
            let upvar = vec![held("x", HeldKind::Upvar, to - 2, 2, None)];
            Contents::of(&blank(8, 1, 1, 0, vec![state("Unresumed", upvar)])).tag
        };
        assert_eq!([captured(2), captured(3), captured(4)], [Some(2), Some(0), None]);
    }

    fn any_number() -> impl Strategy<Value = u64> {
        prop_oneof![0..100u64, 0..500_000u64, any::<u64>(), Just(u64::MAX)]
    }

    fn any_name() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z_]{0,12}", ".{0,20}", "\\PC{0,30}", "[\u{0}-\u{20}\u{7f}`\u{202e}変🦀]{0,9}"]
    }

    fn any_held() -> impl Strategy<Value = Held> {
        use HeldKind::*;
        let kind = prop_oneof![Just(Local), Just(Upvar), Just(Awaitee), Just(Flag), Just(Temporary)];
        (any_name(), kind, any_number(), any_number(), proptest::option::of(any_name()))
            .prop_map(|(name, kind, offset, size, ty)| held(&name, kind, offset, size, ty.as_deref()))
    }

    fn any_state() -> impl Strategy<Value = State> {
        let line = proptest::option::of(any::<u32>());
        let held = proptest::collection::vec(any_held(), 0..9);
        let name = prop_oneof![any_name(), "Suspend[0-9]{1,25}"];
        (name, any_number(), any_number(), line, held).prop_map(|(name, size, padding, line, held)| {
            let at = line.map(|line| LineCol { line, col: 1 });
            let awaiting = at.map(|at| Span { file: Arc::from("x.rs"), start: at, end: at });
            State { name: name.into(), size, padding, awaiting, held }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..Default::default() })]
        #[test]
        fn any_layout_is_drawn(
            states in proptest::collection::vec(any_state(), 0..50),
            size in any_number(),
            numbers in (any_number(), any_number(), any_number()),
            width in prop_oneof![1..500usize, 1..40usize],
            cache_line in prop_oneof![Just(64), Just(128), any_number()].prop_map(NonZeroU64::new),
            (color, ascii) in any::<(bool, bool)>(),
        ) {
            let future = blank(size, numbers.0, numbers.1, numbers.2, states);
            let options = PictureOptions { width, cache_line, color, ascii };
            let drawn = picture(&future, &options);
            let plain = if color { without_escapes(&drawn) } else { drawn };
            prop_assert!(plain.ends_with('\n'));
            for line in plain.lines() {
                prop_assert!(line::columns(line) <= width, "{line:?}");
                prop_assert!(!line.contains(|c: char| c.is_control() || c == '`'), "{line:?}");
            }
            let drawn = svg(&future, cache_line);
            prop_assert!(roxmltree::Document::parse(&drawn).is_ok(), "{drawn}");
        }
    }
}

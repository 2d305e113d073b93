//! The states of a future drawn against cache lines, as an SVG file: for documents and pull requests.
//!
//! The same rows and letters as the text's [`picture`](super::picture()), and a legend below. Colours are written as
//! attributes, which every viewer knows; a viewer with a dark page gets others by a style sheet.

use super::contents::{Contents, OTHER, Row, name, rows};
use super::html::escaped;
use super::line::elide;
use super::size::{bytes, exact};
use super::types::short_type;
use crate::layout::{Bytes, Future, HeldKind};
use std::fmt::Write as _;
use std::num::NonZeroU64;

/// Pixels, unless told otherwise.
const LEFT: f64 = 170.0;
const BAR: f64 = 800.0;
const RIGHT: f64 = 90.0;
const ROW: usize = 24;
const HEAD: usize = 84;
/// Of one character of the font, about.
const CHARACTER: f64 = 7.0;
/// Of types in the legend, characters.
const TYPE: usize = 70;

const STYLE: &str = "@media (prefers-color-scheme: dark) { \
.page { fill: #0d1117 } .text { fill: #e6edf3 } .dim { fill: #9198a1 } .rule { stroke: #9198a1 } \
.unused { fill: #2a313a } .edge { stroke: #0d1117 } .ink { fill: #f3f6f9 } \
.local { fill: #2f6fae } .upvar { fill: #9a6313 } .awaitee { fill: #2f7d3b } .temporary { fill: #7b4f9d } \
.flag { fill: #a33b3b } }";

fn color(kind: HeldKind) -> &'static str {
    match kind {
        HeldKind::Local => "#8ec5ff",
        HeldKind::Upvar => "#ffc680",
        HeldKind::Awaitee => "#a6e3a1",
        HeldKind::Temporary => "#dcb6f2",
        HeldKind::Flag => "#ff9e9e",
    }
}

/// The picture of one future, a whole file. `cache_line` in bytes, none where cache lines are not shown.
pub fn svg(future: &Future, cache_line: Option<NonZeroU64>) -> String {
    let contents = Contents::of(future);
    let rows = rows(&contents);
    let things: Vec<_> = contents.things.iter().filter(|thing| thing.letter != OTHER).collect();
    let legend = HEAD + ROW * (rows.shown.len() + usize::from(rows.left_out.is_some())) + ROW;
    let more = contents.things.len() - things.len();
    let height = legend + ROW * (things.len() + usize::from(more > 0)) + ROW;
    let width = LEFT + BAR + RIGHT;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"ui-monospace, monospace\" font-size=\"12\" role=\"img\">\n<title>States of {}</title>\n\
         <style>{STYLE}</style>\n<rect class=\"page\" width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        escaped(&future.name),
    );
    text(&mut out, 12.0, 24, "text", &format!("{} {}", future.kind.name(), elide(&future.name, 130)));
    let mut size = bytes(future.size);
    if let Some(line) = cache_line {
        let lines = future.cache_lines(line);
        let s = if lines == 1 { "" } else { "s" };
        let _ = write!(size, ", {} cache line{s} of {}", exact(lines), bytes(line.get()));
    }
    let (tag, padding) = (bytes(future.discriminant), bytes(contents.padding));
    let _ = write!(size, "; in every state a tag of {tag} and {padding} of padding");
    text(&mut out, 12.0, 44, "dim", &size);
    let drawing = Drawing { contents: &contents, scale: BAR / (contents.extent.max(1) as f64) };
    drawing.ruler(&mut out, cache_line.map_or(64, NonZeroU64::get), legend - ROW);
    for (at, row) in rows.shown.iter().enumerate() {
        drawing.row(&mut out, row, HEAD + ROW * at);
    }
    if let Some((count, largest)) = rows.left_out {
        let s = if count == 1 { "" } else { "s" };
        let note = format!("… and {count} more state{s}, none above {}", bytes(largest));
        text(&mut out, 12.0, legend - 8, "dim", &note);
    }
    for (at, thing) in things.iter().enumerate() {
        let y = legend + ROW * at;
        let held = thing.held;
        let _ = writeln!(
            out,
            "<rect class=\"{}\" x=\"12\" y=\"{y}\" width=\"18\" height=\"18\" fill=\"{}\"/>",
            held.kind.name(),
            color(held.kind)
        );
        text(&mut out, 17.0, y + 13, "ink", &thing.letter.to_string());
        let mut words =
            format!("{}  {} at {}, {}", name(held), bytes(held.size), exact(held.offset), held.kind.name());
        if let Some(ty) = &held.ty {
            let _ = write!(words, "  {}", short_type(ty, TYPE));
        }
        text(&mut out, 40.0, y + 13, "text", &words);
    }
    if more > 0 {
        let note = format!("… and {more} more, none above {}", bytes(drawing.largest_other()));
        text(&mut out, 40.0, legend + ROW * things.len() + 13, "dim", &note);
    }
    out.push_str("</svg>\n");
    out
}

fn text(out: &mut String, x: f64, y: usize, class: &str, words: &str) {
    let fill = match class {
        "dim" => "#59636e",
        _ => "#1f2328",
    };
    let words = escaped(words);
    let _ = writeln!(
        out,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" fill=\"{fill}\" xml:space=\"preserve\">{words}</text>"
    );
}

struct Drawing<'a> {
    contents: &'a Contents<'a>,
    /// Pixels of one byte.
    scale: f64,
}

impl Drawing<'_> {
    fn x(&self, byte: u64) -> f64 {
        LEFT + byte as f64 * self.scale
    }

    /// A rule where a cache line begins, or every 64 bytes; where they would be too close, at every second, fourth, …
    fn ruler(&self, out: &mut String, cache_line: u64, bottom: usize) {
        let extent = self.contents.extent;
        let mut every = cache_line;
        let closest = CHARACTER * (exact(extent).len() + 1) as f64;
        while every as f64 * self.scale < closest && every < extent {
            every = every.saturating_mul(2);
        }
        let mut at = 0;
        while at < extent.max(1) {
            let x = self.x(at);
            text(out, x + 2.0, HEAD - 12, "dim", &exact(at));
            let _ = writeln!(
                out,
                "<path class=\"rule\" d=\"M{x:.2} {}V{bottom}\" stroke=\"#59636e\" stroke-dasharray=\"2 3\"/>",
                HEAD - 20
            );
            let Some(next) = at.checked_add(every) else { break };
            at = next;
        }
        text(out, LEFT + BAR + 10.0, HEAD - 12, "dim", "held");
    }

    fn row(&self, out: &mut String, row: &Row<'_>, y: usize) {
        let contents = self.contents;
        let names: Vec<&str> = row.states.iter().map(|state| &*state.name).collect();
        let Bytes { held, tag, padding, free } = row.bytes;
        let _ = writeln!(
            out,
            "<g><title>{}: {} held, tag {}, padding {}, free {}</title>",
            escaped(&names.join(", ")),
            bytes(held),
            bytes(tag),
            bytes(padding),
            bytes(free)
        );
        text(out, 12.0, y + 13, "text", &elide(&row.label, ((LEFT - 16.0) / CHARACTER) as usize));
        let _ = writeln!(
            out,
            "<rect class=\"unused\" x=\"{LEFT}\" y=\"{y}\" width=\"{BAR}\" height=\"18\" fill=\"#e4e6ea\"/>"
        );
        for &thing in &row.things {
            let held = contents.held(thing);
            if held.size == 0 {
                continue;
            }
            let (x, width) = (self.x(held.offset), held.size as f64 * self.scale);
            let class = held.kind.name();
            let _ = write!(
                out,
                "<rect class=\"{class} edge\" x=\"{x:.2}\" y=\"{y}\" width=\"{:.2}\" height=\"18\" fill=\"{}\" stroke=\"#ffffff\" \
                 stroke-width=\"0.5\"><title>",
                width.max(0.5),
                color(held.kind)
            );
            let _ = writeln!(
                out,
                "{}: {} at {}</title></rect>",
                escaped(&name(held)),
                bytes(held.size),
                exact(held.offset)
            );
            let letter = contents.things[thing].letter;
            let room = ((width - 6.0) / CHARACTER).max(0.0) as usize;
            let own = name(held);
            let words = match (letter, own.chars().count()) {
                (OTHER, length) if length <= room => own.into_owned(),
                (OTHER, _) => continue,
                (letter, length) if length + 2 <= room => format!("{letter} {own}"),
                (letter, _) if room >= 1 => letter.to_string(),
                _ => continue,
            };
            text(out, x + 4.0, y + 13, "ink", &words);
        }
        if let Some(tag) = contents.tag {
            let _ = writeln!(
                out,
                "<rect class=\"text\" x=\"{:.2}\" y=\"{y}\" width=\"{:.2}\" height=\"18\" fill=\"#1f2328\"><title>the tag that says \
                 which state it is: {} at {}</title></rect>",
                self.x(tag),
                (contents.future.discriminant as f64 * self.scale).max(0.5),
                bytes(contents.future.discriminant),
                exact(tag)
            );
        }
        text(out, LEFT + BAR + 10.0, y + 13, "text", &bytes(row.bytes.held));
        out.push_str("</g>\n");
    }

    /// Bytes of the largest thing without a letter of its own.
    fn largest_other(&self) -> u64 {
        let others = self.contents.things.iter().filter(|thing| thing.letter == OTHER);
        others.map(|thing| thing.held.end() - thing.held.offset).max().unwrap_or(0)
    }
}

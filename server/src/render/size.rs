//! How sizes are written everywhere.

use std::fmt::Write as _;

/// `4,099`.
pub fn exact(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `4,099 B`.
pub(super) fn bytes(number: u64) -> String {
    exact(number) + " B"
}

/// `260 B`, `4.0 KiB`, `1.5 MiB`. From 4096 bytes on the short form; exact bytes stand in tooltips.
pub fn short(bytes: u64) -> String {
    let (value, unit) = split(bytes);
    format!("{value} {unit}")
}

fn split(bytes: u64) -> (String, &'static str) {
    const KIB: u64 = 1024;
    match bytes {
        0..4096 => (bytes.to_string(), "B"),
        // Up to where it would round to `1024.0 KiB`.
        4096..1_048_525 => (format!("{:.1}", bytes as f64 / KIB as f64), "KiB"),
        _ => (format!("{:.1}", bytes as f64 / (KIB * KIB) as f64), "MiB"),
    }
}

/// `64–1232 B`, `64 B–12.4 KiB`, `64 B`.
pub fn range(least: u64, most: u64) -> String {
    let ((low, low_unit), (high, high_unit)) = (split(least), split(most));
    match (low_unit == high_unit, low == high) {
        (true, true) => format!("{high} {high_unit}"),
        (true, false) => format!("{low}–{high} {high_unit}"),
        (false, _) => format!("{low} {low_unit}–{high} {high_unit}"),
    }
}

/// ` · 5 cache lines`, and nothing where no cache lines are shown.
pub fn and_cache_lines(lines: Option<(u64, u64)>) -> String {
    lines.map(|(least, most)| format!(" · {}", cache_lines(least, most))).unwrap_or_default()
}

/// How much of a whole that is, in whole percent: as it is printed, and as it counts where half of something counts.
/// Only all of it is 100.
pub fn percent(part: u64, whole: u64) -> u64 {
    let (part, whole) = (u128::from(part), u128::from(whole));
    let share = (part * 100 + whole / 2).checked_div(whole).unwrap_or(0);
    let share = u64::try_from(share).unwrap_or(u64::MAX);
    if part < whole { share.min(99) } else { share }
}

/// `1 cache line`, `5 cache lines`, `1–20 cache lines`.
pub fn cache_lines(least: u64, most: u64) -> String {
    let mut out = String::new();
    if least != most {
        let _ = write!(out, "{least}–");
    }
    let _ = write!(out, "{most} cache line{}", if most == 1 && least == most { "" } else { "s" });
    out
}

/// `1 future`, `2 futures`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// `1 byte`, `1,024 bytes`.
pub fn in_full(bytes: u64) -> String {
    format!("{} byte{}", exact(bytes), if bytes == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_whole_percents() {
        // 49.99 %, 49.49 %, 0.4 %
        assert_eq!(
            [percent(4999, 10_000), percent(4949, 10_000), percent(4, 1000), percent(u64::MAX, u64::MAX)],
            [50, 49, 0, 100]
        );
        assert_eq!([percent(0, 0), percent(3, 0)], [0, 0]);
        assert_eq!([percent(4099, 4100), percent(4100, 4100)], [99, 100]);
    }

    #[test]
    fn sizes_read_short() {
        let sizes = [0, 260, 4095, 4096, 12_698, 1_048_524, 1_048_525, 1_048_576].map(short);
        let expected = ["0 B", "260 B", "4095 B", "4.0 KiB", "12.4 KiB", "1023.9 KiB", "1.0 MiB", "1.0 MiB"];
        assert_eq!(sizes, expected);
        assert_eq!(range(64, 1232), "64–1232 B");
        assert_eq!(range(64, 12_698), "64 B–12.4 KiB");
        assert_eq!(range(4096, 4097), "4.0 KiB");
        assert_eq!(cache_lines(1, 1), "1 cache line");
        assert_eq!(cache_lines(1, 20), "1–20 cache lines");
        assert_eq!(and_cache_lines(Some((1, 20))), " · 1–20 cache lines");
        assert_eq!(and_cache_lines(None), "");
        assert_eq!(exact(1_234_567), "1,234,567");
        assert_eq!([0, 1, 2].map(|n| count(n, "future")), ["0 futures", "1 future", "2 futures"]);
        assert_eq!([0, 1, 1024].map(in_full), ["0 bytes", "1 byte", "1,024 bytes"]);
    }
}

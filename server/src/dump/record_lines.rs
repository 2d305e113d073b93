//! The lines of `-Zprint-type-sizes`, each read by itself. Which may follow which, [`TypeSizes`](super::TypeSizes) knows.

/// Every line that is read begins with this.
pub const PREFIX: &str = "print-type-size ";

/// One line of a record.
#[derive(Debug, Clone, Copy)]
pub struct RecordLine<'a> {
    /// All of it.
    pub text: &'a str,
    /// What comes behind [`PREFIX`].
    rest: &'a str,
}

/// What a line below a record's first one says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member<'a> {
    /// `variant`.
    Variant {
        /// Without the backticks.
        name: &'a str,
        /// Bytes: without the discriminant, up to the end of the last field.
        size: u64,
    },
    /// `discriminant`, in bytes.
    Discriminant(u64),
    /// `end padding`, in bytes.
    EndPadding(u64),
    /// `padding`, in bytes.
    Padding(u64),
    /// `field`, `upvar` or `local`.
    Field(FieldLine<'a>),
}

/// What a line of a variant stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A field of a struct, enum variant or union.
    Field,
    /// A captured variable or argument; repeated in every variant of a coroutine.
    Upvar,
    /// A local, temporary or awaitee saved across a suspension point.
    Local,
}

/// What is printed of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldLine<'a> {
    /// Which of the three.
    pub kind: FieldKind,
    /// Without the leading dot.
    pub name: &'a str,
    /// Bytes.
    pub size: u64,
    /// Bytes; printed only where the offset goes backwards.
    pub offset: Option<u64>,
    /// Bytes; printed only after padding or where the offset goes backwards.
    pub align: Option<u64>,
    /// Printed for awaitees and nameless locals only.
    pub ty: Option<&'a str>,
}

/// The lines of all records in a text; others are passed over.
pub fn record_lines(text: &str) -> impl Iterator<Item = RecordLine<'_>> {
    text.lines().filter_map(|text| Some(RecordLine { text, rest: text.strip_prefix(PREFIX)? }))
}

impl<'a> RecordLine<'a> {
    /// Does a record begin with it?
    pub fn begins_record(&self) -> bool {
        self.rest.starts_with("type: `")
    }

    /// The type of the record that begins with it, and what stands behind the name.
    pub fn type_name(&self) -> Option<(&'a str, &'a str)> {
        self.rest.strip_prefix("type: `")?.rsplit_once("`: ")
    }

    /// Name, size and alignment of the type, in bytes: ``type: `NAME`: 16 bytes, alignment: 8 bytes``.
    pub fn type_layout(&self) -> Option<(&'a str, u64, u64)> {
        let (name, rest) = self.type_name()?;
        let (size, rest) = bytes(rest)?;
        // `, packed` may follow.
        let (align, rest) = bytes(rest.strip_prefix(", alignment: ")?)?;
        let is_layout = align.is_power_of_two() && size % align == 0;
        (is_layout && matches!(rest, "" | ", packed")).then_some((name, size, align))
    }

    /// What a line below the first one says, and how deep it is indented, by four blanks each. `None` if it is of no known
    /// form.
    pub fn member(&self) -> Option<(usize, Member<'a>)> {
        let (mut depth, mut rest) = (0, self.rest);
        while let Some(inner) = rest.strip_prefix("    ") {
            (depth, rest) = (depth + 1, inner);
        }
        let member = match rest.as_bytes().first()? {
            b'v' => {
                let (name, rest) = rest.strip_prefix("variant `")?.rsplit_once("`: ")?;
                Member::Variant { name, size: only_bytes(rest)? }
            }
            b'd' => Member::Discriminant(only_bytes(rest.strip_prefix("discriminant: ")?)?),
            b'e' => Member::EndPadding(only_bytes(rest.strip_prefix("end padding: ")?)?),
            b'p' => Member::Padding(only_bytes(rest.strip_prefix("padding: ")?)?),
            _ => Member::Field(field(rest)?),
        };
        Some((depth, member))
    }
}

fn field(rest: &str) -> Option<FieldLine<'_>> {
    let (kind, rest) =
        [("field `.", FieldKind::Field), ("upvar `.", FieldKind::Upvar), ("local `.", FieldKind::Local)]
            .into_iter()
            .find_map(|(keyword, kind)| Some((kind, rest.strip_prefix(keyword)?)))?;
    // Names never hold a backtick, types might.
    let (name, rest) = rest.split_once("`: ")?;
    let (size, rest) = bytes(rest)?;
    let (offset, rest) = fact(rest, ", offset: ")?;
    let (align, rest) = fact(rest, ", alignment: ")?;
    let ty = rest.strip_prefix(", type: ");
    (rest.is_empty() || ty.is_some()).then_some(FieldLine { kind, name, size, offset, align, ty })
}

/// A number of bytes that may be there; `None` if something else is.
fn fact<'a>(rest: &'a str, keyword: &str) -> Option<(Option<u64>, &'a str)> {
    let Some(rest) = rest.strip_prefix(keyword) else { return Some((None, rest)) };
    bytes(rest).map(|(value, rest)| (Some(value), rest))
}

/// `123 bytes` and nothing else.
fn only_bytes(text: &str) -> Option<u64> {
    bytes(text).and_then(|(value, rest)| rest.is_empty().then_some(value))
}

/// `123 bytes…` → (123, "…").
fn bytes(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let value = text[..digits].parse().ok()?;
    Some((value, text[digits..].strip_prefix(" bytes")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> RecordLine<'_> {
        RecordLine { text, rest: text }
    }

    #[test]
    fn each_line_says_one_thing_or_is_unknown() {
        let field = |name, size, offset, align, ty| {
            Member::Field(FieldLine { kind: FieldKind::Local, name, size, offset, align, ty })
        };
        for (text, expected) in [
            ("    variant `Suspend0`: 15 bytes", Some((1, Member::Variant { name: "Suspend0", size: 15 }))),
            ("    discriminant: 1 bytes", Some((1, Member::Discriminant(1)))),
            ("    end padding: 3 bytes", Some((1, Member::EndPadding(3)))),
            ("        padding: 7 bytes", Some((2, Member::Padding(7)))),
            ("        local `.x`: 8 bytes", Some((2, field("x", 8, None, None, None)))),
            (
                "        local `..coroutine_field1`: 8 bytes, offset: 0 bytes, alignment: 4 bytes, type: A`: 1 bytes",
                Some((2, field(".coroutine_field1", 8, Some(0), Some(4), Some("A`: 1 bytes")))),
            ),
            ("        local `.x`: 8 bytes, flavour: 3 bytes", None),
            ("        local `.x`: 8 bytes, offset: many", None),
            ("    discriminant: 1 bytes, or so", None),
            ("    ", None),
        ] {
            assert_eq!(line(text).member(), expected, "{text}");
        }
    }

    #[test]
    fn a_record_begins_with_a_type() {
        let first = line("type: `a::B<`: 1>`: 16 bytes, alignment: 8 bytes, packed");
        assert_eq!(first.type_layout(), Some(("a::B<`: 1>", 16, 8)));
        let unknown = line("type: `A`: many bytes");
        assert!(unknown.begins_record() && unknown.type_layout().is_none());
        assert_eq!(unknown.type_name(), Some(("A", "many bytes")));
        assert!(!line("    type: `A`: 1 bytes").begins_record());
        let text = format!("other\n{PREFIX}type: `A`: 1 bytes\r\n");
        let lines: Vec<&str> = record_lines(&text).map(|line| line.text).collect();
        assert_eq!(lines, [format!("{PREFIX}type: `A`: 1 bytes")]);
    }
}

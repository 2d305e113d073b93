//! Reader of `-Zprint-type-sizes`.
//!
//! ```text
//! print-type-size type: `{async fn body of f()}`: 16 bytes, alignment: 8 bytes
//! print-type-size     discriminant: 1 bytes
//! print-type-size     variant `Suspend0`: 15 bytes
//! print-type-size         padding: 7 bytes
//! print-type-size         local `.x`: 8 bytes, alignment: 8 bytes
//! ```
//!
//! The compiler walks the fields of a variant by offset. It starts counting at the discriminant's size
//! (wherever the tag really is), prints `padding` when a field starts later, and prints the offset itself
//! only when a field starts earlier than the one before ended. All offsets follow from that exactly.
//! (`rustc_session::code_stats::CodeStats::print_type_sizes`.)

use std::ops::Range;

/// Every line this reader knows begins with this.
pub const PREFIX: &str = "print-type-size ";

/// All records of one compiler run, in the order printed (largest first).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TypeSizes<'a> {
    /// One record per type.
    pub types: Vec<TypeRecord<'a>>,
    /// Variants of all types, see [`TypeSizes::variants`].
    variants: Vec<VariantRecord<'a>>,
    /// Fields of all types, see [`TypeSizes::fields`].
    fields: Vec<FieldRecord<'a>>,
    /// Lines that begin with [`PREFIX`] and could not be read.
    pub skipped: usize,
}

/// `type: …` with what follows it.
#[derive(Debug, PartialEq, Eq)]
pub struct TypeRecord<'a> {
    /// The type as printed, without the backticks.
    pub name: &'a str,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub align: u64,
    /// Bytes of the tag, if the type has one.
    pub discriminant: Option<u64>,
    /// Bytes after the largest variant.
    pub end_padding: u64,
    variants: Range<u32>,
}

/// `variant …`, or the one body of a struct.
#[derive(Debug, PartialEq, Eq)]
pub struct VariantRecord<'a> {
    /// `None` for the fields of a struct or closure.
    pub name: Option<&'a str>,
    /// Bytes as printed: without the discriminant, up to the end of the last field.
    pub size: u64,
    /// Sum of the padding before and between the fields, in bytes.
    pub padding: u64,
    fields: Range<u32>,
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

/// `field`, `upvar` or `local`.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldRecord<'a> {
    /// Which of the three.
    pub kind: FieldKind,
    /// The name without the leading dot; `.coroutine_fieldN` for a local that has none.
    pub name: &'a str,
    /// Printed for awaitees and nameless locals only.
    pub ty: Option<&'a str>,
    /// Bytes.
    pub size: u64,
    /// Bytes from the start of the type.
    pub offset: u64,
    /// Bytes; printed only after padding or where the offset goes backwards.
    pub align: Option<u64>,
}

impl<'a> TypeSizes<'a> {
    /// Reads everything `-Zprint-type-sizes` printed; other lines are passed over.
    pub fn parse(text: &'a str) -> Self {
        let mut out = TypeSizes::default();
        // Offset at which the next field starts if nothing is printed about it.
        let mut next_offset = 0;
        // A record whose first line is not understood takes its members with it.
        let mut in_type = false;
        for line in text.lines() {
            let Some(rest) = line.strip_prefix(PREFIX) else { continue };
            if let Some(rest) = rest.strip_prefix("type: `") {
                in_type = out.begin_type(rest).is_some();
                next_offset = 0;
                if !in_type {
                    out.skipped += 1;
                }
            } else if !in_type || out.member(rest.trim_start(), &mut next_offset).is_none() {
                out.skipped += 1;
            }
        }
        out
    }

    /// The variants of a type; a struct or closure has at most one, without a name.
    pub fn variants(&self, ty: &TypeRecord<'a>) -> &[VariantRecord<'a>] {
        &self.variants[ty.variants.start as usize..ty.variants.end as usize]
    }

    /// The fields of a variant by offset.
    pub fn fields(&self, variant: &VariantRecord<'a>) -> &[FieldRecord<'a>] {
        &self.fields[variant.fields.start as usize..variant.fields.end as usize]
    }

    fn begin_type(&mut self, rest: &'a str) -> Option<()> {
        let (name, rest) = rest.rsplit_once("`: ")?;
        let (size, rest) = bytes(rest)?;
        // `, packed` may follow.
        let (align, _) = bytes(rest.strip_prefix(", alignment: ")?)?;
        let at = self.variants.len() as u32;
        self.types.push(TypeRecord {
            name,
            size,
            align,
            discriminant: None,
            end_padding: 0,
            variants: at..at,
        });
        Some(())
    }

    fn begin_variant(&mut self, name: Option<&'a str>, size: u64) {
        let at = self.fields.len() as u32;
        self.variants.push(VariantRecord { name, size, padding: 0, fields: at..at });
        if let Some(ty) = self.types.last_mut() {
            ty.variants.end += 1;
        }
    }

    fn member(&mut self, rest: &'a str, next_offset: &mut u64) -> Option<()> {
        let discriminant = self.types.last()?.discriminant.unwrap_or(0);
        let kind = match rest.as_bytes().first()? {
            b'v' => {
                let (name, rest) = rest.strip_prefix("variant `")?.rsplit_once("`: ")?;
                let (size, _) = bytes(rest)?;
                self.begin_variant(Some(name), size);
                *next_offset = discriminant;
                return Some(());
            }
            b'd' => {
                let (size, _) = bytes(rest.strip_prefix("discriminant: ")?)?;
                self.types.last_mut()?.discriminant = Some(size);
                *next_offset = size;
                return Some(());
            }
            b'e' => {
                let (size, _) = bytes(rest.strip_prefix("end padding: ")?)?;
                self.types.last_mut()?.end_padding = size;
                return Some(());
            }
            b'p' => {
                let (size, _) = bytes(rest.strip_prefix("padding: ")?)?;
                self.struct_body();
                *next_offset = next_offset.checked_add(size)?;
                let variant = self.variants.last_mut()?;
                variant.padding = variant.padding.checked_add(size)?;
                return Some(());
            }
            b'f' => FieldKind::Field,
            b'u' => FieldKind::Upvar,
            b'l' => FieldKind::Local,
            _ => return None,
        };
        let rest = rest.strip_prefix(match kind {
            FieldKind::Field => "field `.",
            FieldKind::Upvar => "upvar `.",
            FieldKind::Local => "local `.",
        })?;
        // Names never hold a backtick, types might.
        let (name, rest) = rest.split_once("`: ")?;
        let (size, mut rest) = bytes(rest)?;
        let (mut offset, mut align) = (*next_offset, None);
        if let Some(r) = rest.strip_prefix(", offset: ") {
            (offset, rest) = bytes(r)?;
        }
        if let Some(r) = rest.strip_prefix(", alignment: ") {
            let (value, r) = bytes(r)?;
            (align, rest) = (Some(value), r);
        }
        let ty = rest.strip_prefix(", type: ");
        let end = offset.checked_add(size)?;
        self.struct_body();
        self.fields.push(FieldRecord { kind, name, ty, size, offset, align });
        self.variants.last_mut()?.fields.end += 1;
        *next_offset = end;
        Some(())
    }

    /// Fields straight below `type:` belong to a struct: give them a nameless variant to live in.
    fn struct_body(&mut self) {
        let Some(ty) = self.types.last() else { return };
        if ty.variants.is_empty() {
            let size = ty.size;
            self.begin_variant(None, size);
        }
    }
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
    use proptest::prelude::*;

    fn only<'a>(sizes: &'a TypeSizes<'a>) -> Vec<(&'a str, u64, u64, Option<u64>)> {
        let [ty] = &sizes.types[..] else { panic!("{sizes:?}") };
        sizes
            .variants(ty)
            .iter()
            .flat_map(|v| sizes.fields(v))
            .map(|f| (f.name, f.offset, f.size, f.align))
            .collect()
    }

    #[test]
    fn offsets_follow_from_order_padding_and_printed_offsets() {
        let sizes = TypeSizes::parse(
            "print-type-size type: `{async fn body of f()}`: 40 bytes, alignment: 8 bytes\n\
             print-type-size     discriminant: 1 bytes\n\
             print-type-size     variant `Suspend0`: 32 bytes\n\
             print-type-size         upvar `.a`: 8 bytes, offset: 0 bytes, alignment: 8 bytes\n\
             print-type-size         upvar `.b`: 8 bytes\n\
             print-type-size         padding: 8 bytes\n\
             print-type-size         local `.__awaitee`: 9 bytes, alignment: 8 bytes, type: {async fn body of g()}\n\
             print-type-size     end padding: 7 bytes\n",
        );
        assert_eq!(only(&sizes), [("a", 0, 8, Some(8)), ("b", 8, 8, None), ("__awaitee", 24, 9, Some(8))]);
        assert_eq!(sizes.skipped, 0);
        let ty = &sizes.types[0];
        assert_eq!((ty.discriminant, ty.end_padding), (Some(1), 7));
        let [variant] = sizes.variants(ty) else { panic!() };
        assert_eq!((variant.name, variant.size, variant.padding), (Some("Suspend0"), 32, 8));
        assert_eq!(sizes.fields(variant)[2].ty, Some("{async fn body of g()}"));
    }

    #[test]
    fn a_struct_has_one_nameless_variant() {
        let sizes = TypeSizes::parse(
            "print-type-size type: `S`: 16 bytes, alignment: 8 bytes, packed\n\
             print-type-size     field `.x`: 8 bytes\n\
             print-type-size     field `.y`: 4 bytes\n\
             print-type-size     end padding: 4 bytes\n",
        );
        assert_eq!(only(&sizes), [("x", 0, 8, None), ("y", 8, 4, None)]);
        assert_eq!(sizes.variants(&sizes.types[0])[0].name, None);
    }

    #[test]
    fn what_is_not_known_is_counted_and_the_rest_is_read() {
        let sizes = TypeSizes::parse(
            "hello from a proc macro\n\
             print-type-size type: `A`: many bytes\n\
             print-type-size     field `.x`: 8 bytes\n\
             print-type-size type: `B`: 8 bytes, alignment: 8 bytes\n\
             print-type-size     flavour: 3 bytes\n\
             print-type-size     field `.x`: 8 bytes\n",
        );
        assert_eq!(sizes.skipped, 3);
        assert_eq!(sizes.types.len(), 1);
        assert_eq!(only(&sizes), [("x", 0, 8, None)]);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(print-type-size( {1,8}(type: |variant |field |local |padding: |discriminant: )?)?`?\\.?[a-z`: ]{0,4}[0-9]{0,22} ?(bytes)?(, (offset|alignment|type): ?[0-9]{0,21} bytes)?\\n?){0,12}") {
            let sizes = TypeSizes::parse(&text);
            for ty in &sizes.types {
                for variant in sizes.variants(ty) {
                    let _ = sizes.fields(variant);
                }
            }
        }

        #[test]
        fn never_panics_on_any_text(text in any::<String>()) {
            TypeSizes::parse(&text);
        }
    }
}

//! Texts as they are kept: compressed, and each by itself, so that one is unpacked only when somebody reads it.

use std::hash::Hasher as _;
use std::sync::{Arc, OnceLock};

/// No text is more than this much longer than what it was packed into: how much the format can say in one byte.
const MOST: usize = 255;

/// A text that is packed, unpacked, or both: whichever is missing is made when it is asked for. Copies are cheap.
#[derive(Debug, Clone)]
pub struct KeptText(Arc<Both>);

#[derive(Debug)]
struct Both {
    /// `None` if it cannot be unpacked to what it is to be.
    plain: OnceLock<Option<Box<str>>>,
    packed: OnceLock<Box<[u8]>>,
    len: usize,
    digest: u64,
}

/// Tells one text from the next, and from a damaged one.
pub fn digest(text: &[u8]) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(text);
    hasher.finish() ^ u64::from(crc32fast::hash(text)) << 16
}

impl KeptText {
    /// Of a text in memory.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        let text = text.into();
        let (len, digest) = (text.len(), digest(text.as_bytes()));
        let (plain, packed) = (OnceLock::from(Some(text)), OnceLock::new());
        KeptText(Arc::new(Both { plain, packed, len, digest }))
    }

    /// Of what [`KeptText::packed`] gave for a text of so many bytes with this [`digest`].
    pub fn of_packed(packed: impl Into<Box<[u8]>>, len: usize, digest: u64) -> Self {
        let (plain, packed) = (OnceLock::new(), OnceLock::from(packed.into()));
        KeptText(Arc::new(Both { plain, packed, len, digest }))
    }

    /// The text. `None` if what was packed is damaged.
    pub fn text(&self) -> Option<&str> {
        let Both { plain, packed, len, digest } = &*self.0;
        plain.get_or_init(|| unpack(packed.get()?, *len, *digest)).as_deref()
    }

    /// The text alone. `None` if what was packed is damaged.
    pub fn into_text(self) -> Option<String> {
        self.text()?;
        match Arc::try_unwrap(self.0) {
            Ok(both) => both.plain.into_inner().flatten().map(String::from),
            Err(shared) => shared.plain.get().cloned().flatten().map(String::from),
        }
    }

    /// The text compressed, in the block format of LZ4.
    pub fn packed(&self) -> &[u8] {
        let Both { plain, packed, .. } = &*self.0;
        // One of the two is there from the beginning.
        packed.get_or_init(|| {
            let text = plain.get().and_then(Option::as_deref).unwrap_or_default();
            lz4_flex::block::compress(text.as_bytes()).into()
        })
    }

    /// Bytes of the text.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Of one digest there is one text.
    pub fn digest(&self) -> u64 {
        self.0.digest
    }
}

impl PartialEq for KeptText {
    fn eq(&self, other: &Self) -> bool {
        (self.digest(), self.len()) == (other.digest(), other.len())
    }
}

fn unpack(packed: &[u8], len: usize, expected: u64) -> Option<Box<str>> {
    if len > packed.len().saturating_mul(MOST) {
        return None;
    }
    let bytes = lz4_flex::block::decompress(packed, len).ok()?;
    let is_it = bytes.len() == len && digest(&bytes) == expected;
    is_it.then(|| String::from_utf8(bytes).ok()).flatten().map(String::into_boxed_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_text_of_one_letter_is_unpacked() {
        let text = "a".repeat(1 << 20);
        let kept = KeptText::new(&*text);
        let again = KeptText::of_packed(kept.packed(), kept.len(), kept.digest());
        assert!(kept.packed().len() * 200 < text.len());
        assert_eq!(again.text(), Some(&*text));
    }

    #[test]
    fn nobody_is_made_to_find_room_for_more_than_there_can_be() {
        let kept = KeptText::new("a");
        assert_eq!(KeptText::of_packed(kept.packed(), usize::MAX / 2, kept.digest()).text(), None);
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(text in "([a-c]{0,9}|.){0,60}") {
            let kept = KeptText::new(&*text);
            let again = KeptText::of_packed(kept.packed(), kept.len(), kept.digest());
            prop_assert_eq!(again.text(), Some(&*text));
            prop_assert_eq!(again.packed(), kept.packed());
            prop_assert!(again == kept);
            prop_assert_eq!(again.into_text(), Some(text));
        }

        #[test]
        fn what_is_damaged_is_no_text(text in "[a-c]{0,99}", at in 0usize..99, junk in any::<u8>(), len in 0usize..99) {
            let kept = KeptText::new(&*text);
            let mut packed = kept.packed().to_vec();
            let len = if len % 2 == 0 { len } else { text.len() };
            packed.get_mut(at).into_iter().for_each(|byte| *byte = junk);
            let read = KeptText::of_packed(packed, len, kept.digest());
            prop_assert!(read.text().is_none_or(|read| read == text));
        }
    }
}

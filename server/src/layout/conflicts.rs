//! Which stored locals may not share bytes.

use ra_ap_rustc_index::bit_set::BitMatrix;

/// Which stored locals are in storage at the same time, as the compiler printed it. Not symmetric: one that is
/// always in storage conflicts with all others, but they need not conflict with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Conflicts(pub(super) BitMatrix<usize, usize>);

/// Bodies with more stored locals than this are not laid out again.
const MOST_SAVED: usize = 1 << 12;

impl Conflicts {
    /// Those among `saved` locals. Pairs of others are passed over.
    pub fn new(saved: usize, pairs: &[(u32, u32)]) -> Self {
        let saved = if saved > MOST_SAVED { 0 } else { saved };
        let mut matrix = BitMatrix::new(saved, saved);
        for &(row, column) in pairs {
            let (row, column) = (row as usize, column as usize);
            if row < saved && column < saved {
                matrix.insert(row, column);
            }
        }
        Conflicts(matrix)
    }
}

impl std::fmt::Debug for Conflicts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = self.0.rows().map(|row| (row, self.0.iter(row).collect::<Vec<_>>()));
        f.debug_map().entries(rows).finish()
    }
}

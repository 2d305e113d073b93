//! Variables that are for the server alone.

use std::process::Command;

/// The variables with which the server tells its own memory allocator what to do; the first one says that it was
/// the server who set the others. Nobody's compiler is to be slowed down by them.
pub const OWN_HEAP: [&str; 3] = ["FUTURELENS_ONE_HEAP", "MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_"];

/// Keeps from a program that is started what only the server itself is to see.
pub(super) fn without_own_heap(command: &mut Command) {
    if std::env::var_os(OWN_HEAP[0]).is_some() {
        OWN_HEAP.iter().for_each(|name| _ = command.env_remove(name));
    }
}

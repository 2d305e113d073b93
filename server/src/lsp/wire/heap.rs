//! One heap for all threads of the server.
//!
//! The C library's memory allocator gives each of the first sixteen or so threads a heap of its own, and a heap
//! gives nothing back that lies below something in use. What a build leaves behind lies scattered over all of them:
//! the server took two to four times the memory of what it keeps, and more with each save. With one heap the next
//! build uses what the last one freed. Threads hardly ever wait for each other there.
//!
//! The allocator looks at the environment, once, when a program starts: so the server starts once more, as the same
//! process. What the server starts in turn does not see any of that, see [`crate::compiler::OWN_HEAP`].

/// Starts this program once more with one heap, unless that is how it was started; comes back if it cannot.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn share() {
    use crate::compiler::OWN_HEAP;
    use std::os::unix::process::CommandExt as _;
    let [mark, ..] = OWN_HEAP;
    // Whoever has set one of them knows better.
    if OWN_HEAP.iter().any(|name| std::env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = std::process::Command::new(program);
    command.arg0(arguments.next().unwrap_or_default()).args(arguments);
    command.env(mark, "1").envs(SETTINGS);
    let error = command.exec();
    eprintln!("futurelens: cannot start with one heap: {error}");
}

/// Blocks from this size on are given back as soon as they are free; without it, that changes as it runs.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SETTINGS: [(&str, &str); 2] = [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "65536")];

/// Other systems' allocators share already, or cannot be told.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn share() {}

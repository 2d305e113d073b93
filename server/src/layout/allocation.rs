//! Where memory is taken for futures: the types that are laid out in memory of their own and have a future in them.
//!
//! ```text
//! tokio::spawn(f())    tokio::runtime::task::core::Cell<{f}, S>     the task, on the heap
//! Box::pin(f())        std::boxed::Box<{f}>                         what the box points to
//! futures.push(f())    std::sync::ArcInner<Task<{f}>>               the same of an `Arc`
//! join_all(fs)         std::boxed::Box<[MaybeDone<{f}>]>            elements of a slice, how many is not known
//! #[embassy_executor::task(pool_size = 8)]
//!                      embassy_executor::raw::TaskPool<{f}, 8>      a `static`
//! ```
//!
//! The compiler prints each of these types with its size. What an allocator adds to it is not in here.

use super::align::{Identity, TypeFacts};
use super::join::{Names, Source};
use super::whatif::{Embedded, Part, Prediction};
use crate::dump::names::{self, CoroutineName, arguments};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

/// Memory of its own with at least one future in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// What makes it.
    pub maker: Maker,
    /// The readable type of what is in that memory: of one element, if it is [`Count::Unknown`].
    pub ty: Arc<str>,
    /// Bytes, as the compiler prints them: of one element, if it is [`Count::Unknown`].
    pub size: u64,
    /// Bytes.
    pub align: u64,
    /// How many futures are beside each other in it.
    pub count: Count,
    /// The futures stored in it, in place: the one that it is for, or those that a tuple or a wrapper stores.
    pub futures: Vec<Embedded>,
    /// Identities of the futures that it has no more of than a pointer to: such as a task of a boxed future.
    pub pointed_to: Vec<Arc<str>>,
    /// Is it made at all? Executors box what is large, and the code for either case is there.
    pub made: Made,
}

impl Allocation {
    /// What tells it apart from others, in whichever unit they were found: what makes it, what is in it, its bytes.
    pub fn key(&self) -> impl Eq + Hash + use<> {
        let ids: Vec<Arc<str>> = self.futures.iter().map(|future| future.id.clone()).collect();
        (self.maker, ids, self.pointed_to.clone(), self.size)
    }

    /// What it would take if a future in it had this size and alignment, in bytes. None if that future is not in it in place,
    /// or is one of several.
    pub fn resized(&self, id: &str, new: Prediction) -> Option<Prediction> {
        let [only] = &self.futures[..] else { return None };
        if *only.id != *id {
            return None;
        }
        let count = self.places();
        let (named, align) = (Box::default(), self.align);
        // Of a pool one place.
        let part = Part {
            size: self.size / count,
            align: Some(align),
            most_align: align,
            embedded: Box::default(),
            named,
        };
        let (size, align, certain) = only.resized(&part, new.size, new.align)?;
        Some(Prediction { size: size.checked_mul(count)?, align, exact: new.exact && certain && count == 1 })
    }

    /// How many places for a future it has; one, if only the running program knows.
    pub fn places(&self) -> u64 {
        match self.count {
            Count::Known(count) => count.max(1),
            Count::Unknown => 1,
        }
    }

    /// Is it made for this future, or for a pointer to it?
    pub fn is_of(&self, id: &str) -> bool {
        self.futures.iter().any(|future| *future.id == *id) || self.pointed_to.iter().any(|of| **of == *id)
    }
}

/// How many futures an allocation stores beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many, as its type says. Nearly always 1.
    Known(u64),
    /// Only the running program knows: a `Vec`.
    Unknown,
}

/// When an allocation is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// By whoever wrote it down.
    Always,
    /// If the future is not larger than what its executor moves to the heap.
    IfSmall(&'static Threshold),
    /// If it is larger.
    IfLarge(&'static Threshold),
}

impl Made {
    /// Whose rule decides, if one does.
    pub fn threshold(self) -> Option<&'static Threshold> {
        match self {
            Made::Always => None,
            Made::IfSmall(threshold) | Made::IfLarge(threshold) => Some(threshold),
        }
    }

    /// Is it made for a future of so many bytes? `debug_assertions`: of the profile.
    pub fn is_made(self, size: u64, debug_assertions: bool) -> bool {
        match self {
            Made::Always => true,
            Made::IfSmall(threshold) => !threshold.is_large(size, debug_assertions),
            Made::IfLarge(threshold) => threshold.is_large(size, debug_assertions),
        }
    }
}

/// From which size on an executor boxes the futures that it is given.
#[derive(Debug, PartialEq, Eq)]
pub struct Threshold {
    /// How people call the executor.
    pub executor: &'static str,
    /// How its types begin.
    krate: &'static str,
    /// In its types, what stands before the type of what it was given.
    given: &'static [&'static str],
    /// The largest future that is not boxed, in bytes: in a build without debug assertions.
    most_without: u64,
    /// The same with debug assertions.
    most_debug: u64,
}

impl Threshold {
    /// The largest future that is not boxed, in bytes. `debug_assertions`: of the profile.
    pub fn most(&self, debug_assertions: bool) -> u64 {
        if debug_assertions { self.most_debug } else { self.most_without }
    }

    /// Is a future of so many bytes boxed?
    pub fn is_large(&self, size: u64, debug_assertions: bool) -> bool {
        size > self.most(debug_assertions)
    }
}

/// Executors that box what is large.
/// - tokio: `BOX_FUTURE_THRESHOLD` in `tokio/src/runtime/mod.rs`
/// - async-task, on which smol and async-std stand, from 2,048 bytes on: `spawn_unchecked` in `async-task/src/runnable.rs`
static THRESHOLDS: [Threshold; 2] = [
    Threshold {
        executor: "tokio",
        krate: "tokio::",
        given: &["task::core::Cell<", "::block_on<"],
        most_without: 16_384,
        most_debug: 2_048,
    },
    Threshold {
        executor: "async-task",
        krate: "async_task::",
        given: &["raw::RawTask<"],
        most_without: 2_047,
        most_debug: 2_047,
    },
];

/// What makes an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Maker {
    /// An executor, see [`Known`].
    Executor(&'static Known),
    /// `Box`.
    Box,
    /// `Arc`.
    Arc,
    /// `Rc`.
    Rc,
    /// `Vec`, and what else has elements on the heap.
    Elements,
}

impl Maker {
    /// As reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Maker::Executor(known) => known.name,
            Maker::Box => "Box",
            Maker::Arc => "Arc",
            Maker::Rc => "Rc",
            Maker::Elements => "Vec element",
        }
    }

    /// Is its memory there from the start, in the binary's own?
    pub fn is_static(self) -> bool {
        matches!(self, Maker::Executor(Known { memory: Memory::Static, .. }))
    }

    /// Does an executor poll what is in it on its own?
    pub fn is_task(self) -> bool {
        matches!(self, Maker::Executor(_))
    }
}

/// Where memory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Memory {
    /// An allocator.
    Heap,
    /// It is there from the start.
    Static,
}

/// A type that executors and the like keep a future in.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Known {
    /// How the type's path ends: which crate the compiler sees it through is another matter.
    path: &'static str,
    /// As reports write it.
    pub name: &'static str,
    /// Where its memory comes from.
    pub memory: Memory,
    /// How the type has the future in it.
    form: Form,
}

/// How a type has a future in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    /// It is what is allocated; its first argument is the future's type.
    Whole,
    /// The same, with as many futures as its second argument says.
    Pool,
    /// What is allocated is the `Arc` or `Box` around it.
    Inside,
}

/// All that are known. One more executor is one more line.
static KNOWN: [Known; 7] = {
    const fn known(path: &'static str, name: &'static str, memory: Memory, form: Form) -> Known {
        Known { path, name, memory, form }
    }
    use Form::*;
    use Memory::*;
    [
        known("runtime::task::core::Cell", "tokio task", Heap, Whole),
        known("raw::TaskPool", "embassy task pool", Static, Pool),
        known("raw::TaskStorage", "embassy task", Static, Whole),
        known("executor::AsyncTaskExecutor", "RTIC task", Static, Whole),
        known("futures_unordered::task::Task", "FuturesUnordered task", Heap, Inside),
        known("task::singlethread::Task", "wasm task", Heap, Inside),
        known("main_context_futures::TaskSource", "glib task", Heap, Whole),
    ]
};

/// Every allocation of the compiler run with a future in it that [`super::futures`] knows, in the order printed: largest
/// first.
pub fn allocations(source: &Source<'_>) -> Vec<Allocation> {
    let facts = TypeFacts::new(source.sizes);
    let reader = Reader { names: Names::new(source), facts, source };
    let (forms, pools) = (reader.forms(), reader.pools());
    let (mut all, mut seen) = (Vec::new(), HashSet::new());
    for ty in &source.sizes.types {
        let allocated = reader.allocated(ty.name, (ty.size, ty.align), &pools);
        let Some(allocation) = allocated.and_then(|one| reader.allocation(&one, &forms)) else { continue };
        // A task has a type for each scheduler.
        if seen.insert(allocation.key()) {
            all.push(allocation);
        }
    }
    all.sort_by_key(|allocation| std::cmp::Reverse(allocation.size));
    all
}

/// A type that is laid out in memory of its own.
struct Allocated<'a> {
    maker: Maker,
    /// What is in that memory.
    ty: &'a str,
    /// What of it may have futures in it: what was given to an executor, what a pointer points to.
    inside: &'a str,
    /// The type of one place for a future in it: all of it, or an element.
    place: Cow<'a, str>,
    size: u64,
    align: u64,
    count: Count,
}

/// In which forms executors have the code for a future, by the executor's place in [`THRESHOLDS`]: as it is, and boxed.
type Forms<'a> = HashMap<(usize, &'a str), [bool; 2]>;

struct Reader<'a> {
    names: Names<'a>,
    facts: TypeFacts<'a>,
    source: &'a Source<'a>,
}

impl<'a> Reader<'a> {
    /// What executors box if it is large: the code is there for both forms.
    fn forms(&self) -> Forms<'a> {
        let mut forms = Forms::new();
        for ty in &self.source.sizes.types {
            let path = ty.name.trim_start_matches('{');
            let of = THRESHOLDS.iter().position(|one| path.starts_with(one.krate));
            let Some(executor) = of else { continue };
            for before in THRESHOLDS[executor].given {
                for at in memchr::memmem::find_iter(ty.name.as_bytes(), before) {
                    let list = &ty.name[at + before.len() - 1..];
                    let Some(end) = names::closing(list) else { continue };
                    let Some(given) = arguments(&list[1..end]).next() else { continue };
                    let boxed = boxed(given);
                    forms.entry((executor, boxed.unwrap_or(given))).or_default()
                        [usize::from(boxed.is_some())] = true;
                }
            }
        }
        forms
    }

    /// The futures that are in a pool: their storage is a part of that.
    fn pools(&self) -> HashSet<&'a str> {
        let types = self.source.sizes.types.iter().filter_map(|ty| known(ty.name));
        types
            .filter(|(known, _)| known.form == Form::Pool)
            .filter_map(|(_, list)| arguments(list).next())
            .collect()
    }

    /// What is in memory of its own if there is a value of a type.
    fn allocated(
        &self,
        ty: &'a str,
        (size, align): (u64, u64),
        pools: &HashSet<&'a str>,
    ) -> Option<Allocated<'a>> {
        let whole =
            |maker, inside, count| Allocated { maker, ty, inside, place: ty.into(), size, align, count };
        if let Some((known, list)) = known(ty) {
            let mut list = arguments(list);
            let future = list.next()?;
            return match known.form {
                Form::Inside => None,
                Form::Whole if known.memory == Memory::Static && pools.contains(future) => None,
                Form::Whole => Some(whole(Maker::Executor(known), future, Count::Known(1))),
                Form::Pool => {
                    let count = self.constant(list.next()?)?;
                    let place = format!("{}TaskStorage<{future}>", ty.split_once("TaskPool<")?.0);
                    let pool = whole(Maker::Executor(known), future, Count::Known(count));
                    Some(Allocated { place: place.into(), ..pool })
                }
            };
        }
        let (path, list) = named(ty)?;
        let inside = arguments(list).next()?;
        if let Some(maker) = counted(path) {
            let maker = known_inside(inside).map_or(maker, Maker::Executor);
            return Some(whole(maker, inside, Count::Known(1)));
        }
        match path {
            "std::boxed::Box" | "alloc::boxed::Box" | "std::vec::Vec" | "alloc::vec::Vec" => {
                let element = inside.strip_prefix('[').and_then(|slice| slice.strip_suffix(']'));
                let is_slice = element.is_some_and(|element| names::find_outside(element, "; ").is_none());
                let is_elements = path.ends_with("Vec") || is_slice;
                let inside = element.filter(|_| is_slice).unwrap_or(inside);
                // What the box points to has a type of its own, which is told by itself.
                let is_told =
                    known(inside).is_some() || named(inside).is_some_and(|(path, _)| counted(path).is_some());
                if !is_elements && is_told {
                    return None;
                }
                let (size, align) =
                    (self.facts.size(inside)?, self.facts.align(inside, self.facts.size(inside)?)?);
                let (maker, count) = match is_elements {
                    true => (Maker::Elements, Count::Unknown),
                    false => (known_inside(inside).map_or(Maker::Box, Maker::Executor), Count::Known(1)),
                };
                Some(Allocated { maker, ty: inside, inside, place: inside.into(), size, align, count })
            }
            _ => None,
        }
    }

    /// A constant argument: `8`, `8_usize`, `ValTree(Leaf(0x00000008): usize)`.
    fn constant(&self, text: &str) -> Option<u64> {
        let readable = self.names.readable(text);
        let end = readable.find(|char: char| !char.is_ascii_digit()).unwrap_or(readable.len());
        readable[..end].parse().ok()
    }

    /// The allocation, if there is a future in it.
    fn allocation(&self, allocated: &Allocated<'a>, forms: &Forms<'a>) -> Option<Allocation> {
        let &Allocated { maker, ty, inside, ref place, size, align, count } = allocated;
        if !inside.contains('{') {
            return None;
        }
        let bodies = self.source.bodies;
        let identity = |name: &CoroutineName<'_>| {
            let found = bodies.find(self.source.origin, name.path, Some(name.upvars));
            Identity { id: self.names.identity(name, found.as_ref()), is_measured: found.is_some() }
        };
        let places = match count {
            Count::Known(count) => count.max(1),
            Count::Unknown => 1,
        };
        let (futures, _) = self.facts.embedded(place, size / places, &identity);
        let boxed = boxed(inside).filter(|_| maker.is_task());
        let pointed_to = boxed.map(|ty| self.facts.embedded(ty, u64::MAX, &identity).0).unwrap_or_default();
        let pointed_to: Vec<Arc<str>> = pointed_to.into_iter().map(|future| future.id).collect();
        if futures.is_empty() && pointed_to.is_empty() {
            return None;
        }
        let made = self.made(maker, boxed.unwrap_or(inside), boxed.is_some(), forms);
        let ty = self.names.readable(ty);
        Some(Allocation { maker, ty, size, align, count, futures, pointed_to, made })
    }

    /// Does it depend on the future's size whether it is made?
    fn made(&self, maker: Maker, future: &'a str, is_pointer: bool, forms: &Forms<'a>) -> Made {
        for (at, threshold) in THRESHOLDS.iter().enumerate() {
            if forms.get(&(at, future)) != Some(&[true, true]) {
                continue;
            }
            return match maker {
                Maker::Executor(_) if is_pointer => Made::IfLarge(threshold),
                Maker::Executor(_) => Made::IfSmall(threshold),
                Maker::Box => Made::IfLarge(threshold),
                _ => Made::Always,
            };
        }
        Made::Always
    }
}

/// `path::Type<A, B>` → `path::Type`, `A, B`.
fn named(ty: &str) -> Option<(&str, &str)> {
    let (path, list) = ty.strip_suffix('>')?.split_once('<')?;
    (!path.is_empty() && !path.contains(['{', '(', ' '])).then_some((path, list))
}

/// `Pin<Box<F>>` → `F`.
fn boxed(ty: &str) -> Option<&str> {
    let ty = ty.strip_suffix(">>")?;
    ["std::pin::Pin<std::boxed::Box<", "core::pin::Pin<alloc::boxed::Box<"]
        .iter()
        .find_map(|pin| ty.strip_prefix(pin))
}

/// What a pointer that counts its users points to: the counters, and the value.
fn counted(path: &str) -> Option<Maker> {
    let (start, name) = path.rsplit_once("::")?;
    // In which of its modules it is has changed.
    let is_std = start.starts_with("std::") || start.starts_with("alloc::");
    match name {
        "ArcInner" if is_std => Some(Maker::Arc),
        "RcInner" | "RcBox" if is_std => Some(Maker::Rc),
        _ => None,
    }
}

/// A type of the table, and its arguments.
fn known(ty: &str) -> Option<(&'static Known, &str)> {
    let (path, list) = named(ty)?;
    let is_it = |known: &&Known| path.strip_suffix(known.path).is_some_and(|before| before.ends_with("::"));
    Some((KNOWN.iter().find(is_it)?, list))
}

/// A type of the table that is told by what is around it.
fn known_inside(ty: &str) -> Option<&'static Known> {
    known(ty).map(|(known, _)| known).filter(|known| known.form == Form::Inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokio_boxes_above_its_threshold_and_async_task_from_it_on() {
        let [tokio, task] = &THRESHOLDS;
        assert!(!tokio.is_large(16_384, false) && tokio.is_large(16_385, false));
        assert!(!tokio.is_large(2_048, true) && tokio.is_large(2_049, true));
        assert!(!task.is_large(2_047, false) && task.is_large(2_048, false));
    }
}

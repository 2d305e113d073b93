//! Whether two bodies can do the same in a row, as finite automata: blocks are states, what is noticed are the letters.

use super::{Act, Drops, Way};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;

/// Can both bodies do the same in a row, looking only at what is kept? `None` if that takes too long to find out.
pub(super) fn same(one: &Drops, other: &Drops, keep: &dyn Fn(&Act) -> bool) -> Option<bool> {
    const MOST: usize = 4_000_000;
    let mut left = MOST;
    let machines = [Machine::new(one, keep)?, Machine::new(other, keep)?];
    let start = [machines[0].start(), machines[1].start()];
    let mut seen: FxHashSet<[Vec<u32>; 2]> = FxHashSet::default();
    let mut open = vec![start];
    while let Some(pair) = open.pop() {
        if !seen.insert(pair.clone()) {
            continue;
        }
        left = left.checked_sub(pair[0].len() + pair[1].len() + 1)?;
        let steps = [machines[0].steps(&pair[0]), machines[1].steps(&pair[1])];
        if steps[0].len() != steps[1].len() || steps[0].keys().any(|label| !steps[1].contains_key(label)) {
            return Some(false);
        }
        for (label, next) in &steps[0] {
            open.push([machines[0].closed(next), machines[1].closed(&steps[1][label])]);
        }
    }
    Some(true)
}

/// One thing that is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Label<'d> {
    Act(&'d Act),
    Way(Way),
}

/// A body with only what is kept of it, as states with steps between them.
struct Machine<'d> {
    /// Steps that nobody notices.
    silent: Vec<Vec<u32>>,
    /// What is noticed, and the state behind it.
    loud: Vec<Vec<(Label<'d>, u32)>>,
    first: u32,
}

impl<'d> Machine<'d> {
    /// `None` if it would be too large.
    fn new(drops: &'d Drops, keep: &dyn Fn(&Act) -> bool) -> Option<Self> {
        const MOST: usize = 100_000;
        let mut machine = Machine { silent: Vec::new(), loud: Vec::new(), first: 0 };
        let last = drops.nodes.len().checked_sub(1)? as u32;
        // A block with what the drop flags are when it begins.
        let mut starts: FxHashMap<(u32, u64), u32> = FxHashMap::default();
        machine.first = machine.state();
        starts.insert((last, 0), machine.first);
        let mut open = vec![(last, 0u64)];
        while let Some((block, mut flags)) = open.pop() {
            if machine.silent.len() > MOST {
                return None;
            }
            let node = &drops.nodes[block as usize];
            let mut at = starts[&(block, flags)];
            let mut last_kept = node.acts.is_empty();
            for act in &node.acts {
                if let Act::Flag(flag, value) = act {
                    flags = flags & !(1 << flag) | u64::from(*value) << flag;
                    continue;
                }
                last_kept = keep(act);
                if last_kept {
                    let behind = machine.state();
                    machine.loud[at as usize].push((Label::Act(act), behind));
                    at = behind;
                }
            }
            for next in &node.next {
                let is_taken = next.only_if.is_none_or(|(flag, value)| (flags >> flag & 1 == 1) == value);
                // What is not looked at is not known to panic.
                if !is_taken || next.way == Way::Unwinds && !last_kept {
                    continue;
                }
                let to = *starts.entry((next.to, flags)).or_insert_with(|| {
                    open.push((next.to, flags));
                    machine.state()
                });
                match next.way {
                    Way::Goes => machine.silent[at as usize].push(to),
                    way => machine.loud[at as usize].push((Label::Way(way), to)),
                }
            }
        }
        Some(machine)
    }

    fn state(&mut self) -> u32 {
        self.silent.push(Vec::new());
        self.loud.push(Vec::new());
        self.silent.len() as u32 - 1
    }

    fn start(&self) -> Vec<u32> {
        self.closed(&[self.first])
    }

    /// Everything that is reached without being noticed; in order.
    fn closed(&self, from: &[u32]) -> Vec<u32> {
        let mut found: BTreeSet<u32> = from.iter().copied().collect();
        let mut open: Vec<u32> = from.to_vec();
        while let Some(state) = open.pop() {
            for next in &self.silent[state as usize] {
                if found.insert(*next) {
                    open.push(*next);
                }
            }
        }
        // Only where something can be noticed it matters that it is there.
        found.into_iter().filter(|state| !self.loud[*state as usize].is_empty()).collect()
    }

    fn steps(&self, from: &[u32]) -> FxHashMap<Label<'d>, Vec<u32>> {
        let mut steps: FxHashMap<Label<'d>, Vec<u32>> = FxHashMap::default();
        for (label, to) in from.iter().flat_map(|state| &self.loud[*state as usize]) {
            steps.entry(*label).or_default().push(*to);
        }
        steps
    }
}

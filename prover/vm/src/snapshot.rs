//! Snapshots: registers and the pages changed since the snapshot before, every so many steps, so
//! that any state between them is rebuilt by a short run.
//!
//! They stay within a budget of bytes: when it is exceeded, every second one is merged into the
//! next, and from then on they are taken half as often.

use crate::{Hart, Memory, Program, memory::Reader, merkle::PAGE_BYTES};

/// How often to take snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPolicy {
    /// Steps between snapshots, at first.
    pub interval: u64,
    /// Most bytes of pages to keep, as long as two snapshots fit into that.
    pub bytes_max: usize,
}

impl Default for SnapshotPolicy {
    /// One every 2^24 steps, which are run again in some milliseconds; up to 1 GiB.
    fn default() -> Self {
        Self { interval: 1 << 24, bytes_max: 1 << 30 }
    }
}

#[derive(Debug)]
struct Snapshot {
    hart: Hart,
    /// By page number.
    pages: Vec<(u32, Box<[u8; PAGE_BYTES]>)>,
}

/// The snapshots of one run, at multiples of an interval.
#[derive(Debug)]
pub(crate) struct Snapshots {
    /// `None` if no snapshots are taken, so that every state is rebuilt from the image.
    policy: Option<SnapshotPolicy>,
    taken: Vec<Snapshot>,
}

impl Snapshots {
    pub(crate) const fn new(policy: Option<SnapshotPolicy>) -> Self {
        Self { policy, taken: Vec::new() }
    }

    /// The next step after this one at which [`Self::pass`] is to be called.
    pub(crate) fn next_after(&self, step: u64) -> u64 {
        let Some(SnapshotPolicy { interval, .. }) = self.policy else { return u64::MAX };
        let interval = interval.max(1);
        step.checked_next_multiple_of(interval)
            .map_or(u64::MAX, |next| if next > step { next } else { next.saturating_add(interval) })
    }

    /// Takes a snapshot, unless this step has been passed before.
    pub(crate) fn pass(&mut self, hart: &Hart, memory: &mut Memory) {
        if self.taken.last().is_some_and(|last| last.hart.step >= hart.step) {
            memory.take_changes(Reader::Snapshots);
            return;
        }
        let pages = memory.copy_changes(Reader::Snapshots);
        self.taken.push(Snapshot { hart: hart.clone(), pages });
        self.keep_within_budget();
    }

    /// Turns hart and memory back to the last snapshot at or before `step`, or to the start.
    pub(crate) fn restore(
        &self,
        step: u64,
        program: &Program,
        hart: &mut Hart,
        memory: &mut Memory,
    ) {
        for page in memory.take_changes(Reader::Image) {
            memory.set_page(page, &[0; PAGE_BYTES]);
        }
        program.load_image(memory);
        let count = self.taken.partition_point(|snapshot| snapshot.hart.step <= step);
        let passed = &self.taken[..count];
        for (page, bytes) in passed.iter().flat_map(|snapshot| &snapshot.pages) {
            memory.set_page(*page, bytes);
        }
        *hart = passed
            .last()
            .map_or_else(|| Hart::new(program.entry(), hart.input), |last| last.hart.clone());
        memory.take_changes(Reader::Snapshots);
    }

    /// Merges the snapshots at odd multiples of the interval into those that follow them.
    fn keep_within_budget(&mut self) {
        let Some(policy) = &mut self.policy else { return };
        let pages: usize = self.taken.iter().map(|snapshot| snapshot.pages.len()).sum();
        // With an even count, each one at an odd multiple has a successor.
        let is_even = self.taken.len().is_multiple_of(2);
        if pages.saturating_mul(PAGE_BYTES) <= policy.bytes_max || !is_even {
            return;
        }
        let Some(doubled) = policy.interval.checked_mul(2) else { return };
        policy.interval = doubled;
        let mut taken = std::mem::take(&mut self.taken).into_iter();
        while let (Some(merged), Some(mut kept)) = (taken.next(), taken.next()) {
            for (page, bytes) in merged.pages {
                // Only what the later one has not overwritten.
                if let Err(place) = kept.pages.binary_search_by_key(&page, |(page, _)| *page) {
                    kept.pages.insert(place, (page, bytes));
                }
            }
            self.taken.push(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    #[test]
    fn keeps_within_its_budget_by_doubling_the_interval() {
        let policy = SnapshotPolicy { interval: 10, bytes_max: 8 * PAGE_BYTES };
        let mut snapshots = Snapshots::new(Some(policy));
        let mut memory = Memory::new();
        let mut hart = Hart::new(0, B256::ZERO);
        for number in 0..100 {
            hart.step = snapshots.next_after(hart.step);
            for page in 0..3 {
                memory.store((page + number % 2) << 12, 8, hart.step + page).unwrap();
            }
            snapshots.pass(&hart, &mut memory);
            let kept: usize = snapshots.taken.iter().map(|snapshot| snapshot.pages.len()).sum();
            assert!(kept <= 8 + 4, "{kept} pages after {number} snapshots");
        }
        let steps: Vec<u64> = snapshots.taken.iter().map(|snapshot| snapshot.hart.step).collect();
        let interval = snapshots.policy.unwrap().interval;
        assert!(interval > 10 && steps.iter().all(|step| step % (interval / 2) == 0), "{steps:?}");
        assert!(snapshots.taken.iter().all(|snapshot| snapshot.pages.is_sorted()));
    }

    #[test]
    fn boundaries_are_multiples_after_the_step() {
        let policy = SnapshotPolicy { interval: 10, bytes_max: 0 };
        let snapshots = Snapshots::new(Some(policy));
        assert_eq!(snapshots.next_after(0), 10);
        assert_eq!(snapshots.next_after(9), 10);
        assert_eq!(snapshots.next_after(10), 20);
        assert_eq!(Snapshots::new(None).next_after(0), u64::MAX);
    }
}

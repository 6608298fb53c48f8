//! Time: CPU seconds of a thread or of the process, and the best of several measurements.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// Measurements of which the best counts.
pub(crate) const RUNS: usize = 5;

/// CPU seconds of this thread alone.
pub(crate) fn thread_seconds(work: impl FnOnce()) -> f64 {
    difference(|| seconds(ClockId::ThreadCPUTime), work)
}

/// CPU seconds of all threads of this process.
pub(crate) fn process_seconds(work: impl FnOnce()) -> f64 {
    difference(|| seconds(ClockId::ProcessCPUTime), work)
}

/// Seconds on the wall.
pub(crate) fn wall_seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// The least of [`RUNS`] measurements.
pub(crate) fn best(measure: impl FnMut() -> f64) -> f64 {
    std::iter::repeat_with(measure).take(RUNS).fold(f64::INFINITY, f64::min)
}

/// The geometric mean.
pub(crate) fn mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn difference(clock: impl Fn() -> f64, work: impl FnOnce()) -> f64 {
    let start = clock();
    work();
    clock() - start
}

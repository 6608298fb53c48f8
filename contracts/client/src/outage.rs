//! Failures of L1: how long a task fails, what its log says, and how a program waits for L1 at its
//! start.
//!
//! In: failures and successes of one task, in order. Out: lines of the log: a warning for each
//! failure, an error when it lasts. It says that L1 is out of reach only when it is.

use std::{
    fmt::{self, Display},
    time::{Duration, Instant},
};

use tracing::{error, info, warn};

use crate::{Action, L1Error};

/// A failure that lasts for so long is an error, and again after as long.
const LASTING: Duration = Duration::from_secs(60);
/// Pause between two tries at the start.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// An L1 that contradicts `rollup.json` so often in a row is another chain's. Fewer may be answers
/// of a node that errs.
const MISMATCHES_MAX: u32 = 3;

/// A failure that may be L1's.
pub trait L1Failure: Display {
    /// The error of L1, if the failure is one.
    fn l1_error(&self) -> Option<&L1Error>;

    /// Whether asking again may help.
    fn may_pass(&self) -> bool {
        self.l1_error().is_some_and(|error| error.action() != Action::Fatal)
    }
}

impl L1Failure for L1Error {
    fn l1_error(&self) -> Option<&L1Error> {
        Some(self)
    }
}

/// The failures of one task in a row.
#[derive(Debug)]
pub struct Outage {
    task: &'static str,
    since: Option<Instant>,
    reported: Option<Instant>,
}

impl Outage {
    /// No failure yet. `task` is what the log calls it.
    #[must_use]
    pub const fn new(task: &'static str) -> Self {
        Self { task, since: None, reported: None }
    }

    /// Notes a failure, and says so in the log.
    pub fn failed(&mut self, failure: &impl L1Failure) {
        let task = self.task;
        if let Some(lasting) = self.lasting(Instant::now()) {
            let secs = lasting.as_secs();
            error!(%failure, "{task}: no useful answer from L1 for {secs} s");
        } else if failure.l1_error().is_some_and(L1Error::is_out_of_reach) {
            warn!(%failure, "{task}: L1 is out of reach, trying again");
        } else {
            warn!(%failure, "{task}: trying again");
        }
    }

    /// Notes a failure. How long there have been failures, when that is an error to be reported.
    fn lasting(&mut self, now: Instant) -> Option<Duration> {
        let since = *self.since.get_or_insert(now);
        let last = self.reported.unwrap_or(since);
        let is_due = now.saturating_duration_since(last) >= LASTING;
        if is_due {
            self.reported = Some(now);
        }
        is_due.then(|| now.saturating_duration_since(since))
    }

    /// Notes a success.
    pub fn ended(&mut self) {
        if self.reported.take().is_some() {
            info!("{}: L1 answers again", self.task);
        }
        self.since = None;
    }
}

/// Tries until L1 answers.
///
/// # Errors
/// An error that no retry can mend. An L1 that differs from `rollup.json` is asked a few times.
pub async fn until_l1_answers<T, E: L1Failure>(
    task: &'static str,
    attempt: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    try_with_pauses(RETRY_PAUSE, task, attempt).await
}

/// Asks L1 twice. For answers that a program keeps until its end, so that it keeps no false one.
///
/// # Errors
/// [`L1Error::FalseAnswer`] for two answers that differ, and those of `ask`.
pub async fn ask_twice<T: PartialEq + fmt::Debug>(
    what: &str,
    ask: impl AsyncFn() -> Result<T, L1Error>,
) -> Result<T, L1Error> {
    let (first, second) = (ask().await?, ask().await?);
    if first != second {
        return Err(L1Error::FalseAnswer {
            what: what.to_owned(),
            expected: format!("{first:?}"),
            found: format!("{second:?}"),
        });
    }
    Ok(first)
}

async fn try_with_pauses<T, E: L1Failure>(
    pause: Duration,
    task: &'static str,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut outage = Outage::new(task);
    let mut mismatches = 0;
    loop {
        let failure = match attempt().await {
            Ok(found) => return Ok(found),
            Err(failure) => failure,
        };
        match failure.l1_error() {
            Some(L1Error::ConfigMismatch { .. }) if mismatches + 1 < MISMATCHES_MAX => {
                mismatches += 1;
            }
            _ if failure.may_pass() => mismatches = 0,
            _ => return Err(failure),
        }
        outage.failed(&failure);
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mismatch() -> L1Error {
        L1Error::ConfigMismatch { what: "l1ChainId", expected: "1".into(), found: "2".into() }
    }

    #[test]
    fn a_failure_that_lasts_is_an_error_once_a_minute() {
        let (mut outage, start) = (Outage::new("test"), Instant::now());
        assert_eq!(outage.lasting(start), None);
        assert_eq!(outage.lasting(start + LASTING / 2), None);
        assert_eq!(outage.lasting(start + LASTING), Some(LASTING));
        assert_eq!(outage.lasting(start + LASTING * 3 / 2), None);
        assert_eq!(outage.lasting(start + LASTING * 2), Some(LASTING * 2));
        outage.ended();
        assert_eq!(outage.lasting(start + LASTING * 3), None, "another outage began");
    }

    #[tokio::test]
    async fn an_l1_is_waited_for_and_another_one_is_not() {
        let mut tries = 0;
        let found = try_with_pauses(Duration::ZERO, "test", async || {
            tries += 1;
            match tries {
                1 | 3 => Err(L1Error::Missing { what: "block 7".to_owned() }),
                2 | 4 | 5 => Err(mismatch()),
                _ => Ok(tries),
            }
        });
        assert_eq!(found.await.unwrap(), 6);

        let mut tries = 0;
        let found = try_with_pauses(Duration::ZERO, "test", async || {
            tries += 1;
            Err::<(), _>(mismatch())
        });
        assert!(matches!(found.await, Err(L1Error::ConfigMismatch { .. })));
        assert_eq!(tries, MISMATCHES_MAX);
    }
}

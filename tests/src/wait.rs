//! Waiting for something to become true, with a bound and with what was seen last.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// The longest wait for anything. No test depends on it: it only ends a test that hangs.
pub const PATIENCE: Duration = Duration::from_secs(240);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(100);

/// Looks until `look` gives `Ok`. `Err` says what is there instead.
///
/// # Panics
/// After [`PATIENCE`], with `what` and the last thing seen.
pub async fn wait_until<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let started = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if started.elapsed() > PATIENCE => {
                panic!("waited {} s for {what}; last seen: {seen}", PATIENCE.as_secs())
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

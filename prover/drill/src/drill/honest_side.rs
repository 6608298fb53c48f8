//! Whether the honest challengers of a drill have work left.
//!
//! In: their metrics, and L1's head. Out: whether they have done everything that they can do now.
//! L1's time stands still until then, so that the speed of this machine decides nothing.

use std::time::Duration;

use gainsay_l1::{L1Client, L1Error, http_client};
use reqwest::Url;

/// Longest time that metrics may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The challengers that play against this drill.
#[derive(Debug)]
pub(super) struct HonestSide {
    metrics: Vec<Url>,
    http: reqwest::Client,
}

impl HonestSide {
    pub(super) fn new(metrics: Vec<Url>) -> Result<Self, L1Error> {
        Ok(Self { metrics, http: http_client(TIMEOUT)? })
    }

    /// Whether all of them have read L1 to its head, and compute nothing. While one of them or L1
    /// is out of reach, they are not at rest.
    pub(super) async fn rests(&self, l1: &L1Client) -> bool {
        let Ok(head) = l1.latest().await else { return false };
        for url in &self.metrics {
            let text = self.text(url).await;
            let text =
                text.inspect_err(|error| tracing::debug!(%url, %error, "challenger is away"));
            if !text.is_ok_and(|text| is_idle_at(head.number, &text)) {
                return false;
            }
        }
        true
    }

    async fn text(&self, url: &Url) -> reqwest::Result<String> {
        let answer = self.http.get(url.clone()).send().await?;
        answer.error_for_status()?.text().await
    }
}

fn is_idle_at(head: u64, metrics: &str) -> bool {
    gauge(metrics, "gainsay_challenger_l1_block").is_some_and(|block| block >= head)
        && gauge(metrics, "gainsay_challenger_computing") == Some(0)
}

/// The value of a gauge without labels.
fn gauge(metrics: &str, name: &str) -> Option<u64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenger_that_lags_or_computes_is_not_at_rest() {
        let metrics = |block: u64, computing: u64| {
            format!(
                "# HELP gainsay_challenger_l1_block The L1 block read up to.\n\
                 gainsay_challenger_l1_block {block}\ngainsay_challenger_computing {computing}\n"
            )
        };
        assert!(is_idle_at(7, &metrics(7, 0)));
        assert!(!is_idle_at(8, &metrics(7, 0)));
        assert!(!is_idle_at(7, &metrics(7, 1)));
        assert!(!is_idle_at(7, ""));
    }
}

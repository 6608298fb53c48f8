//! What a watch asks of L1 besides events: whether the contracts are ours and the rules known.
//!
//! In: L1, `rollup.json`, forge's artifacts. Out: alarms, which hold until a later audit finds
//! nothing. It makes no move and holds none back: what is wrong here is for people to decide.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use gainsay_l1::{L1Client, L1Error, RollupConfig};

use super::{AlarmBook, AlarmKind};
use crate::{ChallengerError, deployment::verify_deployment, l1_rules::unknown_rules};

/// Time between two audits. A fork comes once in months, and what is asked is little.
const PERIOD: Duration = Duration::from_secs(600);
/// The same after one that found something: the node may have erred.
const PERIOD_OF_ALARMS: Duration = Duration::from_secs(60);

/// The audit.
#[derive(Debug)]
pub(super) struct L1Audit {
    artifacts: PathBuf,
    /// When the next one is due; none before the first.
    due: Option<Instant>,
    findings: Vec<Finding>,
}

/// Kind, subject and text of an alarm.
type Finding = (AlarmKind, String, String);

impl L1Audit {
    /// An audit with the contracts that forge built, which has not looked yet.
    pub(super) const fn new(artifacts: PathBuf) -> Self {
        Self { artifacts, due: None, findings: Vec::new() }
    }

    /// Audits if it is time, and raises what the newest audit found.
    ///
    /// # Errors
    /// When L1 does not answer: what was found before stays.
    pub(super) async fn look(
        &mut self,
        client: &L1Client,
        rollup: &RollupConfig,
        alarms: &mut AlarmBook,
    ) -> Result<(), ChallengerError> {
        if self.due.is_none_or(|due| Instant::now() >= due) {
            let mut findings = self.contracts(client, rollup).await?;
            findings.extend(rules(client).await?);
            let pause = if findings.is_empty() { PERIOD } else { PERIOD_OF_ALARMS };
            self.findings = findings;
            self.due = Some(Instant::now() + pause);
        }
        for (kind, subject, text) in &self.findings {
            alarms.raise(*kind, subject.clone(), text.clone());
        }
        Ok(())
    }

    async fn contracts(
        &self,
        client: &L1Client,
        rollup: &RollupConfig,
    ) -> Result<Vec<Finding>, ChallengerError> {
        let verdicts = match verify_deployment(client, rollup, &self.artifacts).await {
            Err(ChallengerError::L1(error @ L1Error::File { .. })) => {
                let text =
                    format!("the contracts on L1 cannot be verified, see --artifacts: {error}");
                return Ok(vec![(AlarmKind::Deployment, "artifacts".to_owned(), text)]);
            }
            verdicts => verdicts?,
        };
        let differ = verdicts.into_iter().filter_map(|it| {
            let text = format!(
                "{} at {} is not what this repository builds: {}",
                it.contract, it.address, it.difference?
            );
            Some((AlarmKind::Deployment, it.contract.to_owned(), text))
        });
        Ok(differ.collect())
    }
}

async fn rules(client: &L1Client) -> Result<Vec<Finding>, ChallengerError> {
    let findings = unknown_rules(client).await?;
    let alarm = |finding: String| {
        let text = format!("L1 has rules that this program does not know: {finding}");
        (AlarmKind::Fork, finding, text)
    };
    Ok(findings.into_iter().map(alarm).collect())
}

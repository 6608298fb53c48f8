//! The audit of L1: whether the contracts are ours, and whether L1's rules are those that we know.
//!
//! In: L1, `rollup.json`, forge's artifacts. Out: alarms, which hold until a later audit finds
//! nothing. It makes no move and delays none: people decide what to do about a finding.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use gainsay_l1::{L1Client, L1Error, RollupConfig};
use tokio::task::JoinHandle;

use super::{AlarmBook, AlarmKind};
use crate::{ChallengerError, deployment::verify_deployment, l1_rules::unknown_rules};

/// Time between two audits. Forks are months apart, and an audit asks little.
const PERIOD: Duration = Duration::from_secs(600);
/// Time to the next audit after one that found something or had no answer: the node may have erred.
const PERIOD_OF_ALARMS: Duration = Duration::from_secs(60);

/// The audit.
#[derive(Debug)]
pub(super) struct L1Audit {
    artifacts: PathBuf,
    /// When the next audit is due; `None` before the first one.
    due: Option<Instant>,
    running: Option<JoinHandle<Result<Vec<Finding>, ChallengerError>>>,
    findings: Vec<Finding>,
}

/// Kind, subject and text of an alarm.
type Finding = (AlarmKind, String, String);

impl L1Audit {
    /// An audit with the contracts that forge built, which has not looked yet.
    pub(super) const fn new(artifacts: PathBuf) -> Self {
        Self { artifacts, due: None, running: None, findings: Vec::new() }
    }

    /// Begins an audit if it is due, and raises alarms for the findings of the last finished audit.
    /// An audit runs in a task of its own, so that a restarted challenger plays at once.
    ///
    /// # Errors
    /// When an audit failed for another reason than an L1 that does not answer. If L1 does not
    /// answer, the findings stay and the next audit begins soon.
    pub(super) async fn look(
        &mut self,
        client: &L1Client,
        rollup: &RollupConfig,
        alarms: &mut AlarmBook,
    ) -> Result<(), ChallengerError> {
        if self.running.as_ref().is_some_and(JoinHandle::is_finished) {
            self.end().await?;
        }
        if self.running.is_none() && self.due.is_none_or(|due| Instant::now() >= due) {
            let (client, rollup, artifacts) =
                (client.clone(), rollup.clone(), self.artifacts.clone());
            self.running =
                Some(tokio::spawn(async move { audit(&client, &rollup, &artifacts).await }));
        }
        for (kind, subject, text) in &self.findings {
            alarms.raise(*kind, subject.clone(), text.clone());
        }
        Ok(())
    }

    /// Takes over the findings of an audit that has ended.
    async fn end(&mut self) -> Result<(), ChallengerError> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let is_silent = match running.await {
            Ok(Ok(findings)) => {
                self.findings = findings;
                false
            }
            Ok(Err(ChallengerError::L1(error))) => {
                tracing::warn!(%error, "L1 was not audited: trying again");
                true
            }
            Ok(Err(error)) => return Err(error),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        let is_fine = self.findings.is_empty() && !is_silent;
        self.due = Some(Instant::now() + if is_fine { PERIOD } else { PERIOD_OF_ALARMS });
        Ok(())
    }
}

async fn audit(
    client: &L1Client,
    rollup: &RollupConfig,
    artifacts: &Path,
) -> Result<Vec<Finding>, ChallengerError> {
    let mut findings = contracts(client, rollup, artifacts).await?;
    findings.extend(rules(client).await?);
    Ok(findings)
}

async fn contracts(
    client: &L1Client,
    rollup: &RollupConfig,
    artifacts: &Path,
) -> Result<Vec<Finding>, ChallengerError> {
    let verdicts = match verify_deployment(client, rollup, artifacts).await {
        Err(ChallengerError::L1(error @ L1Error::File { .. })) => {
            let text = format!("the contracts on L1 cannot be verified, see --artifacts: {error}");
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

async fn rules(client: &L1Client) -> Result<Vec<Finding>, ChallengerError> {
    let findings = unknown_rules(client).await?;
    let alarm = |finding: String| {
        let text = format!("L1 has rules that this program does not know: {finding}");
        (AlarmKind::Fork, finding, text)
    };
    Ok(findings.into_iter().map(alarm).collect())
}

//! Promise: with several L1 nodes one that is away costs nothing, and one that has another chain is
//! noticed before anything is staked. Real anvils.

use gainsay_l1::{Action, L1Client, L1Error};

use crate::anvil::Anvil;

/// Port 9 (discard) refuses connections.
const DEAD: &str = "http://127.0.0.1:9";

#[tokio::test]
async fn a_node_that_is_away_is_passed_over() {
    let anvil = Anvil::start(&[]);
    anvil.mine(3).await;
    let client = L1Client::connect(&format!("{DEAD}, {}", anvil.url()), None).unwrap();
    for _ in 0..20 {
        assert_eq!(client.latest().await.unwrap().number, 3);
    }
    // The one that answers says so: whom nobody can ask cannot disagree.
    let head = client.latest().await.unwrap();
    client.require_agreement(&head).await.unwrap();
    // The other way round, too.
    let client = L1Client::connect(&format!("{},{DEAD}", anvil.url()), None).unwrap();
    assert_eq!(client.latest().await.unwrap(), head);
}

#[tokio::test]
async fn two_chains_are_told_apart() {
    let (one, other) = (Anvil::start(&[]), Anvil::start(&["--timestamp", "1000000000"]));
    for anvil in [&one, &other] {
        anvil.mine(3).await;
    }
    let client = L1Client::connect(&format!("{},{}", one.url(), other.url()), None).unwrap();
    let head = client.latest().await.unwrap();
    let error = client.require_agreement(&head).await.unwrap_err();
    assert!(matches!(error, L1Error::NodesDisagree { number: 3, .. }), "{error}");
    assert_eq!(error.action(), Action::Retry);
    // One node, named twice, agrees with itself; one alone is not asked.
    let twice = L1Client::connect(&format!("{0},{0}", one.url()), None).unwrap();
    twice.require_agreement(&head).await.unwrap();
}

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

/// What one node calls final is not: more than half of them must.
#[tokio::test]
async fn one_node_alone_makes_nothing_final() {
    let (hasty, slow) = (["--slots-in-an-epoch", "1"], ["--slots-in-an-epoch", "32"]);
    let (one, two, three) = (Anvil::start(&hasty), Anvil::start(&slow), Anvil::start(&slow));
    for anvil in [&one, &two, &three] {
        anvil.mine(80).await;
    }
    let alone = L1Client::connect(one.url(), None).unwrap().finalized().await.unwrap().unwrap();
    let slow = L1Client::connect(two.url(), None).unwrap().finalized().await.unwrap().unwrap();
    assert!(alone.number > slow.number && slow.number > 0, "{alone:?}, {slow:?}");
    let urls = [one.url(), two.url(), three.url()].join(",");
    let client = L1Client::connect(&urls, None).unwrap();
    assert_eq!(client.finalized().await.unwrap().unwrap().number, slow.number);
    // Whoever is away has no vote.
    let client = L1Client::connect(&format!("{},{DEAD}", one.url()), None).unwrap();
    assert_eq!(client.finalized().await.unwrap(), Some(alone));
}

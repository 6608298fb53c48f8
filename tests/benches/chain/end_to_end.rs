//! Transfers by JSON-RPC until they are in blocks: a real sequencer on a real L1, then anvil, with
//! the same signed bytes in the same requests.
//!
//! The figure that counts is CPU time of the node, which other load on the machine hardly changes;
//! the sequencer's includes its database, its posting to L1 and everything else it does meanwhile.

use std::{
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use alloy::primitives::{Address, Bytes};
use gainsay_tests::{
    Devnet, DevnetOptions, Process, Rpc, anvil_binary, free_port, http_client, wait_until,
};
use serde_json::{Value, json};

use crate::{
    cpu,
    report::{Report, Row},
    transfers::{Asset, Senders},
};

/// The chain id that `gainsay deploy` gives by default.
const CHAIN_ID: u64 = 42_069;
const SENDERS: usize = 1_000;
/// Transfers of each sender before and while it is measured.
const WARM_UP: u64 = 5;
const EACH: u64 = 60;
const PER_REQUEST: usize = 100;
const CONNECTIONS: usize = 8;

/// What one node did with the load.
struct Run {
    transfers: usize,
    accepted: Duration,
    included: Duration,
    cpu: Duration,
}

impl Run {
    fn per_cpu_sec(&self) -> f64 {
        self.transfers as f64 / self.cpu.as_secs_f64()
    }
}

pub(crate) fn measure(report: &mut Report) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(run(report));
}

async fn run(report: &mut Report) {
    println!("signing {} transfers of {SENDERS} senders", SENDERS as u64 * (WARM_UP + EACH));
    let senders = Senders::new(SENDERS, CHAIN_ID);
    let warm_up = senders.transfers(Asset::Ether, 0, WARM_UP);
    let load = senders.transfers(Asset::Ether, WARM_UP, EACH);
    let addresses: Vec<Address> = senders.addresses().collect();

    // Room for 28,000 transfers a second, so that blocks do not bound the throughput, as those of
    // anvil below do not.
    let options = DevnetOptions {
        funded: addresses.clone(),
        block_time_ms: 100,
        block_gas_limit: 60_000_000,
        ..Default::default()
    };
    let devnet = Devnet::start(options).await;
    assert_eq!(devnet.rollup.chain.chain_id, CHAIN_ID);
    let (rpc, pid) = (devnet.sequencer.rpc.clone(), devnet.sequencer.pid());
    drive(&rpc, pid, &addresses, &warm_up, WARM_UP).await;
    // Warm is a sequencer that has posted: the first batch loads the tables of the proofs.
    wait_until_posted(&rpc).await;
    let started = cpu::of_process(pid);
    let ours = drive(&rpc, pid, &addresses, &load, WARM_UP + EACH).await;
    wait_until_posted(&rpc).await;
    let posted = cpu::of_process(pid) - started;
    let memory = cpu::peak_memory_bytes(pid);
    drop(devnet);

    let (anvil, rpc) = start_anvil(&addresses).await;
    drive(&rpc, anvil.id(), &addresses, &warm_up, WARM_UP).await;
    let theirs = drive(&rpc, anvil.id(), &addresses, &load, WARM_UP + EACH).await;
    drop(anvil);
    add_rows(report, &ours, &theirs, posted, memory);
}

fn add_rows(report: &mut Report, ours: &Run, theirs: &Run, posted: Duration, memory: u64) {
    let per_sec = |run: &Run, time: Duration| run.transfers as f64 / time.as_secs_f64();
    let mut row = |name, ours, peer, unit, goal| {
        let peer_name = "anvil 1.7.1, same load";
        report.add(Row { name, ours, peer, peer_name, unit, less_is_better: false, goal });
    };
    row(
        "end to end: included transfers per CPU-second",
        ours.per_cpu_sec(),
        theirs.per_cpu_sec(),
        "tx/CPU-s",
        2.0,
    );
    let (accepted, included) = (|run: &Run| run.accepted, |run: &Run| run.included);
    row(
        "end to end: accepted transfers per second",
        per_sec(ours, accepted(ours)),
        per_sec(theirs, accepted(theirs)),
        "tx/s",
        1.0,
    );
    row(
        "end to end: included transfers per second",
        per_sec(ours, included(ours)),
        per_sec(theirs, included(theirs)),
        "tx/s",
        1.0,
    );
    report.note(format!(
        "end to end: {:.0} transfers per CPU-second, with the CPU until all of them are on L1",
        ours.transfers as f64 / posted.as_secs_f64()
    ));
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    report.add(Row {
        name: "memory of the sequencer under load, at its most",
        ours: mib(memory),
        peer: 2_048.0,
        peer_name: "bound",
        unit: "MiB",
        less_is_better: true,
        goal: 1.0,
    });
}

async fn wait_until_posted(rpc: &Rpc) {
    let head = rpc.block_number().await;
    wait_until("all batches to be on L1", || async {
        let safe = rpc.height("safe").await;
        if safe >= head { Ok(()) } else { Err(format!("safe {safe} of {head}")) }
    })
    .await;
}

async fn start_anvil(funded: &[Address]) -> (Process, Rpc) {
    let port = free_port();
    let mut command = Command::new(anvil_binary());
    command
        .args(["--hardfork", "osaka", "--silent", "--block-time", "1"])
        .args(["--gas-limit", "10000000000", "--port", &port.to_string()])
        .args(["--chain-id", &CHAIN_ID.to_string()]);
    let folder = std::env::temp_dir();
    // States that it swaps out do not stay in its own folder for ever.
    command.arg("--cache-path").arg(folder.join(format!("gainsay-bench-anvil-{port}-swap")));
    let log = folder.join(format!("gainsay-bench-anvil-{port}.log"));
    let anvil = Process::start("anvil", &mut command, &log);
    let rpc = Rpc::new(&format!("http://127.0.0.1:{port}"));
    wait_until("anvil to answer", || rpc.try_call("eth_blockNumber", json!([]))).await;
    for address in funded {
        rpc.call("anvil_setBalance", json!([address, "0x3635c9adc5dea00000"])).await;
    }
    (anvil, rpc)
}

/// Sends the transfers as fast as the node takes them, and waits until all are in blocks.
async fn drive(rpc: &Rpc, pid: u32, senders: &[Address], load: &[Bytes], nonce: u64) -> Run {
    let requests: Vec<String> = load.chunks(PER_REQUEST).map(request).collect();
    let next = AtomicUsize::new(0);
    let client = http_client();
    let (started, cpu_before) = (Instant::now(), cpu::of_process(pid));
    let worker = || async {
        while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
            send(&client, rpc.url(), request).await;
        }
    };
    futures::future::join_all((0..CONNECTIONS).map(|_| worker())).await;
    let accepted = started.elapsed();
    // One sender after the other: looking must cost the node little.
    for sender in senders {
        while rpc.nonce(*sender).await < nonce {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Run {
        transfers: load.len(),
        accepted,
        included: started.elapsed(),
        cpu: cpu::of_process(pid) - cpu_before,
    }
}

fn request(transfers: &[Bytes]) -> String {
    let call = |(id, raw): (usize, &Bytes)| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_sendRawTransaction", "params": [raw] });
    serde_json::to_string(&transfers.iter().enumerate().map(call).collect::<Vec<_>>()).unwrap()
}

async fn send(client: &reqwest::Client, url: &str, request: &str) {
    let post = client.post(url).header("content-type", "application/json").body(request.to_owned());
    let answers: Vec<Value> = post.send().await.unwrap().json().await.unwrap();
    assert_eq!(answers.len(), request.matches("\"id\"").count(), "one answer a call");
    if let Some(error) = answers.iter().find_map(|answer| answer.get("error")) {
        panic!("{url} refused a transfer: {error}");
    }
}

//! The network between a node and L1, which may fail: a relay on a port of its own that can be
//! shut. Shut, it refuses connections and has ended those that there were; L1 goes on meanwhile.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::process::free_port;

/// A relay to one address.
#[derive(Debug)]
pub struct Gate {
    url: String,
    /// Whether it should be open; and whether it is.
    wanted: watch::Sender<bool>,
    is_open: watch::Receiver<bool>,
}

impl Gate {
    /// An open gate to what listens on `port` of this machine.
    pub(crate) async fn to_port(port: u16) -> Self {
        let own = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        let (wanted, orders) = watch::channel(true);
        let (told, is_open) = watch::channel(false);
        tokio::spawn(relay(own, target, orders, told));
        let gate = Self { url: format!("http://{own}"), wanted, is_open };
        gate.set(true).await;
        gate
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From here on nobody gets through.
    pub async fn shut(&self) {
        self.set(false).await;
    }

    /// Everybody gets through again.
    pub async fn open(&self) {
        self.set(true).await;
    }

    async fn set(&self, open: bool) {
        self.wanted.send(open).unwrap();
        self.is_open.clone().wait_for(|is_open| *is_open == open).await.unwrap();
    }
}

/// Runs until the gate is dropped.
async fn relay(
    own: SocketAddr,
    target: SocketAddr,
    mut orders: watch::Receiver<bool>,
    told: watch::Sender<bool>,
) {
    while orders.wait_for(|open| *open).await.is_ok() {
        let Ok(listener) = TcpListener::bind(own).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        told.send(true).unwrap();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                changed = orders.wait_for(|open| !*open) => {
                    if changed.is_err() { return }
                    break;
                }
                Ok((mut inner, _)) = listener.accept() => {
                    connections.spawn(async move {
                        if let Ok(mut outer) = TcpStream::connect(target).await {
                            // Either side may hang up.
                            let _ended = copy_bidirectional(&mut inner, &mut outer).await;
                        }
                    });
                }
            }
        }
        drop(listener);
        connections.shutdown().await;
        told.send(false).unwrap();
    }
}

//! The JSON-RPC of a node, asked by real clients over HTTP and WebSocket.
//!
//! The chain under it is made by the real transition in a real store; nothing is mocked. Shapes are
//! compared with the execution-apis vectors if they are installed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bounds;
mod calls;
mod following;
mod ids;
mod plain_errors;
mod polling_and_push;
mod reads;
mod submission;
mod vectors;
mod withdrawals;
mod world;

//! The listening server: HTTP and WebSocket on one port, open to browsers, bounded everywhere.
//!
//! In: an [`RpcContext`] and an address. Out: the address in use and a handle that stops the server.

use std::{net::SocketAddr, time::Duration};

use jsonrpsee::{
    RpcModule,
    core::traits::IdProvider,
    server::{BatchRequestConfig, Server, ServerConfig, middleware::rpc::RpcServiceBuilder},
    types::SubscriptionId,
};
use tower_http::cors::{Any, CorsLayer};

use super::{
    RpcContext, RpcLimits,
    batch_calls::BatchCalls,
    block_methods, call_methods, fee_methods, filters, log_methods,
    node::{Methods, RpcNode},
    node_methods, raw_methods, state_methods, submit, subscriptions,
};

/// Time that a stopping server gives to requests in work.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A running server. Dropping it stops the server, too, without waiting.
#[derive(Debug)]
pub struct ServerHandle(jsonrpsee::server::ServerHandle);

impl ServerHandle {
    /// Stops the server, and waits a while for the requests in work.
    pub async fn stop(self) {
        if self.0.stop().is_ok() {
            let _slow = tokio::time::timeout(STOP_TIMEOUT, self.0.stopped()).await;
        }
    }
}

/// Starts to serve on `listen` (port 0: any free one).
///
/// Must run within a tokio runtime.
pub async fn serve(
    context: RpcContext,
    listen: SocketAddr,
) -> anyhow::Result<(SocketAddr, ServerHandle)> {
    let limits = context.limits.clone();
    // Wallets call from pages of any origin; the server holds no key and no session.
    let cors = CorsLayer::new().allow_origin(Any).allow_methods(Any).allow_headers(Any);
    let server = Server::builder()
        .set_config(config(&limits))
        .set_rpc_middleware(RpcServiceBuilder::new().layer_fn(move |service| BatchCalls {
            service,
            response_bytes_max: limits.response_bytes_max,
        }))
        .set_http_middleware(tower::ServiceBuilder::new().layer(cors))
        .build(listen)
        .await?;
    let address = server.local_addr()?;
    let mut methods = Methods(RpcModule::new(RpcNode::new(context)?));
    register(&mut methods);
    Ok((address, ServerHandle(server.start(methods.0))))
}

fn config(limits: &RpcLimits) -> ServerConfig {
    ServerConfig::builder()
        .max_request_body_size(limits.request_bytes_max)
        .max_response_body_size(limits.response_bytes_max)
        .max_connections(limits.connections_max)
        .max_subscriptions_per_connection(limits.subscriptions_per_connection_max)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch_len_max))
        .set_id_provider(HexIds)
        .set_tcp_no_delay(true)
        .build()
}

fn register(methods: &mut Methods) {
    block_methods::register(methods);
    call_methods::register(methods);
    fee_methods::register(methods);
    filters::register(methods);
    log_methods::register(methods);
    node_methods::register(methods);
    raw_methods::register(methods);
    state_methods::register(methods);
    submit::register(methods);
    subscriptions::register(methods);
}

/// Subscription ids as Ethereum clients expect them: hex quantities that cannot be guessed.
#[derive(Debug)]
struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        format!("{:#x}", rand::random::<u128>()).into()
    }
}

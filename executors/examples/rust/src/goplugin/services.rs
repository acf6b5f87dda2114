//! The services that go-plugin puts beside those of the application.

use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::proto::grpc::health::v1::health_check_response::ServingStatus;
use crate::proto::grpc::health::v1::health_server::Health;
use crate::proto::grpc::health::v1::{HealthCheckRequest, HealthCheckResponse};
use crate::proto::plugin::grpc_broker_server::GrpcBroker;
use crate::proto::plugin::grpc_controller_server::GrpcController;
use crate::proto::plugin::{ConnInfo, Empty};

/// Hosts ask for `plugin`; an empty name means the server as a whole.
const HEALTHY: [&str; 2] = ["plugin", ""];

pub struct HealthService {
    pub stop: CancellationToken,
}

#[tonic::async_trait]
impl Health for HealthService {
    type WatchStream = ReceiverStream<Result<HealthCheckResponse, Status>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        if !HEALTHY.contains(&&*request.get_ref().service) {
            return Err(Status::not_found("unknown service"));
        }
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let is_known = HEALTHY.contains(&&*request.get_ref().service);
        let status = if is_known { ServingStatus::Serving } else { ServingStatus::ServiceUnknown };
        let (sender, receiver) = mpsc::channel(1);
        let stop = self.stop.clone();
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            // The state does not change: there is nothing more to say.
            let _ = sender.send(Ok(HealthCheckResponse { status: status.into() })).await;
            sender.closed().await;
        }));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

/// Ends the plugin.
pub struct ControllerService {
    pub shutdown: CancellationToken,
}

#[tonic::async_trait]
impl GrpcController for ControllerService {
    async fn shutdown(&self, _request: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.shutdown.cancel();
        Ok(Response::new(Empty {}))
    }
}

/// Keeps the broker's stream open, as hosts expect it to be. No connections are made by it: the application has no use for any.
pub struct BrokerService {
    pub stop: CancellationToken,
}

#[tonic::async_trait]
impl GrpcBroker for BrokerService {
    type StartStreamStream = ReceiverStream<Result<ConnInfo, Status>>;

    async fn start_stream(
        &self,
        request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        let (sender, receiver) = mpsc::channel(1);
        let mut announcements = request.into_inner();
        let stop = self.stop.clone();
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            let _open = sender;
            while let Some(Ok(_)) = announcements.next().await {}
        }));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

//! The plugin's side of HashiCorp's go-plugin: a host starts this program, reads one line from its stdout, and connects.
//!
//! It knows nothing of executors. For Unix; gRPC only; without the multiplexed broker.

mod connection;
mod environment;
mod handshake;
mod host_watch;
mod log;
mod services;
mod socket;
mod stdio;
mod tls;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::service::{Routes, RoutesBuilder};
use tonic::transport::Server;

use crate::proto::grpc::health::v1::health_server::HealthServer;
use crate::proto::plugin::grpc_broker_server::GrpcBrokerServer;
use crate::proto::plugin::grpc_controller_server::GrpcControllerServer;
use crate::proto::plugin::grpc_stdio_server::GrpcStdioServer;
use environment::Environment;
pub use environment::MagicCookie;
use handshake::{Handshake, negotiate};
use services::{BrokerService, ControllerService, HealthService};
use stdio::StdioService;
use tls::AutoMtls;

/// How long the application may take to stop: a Go host kills two seconds after its Shutdown call.
const CLEAN_UP: Duration = Duration::from_millis(1_500);
/// How long the last answers may take to leave.
const FLUSH: Duration = Duration::from_millis(300);
/// HTTP/2 receive window: large requests are faster than with the default of 64 KiB.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// What a plugin serves.
pub trait Application: Send + Sync + 'static {
    const COOKIE: MagicCookie;
    /// Versions of the application protocol that it speaks; the highest that the host knows too is served.
    const VERSIONS: &'static [i64];

    /// What to say to people who run the program by hand.
    fn introduction(&self) -> String;

    fn register(&self, version: i64, routes: &mut RoutesBuilder);

    /// Finish or abort what runs. It is waited for, but no longer than 1.5 seconds.
    fn stop(&self) -> impl Future<Output = ()> + Send;
}

/// Be a plugin: the whole of `main`. Ends when the host says so, on SIGTERM and SIGHUP, or when the host is gone.
pub fn serve<A: Application>(application: A) -> ExitCode {
    // SAFETY: main has started no thread yet.
    let Some(environment) = (unsafe { Environment::take(&A::COOKIE) }) else {
        eprintln!("{}", application.introduction());
        return ExitCode::FAILURE;
    };
    let served = Runtime::new().and_then(|runtime| {
        let served = runtime.block_on(run(application, environment));
        // Work that does not look whether to stop must not keep the process.
        runtime.shutdown_background();
        served
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            log::error(format_args!("cannot serve: {problem}"));
            ExitCode::FAILURE
        }
    }
}

async fn run<A: Application>(application: A, environment: Environment) -> io::Result<()> {
    // Ctrl-C in a terminal goes to the host as well, which decides: it is caught, and that is all.
    let _interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;

    let version = negotiate(A::VERSIONS, &environment.versions);
    let tls = environment.client_certificate.as_deref().map(AutoMtls::new).transpose()?;
    let (listener, socket) = socket::listen(&environment.socket_directory, environment.socket_group.as_deref())?;
    // The host's wish to stop, and the end of the server.
    let (shutdown, stop) = (CancellationToken::new(), CancellationToken::new());

    Handshake {
        version,
        socket: socket.path(),
        certificate: tls.as_ref().map(|tls| tls.certificate.as_ref()),
        asks_for_multiplexing: environment.asks_for_multiplexing,
    }
    .print()?;
    let output = stdio::capture_stdout()?;
    host_watch::watch_host(environment.has_lifeline, shutdown.clone());

    let mut routes = Routes::builder();
    routes
        .add_service(HealthServer::new(HealthService { stop: stop.clone() }))
        .add_service(GrpcControllerServer::new(ControllerService { shutdown: shutdown.clone() }))
        .add_service(GrpcBrokerServer::new(BrokerService { stop: stop.clone() }))
        .add_service(GrpcStdioServer::new(StdioService::new(output, stop.clone())));
    application.register(version, &mut routes);
    let connections = connection::accept(listener, tls.map(|tls| tls.acceptor));
    let server = Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .add_routes(routes.routes())
        .serve_with_incoming_shutdown(connections, stop.clone().cancelled_owned());
    let mut server = tokio::spawn(server);

    tokio::select! {
        () = shutdown.cancelled() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
        ended = &mut server => return Err(io::Error::other(format!("the server ended: {ended:?}"))),
    }
    if timeout(CLEAN_UP, application.stop()).await.is_err() {
        log::error("the work did not stop in time");
    }
    stop.cancel();
    // A host that holds its calls open does not keep the process.
    let _ = timeout(FLUSH, server).await;
    Ok(())
}

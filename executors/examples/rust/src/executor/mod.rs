//! The contract between an executor and its host, `executor.v1`, around whatever the executor does.

mod definition;
mod run;
mod service;

use std::process::ExitCode;

use tonic::service::RoutesBuilder;

pub use definition::{Description, Executor, Failure, Report, object, quote};
pub use run::Run;
use service::Service;

use crate::goplugin::{self, Application, MagicCookie};
use crate::proto::executor::v1::executor_service_server::ExecutorServiceServer;

/// Be an executor: the whole of `main`.
pub fn serve<E: Executor>(executor: E) -> ExitCode {
    goplugin::serve(Service::new(executor))
}

impl<E: Executor> Application for Service<E> {
    /// The same as Dkron's.
    const COOKIE: MagicCookie = MagicCookie {
        key: "DKRON_PLUGIN_MAGIC_COOKIE",
        value: "b29a76488b6f3ca7955c5f769b50641f0fcd88748d8cedecda313d516320ca19",
    };
    /// 1 is Dkron's own contract, which is not spoken here.
    const VERSIONS: &'static [i64] = &[2];

    fn introduction(&self) -> String {
        let Description { name, version, summary, .. } = E::DESCRIPTION;
        format!(
            "{name} {version}: {summary}\n\n\
             This is an executor. A host starts it and talks to it; run by hand, it does nothing.\n\
             To use it, put it under the name dkron-executor-{name} into the plugins directory of Executor Host."
        )
    }

    fn register(&self, _version: i64, routes: &mut RoutesBuilder) {
        let server = ExecutorServiceServer::new(self.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        routes.add_service(server);
    }

    async fn stop(&self) {
        self.stop_all().await;
    }
}

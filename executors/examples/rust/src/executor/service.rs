//! The calls of the contract. Those it does not offer, SetDeadline, Attach and Probe, answer UNIMPLEMENTED.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tonic::{Request, Response, Status};

use super::run::EventSender;
use super::{Executor, Failure, Report, Run};
use crate::proto::executor::v1::executor_service_server::ExecutorService;
use crate::proto::executor::v1::{
    AttachRequest, AttachResponse, CancelDisposition, CancelRequest, CancelResponse, Capabilities, DescribeRequest,
    DescribeResponse, Effect, ExecuteRequest, ExecuteResponse, Outcome, ProbeRequest, ProbeResponse, Result as Ending,
    Retryability, SetDeadlineRequest, SetDeadlineResponse, ValidateRequest, ValidateResponse, Violation,
};

/// Grace of a Cancel that names none.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// Grace of work that nobody waits for any more: its host has dropped the call, or the process ends.
const LAST_GRACE: Duration = Duration::from_secs(1);
/// Events on their way to the host; then the work waits.
const WAITING_EVENTS: usize = 8;

/// How many ended executions a process remembers.
const REMEMBERED: usize = 1_024;

/// A host may start the next attempt before it has forgotten the last.
type Key = (String, u32);

pub struct Service<E>(Arc<Inner<E>>);

struct Inner<E> {
    executor: Arc<E>,
    executions: Mutex<Executions>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

#[derive(Default)]
struct Executions {
    running: HashMap<Key, Run>,
    /// Ids of the last ones that ended, to answer a Cancel that comes too late.
    ended: VecDeque<String>,
}

impl<E> Clone for Service<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E: Executor> Service<E> {
    pub fn new(executor: E) -> Self {
        Self(Arc::new(Inner {
            executor: Arc::new(executor),
            executions: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }))
    }

    /// Take nothing more, stop what runs, and wait until it has.
    pub async fn stop_all(&self) {
        self.0.stopping.cancel();
        self.0.locked(|Executions { running, .. }| running.values().for_each(|run| run.stop(LAST_GRACE)));
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

impl<E: Executor> Inner<E> {
    fn locked<T>(&self, use_it: impl FnOnce(&mut Executions) -> T) -> T {
        use_it(&mut self.executions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn enter(&self, key: &Key, run: &Run) -> Result<(), Status> {
        let (name, most) = (E::DESCRIPTION.name, E::DESCRIPTION.max_concurrent_executions as usize);
        self.locked(|Executions { running, .. }| {
            if self.stopping.is_cancelled() {
                return Err(Status::unavailable(format!("executor {name} is shutting down")));
            }
            if running.contains_key(key) {
                let (id, attempt) = key;
                return Err(Status::already_exists(format!("attempt {attempt} of execution {id} is running already")));
            }
            if most > 0 && running.len() >= most {
                return Err(Status::resource_exhausted(format!("executor {name} runs all that it takes: {most}")));
            }
            running.insert(key.clone(), run.clone());
            Ok(())
        })
    }

    fn leave(&self, key: Key) {
        self.locked(|Executions { running, ended }| {
            running.remove(&key);
            if ended.len() == REMEMBERED {
                ended.pop_front();
            }
            ended.push_back(key.0);
        });
    }

    /// One execution, to its end.
    async fn drive(&self, key: Key, run: Run, host: EventSender) {
        let ending = match self.executor.parse(&run.request().config) {
            Err(violations) => Some(rejection(violations)),
            Ok(config) => self.work(config, &run, &host).await,
        };
        // Before the result is sent: whoever has it may start the same execution again.
        self.leave(key);
        if let Some(ending) = ending {
            run.finish(ending).await;
        }
    }

    /// None: the host has dropped the call.
    async fn work(&self, config: E::Config, run: &Run, host: &EventSender) -> Option<Ending> {
        let (executor, its_run) = (self.executor.clone(), run.clone());
        // A task of its own, so that a panic is nobody else's.
        let mut work = AbortOnDropHandle::new(tokio::spawn(async move { executor.execute(config, its_run).await }));
        let done = tokio::select! {
            done = &mut work => Some(done),
            () = run.forced() => None,
            () = run.keep_alive() => None,
            () = host.closed() => {
                run.stop(LAST_GRACE);
                tokio::select! {
                    done = &mut work => Some(done),
                    () = run.forced() => None,
                }
            }
        };
        let done = if let Some(done) = done {
            done
        } else {
            work.abort();
            work.await
        };
        if host.is_closed() {
            return None;
        }
        Some(match done {
            Ok(Ok(report)) => success(report),
            Ok(Err(failure)) => failed(failure, run.is_stopped()),
            Err(error) if error.is_cancelled() => failed(by_force(), true),
            Err(error) => failed(crash(&error.to_string()), false),
        })
    }
}

#[tonic::async_trait]
impl<E: Executor> ExecutorService for Service<E> {
    type ExecuteStream = ReceiverStream<Result<ExecuteResponse, Status>>;
    type AttachStream = ReceiverStream<Result<AttachResponse, Status>>;

    async fn describe(&self, _request: Request<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        let description = E::DESCRIPTION;
        Ok(Response::new(DescribeResponse {
            name: description.name.into(),
            version: description.version.into(),
            summary: description.summary.into(),
            config_schema: description.config_schema.into(),
            capabilities: Some(Capabilities {
                cancel: true,
                attach: false,
                probe: false,
                idempotent: description.idempotent,
                max_concurrent_executions: description.max_concurrent_executions,
                ..Capabilities::default()
            }),
        }))
    }

    async fn validate(&self, request: Request<ValidateRequest>) -> Result<Response<ValidateResponse>, Status> {
        let violations = self.0.executor.parse(&request.get_ref().config).err().unwrap_or_default();
        Ok(Response::new(ValidateResponse { violations }))
    }

    async fn execute(&self, request: Request<ExecuteRequest>) -> Result<Response<Self::ExecuteStream>, Status> {
        let request = request.into_inner();
        let key = (request.execution_id.clone(), request.attempt);
        let (sender, receiver) = mpsc::channel(WAITING_EVENTS);
        let run = Run::new(request, sender.clone());
        self.0.enter(&key, &run)?;
        let inner = self.0.clone();
        self.0.tasks.spawn(async move { inner.drive(key, run, sender).await });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn cancel(&self, request: Request<CancelRequest>) -> Result<Response<CancelResponse>, Status> {
        let CancelRequest { execution_id, grace, .. } = request.into_inner();
        let grace = grace.and_then(|grace| grace.try_into().ok()).unwrap_or(DEFAULT_GRACE);
        let disposition = self.0.locked(|Executions { running, ended }| {
            let attempts = running.iter().filter(|((id, _), _)| *id == execution_id);
            match attempts.map(|(_, run)| run.stop(grace)).count() {
                0 if ended.contains(&execution_id) => CancelDisposition::Finished,
                0 => CancelDisposition::Unknown,
                _ => CancelDisposition::Stopping,
            }
        });
        Ok(Response::new(CancelResponse { disposition: disposition.into() }))
    }

    async fn set_deadline(
        &self,
        _request: Request<SetDeadlineRequest>,
    ) -> Result<Response<SetDeadlineResponse>, Status> {
        Err(Status::unimplemented("this executor does not offer SetDeadline"))
    }

    async fn attach(&self, _request: Request<AttachRequest>) -> Result<Response<Self::AttachStream>, Status> {
        Err(Status::unimplemented("this executor does not offer Attach"))
    }

    async fn probe(&self, _request: Request<ProbeRequest>) -> Result<Response<ProbeResponse>, Status> {
        Err(Status::unimplemented("this executor does not offer Probe"))
    }
}

fn success(Report { effect, evidence }: Report) -> Ending {
    Ending { outcome: Outcome::Succeeded.into(), effect: effect.into(), evidence, ..Default::default() }
}

fn failed(failure: Failure, was_stopped: bool) -> Ending {
    let Failure { code, message, hint, retryability, effect, evidence } = failure;
    let (outcome, code, retryability) = if was_stopped {
        (Outcome::Cancelled, "CANCELLED", Retryability::Unspecified)
    } else {
        (Outcome::Failed, code, retryability)
    };
    Ending {
        outcome: outcome.into(),
        code: code.into(),
        message,
        hint: hint.into(),
        retryability: retryability.into(),
        effect: effect.into(),
        evidence,
        ..Default::default()
    }
}

fn rejection(violations: Vec<Violation>) -> Ending {
    let first = violations.first().map(|one| format!("{} {}", one.field, one.message)).unwrap_or_default();
    Ending {
        outcome: Outcome::Rejected.into(),
        code: "CONFIG_INVALID".into(),
        message: format!("the config is wrong: {first}"),
        retryability: Retryability::Permanent.into(),
        effect: Effect::None.into(),
        violations,
        ..Default::default()
    }
}

fn by_force() -> Failure {
    Failure { message: "stopped by force, as its grace time was over".into(), ..Default::default() }
}

fn crash(message: &str) -> Failure {
    Failure { code: "INTERNAL", message: message.lines().collect::<Vec<_>>().join(" "), ..Default::default() }
}

//! One execution, as the executor sees it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prost::bytes::Bytes;
use prost_types::Struct;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::proto::executor::v1::event::Kind;
use crate::proto::executor::v1::{
    Channel, Event, ExecuteRequest, ExecuteResponse, Heartbeat, Output, Progress, Result as Outcome, Started,
};

/// What one output event may hold.
const MAX_OUTPUT_BYTES: usize = 64 * 1024;
/// How long a host may hear nothing.
const HEARTBEAT: Duration = Duration::from_secs(5);

pub type EventSender = mpsc::Sender<Result<ExecuteResponse, Status>>;

/// One execution. Clones are the same one. Every method that sends waits for a host that reads slowly; when the host is gone, what is sent
/// is dropped, and soon the work is too.
#[derive(Clone)]
pub struct Run(Arc<Shared>);

struct Shared {
    request: ExecuteRequest,
    events: Mutex<Events>,
    stop: CancellationToken,
    /// The grace time is over.
    force: CancellationToken,
}

struct Events {
    sender: EventSender,
    sequence: u64,
    stdout_offset: u64,
    stderr_offset: u64,
    last_sent: Instant,
}

impl Run {
    pub(super) fn new(request: ExecuteRequest, sender: EventSender) -> Self {
        let events = Events { sender, sequence: 0, stdout_offset: 0, stderr_offset: 0, last_sent: Instant::now() };
        let (stop, force) = (CancellationToken::new(), CancellationToken::new());
        Self(Arc::new(Shared { request, events: Mutex::new(events), stop, force }))
    }

    /// All that the host said. Its `execution_id` is the idempotency key, for targets that know such a thing.
    pub fn request(&self) -> &ExecuteRequest {
        &self.0.request
    }

    /// The work begins. Comes before everything else.
    ///
    /// `target` says for people what is being run: a path, a container id, a URL without credentials.
    pub async fn started(&self, target: impl Into<String>) {
        self.send(Kind::Started(Started { target: target.into() })).await;
    }

    /// What the work produces, byte by byte as it is.
    pub async fn stdout(&self, data: impl Into<Bytes>) {
        self.output(Channel::Stdout, data.into()).await;
    }

    /// The other channel.
    #[allow(dead_code)] // this executor has nothing to say there
    pub async fn stderr(&self, data: impl Into<Bytes>) {
        self.output(Channel::Stderr, data.into()).await;
    }

    /// How far the work has come: a fraction of 1, words for people, details for programs.
    pub async fn progress(&self, fraction: f64, message: String, details: Option<Struct>) {
        self.send(Kind::Progress(Progress { fraction: Some(fraction), message, details })).await;
    }

    pub fn is_stopped(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    /// Wait until the run is told to stop.
    pub async fn stopped(&self) {
        self.0.stop.cancelled().await;
    }

    /// Tell the work to stop. Of several grace times, the one that is over first counts.
    pub(super) fn stop(&self, grace: Duration) {
        self.0.stop.cancel();
        let force = self.0.force.clone();
        tokio::spawn(async move {
            sleep(grace).await;
            force.cancel();
        });
    }

    /// Wait until the grace time is over.
    pub(super) async fn forced(&self) {
        self.0.force.cancelled().await;
    }

    /// Say that the work is alive whenever nothing else is said. Never returns.
    pub(super) async fn keep_alive(&self) {
        loop {
            let due = self.0.events.lock().await.last_sent + HEARTBEAT;
            sleep_until(due).await;
            let mut events = self.0.events.lock().await;
            if events.sequence > 0 && events.last_sent.elapsed() >= HEARTBEAT {
                events.send(Kind::Heartbeat(Heartbeat::default())).await;
            } else if events.sequence == 0 {
                events.last_sent = Instant::now(); // nothing may come before `started`
            }
        }
    }

    pub(super) async fn finish(&self, result: Outcome) {
        self.send(Kind::Result(result)).await;
    }

    async fn output(&self, channel: Channel, mut data: Bytes) {
        let mut events = self.0.events.lock().await;
        while !data.is_empty() {
            let part = data.split_to(data.len().min(MAX_OUTPUT_BYTES));
            events.output(channel, part).await;
        }
    }

    async fn send(&self, kind: Kind) {
        self.0.events.lock().await.send(kind).await;
    }
}

impl Events {
    async fn output(&mut self, channel: Channel, data: Bytes) {
        let size = data.len() as u64;
        let offset = if channel == Channel::Stdout { self.stdout_offset } else { self.stderr_offset };
        self.send(Kind::Output(Output { channel: channel.into(), offset, data })).await;
        // Only now, as work that is dropped while it waits has not sent anything.
        if channel == Channel::Stdout { self.stdout_offset += size } else { self.stderr_offset += size }
    }

    async fn send(&mut self, kind: Kind) {
        // First room, then the number: work that is dropped while it waits leaves no gap.
        let Ok(room) = self.sender.reserve().await else { return };
        self.sequence += 1;
        self.last_sent = Instant::now();
        let event = Event { sequence: self.sequence, time: Some(SystemTime::now().into()), kind: Some(kind) };
        room.send(Ok(ExecuteResponse { events: vec![event] }));
    }
}

//! What this process prints to stdout goes to the host.

use std::io::{self, Read};
use std::sync::Arc;
use std::thread;

use prost::bytes::Bytes;
use tokio::sync::{Mutex, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::proto::plugin::StdioData;
use crate::proto::plugin::grpc_stdio_server::GrpcStdio;
use crate::proto::plugin::stdio_data::Channel;

const CHUNK_BYTES: usize = 1024;
/// What waits for a host to read it. More is dropped: a print must not stall the work.
const WAITING_CHUNKS: usize = 1024;

/// Lead stdout to the host, once the handshake line has been printed: the pipe that carried it is read no further. stderr stays what it
/// is, as hosts take it for the log.
pub fn capture_stdout() -> io::Result<mpsc::Receiver<Bytes>> {
    let (mut reader, writer) = io::pipe()?;
    rustix::stdio::dup2_stdout(&writer)?;
    let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
    thread::spawn(move || {
        let mut chunk = [0; CHUNK_BYTES];
        while let Ok(count @ 1..) = reader.read(&mut chunk) {
            let _ = sender.try_send(Bytes::copy_from_slice(&chunk[..count]));
        }
    });
    Ok(receiver)
}

pub struct StdioService {
    output: Arc<Mutex<mpsc::Receiver<Bytes>>>,
    stop: CancellationToken,
}

impl StdioService {
    pub fn new(output: mpsc::Receiver<Bytes>, stop: CancellationToken) -> Self {
        Self { output: Arc::new(Mutex::new(output)), stop }
    }
}

#[tonic::async_trait]
impl GrpcStdio for StdioService {
    type StreamStdioStream = ReceiverStream<Result<StdioData, Status>>;

    async fn stream_stdio(&self, _request: Request<()>) -> Result<Response<Self::StreamStdioStream>, Status> {
        let (sender, receiver) = mpsc::channel(1);
        let (output, stop) = (self.output.clone(), self.stop.clone());
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            // A second reader waits until the first is gone.
            let mut output = output.lock().await;
            while let Ok(room) = sender.reserve().await {
                tokio::select! {
                    Some(data) = output.recv() => room.send(Ok(StdioData { channel: Channel::Stdout.into(), data })),
                    () = sender.closed() => return,
                }
            }
        }));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

//! Connections of the host, with TLS or without.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use super::log;

/// Whoever connects and says nothing is let go after this.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

pub enum Connection {
    Plain(UnixStream),
    Tls(Box<TlsStream<UnixStream>>),
}

/// Accept connections for as long as somebody takes them. Each does its TLS by itself, so that a slow one keeps nobody waiting.
pub fn accept(listener: UnixListener, tls: Option<TlsAcceptor>) -> ReceiverStream<io::Result<Connection>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(accepted) = accept_one(&listener, &sender).await {
            let (tls, sender) = (tls.clone(), sender.clone());
            tokio::spawn(async move {
                match secure(accepted, tls).await {
                    // Nobody takes it: the plugin stops.
                    Ok(connection) => drop(sender.send(Ok(connection)).await),
                    Err(error) => log::warn(format_args!("a connection was refused: {error}")),
                }
            });
        }
    });
    ReceiverStream::new(receiver)
}

/// None: nobody takes connections any more.
async fn accept_one(listener: &UnixListener, sender: &mpsc::Sender<io::Result<Connection>>) -> Option<UnixStream> {
    loop {
        tokio::select! {
            () = sender.closed() => return None,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => return Some(stream),
                Err(error) => {
                    log::error(format_args!("cannot accept a connection: {error}"));
                    tokio::time::sleep(Duration::from_millis(100)).await; // out of descriptors, most likely
                }
            },
        }
    }
}

async fn secure(stream: UnixStream, tls: Option<TlsAcceptor>) -> io::Result<Connection> {
    let Some(tls) = tls else { return Ok(Connection::Plain(stream)) };
    let secured = timeout(TLS_TIMEOUT, tls.accept(stream)).await??;
    Ok(Connection::Tls(Box::new(secured)))
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, data),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

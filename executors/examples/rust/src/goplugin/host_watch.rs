//! A plugin must not outlive its host.

use std::io;
use std::os::unix::process::parent_id;
use std::thread;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

const PARENT_POLL: Duration = Duration::from_secs(1);

/// Cancel the token when the host is gone.
///
/// With a lifeline, stdin is a pipe that the host holds and the kernel closes, however the host ends. Without one, another parent process
/// tells.
pub fn watch_host(has_lifeline: bool, gone: CancellationToken) {
    let parent = parent_id();
    thread::spawn(move || {
        if has_lifeline {
            // An error is an end too; an interruption is retried.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        } else {
            while parent_id() == parent {
                thread::sleep(PARENT_POLL);
            }
        }
        gone.cancel();
    });
}

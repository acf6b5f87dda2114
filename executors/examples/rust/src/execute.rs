//! What this executor does: it reads files and prints their digests.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use digest::DynDigest;
use tokio::fs::{self, File};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep_until};

use crate::config::{Algorithm, Config};
use crate::executor::{Failure, Report, Run, object};
use crate::proto::executor::v1::{Effect, Retryability};

/// Between two chunks it is looked whether to stop.
const CHUNK_BYTES: u64 = 64 * 1024;
/// Progress is told this often at most.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

pub async fn execute(config: Config, run: Run) -> Result<Report, Failure> {
    let target = match &config.paths[..] {
        [path] => path.display().to_string(),
        paths => format!("{} files", paths.len()),
    };
    run.started(&target).await;

    // All of them before the first is read: what is missing is told at once.
    let mut total = 0;
    for path in &config.paths {
        total += size_of(path).await?;
    }

    let mut reading = Reading::new(&run, total, config.max_bytes_per_second);
    let mut digest = String::new();
    for path in &config.paths {
        digest = reading.read(path, hasher(config.algorithm)).await?;
        run.stdout(format!("{digest}  {}\n", path.display())).await;
    }

    let algorithm = config.algorithm.name();
    let mut evidence = object([
        ("algorithm", algorithm.into()),
        ("files", (config.paths.len() as f64).into()),
        ("bytes", (reading.done as f64).into()),
    ]);
    if let ([_], Some(evidence)) = (&config.paths[..], &mut evidence) {
        evidence.fields.insert("digest".into(), digest.clone().into());
    }
    if let Some(expected) = config.expect.filter(|expected| *expected != digest) {
        return Err(Failure {
            code: "DIGEST_MISMATCH",
            message: format!("{target} has the {algorithm} digest {digest}, not {expected}"),
            retryability: Retryability::Permanent,
            evidence,
            ..no_effect()
        });
    }
    reading.tell().await;
    Ok(Report { effect: Effect::None, evidence })
}

fn hasher(algorithm: Algorithm) -> Box<dyn DynDigest + Send> {
    match algorithm {
        Algorithm::Md5 => Box::new(md5::Md5::default()),
        Algorithm::Sha1 => Box::new(sha1::Sha1::default()),
        Algorithm::Sha256 => Box::new(sha2::Sha256::default()),
        Algorithm::Sha512 => Box::new(sha2::Sha512::default()),
    }
}

/// How far a run has come with all of its files.
struct Reading<'a> {
    run: &'a Run,
    limit: Option<u64>,
    started_at: Instant,
    total: u64,
    done: u64,
    /// What the last progress said, and when.
    told: u64,
    told_at: Instant,
}

impl<'a> Reading<'a> {
    fn new(run: &'a Run, total: u64, limit: Option<u64>) -> Self {
        let now = Instant::now();
        Self { run, limit, started_at: now, total, done: 0, told: 0, told_at: now }
    }

    /// The digest of one file, in hexadecimal digits.
    async fn read(&mut self, path: &Path, mut hasher: Box<dyn DynDigest + Send>) -> Result<String, Failure> {
        let mut file = File::open(path).await.map_err(|error| unreadable(path, &error))?;
        let size = self.limit.map_or(CHUNK_BYTES, |limit| limit.min(CHUNK_BYTES));
        let mut chunk = vec![0; size as usize];
        loop {
            if self.run.is_stopped() {
                let message = format!("stopped after {} of {} bytes", self.done, self.total);
                return Err(Failure { message, ..no_effect() });
            }
            let count = file.read(&mut chunk).await.map_err(|error| unreadable(path, &error))?;
            if count == 0 {
                return Ok(hasher.finalize_reset().iter().map(|byte| format!("{byte:02x}")).collect());
            }
            hasher.update(&chunk[..count]);
            self.done += count as u64;
            self.tell_sometimes().await;
            self.pause().await;
        }
    }

    /// Wait until as many bytes may have been read as have been, or until the run is stopped.
    async fn pause(&self) {
        let Some(limit) = self.limit else { return };
        let due = self.started_at + Duration::from_secs_f64(self.done as f64 / limit as f64);
        tokio::select! {
            () = sleep_until(due) => {}
            () = self.run.stopped() => {}
        }
    }

    /// Progress of a hundredth or more.
    async fn tell_sometimes(&mut self) {
        if (self.done - self.told) * 100 >= self.total && self.told_at.elapsed() >= PROGRESS_INTERVAL {
            self.tell().await;
        }
    }

    async fn tell(&mut self) {
        let (done, total) = (self.done, self.total);
        (self.told, self.told_at) = (done, Instant::now());
        // A file may have grown meanwhile.
        let fraction = if total == 0 { 1.0 } else { (done as f64 / total as f64).min(1.0) };
        let details = object([("bytesDone", (done as f64).into()), ("bytesTotal", (total as f64).into())]);
        self.run.progress(fraction, format!("{done} of {total} bytes"), details).await;
    }
}

async fn size_of(path: &Path) -> Result<u64, Failure> {
    let found = fs::metadata(path).await.map_err(|error| unreadable(path, &error))?;
    if found.is_file() {
        return Ok(found.len());
    }
    let what = if found.is_dir() { "a directory" } else { "not a regular file" };
    Err(Failure {
        code: "NOT_A_FILE",
        message: format!("{} is {what}", path.display()),
        retryability: Retryability::Permanent,
        ..no_effect()
    })
}

/// For people and programs, what the system said.
fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound => {
            Failure { code: "FILE_NOT_FOUND", message: format!("{path} does not exist"), ..no_effect() }
        }
        ErrorKind::PermissionDenied => Failure {
            code: "FILE_NOT_READABLE",
            message: format!("{path} may not be read by this executor"),
            hint: "Run it as a user who may read the file",
            retryability: Retryability::Permanent,
            ..no_effect()
        },
        _ => Failure {
            code: "READ_FAILED",
            message: format!("{path} cannot be read: {error}"),
            retryability: Retryability::Retryable,
            ..no_effect()
        },
    }
}

/// Reading changes nothing, whatever comes of it.
fn no_effect() -> Failure {
    Failure { effect: Effect::None, ..Failure::default() }
}

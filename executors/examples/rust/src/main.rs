//! An executor. What it is stands here, which config it takes in `config.rs`, and what it does in `execute.rs`. The rest is the same for
//! every executor: `executor/` keeps the contract with the host, and `goplugin/` lets the host start this program and reach it.

mod config;
mod execute;
mod executor;
mod goplugin;

/// Made from the .proto files by build.rs.
#[allow(clippy::all, dead_code)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/proto.rs"));
}

use std::collections::HashMap;
use std::process::ExitCode;

use config::Config;
use executor::{Description, Executor, Failure, Report, Run};
use proto::executor::v1::Violation;

struct Digests;

impl Executor for Digests {
    const DESCRIPTION: Description = Description {
        name: "checksum",
        version: "1.0.0",
        summary: "Computes and compares digests of files",
        config_schema: config::SCHEMA,
        idempotent: true,
        max_concurrent_executions: 16,
    };
    type Config = Config;

    fn parse(&self, given: &HashMap<String, String>) -> Result<Config, Vec<Violation>> {
        config::parse(given)
    }

    async fn execute(&self, config: Config, run: Run) -> Result<Report, Failure> {
        execute::execute(config, run).await
    }
}

fn main() -> ExitCode {
    executor::serve(Digests)
}

//! What an executor says of itself, takes and gives back.

use std::collections::HashMap;

use prost_types::{Struct, Value};

use super::Run;
use crate::proto::executor::v1::{Effect, Retryability, Violation};

pub struct Description {
    /// As jobs write it: lower-case letters, digits, `_` and `-`.
    pub name: &'static str,
    /// In semver.
    pub version: &'static str,
    /// One sentence, for people.
    pub summary: &'static str,
    /// JSON Schema, draft 2020-12.
    pub config_schema: &'static str,
    /// Running the same execution id twice has the effect of running it once.
    pub idempotent: bool,
    /// How many executions one process takes at the same time; 0 means no limit.
    pub max_concurrent_executions: u32,
}

/// An executor. There is one value of it in a process; it may hold what executions share, such as connections.
pub trait Executor: Send + Sync + 'static {
    const DESCRIPTION: Description;
    /// What a job asks for, in types of its own.
    type Config: Send + 'static;

    /// Make a config of a job's strings, or tell everything that is wrong with it. It touches nothing outside.
    fn parse(&self, given: &HashMap<String, String>) -> Result<Self::Config, Vec<Violation>>;

    /// Do the work of one execution; called many times, also at the same time.
    ///
    /// When the run is told to stop, stop at once and return a failure, which then counts as CANCELLED. What has not returned when the
    /// grace time is over, which is a second when the host has dropped the call, is dropped at its next `await`.
    fn execute(&self, config: Self::Config, run: Run) -> impl Future<Output = Result<Report, Failure>> + Send;
}

/// What is known of work that succeeded.
#[derive(Debug, Default)]
pub struct Report {
    /// Was something outside changed? Leave it unspecified where nobody knows: a promise of NONE makes trying again safe.
    pub effect: Effect,
    /// Proof of what happened.
    pub evidence: Option<Struct>,
}

/// Why work failed.
#[derive(Debug, Default)]
pub struct Failure {
    /// Stable cause in upper-case snake case.
    pub code: &'static str,
    /// One line, for people, without secrets.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
    /// Would trying again help?
    pub retryability: Retryability,
    /// Was something outside changed all the same?
    pub effect: Effect,
    pub evidence: Option<Struct>,
}

/// Evidence and details: an object as JSON knows it.
pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Option<Struct> {
    Some(Struct { fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect() })
}

/// A value as messages show it: in one line, and the whole of it only if it is short.
pub fn quote(value: &str) -> String {
    const MOST: usize = 100;
    let shown: String = value.chars().take(MOST).collect();
    let rest = if shown.len() < value.len() { "..." } else { "" };
    format!("{shown:?}{rest}")
}

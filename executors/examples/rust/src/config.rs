//! What a job asks for.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::executor::quote;
use crate::proto::executor::v1::Violation;

/// Tells hosts and people which keys there are; `parse` says the same in Rust.
pub const SCHEMA: &str = include_str!("config.schema.json");

const KEYS: [&str; 4] = ["path", "algorithm", "expect", "maxBytesPerSecond"];

#[derive(Debug)]
pub struct Config {
    /// At least one.
    pub paths: Vec<PathBuf>,
    pub algorithm: Algorithm,
    /// The digest that the file must have, in lower case.
    pub expect: Option<String>,
    /// How fast to read at most.
    pub max_bytes_per_second: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512];

    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn hex_digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// Make a config of a job's strings, or tell everything that is wrong with it.
pub fn parse(given: &HashMap<String, String>) -> Result<Config, Vec<Violation>> {
    let mut wrong = Vec::new();
    let mut violate = |field: &str, message: String, hint: &str| {
        wrong.push(Violation { field: field.into(), message, hint: hint.into() });
    };
    let text = |key: &str| given.get(key).map_or("", String::as_str);

    let paths: Vec<_> =
        text("path").lines().map(str::trim).filter(|path| !path.is_empty()).map(PathBuf::from).collect();
    if paths.is_empty() {
        violate("path", "is required".into(), "write one absolute path per line");
    }
    for path in paths.iter().filter(|path| !path.is_absolute()) {
        violate("path", format!("{} is not an absolute path", quote(&path.to_string_lossy())), "start it with /");
    }

    let name = Some(text("algorithm")).filter(|name| !name.is_empty()).unwrap_or("sha256");
    let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name);
    if algorithm.is_none() {
        let names = Algorithm::ALL.map(Algorithm::name).join(", ");
        violate("algorithm", format!("{} is not one of {names}", quote(name)), "");
    }

    let expect = Some(text("expect")).filter(|expect| !expect.is_empty());
    if let (Some(expect), Some(algorithm)) = (expect, algorithm) {
        let digits = algorithm.hex_digits();
        if expect.len() != digits || !expect.chars().all(|digit| digit.is_ascii_hexdigit()) {
            let message = format!("{} is not a {} digest", quote(expect), algorithm.name());
            violate("expect", message, &format!("write {digits} hexadecimal digits"));
        }
    }
    if expect.is_some() && paths.len() > 1 {
        let message = format!("goes with one path, not {}", paths.len());
        violate("expect", message, "leave it out, or run one job per file");
    }

    let rate = Some(text("maxBytesPerSecond")).filter(|rate| !rate.is_empty());
    let max_bytes_per_second = rate.and_then(|rate| rate.parse().ok()).filter(|rate| *rate >= 1);
    if let (Some(rate), None) = (rate, max_bytes_per_second) {
        let message = format!("{} is not a whole number of at least 1", quote(rate));
        violate("maxBytesPerSecond", message, "write decimal digits, or leave it out");
    }

    for key in given.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        violate(key, "is not a known key".into(), &format!("known keys: {}", KEYS.join(", ")));
    }

    match algorithm {
        Some(algorithm) if wrong.is_empty() => {
            Ok(Config { paths, algorithm, expect: expect.map(str::to_lowercase), max_bytes_per_second })
        }
        _ => Err(wrong),
    }
}

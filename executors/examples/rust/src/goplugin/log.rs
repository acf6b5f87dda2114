//! The log, which hosts read from stderr: a word at the beginning of a line is its level.

use std::fmt::Display;
use std::io::{self, Write};

pub fn warn(message: impl Display) {
    write("WARN", message);
}

pub fn error(message: impl Display) {
    write("ERROR", message);
}

/// Without a host nobody reads it, which is no reason to panic.
fn write(level: &str, message: impl Display) {
    let _ = writeln!(io::stderr(), "[{level}] {message}");
}

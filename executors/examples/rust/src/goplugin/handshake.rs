//! The line by which a plugin tells its host where to find it.

use std::io::{self, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The only version of go-plugin's own protocol that there has ever been.
const CORE_VERSION: u32 = 1;

/// The highest version that both sides speak; the lowest own one when there is none, so that the host can say what does not fit.
pub fn negotiate(own: &[i64], offered: &[i64]) -> i64 {
    let common = own.iter().filter(|version| offered.contains(version)).max();
    *common.or(own.iter().min()).expect("an application has at least one version")
}

pub struct Handshake<'a> {
    pub version: i64,
    pub socket: &'a Path,
    /// The plugin's own, in DER.
    pub certificate: Option<&'a [u8]>,
    pub asks_for_multiplexing: bool,
}

impl Handshake<'_> {
    /// Write the line to stdout, in one piece.
    pub fn print(&self) -> io::Result<()> {
        // Go refuses padding.
        let certificate = self.certificate.map(|der| STANDARD_NO_PAD.encode(der)).unwrap_or_default();
        // Hosts before go-plugin 1.6 take a seventh field for part of the certificate.
        let multiplexing = if self.asks_for_multiplexing { "|false" } else { "" };
        let (version, socket) = (self.version, self.socket.display());
        let line = format!("{CORE_VERSION}|{version}|unix|{socket}|grpc|{certificate}{multiplexing}\n");
        let mut stdout = io::stdout().lock();
        stdout.write_all(line.as_bytes())?;
        stdout.flush()
    }
}

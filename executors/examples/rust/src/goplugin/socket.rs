//! The socket that the host connects to.

use std::collections::hash_map::RandomState;
use std::fs::{self, Permissions};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// The file of a unix socket, which goes when this is dropped.
pub struct SocketFile(PathBuf);

/// Listen under a name of its own in the directory. Only this user may connect, or the group too, if one is given.
pub fn listen(directory: &Path, group: Option<&str>) -> io::Result<(UnixListener, SocketFile)> {
    // The standard library's only source of random numbers.
    let path = directory.join(format!("plugin{}", RandomState::new().build_hasher().finish()));
    let listener = UnixListener::bind(&path)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {}: {error}", path.display())))?;
    let file = SocketFile(path);
    if let Some(group) = group {
        chown(&file.0, None, Some(group_id(group)?))?;
    }
    let mode = if group.is_some() { 0o660 } else { 0o600 };
    fs::set_permissions(&file.0, Permissions::from_mode(mode))?;
    Ok((listener, file))
}

impl SocketFile {
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Its directory may be gone already, and with it the socket.
        let _ = fs::remove_file(&self.0);
    }
}

fn group_id(group: &str) -> io::Result<u32> {
    if let Ok(id) = group.parse() {
        return Ok(id);
    }
    fs::read_to_string("/etc/group")?
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields[0] == group)
        .and_then(|fields| fields.get(2)?.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("unknown group: {group}")))
}

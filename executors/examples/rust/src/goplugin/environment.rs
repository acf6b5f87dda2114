//! What the host says through the environment.

use std::env;
use std::path::PathBuf;

/// The variables of go-plugin, and one of Executor Host's own.
const VARIABLES: [&str; 8] = [
    "PLUGIN_PROTOCOL_VERSIONS",
    "PLUGIN_CLIENT_CERT",
    "PLUGIN_UNIX_SOCKET_DIR",
    "PLUGIN_UNIX_SOCKET_GROUP",
    "PLUGIN_MULTIPLEX_GRPC",
    "PLUGIN_MIN_PORT",
    "PLUGIN_MAX_PORT",
    "EXECUTOR_HOST_LIFELINE",
];

/// How two programs recognise each other: a check against running a plugin by hand, not a secret.
pub struct MagicCookie {
    pub key: &'static str,
    pub value: &'static str,
}

/// The host's wishes.
///
/// The range of ports is not among them: on Unix, plugins listen on sockets in a directory.
pub struct Environment {
    /// Versions of the application protocol that the host offers, in no order.
    pub versions: Vec<i64>,
    /// The host's certificate in PEM; there is TLS if it is set.
    pub client_certificate: Option<String>,
    pub socket_directory: PathBuf,
    /// Name or number of the group that may use the socket.
    pub socket_group: Option<String>,
    pub asks_for_multiplexing: bool,
    /// Whether the end of stdin means the end of the host.
    pub has_lifeline: bool,
}

impl Environment {
    /// Read the environment and remove the protocol's variables from it, as a plugin may itself be the host of another.
    ///
    /// None: the cookie is missing or wrong, so that nobody who knows go-plugin started this process.
    ///
    /// # Safety
    ///
    /// No other thread may be running yet: the environment is changed.
    pub unsafe fn take(cookie: &MagicCookie) -> Option<Self> {
        if variable(cookie.key).as_deref() != Some(cookie.value) {
            return None;
        }
        let offered = variable("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_default();
        let taken = Self {
            versions: offered.split(',').filter_map(|version| version.parse().ok()).collect(),
            client_certificate: variable("PLUGIN_CLIENT_CERT"),
            socket_directory: variable("PLUGIN_UNIX_SOCKET_DIR").map_or_else(env::temp_dir, PathBuf::from),
            socket_group: variable("PLUGIN_UNIX_SOCKET_GROUP"),
            asks_for_multiplexing: variable("PLUGIN_MULTIPLEX_GRPC").is_some(),
            has_lifeline: variable("EXECUTOR_HOST_LIFELINE").as_deref() == Some("stdin"),
        };
        for name in VARIABLES.iter().chain([&cookie.key]) {
            // SAFETY: there is no other thread, as the caller promises.
            unsafe { env::remove_var(name) };
        }
        Some(taken)
    }
}

/// An empty variable counts as none.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

//! Limits on resources that a client or a guest can make the front use. Configurable limits are in `options`.

use std::time::Duration;

/// Maximum bytes of a request or response head. Longer heads are answered with 431, or 502.
pub const MAX_HEAD: usize = 64 << 10;

/// Maximum number of headers of a request or a response.
pub const MAX_HEADERS: usize = 100;

/// Maximum bytes of a path in the access log; keeps a client from filling the disk.
pub const MAX_LOGGED_PATH: usize = 512;

/// Capacity of the access log's queue, in lines. Lines beyond it are dropped and counted.
pub const MAX_LOG_LINES: usize = 1024;

/// Maximum number of concurrent connections to the admin address.
pub const MAX_ADMIN_CONNECTIONS: usize = 16;

/// Deadline of an admin request.
pub const ADMIN_PATIENCE: Duration = Duration::from_secs(5);

/// Lingering close: how long the body of a rejected request is read and discarded, so that the client receives the response
/// instead of a reset ...
pub const LINGER: Duration = Duration::from_secs(2);

/// ... and the maximum bytes that are discarded.
pub const LINGER_BYTES: u64 = 64 << 20;

/// Deadline from the start of a guest process to its first instance, which includes the start of GPU drivers.
pub const START_TIMEOUT: Duration = Duration::from_secs(120);

/// Deadline from the end of a request to the next instance; after it, the guest process is killed. A guest that still computes
/// for a disconnected client exceeds it.
pub const RENEW_TIMEOUT: Duration = Duration::from_secs(15);

/// Maximum number of guest processes; each uses descriptors of the front.
pub const MAX_INSTANCES: u32 = 1024;

/// Initial backoff before a guest process is restarted that ended before it was ready. It doubles each time ...
pub const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// ... up to this maximum.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// Pause after an error of `accept` that would recur at once, such as a lack of descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

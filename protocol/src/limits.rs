//! Limits: every size that one side controls and the other must hold, with the attack that the limit stops.

use std::time::Duration;

/// Commands gather up to this many bytes before a batch leaves by itself, so that the daemon works while the guest still
/// records. A larger value saves system calls; a smaller one starts the daemon earlier.
pub const BATCH_TARGET: usize = 16 << 10;

/// Bytes of one batch. A single command may be long (a shader's source), hence well above [`BATCH_TARGET`]; the bound
/// keeps a client from making the daemon hold more.
pub const MAX_BATCH: usize = 16 << 20;

/// Bytes of one shader's source. Parsing takes memory and time in proportion.
pub const MAX_SHADER_SOURCE: usize = 4 << 20;

/// Nesting of a shader's operators and brackets. Each may be a level of the compiler's recursion, whose stack overflow
/// ends the worker.
pub const MAX_SHADER_DEPTH: usize = 2 << 10;

/// Cases of one `switch` and members of one structure. Compilers, the drivers' included, take time in proportion to their
/// square.
pub const MAX_SHADER_ITEMS: usize = 2 << 10;

/// Declarations at module scope. They may depend on one another, which is recursion again, and compiling them takes
/// time in proportion to the square of their number.
pub const MAX_SHADER_DECLARATIONS: usize = 4 << 10;

/// Control characters of a shader other than white space. The compiler's messages take time in proportion to their number
/// times the length of the source.
pub const MAX_SHADER_CONTROLS: usize = 64;

/// Bytes of one label or debug marker; longer ones are cut by the host. It bounds memory for names.
pub const MAX_LABEL: usize = 4 << 10;

/// Elements of one list in a descriptor (entries, constants, attributes, command buffers, bundles). WebGPU's own limits
/// are far below; this one stops a list from costing memory before they are checked.
pub const MAX_LIST: usize = 64 << 10;

/// Bytes of data that are sent within the batch; longer data takes the shared ring, which copies it half as often.
pub const INLINE_PAYLOAD: usize = 1 << 10;

/// Bytes of the shared ring for data of commands.
pub const RING_SIZE: u32 = 8 << 20;

/// Bytes of the shared ring for data of events, which is the data of maps. A mapped range of any length passes through
/// it; the ring need only be long enough for one side to copy in while the other copies out.
pub const EVENT_RING_SIZE: u32 = 4 << 20;

/// Bytes of the longest page that there is, to which the parts of the shared memory are aligned.
pub const LONGEST_PAGE: u32 = 64 << 10;

/// Bytes of the longest message in a queue of the shared memory: batches and events of a small readback. Longer ones take the
/// socket, whose cost is small beside theirs.
pub const MAX_QUEUED: usize = (2 << 10) - 16;

/// Messages in a queue of the shared memory. Further ones take the socket.
pub const QUEUE_SLOTS: u32 = 32;

/// Bytes of the shared memory: the two rings, the two queues, and a page of numbers for each side.
pub const SHARED_SIZE: u32 = RING_SIZE + EVENT_RING_SIZE + 4 * LONGEST_PAGE;

/// Bytes of one piece in the ring: a quarter of it, so that copies in and out overlap.
pub const MAX_PIECE: u32 = 2 << 20;

/// Bytes that the daemon gathers from pieces for one command. A client cannot make it hold more than this beside its
/// allocations on the GPU.
pub const MAX_STAGED: u64 = 1 << 30;

/// Bytes of one event, and of all that is read into memory for it. It keeps a broken daemon's length field from making
/// the host allocate.
pub const MAX_EVENT: usize = 4 << 20;

/// Uncaptured-error streams of one device that receive errors; further ones only end with the device.
pub const MAX_ERROR_STREAMS: usize = 64;

/// Values of `override` declarations of one stage, vertex buffers and color targets of a pipeline, attributes of a vertex
/// buffer. Above every limit of WebGPU, and small enough for a pipeline to fit a batch.
pub const MAX_PIPELINE_LIST: usize = 1 << 10;

/// Adapters of one list. No machine has as many; each has a dozen texts and all its limits.
pub const MAX_LISTED_ADAPTERS: usize = 256;

/// Bytes of the first and the last [`MapData`](crate::Event::MapData) event of a map.
pub const MIN_MAP_PIECE: usize = 128 << 10;

/// Bytes of the longest [`MapData`](crate::Event::MapData) event between them.
pub const MAX_MAP_PIECE: usize = 256 << 10;

/// Bytes that a session may have mapped at a time. Mapped contents live in the host.
pub const MAX_MAPPED: u64 = 1 << 30;

/// Live objects of one kind in a session. A higher id is a protocol violation, so that an id alone cannot make a slab
/// grow.
pub const MAX_OBJECTS: u32 = 1 << 20;

/// Adapters that a session may hold at a time. Each is a handle of the driver's.
pub const MAX_ADAPTERS: u32 = 1 << 10;

/// Devices that a session may hold at a time. Each has memory and a thread or more in the driver.
pub const MAX_DEVICES: u32 = 64;

/// Requests that wait for a reply at a time. A guest with more never reads its replies.
pub const MAX_PENDING: usize = 64 << 10;

/// Nested error scopes of one device.
pub const MAX_SCOPES: usize = 1 << 17;

/// Uncaptured errors that wait for the guest to read its stream; later ones are logged and dropped.
pub const MAX_QUEUED_ERRORS: usize = 256;

/// Bytes of an error message; longer ones are cut. A validation message can quote a guest's own source.
pub const MAX_MESSAGE: usize = 16 << 10;

/// Bytes of the worker's first line.
pub const MAX_HELLO: usize = 4 << 10;

/// Workers of one broker at a time: those of a host that has one session and replaces it. It keeps a host that a guest
/// has taken over from starting processes without bound.
pub const MAX_BROKER_WORKERS: usize = 4;

/// Bytes of the path of the folder in which workers' folders are made. A socket's path has 108 bytes, ipc-channel truncates a
/// longer one silently, and a worker's folder, its socket's folder and the socket take 38.
pub const MAX_SOCKET_FOLDER: usize = 64;

/// Timeout of a client's wait for a worker's first line or for a further `WAIT`, and of a worker's wait for its client.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(20);

/// Interval at which a server sends `WAIT` to clients whose worker has not started.
pub const WAIT_INTERVAL: Duration = Duration::from_secs(2);

/// Maximum number of `WAIT` lines that a server sends, and that a client accepts: nearly seven minutes. It bounds how long a server can
/// hold a client, and the unread lines in the socket's buffer.
pub const MAX_WAITS: usize = 200;

/// Shortens a text to `limit` bytes at a character's boundary.
pub fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while end > 0 && !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}

//! A service of `wasi:http` 0.2. It answers with a greeting, or misbehaves for some paths, for tests of a server's reaction:
//! | path | effect |
//! | path | what it does |
//! |---|---|
//! | `/trap` | panics before it answers |
//! | `/none` | returns without an answer |
//! | `/loop` | computes without end |
//! | `/late` | begins an answer, and computes without end |
//! | `/broken` | begins an answer, and panics |
//! | `/large` | answers with 32 MiB |
//! | `/memory` | allocates until it fails, and reports the size |
//! | `/count` | reports the number of earlier requests to this instance |

use std::sync::atomic::{AtomicU32, Ordering};

use bindings::exports::wasi::http::incoming_handler::Guest;
use bindings::wasi::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

/// Generated from the excerpts beside the guests.
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package airlock:hello;

            world service {
                import wasi:http/types@0.2.0;
                export wasi:http/incoming-handler@0.2.0;
            }
        ",
        path: ["../wit/deps/io-0.2", "../wit/deps/http-0.2"],
        world: "service",
        generate_all,
    });
}

/// The number of requests to this instance.
static ANSWERED: AtomicU32 = AtomicU32::new(0);

/// The body of `/large` in bytes, and the size of the pieces that are written.
const LARGE: usize = 32 << 20;
const PIECE: usize = 4096;

/// The size of one allocation of `/memory`, in bytes.
const MEMORY_STEP: usize = 16 << 20;

struct Hello;

impl Guest for Hello {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let before = ANSWERED.fetch_add(1, Ordering::Relaxed);
        match path.as_str() {
            "/trap" => panic!("as it was asked to"),
            "/none" => {}
            "/loop" => for_ever(),
            "/late" => {
                let _body = begin(out, b"a begin");
                for_ever();
            }
            "/broken" => {
                let _body = begin(out, b"a begin");
                panic!("as it was asked to");
            }
            "/large" => answer(out, &vec![b'x'; LARGE]),
            "/memory" => answer(out, format!("{} MiB\n", memory() >> 20).as_bytes()),
            "/count" => answer(out, format!("{before}\n").as_bytes()),
            other => answer(out, format!("hello from {other}\n").as_bytes()),
        }
    }
}

fn for_ever() -> ! {
    loop {
        ANSWERED.fetch_add(0, Ordering::Relaxed);
    }
}

/// Allocates until the host refuses more memory.
fn memory() -> usize {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut piece: Vec<u8> = Vec::new();
        if piece.try_reserve_exact(MEMORY_STEP).is_err() {
            return taken.len() * MEMORY_STEP;
        }
        piece.push(1);
        taken.push(piece);
    }
}

/// Sends a response's head and the first piece of its body.
fn begin(out: ResponseOutparam, piece: &[u8]) -> OutgoingBody {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("its one body");
    ResponseOutparam::set(out, Ok(response));
    write(&body, piece);
    body
}

fn write(body: &OutgoingBody, bytes: &[u8]) {
    let stream = body.write().expect("its one stream");
    for piece in bytes.chunks(PIECE) {
        // The client has closed the connection.
        if stream.blocking_write_and_flush(piece).is_err() {
            return;
        }
    }
}

fn answer(out: ResponseOutparam, bytes: &[u8]) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("its one body");
    ResponseOutparam::set(out, Ok(response));
    write(&body, bytes);
    let _ = OutgoingBody::finish(body, None);
}

bindings::export!(Hello with_types_in bindings);

//! A service of `wasi:http` 0.2. It answers with a greeting, and misbehaves where the path asks for it, so that tests see
//! what a server makes of that:
//!
//! | path | what it does |
//! |---|---|
//! | `/trap` | panics before it answers |
//! | `/none` | returns without an answer |
//! | `/loop` | computes for ever |
//! | `/late` | begins an answer, and computes for ever |
//! | `/broken` | begins an answer, and panics |
//! | `/large` | answers with 32 MiB |
//! | `/memory` | takes memory until there is no more, and says how much |
//! | `/count` | says how many requests this instance has answered before |

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

/// Requests that this instance has had.
static ANSWERED: AtomicU32 = AtomicU32::new(0);

/// What `/large` answers with, in pieces that a stream takes at once.
const LARGE: usize = 32 << 20;
const PIECE: usize = 4096;

/// What `/memory` takes at a time.
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

/// Takes memory until the host gives no more.
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

/// Sends an answer's head and a first piece.
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
        // A client that has gone takes no more of it.
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

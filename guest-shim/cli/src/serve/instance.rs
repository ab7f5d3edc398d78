//! Handling of one request by an instance.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use airlock::{WasiWebGpuView as _, send_while_waiting};
use airlock_traces::cli::terminal;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{HOST, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use tokio::{
    net::UnixStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use wasmtime::{Store, Trap};
use wasmtime_wasi_http::{
    Error, WasiHttpView as _,
    io::TokioIo,
    p2::bindings::http::types::{ErrorCode as ErrorCode2, Scheme},
    p3::Request as Request3,
};

use super::{
    answer,
    handler::Service,
    limits::{MAX_HEAD, MAX_HEADERS},
};
use crate::{error::root_cause, store::State};

/// Body of a request or a response in the form of `wasi:http`.
type Body = UnsyncBoxBody<Bytes, Error>;
type Answer = oneshot::Sender<Response<Body>>;

/// State of an instance after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It can handle another request.
    Usable,
    /// It trapped or was interrupted, and must be dropped.
    Spent,
}

/// Reads the request from a connection, calls the handler, and waits until the response is sent or the peer disconnects.
pub async fn serve(store: &mut Store<State>, service: &Service, connection: UnixStream) -> Left {
    let (sender, mut requests) = mpsc::channel::<(Request<Body>, Answer)>(1);
    let take = service_fn(move |request: Request<Incoming>| {
        let sender = sender.clone();
        async move {
            let (answer, answered) = oneshot::channel();
            // Read to the end (the front has bounded it): closing a Unix socket with unread data would fail the front's writes
            // and lose the response of a guest that ignores the body.
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| "the front has gone")?.to_bytes();
            let request = Request::from_parts(head, whole(body));
            sender.send((request, answer)).await.map_err(|_| "the instance has gone")?;
            // Without an answer, the connection is closed.
            answered.await.map_err(|_| "the guest did not answer")
        }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let connection = http.serve_connection(TokioIo::new(connection), take);
    let mut sent = tokio::spawn(async move { drop(connection.await) });
    let (request, answer) = tokio::select! {
        Some(taken) = requests.recv() => taken,
        // The peer disconnected before the request was complete.
        _ = &mut sent => return Left::Usable,
    };
    let outcome = match service {
        Service::Wasi2(_) => call2(store, service, request, answer, &mut sent).await,
        Service::Wasi3(_) => call3(store, service, request, answer, &mut sent).await,
    };
    // Waited for, because it may run on another thread: when the store is dropped, the body of a broken guest ends as a
    // complete one does, and the connection's task must not be there to send that end.
    sent.abort();
    if !sent.is_finished() {
        let _ = sent.await;
    }
    match outcome {
        Ok(left) => left,
        Err(error) => {
            report(&error);
            Left::Spent
        }
    }
}

/// Completes the URI with a scheme and the authority of the Host header.
fn absolute(request: Request<Body>) -> Request<Body> {
    let (mut head, body) = request.into_parts();
    let authority = head.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let mut uri = std::mem::take(&mut head.uri).into_parts();
    uri.authority = uri.authority.or_else(|| authority?.parse().ok());
    if uri.authority.is_some() {
        uri.scheme = Some(hyper::http::uri::Scheme::HTTP);
    }
    // The path was valid before.
    head.uri = hyper::Uri::from_parts(uri).unwrap_or_default();
    if !head.headers.contains_key(HOST) {
        head.headers.insert(HOST, HeaderValue::from_static("localhost"));
    }
    Request::from_parts(head, body)
}

/// Body of one chunk.
fn whole(bytes: impl Into<Full<Bytes>>) -> Body {
    bytes.into().map_err(|never| match never {}).boxed_unsync()
}

/// Response of this process in place of the guest's.
fn instead(status: StatusCode, why: &str) -> Response<Body> {
    answer::plain(status, why).map(whole)
}

/// Calls `wasi:http/handler@0.3.0`.
async fn call3(
    store: &mut Store<State>,
    service: &Service,
    request: Request<Body>,
    answer: Answer,
    sent: &mut JoinHandle<()>,
) -> wasmtime::Result<Left> {
    let Service::Wasi3(service) = service else { return Ok(Left::Usable) };
    let run = async |accessor: &_| -> wasmtime::Result<Left> {
        let mut answer = answer;
        let (request, received) = wasmtime::component::Accessor::<State>::with(accessor, |mut access| {
            let (request, received) = Request3::from_http(access.data_mut().http().hooks, absolute(request));
            (request, Box::pin(received) as Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>)
        });
        let call = send_while_waiting(accessor, State::webgpu, service.handle(accessor, request));
        let answered = tokio::select! {
            answered = call => answered,
            // An interrupted instance is not reused.
            () = answer.closed() => return Ok(Left::Spent),
        };
        let response = match answered {
            Ok(Ok(response)) => accessor.with(|access| response.into_http(access, received))?,
            Ok(Err(code)) => instead(StatusCode::INTERNAL_SERVER_ERROR, &failure(&code)),
            Err(error) => {
                let _ = answer.send(trapped(&error));
                let _ = sent.await;
                return Err(error);
            }
        };
        if answer.send(response).is_err() {
            return Ok(Left::Spent);
        }
        // The guest's tasks run meanwhile: they write the body.
        send_while_waiting(accessor, State::webgpu, async { drop(sent.await) }).await;
        Ok(Left::Usable)
    };
    store.run_concurrent(run).await?
}

/// Calls `wasi:http/incoming-handler@0.2`.
async fn call2(
    store: &mut Store<State>,
    service: &Service,
    request: Request<Body>,
    answer: Answer,
    sent: &mut JoinHandle<()>,
) -> wasmtime::Result<Left> {
    let Service::Wasi2(service) = service else { return Ok(Left::Usable) };
    let answer = Arc::new(Mutex::new(Some(answer)));
    let take = |answer: &Mutex<Option<Answer>>| answer.lock().unwrap_or_else(PoisonError::into_inner).take();
    let of_guest = Arc::clone(&answer);
    // Sent from within the guest's call, which may continue to compute without yielding.
    let set = move |value: Result<Response<Body>, ErrorCode2>| {
        let response = value.unwrap_or_else(|code| instead(StatusCode::INTERNAL_SERVER_ERROR, &failure(&code)));
        if let Some(answer) = take(&of_guest) {
            // A disconnected peer is handled below.
            let _ = answer.send(response);
        }
    };
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(Scheme::Http, absolute(request))?;
    let out = http.new_response_outparam_from_callback(set)?;
    let returned = tokio::select! {
        returned = service.wasi_http_incoming_handler().call_handle(&mut *store, request, out) => returned,
        // The peer disconnected, or the body is complete while the guest still runs: no reason to wait.
        _ = &mut *sent => return Ok(Left::Spent),
    };
    match (take(&answer), returned) {
        // The rest of the response is missing: the connection is aborted.
        (None, Err(error)) => return Err(error),
        (None, Ok(())) => {}
        (Some(answer), Ok(())) => {
            let _ = answer.send(instead(StatusCode::BAD_GATEWAY, "The guest returned without an answer."));
        }
        (Some(answer), Err(error)) => {
            let _ = answer.send(trapped(&error));
            let _ = sent.await;
            return Err(error);
        }
    }
    let _ = sent.await;
    Ok(Left::Usable)
}

/// Response after a trap.
fn trapped(error: &wasmtime::Error) -> Response<Body> {
    let why = error.downcast_ref::<Trap>().map_or("The guest broke off.", |_| "The guest trapped.");
    instead(StatusCode::BAD_GATEWAY, why)
}

/// Text for an error code that the guest returned.
fn failure(code: &impl std::fmt::Debug) -> String {
    format!("The guest answered with an error: {code:?}.")
}

/// Prints a trap to standard error.
fn report(error: &wasmtime::Error) {
    let cause = root_cause(error);
    terminal::error(&format!("the guest trapped: {}", cause.strip_prefix("wasm trap: ").unwrap_or(&cause)));
}

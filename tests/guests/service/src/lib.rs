//! Shared parts of HTTP services: whole requests, and whole answers.
//!
//! [`service!`] exports `wasi:http/handler@0.3.0` for an `async fn(Request) -> Answer`. The answer's head is sent at once,
//! and a task of its own writes the body.

pub mod bindings;

use bindings::wasi::http::types::{self, ErrorCode, Fields, Method};
use bindings::{wit_future, wit_stream};

/// A request with its whole body. The host limits its size.
pub struct Request {
    pub method: Method,
    /// The path without the query.
    pub path: String,
    query: String,
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a query parameter, percent-encoded as received: the services here take numbers and words.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|pair| pair.1)
    }

    /// A query parameter as a number, or `default` if it is absent.
    pub fn number(&self, name: &str, default: u32) -> Result<u32, Answer> {
        match self.parameter(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| Answer::text(400, format!("{name}={text} is no number"))),
        }
    }
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

impl Answer {
    /// A line of text as an answer.
    pub fn text(status: u16, line: impl Into<String>) -> Answer {
        Answer { status, content_type: "text/plain; charset=utf-8", body: (line.into() + "\n").into_bytes() }
    }
}

/// Exports `wasi:http/handler`; the argument names an `async fn(Request) -> Answer`.
#[macro_export]
macro_rules! service {
    ($answer:path) => {
        struct Service;

        impl $crate::bindings::exports::wasi::http::handler::Guest for Service {
            async fn handle(
                request: $crate::bindings::wasi::http::types::Request,
            ) -> ::std::result::Result<
                $crate::bindings::wasi::http::types::Response,
                $crate::bindings::wasi::http::types::ErrorCode,
            > {
                ::guest_support::start::install_panic_hook(env!("CARGO_PKG_NAME"));
                let request = $crate::take_in(request).await?;
                $crate::hand_out($answer(request).await)
            }
        }

        $crate::bindings::export!(Service with_types_in $crate::bindings);
    };
}

/// Reads a request with its whole body.
pub async fn take_in(request: types::Request) -> Result<Request, ErrorCode> {
    let method = request.get_method();
    let target = request.get_path_with_query().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    // The sender does not receive the outcome of the body.
    let (result, outcome) = wit_future::new(|| Ok(()));
    drop(result);
    let (stream, trailers) = types::Request::consume_body(request, outcome);
    let body = stream.collect().await;
    trailers.await?;
    Ok(Request { method, path, query, body })
}

/// Makes the response; a task of its own writes the body.
pub fn hand_out(answer: Answer) -> Result<types::Response, ErrorCode> {
    let broken = |_| ErrorCode::InternalError(Some("a header that is none".to_owned()));
    let headers = Fields::new();
    headers.set("content-type", &[answer.content_type.as_bytes().to_vec()]).map_err(broken)?;
    headers.set("content-length", &[answer.body.len().to_string().into_bytes()]).map_err(broken)?;
    let (mut writer, body) = wit_stream::new();
    let (no_trailers, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = types::Response::new(headers, Some(body), trailers);
    response
        .set_status_code(answer.status)
        .map_err(|()| ErrorCode::InternalError(Some("no such status".to_owned())))?;
    wit_bindgen::spawn_local(async move {
        // A client that has disconnected takes only a part.
        let _left = writer.write_all(answer.body).await;
        drop(writer);
        let _ = no_trailers.write(Ok(None)).await;
    });
    Ok(response)
}

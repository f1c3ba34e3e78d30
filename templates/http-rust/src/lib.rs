//! An HTTP handler that greets whom the path names: `GET /Ada`.

use std::io::{self, Write};

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

wasip2::http::proxy::export!(Greeter);

struct Greeter;

impl Guest for Greeter {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (status, text) = answer(&request.method(), &path);
        if let Err(error) = send(out, status, &text) {
            eprintln!("the answer could not be sent: {error}");
        }
    }
}

/// The status and the text for a request.
fn answer(method: &Method, path: &str) -> (u16, String) {
    if !matches!(method, Method::Get | Method::Head) {
        return (405, "only GET and HEAD\n".into());
    }
    let name = path.split('?').next().unwrap_or_default().trim_start_matches('/');
    let name = if name.is_empty() { "world" } else { name };
    (200, format!("Hello, {name}, from WebAssembly!\n"))
}

fn send(out: ResponseOutparam, status: u16, text: &str) -> io::Result<()> {
    let headers = Fields::new();
    headers
        .append("content-type", b"text/plain; charset=utf-8")
        .map_err(io::Error::other)?;
    let response = OutgoingResponse::new(headers);
    let _ = response.set_status_code(status); // refuses only numbers that are no status
    let body = response.body().expect("the body of a new response");
    ResponseOutparam::set(out, Ok(response));

    let mut stream = body.write().expect("the stream of a new body");
    stream.write_all(text.as_bytes())?;
    Write::flush(&mut stream)?; // the stream has a flush of its own, which does not wait
    drop(stream); // a body may be finished only when its stream is gone
    OutgoingBody::finish(body, None).map_err(io::Error::other)
}

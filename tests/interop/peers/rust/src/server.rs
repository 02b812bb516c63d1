use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body::Frame;
use http_body_util::BodyExt;
use tokio::net::UnixListener;
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::{mpsc, Barrier, Notify};
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::body::Body;
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::transport::server::TcpIncoming;
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status, Streaming};
use tower::ServiceExt as _;

use crate::pattern;
use crate::pb;
use crate::pb::interop_server::{Interop, InteropServer};

// h2 ends a connection that holds DATA frames of less than 256 bytes which its handlers have not read: about 2,300 of
// 10 bytes with tonic's own window, more with a larger one. "many" may have 10,000 under way.
const CONNECTION_WINDOW: u32 = 8 << 20;
const DRAIN: Duration = Duration::from_secs(30);

type Replies = ReceiverStream<Result<pb::Reply, Status>>;
type Sender = mpsc::Sender<Result<pb::Reply, Status>>;

// What was seen of the calls with one id.
#[derive(Default)]
struct Record {
    seen: pb::SeenReply,
    gathered: Option<Arc<Barrier>>,
}

#[derive(Clone, Default)]
struct Calls(Arc<Mutex<HashMap<String, Record>>>);

impl Calls {
    fn note<T>(&self, id: &str, change: impl FnOnce(&mut Record) -> T) -> T {
        let mut calls = self.0.lock().unwrap();
        let new = || Record { seen: pb::SeenReply { timeout_ms: -1, ..Default::default() }, gathered: None };
        change(calls.entry(id.to_string()).or_insert_with(new))
    }
}

// One call while its handler runs. tonic drops the handler of a call that is cancelled: dropped before it has ended,
// it was.
struct Call {
    calls: Calls,
    id: String,
    count: i32,
    size: i64,
    crc: crc32fast::Hasher,
    pairs: Vec<pb::Pair>,
    timeout_ms: i64,
    ended: bool,
}

impl Drop for Call {
    fn drop(&mut self) {
        let cancelled = !self.ended;
        self.note(|seen| {
            seen.ended += 1;
            seen.cancelled |= cancelled;
        });
    }
}

impl Call {
    // The call, and the header that its metadata asks for.
    fn begin(calls: &Calls, metadata: &MetadataMap) -> (Call, MetadataMap) {
        let (mut pairs, mut header) = (Vec::new(), MetadataMap::new());
        for entry in metadata.iter() {
            let (key, value) = match entry {
                KeyAndValueRef::Ascii(key, value) => (key.as_str(), value.as_bytes().to_vec()),
                KeyAndValueRef::Binary(key, value) => (key.as_str(), value.to_bytes().unwrap_or_default().to_vec()),
            };
            if !key.starts_with("x-") {
                continue;
            }
            pairs.push(pb::Pair { key: key.to_string(), value });
            match entry {
                KeyAndValueRef::Ascii(key, value) if key.as_str().starts_with("x-header") => {
                    header.append(key, value.clone());
                }
                KeyAndValueRef::Binary(key, value) if key.as_str().starts_with("x-header") => {
                    header.append_bin(key, value.clone());
                }
                _ => {}
            }
        }
        let timeout_ms = metadata.get("grpc-timeout").and_then(|value| milliseconds(value.to_str().ok()?)).unwrap_or(-1);
        let call = Call {
            calls: calls.clone(),
            id: String::new(),
            count: 0,
            size: 0,
            crc: crc32fast::Hasher::new(),
            pairs,
            timeout_ms,
            ended: false,
        };
        (call, header)
    }

    fn note(&self, change: impl FnOnce(&mut pb::SeenReply)) {
        if !self.id.is_empty() {
            self.calls.note(&self.id, |record| change(&mut record.seen));
        }
    }

    fn received(&mut self, request: &pb::Request) {
        if self.count == 0 && !request.id.is_empty() {
            self.id = request.id.clone();
            let timeout_ms = self.timeout_ms;
            self.note(|seen| {
                seen.started += 1;
                seen.timeout_ms = timeout_ms;
            });
        }
        self.count += 1;
        self.size += request.payload.len() as i64;
        self.crc.update(&request.payload);
        self.note(|seen| seen.received += 1);
    }

    fn reply(&mut self, payload: Vec<u8>, text: String) -> pb::Reply {
        pb::Reply {
            payload,
            text,
            count: self.count,
            size: self.size,
            crc: self.crc.clone().finalize(),
            metadata: std::mem::take(&mut self.pairs),
        }
    }

    // False when the call is cancelled.
    async fn write(&self, replies: &Sender, reply: pb::Reply) -> bool {
        let sent = replies.send(Ok(reply)).await.is_ok();
        if sent {
            self.note(|seen| seen.sent += 1);
        }
        sent
    }

    fn end(&mut self, plan: &pb::Plan) -> Result<(), Status> {
        self.ended = true;
        let code = Code::from(plan.code);
        match code {
            Code::Ok => Ok(()),
            _ if plan.details.is_empty() => Err(Status::new(code, plan.message.clone())),
            _ => Err(Status::with_details(code, plan.message.clone(), plan.details.clone().into())),
        }
    }

    async fn end_stream(&mut self, replies: &Sender, plan: &pb::Plan) {
        if let Err(status) = self.end(plan) {
            let _ = replies.send(Err(status)).await;
        }
    }
}

// A grpc-timeout; what is left of it is all of it, when a handler begins.
fn milliseconds(timeout: &str) -> Option<i64> {
    let (number, unit) = timeout.split_at_checked(timeout.len().checked_sub(1)?)?;
    let number: i64 = number.parse().ok()?;
    Some(match unit {
        "H" => number * 3_600_000,
        "M" => number * 60_000,
        "S" => number * 1000,
        "m" => number,
        "u" => number / 1000,
        "n" => number / 1_000_000,
        _ => return None,
    })
}

fn with_header<T>(reply: T, header: MetadataMap) -> Response<T> {
    let mut response = Response::new(reply);
    *response.metadata_mut() = header;
    response
}

#[derive(Clone, Default)]
struct Service {
    calls: Calls,
    drain: Arc<Notify>,
}

// Runs `handler` beside the response, whose replies it sends.
fn streaming<F: std::future::Future<Output = ()> + Send + 'static>(
    header: MetadataMap,
    handler: impl FnOnce(Sender) -> F,
) -> Result<Response<Replies>, Status> {
    let (sender, replies) = mpsc::channel(1);
    tokio::spawn(handler(sender));
    Ok(with_header(ReceiverStream::new(replies), header))
}

// The next request of a Bidi call; an error when the call has ended early.
async fn next(requests: &mut Streaming<pb::Request>, replies: &Sender) -> Result<Option<pb::Request>, Status> {
    tokio::select! {
        request = requests.message() => request,
        _ = replies.closed() => Err(Status::cancelled("")),
    }
}

#[tonic::async_trait]
impl Interop for Service {
    async fn unary(&self, request: Request<pb::Request>) -> Result<Response<pb::Reply>, Status> {
        let (mut call, header) = Call::begin(&self.calls, request.metadata());
        let request = request.into_inner();
        call.received(&request);
        let plan = request.plan.unwrap_or_default();
        if plan.wait {
            std::future::pending::<()>().await; // until tonic drops it
        }
        if plan.gather > 0 {
            let new = || Arc::new(Barrier::new(plan.gather as usize));
            let gathered = self.calls.note(&request.id, |record| record.gathered.get_or_insert_with(new).clone());
            gathered.wait().await;
        }
        call.end(&plan)?;
        call.note(|seen| seen.sent += 1);
        let payload = if plan.reply_size > 0 { pattern(plan.reply_size as usize, 0) } else { request.payload };
        Ok(with_header(call.reply(payload, request.text), header))
    }

    type ServerStreamStream = Replies;

    async fn server_stream(&self, request: Request<pb::Request>) -> Result<Response<Replies>, Status> {
        let (mut call, header) = Call::begin(&self.calls, request.metadata());
        let request = request.into_inner();
        call.received(&request);
        streaming(header, |replies| async move {
            let plan = request.plan.unwrap_or_default();
            for i in 0..plan.replies {
                let reply = pb::Reply {
                    payload: pattern(plan.reply_size as usize, i as usize),
                    text: request.text.clone(),
                    count: i,
                    metadata: std::mem::take(&mut call.pairs),
                    ..Default::default()
                };
                if !call.write(&replies, reply).await {
                    return;
                }
            }
            if plan.wait {
                return replies.closed().await;
            }
            call.end_stream(&replies, &plan).await;
        })
    }

    async fn client_stream(&self, request: Request<Streaming<pb::Request>>) -> Result<Response<pb::Reply>, Status> {
        let (mut call, header) = Call::begin(&self.calls, request.metadata());
        let mut requests = request.into_inner();
        let (mut plan, mut text) = (pb::Plan::default(), String::new());
        while let Some(mut request) = requests.message().await? {
            call.received(&request);
            text = std::mem::take(&mut request.text);
            if call.count == 1 {
                plan = request.plan.unwrap_or_default();
                if plan.wait {
                    std::future::pending::<()>().await;
                }
            }
            if call.count == plan.read {
                break;
            }
        }
        call.end(&plan)?;
        call.note(|seen| seen.sent += 1);
        Ok(with_header(call.reply(Vec::new(), text), header))
    }

    type BidiStream = Replies;

    async fn bidi(&self, request: Request<Streaming<pb::Request>>) -> Result<Response<Replies>, Status> {
        let (mut call, header) = Call::begin(&self.calls, request.metadata());
        let mut requests = request.into_inner();
        streaming(header, |replies| async move {
            let mut plan = pb::Plan::default();
            loop {
                let request = match next(&mut requests, &replies).await {
                    Ok(Some(request)) => request,
                    Ok(None) => break,
                    Err(status) => {
                        let _ = replies.send(Err(status)).await;
                        return;
                    }
                };
                call.received(&request);
                let reply = call.reply(request.payload, request.text);
                if !call.write(&replies, reply).await {
                    return;
                }
                if call.count == 1 {
                    plan = request.plan.unwrap_or_default();
                    if plan.wait {
                        return replies.closed().await;
                    }
                }
                if call.count == plan.read {
                    return call.end_stream(&replies, &plan).await;
                }
            }
            for i in 0..plan.replies {
                let reply = call.reply(pattern(plan.reply_size as usize, i as usize), String::new());
                if !call.write(&replies, reply).await {
                    return;
                }
            }
            call.end_stream(&replies, &plan).await;
        })
    }

    async fn seen(&self, request: Request<pb::SeenRequest>) -> Result<Response<pb::SeenReply>, Status> {
        Ok(Response::new(self.calls.note(&request.into_inner().id, |record| record.seen.clone())))
    }

    async fn drain(&self, _: Request<pb::DrainRequest>) -> Result<Response<pb::DrainReply>, Status> {
        self.drain.notify_one();
        Ok(Response::new(pb::DrainReply {}))
    }

    async fn not_there(&self, _: Request<pb::Request>) -> Result<Response<pb::Reply>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

fn append(to: &mut http::HeaderMap, trailers: &http::HeaderMap) {
    for (key, value) in trailers {
        to.append(key, value.clone());
    }
}

// Adds a call's trailers to its response, under tonic, which has trailers of a handler only for those that fail.
async fn call_with_trailers(
    service: InteropServer<Service>,
    request: http::Request<Body>,
) -> Result<http::Response<Body>, std::convert::Infallible> {
    let mut trailers = http::HeaderMap::new();
    for (key, value) in request.headers().iter().filter(|(key, _)| key.as_str().starts_with("x-trailer")) {
        trailers.append(key, value.clone());
    }
    let mut response = service.oneshot(request).await?;
    if response.headers().contains_key("grpc-status") {
        append(response.headers_mut(), &trailers); // there is no body
    }
    let with_trailers = move |frame: Frame<_>| match frame.into_trailers() {
        Ok(mut of_tonic) => {
            append(&mut of_tonic, &trailers);
            Frame::trailers(of_tonic)
        }
        Err(frame) => frame,
    };
    Ok(response.map(|body| Body::new(body.map_frame(with_trailers))))
}

pub async fn serve(addr: &str, max_streams: u32) -> Result<(), String> {
    let said = |error: std::io::Error| format!("{addr}: {error}");
    let service = Service::default();
    let drain = service.drain.clone();
    let mut terminated = signal(SignalKind::terminate()).map_err(said)?;
    let stopping = Arc::new(Notify::new());
    let late = {
        let stopping = stopping.clone();
        async move {
            stopping.notified().await;
            tokio::time::sleep(DRAIN).await;
        }
    };
    let stop = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = drain.notified() => {}
        }
        stopping.notify_one();
    };
    let layer = tower::layer::layer_fn(|service: InteropServer<Service>| {
        tower::service_fn(move |request| call_with_trailers(service.clone(), request))
    });
    let builder = Server::builder()
        .max_concurrent_streams(max_streams)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .layer(layer);
    let service = InteropServer::new(service);
    let served = async {
        if let Some(path) = addr.strip_prefix("unix:") {
            let listener = UnixListener::bind(path).map_err(said)?;
            println!("listening {addr}");
            builder.serve_with_incoming_shutdown(service, UnixListenerStream::new(listener), stop).await
        } else {
            let tcp = addr.strip_prefix("tcp:").and_then(|tcp| tcp.parse().ok()).ok_or("want tcp:HOST:PORT or unix:PATH")?;
            let listener = TcpIncoming::bind(tcp).map_err(said)?.with_nodelay(Some(true));
            println!("listening tcp:{}", listener.local_addr().map_err(said)?);
            builder.serve_with_incoming_shutdown(service, listener, stop).await
        }
        .map_err(|error| error.to_string())
    };
    tokio::select! {
        ended = served => ended,
        _ = late => Err("calls were still open after 30 s".to_string()),
    }
}

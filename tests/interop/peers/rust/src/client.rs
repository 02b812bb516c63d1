use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};

use crate::cases;
use crate::pb;
use crate::pb::interop_client::InteropClient;
use crate::pb::missing_client::MissingClient;

pub const CALL_TIMEOUT: Duration = Duration::from_secs(20);

// Why a case fails.
pub struct Why(pub String);
pub type Checked<T = ()> = Result<T, Why>;

impl From<Status> for Why {
    fn from(status: Status) -> Why {
        Why(format!("{:?} {:?}", status.code(), status.message()))
    }
}

// Fails the case, with a text that says why, unless the condition holds.
macro_rules! check {
    ($ok:expr, $($what:tt)*) => {
        if !$ok {
            return Err($crate::client::Why(format!($($what)*)));
        }
    };
}
pub(crate) use check;

pub fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    request
}

pub fn with_plan(plan: pb::Plan) -> pb::Request {
    pb::Request { plan: Some(plan), ..Default::default() }
}

// A Bidi call: the requests are sent by `requests`, which is dropped for the half-close.
pub struct Bidi {
    pub requests: mpsc::Sender<pb::Request>,
    pub replies: Streaming<pb::Reply>,
    pub header: MetadataMap,
}

impl Bidi {
    pub async fn send(&self, request: pb::Request) -> Checked {
        self.requests.send(request).await.map_err(|_| Why("the call takes no more requests".into()))
    }

    pub async fn reply(&mut self) -> Checked<pb::Reply> {
        self.replies.message().await?.ok_or(Why("no further reply".into()))
    }

    pub async fn turn(&mut self, request: pb::Request, what: &str) -> Checked<pb::Reply> {
        self.send(request.clone()).await?;
        let reply = self.reply().await?;
        check_reply(&reply, &request, what)?;
        Ok(reply)
    }

    // Half-closes, and gives what is received after that.
    pub fn half_close(self) -> Streaming<pb::Reply> {
        self.replies
    }
}

#[derive(Clone)]
pub struct Client {
    pub stub: InteropClient<Channel>,
    pub missing: MissingClient<Channel>,
    pub seconds: f64,
    pub joined: bool,
}

static IDS: AtomicU32 = AtomicU32::new(0);

impl Client {
    pub fn id(&self) -> String {
        format!("tonic-{}-{}", std::process::id(), IDS.fetch_add(1, Relaxed))
    }

    pub async fn unary(&self, message: pb::Request) -> Result<pb::Reply, Status> {
        Ok(self.stub.clone().unary(request(message)).await?.into_inner())
    }

    pub async fn unary_fails(&self, message: pb::Request, code: Code, text: Option<&str>, what: &str) -> Checked<Status> {
        check_status(self.unary(message).await.err(), code, text, what)
    }

    pub async fn server_stream(&self, message: pb::Request) -> Result<Streaming<pb::Reply>, Status> {
        Ok(self.stub.clone().server_stream(request(message)).await?.into_inner())
    }

    pub async fn client_stream(&self, messages: Vec<pb::Request>) -> Result<pb::Reply, Status> {
        Ok(self.stub.clone().client_stream(request(tokio_stream::iter(messages))).await?.into_inner())
    }

    // Sends `first` at once: a server sends the header with its first reply.
    pub async fn bidi(&self, first: pb::Request, timeout: Duration, metadata: MetadataMap) -> Result<Bidi, Status> {
        let (requests, stream) = mpsc::channel(16);
        let _ = requests.send(first).await;
        let mut request = Request::new(ReceiverStream::new(stream));
        *request.metadata_mut() = metadata;
        request.set_timeout(timeout);
        let response = self.stub.clone().bidi(request).await?;
        let header = response.metadata().clone();
        Ok(Bidi { requests, replies: response.into_inner(), header })
    }

    // What the server saw of a call, once `until` holds for it.
    pub async fn seen(&self, id: &str, what: &str, until: impl Fn(&pb::SeenReply) -> bool) -> Checked<pb::SeenReply> {
        let start = Instant::now();
        let mut reply = pb::SeenReply::default();
        while start.elapsed() < Duration::from_secs(5) {
            reply = self.stub.clone().seen(request(pb::SeenRequest { id: id.into() })).await?.into_inner();
            if until(&reply) {
                return Ok(reply);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(Why(format!("the server did not see {what}: {reply:?}")))
    }

    pub async fn seen_cancelled(&self, id: &str) -> Checked<pb::SeenReply> {
        self.seen(id, "the cancellation", |seen| seen.ended == 1 && seen.cancelled).await
    }
}

// `error` is how a call failed, None for one that did not; gives it back when it is as it must be.
pub fn check_status(error: Option<Status>, code: Code, message: Option<&str>, what: &str) -> Checked<Status> {
    let Some(status) = error else {
        return Err(Why(format!("{what}: a call succeeded that must fail")));
    };
    let as_wanted = status.code() == code && message.is_none_or(|message| status.message() == message);
    check!(as_wanted, "{what}: want {code:?} {message:?}, got {:?} {:?}", status.code(), status.message());
    Ok(status)
}

pub fn check_reply(reply: &pb::Reply, request: &pb::Request, what: &str) -> Checked {
    let (sent, got) = (request.payload.len(), reply.payload.len());
    check!(reply.payload == request.payload, "{what}: {sent} bytes of payload came back as {got} others");
    check!(reply.text == request.text, "{what}: text {:?} came back as {:?}", request.text, reply.text);
    Ok(())
}

pub async fn check_end(replies: &mut Streaming<pb::Reply>, what: &str) -> Checked {
    check!(replies.message().await?.is_none(), "{what}: a reply more than expected");
    Ok(())
}

fn quoted(text: &str) -> String {
    let escaped: String = text.chars().flat_map(|c| match c {
        '"' | '\\' => vec!['\\', c],
        c if (c as u32) < 0x20 => vec![' '],
        c => vec![c],
    }).collect();
    format!("\"{escaped}\"")
}

pub async fn run(target: &str, names: &str, seconds: f64, joined: bool) -> Result<(), String> {
    let uri = match target.strip_prefix("tcp:") {
        Some(tcp) => format!("http://{tcp}"),
        None => target.to_string(),
    };
    let channel = Endpoint::from_shared(uri).map_err(|error| format!("{target}: {error}"))?.connect_lazy();
    let client = Client { stub: InteropClient::new(channel.clone()), missing: MissingClient::new(channel), seconds, joined };
    for name in names.split(',') {
        let start = Instant::now();
        // A task of its own: one that panics fails its case alone.
        let (client, case) = (client.clone(), name.to_string());
        let ended = tokio::spawn(async move { cases::run(&client, &case).await }).await;
        let why = match ended {
            Ok(Ok(())) => String::new(),
            Ok(Err(Why(why))) => why,
            Err(panic) => panic.to_string(),
        };
        println!(
            "{{\"case\": {}, \"ok\": {}, \"why\": {}, \"seconds\": {}}}",
            quoted(name),
            why.is_empty(),
            quoted(&why),
            start.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

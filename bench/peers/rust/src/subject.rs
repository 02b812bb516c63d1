// Client and server in this process, connected over tokio::io::duplex. Each operation checks what it received.
use crate::payload::{make_large, same_large, stamped, Payloads};
use bytes::Bytes;
use echo::echo_client::EchoClient;
use echo::echo_server::{Echo, EchoServer};
use echo::{Order, Payload};
use helloworld::greeter_client::GreeterClient;
use helloworld::greeter_server::{Greeter, GreeterServer};
use helloworld::{HelloReply, HelloRequest};
use hyper_util::rt::TokioIo;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use tokio::io::{duplex, DuplexStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use tokio_stream::{iter, StreamExt};
use tonic::codegen::BoxStream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

mod helloworld {
    tonic::include_proto!("helloworld");
}
mod echo {
    tonic::include_proto!("echo");
}

// Windows as wide as sluice's over a pipe: with the default of 64 KiB, 1 MiB would wait for WINDOW_UPDATEs.
const STREAM_WINDOW: u32 = 8 << 20;
const CONN_WINDOW: u32 = 64 << 20;
const FRAME: u32 = 1 << 20;
const MAX_MESSAGE: usize = 8 << 20;
const PIPE: usize = 256 << 10;

type Answers = BoxStream<Payload>;

struct GreeterImpl;

#[tonic::async_trait]
impl Greeter for GreeterImpl {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        Ok(Response::new(HelloReply { message: format!("Hello {}", request.get_ref().name) }))
    }
}

struct EchoImpl(Arc<Payloads>);

#[tonic::async_trait]
impl Echo for EchoImpl {
    async fn unary(&self, request: Request<Payload>) -> Result<Response<Payload>, Status> {
        Ok(Response::new(Payload { data: Bytes::copy_from_slice(&request.get_ref().data) }))
    }

    async fn stream(&self, order: Request<Order>) -> Result<Response<Answers>, Status> {
        let payloads = self.0.clone();
        let message = move |i| Ok(Payload { data: Bytes::copy_from_slice(payloads.text(i)) });
        Ok(Response::new(Box::pin(iter(0..u64::from(order.get_ref().count)).map(message))))
    }

    async fn chat(&self, request: Request<Streaming<Payload>>) -> Result<Response<Answers>, Status> {
        let answer = |message: Result<Payload, Status>| Ok(Payload { data: Bytes::copy_from_slice(&message?.data) });
        Ok(Response::new(Box::pin(request.into_inner().map(answer))))
    }
}

pub struct Chat {
    requests: mpsc::Sender<Payload>,
    answers: Streaming<Payload>,
}

pub struct Subject {
    payloads: Arc<Payloads>,
    dial: mpsc::UnboundedSender<Result<DuplexStream, std::io::Error>>,
    greeter: GreeterClient<Channel>,
    echo: EchoClient<Channel>,
    chat: Option<Chat>,
    large: Bytes,
    held_connections: Vec<GreeterClient<Channel>>,
    held_streams: Vec<Chat>,
}

async fn connect(dial: &mpsc::UnboundedSender<Result<DuplexStream, std::io::Error>>) -> Result<Channel, String> {
    let dial = dial.clone();
    let connector = tower::service_fn(move |_| {
        let (client, server) = duplex(PIPE);
        let sent = dial.send(Ok(server)).map_err(|_| std::io::Error::other("the server is gone"));
        async move { sent.map(|()| TokioIo::new(client)) }
    });
    Endpoint::from_static("http://pipe")
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONN_WINDOW)
        .max_frame_size(FRAME)
        .connect_with_connector(connector)
        .await
        .map_err(|error| error.to_string())
}

impl Subject {
    pub async fn new(serves: &Option<Handle>) -> Result<Self, String> {
        let payloads = Arc::new(Payloads::new());
        let (dial, incoming) = mpsc::unbounded_channel();
        let echo = EchoServer::new(EchoImpl(payloads.clone())).max_decoding_message_size(MAX_MESSAGE);
        let server = Server::builder()
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONN_WINDOW)
            .max_frame_size(FRAME)
            .max_concurrent_streams(1024)
            .add_service(GreeterServer::new(GreeterImpl))
            .add_service(echo)
            .serve_with_incoming(UnboundedReceiverStream::new(incoming));
        match serves {
            Some(runtime) => drop(runtime.spawn(server)),
            None => drop(tokio::spawn(server)),
        }
        let channel = connect(&dial).await?;
        Ok(Subject {
            payloads,
            dial,
            greeter: GreeterClient::new(channel.clone()),
            echo: EchoClient::new(channel).max_decoding_message_size(MAX_MESSAGE),
            chat: None,
            large: make_large(),
            held_connections: Vec::new(),
            held_streams: Vec::new(),
        })
    }

    pub async fn unary(&mut self, i: u64) -> bool {
        say_hello(&mut self.greeter, &self.payloads, i).await
    }

    // `calls` calls, `outstanding` of them at a time, each chain of calls a task.
    pub async fn unary_many(&mut self, calls: u64, outstanding: u64) -> bool {
        let (next, right) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(true)));
        let mut tasks = Vec::new();
        for _ in 0..outstanding {
            let (next, right) = (next.clone(), right.clone());
            let (mut greeter, payloads) = (self.greeter.clone(), self.payloads.clone());
            tasks.push(tokio::spawn(async move {
                loop {
                    let i = next.fetch_add(1, Relaxed);
                    if i >= calls {
                        return;
                    }
                    if !say_hello(&mut greeter, &payloads, i).await {
                        right.store(false, Relaxed);
                    }
                }
            }));
        }
        for task in tasks {
            if task.await.is_err() {
                return false;
            }
        }
        right.load(Relaxed)
    }

    pub async fn ping_pong(&mut self, i: u64) -> bool {
        if self.chat.is_none() {
            self.chat = open_chat(&mut self.echo).await;
        }
        match &mut self.chat {
            Some(chat) => exchange(chat, &self.payloads, i).await,
            None => false,
        }
    }

    pub async fn stream(&mut self, messages: u64) -> bool {
        let Ok(answer) = self.echo.stream(Order { count: messages as u32 }).await else { return false };
        let mut answers = answer.into_inner();
        for i in 0..messages {
            match answers.message().await {
                Ok(Some(message)) if message.data == self.payloads.text(i) => {}
                _ => return false,
            }
        }
        matches!(answers.message().await, Ok(None))
    }

    pub async fn large(&mut self, i: u64) -> bool {
        self.large = stamped(std::mem::take(&mut self.large), i);
        match self.echo.unary(Payload { data: self.large.clone() }).await {
            Ok(reply) => same_large(&self.large, &reply.get_ref().data, i),
            Err(_) => false,
        }
    }

    pub async fn hold_connections(&mut self, n: u64) -> Result<(), String> {
        for k in 0..n {
            let mut greeter = GreeterClient::new(connect(&self.dial).await?);
            say_hello(&mut greeter, &self.payloads, k).await;
            self.held_connections.push(greeter);
        }
        Ok(())
    }

    pub async fn hold_streams(&mut self, n: u64) {
        for k in 0..n {
            if let Some(mut chat) = open_chat(&mut self.echo).await {
                exchange(&mut chat, &self.payloads, k).await;
                self.held_streams.push(chat);
            }
        }
    }
}

async fn say_hello(greeter: &mut GreeterClient<Channel>, payloads: &Payloads, i: u64) -> bool {
    let request = HelloRequest { name: payloads.name(i).to_owned() };
    matches!(greeter.say_hello(request).await, Ok(reply) if reply.get_ref().message == payloads.greeting(i))
}

async fn open_chat(echo: &mut EchoClient<Channel>) -> Option<Chat> {
    let (requests, outgoing) = mpsc::channel(1);
    let answers = echo.chat(ReceiverStream::new(outgoing)).await.ok()?.into_inner();
    Some(Chat { requests, answers })
}

async fn exchange(chat: &mut Chat, payloads: &Payloads, i: u64) -> bool {
    let request = Payload { data: Bytes::copy_from_slice(payloads.text(i)) };
    chat.requests.send(request).await.is_ok()
        && matches!(chat.answers.message().await, Ok(Some(reply)) if reply.data == payloads.text(i))
}

// What each case must check stands in tests/interop/README.md.
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message;
use tokio::task::JoinSet;
use tonic::metadata::{BinaryMetadataKey, AsciiMetadataKey, BinaryMetadataValue, MetadataMap};
use tonic::{Code, Request};

use crate::client::{check, check_end, check_reply, check_status, request, with_plan, Bidi, Checked, Client, Why, CALL_TIMEOUT};
use crate::pattern;
use crate::pb;

pub async fn run(c: &Client, name: &str) -> Checked {
    match name {
        "unary" => unary(c).await,
        "server_stream" => server_stream(c).await,
        "client_stream" => client_stream(c).await,
        "bidi" => bidi(c).await,
        "empty" => empty(c).await,
        "metadata" => metadata(c).await,
        "metadata_many" => metadata_many(c).await,
        "metadata_bin" => metadata_bin(c).await,
        "metadata_big" => metadata_big(c).await,
        "sequence" => sequence(c).await,
        "status_message" => status_message(c).await,
        "status_plain" => status_plain(c).await,
        "status_details" => status_details(c).await,
        "status_kinds" => status_kinds(c).await,
        "unimplemented" => unimplemented(c).await,
        "utf8" => utf8(c).await,
        "deadline" => deadline(c).await,
        "deadline_stream" => deadline_stream(c).await,
        "cancel_unary" => cancel_unary(c).await,
        "cancel_stream" => cancel_stream(c).await,
        "cancel_bidi" => cancel_bidi(c).await,
        "server_ends_early" => server_ends_early(c).await,
        "server_ends_early_ok" => server_ends_early_ok(c).await,
        "large" => large(c).await,
        "volume" => volume(c).await,
        "many" => many(c).await,
        "too_long" => too_long(c).await,
        "crowd" => all_at_once(c, &c.id(), Some(pb::Plan { gather: 1000, ..Default::default() })).await,
        "crowd_queued" => all_at_once(c, "", None).await,
        "drain" => drain(c).await,
        "ping_pong" => ping_pong(c).await,
        _ => Err(Why("no such case".into())),
    }
}

fn message(payload: Vec<u8>, text: &str) -> pb::Request {
    pb::Request { payload, text: text.into(), ..Default::default() }
}

fn check_totals(reply: &pb::Reply, count: usize, size: usize, crc: u32, what: &str) -> Checked {
    let (got, want) = ((reply.count as usize, reply.size as usize, reply.crc), (count, size, crc));
    check!(got == want, "{what}: messages, bytes and crc: sent {want:?}, the server counted {got:?}");
    Ok(())
}

async fn unary(c: &Client) -> Checked {
    for k in 0..5 {
        let request = message(pattern(100 * k, k), &format!("unary {k}"));
        let reply = c.unary(request.clone()).await?;
        check_reply(&reply, &request, &request.text)?;
        check_totals(&reply, 1, 100 * k, crc32fast::hash(&request.payload), &request.text)?;
    }
    Ok(())
}

async fn read_stream(c: &Client, n: usize, size: usize) -> Checked {
    let plan = pb::Plan { replies: n as i32, reply_size: size as i32, ..Default::default() };
    let mut stream = c.server_stream(pb::Request { text: "down".into(), plan: Some(plan), ..Default::default() }).await?;
    for i in 0..n {
        let reply = stream.message().await?.ok_or(Why(format!("{i} replies of {n}")))?;
        let as_wanted = reply.count as usize == i && reply.text == "down" && reply.payload == pattern(size, i);
        check!(as_wanted, "reply {i} of {n}: got number {}, {} bytes", reply.count, reply.payload.len());
    }
    check_end(&mut stream, "ServerStream").await
}

async fn write_stream(c: &Client, n: usize, size: impl Fn(usize) -> usize) -> Checked {
    let requests: Vec<_> = (0..n).map(|i| message(pattern(size(i), i), &i.to_string())).collect();
    let mut crc = crc32fast::Hasher::new();
    let mut total = 0;
    for request in &requests {
        crc.update(&request.payload);
        total += request.payload.len();
    }
    let reply = c.client_stream(requests).await?;
    check_totals(&reply, n, total, crc.finalize(), "ClientStream")?;
    check!(n == 0 || reply.text == (n - 1).to_string(), "text of the last message: {}", reply.text);
    Ok(())
}

async fn server_stream(c: &Client) -> Checked {
    read_stream(c, 10, 1000).await?;
    read_stream(c, 0, 0).await
}

async fn client_stream(c: &Client) -> Checked {
    write_stream(c, 10, |i| 100 * i).await?;
    write_stream(c, 0, |_| 0).await
}

async fn plain_bidi(c: &Client, first: pb::Request) -> Checked<Bidi> {
    Ok(c.bidi(first, CALL_TIMEOUT, MetadataMap::new()).await?)
}

async fn bidi(c: &Client) -> Checked {
    let plan = pb::Plan { replies: 3, reply_size: 10, ..Default::default() };
    let requests: Vec<_> = (0..10)
        .map(|i| pb::Request {
            payload: pattern(50 * i, i),
            text: format!("ping {i}"),
            plan: (i == 0).then(|| plan.clone()),
            ..Default::default()
        })
        .collect();
    let mut both = plain_bidi(c, requests[0].clone()).await?;
    let (mut crc, mut total) = (crc32fast::Hasher::new(), 0);
    for (i, request) in requests.into_iter().enumerate() {
        crc.update(&request.payload);
        total += request.payload.len();
        let what = request.text.clone();
        let reply = if i == 0 {
            let reply = both.reply().await?;
            check_reply(&reply, &request, &what)?;
            reply
        } else {
            both.turn(request, &what).await?
        };
        check_totals(&reply, i + 1, total, crc.clone().finalize(), &what)?;
    }
    let mut replies = both.half_close();
    for i in 0..3 {
        let reply = replies.message().await?.ok_or(Why(format!("{i} replies after the half-close")))?;
        check!(reply.payload == pattern(10, i), "reply {i} after the half-close: {} bytes", reply.payload.len());
        check_totals(&reply, 10, total, crc.clone().finalize(), "after the half-close")?;
    }
    check_end(&mut replies, "Bidi").await
}

async fn empty(c: &Client) -> Checked {
    let counted = |count| pb::Reply { count, ..Default::default() };
    check!(c.unary(pb::Request::default()).await? == counted(1), "Unary");
    let mut none = c.server_stream(pb::Request::default()).await?;
    check_end(&mut none, "ServerStream without replies").await?;
    let mut down = c.server_stream(with_plan(pb::Plan { replies: 2, ..Default::default() })).await?;
    check!(down.message().await? == Some(counted(0)), "the first reply is not empty");
    check!(down.message().await? == Some(counted(1)), "the second reply");
    check_end(&mut down, "ServerStream").await?;
    check!(c.client_stream(vec![pb::Request::default(); 3]).await? == counted(3), "ClientStream");
    let mut both = plain_bidi(c, pb::Request::default()).await?;
    for i in 1..=3 {
        if i > 1 {
            both.send(pb::Request::default()).await?;
        }
        check!(both.reply().await? == counted(i), "Bidi");
    }
    check_end(&mut both.half_close(), "Bidi").await
}

// Keys with the values of each, in their order.
type Sent = Vec<(&'static str, Vec<Vec<u8>>)>;

fn texts(values: &[&str]) -> Vec<Vec<u8>> {
    values.iter().map(|value| value.as_bytes().to_vec()).collect()
}

fn to_metadata(sent: &[(impl AsRef<str>, Vec<Vec<u8>>)]) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    for (key, values) in sent {
        let key = key.as_ref();
        for value in values {
            if key.ends_with("-bin") {
                metadata.append_bin(key.parse::<BinaryMetadataKey>().unwrap(), BinaryMetadataValue::from_bytes(value));
            } else {
                metadata.append(key.parse::<AsciiMetadataKey>().unwrap(), value.as_slice().try_into().unwrap());
            }
        }
    }
    metadata
}

fn values_of(metadata: &MetadataMap, key: &str) -> Vec<Vec<u8>> {
    if key.ends_with("-bin") {
        return metadata.get_all_bin(key).iter().map(|value| value.to_bytes().unwrap_or_default().to_vec()).collect();
    }
    metadata.get_all(key).iter().map(|value| value.as_bytes().to_vec()).collect()
}

fn check_values(c: &Client, got: Vec<Vec<u8>>, key: &str, want: &[Vec<u8>], place: &str) -> Checked {
    let joined = c.joined && !key.ends_with("-bin") && want.len() > 1;
    let want = if joined { vec![want.join(&b", "[..])] } else { want.to_vec() };
    check!(got == want, "{key} of the {place}: want {want:?}, got {got:?}");
    Ok(())
}

fn check_seen(c: &Client, sent: &[(impl AsRef<str>, Vec<Vec<u8>>)], reply: &pb::Reply, what: &str) -> Checked {
    for (key, values) in sent {
        let seen = reply.metadata.iter().filter(|pair| pair.key == key.as_ref()).map(|pair| pair.value.clone()).collect();
        check_values(c, seen, key.as_ref(), values, &format!("{what} request"))?;
    }
    let known = |key: &str| sent.iter().any(|(of_sent, _)| of_sent.as_ref() == key);
    check!(reply.metadata.iter().all(|pair| known(&pair.key)), "{what}: the server saw {:?}", reply.metadata);
    Ok(())
}

// A Unary and a Bidi call with the metadata: what came back, and what the server saw. tonic gives header and trailer of
// a Unary call as one.
async fn exchange(c: &Client, sent: &[(impl AsRef<str>, Vec<Vec<u8>>)]) -> Checked {
    let mut unary = request(pb::Request::default());
    unary.metadata_mut().as_mut().extend(to_metadata(sent).into_headers());
    let response = c.stub.clone().unary(unary).await?;
    check_seen(c, sent, response.get_ref(), "Unary")?;
    let mut both = c.bidi(pb::Request::default(), CALL_TIMEOUT, to_metadata(sent)).await?;
    check_seen(c, sent, &both.reply().await?, "Bidi")?;
    let header = both.header.clone();
    let mut replies = both.half_close();
    check_end(&mut replies, "Bidi").await?;
    let trailer = replies.trailers().await?.unwrap_or_default();
    for (key, values) in sent {
        let key = key.as_ref();
        let if_in = |prefix| if key.starts_with(prefix) { values.as_slice() } else { &[] };
        let either = if key.starts_with("x-trailer") { if_in("x-trailer") } else { if_in("x-header") };
        check_values(c, values_of(response.metadata(), key), key, either, "Unary response")?;
        check_values(c, values_of(&header, key), key, if_in("x-header"), "Bidi header")?;
        check_values(c, values_of(&trailer, key), key, if_in("x-trailer"), "Bidi trailer")?;
    }
    Ok(())
}

async fn metadata(c: &Client) -> Checked {
    let sent: Sent = vec![
        ("x-header", texts(&["one"])),
        ("x-header-2", texts(&["two words, and a comma"])),
        ("x-trailer", texts(&["!\"#$%&'()*+-./:;<=>?@[\\]^_`{|}~"])),
        ("x-other", texts(&["only seen"])),
    ];
    exchange(c, &sent).await?;
    let mut failing = request(with_plan(pb::Plan { code: 5, message: "none".into(), ..Default::default() }));
    failing.metadata_mut().insert("x-trailer", "of a failure".parse().unwrap());
    let status = check_status(c.stub.clone().unary(failing).await.err(), Code::NotFound, Some("none"), "Unary")?;
    check_values(c, values_of(status.metadata(), "x-trailer"), "x-trailer", &texts(&["of a failure"]), "failure's trailer")
}

async fn metadata_many(c: &Client) -> Checked {
    let sent: Sent = vec![
        ("x-header", texts(&["one", "two, three", "four"])),
        ("x-trailer", texts(&["b", "a", "b"])),
        ("x-other", texts(&["1", "2"])),
    ];
    exchange(c, &sent).await
}

async fn metadata_bin(c: &Client) -> Checked {
    let sent: Sent = vec![
        ("x-header-bin", vec![(0..=255).collect()]),
        ("x-trailer-bin", vec![vec![0], vec![0xff, 0xfe], b"abc".to_vec()]),
        ("x-other-bin", vec![vec![]]),
    ];
    exchange(c, &sent).await
}

async fn metadata_big(c: &Client) -> Checked {
    let header = (0..20u8).map(|i| (format!("x-header-{i}"), vec![vec![b'a' + i; 150]]));
    let sent: Vec<_> = header.chain([("x-trailer".to_string(), vec![vec![b't'; 3000]])]).collect();
    exchange(c, &sent).await
}

async fn sequence(c: &Client) -> Checked {
    for i in 0..1000 {
        let sent = [(format!("x-header-{}", i % 13), texts(&[&format!("{i}{}", "v".repeat(i % 97))]))];
        let mut unary = request(pb::Request::default());
        unary.metadata_mut().as_mut().extend(to_metadata(&sent).into_headers());
        let response = c.stub.clone().unary(unary).await?;
        let (key, values) = &sent[0];
        check_values(c, values_of(response.metadata(), key), key, values, &format!("header of call {i}"))?;
    }
    Ok(())
}

async fn status_message(c: &Client) -> Checked {
    let failing = |code, message: &str| with_plan(pb::Plan { code, message: message.into(), ..Default::default() });
    for code in 1..=16 {
        let text = format!("code {code}");
        c.unary_fails(failing(code, &text), Code::from(code), Some(&text), &text).await?;
    }
    let long = "long ".repeat(200) + "end";
    for text in ["grüße, 火, 🎈", "100% of %41 and %zz, %", "a\nb\tc\x7f", &long] {
        c.unary_fails(failing(9, text), Code::FailedPrecondition, Some(text), "Unary").await?;
    }
    Ok(())
}

async fn status_plain(c: &Client) -> Checked {
    let plan = pb::Plan { code: 5, ..Default::default() };
    let status = c.unary_fails(with_plan(plan), Code::NotFound, Some(""), "Unary").await?;
    check!(status.details().is_empty(), "there are details: {:?}", status.details());
    check!(!status.metadata().contains_key("grpc-status-details-bin"), "the trailer has grpc-status-details-bin");
    Ok(())
}

async fn status_details(c: &Client) -> Checked {
    let detail = pb::Detail { type_url: "type.googleapis.com/sluice.interop.Pair".into(), value: b"\x0a\x01k\x12\x01v".to_vec() };
    let details = pb::StatusDetails { code: 7, message: "with details".into(), details: vec![detail] }.encode_to_vec();
    let plan = pb::Plan { code: 7, message: "with details".into(), details: details.clone(), ..Default::default() };
    let status = c.unary_fails(with_plan(plan), Code::PermissionDenied, Some("with details"), "Unary").await?;
    check!(status.details() == details, "details: want {details:?}, got {:?}", status.details());
    Ok(())
}

async fn status_kinds(c: &Client) -> Checked {
    let text = "aborted, after all";
    let failing = with_plan(pb::Plan { replies: 2, code: 10, message: text.into(), ..Default::default() });
    let mut down = c.server_stream(failing.clone()).await?;
    for i in 0..2 {
        check!(down.message().await?.is_some(), "ServerStream: {i} replies");
    }
    check_status(down.message().await.err(), Code::Aborted, Some(text), "ServerStream")?;
    check_status(c.client_stream(vec![failing.clone()]).await.err(), Code::Aborted, Some(text), "ClientStream")?;
    let mut replies = plain_bidi(c, failing).await?.half_close();
    for i in 0..3 {
        check!(replies.message().await?.is_some(), "Bidi: {i} replies");
    }
    check_status(replies.message().await.err(), Code::Aborted, Some(text), "Bidi")?;
    Ok(())
}

async fn unimplemented(c: &Client) -> Checked {
    let not_there = c.stub.clone().not_there(request(pb::Request::default())).await;
    check_status(not_there.err(), Code::Unimplemented, None, "a method that is not there")?;
    let missing = c.missing.clone().call(request(pb::Request::default())).await;
    check_status(missing.err(), Code::Unimplemented, None, "a service that is not there")?;
    unary(c).await
}

async fn utf8(c: &Client) -> Checked {
    for text in ["grüße", "日本語", "🎈\u{10ffff}", "\0\u{1}\u{7f}\u{80}\u{ffff}", "العربية\u{200f}", "e\u{301}"] {
        let request = message(Vec::new(), text);
        check_reply(&c.unary(request.clone()).await?, &request, "Unary")?;
    }
    Ok(())
}

fn waiting(id: &str) -> pb::Request {
    pb::Request { id: id.into(), ..with_plan(pb::Plan { wait: true, ..Default::default() }) }
}

async fn deadline(c: &Client) -> Checked {
    let (id, start) = (c.id(), Instant::now());
    let mut short = Request::new(waiting(&id));
    short.set_timeout(Duration::from_millis(300));
    let status = c.stub.clone().unary(short).await.err();
    // tonic's own timer says CANCELLED; the server's status may come first.
    let own = status.as_ref().is_some_and(|status| status.message() == "Timeout expired");
    check_status(status, if own { Code::Cancelled } else { Code::DeadlineExceeded }, None, "Unary")?;
    let after = start.elapsed();
    check!(after > Duration::from_millis(250) && after < Duration::from_secs(5), "after {after:?}");
    let seen = c.seen_cancelled(&id).await?;
    check!(seen.timeout_ms > 0 && seen.timeout_ms <= 350, "of 300 ms the server saw {}", seen.timeout_ms);
    for (timeout, least, most) in [(Some(Duration::from_secs(100)), 80_001, 101_000), (None, -1, -1)] {
        let id = c.id();
        let mut unary = Request::new(pb::Request { id: id.clone(), ..Default::default() });
        if let Some(timeout) = timeout {
            unary.set_timeout(timeout);
        }
        c.stub.clone().unary(unary).await?;
        let seen = c.seen(&id, "the end", |seen| seen.ended == 1).await?;
        let as_wanted = (least..=most).contains(&seen.timeout_ms) && !seen.cancelled;
        check!(as_wanted, "of {timeout:?} the server saw {seen:?}");
    }
    Ok(())
}

async fn deadline_stream(c: &Client) -> Checked {
    let id = c.id();
    let mut both = c.bidi(waiting(&id), Duration::from_millis(300), MetadataMap::new()).await?;
    both.reply().await?;
    check_status(both.replies.message().await.err(), Code::DeadlineExceeded, None, "Bidi")?;
    c.seen_cancelled(&id).await?;
    Ok(())
}

// Who drops a call of tonic cancels it, and gets no status.
async fn cancel_unary(c: &Client) -> Checked {
    let id = c.id();
    let (of_call, waits) = (c.clone(), waiting(&id));
    let call = tokio::spawn(async move { of_call.unary(waits).await });
    c.seen(&id, "the call", |seen| seen.started == 1).await?;
    call.abort();
    check!(call.await.is_err_and(|error| error.is_cancelled()), "the call had ended");
    c.seen_cancelled(&id).await?;
    Ok(())
}

async fn cancel_stream(c: &Client) -> Checked {
    let id = c.id();
    let plan = pb::Plan { replies: 1_000_000, reply_size: 1000, ..Default::default() };
    let mut stream = c.server_stream(pb::Request { id: id.clone(), ..with_plan(plan) }).await?;
    for i in 0..5 {
        check!(stream.message().await?.is_some(), "{i} replies");
    }
    drop(stream);
    let seen = c.seen_cancelled(&id).await?;
    check!(seen.sent < 1_000_000, "the server sent all {} replies", seen.sent);
    Ok(())
}

async fn cancel_bidi(c: &Client) -> Checked {
    let id = c.id();
    let mut both = plain_bidi(c, waiting(&id)).await?;
    both.reply().await?;
    drop(both);
    c.seen_cancelled(&id).await?;
    Ok(())
}

// 100,000 requests, and how many of them were taken.
fn endless(plan: pb::Plan) -> (Arc<AtomicUsize>, impl tokio_stream::Stream<Item = pb::Request> + Send) {
    let sent = Arc::new(AtomicUsize::new(0));
    let taken = sent.clone();
    let requests = (0..100_000).map(move |i| {
        taken.fetch_add(1, Relaxed);
        pb::Request { payload: pattern(1000, i), ..with_plan(plan.clone()) }
    });
    (sent, tokio_stream::iter(requests))
}

fn check_stopped(sent: &AtomicUsize) -> Checked {
    check!(sent.load(Relaxed) < 100_000, "the server read on");
    Ok(())
}

async fn server_ends_early(c: &Client) -> Checked {
    let plan = pb::Plan { read: 3, code: 10, message: "enough".into(), ..Default::default() };
    let (sent, requests) = endless(plan.clone());
    let mut replies = c.stub.clone().bidi(request(requests)).await?.into_inner();
    let mut count = 0;
    let status = loop {
        match replies.message().await {
            Ok(Some(_)) => count += 1,
            Ok(None) => break None,
            Err(status) => break Some(status),
        }
    };
    check_status(status, Code::Aborted, Some("enough"), "Bidi")?;
    check!(count == 3, "Bidi: {count} replies");
    check_stopped(&sent)?;
    let (sent, requests) = endless(plan);
    let up = c.stub.clone().client_stream(request(requests)).await;
    check_status(up.err(), Code::Aborted, Some("enough"), "ClientStream")?;
    check_stopped(&sent)?;
    unary(c).await
}

async fn server_ends_early_ok(c: &Client) -> Checked {
    let (sent, requests) = endless(pb::Plan { read: 3, ..Default::default() });
    let mut replies = c.stub.clone().bidi(request(requests)).await?.into_inner();
    for i in 0..3 {
        check!(replies.message().await?.is_some(), "{i} replies");
    }
    check_end(&mut replies, "Bidi").await?;
    check_stopped(&sent)?;
    unary(c).await
}

async fn large(c: &Client) -> Checked {
    let request = message(pattern(1 << 20, 1), "");
    check_reply(&c.unary(request.clone()).await?, &request, "Unary")?;
    let first = message(pattern(1 << 20, 0), "");
    let mut both = plain_bidi(c, first.clone()).await?;
    check_reply(&both.reply().await?, &first, "Bidi")?;
    for i in 1..4 {
        both.turn(message(pattern(1 << 20, i), ""), "Bidi").await?;
    }
    check_end(&mut both.half_close(), "Bidi").await
}

async fn volume(c: &Client) -> Checked {
    read_stream(c, 256, 64 << 10).await?;
    write_stream(c, 256, |_| 64 << 10).await
}

async fn many(c: &Client) -> Checked {
    read_stream(c, 10_000, 10).await?;
    write_stream(c, 10_000, |_| 10).await
}

async fn too_long(c: &Client) -> Checked {
    c.unary_fails(message(pattern(5 << 20, 0), ""), Code::ResourceExhausted, None, "a request of 5 MiB").await?;
    // tonic's own code for a message beyond its limit.
    let reply = with_plan(pb::Plan { reply_size: 5 << 20, ..Default::default() });
    c.unary_fails(reply, Code::OutOfRange, None, "a reply of 5 MiB").await?;
    unary(c).await
}

async fn all_at_once(c: &Client, id: &str, plan: Option<pb::Plan>) -> Checked {
    let mut calls = JoinSet::new();
    for i in 0..1000 {
        let request = pb::Request { id: id.into(), text: i.to_string(), payload: pattern(i % 100, i), plan: plan.clone() };
        let c = c.clone();
        calls.spawn(async move {
            let reply = c.unary(request.clone()).await?;
            check_reply(&reply, &request, &format!("call {i}"))
        });
    }
    let ended = calls.join_all().await;
    let whys: Vec<_> = ended.into_iter().filter_map(|call| call.err()).collect();
    check!(whys.is_empty(), "{} of 1000 calls failed; {}", whys.len(), whys[0].0);
    Ok(())
}

async fn drain(c: &Client) -> Checked {
    let what = "the call that runs";
    let turn = pb::Request { id: c.id(), text: "turn".into(), ..Default::default() };
    let mut both = plain_bidi(c, turn.clone()).await?;
    check_reply(&both.reply().await?, &turn, what)?;
    c.stub.clone().drain(request(pb::DrainRequest {})).await?;
    let (start, mut failed) = (Instant::now(), None);
    while failed.is_none() && start.elapsed() < Duration::from_secs(10) {
        both.turn(turn.clone(), what).await?;
        failed = c.unary(pb::Request::default()).await.err();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // On the connection that drains tonic starts no call, and says CANCELLED; on a new one it meets nobody.
    let own = failed.as_ref().is_some_and(|status| status.message() == "operation was canceled");
    check_status(failed, if own { Code::Cancelled } else { Code::Unavailable }, None, "a new call")?;
    for _ in 0..10 {
        both.turn(turn.clone(), what).await?;
    }
    check_end(&mut both.half_close(), what).await
}

async fn ping_pong(c: &Client) -> Checked {
    let length = Duration::from_secs_f64(c.seconds);
    let start = Instant::now();
    let first = message(pattern(0, 0), "");
    let mut both = c.bidi(first.clone(), CALL_TIMEOUT + length, MetadataMap::new()).await?;
    check_reply(&both.reply().await?, &first, "turn 0")?;
    let mut turns = 1;
    while start.elapsed() < length {
        let reply = both.turn(message(pattern(turns % 1000, turns), ""), &format!("turn {turns}")).await?;
        turns += 1;
        check!(reply.count as usize == turns, "turn {turns} was counted as {}", reply.count);
    }
    check_end(&mut both.half_close(), "Bidi").await?;
    check!(turns as f64 > 100.0 * c.seconds, "only {turns} turns in {} s", c.seconds);
    Ok(())
}

// The rows, taken as bench/support/rows.cc and counts.cc take them.
use crate::subject::Subject;
use crate::{alloc, Options};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

#[derive(Clone, Copy)]
struct Measurement {
    row: u32,
    name: &'static str,
    params: &'static str,
}

const fn what(row: u32, name: &'static str, params: &'static str) -> Measurement {
    Measurement { row, name, params }
}

fn wrong(what: &Measurement, i: u64) -> String {
    format!("{}: wrong answer in call {i}", what.name)
}

fn since(start: Instant) -> f64 {
    start.elapsed().as_nanos() as f64
}

fn percentile(samples: &mut [f64], p: f64) -> f64 {
    let at = (p * (samples.len() - 1) as f64) as usize;
    *samples.select_nth_unstable_by(at, f64::total_cmp).1
}

struct Report(Options);

impl Report {
    fn add(&self, what: &Measurement, metric: &str, unit: &str, value: f64) {
        let Measurement { row, name, params } = what;
        let Options { subject, pinning, round, .. } = &self.0;
        println!(
            "{{\"row\": {row}, \"name\": \"{name}\", \"subject\": \"{subject}\", \"params\": \"{params}\", \
             \"metric\": \"{metric}\", \"unit\": \"{unit}\", \"value\": {value}, \"pinning\": \"{pinning}\", \
             \"round\": {round}}}"
        );
    }
}

// Processor time and context switches of this process.
struct Usage(libc::rusage);

fn rusage() -> libc::rusage {
    let mut usage = unsafe { std::mem::zeroed() };
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    usage
}

impl Usage {
    fn start() -> Self {
        Usage(rusage())
    }

    fn report(&self, report: &Report, what: &Measurement, calls: u64) {
        let micros = |u: &libc::rusage| {
            (u.ru_utime.tv_sec + u.ru_stime.tv_sec) as f64 * 1e6 + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) as f64
        };
        let switches = |u: &libc::rusage| (u.ru_nvcsw + u.ru_nivcsw) as f64;
        let end = rusage();
        report.add(what, "cpu", "us", (micros(&end) - micros(&self.0)) / calls as f64);
        report.add(what, "context_switches", "count", (switches(&end) - switches(&self.0)) / calls as f64);
    }
}

#[derive(Clone, Copy)]
enum Operation {
    Unary,
    PingPong,
    Large,
}

async fn call(subject: &mut Subject, operation: Operation, what: &Measurement, i: u64) -> Result<(), String> {
    let right = match operation {
        Operation::Unary => subject.unary(i).await,
        Operation::PingPong => subject.ping_pong(i).await,
        Operation::Large => subject.large(i).await,
    };
    right.then_some(()).ok_or_else(|| wrong(what, i))
}

async fn latency(report: &Report, what: Measurement, operation: Operation, batch: u64, bytes_a_call: f64) -> Result<(), String> {
    let mut subject = Subject::new(&report.0.server).await?;
    let mut i = 0;
    let start = Instant::now();
    while i == 0 || since(start) < report.0.warmup * 1e9 {
        for _ in 0..batch {
            call(&mut subject, operation, &what, i).await?;
            i += 1;
        }
    }
    let first = i;
    let usage = Usage::start();
    let (mut batches, mut singles) = (Vec::with_capacity(1 << 20), Vec::with_capacity(1 << 20));
    let start = Instant::now();
    while since(start) < report.0.seconds * 1e9 {
        let batch_start = Instant::now();
        for _ in 0..batch {
            call(&mut subject, operation, &what, i).await?;
            i += 1;
        }
        batches.push(since(batch_start) / batch as f64);
        let single_start = Instant::now();
        call(&mut subject, operation, &what, i).await?;
        i += 1;
        singles.push(since(single_start));
    }
    let p50 = percentile(&mut batches, 0.5);
    report.add(&what, "p50", "ns", p50);
    report.add(&what, "p99", "ns", percentile(&mut singles, 0.99));
    report.add(&what, "p99_of_batches", "ns", percentile(&mut batches, 0.99));
    if bytes_a_call > 0.0 {
        report.add(&what, "bytes_per_second", "B/s", bytes_a_call / p50 * 1e9);
    }
    usage.report(report, &what, i - first);
    Ok(())
}

async fn rate(report: &Report, subject: &mut Subject, what: Measurement, outstanding: u64) -> Result<(), String> {
    let mut chunk = (4 * outstanding).max(16);
    let start = Instant::now();
    while since(start) < report.0.warmup * 1e9 {
        let chunk_start = Instant::now();
        if !subject.unary_many(chunk, outstanding).await {
            return Err(wrong(&what, chunk));
        }
        if since(chunk_start) < 5e5 {
            chunk *= 2;
        }
    }
    let (mut chunks, mut done) = (Vec::new(), 0);
    let usage = Usage::start();
    let start = Instant::now();
    while chunks.is_empty() || since(start) < report.0.seconds * 1e9 {
        let chunk_start = Instant::now();
        if !subject.unary_many(chunk, outstanding).await {
            return Err(wrong(&what, done));
        }
        chunks.push(since(chunk_start) / chunk as f64);
        done += chunk;
    }
    report.add(&what, "per_second", "1/s", 1e9 / percentile(&mut chunks, 0.5));
    usage.report(report, &what, done);
    Ok(())
}

async fn throughput(report: &Report) -> Result<(), String> {
    let mut subject = Subject::new(&report.0.server).await?;
    for (outstanding, params) in
        [(1, "outstanding=1"), (8, "outstanding=8"), (64, "outstanding=64"), (512, "outstanding=512")]
    {
        rate(report, &mut subject, what(3, "throughput", params), outstanding).await?;
    }
    Ok(())
}

async fn stream(report: &Report) -> Result<(), String> {
    const MESSAGES: u64 = 1024;
    let what = what(5, "stream message 100 B", "messages=1024");
    let mut subject = Subject::new(&report.0.server).await?;
    let start = Instant::now();
    while since(start) < report.0.warmup * 1e9 {
        if !subject.stream(MESSAGES).await {
            return Err(wrong(&what, 0));
        }
    }
    let mut streams = Vec::new();
    let usage = Usage::start();
    let start = Instant::now();
    while streams.is_empty() || since(start) < report.0.seconds * 1e9 {
        let stream_start = Instant::now();
        if !subject.stream(MESSAGES).await {
            return Err(wrong(&what, streams.len() as u64));
        }
        streams.push(since(stream_start) / MESSAGES as f64);
    }
    let total = streams.len() as u64 * MESSAGES;
    report.add(&what, "per_second", "1/s", total as f64 / since(start) * 1e9);
    report.add(&what, "p50", "ns", percentile(&mut streams, 0.5));
    report.add(&what, "p99_of_batches", "ns", percentile(&mut streams, 0.99));
    usage.report(report, &what, total);
    Ok(())
}

async fn unary_calls(subject: &mut Subject, calls: u64) -> Result<(), String> {
    for i in 0..calls {
        call(subject, Operation::Unary, &what(11, "allocations", ""), i).await?;
    }
    Ok(())
}

async fn counts(report: &Report) -> Result<(), String> {
    const CALLS: u64 = 1000;
    const HELD: u64 = 64;
    let mut subject = Subject::new(&report.0.server).await?;
    unary_calls(&mut subject, CALLS).await?;
    alloc::start();
    unary_calls(&mut subject, CALLS).await?;
    let once = alloc::allocations();
    unary_calls(&mut subject, 2 * CALLS).await?;
    let twice = alloc::allocations() - once;
    let a_call = twice as f64 / (2 * CALLS) as f64;
    report.add(&what(11, "allocations a unary call", ""), "allocations", "count", a_call);

    let mut subject = Subject::new(&report.0.server).await?;
    unary_calls(&mut subject, CALLS).await?;
    alloc::start();
    subject.hold_connections(HELD).await?;
    let bytes = alloc::stop_with_live_bytes() as f64 / HELD as f64 / 2.0;
    report.add(&what(11, "idle connection, one end", ""), "bytes", "B", bytes);

    let mut subject = Subject::new(&report.0.server).await?;
    unary_calls(&mut subject, CALLS).await?;
    alloc::start();
    subject.hold_streams(HELD).await;
    let bytes = alloc::stop_with_live_bytes() as f64 / HELD as f64 / 2.0;
    report.add(&what(11, "idle stream, one end", ""), "bytes", "B", bytes);
    first_reply(report)
}

// The median of five processes that make one call and write one byte.
fn first_reply(report: &Report) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut times = Vec::new();
    for _ in 0..5 {
        let mut byte = [0];
        let start = Instant::now();
        let child = Command::new(&program).args(["--first-reply", "--api", &report.0.api]).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| error.to_string())?;
        let read = child.stdout.take().map(|mut out| out.read_exact(&mut byte));
        times.push(since(start));
        let _ = child.wait();
        if !matches!(read, Some(Ok(()))) {
            return Err("first reply: the new process gave none".into());
        }
    }
    report.add(&what(11, "first reply after process start", ""), "p50", "ns", percentile(&mut times, 0.5));
    Ok(())
}

pub async fn run(options: Options) -> Result<(), String> {
    if options.first_reply {
        let right = Subject::new(&options.server).await?.unary(0).await;
        let mut out = std::io::stdout();
        let written = out.write_all(if right { b"." } else { b"!" }).and_then(|()| out.flush());
        return written.map_err(|error| error.to_string()).and_then(|()| right.then_some(()).ok_or("wrong answer".into()));
    }
    let report = Report(options);
    for row in report.0.rows.clone() {
        match row {
            1 => latency(&report, what(1, "unary", ""), Operation::Unary, 32, 0.0).await?,
            2 => latency(&report, what(2, "unary, server on another thread", ""), Operation::Unary, 16, 0.0).await?,
            3 => throughput(&report).await?,
            4 => latency(&report, what(4, "ping-pong 100 B", ""), Operation::PingPong, 32, 0.0).await?,
            5 => stream(&report).await?,
            6 => latency(&report, what(6, "unary 1 MiB", ""), Operation::Large, 16, (2u32 << 20).into()).await?,
            11 => counts(&report).await?,
            _ => eprintln!("{}: no row {row}", report.0.subject),
        }
    }
    Ok(())
}

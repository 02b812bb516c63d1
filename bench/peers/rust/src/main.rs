// The benchmark program of tonic, client and server in this process over tokio's duplex stream, by the same command
// line and with the same rows as the C++ subjects (bench/support). --api current-thread: everything on the main
// thread; --api multi-thread: tokio's worker threads, the caller being a task on one of them; --api two-threads: the
// server's runtime on a thread of its own.
mod alloc;
mod payload;
mod rows;
mod subject;

use std::process::ExitCode;
use tokio::runtime::{Builder, Handle, Runtime};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

#[derive(Clone, Default)]
pub struct Options {
    rows: Vec<u32>,
    api: String,
    subject: String,
    pinning: String,
    round: u32,
    seconds: f64,
    warmup: f64,
    first_reply: bool,
    server: Option<Handle>, // of the runtime that serves, if it is another one than the caller's
}

fn parse() -> Result<Options, String> {
    let mut options = Options { pinning: "free".into(), seconds: 1.0, warmup: 0.2, ..Options::default() };
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        if flag == "--first-reply" {
            options.first_reply = true;
            continue;
        }
        let value = arguments.next().ok_or(format!("bad argument {flag}"))?;
        let bad = || format!("bad argument {flag} {value}");
        match flag.as_str() {
            "--rows" => {
                let rows: Result<Vec<u32>, _> = value.split(',').map(str::parse).collect();
                options.rows = rows.map_err(|_| bad())?;
            }
            "--api" => options.api = value,
            "--subject" => options.subject = value,
            "--pinning" => options.pinning = value,
            "--round" => options.round = value.parse().map_err(|_| bad())?,
            "--seconds" => options.seconds = value.parse().map_err(|_| bad())?,
            "--warmup" => options.warmup = value.parse().map_err(|_| bad())?,
            _ => return Err(bad()),
        }
    }
    Ok(options)
}

fn runtime(api: &str) -> Result<Runtime, String> {
    let mut builder = match api {
        "current-thread" | "two-threads" => Builder::new_current_thread(),
        "multi-thread" => Builder::new_multi_thread(),
        _ => return Err(format!("tonic has current-thread, multi-thread and two-threads, not \"{api}\"")),
    };
    builder.build().map_err(|error| error.to_string())
}

// Returns and reuses memory inside the process, as all subjects do.
fn keep_freed_memory() {
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 30);
    }
}

fn run() -> Result<(), String> {
    let mut options = parse()?;
    keep_freed_memory();
    let runtime = runtime(&options.api)?;
    if options.api == "two-threads" {
        let server = self::runtime("current-thread")?;
        options.server = Some(server.handle().clone());
        std::thread::spawn(move || server.block_on(std::future::pending::<()>()));
    }
    if options.api != "multi-thread" {
        return runtime.block_on(rows::run(options));
    }
    // A task of its own: the main thread is no worker, so each of its calls would cross threads twice more.
    runtime.block_on(runtime.spawn(rows::run(options))).map_err(|error| error.to_string())?
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tonic: {error}");
            ExitCode::FAILURE
        }
    }
}

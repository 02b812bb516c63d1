// tonic in the interop matrix: a server and a client of interop.proto; see tests/interop/README.md.
mod cases;
mod client;
mod server;

use std::process::ExitCode;

pub mod pb {
    tonic::include_proto!("sluice.interop");
}

#[derive(Default)]
struct Options {
    listen: String,
    max_streams: u32,
    target: String,
    cases: String,
    seconds: f64,
    joined: bool,
}

fn parse() -> Result<Options, String> {
    let mut options = Options { max_streams: 2000, seconds: 1.0, ..Options::default() };
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        if flag == "--joined" {
            options.joined = true;
            continue;
        }
        let value = arguments.next().ok_or(format!("{flag} wants a value"))?;
        let bad = || format!("bad argument {flag} {value}");
        match flag.as_str() {
            "--listen" => options.listen = value,
            "--max-streams" => options.max_streams = value.parse().map_err(|_| bad())?,
            "--target" => options.target = value,
            "--case" => options.cases = value,
            "--seconds" => options.seconds = value.parse().map_err(|_| bad())?,
            _ => return Err(bad()),
        }
    }
    Ok(options)
}

// Payload number `seed`: byte i is seed + 7 i.
pub fn pattern(size: usize, seed: usize) -> Vec<u8> {
    (0..size).map(|i| (seed + 7 * i) as u8).collect()
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let ended = match parse() {
        Err(why) => Err(why),
        Ok(options) if !options.listen.is_empty() => server::serve(&options.listen, options.max_streams).await,
        Ok(options) => client::run(&options.target, &options.cases, options.seconds, options.joined).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("interop-tonic: {why}");
            ExitCode::FAILURE
        }
    }
}

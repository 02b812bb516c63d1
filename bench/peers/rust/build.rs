// The code of the benchmark's two services, by the protoc on the path. Payloads are Bytes: a message then refers to the
// frame that it came in, which is tonic's fastest way.
fn main() -> std::io::Result<()> {
    let bench = format!("{}/../..", env!("CARGO_MANIFEST_DIR"));
    let protos = [format!("{bench}/../examples/helloworld/helloworld.proto"), format!("{bench}/protos/echo.proto")];
    let folders = [format!("{bench}/../examples/helloworld"), format!("{bench}/protos")];
    // The greeter's other methods answer UNIMPLEMENTED.
    tonic_prost_build::configure().generate_default_stubs(true).bytes(".echo").compile_protos(&protos, &folders)
}

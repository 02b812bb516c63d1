// The code of the interop service, by the protoc on the path.
fn main() -> std::io::Result<()> {
    let interop = format!("{}/../..", env!("CARGO_MANIFEST_DIR"));
    tonic_prost_build::configure().compile_protos(&[format!("{interop}/interop.proto")], &[interop])
}

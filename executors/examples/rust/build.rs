//! Generates the Rust side of the .proto files, without protoc.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    // A project has its own .proto files; in Executor Host's own tree they are shared.
    let root = ["proto", "../../../proto"]
        .into_iter()
        .find(|place| Path::new(place).is_dir())
        .ok_or("there are no .proto files: proto/ is missing")?;
    let files = ["executor/v1/executor.proto", "goplugin/plugin.proto", "goplugin/health.proto"];
    for file in files {
        println!("cargo::rerun-if-changed={root}/{file}");
    }
    let descriptors = protox::compile(files, [root])?;
    tonic_prost_build::configure().build_client(false).bytes(".").include_file("proto.rs").compile_fds(descriptors)?;
    Ok(())
}

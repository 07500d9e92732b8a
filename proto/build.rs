//! Compiles the message contract with protox, so that no `protoc` is needed.

use std::error::Error;

const FILES: [&str; 3] = [
    "freshet/v1/signal.proto",
    "freshet/v1/job.proto",
    "freshet/v1/observation.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    // Named one by one: otherwise any changed file of the package would compile the contract anew.
    for file in FILES {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, ["."])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    Ok(())
}

//! Placeholder until the room moves in.
/// Args
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct Args {}
/// E
#[derive(Debug, thiserror::Error)]
pub enum Error {}
/// # Errors
/// none
pub fn run(_: &Args) -> Result<(), Error> {
    Ok(())
}

//! `gainsay-drill simulate`: the protocol alone, against rivals that delay as they can, by seed.

use std::io;

use clap::Args;

use crate::simulation::{print_table, simulate, trials};

/// Play the dispute protocol alone against many rivals, and compare delay and stakes with their
/// bounds.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Seed of all chances; the same seed plays the same games.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Numbers of rivals, each played with every tactic.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10])]
    pub rivals: Vec<u64>,
    /// Heights of the trees of blocks, spans and steps.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 16, 20])]
    pub heights: Vec<u8>,
}

/// Plays, and prints a line for each game as it ends.
///
/// # Errors
/// A promise of the protocol that was broken.
pub fn run(args: &SimulateArgs) -> anyhow::Result<()> {
    let &[blocks, spans, steps] = args.heights.as_slice() else {
        anyhow::bail!("{} heights, expected 3", args.heights.len());
    };
    let mut out = io::stdout();
    print_table(&mut out, None)?;
    for trial in trials((blocks, spans, steps), &args.rivals) {
        let outcome = simulate(trial, args.seed)?;
        print_table(&mut out, Some((&trial, &outcome)))?;
    }
    Ok(())
}

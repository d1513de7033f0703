//! The command line.

mod bench;
mod invoke;
mod keys;
mod logs;
mod migrate;
mod package;
mod psql;
mod refresh;
mod sam;
mod session;
mod stack;
mod up;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use local::{
    bench::{Functions, Part, Scope},
    functions,
    growth::Size,
    package::Architecture,
    project,
};

/// Runs the whole stack on this machine: PostgreSQL, migrations, every function, and the API.
#[derive(Debug, Parser)]
#[command(name = "cargo local", bin_name = "cargo local", args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: Up,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Port of the API on 127.0.0.1
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Start with an empty database
    #[arg(long)]
    fresh: bool,
    /// Build the functions with optimisation
    #[arg(long)]
    release: bool,
    /// Build what a saved file touches; the next request meets the new program
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one function once and print its answer
    Invoke {
        /// Name of the function, such as create-scene
        function: String,
        /// File with the event [default: the function's sample event in events/]
        #[arg(long)]
        event: Option<PathBuf>,
        /// Build with optimisation
        #[arg(long)]
        release: bool,
    },
    /// Show what the functions wrote
    Logs {
        /// Go on with new lines as they come
        #[arg(long, short)]
        follow: bool,
        /// Print the JSON lines as they are
        #[arg(long)]
        raw: bool,
    },
    /// Bring the database's schema up or down, or show where it stands
    Migrate {
        #[command(subcommand)]
        direction: Direction,
    },
    /// Show the keys that sign access tokens, made if there are none
    Keys {
        #[command(subcommand)]
        action: Option<Keys>,
        /// File with the keys [default: .local/auth-keys.json]
        #[arg(long, global = true)]
        file: Option<PathBuf>,
    },
    /// Open psql on the database; arguments after -- go to psql
    Psql {
        /// Arguments for psql
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Database and settings for `sam local`, until Ctrl-C
    Sam,
    /// Build the functions for AWS and write their archives into dist/, for sam deploy
    Package {
        /// For Graviton [the default]
        #[arg(long, conflicts_with = "x86_64")]
        arm64: bool,
        /// For Intel and AMD
        #[arg(long = "x86-64")]
        x86_64: bool,
    },
    /// Write the template with many more routes and jobs into a folder, for CI to measure
    #[command(hide = true)]
    Growth {
        /// The folder
        folder: PathBuf,
        #[command(flatten)]
        size: Size,
    },
    /// Check that files, programs, template, events and tests agree
    Check,
    /// Measure speed and size, and fail when a budget of local/bench-budgets.toml is missed
    Bench {
        /// Only what does not depend on time (sizes, dependencies, what starts do, round trips, memory), of a sample of
        /// each class and of the functions that changed
        #[arg(long)]
        short: bool,
        /// With `--short`: of every function
        #[arg(long, requires = "short")]
        all: bool,
        /// With `--short`: the commit since which functions changed [default: where this branch left origin/main, or a day
        /// ago]
        #[arg(long, requires = "short", conflicts_with = "all", value_name = "COMMIT")]
        base: Option<String>,
        /// Only one part of the full bench, with only the programs that it needs
        #[arg(long, conflicts_with = "short", value_name = "PART")]
        only: Option<BenchPart>,
        /// Write all numbers into this file too
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// Write openapi.json and the gateway's files from what the functions say of themselves
    Openapi {
        /// Only compare them, and fail when one is stale
        #[arg(long)]
        check: bool,
    },
}

#[derive(Clone, Debug, Subcommand)]
enum Keys {
    /// Add a key that signs in ten minutes, and drop those replaced more than a day ago
    Rotate,
    /// Print the public keys, for the secret that every function reads
    Public,
    /// Store the keys in Secrets Manager, the public ones first; secrets that are named and missing are created
    Push {
        /// Name or ARN of the secret with the private keys
        #[arg(long)]
        secret: String,
        /// Name or ARN of the secret with the public keys
        #[arg(long)]
        jwks_secret: String,
    },
    /// Write the keys of Secrets Manager into the file
    Pull {
        /// Name or ARN of the secret with the private keys
        #[arg(long)]
        secret: String,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum BenchPart {
    /// Who books at once, and growth of slots and bookings
    Lessons,
    /// Answers that are written while they are read: the first words, and what keeping them takes
    Streams,
    /// Work behind a request: workers at once, and growth of jobs that are done
    Jobs,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Direction {
    /// Apply every pending migration
    Up,
    /// Revert the latest migrations
    Down {
        /// How many
        #[arg(default_value_t = 1)]
        count: usize,
    },
    /// List all migrations with their state
    Status,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    match arguments.command {
        None => up::run(arguments.up).await,
        Some(Command::Invoke { function, event, release }) => invoke::run(&function, event, release).await,
        Some(Command::Logs { follow, raw }) => logs::run(follow, raw).await,
        Some(Command::Migrate { direction }) => migrate::run(direction).await,
        Some(Command::Keys { action, file }) => keys::run(action, file).await,
        Some(Command::Psql { arguments }) => psql::run(&arguments).await,
        Some(Command::Package { arm64: _, x86_64 }) => {
            let architecture = if x86_64 { Architecture::X86_64 } else { Architecture::Arm64 };
            tokio::task::spawn_blocking(move || package::run(architecture)).await?
        }
        Some(Command::Sam) => sam::run().await,
        Some(Command::Growth { folder, size }) => local::growth::write(&project::root(), &folder, size),
        Some(Command::Check) => local::check::run(&project::root()),
        Some(Command::Bench { short, all, base, only, json }) => {
            let scope = match only {
                Some(BenchPart::Lessons) => Scope::Only(Part::Lessons),
                Some(BenchPart::Streams) => Scope::Only(Part::Streams),
                Some(BenchPart::Jobs) => Scope::Only(Part::Jobs),
                None if short && all => Scope::Short(Functions::All),
                None if short => Scope::Short(Functions::ChangedSince(base)),
                None => Scope::Full,
            };
            bench::run(scope, json).await
        }
        Some(Command::Openapi { check }) => {
            // A release build carries no schema code, so it is the debug programs that describe themselves.
            tokio::task::spawn_blocking(|| functions::build(false)).await??;
            local::openapi::run(&project::root(), check)
        }
    }
}

/// The answer of a command, to standard output. A reader that has enough, such as `head`, is no error.
fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
}

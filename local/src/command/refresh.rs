//! `cargo local --watch`: what is saved becomes what runs.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use local::{
    functions,
    lambda::{Hold, InvokeContext, Lambda},
    problem::render,
    project,
    watch::{Touched, Watch},
};
use serde_json::Value;

use super::stack::Stack;

/// Follows the project's files.
pub(super) struct Refresh {
    watch: Watch,
    hold: Hold,
    release: bool,
}

impl Refresh {
    /// From now on a file that is saved holds requests back until [`Refresh::follow`] has dealt with it.
    pub(super) fn start(hold: &Hold, release: bool) -> Result<Self> {
        let noticed = hold.clone();
        let watch = Watch::start(&project::root(), move || noticed.hold())?;
        Ok(Self { watch, hold: hold.clone(), release })
    }

    /// Makes `stack` follow every change; never returns.
    pub(super) async fn follow(&mut self, stack: &mut Stack) {
        loop {
            let touched = self.watch.next().await;
            // Letting go of the change before may have crossed the notice of this one.
            self.hold.hold();
            if let Err(error) = self.renew(&touched, stack).await {
                eprintln!("{}\nwhat ran before goes on", render(&error));
            }
            if !self.watch.is_pending() {
                self.hold.release();
            }
        }
    }

    async fn renew(&self, touched: &BTreeSet<Touched>, stack: &mut Stack) -> Result<()> {
        if touched.contains(&Touched::Tool) {
            eprintln!("the tool's own source has changed: stop and start `cargo local --watch` to run it");
        }
        if touched.iter().any(|touched| *touched != Touched::Tool) {
            let release = self.release;
            let build = tokio::task::spawn_blocking(move || functions::rebuild(release)).await??;
            if !build.renewed.is_empty() {
                // Those that are at work finish; nobody else meets the old programs.
                stack.lambda().recycle();
                eprintln!("new: {}", summary(&build.renewed));
            }
        }
        if touched.contains(&Touched::Migrations) {
            migrate(stack.lambda()).await?;
        }
        if touched.contains(&Touched::Template) {
            stack.read_template_again().await?;
            eprintln!("the template is served anew: {} routes", stack.routes());
        }
        Ok(())
    }
}

/// By the program that was just built: the migrations that this tool knows are those of its own build.
async fn migrate(lambda: &Lambda) -> Result<()> {
    let invoked = lambda.invoke_at_once("migrate", "{}".into(), InvokeContext::default()).await;
    let answer = invoked.context("cannot migrate")?.into_bytes().await.context("cannot migrate")?;
    let answer: Value = serde_json::from_slice(&answer)?;
    for step in answer["migrations"].as_array().into_iter().flatten() {
        let name = step["name"].as_str().unwrap_or_default();
        eprintln!("applied migration {name} in {} ms", step["duration_ms"]);
    }
    Ok(())
}

/// The names, or how many they are.
fn summary(names: &[String]) -> String {
    match names.len() {
        ..=6 => names.join(", "),
        count => format!("{count} programs"),
    }
}

//! A route for the tests of nudges: it nudges the worker of its path, as often as that says.

use shared::nudge;
use shared::prelude::*;

fn main() {
    serve(post("/nudge/{worker}/{times}", send))
}

#[input]
struct NudgePath {
    worker: Text<1, 20>,
    times: Int<0, 9>,
}

async fn send(Path(path): Path<NudgePath>) -> Result<NoContent> {
    for _ in 0..path.times.get() {
        nudge::send(path.worker.as_str()).await;
    }
    Ok(NoContent)
}

//! List the caller's students as a teacher, by name, with how many lessons are ahead.

use lessons::package::Everything;
use lessons::student::{self, Student};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/booking/teacher/students", list))
}

async fn list(
    db: Db,
    teacher: Teacher,
    Paged(Everything {}, paging): Paged<Everything, 100, 20>,
) -> Result<Json<Page<Student>>> {
    let tx = db.begin(&teacher).await?;
    student::list(&tx, &teacher, paging).await.map(Json)
}

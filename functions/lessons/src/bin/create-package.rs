//! Give a student a package of lessons, as an admin.

use lessons::package::{self, NewPackage, Package};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/billing/packages", create)
            .or(404, "user not found")
            .or(422, "it would have ended already"),
    )
}

async fn create(db: Db, admin: Admin, Json(new): Json<NewPackage>) -> Result<Created<Package>> {
    let tx = db.begin(&admin).await?;
    package::insert(tx, &admin, &new).await.map(Created)
}

//! Routes for the tests of roles: one function for each, which lets its role in and says who came.

use shared::prelude::*;

fn main() {
    match std::env::var("ROLE").as_deref() {
        Ok("student") => serve(get("/roles/student", student)),
        Ok("teacher") => serve(get("/roles/teacher", teacher)),
        Ok("educator") => serve(get("/roles/educator", educator)),
        Ok("coach") => serve(get("/roles/coach", coach)),
        Ok("admin") => serve(get("/roles/admin", admin)),
        _ => panic!("ROLE must be a role"),
    }
}

#[answer]
struct Seen {
    person: Uuid,
}

async fn student(student: Student) -> Result<Json<Seen>> {
    Ok(Json(Seen { person: student.id }))
}

async fn teacher(teacher: Teacher) -> Result<Json<Seen>> {
    Ok(Json(Seen { person: teacher.id }))
}

async fn educator(educator: Educator) -> Result<Json<Seen>> {
    Ok(Json(Seen { person: educator.id }))
}

async fn coach(coach: Coach) -> Result<Json<Seen>> {
    Ok(Json(Seen { person: coach.id }))
}

async fn admin(admin: Admin) -> Result<Json<Seen>> {
    Ok(Json(Seen { person: admin.id }))
}

//! The students of a teacher: whom they have taught or are going to teach.

use shared::prelude::*;

/// A student, as their teacher sees them: a name and lessons, no address and no money.
#[row]
pub struct Student {
    /// The student.
    pub student_id: Uuid,
    /// Their name; null if they gave none.
    pub display_name: Option<String>,
    /// How many lessons with the teacher are ahead.
    pub lessons_ahead: i64,
    /// How many took place.
    pub lessons_completed: i64,
    /// When the next one begins.
    pub next_lesson_at: Option<Time>,
}

/// A page of the teacher's students, by their names.
pub async fn list(tx: &Tx, teacher: &User, paging: Paging) -> Result<Page<Student>> {
    let (total, items) = tx
        .page(
            "student_id",
            "with taught as (
                 select student_id,
                        count(*) filter (where state = 'confirmed' and starts_at > now()) as lessons_ahead,
                        count(*) filter (where lesson_state = 'completed') as lessons_completed,
                        min(starts_at) filter (where state = 'confirmed' and starts_at > now()) as next_lesson_at
                 from lessons.bookings
                 where teacher_id = $1 and student_id is not null and lesson_id is not null
                 group by student_id
             ), counted as (select count(*) as total from taught),
             page as (
                 select taught.*, display_name
                 from taught
                 left join lessons.names_of(array(select student_id from taught)) as names on names.user_id = student_id
                 order by lower(display_name), student_id
                 limit $2 offset $3
             )
             select * from counted left join page on true
             order by lower(display_name), student_id",
            &[&teacher.id, &paging.limit, &paging.offset],
        )
        .await?;
    Ok(paging.page(items, total))
}

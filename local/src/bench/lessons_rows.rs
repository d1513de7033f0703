//! The rows of lessons, made by the server itself.

use anyhow::{Context, Result};

use super::database::Database;

/// Who teaches.
pub(super) const TEACHERS: usize = 200;
/// Slots to come, whatever lies behind.
pub(super) const AHEAD: usize = 1_000;
/// Slots that a crowd books, and students, more than there are slots at one time: whoever has the next slot is free then.
pub(super) const OFFERS: usize = 60_000;
const STUDENTS: usize = 2_000;
/// Students of each teacher, who come in turn.
const OWN: usize = 25;

/// The id of the `number`th row of a kind.
fn id(kind: char, number: usize) -> String {
    format!("{kind}0000000-0000-7000-8000-{number:012}")
}

/// The same in SQL, of a kind and a number.
fn sql_id(kind: char, number: &str) -> String {
    format!("('{kind}0000000-0000-7000-8000-' || lpad(({number})::text, 12, '0'))::uuid")
}

/// A teacher's id.
pub(super) fn teacher(number: usize) -> String {
    id('a', number)
}

/// The admin's id.
pub(super) fn admin() -> String {
    id('f', 0)
}

/// A slot of a crowd.
pub(super) fn offer(number: usize) -> String {
    id('c', number)
}

/// Who books it.
pub(super) fn student_of_offer(number: usize) -> String {
    id('b', number % STUDENTS)
}

/// A student's package.
pub(super) fn package_of(student: &str) -> String {
    student.replacen('b', "d", 1)
}

/// Teachers, students with a package of many lessons each, and an admin.
fn people(students: usize) -> String {
    let (teacher, student, package) = (sql_id('a', "n"), sql_id('b', "n"), sql_id('d', "n"));
    format!(
        "insert into identity.users (id, email, display_name, locale, timezone, roles)
         select {teacher}, 'x@mock.local', 'R. Vale', 'en', 'UTC', '{{teacher}}'::text[] from generate_series(0, {TEACHERS} - 1) n
         union all
         select {student}, 'x@mock.local', 'Mia', 'en', 'UTC', '{{student}}'::text[] from generate_series(0, {students} - 1) n
         union all select '{admin}', 'x@mock.local', 'Ada', 'en', 'UTC', '{{student,admin}}'::text[];
         insert into lessons.teachers (id, user_id, display_name, is_approved)
         select {teacher}, {teacher}, 'R. Vale', true from generate_series(0, {TEACHERS} - 1) n;
         insert into lessons.packages (id, student_id, granted, expires_at)
         select {package}, {student}, 10000, now() + interval '1 year' from generate_series(0, {students} - 1) n;
         insert into lessons.package_entries (id, package_id, student_id, kind, lessons)
         select {package}, {package}, {student}, 'grant', 10000 from generate_series(0, {students} - 1) n;",
        admin = admin(),
    )
}

/// Fills an empty database with the slots that a crowd books: an hour each, all teachers' at the same hours.
///
/// # Errors
/// When the server refuses.
pub(super) async fn fill_offers(database: &Database) -> Result<()> {
    let script = format!(
        "set session_replication_role = replica;
         {people}
         insert into lessons.slots (id, teacher_id, starts_at, ends_at)
         select {slot}, {teacher}, at, at + interval '1 hour'
         from generate_series(0, {OFFERS} - 1) n,
              lateral (select date_trunc('hour', now()) + interval '1 hour' * (48 + n / {TEACHERS}) as at) t;
         analyze",
        people = people(STUDENTS),
        slot = sql_id('c', "n"),
        teacher = sql_id('a', &format!("n % {TEACHERS}")),
    );
    database.superuser().await?.batch_execute(&script).await.context("cannot make the offers")
}

/// Fills an empty database with `slots` slots of an hour, one after the other of each teacher: those to come half with a lesson
/// in them, those behind all with one. Weekly hours, and exceptions of them, are there too. 10^6 take minutes.
///
/// # Errors
/// When the server refuses.
pub(super) async fn fill_calendar(database: &Database, slots: usize) -> Result<()> {
    let script = format!(
        "-- Rows that refer to each other by construction need no check of each.
         set session_replication_role = replica;
         {people}
         create temporary table made as
         select n, n % {TEACHERS} as teacher, n / {TEACHERS} as hour,
                date_trunc('hour', now()) + interval '1 hour' * (48 + {AHEAD} / {TEACHERS} - 1 - n / {TEACHERS}
                    -- Of the last days there is nothing, as there is not where there are few.
                    - case when n < {AHEAD} then 0 else 96 + {AHEAD} / {TEACHERS} end) as at
         from generate_series(0, {slots} - 1) n;
         insert into lessons.slots (id, teacher_id, starts_at, ends_at)
         select {slot}, {teacher}, at, at + interval '1 hour' from made order by at;
         insert into lessons.bookings (id, slot_id, student_id, teacher_id, package_id, state, starts_at, ends_at, blocked_until,
                                       confirmed_at, free_cancel_until, calendar_uid, lesson_id, lesson_state,
                                       lesson_created_at, lesson_updated_at, created_at)
         select {booking}, {slot}, {student}, {teacher}, {package}, 'confirmed', at, at + interval '1 hour',
                at + interval '1 hour', at - interval '3 days', at - interval '1 day', {booking}, {booking},
                case when n < {AHEAD} then 'scheduled' else 'completed' end, at, at, at - interval '3 days'
         from made where n >= {AHEAD} or n % 2 = 0 order by at;
         insert into lessons.schedules (teacher_id, timezone, windows)
         select {weekly}, 'Europe/Berlin', '[{{\"weekday\": 0, \"from\": \"09:00\", \"until\": \"12:00\"}}]'
         from generate_series(0, {TEACHERS} - 1) n;
         insert into lessons.schedule_exceptions (id, teacher_id, on_date, windows)
         select gen_random_uuid(), {excepted}, current_date - ago, '[]'
         from generate_series(0, {TEACHERS} - 1) n, generate_series(-7, greatest({slots} / {TEACHERS} / 100, 1)) ago;
         drop table made",
        people = people(TEACHERS * OWN),
        slot = sql_id('c', "n"),
        booking = sql_id('e', "n"),
        teacher = sql_id('a', "teacher"),
        student = student(),
        package = student().replacen('b', "d", 1),
        weekly = sql_id('a', "n"),
        excepted = sql_id('a', "n"),
    );
    let superuser = database.superuser().await?;
    superuser.batch_execute(&script).await.context("cannot make the slots")?;
    // As a server in use does by itself: without it no index alone could tell which rows there are.
    superuser.batch_execute("vacuum (analyze)").await.context("cannot vacuum the database")
}

/// Who has a teacher's lesson of an hour, in SQL: students take turns.
fn student() -> String {
    sql_id('b', &format!("teacher * {OWN} + hour % {OWN}"))
}

/// Puts `count` confirmed bookings in, in the `run`th time that is nobody's yet, of all teachers in turn. Ids are made as the
/// functions make them: at the end of their indexes.
pub(super) fn inserts(run: usize, count: usize) -> String {
    format!(
        "insert into lessons.bookings (id, student_id, teacher_id, package_id, state, starts_at, ends_at, blocked_until,
                                       confirmed_at, free_cancel_until, calendar_uid, lesson_id, lesson_state,
                                       lesson_created_at, lesson_updated_at)
         select uuidv7(), {student}, {teacher}, {package}, 'confirmed', at, at + interval '1 hour',
                at + interval '1 hour', now(), at - interval '1 day', gen_random_uuid(), uuidv7(), 'scheduled', now(), now()
         from (select n % {TEACHERS} as teacher, n / {TEACHERS} as hour,
                      date_trunc('hour', now()) + interval '1 hour' * (1000 + {run} * ({count} / {TEACHERS} + 1) + n / {TEACHERS})
                          as at
               from generate_series(0, {count} - 1) n) as new",
        student = student(),
        teacher = sql_id('a', "teacher"),
        package = student().replacen('b', "d", 1),
    )
}

//! What clients of the earlier backend do: its portal's calls in their order, and the flows of its own tests. Where ours
//! differs, the table in `functions/lessons/README.md` says why; each such place here names its row.

use local::testkit::{Answer, Client};
use serde_json::{Value, json};

use crate::given::{self, HOLD, OPEN, PACKAGES, SLOTS, in_hours};

const REGISTER: &str = "/api/v1/identity/auth/register";
const LOGIN: &str = "/api/v1/identity/auth/login";
const REFRESH: &str = "/api/v1/identity/auth/refresh";
const ME: &str = "/api/v1/identity/users/me";
const BOOKINGS: &str = "/api/v1/booking/my";
const LESSONS: &str = "/api/v1/lessons/my";
const SWEEPS: [&str; 2] = ["/api/v1/booking/holds/expire", "/api/v1/billing/packages/expire"];

/// The fields of the earlier objects, all of which were always there.
const USER: &[&str] = &["id", "email", "timezone", "is_active", "role", "created_at", "updated_at"];
const SLOT: &[&str] =
    &["id", "teacher_id", "created_by_admin_id", "start_at", "end_at", "status", "created_at", "updated_at"];
const BOOKING: &[&str] = &[
    "id",
    "slot_id",
    "student_id",
    "teacher_id",
    "package_id",
    "status",
    "hold_expires_at",
    "confirmed_at",
    "canceled_at",
    "cancellation_reason",
    "refund_returned",
    "rescheduled_from_booking_id",
    "created_at",
    "updated_at",
];
const PACKAGE: &[&str] = &[
    "id",
    "student_id",
    "lessons_total",
    "lessons_left",
    "expires_at",
    "status",
    "created_at",
    "updated_at",
];
const PAYMENT: &[&str] = &[
    "id",
    "package_id",
    "amount",
    "currency",
    "status",
    "external_reference",
    "paid_at",
    "created_at",
    "updated_at",
];
const LESSON: &[&str] = &[
    "id",
    "booking_id",
    "student_id",
    "teacher_id",
    "scheduled_start_at",
    "scheduled_end_at",
    "status",
    "topic",
    "notes",
    "created_at",
    "updated_at",
];
const NOTIFICATION: &[&str] =
    &["id", "user_id", "channel", "title", "body", "status", "sent_at", "created_at", "updated_at"];
const EVENT: &[&str] = &[
    "id",
    "aggregate_type",
    "aggregate_id",
    "event_type",
    "payload",
    "status",
    "occurred_at",
    "processed_at",
    "retries",
    "error_message",
    "created_at",
    "updated_at",
];

/// An answer of the earlier kind: this status, and an object with these fields at least.
#[track_caller]
fn object(answer: &Answer, status: u16, fields: &[&str]) -> Value {
    let object = answer.assert_status(status).json();
    assert_fields(&object, fields);
    object
}

#[track_caller]
fn assert_fields(object: &Value, fields: &[&str]) {
    let missing: Vec<_> = fields.iter().filter(|field| object.get(**field).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?} in {object}");
}

/// The items of a page as the portal asks for it.
async fn page(caller: &Client, path: &str, fields: &[&str]) -> Vec<Value> {
    let page = object(&caller.get(&format!("{path}?limit=20&offset=0")).await, 200, &["items", "total"]);
    assert_eq!((&page["limit"], &page["offset"]), (&json!(20), &json!(0)), "{page}");
    let items = page["items"].as_array().expect("items").clone();
    items.iter().for_each(|item| assert_fields(item, fields));
    items
}

/// What the portal shows of an error: the sentence in `message`, which some users read in Russian by its exact words. It looked
/// for it in `error.message` first, and then here.
#[track_caller]
fn assert_sentence(answer: &Answer, status: u16, sentence: &str) {
    answer.assert_status(status);
    assert_eq!(answer.str("message"), sentence);
}

/// A call without a body, as the portal makes it.
async fn bare(caller: &Client, path: &str) -> Answer {
    caller.request("POST", path).await
}

fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("{name} in {object}")).to_owned()
}

/// Flow 58: a student's session in the portal, from registration on.
#[tokio::test]
async fn a_student_registers_signs_in_and_sees_what_there_is() {
    let practice = given::practice().await;
    let nobody = practice.stack.anonymous();
    let slot = practice.slot(48).await;
    let new = json!({ "email": "mia@example.org", "password": "Str0ng-Pass!", "timezone": "Europe/Riga", "role": "student" });
    let user = object(&nobody.post(REGISTER, new).await, 201, USER);
    assert_eq!((&user["role"]["name"], &user["is_active"]), (&json!("student"), &json!(true)));
    let credentials = json!({ "email": "mia@example.org", "password": "Str0ng-Pass!" });
    let pair = object(&nobody.post(LOGIN, credentials).await, 200, &["access_token", "refresh_token"]);
    assert_eq!(pair["token_type"], "bearer");
    let mia = nobody.bearer(&text(&pair, "access_token"));

    let me = object(&mia.get(ME).await, 200, USER);
    assert_eq!((&me["id"], &me["timezone"]), (&user["id"], &json!("Europe/Riga")));
    let open = page(&nobody, OPEN, SLOT).await;
    assert_eq!((&open[0]["id"], &open[0]["status"]), (&json!(slot), &json!("open")));
    let packages = format!("{PACKAGES}/students/{}", text(&me, "id"));
    let package = json!({ "student_id": me["id"], "lessons_total": 2, "expires_at": in_hours(900) });
    practice.admin.post(PACKAGES, package).await.assert_status(201);
    assert!(page(&mia, BOOKINGS, BOOKING).await.is_empty());
    let packages = page(&mia, &packages, PACKAGE).await;
    assert_eq!((&packages[0]["status"], &packages[0]["lessons_left"]), (&json!("active"), &json!(2)));

    let refreshed = nobody.post(REFRESH, json!({ "refresh_token": pair["refresh_token"] })).await;
    let refreshed = object(&refreshed, 200, &["access_token", "refresh_token", "token_type"]);
    let again = nobody.bearer(&text(&refreshed, "access_token"));
    assert_eq!(object(&again.get(ME).await, 200, USER)["id"], me["id"]);
    // A token that is no more sends the portal to refresh: it does so for 401 alone.
    nobody.bearer("no-token").get(ME).await.assert_status(401);

    // Account's table: roles are given by admins, wrong credentials and dead refresh tokens are 401.
    for role in ["teacher", "admin"] {
        let new = json!({ "email": "eve@example.org", "password": "Str0ng-Pass!", "role": role });
        nobody.post(REGISTER, new).await.assert_status(403);
    }
    let wrong = json!({ "email": "mia@example.org", "password": "Wr0ng-Pass!" });
    nobody.post(LOGIN, wrong).await.assert_status(401);
    nobody.post(REFRESH, json!({ "refresh_token": "x".repeat(43) })).await.assert_status(401);
}

/// The screens of a student in the portal: hold, confirm, move, cancel, each with all lists read again.
#[tokio::test]
async fn a_student_books_moves_and_cancels_by_the_portals_calls() {
    let practice = given::practice().await;
    let (student, nobody) = (&practice.student, practice.stack.anonymous());
    let (first, second) = (practice.slot(48).await, practice.slot(72).await);
    let package = practice.package(3).await;
    let packages = format!("{PACKAGES}/students/{}", student.id());
    let open = async || -> Vec<String> {
        page(&nobody, OPEN, SLOT).await.iter().map(|slot| text(slot, "id")).collect()
    };

    let held = student.post(HOLD, json!({ "slot_id": first, "package_id": package })).await;
    let held = object(&held, 200, BOOKING);
    assert_eq!((&held["status"], &held["slot_id"]), (&json!("hold"), &json!(first)));
    assert_eq!((&held["confirmed_at"], &held["refund_returned"]), (&json!(null), &json!(false)));
    let booking = text(&held, "id");
    assert_eq!(open().await, std::slice::from_ref(&second));
    assert_eq!(page(student, BOOKINGS, BOOKING).await[0]["status"], "hold");

    let confirmed = object(&bare(student, &format!("/api/v1/booking/{booking}/confirm")).await, 200, BOOKING);
    assert_eq!((&confirmed["status"], &confirmed["hold_expires_at"]), (&json!("confirmed"), &json!(null)));
    assert!(confirmed["confirmed_at"].is_string());
    assert_eq!(page(student, &packages, PACKAGE).await[0]["lessons_left"], 2);

    let moved = student
        .post(&format!("/api/v1/booking/{booking}/reschedule"), json!({ "new_slot_id": second }))
        .await;
    let moved = object(&moved, 200, BOOKING);
    assert_eq!(moved["rescheduled_from_booking_id"], json!(booking));
    assert_eq!((&moved["status"], &moved["slot_id"]), (&json!("confirmed"), &json!(second)));
    assert_eq!(open().await, std::slice::from_ref(&first));
    assert_eq!(page(student, BOOKINGS, BOOKING).await.len(), 2);

    let cancel = format!("/api/v1/booking/{}/cancel", text(&moved, "id"));
    let canceled = object(&student.post(&cancel, json!({ "reason": null })).await, 200, BOOKING);
    assert_eq!((&canceled["status"], &canceled["refund_returned"]), (&json!("canceled"), &json!(true)));
    // Flow 23: what was said first stays.
    let again = object(&student.post(&cancel, json!({ "reason": "later" })).await, 200, BOOKING);
    assert_eq!(again, canceled);
    assert_eq!(open().await, [first, second]);
    assert_eq!(page(student, &packages, PACKAGE).await[0]["lessons_left"], 3);
}

/// Flow 59: a teacher's lessons, and an admin's two buttons, which show the number that comes back.
#[tokio::test]
async fn a_teacher_lists_lessons_and_an_admin_sweeps() {
    let practice = given::practice().await;
    let package = practice.package(3).await;
    practice.booked(48, &package).await;
    let held = practice.hold(&practice.slot(72).await, &package).await.str("id");
    given::lapse(&practice.db, &held).await;
    let lessons = page(&practice.teacher, LESSONS, LESSON).await;
    assert_eq!(
        (&lessons[0]["status"], &lessons[0]["scheduled_start_at"]),
        (&json!("scheduled"), &json!(in_hours(48)))
    );
    // The portal asks for these with every role.
    page(&practice.teacher, OPEN, SLOT).await;
    assert_eq!(page(&practice.teacher, BOOKINGS, BOOKING).await.len(), 2);
    let ended = format!("update lessons.packages set expires_at = now() where id = '{package}'");
    given::run(&practice.db, &ended).await;
    for sweep in SWEEPS {
        assert_eq!(bare(&practice.admin, sweep).await.assert_status(200).json(), json!(1), "{sweep}");
        assert_eq!(bare(&practice.admin, sweep).await.assert_status(200).json(), json!(0), "{sweep}");
        // "a wrong role".
        assert_sentence(&bare(&practice.teacher, sweep).await, 403, "this needs the role admin");
    }
}

/// Flows 26 to 28: five lessons, and what a cancel gives back.
#[tokio::test]
async fn a_cancel_a_day_ahead_gives_the_lesson_back_and_a_late_one_does_not() {
    for (hours, returned, left) in [(30, true, 5), (12, false, 4)] {
        let practice = given::practice().await;
        let package = practice.package(5).await;
        let booking = practice.booked(hours, &package).await;
        assert_eq!(practice.balance(&package).await, (5, 4, 0));
        let path = format!("/api/v1/booking/{booking}/cancel");
        let canceled = object(&practice.student.post(&path, json!({ "reason": "ill" })).await, 200, BOOKING);
        assert_eq!(
            (&canceled["status"], &canceled["refund_returned"]),
            (&json!("canceled"), &json!(returned))
        );
        assert_eq!(canceled["cancellation_reason"], "ill");
        assert_eq!(practice.balance(&package).await.1, left, "{hours} hours ahead");
        let lessons = page(&practice.student, LESSONS, LESSON).await;
        assert_eq!(lessons[0]["status"], "canceled");
        // "cancel by teacher or admin within 24 hours": the lesson comes back.
        let package = practice.package(1).await;
        let booking = practice.booked(60, &package).await;
        given::begins_in(&practice.db, &booking, 60).await;
        let called_off = given::cancel(&practice.teacher, &booking).await;
        assert_eq!(object(&called_off, 200, BOOKING)["refund_returned"], json!(true));
    }
}

/// Flows 24, 25 and 29: a move.
#[tokio::test]
async fn a_move_links_both_bookings_and_costs_nothing() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let booking = practice.booked(48, &package).await;
    let old_slot = practice.student.get(&format!("/api/v1/booking/{booking}")).await.str("slot_id");
    let slot = practice.slot(72).await;
    practice.stack.invoke("tell-people", json!({})).await;
    let moved = object(&given::reschedule(&practice.student, &booking, &slot).await, 200, BOOKING);
    assert_eq!(
        (&moved["status"], &moved["rescheduled_from_booking_id"]),
        (&json!("confirmed"), &json!(booking))
    );
    let old = practice.student.get(&format!("/api/v1/booking/{booking}")).await.json();
    assert_eq!(
        (&old["status"], &old["cancellation_reason"]),
        (&json!("canceled"), &json!("Rescheduled by user"))
    );
    assert_eq!(practice.balance(&package).await, (5, 4, 0));
    assert_eq!(given::ids(&practice.stack.anonymous(), OPEN).await, [old_slot]);
    let lessons = page(&practice.student, LESSONS, LESSON).await;
    let states: Vec<_> = lessons.iter().map(|lesson| text(lesson, "status")).collect();
    assert_eq!(states, ["canceled", "scheduled"]);
    // "events of a reschedule": one, of the earlier six.
    let events = practice.admin.get("/api/v1/audit/outbox/pending?limit=100").await;
    let events = events.assert_status(200).json();
    let events = events.as_array().expect("no page, a plain list");
    events.iter().for_each(|event| assert_fields(event, EVENT));
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(
        (&events[0]["event_type"], &events[0]["status"]),
        (&json!("booking.rescheduled"), &json!("pending"))
    );
    for (name, id) in [
        ("new_booking_id", &moved["id"]),
        ("old_booking_id", &json!(booking)),
        ("student_id", &moved["student_id"]),
    ] {
        assert_eq!(events[0]["payload"][name], *id, "{events:?}");
    }
    // Flow 25: the same again is the same, whatever slot it names.
    let again = given::reschedule(&practice.student, &booking, &practice.slot(96).await).await;
    assert_eq!(object(&again, 200, BOOKING), moved);
    assert_eq!(practice.balance(&package).await, (5, 4, 0));
    // "reschedule by teacher or admin": works.
    let by_teacher =
        given::reschedule(&practice.teacher, &text(&moved, "id"), &practice.slot(120).await).await;
    assert_eq!(object(&by_teacher, 200, BOOKING)["student_id"], json!(practice.student.id()));
}

/// Flow 30: a hold whose time is over. Here it reads so before anybody sweeps.
#[tokio::test]
async fn a_hold_that_lapsed_is_swept_and_its_slot_is_open_again() {
    let practice = given::practice().await;
    let package = practice.package(1).await;
    let slot = practice.slot(48).await;
    let held = object(&practice.hold(&slot, &package).await, 200, BOOKING);
    given::lapse(&practice.db, &text(&held, "id")).await;
    let late = given::confirm(&practice.student, &text(&held, "id")).await;
    assert_sentence(&late, 422, "Booking hold has expired");
    assert_eq!(bare(&practice.admin, SWEEPS[0]).await.json(), json!(1));
    assert_eq!(page(&practice.student, BOOKINGS, BOOKING).await[0]["status"], "expired");
    let late = given::cancel(&practice.student, &text(&held, "id")).await;
    assert_sentence(&late, 409, "Booking already expired");
    assert_eq!(given::ids(&practice.stack.anonymous(), OPEN).await, std::slice::from_ref(&slot));
    // "a slot that somebody had booked once": can be booked again.
    object(&practice.hold(&slot, &package).await, 200, BOOKING);
}

/// The sentences that the portal knows by their words, where a booking is refused.
#[tokio::test]
async fn refusals_keep_their_sentences() {
    let practice = given::practice().await;
    let (student, package) = (&practice.student, practice.package(1).await);
    let slot = practice.slot(48).await;
    let nothing = uuid::Uuid::new_v4().to_string();
    assert_sentence(&practice.hold(&nothing, &package).await, 404, "Slot not found");
    assert_sentence(&practice.hold(&slot, &nothing).await, 404, "Package not found");
    // "another's object": 404 with the words of a missing one; it was 403.
    let others = practice.package_of(&practice.another_student().await, 1).await;
    assert_sentence(&practice.hold(&slot, &others).await, 404, "Package not found");
    let booking = text(&object(&practice.hold(&slot, &package).await, 200, BOOKING), "id");
    let stranger = practice.another_student().await;
    assert_sentence(&given::confirm(&stranger, &booking).await, 404, "Booking not found");
    // "two who hold one time": 409; it was 422, or 500.
    let theirs = practice.package_of(&stranger, 1).await;
    assert_sentence(&given::hold(&stranger, &slot, &theirs).await, 409, "Slot is not available");
    // "holds": they reserve a lesson.
    assert_sentence(
        &practice.hold(&practice.slot(72).await, &package).await,
        422,
        "No lessons left in package",
    );
    given::confirm(student, &booking).await.assert_status(200);
    object(&given::confirm(student, &booking).await, 200, BOOKING);
    given::cancel(student, &booking).await.assert_status(200);
    assert_sentence(&given::confirm(student, &booking).await, 409, "Only HOLD booking can be confirmed");
    let moved = given::reschedule(student, &booking, &slot).await;
    assert_sentence(&moved, 409, "Booking cannot be rescheduled in current status");
    let ended = format!("update lessons.packages set expires_at = now() where id = '{package}'");
    given::run(&practice.db, &ended).await;
    assert_sentence(&practice.hold(&slot, &package).await, 422, "Package is expired");
    for (start, end, sentence) in [
        (in_hours(50), in_hours(49), "Slot end_at must be after start_at"),
        (in_hours(-2), in_hours(-1), "Slot start_at must be in the future"),
    ] {
        let new = json!({ "teacher_id": practice.teacher.id(), "start_at": start, "end_at": end });
        assert_sentence(&practice.admin.post(SLOTS, new).await, 422, sentence);
    }
    let new = json!({ "student_id": student.id(), "lessons_total": 1, "expires_at": in_hours(-1) });
    assert_sentence(
        &practice.admin.post(PACKAGES, new).await,
        422,
        "Package expiration must be in the future",
    );
}

/// Flows 5 to 12 and 14 to 17: payments that are noted, and packages that end.
#[tokio::test]
async fn payments_go_the_earlier_ways_between_their_states() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let new = json!({ "package_id": package, "amount": "99.50", "currency": "eur", "external_reference": "inv-17" });
    let payment = object(&practice.student.post(given::PAYMENTS, new).await, 201, PAYMENT);
    assert_eq!((&payment["amount"], &payment["currency"]), (&json!("99.50"), &json!("EUR")));
    assert_eq!((&payment["status"], &payment["paid_at"]), (&json!("pending"), &json!(null)));
    assert_eq!(payment["external_reference"], "inv-17");
    let payment = text(&payment, "id");
    let refused = practice.note(&payment, "refunded").await;
    assert_sentence(&refused, 422, "Invalid payment status transition: pending -> refunded");
    let mut paid_at = json!(null);
    for (status, is_paid) in [
        ("failed", false),
        ("pending", false),
        ("failed", false),
        ("succeeded", true),
        ("succeeded", true),
        ("refunded", true),
    ] {
        let noted = object(&practice.note(&payment, status).await, 200, PAYMENT);
        assert_eq!((&noted["status"], noted["paid_at"].is_string()), (&json!(status), is_paid));
        assert!(paid_at.is_null() || noted["paid_at"] == paid_at, "paid once: {noted}");
        paid_at = noted["paid_at"].clone();
    }
    let refused = practice.note(&payment, "pending").await;
    assert_sentence(&refused, 422, "Invalid payment status transition: refunded -> pending");
    // One event for each change, none for the same again.
    let changes = practice.events().await;
    let changes = changes.iter().filter(|kind| *kind == "billing.payment.status.updated");
    assert_eq!(changes.count(), 5);
    practice
        .student
        .patch(&format!("{}/{payment}/status", given::PAYMENTS), json!({ "status": "failed" }))
        .await
        .assert_status(403);

    let ended = format!("update lessons.packages set expires_at = now() where id = '{package}'");
    given::run(&practice.db, &ended).await;
    let late = practice.student.post(given::PAYMENTS, json!({ "package_id": package, "amount": 1 })).await;
    assert_sentence(&late, 422, "Package is expired");
    assert_eq!(bare(&practice.admin, SWEEPS[1]).await.json(), json!(1));
    assert!(practice.events().await.contains(&"billing.package.expired".to_owned()));
}

/// Flows 1 to 4, 50 to 53: an admin's overviews, whose view is noted, and what people are told.
#[tokio::test]
async fn overviews_are_noted_and_people_are_told() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    practice.booked(48, &package).await;
    let kpi = object(&practice.admin.get("/api/v1/admin/kpi/overview").await, 200, &["generated_at"]);
    for (name, count) in [
        ("bookings_total", 1),
        ("bookings_hold", 0),
        ("bookings_confirmed", 1),
        ("bookings_canceled", 0),
        ("bookings_expired", 0),
        ("lessons_total", 1),
        ("lessons_scheduled", 1),
        ("lessons_completed", 0),
        ("lessons_canceled", 0),
        ("payments_total", 0),
        ("packages_total", 1),
        ("packages_active", 1),
        ("packages_expired", 0),
        ("packages_canceled", 0),
        ("users_admins", 1),
        ("users_teachers", 1),
    ] {
        assert_eq!(kpi[name], json!(count), "{name} in {kpi}");
    }
    let ops = practice.admin.get("/api/v1/admin/ops/overview?max_retries=7").await;
    let ops = object(
        &ops,
        200,
        &["generated_at", "outbox_failed_dead_letter", "stale_booking_holds", "overdue_active_packages"],
    );
    assert_eq!((&ops["max_retries"], &ops["notifications_failed"]), (&json!(7), &json!(0)));
    assert!(ops["outbox_pending"].as_i64().is_some_and(|count| count > 0), "{ops}");
    let actions =
        page(&practice.admin, "/api/v1/admin/actions", &["id", "admin_id", "target_id", "created_at"]).await;
    let seen: Vec<_> =
        actions.iter().map(|action| (text(action, "action"), text(action, "target_type"))).collect();
    let view = |action: &str, target: &str| (action.to_owned(), target.to_owned());
    assert_eq!(
        seen[..2],
        [view("admin.ops.view", "operations_overview"), view("admin.kpi.view", "kpi_overview")]
    );
    assert_eq!(actions[0]["payload"]["max_retries"], 7);
    assert!(actions[1]["payload"]["generated_at"].is_string());
    for nobody in [&practice.student, &practice.teacher] {
        for path in [
            "/api/v1/admin/kpi/overview",
            "/api/v1/admin/ops/overview",
            "/api/v1/notifications/delivery/metrics",
        ] {
            nobody.get(path).await.assert_status(403);
        }
    }

    practice.stack.invoke("tell-people", json!({})).await;
    practice.stack.deliver_mail().await;
    // "notifications": `sent` when the mail has gone out.
    practice.stack.invoke("tell-people", json!({})).await;
    let told = page(&practice.student, "/api/v1/notifications/my", NOTIFICATION).await;
    let confirmed = told.iter().find(|told| told["title"] == "Booking confirmed").expect("told of it");
    assert!(
        text(confirmed, "body").starts_with("Your booking ") && confirmed["status"] == "sent",
        "{confirmed}"
    );
    let metrics = object(
        &practice.admin.get("/api/v1/notifications/delivery/metrics").await,
        200,
        &[
            "notifications_total",
            "notifications_pending",
            "notifications_failed",
            "outbox_total",
            "outbox_failed",
            "outbox_retryable_failed",
            "outbox_dead_letter",
        ],
    );
    assert_eq!((&metrics["outbox_pending"], &metrics["max_retries"]), (&json!(0), &json!(5)));
    assert_eq!(metrics["outbox_processed"], metrics["outbox_total"]);
    assert_eq!(metrics["notifications_sent"], metrics["notifications_total"]);
}

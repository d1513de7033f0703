//! Tests of the lessons functions: the real programs behind the local gateway, on a real PostgreSQL.
//!
//! One module for each function, and `leaving` and `races` for what holds across them.

mod cancel_booking;
mod complete_lesson;
mod confirm_booking;
mod create_admin_action;
mod create_calendar_feed;
mod create_notification;
mod create_package;
mod create_slot;
mod create_teacher_profile;
mod delete_calendar_feed;
mod end_holds;
mod end_packages;
mod expire_holds;
mod expire_packages;
mod get_booking;
mod get_booking_calendar;
mod get_delivery_metrics;
mod get_teacher_profile;
mod given;
mod hold_slot;
mod leaving;
mod list_admin_actions;
mod list_calendar_feeds;
mod list_my_bookings;
mod list_my_lessons;
mod list_my_notifications;
mod list_open_slots;
mod list_package_entries;
mod list_pending_events;
mod list_slots;
mod list_student_packages;
mod list_teacher_profiles;
mod mark_no_show;
mod races;
mod read_calendar_feed;
mod release_leavers;
mod remind_lessons;
mod reschedule_booking;
mod tell_people;
mod update_lesson;
mod update_notification;
mod update_slot;
mod update_teacher_profile;
mod withdraw_slot;

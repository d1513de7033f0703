//! Lessons: teachers offer time, students hold and book it with the lessons of a package, and what happens to a booking, a
//! package and a lesson is told to whom it concerns.
//!
//! Money buys lessons, lessons buy time: a booking moves the lessons of a package and waits for no payment. What is left of
//! a package is the sum of its entries; that nobody is booked twice at a time is a constraint of the database.

pub mod admin_action;
pub mod booking;
pub mod calendar;
pub mod cancellation;
pub mod event;
pub mod feed;
pub mod hold;
pub mod hours;
pub mod leaver;
pub mod ledger;
pub mod lesson;
pub mod money;
pub mod notification;
pub mod overview;
pub mod package;
pub mod payment;
pub mod plan;
pub mod purchase;
pub mod refund;
pub mod series;
pub mod slot;
pub mod stripe;
pub mod student;
pub mod teacher;
pub mod telling;
pub mod waitlist;

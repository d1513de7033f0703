//! Tests of the functions around the keys of the sign-in.

mod rotate_sign_in_keys;

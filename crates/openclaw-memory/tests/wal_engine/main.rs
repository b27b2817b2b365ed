//! The log engine, from outside: on a real disk, on a failing one, and with damaged files.

mod crash_matrix;
mod damage;
mod faults;
mod golden;
mod kit;
mod log;
mod properties;

//! The engine against a simulated platform and a simulated agent, both with seeded faults, on a virtual clock.
#![cfg(test)]

mod agent;
mod cases;
mod hostile;
mod rig;
mod week;
mod world;

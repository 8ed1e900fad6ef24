//! The catalog in DynamoDB, against AWS's own DynamoDB Local.

#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod accounts;
mod article;
mod burst;
mod changes;
mod contract;
mod costs;
mod counts;
mod failures;
mod faulty;
mod incidents;
mod random;
mod support;

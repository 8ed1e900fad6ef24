//! Real services for tests: each is a process of ours on free loopback ports, in a folder of its own, and ends with
//! the value that stands for it. `scripts/services` installs them. Never part of the program.

#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod dynamodb;
mod lambda;
mod ports;
mod seaweed;

pub use dynamodb::{DYNAMODB_KEY, DYNAMODB_REGION, DYNAMODB_SECRET, DynamoDbLocal};
pub use lambda::{Invocation, LambdaHost};
pub use ports::free_port;
pub use seaweed::{S3_KEY, S3_REGION, S3_SECRET, SeaweedFs, encoded, signed_request};

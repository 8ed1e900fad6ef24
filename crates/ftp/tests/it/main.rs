//! The server as clients see it: scripted byte by byte (`raw`) and by the client
//! programs that cameras' firmware is built from (`clients`). The storage is a
//! fake in memory that can be told to fail, wait and panic.

mod abort;
mod bad_input;
mod clients;
mod commands;
mod connections;
mod durability;
mod fake;
mod login;
mod measure;
mod names;
mod raw;
mod shutdown;
mod tls;

//! RFC 959: TYPE, MODE, STRU.
//!
//! `TYPE A` is accepted and changes nothing: cameras send JPEGs in it, and a
//! converted line end would destroy them.

use super::Connection;

impl Connection {
    pub(super) async fn set_type(&mut self, argument: &[u8]) {
        match argument.to_ascii_uppercase().as_slice() {
            b"A" | b"A N" | b"I" | b"L 8" | b"L8" => {
                self.reply(200, "Type noted; files are stored as they are.").await;
            }
            _ => self.reply(504, "Only types A, I and L 8.").await,
        }
    }

    pub(super) async fn set_mode(&mut self, argument: &[u8]) {
        match argument.to_ascii_uppercase().as_slice() {
            b"S" => self.reply(200, "Mode is stream.").await,
            _ => self.reply(504, "Only mode S.").await,
        }
    }

    pub(super) async fn set_structure(&mut self, argument: &[u8]) {
        match argument.to_ascii_uppercase().as_slice() {
            b"F" => self.reply(200, "Structure is file.").await,
            _ => self.reply(504, "Only structure F.").await,
        }
    }
}

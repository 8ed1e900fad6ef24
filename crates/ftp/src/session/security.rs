//! RFC 2228 and RFC 4217: AUTH, PBSZ, PROT, CCC.
//!
//! Promises that nothing said in plain text survives into the encrypted session
//! (command injection), and that a ClientHello which arrives together with
//! `AUTH TLS` reaches the handshake and not the command parser.

use super::{Connection, Flow};
use crate::event::{Channel, SessionEvent};

/// First byte of every TLS handshake record.
const TLS_HANDSHAKE_RECORD: u8 = 0x16;

impl Connection {
    pub(super) async fn authenticate(&mut self, argument: &[u8]) -> Flow {
        if self.shared.config.tls.is_none() {
            self.reply(502, "Encryption is not set up on this server.").await;
            return Flow::Continue;
        }
        if self.control.is_tls() {
            self.reply(503, "Encrypted already.").await;
            return Flow::Continue;
        }
        if !matches!(argument.to_ascii_uppercase().as_slice(), b"TLS" | b"TLS-C" | b"TLS-P" | b"SSL") {
            self.reply(504, "Expected AUTH TLS or AUTH SSL.").await;
            return Flow::Continue;
        }
        self.forget_session();
        self.reply(234, "Start the handshake.").await;
        self.secure_control().await
    }

    /// Turns the control connection into an encrypted one. After a failure there
    /// is nothing left to talk over.
    pub(super) async fn secure_control(&mut self) -> Flow {
        let early = self.control.take_unparsed();
        let injected =
            !self.queue.is_empty() || early.first().is_some_and(|byte| *byte != TLS_HANDSHAKE_RECORD);
        if injected {
            return self.handshake_failed("plain text behind AUTH".to_owned());
        }
        let shared = std::sync::Arc::clone(&self.shared);
        let Some(tls) = &shared.config.tls else { return Flow::Close("no TLS") };
        match self.control.upgrade(tls, early).await {
            Ok(()) => Flow::Continue,
            Err(error) => self.handshake_failed(error.to_string()),
        }
    }

    fn handshake_failed(&self, reason: String) -> Flow {
        tracing::info!(session = self.id, peer = %self.peer, reason, "TLS handshake failed");
        self.observe(&SessionEvent::HandshakeFailed { channel: Channel::Control, reason });
        Flow::Close("handshake failed")
    }

    /// TLS has its own buffers: only 0 makes sense, and any value is taken as that.
    pub(super) async fn buffer_size(&mut self) {
        if self.control.is_tls() {
            self.reply(200, "PBSZ=0").await;
        } else {
            self.reply(503, "Say AUTH TLS first.").await;
        }
    }

    pub(super) async fn protection(&mut self, argument: &[u8]) {
        if !self.control.is_tls() {
            self.reply(503, "Say AUTH TLS first.").await;
            return;
        }
        match argument.to_ascii_uppercase().as_slice() {
            b"P" => {
                self.protect_data = true;
                self.reply(200, "Data connections are encrypted.").await;
            }
            b"C" if self.tls_required() => {
                self.reply(534, "Data connections must be encrypted here.").await;
            }
            b"C" => {
                self.protect_data = false;
                self.reply(200, "Data connections are plain.").await;
            }
            b"S" | b"E" => self.reply(536, "Only PROT P or PROT C.").await,
            _ => self.reply(504, "Only PROT P or PROT C.").await,
        }
    }

    pub(super) fn tls_required(&self) -> bool {
        self.shared.config.tls.as_ref().is_some_and(|tls| tls.required)
    }
}

//! RFC 959, 2228, 2389, 2428, 3659, 4217: what a client can say.
//!
//! Owns the list of commands and their parsing into a [`Command`]; what they do
//! is in `session/`.

use std::fmt;

/// One line from the client.
#[derive(PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) verb: Verb,
    /// Everything after the first space, as it came.
    pub(crate) argument: Vec<u8>,
}

/// Declares the verbs once: variant, spelling, other spellings.
macro_rules! verbs {
    ($($variant:ident $text:literal $(| $alias:literal)*),* $(,)?) => {
        /// A command that this server knows, or [`Verb::Unknown`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Verb { $($variant,)* Unknown, Garbage }

        impl Verb {
            fn parse(word: &[u8]) -> Self {
                match word {
                    $($text $(| $alias)* => Self::$variant,)*
                    _ => Self::Unknown,
                }
            }
        }
    };
}

verbs! {
    User b"USER", Pass b"PASS", Acct b"ACCT", Rein b"REIN", Quit b"QUIT",
    Cwd b"CWD" | b"XCWD", Cdup b"CDUP" | b"XCUP", Pwd b"PWD" | b"XPWD",
    Mkd b"MKD" | b"XMKD", Rmd b"RMD" | b"XRMD", Dele b"DELE", Rnfr b"RNFR", Rnto b"RNTO", Smnt b"SMNT",
    Type b"TYPE", Mode b"MODE", Stru b"STRU", Allo b"ALLO",
    Pasv b"PASV", Epsv b"EPSV", Port b"PORT", Eprt b"EPRT",
    Rest b"REST", Stor b"STOR", Appe b"APPE", Stou b"STOU", Retr b"RETR", Abor b"ABOR",
    List b"LIST", Nlst b"NLST", Mlsd b"MLSD", Mlst b"MLST", Stat b"STAT",
    Size b"SIZE", Mdtm b"MDTM", Mfmt b"MFMT",
    Site b"SITE", Syst b"SYST", Feat b"FEAT", Opts b"OPTS", Help b"HELP", Noop b"NOOP", Clnt b"CLNT",
    Auth b"AUTH", Pbsz b"PBSZ", Prot b"PROT", Ccc b"CCC",
}

/// For `HELP`, in lines that fit a terminal.
pub(crate) const HELP_LINES: [&str; 4] = [
    "USER PASS ACCT REIN QUIT CWD CDUP PWD MKD RMD DELE RNFR RNTO",
    "TYPE MODE STRU ALLO PASV EPSV PORT EPRT REST STOR APPE STOU ABOR",
    "LIST NLST MLSD MLST STAT SIZE MDTM MFMT SITE SYST FEAT OPTS HELP NOOP",
    "AUTH PBSZ PROT",
];

impl Command {
    /// Never fails: what isn't FTP becomes [`Verb::Unknown`] or, if it can't be a
    /// word of any protocol like FTP, [`Verb::Garbage`].
    pub(crate) fn parse(line: &[u8]) -> Self {
        let (word, argument) = match line.iter().position(|byte| *byte == b' ') {
            Some(space) => (&line[..space], &line[space + 1..]),
            None => (line, &line[line.len()..]),
        };
        // HTTP's words are letters, but no FTP client sends them.
        let http = matches!(word, b"GET" | b"POST" | b"HEAD" | b"CONNECT" | b"OPTIONS");
        let letters = word.iter().all(u8::is_ascii_alphabetic);
        let verb = if http || !letters || word.len() > 16 {
            Verb::Garbage
        } else {
            Verb::parse(&word.to_ascii_uppercase())
        };
        Self { verb, argument: argument.to_vec() }
    }
}

impl Verb {
    /// Whether the command makes sense before the login.
    pub(crate) fn before_login(self) -> bool {
        matches!(
            self,
            Self::User
                | Self::Pass
                | Self::Acct
                | Self::Rein
                | Self::Quit
                | Self::Abor
                | Self::Syst
                | Self::Feat
                | Self::Opts
                | Self::Help
                | Self::Noop
                | Self::Clnt
                | Self::Auth
                | Self::Pbsz
                | Self::Prot
                | Self::Ccc
                | Self::Unknown
                | Self::Garbage
        )
    }

    /// Commands that may stand between `REST` and the `STOR` it is for. Anything
    /// else makes the server forget the offset.
    pub(crate) fn keeps_restart(self) -> bool {
        matches!(
            self,
            Self::Rest
                | Self::Stor
                | Self::Appe
                | Self::Stou
                | Self::Pasv
                | Self::Epsv
                | Self::Port
                | Self::Eprt
                | Self::Type
                | Self::Mode
                | Self::Stru
                | Self::Allo
                | Self::Noop
                | Self::Pbsz
                | Self::Prot
        )
    }
}

/// Arguments of `PASS` and `ACCT` never reach a log.
impl fmt::Debug for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verb {
            Verb::Pass | Verb::Acct | Verb::Unknown | Verb::Garbage => {
                write!(out, "{:?} (hidden)", self.verb)
            }
            verb => write!(out, "{verb:?} {}", self.argument.escape_ascii()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, Verb};

    #[test]
    fn words_are_case_insensitive_and_arguments_are_kept_as_they_are() {
        let command = Command::parse(b"stor  a b\xe9.jpg ");
        assert_eq!(command.verb, Verb::Stor);
        assert_eq!(command.argument, b" a b\xe9.jpg ");
        assert_eq!(Command::parse(b"XMKD a").verb, Verb::Mkd);
        assert_eq!(Command::parse(b"XYZZY").verb, Verb::Unknown);
    }

    #[test]
    fn what_is_not_ftp_is_garbage() {
        for line in [&b"GET / HTTP/1.1"[..], b"SSH-2.0-x", b"\0\0\0", b"*1", b"NO\0OP"] {
            assert_eq!(Command::parse(line).verb, Verb::Garbage, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn passwords_are_not_in_debug_output() {
        assert!(!format!("{:?}", Command::parse(b"PASS secret")).contains("secret"));
    }
}

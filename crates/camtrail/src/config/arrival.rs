//! `[arrival]`: who tells the catalog of new objects, and with which token.

use camtrail_auth::Token;

use super::{
    ConfigError,
    settings::{Checker, StoreSettings},
    shape::Arrival,
};

/// Who tells the catalog of new objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ArrivalMode {
    /// This process.
    Inline,
    /// The store's own notification.
    Notified,
    /// This process tells a `camtrail serve` elsewhere, at this address.
    Announced(String),
}

/// Which one is configured.
pub(super) fn mode(
    check: &Checker<'_>,
    arrival: &Arrival,
    store: &StoreSettings,
) -> Result<ArrivalMode, ConfigError> {
    let mode = arrival.mode.as_str();
    if !arrival.url.is_empty() {
        let local = matches!(store, StoreSettings::Local);
        return match mode {
            _ if local => Err(check.wrong(
                "arrival.url",
                &arrival.url,
                "nothing: a Camtrail elsewhere can't look into a local store (use a bucket)",
            )),
            "notified" => Err(check.wrong(
                "arrival.url",
                &arrival.url,
                "nothing beside arrival.mode = \"notified\": either the bucket tells, or this gateway does",
            )),
            _ if arrival.token_file.is_empty() => Err(check.wrong(
                "arrival.token_file",
                "",
                "a file with the token of the Camtrail at arrival.url (that one's own arrival.token_file)",
            )),
            _ => check.page_url("arrival.url", &arrival.url).map(ArrivalMode::Announced),
        };
    }
    match (mode, store) {
        ("inline" | "", _) => Ok(ArrivalMode::Inline),
        ("notified", StoreSettings::S3(_)) => Ok(ArrivalMode::Notified),
        ("notified", StoreSettings::Local) => {
            Err(check.wrong("arrival.mode", mode, "\"inline\": a local store notifies nobody"))
        }
        _ => Err(check.wrong("arrival.mode", mode, "\"inline\" or \"notified\"")),
    }
}

/// The webhook's token. Never shown in an error.
pub(super) fn token(check: &Checker<'_>, file: &str) -> Result<Option<Token>, ConfigError> {
    /// Less could be guessed.
    const LEAST_CHARS: usize = 20;
    const MOST_CHARS: usize = 1_000;
    const KEY: &str = "arrival.token_file";
    if file.is_empty() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| check.wrong(KEY, file, format!("a file that can be read ({error})")))?;
    let token = text.trim();
    if !(LEAST_CHARS..=MOST_CHARS).contains(&token.len()) || !token.bytes().all(|b| b.is_ascii_graphic()) {
        let expected = format!(
            "a file with one token of {LEAST_CHARS} or more visible ASCII signs (openssl rand -hex 32 makes one)"
        );
        return Err(check.wrong(KEY, file, expected));
    }
    Ok(Some(Token::from_text(token)))
}

//! From the library's errors to the port's, in words for a person.

use camtrail_model::ports::StoreError;
use object_store::Error;

/// What a store says when it has no room: S3's own kin have many words for it.
const FULL_CODES: [&str; 5] =
    ["QuotaExceeded", "XMinioStorageFull", "507 Insufficient", "StorageFull", "TooManyObjects"];

/// The port's error. A missing object is the caller's affair; here it means that the bucket is missing.
pub(super) fn problem(error: &Error) -> StoreError {
    let text = words(error);
    match error {
        _ if FULL_CODES.iter().any(|code| text.contains(code)) => StoreError::Full(text),
        Error::NotFound { .. } => StoreError::Refused(format!("is there such a bucket? {text}")),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } | Error::InvalidPath { .. } => {
            StoreError::Refused(text)
        }
        _ => StoreError::Unavailable(text),
    }
}

/// S3 answers in XML: its `Code` and `Message` are what a person needs; else the cause of all causes.
pub(super) fn words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut deepest = text.clone();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        deepest = error.to_string();
        text.push_str(&deepest);
        cause = error.source();
    }
    if let Some(words) = words_of(&text) {
        return words;
    }
    // A HEAD's refusal has no body, only a number.
    match deepest.split_once("non-2xx status code: ") {
        Some((_, status)) => status.trim_end_matches([':', ' ']).to_owned(),
        None => deepest,
    }
}

/// What S3's XML says, if it is any.
pub(super) fn words_of(text: &str) -> Option<String> {
    let code = element(text, "Code")?;
    Some(element(text, "Message").map_or_else(|| code.to_owned(), |message| format!("{code}: {message}")))
}

pub(super) fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let from = text.find(&open)? + open.len();
    let length = text[from..].find(&close)?;
    Some(&text[from..from + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> StoreError {
        problem(&Error::Generic { store: "S3", source: text.to_owned().into() })
    }

    #[test]
    fn a_person_reads_code_and_message() {
        let xml =
            "403: <Error><Code>SignatureDoesNotMatch</Code><Message>The key is wrong.</Message></Error>";
        let denied = Error::PermissionDenied { path: "k".to_owned(), source: xml.into() };
        assert_eq!(
            problem(&denied).to_string(),
            "the store refused: SignatureDoesNotMatch: The key is wrong."
        );
        assert!(matches!(generic("<Code>QuotaExceeded</Code>"), StoreError::Full(_)));
        let reset = generic("Connection reset by peer (os error 104)").to_string();
        assert_eq!(reset, "the store can't be reached: Connection reset by peer (os error 104)");
        let busy = generic("Server returned non-2xx status code: 503 Service Unavailable: ").to_string();
        assert_eq!(busy, "the store can't be reached: 503 Service Unavailable");
    }
}

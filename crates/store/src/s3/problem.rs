//! From the library's errors to the port's, in words for a person.

use camtrail_model::ports::StoreError;
use object_store::Error;

/// What a store says when it has no room: S3's own kin have many words for it.
const FULL_CODES: [&str; 5] =
    ["QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "StorageFull", "TooManyObjects"];

/// The port's error. A missing object is the caller's affair; here it means that the bucket is missing.
pub(super) fn problem(error: &Error) -> StoreError {
    let text = words(error);
    match error {
        _ if FULL_CODES.iter().any(|code| text.contains(code)) || text.contains("507") => {
            StoreError::Full(text)
        }
        Error::NotFound { .. } => StoreError::Refused(format!("is there such a bucket? {text}")),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } | Error::InvalidPath { .. } => {
            StoreError::Refused(text)
        }
        _ => StoreError::Unavailable(text),
    }
}

/// S3 answers in XML: its `Code` and `Message` are what a person needs; else the chain of causes.
fn words(error: &Error) -> String {
    let chain = chain(error);
    match (element(&chain, "Code"), element(&chain, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => chain,
    }
}

/// Each cause once; the library repeats them on every level.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
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
        assert!(matches!(generic("connection reset"), StoreError::Unavailable(_)));
    }
}

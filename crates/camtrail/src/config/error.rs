//! What is wrong with a configuration: where, what was found, what was expected.

/// A configuration that can't be used. Exit code 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file can't be read.
    #[error("{place} can't be read")]
    Unreadable {
        /// The file.
        place: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file isn't TOML or JSON at all.
    #[error("{place}: {problem}")]
    Syntax {
        /// The file.
        place: String,
        /// Where and what.
        problem: String,
    },
    /// A key that doesn't exist, or a value of another type.
    #[error("{place}: {key}: {problem}")]
    Key {
        /// The file, or the environment variable.
        place: String,
        /// The key.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// A value that can't be right.
    #[error("{place}: {key}: found {found:?}, expected {expected}")]
    Value {
        /// The file, or where else it comes from.
        place: String,
        /// The key.
        key: String,
        /// The value.
        found: String,
        /// What should stand there.
        expected: String,
    },
}

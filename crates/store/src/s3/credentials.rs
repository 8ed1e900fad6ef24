//! Keys from the shared credentials file, where neither the environment nor the machine's role gives any.
//!
//! The rest of the usual chain (variables, web identity, container and instance roles) is the library's. Profiles
//! that name another way to get keys (`role_arn`, `sso_session`, `credential_process`) are not followed; their
//! keys can be put into the environment.

use std::path::PathBuf;

/// A key pair, and the token of a temporary one.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) key_id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

impl Keys {
    /// A lasting pair.
    pub(super) fn new(key_id: String, secret: String) -> Self {
        Self { key_id, secret, token: None }
    }
}

/// The keys of the chosen profile, if the environment has none and there is such a file.
pub(super) fn from_file() -> Option<Keys> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("AWS_ACCESS_KEY_ID") || set("AWS_WEB_IDENTITY_TOKEN_FILE") {
        return None;
    }
    of_profile(&std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".to_owned()))
}

/// The keys of a profile, whatever the environment has.
pub(super) fn of_profile(profile: &str) -> Option<Keys> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let file = match std::env::var_os("AWS_SHARED_CREDENTIALS_FILE") {
        Some(file) => PathBuf::from(file),
        None => home?.join(".aws/credentials"),
    };
    parse(&std::fs::read_to_string(file).ok()?, profile)
}

fn parse(text: &str, profile: &str) -> Option<Keys> {
    let (mut here, mut key_id, mut secret, mut token) = (false, None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            here = name.trim() == profile;
        } else if here && let Some((key, value)) = line.split_once('=') {
            let value = Some(value.trim().to_owned());
            match key.trim() {
                "aws_access_key_id" => key_id = value,
                "aws_secret_access_key" => secret = value,
                "aws_session_token" => token = value,
                _ => {}
            }
        }
    }
    Some(Keys { key_id: key_id?, secret: secret?, token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_s_own_keys_are_found() {
        let text = "# a comment\n[default]\naws_access_key_id = A\naws_secret_access_key=b=c\n\n[ other ]\n\
                    aws_access_key_id=X\naws_secret_access_key = y\naws_session_token = z\n[half]\naws_access_key_id=1\n";
        let keys = |profile: &str| parse(text, profile).map(|keys| (keys.key_id, keys.secret, keys.token));
        assert_eq!(keys("default"), Some(("A".to_owned(), "b=c".to_owned(), None)));
        assert_eq!(keys("other"), Some(("X".to_owned(), "y".to_owned(), Some("z".to_owned()))));
        assert_eq!(keys("half"), None);
        assert_eq!(keys("none"), None);
    }
}

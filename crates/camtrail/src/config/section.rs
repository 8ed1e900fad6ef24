//! What a section of the configuration is made of: each key once, with its type, its default and its meaning.
//!
//! Promises: what `serde` reads, what `Default` gives and what the [reference](mod@super::reference) tells can't differ,
//! because [`section!`] makes all three of one text. A test of the reference refuses a key without a meaning.

use std::path::PathBuf;

use serde::Serialize;

/// A key, as the reference tells it.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// Markdown, in one line. Of sections: what they are about.
    pub(crate) meaning: String,
    pub(crate) content: Content,
}

/// What stands at a key.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// A value.
    Value {
        /// What kind of one.
        kind: &'static str,
        /// As TOML writes it; `None`: unset.
        default: Option<String>,
    },
    /// `[key]`.
    Section(Vec<Key>),
    /// The same, and it matters whether it is there.
    Optional(Vec<Key>),
    /// `[[key]]`, any number of times.
    List(Vec<Key>),
}

/// Whatever may stand at a key.
pub(crate) trait Setting {
    /// Of a section: what it is about.
    const ABOUT: &'static str = "";
    /// With `self` as the default.
    fn content(&self) -> Content;
}

/// A value of this kind.
fn value(kind: &'static str, default: &impl Serialize) -> Content {
    let default = toml::Value::try_from(default).ok().map(|value| value.to_string());
    Content::Value { kind, default }
}

macro_rules! values {
    ($($Type:ty: $kind:literal,)+) => {$(
        impl Setting for $Type {
            fn content(&self) -> Content {
                value($kind, self)
            }
        }
    )+};
}

values! {
    String: "text",
    PathBuf: "text",
    bool: "true or false",
    u8: "whole number",
    u16: "whole number",
    u32: "whole number",
    usize: "whole number",
}

impl<T: Setting + Default + Serialize> Setting for Vec<T> {
    const ABOUT: &'static str = T::ABOUT;
    fn content(&self) -> Content {
        match T::default().content() {
            Content::Section(keys) => Content::List(keys),
            _ => value("list of texts", self),
        }
    }
}

impl<T: Setting + Default> Setting for Option<T> {
    const ABOUT: &'static str = T::ABOUT;
    fn content(&self) -> Content {
        match T::default().content() {
            Content::Value { kind, .. } => Content::Value { kind, default: None },
            Content::Section(keys) => Content::Optional(keys),
            other => other,
        }
    }
}

/// Lines of a doc comment, in one.
pub(crate) fn one_line(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// A key of this type with this default.
pub(crate) fn key<T: Setting>(name: &'static str, meaning: &[&str], default: &T) -> Key {
    let meaning = match one_line(meaning) {
        none if none.is_empty() => T::ABOUT.trim().to_owned(),
        meaning => meaning,
    };
    Key { name, meaning, content: default.content() }
}

/// A section: `field: Type = default,`, or `field: Type,` where the type's own default is meant. Doc comments are
/// meanings, in the Markdown of `docs/ref/configuration.md`.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $visibility:vis struct $Name:ident {
            $(
                $(#[doc = $meaning:literal])*
                $(#[serde($($serde:tt)*)])?
                $field:ident: $Type:ty $(= $default:expr)?,
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        $visibility struct $Name {
            $(
                $(#[doc = $meaning])*
                $(#[serde($($serde)*)])?
                pub(crate) $field: $Type,
            )+
        }

        impl Default for $Name {
            fn default() -> Self {
                Self { $($field: $crate::config::section::section!(@default $Type $(, $default)?),)+ }
            }
        }

        impl $crate::config::section::Setting for $Name {
            const ABOUT: &'static str = concat!($($about, " ",)+);
            fn content(&self) -> $crate::config::section::Content {
                $crate::config::section::Content::Section(vec![$(
                    $crate::config::section::key(stringify!($field), &[$($meaning),*], &self.$field),
                )+])
            }
        }
    };
    (@default $Type:ty, $default:expr) => { $default };
    (@default $Type:ty) => { <$Type>::default() };
}

pub(crate) use section;

//! The configuration told from its own definition: the reference in Markdown (docs/ref/configuration.md) and an example
//! file. Both name the version that they are of; a test refuses a page that the code no longer says.

use std::fmt::Write;

use super::{
    section::{Content, Key, Setting as _},
    shape::Config,
};

/// Raised when a key goes or means something else, so that a file of before would be misread; new keys leave it.
const FORMAT: u32 = 1;
/// Of comments in the example file.
const WIDTH: usize = 100;

/// docs/ref/configuration.md.
pub(crate) fn reference() -> String {
    let mut page = include_str!("reference/head.md")
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{format}", &FORMAT.to_string());
    let keys = keys();
    table(&mut page, "Before all sections", "", &keys);
    for (path, key, below) in sections(&keys) {
        let heading = match key.content {
            Content::List(_) => format!("`[[{path}]]`"),
            _ => format!("`[{path}]`"),
        };
        table(&mut page, &heading, &key.meaning, below);
    }
    page + include_str!("reference/tail.md")
}

/// A file with every key at its default, commented out.
pub(crate) fn example() -> String {
    let mut file = format!(
        "# Configuration of Camtrail {} (format {FORMAT}). Each key stands here with its default; take the # away to\n\
         # change it. docs/ref/configuration.md says more.\n",
        env!("CARGO_PKG_VERSION")
    );
    let keys = keys();
    values(&mut file, &keys);
    for (path, key, below) in sections(&keys) {
        file.push('\n');
        comment(&mut file, &key.meaning);
        match key.content {
            Content::List(_) => _ = writeln!(file, "#[[{path}]]"),
            Content::Optional(_) => _ = writeln!(file, "#[{path}]"),
            _ => _ = writeln!(file, "[{path}]"),
        }
        values(&mut file, below);
    }
    file
}

fn keys() -> Vec<Key> {
    match Config::default().content() {
        Content::Section(keys) => keys,
        _ => Vec::new(),
    }
}

/// All sections with their paths, each before those in it.
fn sections(keys: &[Key]) -> Vec<(String, &Key, &[Key])> {
    let mut found = Vec::new();
    for key in keys {
        let (Content::Section(below) | Content::Optional(below) | Content::List(below)) = &key.content else {
            continue;
        };
        found.push((key.name.to_owned(), key, below.as_slice()));
        let inner = sections(below).into_iter();
        found.extend(inner.map(|(path, inner, below)| (format!("{}.{path}", key.name), inner, below)));
    }
    found
}

fn table(page: &mut String, heading: &str, about: &str, keys: &[Key]) {
    let _ = write!(page, "\n## {heading}\n\n");
    if !about.is_empty() {
        let _ = write!(page, "{about}\n\n");
    }
    page.push_str("| key | type | default | means |\n|---|---|---|---|\n");
    for key in keys {
        let Content::Value { kind, default } = &key.content else { continue };
        let default = match default.as_deref() {
            None | Some("\"\"") => "",
            Some(default) => &format!("`{default}` "),
        };
        let meaning = key.meaning.replace('|', "\\|");
        let _ = writeln!(page, "| `{}` | {kind} | {default}| {meaning} |", key.name);
    }
}

fn values(file: &mut String, keys: &[Key]) {
    for key in keys {
        let Content::Value { kind, default } = &key.content else { continue };
        comment(file, &key.meaning);
        let unset = match *kind {
            "true or false" => "false",
            "whole number" => "0",
            _ => "\"\"",
        };
        let _ = writeln!(file, "#{} = {}", key.name, default.as_deref().unwrap_or(unset));
    }
}

/// In lines; links are of no use in such a file.
fn comment(file: &mut String, text: &str) {
    let mut line = "#".to_owned();
    for word in without_links(text).split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(file, "{line}");
            "#".clone_into(&mut line);
        }
        line = format!("{line} {word}");
    }
    let _ = writeln!(file, "{line}");
}

/// `[words](address)` becomes `words`.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(((before, words), after)) = rest
        .split_once("](")
        .and_then(|(before, after)| Some((before.rsplit_once('[')?, after.split_once(')')?.1)))
    {
        plain = plain + before + words;
        rest = after;
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../../docs/ref/configuration.md");

    #[test]
    fn the_page_is_what_the_code_says() {
        assert!(
            PAGE == reference(),
            "docs/ref/configuration.md is stale: `camtrail config reference > docs/ref/configuration.md`"
        );
        assert!(PAGE.contains(concat!("Camtrail ", env!("CARGO_PKG_VERSION"))));
    }

    /// The paths of all keys in a table.
    fn collect(path: &str, value: &toml::Value, names: &mut Vec<String>) {
        for (name, value) in value.as_table().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            collect(&path, value, names);
            names.push(path);
        }
    }

    /// What serde reads is what the page lists, no more and no less.
    #[test]
    fn every_key_has_a_meaning() {
        let keys = keys();
        let mut all: Vec<(String, &Key)> = keys.iter().map(|key| (key.name.to_owned(), key)).collect();
        for (path, _, below) in sections(&keys) {
            all.extend(below.iter().map(|key| (format!("{path}.{}", key.name), key)));
        }
        assert!(all.len() > 90, "{}", all.len());
        for (path, key) in &all {
            assert!(!key.meaning.trim().is_empty(), "{path} has no meaning");
        }
        let written = toml::Value::try_from(Config::default()).unwrap();
        let mut names = Vec::new();
        collect("", &written, &mut names);
        for name in names {
            assert!(all.iter().any(|(path, _)| *path == name), "{name} is not in the reference");
        }
    }

    /// With all its # of keys taken away it is read, and says what no file says.
    #[test]
    fn the_example_holds_the_defaults() {
        let example = example();
        let defaults = toml::Value::try_from(Config::default()).unwrap();
        let read = |text: &str| {
            let read: Config = toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            toml::Value::try_from(read).unwrap()
        };
        assert_eq!(read(&example), defaults);
        let mut optional = false;
        let keys = example.lines().filter_map(|line| {
            optional = line.starts_with("#[") || optional && !line.starts_with('[');
            let key = line.strip_prefix('#').filter(|key| !key.starts_with(' ')).unwrap_or(line);
            (!optional && !key.starts_with('#')).then_some(key)
        });
        let keys = keys.collect::<Vec<_>>().join("\n");
        assert!(keys.contains("listen = \"0.0.0.0:2121\""), "{keys}");
        assert_eq!(read(&keys), defaults);
    }

    #[test]
    fn links_are_plain_words_in_the_example() {
        assert_eq!(without_links("a [b c](../d.md), `[x]` [e](f) g"), "a b c, `[x]` e g");
        assert!(!example().contains("]("));
    }
}

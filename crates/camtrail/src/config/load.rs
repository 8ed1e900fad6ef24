//! Reading the file and laying the environment over it.

use std::{ffi::OsString, path::Path};

use toml::{Table, Value};

use super::{ConfigError, shape::Config};

const PREFIX: &str = "CAMTRAIL__";

/// What was read, and from where, for messages.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// The file's name, or `configuration`.
    pub(crate) place: String,
}

/// Reads `file` (if any) and overrides its keys by the environment.
pub(crate) fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, OsString)>,
) -> Result<Loaded, ConfigError> {
    let place = file.map_or_else(|| "configuration".to_owned(), |file| file.display().to_string());
    let table = match file {
        Some(file) => read(file, &place)?,
        None => Table::new(),
    };
    // The file alone first: its mistakes are told with its name, not with a variable's.
    if file.is_some() {
        parse(&table, &place)?;
    }
    overridden(table, place, environment)
}

/// A table from `place` under the environment.
fn overridden(
    mut table: Table,
    place: String,
    environment: impl Iterator<Item = (String, OsString)>,
) -> Result<Loaded, ConfigError> {
    let mut overrides: Vec<_> = environment.filter(|(name, _)| name.starts_with(PREFIX)).collect();
    overrides.sort();
    for (name, value) in overrides {
        set(&mut table, &name, value)?;
        parse(&table, &name)?;
    }
    Ok(Loaded { config: parse(&table, &place)?, place })
}

/// The same with text in place of a file.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn load_text(
    text: &str,
    is_json: bool,
    environment: impl Iterator<Item = (String, OsString)>,
) -> Result<Loaded, ConfigError> {
    overridden(table(text, is_json, "configuration")?, "configuration".to_owned(), environment)
}

fn read(file: &Path, place: &str) -> Result<Table, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { place: place.to_owned(), source };
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    table(&text, file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")), place)
}

fn table(text: &str, is_json: bool, place: &str) -> Result<Table, ConfigError> {
    let syntax = |problem: String| ConfigError::Syntax { place: place.to_owned(), problem };
    if is_json {
        serde_json::from_str(text).map_err(|error| syntax(format!("not JSON: {error}")))
    } else {
        text.parse().map_err(|error: toml::de::Error| syntax(told(&error, text)))
    }
}

/// Where and what, with the line itself; not where that may hold a secret.
fn told(error: &toml::de::Error, text: &str) -> String {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..at).unwrap_or_default();
    let (number, start) =
        (before.matches('\n').count() + 1, before.rfind('\n').map_or(0, |newline| newline + 1));
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    if is_secret(line) {
        return format!("line {number} (not shown: it names a secret): {}", error.message());
    }
    error.to_string().trim_end().to_owned()
}

/// Whether what stands there may be one that nobody else should read.
fn is_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["secret", "password", "token", "login", "url"].iter().any(|word| text.contains(word))
}

fn parse(table: &Table, place: &str) -> Result<Config, ConfigError> {
    serde_path_to_error::deserialize(Value::Table(table.clone())).map_err(|error| {
        let (key, problem) = (error.path().to_string(), error.inner().message().to_owned());
        // "invalid type: integer `1234`, expected a string": what was found may be the secret.
        let expected = problem.rsplit_once(", expected ");
        let expected = expected.filter(|_| is_secret(&key) && problem.starts_with("invalid "));
        let problem = expected.map_or(problem.clone(), |(_, expected)| {
            format!("found something else (not shown), expected {expected}")
        });
        ConfigError::Key { place: place.to_owned(), key, problem }
    })
}

/// `CAMTRAIL__HTTP__LISTEN` is `http.listen`. What type a key has, its default tells.
fn set(table: &mut Table, name: &str, value: OsString) -> Result<(), ConfigError> {
    let path: Vec<String> = name[PREFIX.len()..].split("__").map(str::to_ascii_lowercase).collect();
    let wrong = |problem: &str| ConfigError::Key {
        place: format!("environment variable {name}"),
        key: path.join("."),
        problem: problem.to_owned(),
    };
    let text = value.into_string().map_err(|_| wrong("its value is not UTF-8"))?;
    let (key, sections) = path.split_last().ok_or_else(|| wrong("names no key"))?;
    let mut default = Value::try_from(Config::default()).ok();
    let mut at = table;
    for section in sections {
        default = default.and_then(|value| value.get(section.as_str()).cloned());
        let entry = at.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
        at =
            entry.as_table_mut().ok_or_else(|| wrong("is no section that the environment can reach into"))?;
    }
    let value = match default.as_ref().and_then(|value| value.get(key.as_str())) {
        Some(Value::String(_)) => Value::String(text),
        Some(Value::Array(_)) => list(&text).ok_or_else(|| {
            wrong(&format!(
                "found {text:?}, but it is a list: write it as in the file, such as [\"a\", \"b\"]"
            ))
        })?,
        Some(Value::Boolean(_)) => Value::Boolean(
            text.parse().map_err(|_| wrong(&format!("found {text:?}, expected true or false")))?,
        ),
        Some(Value::Integer(_)) => Value::Integer(
            text.parse().map_err(|_| wrong(&format!("found {text:?}, expected a whole number")))?,
        ),
        _ => return Err(wrong("there is no such key")),
    };
    at.insert(key.clone(), value);
    Ok(())
}

/// A list as TOML writes it.
fn list(text: &str) -> Option<Value> {
    let table: Table = format!("list = {text}").parse().ok()?;
    // One key: more would have come out of the text.
    (table.len() == 1).then(|| table["list"].clone()).filter(Value::is_array)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    fn with(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let (_dir, path) = file("camtrail.toml", text);
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), OsString::from(v)));
        load(Some(&path), environment).map(|loaded| loaded.config).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let config = with(
            "[retention]\ndays = 7\n",
            &[
                ("CAMTRAIL__RETENTION__DAYS", "9"),
                ("CAMTRAIL__TIME_ZONE", "Europe/Berlin"),
                ("CAMTRAIL__MEDIA__REMUX", "false"),
                ("CAMTRAIL__SPOOL__MAX_BYTES", "5000"),
                ("CAMTRAIL__HTTP__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
                ("CAMTRAIL_ADMIN_PASSWORD", "not a key"),
            ],
        )
        .unwrap();
        assert_eq!((config.retention.days, config.time_zone.as_str()), (9, "Europe/Berlin"));
        assert_eq!(config.http.trusted_proxies, ["10.0.0.0/8"]);
        assert_eq!((config.media.remux, config.spool.max_bytes.as_str()), (false, "5000"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, environment, want) in [
            (
                "[ftp]\nlisten_on = \"x\"\n",
                &[][..],
                "ftp.listen_on: unknown field `listen_on`, expected one of `listen`",
            ),
            ("retention = 3\n", &[], "retention: invalid type"),
            ("[retention]\ndays = \"many\"\n", &[], "retention.days: invalid type: string \"many\""),
            ("[ftp\n", &[], "TOML parse error at line 1"),
            (
                "",
                &[("CAMTRAIL__FTP__NOPE", "1")],
                "environment variable CAMTRAIL__FTP__NOPE: ftp.nope: there is no such key",
            ),
            ("", &[("CAMTRAIL__RETENTION__DAYS", "soon")], "found \"soon\", expected a whole number"),
            ("", &[("CAMTRAIL__CAMERA", "x")], "is a list"),
            ("", &[("CAMTRAIL__CAMERA", "[]\nx = 1")], "is a list"),
            ("", &[("CAMTRAIL__OIDC__ADMINS", "[1]")], "oidc.admins[0]: invalid type"),
        ] {
            let error = with(text, environment).unwrap_err();
            assert!(error.contains(want), "{text:?}: {error}");
        }
    }

    #[test]
    fn the_articles_json_is_a_valid_file() {
        let text = r#"{"s3_info": {"bucket_name": "security-alarms", "object_base": "patrolcams"}}"#;
        let (_dir, path) = file("config.json", text);
        let config = load(Some(&path), std::iter::empty()).unwrap().config;
        assert_eq!(config.s3_info.bucket_name, "security-alarms");
    }
}

//! What a store says of its objects, and `camtrail invoke`.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{Instance, camtrail, run};

/// S3's own form: each an event's name and a key as it stands in a notification.
pub(crate) fn notification(events: &[(&str, &str)]) -> Value {
    let record = |(name, key): &(&str, &str)| {
        json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": name,
            "s3": {
                "s3SchemaVersion": "1.0", "bucket": { "name": "security-alarms" },
                "object": { "key": key, "size": 1024, "eTag": "0123456789abcdef0123456789abcdef" }
            }
        })
    };
    json!({ "Records": events.iter().map(record).collect::<Vec<_>>() })
}

/// What `camtrail invoke` did.
pub(crate) struct Invoked {
    pub(crate) code: i32,
    pub(crate) lines: Vec<Value>,
    pub(crate) said: String,
}

impl Invoked {
    /// Each line's outcome.
    pub(crate) fn outcomes(&self) -> Vec<&str> {
        self.lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect()
    }
}

/// Runs it on the instance's data dir, with the instance's variables.
pub(crate) fn invoke(instance: &Instance, event: &[u8]) -> Invoked {
    let file = instance.scratch().join("event.json");
    fs::write(&file, event).unwrap();
    invoke_file(instance, &file)
}

pub(crate) fn invoke_file(instance: &Instance, file: &Path) -> Invoked {
    let mut command = camtrail();
    command.arg("invoke").arg("--data-dir").arg(instance.data_dir()).arg("--event").arg(file);
    let output = run(command.envs(instance.env()).current_dir(instance.cwd()));
    let lines = String::from_utf8(output.stdout).unwrap();
    Invoked {
        code: output.status.code().unwrap(),
        lines: lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        said: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Puts a file into a local store as another program would: without metadata.
pub(crate) fn put_plain(instance: &Instance, key: &str, bytes: &[u8]) {
    let path = instance.data_dir().join("store").join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

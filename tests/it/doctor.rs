//! `camtrail doctor`: before a first start, beside a running Camtrail, over a bucket and tables, and with what is wrong.

use std::{net::TcpListener, process::Output};

use serde_json::Value;

use crate::support::{Cloud, Instance, camtrail, text};

struct Finding {
    check: String,
    grade: String,
    found: String,
    what_to_do: String,
}

fn read(output: &Output) -> Vec<Finding> {
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let findings: Vec<_> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| Finding {
            check: text(finding, "check").to_owned(),
            grade: text(finding, "grade").to_owned(),
            found: text(finding, "found").to_owned(),
            what_to_do: finding["what_to_do"].as_str().unwrap_or_default().to_owned(),
        })
        .collect();
    let problems = findings.iter().filter(|finding| finding.grade == "problem").count();
    assert_eq!(document["problems"], problems);
    assert_eq!(
        output.status.code(),
        Some(i32::from(problems > 0)),
        "the exit code says whether anything is wrong"
    );
    for finding in &findings {
        assert_eq!(
            finding.grade == "ok",
            finding.what_to_do.is_empty(),
            "{}: {}",
            finding.check,
            finding.found
        );
    }
    findings
}

fn of<'a>(findings: &'a [Finding], check: &str) -> &'a Finding {
    let all: Vec<_> =
        findings.iter().map(|finding| format!("{}: {}", finding.check, finding.found)).collect();
    findings.iter().find(|finding| finding.check == check).unwrap_or_else(|| panic!("no {check} in {all:#?}"))
}

fn doctor(arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = camtrail();
    command.arg("doctor").args(arguments);
    for (name, value) in env {
        command.env(name, value);
    }
    command.output().unwrap()
}

#[test]
fn before_a_first_start_nothing_is_made() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let data_dir = data.to_str().unwrap();
    let output = doctor(&["--json", "--data-dir", data_dir], &[]);
    let findings = read(&output);
    for check in [
        "configuration",
        "data_dir",
        "http.listen",
        "ftp.listen",
        "passive ports",
        "clock",
        "time_zone",
        "ffmpeg",
        "store",
        "catalog",
    ] {
        assert_eq!(of(&findings, check).grade, "ok", "{check}: {}", of(&findings, check).found);
    }
    assert!(of(&findings, "time_zone").found.starts_with("America/Los_Angeles: there it is 20"));
    assert!(of(&findings, "ffmpeg").found.starts_with("ffmpeg version "));
    assert!(!data.exists(), "it only looks");

    // For people: the same, a line each.
    let lines = String::from_utf8(doctor(&["--data-dir", data_dir], &[]).stdout).unwrap();
    assert!(lines.lines().count() > findings.len() && lines.contains("\nok      ffmpeg"), "{lines}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let nowhere = scratch.path().join("file/data");
    std::fs::write(scratch.path().join("file"), b"").unwrap();
    let env = [
        ("CAMTRAIL__HTTP__LISTEN", address.as_str()),
        ("CAMTRAIL__TIME_ZONE", "UTC"),
        ("PATH", "/nonexistent"),
    ];
    let findings = read(&doctor(&["--json", "--data-dir", nowhere.to_str().unwrap()], &env));
    assert_eq!(
        (of(&findings, "http.listen").grade.as_str(), of(&findings, "ffmpeg").grade.as_str()),
        ("problem", "problem")
    );
    assert!(of(&findings, "http.listen").what_to_do.contains("another program has it"));
    assert_eq!(of(&findings, "time_zone").grade, "advice");

    let wrong = doctor(&["--json", "--data-dir", data_dir], &[("CAMTRAIL__FTP__LISTEN", "nonsense")]);
    assert_eq!(wrong.status.code(), Some(2), "a wrong configuration is told before anything is looked at");
    assert!(wrong.stdout.is_empty());
}

#[test]
fn beside_a_running_camtrail_its_doors_are_tried() {
    let instance = Instance::start();
    let data_dir = instance.data_dir().to_str().unwrap().to_owned();
    let findings = read(&doctor(&["--json", "--data-dir", &data_dir], &[]));
    assert!(of(&findings, "http").found.ends_with("ready"), "{}", of(&findings, "http").found);
    assert!(of(&findings, "ftp").found.starts_with("a running Camtrail greets"));
    assert_eq!(of(&findings, "users").found, "1 users, 1 of them admins");
    assert!(!findings.iter().any(|finding| finding.grade == "problem"));
}

#[test]
fn a_bucket_and_tables_are_looked_at() {
    let cloud = Cloud::start();
    let scratch = tempfile::tempdir().unwrap();
    let data_dir = scratch.path().join("data").to_str().unwrap().to_owned();
    let with = |more: &[&str], changed: &[(&str, &str)]| {
        let mut command = cloud.program(&["doctor", "--json", "--data-dir", &data_dir]);
        command.args(more).env("CAMTRAIL__CATALOG__CREATE_TABLES", "false").envs(changed.iter().copied());
        read(&command.output().unwrap())
    };
    let findings = with(&[], &[]);
    for check in [
        "bucket",
        "bucket clock",
        "bucket put",
        "bucket get",
        "bucket list",
        "bucket delete",
        "bucket tags",
        "bucket privacy",
        "table",
    ] {
        assert_eq!(of(&findings, check).grade, "ok", "{check}: {}", of(&findings, check).found);
    }
    assert_eq!(findings.iter().filter(|finding| finding.check == "table").count(), 6);
    assert!(cloud.bucket.object("derived/camtrail-doctor.txt").is_none(), "it leaves nothing behind");

    let elsewhere = with(&[], &[("CAMTRAIL__CATALOG__TABLE_PREFIX", "other_")]);
    let table = of(&elsewhere, "table");
    assert!(
        table.grade == "problem" && table.found.contains("other_") && table.found.contains("isn't there")
    );
    assert!(table.what_to_do.contains("catalog.create_tables"));
    let missing = with(&[], &[("CAMTRAIL__S3_INFO__BUCKET_NAME", "no-such-bucket")]);
    // This store lists a bucket that isn't there as empty, and refuses to write there.
    let told: Vec<_> = missing.iter().filter(|finding| finding.check.starts_with("bucket")).collect();
    assert!(
        told.iter().any(|finding| finding.grade == "problem"),
        "{:#?}",
        told.iter()
            .map(|finding| format!("{} {}: {}", finding.grade, finding.check, finding.found))
            .collect::<Vec<_>>()
    );
    let wrong = with(&[], &[("AWS_SECRET_ACCESS_KEY", "wrong")]);
    assert_eq!(of(&wrong, "bucket put").grade, "problem", "{}", of(&wrong, "bucket put").found);
    let nobody = with(&[], &[("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")]);
    assert!(of(&nobody, "bucket").what_to_do.contains("endpoint"));
    let gateway = with(&["--gateway"], &[]);
    let key = of(&gateway, "bucket key");
    assert_eq!((key.grade.as_str(), key.found.as_str()), ("advice", "may also get, list, delete"));
}

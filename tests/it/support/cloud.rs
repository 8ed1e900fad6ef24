//! The serverless shape's parts on this machine: a bucket, tables, and the functions' own programs.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use camtrail_services::{DYNAMODB_KEY, DYNAMODB_SECRET, DynamoDbLocal, LambdaHost};
use serde_json::{Value, json};

use super::{S3_KEY, S3_REGION, S3_SECRET, SeaweedFs, camtrail, instance::built, run, signed_request};

/// The bucket's name.
pub(crate) const BUCKET: &str = "security-alarms";

/// A bucket and tables.
pub(crate) struct Cloud {
    pub(crate) bucket: SeaweedFs,
    pub(crate) tables: DynamoDbLocal,
}

impl Cloud {
    /// With tables, and nothing in them.
    pub(crate) fn start() -> Self {
        let cloud = Self { bucket: SeaweedFs::start(BUCKET), tables: DynamoDbLocal::start() };
        let scratch = tempfile::tempdir().unwrap();
        let event = scratch.path().join("event.json");
        std::fs::write(&event, r#"{"Event":"s3:TestEvent","Bucket":"security-alarms"}"#).unwrap();
        let made =
            run(cloud.program(&["invoke", "--data-dir"]).arg(scratch.path()).arg("--event").arg(event));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cloud
    }

    /// What both the program and the functions are told.
    pub(crate) fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("CAMTRAIL__S3_INFO__BUCKET_NAME", BUCKET.to_owned()),
            ("AWS_ENDPOINT_URL_S3", format!("http://{}", self.bucket.s3())),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.tables.endpoint()),
            ("AWS_REGION", S3_REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", S3_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", S3_SECRET.to_owned()),
            ("CAMTRAIL__TIME_ZONE", "America/Los_Angeles".to_owned()),
        ]
    }

    /// `camtrail …` with the bucket and the tables; makes tables that are missing.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = camtrail();
        let tables = [("CAMTRAIL__CATALOG__KIND", "dynamodb"), ("CAMTRAIL__CATALOG__CREATE_TABLES", "true")];
        command.args(arguments).envs(tables).envs(self.env());
        command
    }

    /// One of the functions, started as the platform would.
    pub(crate) fn function(&self, name: &str, more: &[(&str, &str)]) -> LambdaHost {
        let mut function = Command::new(function(name));
        function.env_clear().env("RUST_LOG", "info").envs(self.env()).envs(more.iter().copied());
        LambdaHost::start(function)
    }

    /// Puts an object as another program would: without our metadata.
    pub(crate) fn put(&self, key: &str, bytes: &'static str) {
        let url = format!("http://{}/{BUCKET}/{key}", self.bucket.s3());
        let arguments = ["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--data-binary", bytes];
        assert_eq!(signed_request("PUT", &url, &arguments), "200", "{key}");
    }

    /// All items of a table, as DynamoDB shows them.
    pub(crate) fn items(&self, table: &str) -> Vec<Value> {
        let request = json!({ "TableName": table, "ConsistentRead": true }).to_string();
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "20"])
            .args(["--user", &format!("{DYNAMODB_KEY}:{DYNAMODB_SECRET}")])
            .args(["--aws-sigv4", &format!("aws:amz:{S3_REGION}:dynamodb")])
            .args(["--header", "Content-Type: application/x-amz-json-1.0"])
            .args(["--header", "X-Amz-Target: DynamoDB_20120810.Scan", "--data-binary", &request])
            .arg(self.tables.endpoint())
            .stdin(Stdio::null());
        let answer: Value = serde_json::from_slice(&run(&mut curl).stdout).unwrap();
        answer["Items"].as_array().unwrap_or_else(|| panic!("{table}: {answer}")).clone()
    }
}

/// A function's program, built beside this test.
pub(crate) fn function(name: &str) -> PathBuf {
    built(name, "camtrail-lambda")
}

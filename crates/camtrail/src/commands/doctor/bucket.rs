//! The bucket: reachable, not public, with the rights that this program needs and no others, and a lifecycle rule.

use camtrail_store::{Allowed, BucketLook, S3Config, S3Store};

use super::report::Report;
use crate::{
    app::Shape,
    config::{ArrivalMode, Settings},
};

const CHECK: &str = "bucket";
/// S3 refuses signatures that are further off.
const CLOCK_REFUSED_S: i64 = 15 * 60;
const CLOCK_OFF_S: i64 = 30;

pub(super) async fn look(report: &mut Report, config: &S3Config, settings: &Settings, shape: Shape) {
    let bucket = &config.bucket;
    let place = config.endpoint.clone().unwrap_or_else(|| format!("AWS, {}", config.region));
    // Its notes are the running program's affair.
    let notes = match tempfile::tempdir() {
        Ok(notes) => notes,
        Err(error) => {
            return report.problem(
                CHECK,
                &format!("no scratch folder: {error}"),
                "see that /tmp can be written",
            );
        }
    };
    let opened = S3Store::open(&S3Config { notes_dir: notes.path().to_owned(), ..config.clone() });
    let store = match opened {
        Ok(store) => store,
        Err(error) => return report.problem(CHECK, &format!("{bucket}: {error}"), "correct [s3_info]"),
    };
    let found = store.examine().await;
    if let Err(why) = &found.reachable {
        let advice = "is s3_info.bucket_name, region and endpoint right, is there a key (AWS_ACCESS_KEY_ID, a profile, a role), \
                      and does a firewall let it through?";
        return report.problem(CHECK, &format!("{bucket} at {place}: {why}"), advice);
    }
    report.ok(CHECK, &format!("{bucket} at {place} answers"));
    clock(report, &found);
    rights(report, &found, shape);
    privacy(report, bucket, &found);
    lifecycle(report, &found, settings, config.tags);
}

fn clock(report: &mut Report, found: &BucketLook) {
    match found.clock_ahead_s {
        Some(ahead) if ahead.abs() >= CLOCK_REFUSED_S => report.problem(
            "bucket clock",
            &format!("ours is {ahead} s ahead of the bucket's"),
            "set this machine's clock (timedatectl set-ntp true): the bucket refuses signatures that are 15 minutes off",
        ),
        Some(ahead) if ahead.abs() >= CLOCK_OFF_S => report.advice(
            "bucket clock",
            &format!("ours is {ahead} s ahead of the bucket's"),
            "turn on a time service (timedatectl set-ntp true)",
        ),
        Some(_) => report.ok("bucket clock", "agrees with ours"),
        None => {}
    }
}

fn rights(report: &mut Report, found: &BucketLook, shape: Shape) {
    needed(
        report,
        "bucket put",
        &found.put,
        "s3:PutObject and s3:PutObjectTagging: without them nothing is stored",
    );
    let reads = [
        ("bucket get", &found.get, "s3:GetObject: media, decisions and manifests are read"),
        (
            "bucket list",
            &found.list,
            "s3:ListBucket: without it a missing object can't be told from a forbidden one, and there is no rebuild",
        ),
        ("bucket delete", &found.delete, "s3:DeleteObject: retention and deletion need it"),
    ];
    match shape {
        Shape::Box => {
            for (check, allowed, right) in reads {
                needed(report, check, allowed, right);
            }
            if let Some(untag) = &found.untag {
                needed(
                    report,
                    "bucket tags",
                    untag,
                    "s3:DeleteObjectTagging: protecting an event takes its tag away; a store without tags: s3_info.tags = false",
                );
            }
        }
        Shape::Gateway => {
            let more: Vec<_> = reads
                .iter()
                .filter(|(_, allowed, _)| allowed.is_ok())
                .map(|(check, ..)| check.trim_start_matches("bucket "))
                .collect();
            if more.is_empty() {
                report.ok("bucket key", "may put, and nothing else: as it should be for a gateway");
            } else {
                report.advice(
                    "bucket key",
                    &format!("may also {}", more.join(", ")),
                    "a gateway needs to put only; with a narrower key a thief of this machine can't read or delete what is stored",
                );
            }
        }
    }
}

fn needed(report: &mut Report, check: &'static str, allowed: &Allowed, right: &str) {
    match allowed {
        Ok(()) => report.ok(check, "allowed"),
        Err(why) => report.problem(check, &format!("refused: {why}"), &format!("allow {right}")),
    }
}

fn privacy(report: &mut Report, bucket: &str, found: &BucketLook) {
    const CHECK: &str = "bucket privacy";
    const ADVICE: &str = "block public access (S3: \"Block all public access\"), and remove policies and ACLs that let everybody in";
    if found.public_list {
        report.problem(CHECK, &format!("anybody can list {bucket} without a key"), ADVICE);
    }
    match found.public_read {
        Some(true) => {
            report.problem(CHECK, &format!("anybody can read objects of {bucket} without a key"), ADVICE);
        }
        Some(false) if !found.public_list => report.ok(CHECK, "nothing is given to those without a key"),
        None if !found.public_list => report.ok(
            CHECK,
            "isn't listed to those without a key; reading couldn't be tried, since nothing could be written",
        ),
        _ => {}
    }
}

fn lifecycle(report: &mut Report, found: &BucketLook, settings: &Settings, tags: bool) {
    const CHECK: &str = "lifecycle";
    // With a catalog of our own, retention deletes; a rule is for what that can't.
    let ours = settings.arrival == ArrivalMode::Inline && !settings.catalog.is_shared();
    let rules = match &found.lifecycle {
        Ok(rules) => rules,
        Err(why) => {
            report.advice(
                CHECK,
                &format!("its rules can't be seen: {why}"),
                "allow s3:GetLifecycleConfiguration to have them checked here",
            );
            return;
        }
    };
    let enabled = || rules.iter().filter(|rule| rule.enabled);
    let days = settings.retention.keep.map(|keep| keep.as_secs() / 86_400);
    let expiring = enabled().find(|rule| rule.days.is_some());
    match (expiring, days) {
        (Some(rule), _) if tags && !rule.by_any_tag => report.problem(
            CHECK,
            "a rule expires objects whatever their tags: also those that were protected",
            "filter the rule by the tag expire=yes (deploy/aws/template.yaml shows it)",
        ),
        (Some(rule), Some(days)) if rule.days.map(u64::from) != Some(days) && !ours => report.advice(
            CHECK,
            &format!("objects expire after {} days, retention.days is {days}", rule.days.unwrap_or_default()),
            "make them the same: records would stay when their objects are gone, or the other way round",
        ),
        (Some(rule), Some(days)) if ours && rule.days.is_some_and(|of| u64::from(of) < days) => report
            .advice(
                CHECK,
                &format!(
                    "objects expire after {} days, before retention.days = {days}",
                    rule.days.unwrap_or_default()
                ),
                "raise the rule's days: records would stay when their objects are gone",
            ),
        (Some(_), _) => report.ok(CHECK, "objects with the tag expire=yes expire by rule"),
        (None, Some(_)) if !ours => report.problem(
            CHECK,
            "no rule expires objects: they stay for ever, and so does their cost",
            "add one for the tag expire=yes (deploy/aws/template.yaml shows it)",
        ),
        (None, _) => report.ok(CHECK, "no rule: Camtrail's own retention removes objects"),
    }
    if enabled().all(|rule| rule.abort_days.is_none()) {
        report.advice(
            CHECK,
            "uploads in parts that never end are never removed",
            "add a rule that aborts incomplete multipart uploads after 7 days",
        );
    }
}

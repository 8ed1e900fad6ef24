//! The names of what is measured, by Prometheus' conventions (a unit at the end, `_total` for counters).
//!
//! Stages measure where things happen; the program gives the figures out at `/metrics`. Labels have few values each: a
//! camera's name is the only one that grows with the site.

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// What it says, with its labels.
    pub help: &'static str,
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// A value now.
    Gauge,
    /// How often which duration was met, in seconds.
    Histogram,
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, $help:literal;)+) => {
        $(#[doc = $help] pub const $constant: &str = $name;)+
        /// All of them.
        pub const ALL: &[Metric] = &[$(Metric { name: $name, kind: MetricKind::$kind, help: $help },)+];
    };
}

metrics! {
    UPLOADS = "camtrail_uploads_total", Counter, "Uploads that are durable in the spool (acknowledged or about to be).";
    UPLOAD_BYTES = "camtrail_upload_bytes_total", Counter, "Bytes of uploads that are durable in the spool.";
    UPLOADS_FAILED = "camtrail_uploads_failed_total", Counter, "Uploads that the spool did not take. reason: full, disk_full, disk.";
    SPOOL_ENTRIES = "camtrail_spool_entries", Gauge, "Uploads that wait in the spool.";
    SPOOL_BYTES = "camtrail_spool_bytes", Gauge, "Bytes in the spool, uploads under way included.";
    SPOOL_MAX_BYTES = "camtrail_spool_max_bytes", Gauge, "How many bytes the spool takes before it refuses uploads.";
    SPOOL_OLDEST = "camtrail_spool_oldest_age_seconds", Gauge, "How long the oldest upload has waited in the spool; 0 where none waits.";
    SHIP = "camtrail_ship_duration_seconds", Histogram, "From taking an upload out of the queue to its record: probe, remux, store and catalog. kind: record, snap.";
    SHIP_FAILURES = "camtrail_ship_failures_total", Counter, "Tries at shipping an upload that failed; each is made again.";
    SHIP_FAILING = "camtrail_ship_failing_uploads", Gauge, "Uploads that failed to be stored last time and wait for another try.";
    VISIBLE = "camtrail_durable_to_visible_seconds", Histogram, "From an upload's last byte being durable to its event being listed. kind: record, snap. remuxed: true, false.";
    MEDIA_WAITING = "camtrail_media_waiting_uploads", Gauge, "Recorded uploads of which something (a poster, a copy) is still to be made.";
    CATALOG = "camtrail_catalog_duration_seconds", Histogram, "How long the catalog takes. operation: read, write, call (of a table service, retries included).";
    HTTP = "camtrail_http_request_duration_seconds", Histogram, "From a request's head to its answer's. method; route, as in the OpenAPI document; status.";
    LIVE_STREAMS = "camtrail_live_streams", Gauge, "Open live streams.";
    SIGN_INS = "camtrail_sign_ins_total", Counter, "Sign-ins by password. outcome: ok, wrong, throttled.";
    SESSIONS = "camtrail_sessions", Gauge, "Sessions that are good now; only where people are kept in this machine's own database.";
    CAMERA_LAST_SEEN = "camtrail_camera_last_seen_timestamp_seconds", Gauge, "When the camera's newest upload came, in seconds since 1970. camera.";
    CAMERA_EVENTS = "camtrail_camera_events", Gauge, "Events of the camera in the catalog. camera.";
    CAMERA_SILENT = "camtrail_camera_silent", Gauge, "1 where the camera is unheard for longer than its silent_after. camera.";
    BUILD = "camtrail_build_info", Gauge, "Always 1. version.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_conventions() {
        for metric in ALL {
            assert!(metric.name.starts_with("camtrail_"), "{}", metric.name);
            assert_eq!(
                metric.kind == MetricKind::Counter,
                metric.name.ends_with("_total"),
                "{}",
                metric.name
            );
            assert!(
                metric.kind != MetricKind::Histogram || metric.name.ends_with("_seconds"),
                "{}",
                metric.name
            );
        }
        let page = include_str!("../../../docs/ref/metrics.md");
        for metric in ALL {
            let kind = format!("{:?}", metric.kind).to_lowercase();
            let row = format!("| `{}` | {kind} | {} |", metric.name, metric.help);
            assert!(page.contains(&row), "docs/ref/metrics.md lacks {row}");
        }
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}

//! The configuration, checked and in types: what the stages are started with.

use std::{
    collections::HashMap,
    net::{SocketAddr, ToSocketAddrs},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use camtrail_api::{CameraSettings, LiveMode, MetricsAccess, PeopleConfig};
use camtrail_auth::Token;
use camtrail_ftp::TlsConfig;
use camtrail_gateway::{AccountScope, CameraAccount, SmallRule, WatchConfig};
use camtrail_model::{CameraName, CameraZones, ObjectBase, units};
use camtrail_notify::NotifyConfig;
use camtrail_retention::RetentionConfig;
use camtrail_store::S3Config;
use ipnet::IpNet;
use jiff::tz::TimeZone;

use crate::notifications::watched;

use super::{
    ConfigError,
    arrival::{self, ArrivalMode},
    bucket, http,
    load::Loaded,
    notify,
    oidc::{self, OidcSettings},
    shape::{Camera, Config, Ftp, FtpAccount, Retention},
    watch,
};
use crate::https::CertificateFiles;

/// Everything that `serve` needs, all of it plausible.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) zones: CameraZones,
    pub(crate) cameras: HashMap<CameraName, CameraSettings>,
    pub(crate) ftp_listen: SocketAddr,
    pub(crate) passive_ports: RangeInclusive<u16>,
    pub(crate) passive_host: Option<String>,
    pub(crate) ftp_tls: Option<TlsConfig>,
    pub(crate) ftp_connections: usize,
    pub(crate) ftp_connections_per_address: usize,
    pub(crate) accounts: Vec<CameraAccount>,
    pub(crate) watches: Vec<WatchConfig>,
    pub(crate) base: ObjectBase,
    pub(crate) store: StoreSettings,
    pub(crate) catalog: CatalogSettings,
    pub(crate) arrival: ArrivalMode,
    /// What the webhook is called with: here, or by us elsewhere.
    pub(crate) arrival_token: Option<Token>,
    pub(crate) remux: bool,
    pub(crate) remux_limit: Duration,
    pub(crate) poster: bool,
    pub(crate) small: SmallRule,
    pub(crate) keep_original: bool,
    /// Whether clips get previews unasked.
    pub(crate) preview_always: bool,
    pub(crate) spool_max_bytes: u64,
    pub(crate) retention: RetentionConfig,
    pub(crate) http_listen: SocketAddr,
    pub(crate) public_url: Option<String>,
    pub(crate) base_path: String,
    pub(crate) live: LiveMode,
    pub(crate) people: PeopleConfig,
    pub(crate) metrics: MetricsAccess,
    pub(crate) http_tls: Option<CertificateFiles>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) oidc: Option<OidcSettings>,
    /// What is told to others; `None`: nothing.
    pub(crate) notify: Option<NotifyConfig>,
    pub(crate) push_to_loopback: bool,
}

/// Where events are listed.
#[derive(Clone)]
pub(crate) enum CatalogSettings {
    /// `catalog.db` in the data dir.
    Sqlite,
    /// Tables that many processes share.
    #[cfg(feature = "aws")]
    DynamoDb {
        /// Which.
        config: Box<camtrail_aws::DynamoConfig>,
        /// Whether missing ones are made.
        create_tables: bool,
    },
}

impl CatalogSettings {
    /// Whether other processes may write events and people, too.
    pub(crate) fn is_shared(&self) -> bool {
        !matches!(self, Self::Sqlite)
    }
}

/// Where objects go.
#[derive(Clone)]
pub(crate) enum StoreSettings {
    /// Below the data dir.
    Local,
    /// A bucket; its notes' folder is the data dir's affair.
    S3(Box<S3Config>),
}

impl StoreSettings {
    /// The bucket's name, where there is one.
    pub(crate) fn bucket(&self) -> Option<String> {
        match self {
            Self::Local => None,
            Self::S3(config) => Some(config.bucket.clone()),
        }
    }
}

/// What is configured of cameras, their own zones, and whether their clips get small renditions.
type Cameras =
    (HashMap<CameraName, CameraSettings>, HashMap<CameraName, TimeZone>, HashMap<CameraName, bool>);

/// Says where a value comes from when it is wrong.
pub(super) struct Checker<'a> {
    pub(super) place: &'a str,
}

impl Checker<'_> {
    pub(super) fn wrong(&self, key: &str, found: &str, expected: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            place: self.place.to_owned(),
            key: key.to_owned(),
            found: found.to_owned(),
            expected: expected.into(),
        }
    }

    fn address(&self, key: &str, text: &str) -> Result<SocketAddr, ConfigError> {
        let resolved = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
        resolved.ok_or_else(|| {
            self.wrong(key, text, "an address and a port, such as 127.0.0.1:8080 (port 0: any free one)")
        })
    }

    fn zone(&self, key: &str, text: &str) -> Result<TimeZone, ConfigError> {
        TimeZone::get(text)
            .map_err(|_| self.wrong(key, text, "an IANA time zone, such as America/Los_Angeles"))
    }

    fn bytes(&self, key: &str, text: &str) -> Result<u64, ConfigError> {
        units::bytes(text)
            .filter(|&n| n > 0)
            .ok_or_else(|| self.wrong(key, text, "a size, such as 10GB or 512MiB"))
    }

    pub(super) fn duration(&self, key: &str, text: &str) -> Result<Duration, ConfigError> {
        units::duration(text).ok_or_else(|| self.wrong(key, text, "a duration, such as 30s, 15m, 24h or 7d"))
    }

    fn ports(&self, key: &str, text: &str) -> Result<RangeInclusive<u16>, ConfigError> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
            (Ok(first), Ok(last)) if first <= last && (first > 0 || last == 0) => Ok(first..=last),
            _ => Err(self.wrong(key, text, "a range of ports, such as 50000-50099 (0: any free ones)")),
        }
    }

    fn retention(&self, retention: &Retention) -> Result<RetentionConfig, ConfigError> {
        Ok(RetentionConfig {
            keep: (retention.days > 0).then(|| Duration::from_hours(24 * u64::from(retention.days))),
            max_bytes: match retention.max_bytes.as_str() {
                "" => None,
                text => Some(self.bytes("retention.max_bytes", text)?),
            },
            every: self.duration("retention.every", &retention.every)?,
        })
    }

    fn people(&self, config: &Config) -> Result<PeopleConfig, ConfigError> {
        let people = PeopleConfig {
            share_days: config.shares.days,
            share_max_days: config.shares.max_days,
            audit_days: config.audit.days,
        };
        people.check().map(|()| people).map_err(|(key, expected)| {
            let found = match key {
                "shares.days" => config.shares.days,
                "shares.max_days" => config.shares.max_days,
                _ => config.audit.days,
            };
            self.wrong(key, &found.to_string(), expected)
        })
    }

    fn connections(&self, key: &str, count: usize) -> Result<usize, ConfigError> {
        if count == 0 {
            return Err(self.wrong(key, "0", "at least 1"));
        }
        Ok(count)
    }

    fn account(&self, index: usize, account: &FtpAccount) -> Result<CameraAccount, ConfigError> {
        let key = |name: &str| format!("ftp.account[{index}].{name}");
        if account.user.is_empty() {
            return Err(self.wrong(&key("user"), "", "a login name"));
        }
        let password_hash = match (account.password_hash.as_str(), account.password_file.as_str()) {
            ("", "") => {
                return Err(self.wrong(&key("password_hash"), "", "a password_hash or a password_file"));
            }
            (hash, "") if camtrail_auth::is_password_hash(hash) => hash.to_owned(),
            (_, "") => {
                return Err(self.wrong(
                    &key("password_hash"),
                    "(not shown)",
                    "an Argon2id hash that begins with $argon2id$",
                ));
            }
            ("", file) => self.password_file(&key("password_file"), file)?,
            _ => {
                return Err(self.wrong(
                    &key("password_file"),
                    &account.password_file,
                    "one of password_hash and password_file",
                ));
            }
        };
        let camera = if account.camera.is_empty() { &account.user } else { &account.camera };
        let scope = AccountScope::parse(camera).map_err(|error| {
            self.wrong(&key("camera"), camera, format!("a camera's name or \"*\" ({error})"))
        })?;
        Ok(CameraAccount { user: account.user.clone(), password_hash, scope })
    }

    fn password_file(&self, key: &str, file: &str) -> Result<String, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| self.wrong(key, file, format!("a file that can be read ({error})")))?;
        let password = text.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(self.wrong(key, file, "a file that holds a password (it is empty)"));
        }
        if camtrail_auth::is_password_hash(password) {
            return Ok(password.to_owned());
        }
        camtrail_auth::hash_password(password.as_bytes())
            .map_err(|error| self.wrong(key, file, error.to_string()))
    }

    fn cameras(&self, cameras: &[Camera]) -> Result<Cameras, ConfigError> {
        let (mut settings, mut zones, mut small) = (HashMap::new(), HashMap::new(), HashMap::new());
        for (index, camera) in cameras.iter().enumerate() {
            let key = |name: &str| format!("camera[{index}].{name}");
            let name = CameraName::parse(&camera.name)
                .map_err(|error| self.wrong(&key("name"), &camera.name, error.to_string()))?;
            if !camera.time_zone.is_empty() {
                zones.insert(name.clone(), self.zone(&key("time_zone"), &camera.time_zone)?);
            }
            if let Some(wanted) = camera.small {
                small.insert(name.clone(), wanted);
            }
            let silent_after = match camera.silent_after.as_str() {
                "" => None,
                text => Some(self.duration(&key("silent_after"), text)?),
            };
            let display_name = Some(camera.display_name.clone()).filter(|name| !name.is_empty());
            if settings.insert(name, CameraSettings { display_name, silent_after }).is_some() {
                return Err(self.wrong(&key("name"), &camera.name, "each camera once"));
            }
        }
        Ok((settings, zones, small))
    }

    fn tls(&self, ftp: &Ftp) -> Result<Option<TlsConfig>, ConfigError> {
        if ftp.tls_cert.is_empty() && ftp.tls_key.is_empty() {
            for (key, wants) in [
                ("ftp.tls_required", ftp.tls_required),
                ("ftp.tls_implicit_listen", !ftp.tls_implicit_listen.is_empty()),
            ] {
                if wants {
                    return Err(self.wrong(key, "(set)", "ftp.tls_cert and ftp.tls_key beside it"));
                }
            }
            return Ok(None);
        }
        let read = |key: &str, file: &str| {
            std::fs::read(file)
                .map_err(|error| self.wrong(key, file, format!("a PEM file that can be read ({error})")))
        };
        let (chain, key) = (read("ftp.tls_cert", &ftp.tls_cert)?, read("ftp.tls_key", &ftp.tls_key)?);
        let mut tls = TlsConfig::from_pem(&chain, &key).map_err(|error| {
            self.wrong("ftp.tls_cert", &ftp.tls_cert, format!("a certificate and its key ({error})"))
        })?;
        tls.required = ftp.tls_required;
        if !ftp.tls_implicit_listen.is_empty() {
            tls.implicit_listen = Some(self.address("ftp.tls_implicit_listen", &ftp.tls_implicit_listen)?);
        }
        Ok(Some(tls))
    }

    fn base_path(&self, text: &str) -> Result<String, ConfigError> {
        let trimmed = text.trim_matches('/');
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~/".contains(c);
        if !trimmed.chars().all(plain) || trimmed.split('/').any(|segment| segment == "..") {
            return Err(self.wrong(
                "http.base_path",
                text,
                "a path such as /cams, of letters, digits and - _ . ~",
            ));
        }
        Ok(if trimmed.is_empty() { String::new() } else { format!("/{trimmed}") })
    }

    fn public_url(&self, text: &str) -> Result<Option<String>, ConfigError> {
        match text {
            "" => Ok(None),
            url => self.page_url("http.public_url", url).map(Some),
        }
    }

    pub(super) fn page_url(&self, key: &str, url: &str) -> Result<String, ConfigError> {
        if url.starts_with("https://") || url.starts_with("http://") {
            return Ok(url.trim_end_matches('/').to_owned());
        }
        Err(self.wrong(key, url, "an address such as https://cams.example.org"))
    }
}

impl Settings {
    /// Checks all of it.
    pub(crate) fn check(loaded: Loaded, data_dir: Option<&Path>) -> Result<Self, ConfigError> {
        let (check, config) = (Checker { place: &loaded.place }, &loaded.config);
        let zone = match config.time_zone.as_str() {
            "" => TimeZone::system(),
            name => check.zone("time_zone", name)?,
        };
        let (cameras, zones, small) = check.cameras(&config.camera)?;
        let base = ObjectBase::parse(&config.s3_info.object_base)
            .map_err(|problem| check.wrong("s3_info.object_base", &config.s3_info.object_base, problem))?;
        let accounts = config.ftp.account.iter().enumerate();
        let store = bucket::store(&check, config)?;
        let catalog = bucket::catalog(&check, config, &base)?;
        let mode = arrival::mode(&check, &config.arrival, &store)?;
        let public_url = check.public_url(&config.http.public_url)?;
        let base_path = check.base_path(&config.http.base_path)?;
        // Some write the path into both.
        let home = public_url
            .as_deref()
            .map(|url| format!("{}{base_path}", url.strip_suffix(&base_path).unwrap_or(url)));
        let notify = notify::check(&check, &config.notify, home.as_deref(), watched(&cameras))?;
        let data_dir = data_dir.unwrap_or(&config.data_dir).to_owned();
        Ok(Self {
            watches: watch::check(&check, &config.watch, &data_dir)?,
            data_dir,
            zones: CameraZones::new(zone, zones),
            cameras,
            ftp_listen: check.address("ftp.listen", &config.ftp.listen)?,
            passive_ports: check.ports("ftp.passive_ports", &config.ftp.passive_ports)?,
            passive_host: Some(config.ftp.passive_host.clone()).filter(|host| !host.is_empty()),
            ftp_tls: check.tls(&config.ftp)?,
            ftp_connections: check.connections("ftp.max_connections", config.ftp.max_connections)?,
            ftp_connections_per_address: check
                .connections("ftp.max_connections_per_address", config.ftp.max_connections_per_address)?,
            accounts: accounts
                .map(|(index, account)| check.account(index, account))
                .collect::<Result<_, _>>()?,
            base,
            store,
            catalog,
            arrival: mode,
            arrival_token: arrival::token(&check, &config.arrival.token_file)?,
            remux: config.media.remux,
            remux_limit: check.duration("media.remux_limit", &config.media.remux_limit)?,
            poster: config.media.poster,
            small: SmallRule { default: config.media.small, cameras: small },
            keep_original: config.media.keep_original,
            preview_always: match config.media.preview.as_str() {
                "ask" => false,
                "always" => true,
                other => return Err(check.wrong("media.preview", other, "\"ask\" or \"always\"")),
            },
            spool_max_bytes: check.bytes("spool.max_bytes", &config.spool.max_bytes)?,
            retention: check.retention(&config.retention)?,
            http_listen: check.address("http.listen", &config.http.listen)?,
            public_url,
            base_path,
            notify,
            push_to_loopback: config.notify.push_to_loopback,
            people: check.people(config)?,
            metrics: match config.http.metrics.as_str() {
                "local" => MetricsAccess::Local,
                "open" => MetricsAccess::Open,
                "off" => MetricsAccess::Off,
                other => return Err(check.wrong("http.metrics", other, "\"local\", \"open\" or \"off\"")),
            },
            live: match config.http.live.as_str() {
                "stream" => LiveMode::Stream,
                "poll" => LiveMode::Poll,
                other => return Err(check.wrong("http.live", other, "\"stream\" or \"poll\"")),
            },
            http_tls: http::tls(&check, &config.http)?,
            trusted_proxies: http::trusted_proxies(&check, &config.http)?,
            oidc: oidc::check(&check, &config.oidc)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::shape::Config, *};

    fn check(text: &str) -> Result<Settings, String> {
        let config: Config = toml::from_str(text).unwrap();
        let loaded = Loaded { config, place: "camtrail.toml".to_owned() };
        Settings::check(loaded, None).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_run() {
        let settings = check("").unwrap();
        assert_eq!(settings.spool_max_bytes, 10_000_000_000);
        assert_eq!(settings.passive_ports, 50_000..=50_099);
    }

    #[test]
    fn a_named_bucket_is_the_store() {
        let s3 = |text: &str| match check(text).unwrap().store {
            StoreSettings::S3(config) => Some(*config),
            StoreSettings::Local => None,
        };
        let article = "[s3_info]\nbucket_name = \"security-alarms\"\nregion = \"us-west-2\"\n";
        let config = s3(article).unwrap();
        assert_eq!((config.bucket.as_str(), config.region.as_str()), ("security-alarms", "us-west-2"));
        assert!(config.tags && config.max_bytes_per_second.is_none());
        assert!(s3(&format!("{article}[store]\nkind = \"local\"\n")).is_none());
        assert!(s3("").is_none());
        let own = "[s3_info]\nbucket_name = \"b\"\nendpoint = \"http://127.0.0.1:9000/\"\n";
        assert_eq!(s3(own).unwrap().endpoint.as_deref(), Some("http://127.0.0.1:9000"));
    }

    #[test]
    fn a_camera_says_for_itself_whether_its_clips_get_small_renditions() {
        let of = |settings: &Settings, name: &str| settings.small.of(&CameraName::parse(name).unwrap());
        let none = check("").unwrap();
        assert!(!none.small.any() && !none.keep_original && !of(&none, "gate"));
        let all = "[media]\nsmall = true\nkeep_original = true\n[[camera]]\nname = \"gate\"\nsmall = false\n\
                   [[camera]]\nname = \"porch\"\n";
        let all = check(all).unwrap();
        assert!(all.keep_original && all.small.any());
        assert_eq!(["gate", "porch", "other"].map(|name| of(&all, name)), [false, true, true]);
        let one = check("[[camera]]\nname = \"gate\"\nsmall = true\n").unwrap();
        assert!(one.small.any() && of(&one, "gate") && !of(&one, "porch"));
    }

    #[test]
    fn previews_are_made_when_asked_for_or_always() {
        assert!(!check("").unwrap().preview_always);
        assert!(check("[media]\npreview = \"always\"\n").unwrap().preview_always);
        let wrong = check("[media]\npreview = \"never\"\n").err().unwrap_or_default();
        assert!(wrong.contains("media.preview") && wrong.contains("\"ask\" or \"always\""), "{wrong}");
    }

    #[test]
    fn what_cannot_be_right_is_told_with_its_key() {
        for (text, want) in [
            ("time_zone = \"Mars/Olympus\"", "time_zone: found \"Mars/Olympus\", expected an IANA time zone"),
            ("[http]\nlisten = \"8080\"", "http.listen: found \"8080\""),
            ("[spool]\nmax_bytes = \"lots\"", "spool.max_bytes: found \"lots\""),
            ("[ftp]\npassive_ports = \"60000-50000\"", "ftp.passive_ports: found"),
            ("[store]\nkind = \"s3\"", "s3_info.bucket_name: found \"\""),
            ("[store]\nkind = \"tape\"", "store.kind: found \"tape\""),
            (
                "[s3_info]\nbucket_name = \"b\"\nendpoint = \"minio:9000\"",
                "s3_info.endpoint: found \"minio:9000\"",
            ),
            (
                "[s3_info]\nbucket_name = \"b\"\nregion = \"r\"\n[store]\nmax_bytes_per_second = \"1KB\"",
                "store.max_bytes_per_second: found \"1KB\"",
            ),
            ("[retention]\nmax_bytes = \"much\"", "retention.max_bytes: found \"much\""),
            ("[ftp]\nmax_connections = 0", "ftp.max_connections: found \"0\""),
            ("[arrival]\nmode = \"notified\"", "arrival.mode: found \"notified\""),
            (
                "[arrival]\nurl = \"https://a.example\"",
                "arrival.url: found \"https://a.example\", expected nothing: a Camtrail elsewhere can't",
            ),
            (
                "[s3_info]\nbucket_name = \"b\"\nregion = \"r\"\n[arrival]\nurl = \"https://a.example\"",
                "arrival.token_file: found \"\", expected a file with the token of",
            ),
            (
                "[s3_info]\nbucket_name = \"b\"\nregion = \"r\"\n[arrival]\nurl = \"a\"\nmode = \"notified\"",
                "arrival.url: found \"a\", expected nothing beside",
            ),
            (
                "[arrival]\ntoken_file = \"/nope\"",
                "arrival.token_file: found \"/nope\", expected a file that can",
            ),
            (
                "[arrival]\ntoken_file = \"/dev/null\"",
                "arrival.token_file: found \"/dev/null\", expected a file with one",
            ),
            ("[[camera]]\nname = \"a/b\"", "camera[0].name: found \"a/b\""),
            ("[[ftp.account]]\nuser = \"x\"", "ftp.account[0].password_hash"),
            ("[[ftp.account]]\nuser = \"x\"\npassword_hash = \"hunter2\"", "found \"(not shown)\""),
            ("[s3_info]\nobject_base = \"derived\"", "s3_info.object_base"),
            ("[ftp]\ntls_required = true", "ftp.tls_required: found \"(set)\", expected ftp.tls_cert"),
            (
                "[ftp]\ntls_cert = \"/nope\"\ntls_key = \"/nope\"",
                "ftp.tls_cert: found \"/nope\", expected a PEM file",
            ),
            ("[http]\ntls_cert = \"/x\"", "http.tls_key: found \"\", expected the key's PEM file"),
            (
                "[http]\ntls_cert = \"/nope\"\ntls_key = \"/nope\"",
                "http.tls_cert: found \"/nope\", expected a PEM file",
            ),
            (
                "[http]\ntrusted_proxies = [\"10.0.0.0/8\", \"proxy\"]",
                "http.trusted_proxies[1]: found \"proxy\"",
            ),
            ("[http]\ntrusted_proxies = [\"10.0.0.0/40\"]", "http.trusted_proxies[0]: found \"10.0.0.0/40\""),
            ("[oidc]\nissuer = \"http://id.example.org\"", "oidc.issuer: found \"http://id.example.org\""),
            ("[http]\nbase_path = \"/../x\"", "http.base_path"),
            ("[shares]\ndays = 91", "shares.days: found \"91\", expected at least 1, and no more"),
            ("[shares]\nmax_days = 9999", "shares.max_days: found \"9999\", expected 0 (no shares) to"),
            ("[audit]\ndays = 0", "audit.days: found \"0\", expected 1 to"),
            ("[http]\nlive = \"often\"", "http.live"),
            ("[http]\nmetrics = \"yes\"", "http.metrics"),
            ("[[watch]]\npath = \"\"", "watch[0].path: found \"\", expected the whole path of a folder"),
            (
                "[[watch]]\npath = \"/etc/passwd\"",
                "watch[0].path: found \"/etc/passwd\", expected a folder (this is a file)",
            ),
            (
                "[[watch]]\npath = \"/nowhere\"\nsettle = \"0s\"",
                "watch[0].settle: found \"0s\", expected more than",
            ),
            ("[[watch]]\npath = \"/nowhere\"\ncamera = \"a/b\"", "watch[0].camera: found \"a/b\""),
            (
                "[[watch]]\npath = \"/x/y\"\n[[watch]]\npath = \"/x/y/z\"",
                "watch[1].path: found \"/x/y/z\", expected a folder that no other",
            ),
            (
                "data_dir = \"/x/data\"\n[[watch]]\npath = \"/x\"",
                "watch[0].path: found \"/x\", expected a folder that neither holds the data_dir",
            ),
        ] {
            let error = check(text).err().unwrap_or_default();
            assert!(error.starts_with("camtrail.toml: ") && error.contains(want), "{text:?}: {error}");
        }
    }
}

//! The keys as they are written: every one with its default.

use std::path::PathBuf;

use camtrail_api::PeopleConfig;
use camtrail_model::ObjectBase;
use serde::{Deserialize, Serialize};

use super::{notify::Notify, oidc::Oidc, watch::Watch};

/// The whole file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where everything is kept.
    pub(crate) data_dir: PathBuf,
    /// The cameras' time zone (IANA); empty: this machine's.
    pub(crate) time_zone: String,
    pub(crate) ftp: Ftp,
    pub(crate) camera: Vec<Camera>,
    pub(crate) watch: Vec<Watch>,
    pub(crate) store: Store,
    pub(crate) s3_info: S3Info,
    pub(crate) catalog: Catalog,
    pub(crate) arrival: Arrival,
    pub(crate) media: Media,
    pub(crate) spool: Spool,
    pub(crate) retention: Retention,
    pub(crate) http: Http,
    pub(crate) shares: Shares,
    pub(crate) audit: Audit,
    pub(crate) oidc: Oidc,
    pub(crate) notify: Notify,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("camtrail-data"),
            time_zone: String::new(),
            ftp: Ftp::default(),
            camera: Vec::new(),
            watch: Vec::new(),
            store: Store::default(),
            s3_info: S3Info::default(),
            catalog: Catalog::default(),
            arrival: Arrival::default(),
            media: Media::default(),
            spool: Spool::default(),
            retention: Retention::default(),
            http: Http::default(),
            shares: Shares::default(),
            audit: Audit::default(),
            oidc: Oidc::default(),
            notify: Notify::default(),
        }
    }
}

/// The FTP gateway.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ftp {
    /// Address and port; port 0 picks a free one.
    pub(crate) listen: String,
    /// Ports for passive data connections; `0` picks free ones.
    pub(crate) passive_ports: String,
    /// The address to announce behind NAT.
    pub(crate) passive_host: String,
    /// Certificate chain (PEM), with `tls_key`: explicit FTPS is offered.
    pub(crate) tls_cert: String,
    /// Private key (PEM).
    pub(crate) tls_key: String,
    /// Plain FTP is refused.
    pub(crate) tls_required: bool,
    /// Where implicit FTPS listens; empty: nowhere.
    pub(crate) tls_implicit_listen: String,
    /// Sessions at once; one more gets `421`.
    pub(crate) max_connections: usize,
    /// Sessions at once from one address; cameras behind one router have one.
    pub(crate) max_connections_per_address: usize,
    /// Who may upload.
    pub(crate) account: Vec<FtpAccount>,
}

impl Default for Ftp {
    fn default() -> Self {
        Self {
            listen: "0.0.0.0:2121".to_owned(),
            passive_ports: "50000-50099".to_owned(),
            passive_host: String::new(),
            tls_cert: String::new(),
            tls_key: String::new(),
            tls_required: false,
            tls_implicit_listen: String::new(),
            max_connections: 2_000,
            max_connections_per_address: 2_000,
            account: Vec::new(),
        }
    }
}

/// One FTP account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FtpAccount {
    /// The login name.
    pub(crate) user: String,
    /// Argon2id in PHC string form.
    pub(crate) password_hash: String,
    /// A file that holds the password (or its hash).
    pub(crate) password_file: String,
    /// A camera's name, or `*`: the first folder of the path names the camera. Empty: the account's name.
    pub(crate) camera: String,
}

/// One camera.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Camera {
    /// Its name in paths.
    pub(crate) name: String,
    /// Its own time zone (IANA).
    pub(crate) time_zone: String,
    /// What people call it.
    pub(crate) display_name: String,
    /// Unheard for so long, it is silent; empty: never.
    pub(crate) silent_after: String,
    /// Whether its clips get small renditions; unset: as `media.small` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) small: Option<bool>,
}

/// Where objects go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Store {
    /// `local` or `s3`; empty: `s3` if a bucket is named, else `local`.
    pub(crate) kind: String,
    /// Bytes a second towards the bucket, over all uploads together; empty: as fast as it goes.
    pub(crate) max_bytes_per_second: String,
    /// A request to the bucket in which nothing moves for so long has failed, and is tried again.
    pub(crate) stall_limit: String,
}

impl Default for Store {
    fn default() -> Self {
        Self { kind: String::new(), max_bytes_per_second: String::new(), stall_limit: "60s".to_owned() }
    }
}

/// The bucket; the article's own section.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct S3Info {
    /// The bucket's name.
    pub(crate) bucket_name: String,
    /// The folder in it.
    pub(crate) object_base: String,
    /// Its region; empty: `AWS_REGION` or `AWS_DEFAULT_REGION`.
    pub(crate) region: String,
    /// For S3-compatible servers; empty: `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, else AWS.
    pub(crate) endpoint: String,
    /// How browsers reach that server, if by another address.
    pub(crate) public_endpoint: String,
    /// Objects are tagged `expire=yes` for the bucket's lifecycle rule; some S3-compatible servers know no tags.
    pub(crate) tags: bool,
}

impl Default for S3Info {
    fn default() -> Self {
        Self {
            bucket_name: String::new(),
            object_base: ObjectBase::default().into(),
            region: String::new(),
            endpoint: String::new(),
            public_endpoint: String::new(),
            tags: true,
        }
    }
}

/// Where events are listed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Catalog {
    /// `sqlite` or `dynamodb`.
    pub(crate) kind: String,
    /// For DynamoDB-compatible servers; empty: `AWS_ENDPOINT_URL_DYNAMODB`, else AWS.
    pub(crate) endpoint: String,
    /// What the tables' names begin with, before the article's.
    pub(crate) table_prefix: String,
    /// Into how many partitions a day of new events is spread: more than 1 for sites of thousands of cameras.
    pub(crate) timeline_shards: u16,
    /// Tables that are missing are made at the start; a deployment's tables are its template's.
    pub(crate) create_tables: bool,
    /// Rows expire by themselves so many days later than `retention.days`: behind the bucket's own rule.
    pub(crate) expire_slack_days: u32,
}

impl Default for Catalog {
    fn default() -> Self {
        Self {
            kind: "sqlite".to_owned(),
            endpoint: String::new(),
            table_prefix: String::new(),
            timeline_shards: 1,
            create_tables: false,
            expire_slack_days: 0,
        }
    }
}

/// Who tells the catalog of new objects.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Arrival {
    /// `inline`, or `notified`: the store's notification does it.
    pub(crate) mode: String,
    /// Announce to a `camtrail serve` elsewhere.
    pub(crate) url: String,
    /// The file with the webhook's bearer token: ours for others, or that one's for us.
    pub(crate) token_file: String,
}

impl Default for Arrival {
    fn default() -> Self {
        Self { mode: "inline".to_owned(), url: String::new(), token_file: String::new() }
    }
}

/// Media work.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Media {
    /// Clips in containers that browsers don't open are remuxed.
    pub(crate) remux: bool,
    /// How long a remux may hold up its clip.
    pub(crate) remux_limit: String,
    /// Posters are made.
    pub(crate) poster: bool,
    /// Small renditions for phones are made.
    pub(crate) small: bool,
    /// The original is kept beside a remuxed clip.
    pub(crate) keep_original: bool,
    /// Previews of clips: `ask` (when somebody does) or `always` (when all else is done).
    pub(crate) preview: String,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            remux: true,
            remux_limit: "30s".to_owned(),
            poster: true,
            small: false,
            keep_original: false,
            preview: "ask".to_owned(),
        }
    }
}

/// The queue on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Spool {
    /// How many bytes may wait; above, uploads are refused with `452`.
    pub(crate) max_bytes: String,
}

impl Default for Spool {
    fn default() -> Self {
        Self { max_bytes: "10GB".to_owned() }
    }
}

/// How long events are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retention {
    /// Days after they were stored; 0: for ever.
    pub(crate) days: u32,
    /// How many bytes all objects may have together; empty: any.
    pub(crate) max_bytes: String,
    /// How often it is looked what is due.
    pub(crate) every: String,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 30, max_bytes: String::new(), every: "10m".to_owned() }
    }
}

/// API and web app.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Http {
    /// Address and port; port 0 picks a free one.
    pub(crate) listen: String,
    /// How the world reaches it, if by another address.
    pub(crate) public_url: String,
    /// Below which path everything stands.
    pub(crate) base_path: String,
    /// Certificate chain (PEM), with `tls_key`: only https is spoken.
    pub(crate) tls_cert: String,
    /// Private key (PEM).
    pub(crate) tls_key: String,
    /// Addresses and networks of proxies whose `X-Forwarded-*` or `Forwarded` count.
    pub(crate) trusted_proxies: Vec<String>,
    /// `stream`; or `poll`, behind a proxy that holds answers back until they are whole.
    pub(crate) live: String,
    /// Who may read `/metrics`: `local`, `open` or `off`.
    pub(crate) metrics: String,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            public_url: String::new(),
            base_path: String::new(),
            tls_cert: String::new(),
            tls_key: String::new(),
            trusted_proxies: Vec::new(),
            live: "stream".to_owned(),
            metrics: "local".to_owned(),
        }
    }
}

/// Public links to one event.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Shares {
    /// How long one lasts unless its maker says otherwise.
    pub(crate) days: u32,
    /// How long one may last; 0: nobody can make any.
    pub(crate) max_days: u32,
}

impl Default for Shares {
    fn default() -> Self {
        let people = PeopleConfig::default();
        Self { days: people.share_days, max_days: people.share_max_days }
    }
}

/// Who did what.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Audit {
    /// How long that is kept.
    pub(crate) days: u32,
}

impl Default for Audit {
    fn default() -> Self {
        Self { days: PeopleConfig::default().audit_days }
    }
}

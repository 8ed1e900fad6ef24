//! The keys as they are written: every one with its default and its meaning. The comments are the reference's text
//! (docs/ref/configuration.md), in its Markdown.

use std::path::PathBuf;

use camtrail_api::PeopleConfig;
use camtrail_model::ObjectBase;

use super::{notify::Notify, oidc::Oidc, section::section, watch::Watch};

section! {
    /// The whole file.
    pub(crate) struct Config {
        /// where everything is kept
        data_dir: PathBuf = PathBuf::from("camtrail-data"),
        /// the cameras' IANA time zone; empty: this machine's
        time_zone: String,
        ftp: Ftp,
        camera: Vec<Camera>,
        watch: Vec<Watch>,
        store: Store,
        s3_info: S3Info,
        catalog: Catalog,
        arrival: Arrival,
        media: Media,
        spool: Spool,
        retention: Retention,
        http: Http,
        shares: Shares,
        audit: Audit,
        oidc: Oidc,
        notify: Notify,
    }
}

section! {
    /// The FTP gateway.
    pub(crate) struct Ftp {
        /// address and port; port 0 picks a free one
        listen: String = "0.0.0.0:2121".to_owned(),
        /// ports for passive data connections; `0` picks free ones
        passive_ports: String = "50000-50099".to_owned(),
        /// the address to announce behind NAT
        passive_host: String,
        /// PEM file of the certificate chain; with `tls_key`, explicit FTPS (AUTH TLS) is offered
        tls_cert: String,
        /// PEM file of its private key
        tls_key: String,
        /// plain FTP is refused
        tls_required: bool,
        /// where implicit FTPS listens, such as `0.0.0.0:990`; empty: nowhere
        tls_implicit_listen: String,
        /// sessions at once; one more gets `421`
        max_connections: usize = 2_000,
        /// of those, from one address: cameras behind one router have one
        max_connections_per_address: usize = 2_000,
        account: Vec<FtpAccount>,
    }
}

section! {
    /// Who may upload by FTP.
    pub(crate) struct FtpAccount {
        /// a camera's login name
        user: String,
        /// Argon2id, `$argon2id$…`
        password_hash: String,
        /// or a file that holds the password (or its hash)
        password_file: String,
        /// a camera's name, or `*`: the first folder of the path names the camera; empty: the user
        camera: String,
    }
}

section! {
    /// What is known of a camera beforehand. A camera that isn't here may upload, too.
    pub(crate) struct Camera {
        /// its name in paths
        name: String,
        /// its own IANA time zone; empty: `time_zone`
        time_zone: String,
        /// what people call it; empty: its name
        display_name: String,
        /// unheard for so long, it is shown as silent: `24h`; empty: never
        silent_after: String,
        /// whether its clips get small renditions; unset: as `media.small` says
        #[serde(skip_serializing_if = "Option::is_none")]
        small: Option<bool>,
    }
}

section! {
    /// Where objects go.
    pub(crate) struct Store {
        /// `local` or `s3`; empty: `s3` if a bucket is named, else `local`
        kind: String,
        /// bytes a second towards the bucket, over all uploads together: `500KB`; empty: as fast as it goes
        max_bytes_per_second: String,
        /// a request to the bucket in which nothing moves for so long has failed, and is tried again
        stall_limit: String = "60s".to_owned(),
    }
}

section! {
    /// The bucket.
    pub(crate) struct S3Info {
        /// the bucket
        bucket_name: String,
        /// the folder under which captures are stored
        object_base: String = ObjectBase::default().into(),
        /// the bucket's region; empty: `AWS_REGION` or `AWS_DEFAULT_REGION`
        region: String,
        /// an S3-compatible server, such as `https://minio.example.org:9000`; empty: `AWS_ENDPOINT_URL_S3` or
        /// `AWS_ENDPOINT_URL`, else AWS
        endpoint: String,
        /// how browsers reach that server, if by another address
        public_endpoint: String,
        /// objects are tagged `expire=yes` for a lifecycle rule; `false` for servers that know no tags
        tags: bool = true,
    }
}

section! {
    /// Where events are listed.
    pub(crate) struct Catalog {
        /// `sqlite`; or `dynamodb`: events, people and tokens are in tables that several processes share
        /// ([dynamodb](../design/dynamodb.md))
        kind: String = "sqlite".to_owned(),
        /// a DynamoDB-compatible server; empty: `AWS_ENDPOINT_URL_DYNAMODB`, else AWS
        endpoint: String,
        /// what the tables' names begin with
        table_prefix: String,
        /// partitions of a day of new events, 1 to 64: more for thousands of cameras ([dynamodb](../design/dynamodb.md))
        timeline_shards: u16 = 1,
        /// tables that are missing are made at the start; a deployment's tables are its template's
        create_tables: bool,
        /// rows in DynamoDB expire by themselves so many days later than `retention.days`: behind the bucket's own rule,
        /// which tells of what it removes
        expire_slack_days: u32,
    }
}

section! {
    /// Who tells the catalog of new objects.
    pub(crate) struct Arrival {
        /// `inline`; or `notified`: the bucket's notification updates the catalog, and `camtrail serve` then needs
        /// `arrival.token_file`
        mode: String = "inline".to_owned(),
        /// `camtrail gateway` only: announce each stored object to the `camtrail serve` at this address (`https://…`, so
        /// that nobody reads the token); `arrival.token_file` holds that one's token; needs a bucket that both use
        url: String,
        /// a file with the token that `POST /api/v1/arrivals` is called with (`openssl rand -hex 32` makes one); without
        /// it nobody may call
        token_file: String,
    }
}

section! {
    /// What is made of captures.
    pub(crate) struct Media {
        /// clips that browsers don't open as they are become MP4 ([formats](formats.md))
        remux: bool = true,
        /// how long that may hold up a clip; then the original is stored as it is
        remux_limit: String = "30s".to_owned(),
        /// posters are made
        poster: bool = true,
        /// clips get a small rendition for phones (H.264, at most 640 wide, about 300 kbit/s; [media](../design/media.md)),
        /// unless they are as small themselves
        small: bool,
        /// where a clip was remuxed, the bytes as received are stored beside it (`original_url`): up to twice the room
        keep_original: bool,
        /// pictures of a whole clip for hover and scrubbing. `ask`: made when somebody asks (`POST
        /// /api/v1/events/{id}/preview`); `always`: when all else about a clip is done, as far as there is time
        /// ([derive](../design/derive.md))
        preview: String = "ask".to_owned(),
    }
}

section! {
    /// The queue on disk between cameras and the store.
    pub(crate) struct Spool {
        /// how much may wait to be stored; above, cameras get `452` (HTTP: `507`); watched folders and imports take at
        /// most half
        max_bytes: String = "10GB".to_owned(),
    }
}

section! {
    /// How long events are kept.
    pub(crate) struct Retention {
        /// events go so many days after they were stored; `0`: never
        days: u32 = 30,
        /// how many bytes all objects may have together; above, the oldest go: `200GB`; empty: any number
        max_bytes: String,
        /// how often it is looked what is due
        every: String = "10m".to_owned(),
    }
}

section! {
    /// API and web app.
    pub(crate) struct Http {
        /// address and port; port 0 picks a free one
        listen: String = "127.0.0.1:8080".to_owned(),
        /// how the world reaches it; with `https://`, cookies are `Secure`
        public_url: String,
        /// below which path everything stands, such as `/cams`
        base_path: String,
        /// PEM file of the certificate chain; with `tls_key`, only https is spoken, TLS 1.2 or newer; both are read
        /// again when they change, or at SIGHUP
        tls_cert: String,
        /// PEM file of its private key
        tls_key: String,
        /// addresses and networks (`10.0.0.0/8`) of proxies whose `X-Forwarded-For`, `-Proto`, `-Host` (or `Forwarded`)
        /// count ([oidc](../design/oidc.md))
        trusted_proxies: Vec<String>,
        /// `stream`; or `poll`: live updates are asked for every 5 s, behind a proxy that holds answers back until they
        /// are whole
        live: String = "stream".to_owned(),
        /// who may read `/metrics`, which names cameras. `local`: programs of this machine while no `http.public_url` is
        /// set, and whoever is signed in. `open`: everybody who reaches the port. `off`: nobody
        metrics: String = "local".to_owned(),
    }
}

section! {
    /// Public links to one event.
    pub(crate) struct Shares {
        /// how long one lasts unless its maker says otherwise
        days: u32 = PeopleConfig::default().share_days,
        /// how long one may last; `0`: nobody can make any
        max_days: u32 = PeopleConfig::default().share_max_days,
    }
}

section! {
    /// Who did what.
    pub(crate) struct Audit {
        /// how long the audit log keeps its entries
        days: u32 = PeopleConfig::default().audit_days,
    }
}

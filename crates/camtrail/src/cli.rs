//! The command line.

use std::{io::IsTerminal, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

/// Every motion clip your cameras take, safe off-site within seconds and found again in an instant.
#[derive(Debug, Parser)]
#[command(name = "camtrail", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// How logs are written to stderr.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How logs look.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people.
    Text,
    /// An object a line, for machines.
    Json,
}

/// Where the configuration is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file (TOML, or JSON if it ends in .json). Without one, defaults run.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where everything is kept; goes before the file's data_dir.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// What to import.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImportArgs {
    /// A folder (or one file), or s3://BUCKET/FOLDER. Its first folders name the cameras, unless --camera does.
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,
    /// The camera that all of it belongs to.
    #[arg(long, value_name = "NAME")]
    pub(crate) camera: Option<String>,
    /// The S3-compatible server that the bucket is on, such as `https://minio.example.org:9000`.
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// The bucket's region.
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// The profile in ~/.aws/credentials whose keys read the bucket, before all other keys.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Only look: say what would be imported.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// What the arrival function is run on.
#[derive(Debug, Clone, Args)]
pub(crate) struct InvokeArgs {
    /// A file with the notification (S3, EventBridge, SQS, SNS, or a webhook's), or - for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) event: PathBuf,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// How the catalog is recreated.
#[derive(Debug, Clone, Args)]
pub(crate) struct RebuildArgs {
    /// Only look: say what would be done, and the digest over all records.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Forget all events if the store holds no capture at all; without it that is taken for the wrong store.
    #[arg(long)]
    pub(crate) allow_empty: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// Where a backup goes, and what is in it.
#[derive(Debug, Clone, Args)]
pub(crate) struct BackupArgs {
    /// The folder; made if it isn't there. A second backup into the same one copies what changed.
    #[arg(value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// Leave out the objects of the local store: another program copies them.
    #[arg(long)]
    pub(crate) without_store: bool,
    /// Remove objects from the backup that the store no longer has.
    #[arg(long, conflicts_with = "without_store")]
    pub(crate) prune: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// What the doctor looks at.
#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorArgs {
    /// This machine runs `camtrail gateway`: its key to the bucket needs to put, and nothing else.
    #[arg(long)]
    pub(crate) gateway: bool,
    /// One JSON document instead of lines for people.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// What is made of stored events, and of which.
#[derive(Debug, Clone, Args)]
pub(crate) struct BackfillArgs {
    /// What is made, where it is missing.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [BackfillWhat::Posters, BackfillWhat::Previews])]
    pub(crate) what: Vec<BackfillWhat>,
    /// Only of this camera; may stand several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) camera: Vec<String>,
    /// Only of this date or later, in each camera's own zone.
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<jiff::civil::Date>,
    /// Only of this date or earlier.
    #[arg(long, value_name = "DATE")]
    pub(crate) to: Option<jiff::civil::Date>,
    /// Only look: say what would be made.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// What a demo shows.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Fill the catalog with so many events of a dozen cameras first; at most a million. A hundred thousand take a
    /// minute or two, and about 1 GB of disk.
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) events: u32,
    /// The same number gives the same events, counted back from now, or from --until.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// The moment before which the events are, such as 2026-11-02T18:40:00Z; now, if it isn't given.
    #[arg(long, value_name = "MOMENT")]
    pub(crate) until: Option<jiff::Timestamp>,
    /// No simulated cameras: nothing arrives but what somebody uploads.
    #[arg(long)]
    pub(crate) no_uploads: bool,
}

/// What a backfill makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackfillWhat {
    /// Pictures for lists; also where an earlier try failed.
    Posters,
    /// Pictures of whole clips, for hover and scrubbing.
    Previews,
    /// H.264 copies of clips that not every browser plays. Takes about as long as the clips are.
    H264,
    /// Small renditions for phones, whatever media.small says.
    Small,
}

/// A command line that clap takes and that makes no sense. Exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process: FTP gateway, store, catalog, API and web app.
    Serve(ConfigArgs),
    /// Run the gateway alone: FTP, spool, media, and shipping to the store. No API, no web app.
    Gateway(ConfigArgs),
    /// Run everything in a scratch folder, with simulated cameras that upload over FTP. Ctrl-C cleans up.
    Demo(DemoArgs),
    /// Run the arrival function once on a notification: a line of JSON for each record. Exit code 1 if any failed.
    ///
    /// Works beside a running server and without one; the same notification may be given again.
    Invoke(InvokeArgs),
    /// Make what events lack: posters, previews, H.264 copies, small renditions.
    ///
    /// Works beside a running server and without one. May be interrupted and run again: what is there is passed over.
    /// Needs ffmpeg, and the rights to read and write the store and the catalog.
    Backfill(BackfillArgs),
    /// Recreate the catalog from the store alone: record what is there, forget what is gone.
    ///
    /// Works beside a running server and without one. May be interrupted and run again: it goes on where it was.
    /// Users, camera accounts, tokens and shares are not in the store: those that are in the catalog stay.
    Rebuild(RebuildArgs),
    /// Take in an existing folder tree or bucket, with any known camera naming; its files are only read.
    ///
    /// Works beside a running server and without one. May be interrupted and run again: nothing is doubled.
    Import(ImportArgs),
    /// People who sign in.
    #[command(subcommand)]
    User(UserCommand),
    /// Cameras' FTP accounts and upload tokens.
    #[command(subcommand)]
    Camera(CameraCommand),
    /// Look at everything that Camtrail needs, and say what to do about what is wrong. Exit code 1 if anything is.
    ///
    /// Configuration, data dir, ports, clock and zone, ffmpeg, bucket (reachable, not public, rights, lifecycle), tables,
    /// accounts. Works beside a running Camtrail and before a first start.
    Doctor(DoctorArgs),
    /// Copy all that can't be had again into a folder that is a data dir: databases, waiting uploads, the local store.
    ///
    /// Works beside a running server and without one. How to restore: docs/guide/backup.md.
    Backup(BackupArgs),
    /// Ask the Camtrail that runs on this data dir whether it is well. Exit code 1 if it isn't, or none runs.
    Health(ConfigArgs),
    /// Print what retention would remove now. `serve` removes it by itself.
    Retention(ConfigArgs),
    /// The configuration: check a file, print the reference of all keys, or an example file.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the OpenAPI document of the REST API.
    Openapi,
    /// Print completions for a shell, to be put where that shell looks for them.
    ///
    /// For bash: camtrail completions bash > /etc/bash_completion.d/camtrail
    Completions {
        /// Which shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each command into a folder.
    Man {
        /// The folder, such as /usr/local/share/man/man1.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// The serverless shape on AWS.
    #[command(subcommand)]
    Aws(AwsCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Look through the configuration and start nothing. Exit code 2 if anything is wrong.
    Check(ConfigArgs),
    /// Print the reference of all keys (docs/ref/configuration.md), in Markdown.
    Reference,
    /// Print a file with every key at its default, commented out.
    Example,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AwsCommand {
    /// Print the deployment template (deploy/aws/template.yaml; its guide is beside it).
    Template,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make a user; the password is asked for, or read from standard input.
    Add {
        /// The name that they sign in with.
        name: String,
        /// A viewer looks, marks and shares, and changes nothing else; without this and --viewer and --cameras, the user is an admin.
        #[arg(long, value_enum)]
        role: Option<RoleArg>,
        /// The same as --role viewer.
        #[arg(long, conflicts_with = "role")]
        viewer: bool,
        /// A viewer of these cameras only; may stand several times.
        #[arg(long = "cameras", value_name = "NAME")]
        cameras: Vec<String>,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// List users.
    List(ConfigArgs),
    /// Give a user another password; their sessions end.
    Passwd {
        /// The user's name.
        name: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Change what a user may do and see; open pages follow within seconds.
    Change {
        /// The user's name.
        name: String,
        /// What they may do.
        #[arg(long, value_enum)]
        role: Option<RoleArg>,
        /// The cameras that they may see, instead of those before; may stand several times.
        #[arg(long = "cameras", value_name = "NAME")]
        cameras: Vec<String>,
        /// They may see all cameras.
        #[arg(long, conflicts_with = "cameras")]
        all_cameras: bool,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Lock a user out, at once and everywhere; their tokens are revoked.
    Disable {
        /// The user's name.
        name: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Let a disabled user in again.
    Enable {
        /// The user's name.
        name: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Make a token for a user's programs; it is printed once.
    Token {
        /// The user's name.
        name: String,
        /// What the token is called.
        #[arg(long, value_name = "TEXT", default_value = "made by command")]
        label: String,
        /// What it is good for; may stand several times.
        #[arg(long = "scope", value_name = "SCOPE", value_enum, value_delimiter = ',', num_args = 1, default_values_t = [ScopeArg::Read])]
        scopes: Vec<ScopeArg>,
        /// How long, such as 90d; without it, until it is revoked.
        #[arg(long, value_name = "DURATION")]
        expires: Option<String>,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// List users' tokens.
    Tokens(ConfigArgs),
    /// Make a token worthless, at once and everywhere.
    RevokeToken {
        /// Its id, as `camtrail user tokens` prints it.
        id: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Looks.
    Viewer,
    /// Everything.
    Admin,
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeArg {
    /// Look.
    Read,
    /// Mark as viewed; for admins also protect and note.
    Review,
    /// Make, list and revoke shares.
    Share,
    /// Everything that the user may do.
    Admin,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CameraCommand {
    /// Make an FTP account for one camera; its password is printed once.
    Add {
        /// The camera's name, and the account's.
        name: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Make a token for uploads by HTTP (PUT /ingest/NAME/…); it is printed once. Earlier ones stay good.
    Token {
        /// The camera's name, or * for any camera.
        name: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Make all tokens of a camera worthless, at once.
    RevokeToken {
        /// The camera's name, or *.
        name: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// List cameras, FTP accounts and tokens.
    List(ConfigArgs),
}

/// Logs go to stderr; `RUST_LOG` chooses what.
pub(crate) fn start_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}

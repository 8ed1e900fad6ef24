//! What is imported of a bucket: which of its objects may be captures, and which level is the right one.

use std::{collections::HashSet, ffi::OsStr, sync::Arc, time::Duration};

use anyhow::Context;
use camtrail_gateway::is_hidden;
use camtrail_model::{CameraName, DERIVED_PREFIX, DerivedFiles, ObjectBase};
use camtrail_store::{S3Config, SourceBucket, SourceConfig, SourceError, SourceObject, SourcePage};
use indicatif::ProgressBar;
use tokio::sync::mpsc;

use super::{location::Location, source::camera_of, worth};
use crate::{
    cli::{ImportArgs, UsageError},
    config::{SERVER_EXPECTED, Settings, server_address, variable},
};

/// Parts of the listing of one level that are looked through for the wrong level.
const LEVEL_PAGES: usize = 10;
/// A request to the bucket in which nothing moves for so long has failed, where no store configures that.
const STALL_LIMIT: Duration = Duration::from_mins(1);

/// A bucket (or a folder of it, or one object), and what names the cameras in it.
pub(super) struct Bucket {
    pub(super) bucket: SourceBucket,
    at: Location,
    place: String,
    /// Only this object of it.
    only: Option<SourceObject>,
    /// Whose all of it is; else the first folder says.
    pub(super) camera: Option<CameraName>,
}

/// What a walk comes across.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// An object, and its path below the folder that is imported.
    Object(SourceObject, Vec<String>),
    /// What is passed over, by its key, and why.
    Skipped(String, &'static str),
    /// What can't be imported, by its key, and why.
    Failed(String, &'static str),
}

fn usage(text: String) -> UsageError {
    UsageError(text)
}

/// Which bucket, and how it is reached: the command line, then the store's own configuration for the store's own bucket,
/// then the usual variables, then the store's server.
fn reach(args: &ImportArgs, at: &Location, store: Option<&S3Config>) -> Result<SourceConfig, UsageError> {
    let own = store.filter(|store| store.bucket == at.bucket && args.endpoint.is_none());
    let endpoint = match (&args.endpoint, own) {
        (Some(given), _) => Some(given.clone()),
        (None, Some(own)) => own.endpoint.clone(),
        (None, None) => variable("AWS_ENDPOINT_URL_S3")
            .or_else(|| variable("AWS_ENDPOINT_URL"))
            .or_else(|| store?.endpoint.clone()),
    };
    let checked = |text: String| {
        server_address(&text)
            .ok_or_else(|| usage(format!("--endpoint {text:?} can't be used: expected {SERVER_EXPECTED}")))
    };
    let region = args
        .region
        .clone()
        .or_else(|| Some(own?.region.clone()))
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"))
        .or_else(|| Some(store?.region.clone()));
    Ok(SourceConfig {
        bucket: at.bucket.clone(),
        region: region.unwrap_or_else(|| "us-east-1".to_owned()),
        endpoint: endpoint.map(checked).transpose()?,
        profile: args.profile.clone(),
        keys: None,
        stall_limit: store.map_or(STALL_LIMIT, |store| store.stall_limit),
    })
}

/// What is in its place already is not copied into itself.
fn refuse_the_store(
    at: &Location,
    endpoint: Option<&str>,
    store: Option<&S3Config>,
    base: &ObjectBase,
) -> Result<(), UsageError> {
    let is_store =
        store.is_some_and(|store| store.bucket == at.bucket && store.endpoint.as_deref() == endpoint);
    if is_store && at.overlaps(base.as_str()) {
        return Err(usage(format!(
            "{at} is where Camtrail stores (s3_info): its objects are in their place; `camtrail rebuild` brings them into \
             the catalog. Another folder of the same bucket can be imported"
        )));
    }
    if format!("{}/", at.folder).starts_with(DERIVED_PREFIX) {
        return Err(usage(format!(
            "{at} holds posters and other derived files, which Camtrail makes anew: import the folder with the cameras, \
             such as s3://{}/{}",
            at.bucket,
            base.as_str()
        )));
    }
    Ok(())
}

impl Bucket {
    /// Checks the command line against what is there, before anything is opened.
    pub(super) async fn check(args: &ImportArgs, at: &Location, settings: &Settings) -> anyhow::Result<Self> {
        let camera = camera_of(args)?;
        let store = settings.bucket();
        let config = reach(args, at, store)?;
        refuse_the_store(at, config.endpoint.as_deref(), store, &settings.base)?;
        let place = format!("{}/{}", config.endpoint.as_deref().unwrap_or("s3"), at.bucket);
        let bucket = SourceBucket::open(&config).map_err(|error| usage(format!("{at}: {error}")))?;
        let mut source = Self { bucket, at: at.clone(), place, only: None, camera };
        if !source.is_folder(&settings.base).await? {
            source.only = Some(source.one_object().await?);
        }
        Ok(source)
    }

    /// The server and the bucket.
    pub(super) fn place(&self) -> String {
        self.place.clone()
    }

    /// Refuses the wrong level; `false`: there is nothing below the folder.
    async fn is_folder(&self, base: &ObjectBase) -> anyhow::Result<bool> {
        let (prefix, mut after, mut is_there) = (self.at.prefix(), None, false);
        for _ in 0..LEVEL_PAGES {
            let listed = self.bucket.list(&prefix, true, after.as_deref()).await;
            let page = listed.map_err(|error| self.unlistable(&error))?;
            is_there |= !page.objects.is_empty() || !page.folders.is_empty();
            let names = page.folders.iter().map(|folder| folder[prefix.len()..].trim_end_matches('/'));
            for name in names.filter(|_| self.camera.is_none()) {
                if let Some(why) = worth::wrong_level(&self.at.to_string(), name, base) {
                    return Err(usage(why).into());
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(is_there)
    }

    fn unlistable(&self, error: &SourceError) -> anyhow::Error {
        let at = &self.at;
        match error {
            SourceError::Unavailable(_) => anyhow::anyhow!("{at} can't be listed: {error}"),
            SourceError::Gone => {
                usage(format!("{at}: there is no bucket {} at {}", at.bucket, self.place)).into()
            }
            _ => usage(format!("{at} can't be listed: {error}")).into(),
        }
    }

    async fn one_object(&self) -> anyhow::Result<SourceObject> {
        let at = &self.at;
        if at.folder.is_empty() {
            return Err(usage(format!("{at} holds no objects")).into());
        }
        match self.bucket.look(&at.folder).await {
            Ok(_) if self.camera.is_none() => {
                Err(usage(format!("{at} is one object: say whose it is with --camera NAME")).into())
            }
            Ok(look) => Ok(look.object),
            Err(SourceError::Gone) => Err(usage(format!(
                "{at} holds no objects: expected a folder of the bucket, such as s3://{}/patrolcams",
                at.bucket
            ))
            .into()),
            Err(error) => Err(self.unlistable(&error)),
        }
    }

    /// Tells what is there until nobody listens.
    pub(super) async fn walk(self: Arc<Self>, found: mpsc::Sender<Found>) -> anyhow::Result<()> {
        if let Some(only) = &self.only {
            let name = only.key.rsplit('/').next().unwrap_or(&only.key).to_owned();
            let _ = found.send(Found::Object(only.clone(), vec![name])).await;
            return Ok(());
        }
        let (prefix, mut after) = (self.at.prefix(), None);
        loop {
            let listed = self.bucket.list(&prefix, false, after.as_deref()).await;
            let page = listed.with_context(|| {
                format!("{} can't be listed to its end (run the import again, it doubles nothing)", self.at)
            })?;
            let smalls = self.small_renditions(&page).await?;
            for object in page.objects {
                let one = match &smalls {
                    smalls if smalls.contains(&object.key) => {
                        Found::Skipped(object.key, "a small rendition beside its original")
                    }
                    _ => match judge_key(&prefix, object) {
                        Some(one) => one,
                        None => continue,
                    },
                };
                if found.send(one).await.is_err() {
                    return Ok(());
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// The article's `x-small.mp4`, where `x.mp4` or the like is beside it: in the same part of the listing, most often.
    async fn small_renditions(&self, page: &SourcePage) -> anyhow::Result<HashSet<String>> {
        let here: HashSet<&str> = page.objects.iter().map(|object| object.key.as_str()).collect();
        let mut smalls = HashSet::new();
        for object in &page.objects {
            let at = object.key.len().saturating_sub(worth::SMALL_ENDING.len());
            let Some((stem, ending)) = object.key.split_at_checked(at) else { continue };
            if stem.is_empty() || !ending.eq_ignore_ascii_case(worth::SMALL_ENDING) {
                continue;
            }
            let originals = worth::ORIGINAL_ENDINGS.map(|ending| format!("{stem}{ending}"));
            let beside = originals.iter().any(|original| here.contains(original.as_str()));
            if beside || self.has_any(stem, &originals).await? {
                smalls.insert(object.key.clone());
            }
        }
        Ok(smalls)
    }

    async fn has_any(&self, stem: &str, keys: &[String]) -> anyhow::Result<bool> {
        let listed = self.bucket.list(&format!("{stem}."), false, None).await;
        let page = listed.with_context(|| format!("{} can't be listed to its end", self.at))?;
        Ok(page.objects.iter().any(|object| keys.contains(&object.key)))
    }

    /// Whether it can be listed now.
    pub(super) async fn answers(&self) -> bool {
        self.bucket.list(&self.at.prefix(), true, None).await.is_ok()
    }

    /// Counts the objects beside the import, for the bar.
    pub(super) async fn count_ahead(self: Arc<Self>, bar: ProgressBar) {
        let (prefix, mut after, mut objects) = (self.at.prefix(), None, 0);
        while let Ok(page) = self.bucket.list(&prefix, false, after.as_deref()).await {
            objects += page.objects.len() as u64;
            after = page.next;
            if after.is_none() {
                bar.set_length(if self.only.is_some() { 1 } else { objects });
            }
            if after.is_none() || bar.is_finished() {
                return;
            }
        }
    }
}

/// What a key says without a look at its object; `None`: hidden, as in a folder.
fn judge_key(prefix: &str, object: SourceObject) -> Option<Found> {
    let key = object.key.as_str();
    let rest = key.strip_prefix(prefix).unwrap_or(key);
    let parts: Vec<String> = rest.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    // A copy of a whole bucket has it below its own folder: there, only what has a derived file's name.
    let is_derived_file =
        parts.last().is_some_and(|name| DerivedFiles::ALL.iter().any(|file| file.file_name() == name));
    let dot = |part: &String| part == "." || part == "..";
    Some(if key.starts_with(DERIVED_PREFIX) || (rest.starts_with(DERIVED_PREFIX) && is_derived_file) {
        Found::Skipped(object.key, "a derived file")
    } else if rest.is_empty() || rest.ends_with('/') {
        if object.size == 0 {
            Found::Skipped(object.key, "a folder's marker")
        } else {
            Found::Failed(object.key, "its key ends in a slash: no name says what it is")
        }
    } else if parts.iter().any(dot) {
        let why =
            "a part of its key is \".\" or \"..\": no HTTP client can ask for it; rename it in the bucket";
        Found::Failed(object.key, why)
    } else if parts.iter().any(|part| is_hidden(OsStr::new(part))) {
        return None;
    } else {
        Found::Object(object, parts)
    })
}

#[cfg(test)]
mod tests {
    use camtrail_model::Millis;

    use super::*;

    fn object(key: &str, size: u64) -> SourceObject {
        SourceObject { key: key.to_owned(), size, modified_at: Millis(0), e_tag: None }
    }

    #[test]
    fn keys_are_read_as_paths() {
        let long = format!("p/gate/{}.jpg", "x".repeat(1_013));
        assert_eq!(long.len(), 1_024);
        let cases = [
            ("p/gate/a b+c%20.mp4", 1, "gate|a b+c%20.mp4"),
            ("p/Garé/庭.jpg", 1, "Garé|庭.jpg"),
            ("p//gate//a.jpg", 1, "gate|a.jpg"),
            ("p/gate/", 0, "skipped: a folder's marker"),
            ("p/", 0, "skipped: a folder's marker"),
            ("p/gate/", 5, "failed: its key ends in a slash"),
            ("p/gate/../a.jpg", 1, "failed: a part of its key"),
            ("p/gate/.hidden.jpg", 1, "hidden"),
            ("p/@eaDir/a.jpg", 1, "hidden"),
            ("p/derived/patrolcams/gate/a.mp4/poster.jpg", 1, "skipped: a derived file"),
            ("p/derived/a.jpg", 1, "derived|a.jpg"),
            (&long, 1, &format!("gate|{}.jpg", "x".repeat(1_013))),
        ];
        for (key, size, want) in cases {
            let got = match judge_key("p/", object(key, size)) {
                Some(Found::Object(_, parts)) => parts.join("|"),
                Some(Found::Skipped(_, why)) => format!("skipped: {why}"),
                Some(Found::Failed(_, why)) => format!("failed: {why}"),
                None => "hidden".to_owned(),
            };
            assert!(got.starts_with(want), "{key}: {got}");
        }
        let root = judge_key("", object("derived/x/poster.jpg", 1));
        assert!(matches!(root, Some(Found::Skipped(_, "a derived file"))));
    }
}

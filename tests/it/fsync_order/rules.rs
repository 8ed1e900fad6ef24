//! The order that the spool and the store promise, looked up in a trace: docs/design/spool.md and invariant 1.
//!
//! "A came before B" means that A was over when B began. Files are followed through renames and hard links, so that it
//! doesn't matter under which name a file was fsynced.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use serde_json::Value;

use crate::support::Call;

/// One upload's way through the trace; times are in seconds since its `STOR`.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) data_synced_s: f64,
    pub(super) header_synced_s: f64,
    pub(super) renamed_s: f64,
    pub(super) dir_synced_s: f64,
    pub(super) told_s: f64,
    pub(super) object: String,
    pub(super) object_synced_s: f64,
    pub(super) removed_s: f64,
    /// The directory fsync that made its header's name durable: the line where it began.
    pub(super) dir_sync: usize,
}

/// What a trace shows.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) uploads: Vec<Upload>,
    pub(super) violations: Vec<String>,
}

/// All that is known of one file, whatever it is called.
#[derive(Debug, Default, Clone)]
struct Inode {
    writes: Vec<usize>,
    syncs: Vec<usize>,
}

/// The trace by what happened to which name.
#[derive(Debug, Default)]
struct Trace<'a> {
    calls: &'a [Call],
    inodes: Vec<Inode>,
    /// Which file has this name, or had it last.
    names: HashMap<String, usize>,
    /// Which file had this name first.
    first: HashMap<String, usize>,
    /// The call that gave a file this name at last, and the file.
    named: HashMap<String, (usize, usize)>,
    /// Directories that were made: the call.
    made: HashMap<String, usize>,
    removed: HashMap<String, usize>,
    /// From `spool/ID.*` to the objects that are its file: the name in the store.
    objects: BTreeMap<String, Vec<String>>,
}

impl<'a> Trace<'a> {
    fn new(calls: &'a [Call], store: &str) -> Self {
        let mut trace = Self { calls, ..Self::default() };
        // Names in the store's temporary folder: whose file they are.
        let mut sources: HashMap<String, String> = HashMap::new();
        for (at, call) in calls.iter().enumerate() {
            match (call.name.as_str(), call.descriptor()) {
                ("write" | "writev" | "pwrite64", Some(path)) if path.starts_with('/') => {
                    let inode = trace.inode(path);
                    trace.inodes[inode].writes.push(at);
                }
                ("fsync" | "fdatasync", Some(path)) => {
                    let inode = trace.inode(path);
                    trace.inodes[inode].syncs.push(at);
                }
                _ => {}
            }
            if !call.succeeded() {
                continue;
            }
            match (call.name.as_str(), &call.paths()[..]) {
                ("rename" | "renameat" | "renameat2", [from, to]) => {
                    let inode = trace.inode(from);
                    trace.names.remove(from);
                    trace.name(to, inode, at);
                    if let Some(id) = sources.remove(from)
                        && to.starts_with(store)
                    {
                        trace.objects.entry(id).or_default().push(to.clone());
                    }
                }
                ("link" | "linkat", [from, to]) => {
                    let inode = trace.inode(from);
                    trace.name(to, inode, at);
                    if let Some(id) = id_of(from) {
                        sources.insert(to.clone(), id.to_owned());
                    }
                }
                ("unlink" | "unlinkat", [path]) => {
                    trace.names.remove(path);
                    trace.removed.insert(path.clone(), at);
                }
                ("mkdir" | "mkdirat", [path]) => {
                    trace.made.insert(path.clone(), at);
                }
                _ => {}
            }
        }
        trace
    }

    fn inode(&mut self, path: &str) -> usize {
        let inode = *self.names.entry(path.to_owned()).or_insert_with(|| {
            self.inodes.push(Inode::default());
            self.inodes.len() - 1
        });
        self.first.entry(path.to_owned()).or_insert(inode);
        inode
    }

    /// The file that was first known by this name, though it may have lost it.
    fn first_of(&self, path: &str) -> Option<usize> {
        self.first.get(path).copied()
    }

    fn name(&mut self, path: &str, inode: usize, at: usize) {
        self.names.insert(path.to_owned(), inode);
        self.named.insert(path.to_owned(), (at, inode));
    }

    fn before(&self, first: usize, second: usize) -> bool {
        self.calls[first].end < self.calls[second].begin
    }

    /// The fsync that made the file's bytes durable before the call `limit` began: one that began after every write.
    fn synced(&self, inode: usize, limit: usize) -> Result<usize, &'static str> {
        let Inode { writes, syncs } = &self.inodes[inode];
        let good = |&&sync: &&usize| {
            self.calls[sync].succeeded()
                && self.before(sync, limit)
                && writes.iter().all(|&write| self.before(write, sync))
        };
        if writes.is_empty() {
            return Err("nothing was written to it");
        }
        syncs
            .iter()
            .find(good)
            .copied()
            .ok_or("no fsync of it that succeeded stands between its last write and that")
    }

    /// The fsync of `dir` that began after the call `change` and was over before the call `limit` began.
    fn dir_synced(&self, dir: &str, change: usize, limit: usize) -> Option<usize> {
        let inode = &self.inodes[*self.names.get(dir)?];
        let good = |&sync: &usize| {
            self.calls[sync].succeeded() && self.before(change, sync) && self.before(sync, limit)
        };
        inode.syncs.iter().copied().find(|sync| good(sync))
    }

    /// A name in the store, its bytes and every folder made for it, durable before `limit`: the last fsync's call.
    fn published(&self, name: &str, limit: usize) -> Result<usize, String> {
        let (at, inode) = self.named.get(name).copied().ok_or_else(|| format!("{name} was never made"))?;
        self.synced(inode, at).map_err(|why| format!("{name} got its name undurable: {why}"))?;
        let mut dir = parent(name);
        let last = self.dir_synced(dir, at, limit).ok_or_else(|| {
            format!("no fsync of {dir} between the naming of {name} and the entry's removal")
        })?;
        while let Some(&made) = self.made.get(dir) {
            let above = parent(dir);
            self.dir_synced(above, made, limit).ok_or_else(|| {
                format!("no fsync of {above} between the making of {dir} and the entry's removal")
            })?;
            dir = above;
        }
        Ok(last)
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// `ID` of `…/spool/ID.data` and `…/spool/ID.work.mp4`.
fn id_of(path: &str) -> Option<&str> {
    let (folder, file) = path.rsplit_once('/')?;
    let (id, extension) = file.split_once('.')?;
    (folder.ends_with("/spool") && matches!(extension, "data" | "work.mp4")).then_some(id)
}

/// A `STOR` that was answered: its path, the calls that read it and said 226.
struct Told {
    path: String,
    asked: usize,
    told: usize,
}

/// What cameras asked for on their control connections, and when they were told that it is stored.
fn told(calls: &[Call]) -> Vec<Told> {
    let mut asked: HashMap<&str, (String, usize)> = HashMap::new();
    let mut found = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        let Some(connection) = call.descriptor().filter(|name| name.starts_with("TCP")) else { continue };
        let texts = call.texts();
        let Some(text) = texts.first() else { continue };
        match call.name.as_str() {
            "recvfrom" if text.starts_with(b"STOR ") => {
                let path = String::from_utf8_lossy(&text[5..]).trim_end().to_owned();
                asked.insert(connection, (path, at));
            }
            // A reply is what it says from the moment that it may leave: at its begin.
            "sendto" | "write" | "writev" | "sendmsg" if text.starts_with(b"226") => {
                if let Some((path, asked)) = asked.remove(connection) {
                    found.push(Told { path, asked, told: at });
                }
            }
            _ => {}
        }
    }
    found
}

/// From an upload's path (as its camera wrote it) to the ids of its spool entries, by their headers.
fn ids(calls: &[Call], spool: &str) -> HashMap<String, Vec<String>> {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for call in calls.iter().filter(|call| call.name == "write") {
        let file = call.descriptor().and_then(|path| path.strip_prefix(spool)?.strip_prefix('/'));
        let Some(id) = file.and_then(|file| file.strip_suffix(".json.tmp")) else { continue };
        let header: Value =
            call.texts().first().and_then(|text| serde_json::from_slice(text).ok()).unwrap_or_default();
        let parts = header["path"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let path = parts.fold(format!("/{}", header["camera"].as_str().unwrap_or_default()), |path, part| {
            path + "/" + part
        });
        let known = found.entry(path).or_default();
        if !known.iter().any(|known| known == id) {
            known.push(id.to_owned());
        }
    }
    found
}

/// Follows every upload that was told 226 and says which promise was broken. No upload at all is a violation, too.
pub(super) fn check(calls: &[Call], data_dir: &Path) -> Report {
    let (spool, store) = (data_dir.join("spool"), data_dir.join("store"));
    let (spool, store) = (spool.to_string_lossy(), store.to_string_lossy());
    let trace = Trace::new(calls, &store);
    let ids = ids(calls, &spool);
    let mut report = Report::default();
    for told in told(calls) {
        let followed = match ids.get(&told.path).map(Vec::as_slice) {
            Some([id]) => follow(&trace, &told, id, &spool, &store),
            other => Err(format!("its spool entries are {other:?}, expected one")),
        };
        match followed {
            Ok(upload) => report.uploads.push(upload),
            Err(what) => report.violations.push(format!("{}: {what}", told.path)),
        }
    }
    if report.uploads.is_empty() {
        report.violations.push("the trace shows no upload whose order could be followed".to_owned());
    }
    report
}

fn follow(trace: &Trace<'_>, told: &Told, id: &str, spool: &str, store: &str) -> Result<Upload, String> {
    let (data, header) = (format!("{spool}/{id}.data"), format!("{spool}/{id}.json"));
    let (renamed, header_inode) =
        trace.named.get(&header).copied().ok_or_else(|| format!("{id}.json was never made by a rename"))?;
    let data_inode = trace.first_of(&data).ok_or_else(|| format!("{id}.data was never written"))?;
    let data_synced =
        trace.synced(data_inode, renamed).map_err(|why| format!("{id}.data before its header: {why}"))?;
    let header_synced = trace
        .synced(header_inode, renamed)
        .map_err(|why| format!("{id}.json.tmp before its rename: {why}"))?;
    let dir_synced = trace.dir_synced(spool, renamed, told.told).ok_or_else(|| {
        format!("226 was said without an fsync of the spool that began after the rename to {id}.json")
    })?;
    let removed = *trace.removed.get(&header).ok_or_else(|| format!("{id}.json was never removed"))?;
    let objects = trace.objects.get(id).map_or(&[][..], Vec::as_slice);
    let [object] = objects else { return Err(format!("its objects are {objects:?}, expected one")) };
    let object_synced = trace.published(object, removed)?;
    let key = object.strip_prefix(store).unwrap_or_default();
    trace.published(&format!("{store}/derived{key}/object.json"), removed)?;
    let since = |at: usize| trace.calls[at].end_s - trace.calls[told.asked].end_s;
    Ok(Upload {
        id: id.to_owned(),
        path: told.path.clone(),
        data_synced_s: since(data_synced),
        header_synced_s: since(header_synced),
        renamed_s: since(renamed),
        dir_synced_s: since(dir_synced),
        told_s: trace.calls[told.told].begin_s - trace.calls[told.asked].end_s,
        object: key.trim_start_matches('/').to_owned(),
        object_synced_s: since(object_synced),
        removed_s: since(removed),
        dir_sync: trace.calls[dir_synced].begin,
    })
}

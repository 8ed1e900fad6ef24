//! RFC 959 and RFC 3659: the three forms of a folder listing, in bytes.

use std::time::SystemTime;

use crate::storage::{Entry, EntryKind};
use crate::timestamp::{compact, ls_date};

/// `-rw-r--r-- 1 camera camera size date name`: what every client can parse.
pub(crate) fn ls_line(entry: &Entry, now: SystemTime) -> Vec<u8> {
    let mode = match entry.kind {
        EntryKind::File => "-rw-r--r--",
        EntryKind::Folder => "drwxr-xr-x",
    };
    let date = ls_date(entry.modified, now);
    let mut line = format!("{mode} 1 camera camera {:>12} {date} ", entry.size).into_bytes();
    line.extend(shown_name(entry));
    line
}

/// `facts name` of RFC 3659. `name` may be a path (`MLST`) or a bare name (`MLSD`).
pub(crate) fn mlst_line(entry: &Entry, name: &[u8]) -> Vec<u8> {
    let modify = compact(entry.modified);
    let facts = match entry.kind {
        EntryKind::File => format!("type=file;size={};modify={modify};perm=adfw; ", entry.size),
        EntryKind::Folder => format!("type=dir;modify={modify};perm=cdeflmp; "),
    };
    let mut line = facts.into_bytes();
    line.extend(shown(name));
    line
}

/// The bare name, for `NLST`.
pub(crate) fn shown_name(entry: &Entry) -> impl Iterator<Item = u8> + '_ {
    shown(&entry.name)
}

/// A line end in a name would forge an entry.
fn shown(name: &[u8]) -> impl Iterator<Item = u8> + '_ {
    name.iter().map(|byte| if byte.is_ascii_control() { b'?' } else { *byte })
}

#[cfg(test)]
mod tests {
    use super::{ls_line, mlst_line};
    use crate::storage::{Entry, EntryKind};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn lines_look_like_ls_and_cannot_be_forged() {
        let modified = UNIX_EPOCH + Duration::from_secs(1_795_507_305);
        let entry = Entry { name: b"a\nb c.jpg".to_vec(), kind: EntryKind::File, size: 12_345, modified };
        assert_eq!(
            String::from_utf8(ls_line(&entry, modified)).expect("ascii"),
            "-rw-r--r-- 1 camera camera        12345 Nov 24 08:01 a?b c.jpg"
        );
        assert_eq!(
            String::from_utf8(mlst_line(&entry, &entry.name)).expect("ascii"),
            "type=file;size=12345;modify=20261124080145;perm=adfw; a?b c.jpg"
        );
    }
}

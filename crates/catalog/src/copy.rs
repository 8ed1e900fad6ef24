//! A database's copy, as it is at one moment, while others read and write it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use rusqlite::{Connection, OpenFlags};

use crate::db::{BUSY_TIMEOUT, OpenError};

/// Copies the database `from` to `to`; when this returns Ok, the copy is whole, on disk, and for its owner's eyes only.
/// What was at `to` is replaced in one step, and stays if this fails.
///
/// Takes the state at its beginning; writers go on meanwhile, and their log (`…-wal`) grows until it is done.
/// `from` isn't migrated. `Ok(false)`: there is no such database. Blocks.
pub fn copy_database(from: &Path, to: &Path) -> Result<bool, OpenError> {
    let io = |source| OpenError::Io { path: to.to_owned(), source };
    let sqlite = |source| OpenError::Sqlite { path: from.to_owned(), source };
    if !from.exists() {
        return Ok(false);
    }
    let mut temporary = to.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(from, flags).map_err(sqlite)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(sqlite)?;
    // Not the backup API: that begins anew with each write of another process, and would never end.
    connection.execute("VACUUM INTO ?1", [temporary.to_string_lossy()]).map_err(sqlite)?;
    fs::set_permissions(temporary, fs::Permissions::from_mode(0o600)).map_err(io)?;
    File::open(temporary).and_then(|copy| copy.sync_all()).map_err(io)?;
    camtrail_durable::publish(temporary, to).map_err(io)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::{CATALOG, migrate};

    #[test]
    fn a_copy_has_rows_version_and_sequences_and_replaces_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a.db"), dir.path().join("b.db"));
        assert!(!copy_database(&from, &to).unwrap(), "nothing there");
        let mut source = Connection::open(&from).unwrap();
        source.pragma_update(None, "journal_mode", "WAL").unwrap();
        source.execute_batch(include_str!("../testdata/catalog-1.sql")).unwrap();
        migrate(&mut source, CATALOG).unwrap();
        for copies in 1..=2_i64 {
            source.execute("UPDATE cameras SET events = ?1", [copies]).unwrap();
            // A write that isn't committed is in no copy, and holds none up.
            source.execute_batch("BEGIN IMMEDIATE; UPDATE cameras SET events = 99").unwrap();
            assert!(copy_database(&from, &to).unwrap());
            source.execute_batch("ROLLBACK").unwrap();
            let copy = Connection::open(&to).unwrap();
            let ask = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
            assert_eq!(ask("SELECT events FROM cameras"), copies);
            assert_eq!(ask("PRAGMA user_version"), CATALOG.len() as i64);
            assert_eq!(ask("SELECT seq FROM sqlite_sequence WHERE name = 'changes'"), 1);
            assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}

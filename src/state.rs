//! Small state that outlives the process: whole files, replaced atomically.
//!
//! A mounted bucket is a possible home, so nothing here locks, appends or maps: a value is written to a temporary
//! file beside its place, flushed, and renamed over it. A reader sees the old value or the new one, never a mixture,
//! whenever the process ends.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

/// Where small state lives, or the reason why it lives in memory alone.
#[derive(Debug)]
pub struct StateDir {
    dir: Result<PathBuf, String>,
    /// Whether the folder is in a container's own layer: it then ends with the container.
    passing: bool,
    /// Why the last write failed, if it did: shown in `/health`, because a restart would then lose the session.
    last_error: Mutex<Option<String>>,
}

impl StateDir {
    /// Opens (and makes, with mode 0700) the folder. Where that fails, the state lives in memory alone and
    /// [`StateDir::describe`] says why; the gateway works, but a restart falls back to the configured cookies.
    #[must_use]
    pub fn open(dir: Option<&Path>) -> Self {
        let dir = match dir {
            None => Err("no STATE_DIR, and no home folder to put one in".to_owned()),
            Some(dir) => prepare(dir)
                .map(|()| dir.to_owned())
                .map_err(|error| format!("{}: {error}", dir.display())),
        };
        Self {
            passing: dir.as_deref().is_ok_and(is_in_own_layer),
            dir,
            last_error: Mutex::new(None),
        }
    }

    /// State in memory alone, for tests and the demo.
    #[must_use]
    pub fn memory() -> Self {
        Self {
            dir: Err("kept in memory on purpose".to_owned()),
            passing: false,
            last_error: Mutex::new(None),
        }
    }

    /// Reads the value `name`. Blocks for the time of one small file.
    ///
    /// # Errors
    /// When the file exists and cannot be read.
    pub fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Ok(dir) = &self.dir else { return Ok(None) };
        match fs::read(dir.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the value `name`. Returns once it is on disk; in memory mode at once. Blocks.
    ///
    /// # Errors
    /// When it could not be written. The old value is then still in place.
    pub fn save(&self, name: &str, value: &[u8]) -> io::Result<()> {
        let Ok(dir) = &self.dir else { return Ok(()) };
        let result = replace(dir, name, value);
        if let Ok(mut last) = self.last_error.lock() {
            *last = result.as_ref().err().map(ToString::to_string);
        }
        result
    }

    /// Forgets the value `name`, if there is one. Blocks.
    ///
    /// # Errors
    /// When it is there and could not be removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        let Ok(dir) = &self.dir else { return Ok(()) };
        match fs::remove_file(dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Where the state is, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.dir {
            Err(reason) => format!("memory only ({reason}); a restart falls back to the configured cookies"),
            Ok(dir) => match self.last_error.lock().ok().and_then(|last| last.clone()) {
                None => dir.display().to_string(),
                Some(error) => format!("{} (last write failed: {error})", dir.display()),
            },
        }
    }

    /// Whether it is kept, without a path: for everybody's eyes.
    #[must_use]
    pub fn in_short(&self) -> &'static str {
        let failed = self.last_error.lock().is_ok_and(|last| last.is_some());
        match &self.dir {
            Err(_) => "in memory only: a restart falls back to the configured cookies",
            Ok(_) if failed => "the last write failed: a restart may fall back to the configured cookies",
            Ok(_) if self.passing => {
                "kept as long as this container: a new one falls back to the configured cookies, so mount a volume there"
            }
            Ok(_) => "kept over restarts",
        }
    }

    /// Whether values survive the process.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.dir.is_ok()
    }
}

/// Prefix of temporary files; what a killed process left of them is removed at the next start.
const TEMPORARY: &str = ".writing-";

/// Whether this process's root is a container's overlay and `dir` is on it, and not on anything mounted there.
#[cfg(unix)]
fn is_in_own_layer(dir: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.dev());
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    device(dir).is_some() && device(dir) == device(Path::new("/")) && root_is_overlay(&mounts)
}

#[cfg(not(unix))]
fn is_in_own_layer(_dir: &Path) -> bool {
    false
}

/// Whether `/` is of the kind that container engines make, by `/proc/self/mountinfo`. The last mount there is on top.
fn root_is_overlay(mountinfo: &str) -> bool {
    let root = mountinfo.lines().rev().find(|line| line.split(' ').nth(4) == Some("/"));
    let kind = root.and_then(|line| line.split_once(" - ")?.1.split(' ').next());
    kind.is_some_and(|kind| kind.contains("overlay"))
}

fn prepare(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)?;
    for entry in fs::read_dir(dir)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) && is_old(&entry) {
            // Best effort: a leftover is harmless, it is never read.
            let _ = fs::remove_file(entry.path());
        }
    }
    // Proves at the start that the folder takes files, instead of at the first rotation.
    drop(temporary(dir)?);
    Ok(())
}

/// A young one may be another process's, in the middle of its write.
fn is_old(entry: &fs::DirEntry) -> bool {
    const OLD: Duration = Duration::from_secs(60);
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > OLD))
}

fn temporary(dir: &Path) -> io::Result<tempfile::NamedTempFile> {
    // `tempfile` makes files with mode 0600 and an unpredictable name.
    tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(dir)
}

fn replace(dir: &Path, name: &str, value: &[u8]) -> io::Result<()> {
    let mut file = temporary(dir)?;
    file.write_all(value)?;
    tolerate_missing(file.as_file().sync_all())?;
    file.persist(dir.join(name)).map_err(|error| error.error)?;
    // The rename itself must reach the disk too, or a power cut brings the old value back.
    tolerate_missing(fs::File::open(dir).and_then(|dir| dir.sync_all()))
}

/// Network and bucket mounts refuse fsync in several ways; the write itself has happened all the same.
fn tolerate_missing(result: io::Result<()>) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match result {
        Err(error) if matches!(error.kind(), Unsupported | PermissionDenied | InvalidInput) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_replaced_whole_and_private() {
        let home = tempfile::tempdir().unwrap();
        let state = StateDir::open(Some(&home.path().join("deep/state")));
        assert!(state.is_durable());
        assert_eq!(state.load("session.json").unwrap(), None);
        state.save("session.json", b"first, and longer").unwrap();
        state.save("session.json", b"second").unwrap();
        assert_eq!(state.load("session.json").unwrap().as_deref(), Some(&b"second"[..]));
        state.save("other.json", b"x").unwrap();
        state.remove("other.json").unwrap();
        state.remove("other.json").unwrap();
        assert_eq!(state.load("other.json").unwrap(), None);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = home.path().join("deep/state/session.json");
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn leftovers_of_a_killed_process_are_removed_and_values_kept() {
        let home = tempfile::tempdir().unwrap();
        let leftover = fs::File::create(home.path().join(".writing-x")).unwrap();
        leftover
            .set_modified(std::time::SystemTime::now() - Duration::from_secs(3600))
            .unwrap();
        fs::write(home.path().join("session.json"), b"whole").unwrap();
        let state = StateDir::open(Some(home.path()));
        assert!(!home.path().join(".writing-x").exists());
        assert_eq!(state.load("session.json").unwrap().as_deref(), Some(&b"whole"[..]));
    }

    #[test]
    fn a_containers_own_layer_is_known_by_its_root() {
        let overlay = "22 1 0:31 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/a\n23 22 0:5 / /data rw - ext4 /dev/sda rw\n";
        let machine = "1 0 8:1 / / rw - ext4 /dev/vda rw\n31 1 0:31 / /var/lib/x rw - overlay overlay rw\n";
        assert!(root_is_overlay(overlay));
        assert!(root_is_overlay(&format!("{machine}{overlay}")), "what is on top counts");
        assert!(!root_is_overlay(machine) && !root_is_overlay("") && !root_is_overlay("a b c d / x"));
    }

    #[test]
    fn without_a_usable_folder_it_says_so_and_goes_on() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), b"").unwrap();
        let state = StateDir::open(Some(&home.path().join("file")));
        assert!(!state.is_durable());
        assert!(state.describe().contains("memory only"));
        state.save("session.json", b"x").unwrap();
        assert_eq!(state.load("session.json").unwrap(), None);
    }
}

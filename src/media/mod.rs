//! The files of a request: from what a client sent, or only pointed at, to bytes of a known type with a safe name.

mod fetch;
mod kinds;
mod names;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

pub use self::fetch::Guard;
use self::fetch::{Budget, Fetched, Fetcher, Refusal};
use crate::{
    chat::{File, FileContent, Part, Request},
    config::Config,
    error::{Failure, FileFault, Kind},
    room::Held,
};

/// Files fetched at a time for one request.
const AT_A_TIME: usize = 4;

/// What is done with files, and how many and how large they may be.
pub struct Media {
    limits: Limits,
    fetcher: Fetcher,
}

/// Bounds on the files of one request.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// How many.
    files: usize,
    /// Bytes of each, after base64 was decoded.
    file_bytes: usize,
    /// Bytes of all together.
    total_bytes: usize,
}

impl Media {
    /// As configured.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self::with_guard(config, Guard::public())
    }

    /// As configured, with another rule about who may be connected to. For tests: see [`Guard::trusting`].
    #[must_use]
    pub fn with_guard(config: &Config, guard: Guard) -> Self {
        Self {
            limits: Limits {
                files: config.max_files,
                file_bytes: config.max_file_bytes,
                total_bytes: config.max_files_bytes,
            },
            fetcher: Fetcher::new(config.fetch_urls, config.exit(), guard),
        }
    }

    /// Checks what can be checked without any connection, and finds out what the files that are there really are.
    ///
    /// # Errors
    /// Of the file at fault: too many, too large, of a wrong type, at an address that may not be fetched.
    pub(crate) fn inspect(&self, request: &mut Request) -> Result<(), Failure> {
        if !has_files(request) {
            return Ok(());
        }
        self.count(request)?;
        let mut left = self.limits.total_bytes;
        for file in files(request) {
            match &file.content {
                FileContent::Url(url) => drop(self.fetcher.admit(url).map_err(|why| refused(file, why))?),
                FileContent::Bytes(bytes) => {
                    let within = bytes.len() <= self.limits.file_bytes;
                    left = left
                        .checked_sub(bytes.len())
                        .filter(|_| within)
                        .ok_or_else(|| self.too_large(file))?;
                    *file = looked_at(file)?;
                }
            }
        }
        name_all(request);
        Ok(())
    }

    /// Fetches the files that are not there yet, and counts them as `held`. The request was inspected before.
    ///
    /// # Errors
    /// Of the file at fault: not to be had, not in time, too large, of a wrong type. [`Kind::Overloaded`]: no room for it.
    pub(crate) async fn fetch(&self, request: &mut Request, held: &Held, deadline: Instant) -> Result<(), Failure> {
        let mut inline = 0;
        let mut missing = Vec::new();
        for file in files(request) {
            match &file.content {
                FileContent::Bytes(bytes) => inline += bytes.len(),
                FileContent::Url(_) => missing.push(file),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let budget = Budget::new(self.limits.total_bytes.saturating_sub(inline), held);
        // Collected first: a stream over a closure that borrows is not known to be `Send`.
        let fetches: Vec<_> = missing
            .into_iter()
            .map(|file| self.fetch_one(file, &budget, deadline))
            .collect();
        stream::iter(fetches)
            .buffer_unordered(AT_A_TIME)
            .try_collect::<()>()
            .await?;
        name_all(request);
        Ok(())
    }

    async fn fetch_one(&self, file: &mut File, budget: &Budget<'_>, deadline: Instant) -> Result<(), Failure> {
        let FileContent::Url(url) = &file.content else {
            return Ok(());
        };
        let fetched = self.fetcher.fetch(url, self.limits.file_bytes, budget, deadline).await;
        let Fetched { bytes, mime, name } = fetched.map_err(|why| refused(file, why))?;
        if bytes.is_empty() {
            let message = format!("'{}' leads to a file without any bytes.", file.param);
            return Err(failure(file, FileFault::Empty, message));
        }
        file.content = FileContent::Bytes(bytes);
        file.mime = mime;
        file.name = file.name.take().or(name);
        *file = looked_at(file)?;
        Ok(())
    }

    fn count(&self, request: &mut Request) -> Result<(), Failure> {
        let most = self.limits.files;
        let Some(file) = files(request).nth(most) else {
            return Ok(());
        };
        let message =
            format!("The request carries more than {most} files (MAX_FILES). Leave those of older messages out.");
        Err(Failure::new(Kind::TooManyFiles, message).param(file.param.clone()))
    }

    fn too_large(&self, file: &File) -> Failure {
        let Limits {
            file_bytes,
            total_bytes,
            ..
        } = self.limits;
        let message = format!(
            "'{}' is too large: a file may have {file_bytes} bytes (MAX_FILE_BYTES), all files of a request \
             {total_bytes} bytes (MAX_FILES_BYTES). Send a smaller one.",
            file.param
        );
        failure(file, FileFault::TooLarge, message)
    }
}

/// Whether a request carries any file at all; most do not.
fn has_files(request: &Request) -> bool {
    let mut parts = request.messages.iter().flat_map(|message| &message.parts);
    parts.any(|part| matches!(part, Part::File(_)))
}

fn files(request: &mut Request) -> impl Iterator<Item = &mut File> {
    let parts = request.messages.iter_mut().flat_map(|message| &mut message.parts);
    parts.filter_map(|part| match part {
        Part::File(file) => Some(file),
        Part::Text(_) => None,
    })
}

/// The file with its true type and a safe name.
fn looked_at(file: &File) -> Result<File, Failure> {
    let FileContent::Bytes(bytes) = &file.content else {
        return Ok(file.clone());
    };
    let seen = kinds::look(file, bytes)?;
    Ok(File {
        kind: seen.kind,
        content: file.content.clone(),
        name: Some(names::safe(file.name.as_deref(), seen.kind, seen.extension)),
        mime: Some(seen.mime),
        param: file.param.clone(),
    })
}

/// Makes the names of a request's files differ, once each has one.
fn name_all(request: &mut Request) {
    let mut earlier = Vec::new();
    for file in files(request) {
        if matches!(file.content, FileContent::Bytes(_))
            && let Some(name) = file.name.take()
        {
            let name = names::distinct(name, &earlier);
            file.name = Some(name.clone());
            earlier.push(name);
        }
    }
}

fn refused(file: &File, why: Refusal) -> Failure {
    if let Refusal::Full(full) = why {
        return full.failure();
    }
    let message = format!("'{}' cannot be fetched: {why}.", file.param);
    failure(file, why.fault(), message).source(why)
}

fn failure(file: &File, fault: FileFault, message: String) -> Failure {
    Failure::new(Kind::of_file(file.kind, fault), message).param(file.param.clone())
}

#[cfg(test)]
mod tests;

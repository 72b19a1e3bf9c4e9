//! Child processes: each is ended by the handle that started it, on every way out.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{Result, options::Role};

/// How long a child may take to answer for the first time.
const START_LIMIT: Duration = Duration::from_secs(10);

/// The pause between two looks at a starting child: the resolution of the start-up time.
const START_POLL: Duration = Duration::from_micros(200);

/// A running child. Dropping it kills it and waits for its end.
pub(super) struct Child {
    name: &'static str,
    process: std::process::Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// From just before it was started to its first `200` on `/livez`.
    pub(super) start: Duration,
}

impl Child {
    /// Starts a part of this executable on a free port.
    pub(super) fn part(name: &'static str, role: impl Fn(u16) -> Role) -> Result<Self> {
        let program = std::env::current_exe()?;
        Self::start(name, |port| {
            let mut command = Command::new(&program);
            command.args(role(port).arguments());
            Ok(command)
        })
    }

    /// Starts a program on a free port and waits until it answers.
    pub(super) fn start(name: &'static str, command: impl Fn(u16) -> Result<Command>) -> Result<Self> {
        let address = free_address()?;
        let mut command = command(address.port())?;
        // The pipe closes with this process: the sign for the parts to end, should it die without killing them.
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let begin = Instant::now();
        let process = command
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        let mut child = Self {
            name,
            process,
            address,
            start: Duration::ZERO,
        };
        child.wait_until_live(begin)?;
        child.start = begin.elapsed();
        Ok(child)
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    fn wait_until_live(&mut self, begin: Instant) -> Result<()> {
        while !is_live(self.address) {
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("{} ended at its start: {status}", self.name).into());
            }
            if begin.elapsed() > START_LIMIT {
                return Err(format!("{} does not answer /livez", self.name).into());
            }
            thread::sleep(START_POLL);
        }
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An address on loopback that was free a moment ago. Should another program take it first, the child says so by ending.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Whether `/livez` answers 200 now. Blocking, as nothing else runs while a child starts.
fn is_live(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(START_LIMIT))?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status == *b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

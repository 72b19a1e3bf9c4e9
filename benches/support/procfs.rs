//! What the kernel knows of a process and of the machine.

use std::{fs, time::Duration};

use super::Result;

/// The unit of CPU time in `/proc/PID/stat`: 1/100 s on every Linux a Rust program meets (`USER_HZ`).
pub(super) const TICK: Duration = Duration::from_millis(10);

/// User and system time of a process so far, all its threads, in steps of [`TICK`].
pub(super) fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in brackets and may hold anything; user and system time are fields 14
    // and 15 of the whole line.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut ticks = || {
        fields
            .next()
            .and_then(|field| field.parse::<u32>().ok())
            .ok_or("/proc/PID/stat is short")
    };
    Ok(TICK * (ticks()? + ticks()?))
}

/// Memory of a process in MiB.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    /// Resident now.
    pub(super) resident: f64,
    /// The most that was ever resident.
    pub(super) peak: f64,
}

/// The memory of a process now.
pub(super) fn memory(pid: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mebibytes = |key: &str| -> Result<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
        Ok(kibibytes
            .ok_or_else(|| format!("/proc/PID/status has no {key}"))?
            .parse::<f64>()?
            / 1024.0)
    };
    Ok(Memory {
        resident: mebibytes("VmRSS:")?,
        peak: mebibytes("VmHWM:")?,
    })
}

/// One line on the machine and how busy it is.
pub(super) fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown CPU", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{model}, {cores} cores, Linux {}, load average {load} before the run",
        kernel.trim()
    )
}

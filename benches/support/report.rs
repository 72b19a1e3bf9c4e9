//! The report, in Markdown.

use std::{fmt::Write, time::SystemTime};

use super::{
    measure::{Effort, Findings, LOADS, Load, OPEN_STREAMS},
    procfs::TICK,
    stats::{self, Figures},
    target::{Kind, Way},
    wire::{EVENTS, Shape},
};

/// The whole report.
pub(super) fn markdown(machine: &str, effort: &Effort, findings: &[Findings]) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = head(&mut out, machine, effort);
    let _ = loads(&mut out, findings);
    let _ = processes(&mut out, effort, findings);
    if let [proxy, gateway] = findings {
        let _ = aims(&mut out, proxy, gateway);
    }
    out
}

fn head(out: &mut String, machine: &str, effort: &Effort) -> std::fmt::Result {
    let date = httpdate::fmt_http_date(SystemTime::now());
    writeln!(out, "Machine: {machine}. {date}.\n")?;
    writeln!(
        out,
        "Medians of {} rounds of {:.1} s, the targets taking turns; what the gateway adds is the median of the differences \
         within each turn. CPU is user and system time of the target's process, read in steps of {} ms. Loads by \
         connections ask again as soon as they are answered; loads by the second leave the cores time to spare, and only \
         they show the latency a target adds. A stream is {EVENTS} events. Without more said, OpenAI's format is answered by the \
         Gemini web app; \"passed on\" is that format to an OpenAI-compatible server, answered word for word. Load generator and upstream share the cores \
         with the target; every answer was checked.\n",
        effort.rounds,
        effort.round.as_secs_f64(),
        TICK.as_millis(),
    )
}

fn loads(out: &mut String, findings: &[Findings]) -> std::fmt::Result {
    out.push_str(
        "| load | target | requests/s | CPU µs/request | CPU µs/event | p50 ms | p99 ms | first byte p50 ms | first byte p99 ms |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for (index, load) in LOADS.iter().enumerate() {
        for target in findings {
            let figures = Figures::median(&target.rounds[index]);
            row(out, load, target.kind.name(), &figures, format!("{:.0}", figures.rate))?;
        }
        if let [proxy, gateway] = findings {
            let added = added(proxy, gateway, index);
            let share = format!("{:.0} %", added.rate * 100.0);
            row(out, load, "gateway: share, added", &added, share)?;
        }
    }
    for target in findings.iter().filter(|target| target.kind == Kind::Gateway) {
        let streams = LOADS
            .iter()
            .zip(&target.rounds)
            .filter(|(load, _)| load.way == Way::Gemini && load.shape == Shape::Stream);
        let pieces: Vec<String> = streams
            .map(|(load, rounds)| format!("{:.1} ({})", Figures::median(rounds).pieces, load.name))
            .collect();
        writeln!(
            out,
            "\nPieces the gateway's clients got the text of a stream in: {}.",
            pieces.join(", ")
        )?;
    }
    Ok(())
}

fn row(out: &mut String, load: &Load, target: &str, figures: &Figures, rate: String) -> std::fmt::Result {
    let per_event = match load.shape {
        Shape::Whole => String::new(),
        Shape::Stream | Shape::Call | Shape::Held => format!("{:.2}", figures.cpu / EVENTS as f64),
    };
    writeln!(
        out,
        "| {} | {target} | {rate} | {:.1} | {per_event} | {:.2} | {:.2} | {:.2} | {:.2} |",
        load.name, figures.cpu, figures.p50, figures.p99, figures.first_p50, figures.first_p99
    )
}

fn processes(out: &mut String, effort: &Effort, findings: &[Findings]) -> std::fmt::Result {
    writeln!(
        out,
        "\n| process | start to first 200 on /livez, ms (median of {}) | RSS idle, MiB | RSS with {OPEN_STREAMS} open streams, MiB \
         | RSS peak of the run, MiB |\n|---|---:|---:|---:|---:|",
        effort.starts
    )?;
    for target in findings {
        writeln!(
            out,
            "| {} | {:.1} | {:.1} | {:.1} | {:.1} |",
            target.kind.name(),
            target.start,
            target.idle,
            target.streaming,
            target.peak
        )?;
    }
    Ok(())
}

/// The aims, and whether this run met them. A missed one does not fail the run: the machine may be the reason.
fn aims(out: &mut String, proxy: &Findings, gateway: &Findings) -> std::fmt::Result {
    let of = |way: Way, paced: bool, figure: fn(Figures) -> f64| -> Vec<f64> {
        // What is emulated has an aim of its own.
        let plain = (0..LOADS.len()).filter(|&index| LOADS[index].way == way && LOADS[index].shape != Shape::Call);
        let wanted = plain.filter(|&index| LOADS[index].rate.is_some() == paced);
        wanted.map(|index| figure(added(proxy, gateway, index))).collect()
    };
    let lowest_share = |way| {
        let shares = of(way, false, |added| added.rate * 100.0).into_iter();
        shares.fold(f64::INFINITY, f64::min)
    };
    let latency = of(Way::Gemini, true, |added| added.p99)
        .into_iter()
        .fold(f64::NEG_INFINITY, f64::max);
    let (memory, start) = (gateway.streaming, gateway.start);
    out.push_str("\n| aim | measured | met |\n|---|---:|---|\n");
    for (way, loads) in [(Way::Gemini, "lowest load"), (Way::PassedOn, "lowest load passed on")] {
        let share = lowest_share(way);
        aim(
            out,
            &format!("at least 50 % of the bare proxy's requests/s, {loads}"),
            format!("{share:.0} %"),
            share >= 50.0,
        )?;
    }
    aim(
        out,
        "p99 added at most 2 ms, paced loads, highest",
        format!("{latency:.2} ms"),
        latency <= 2.0,
    )?;
    aim(
        out,
        &format!("RSS at most 30 MB with {OPEN_STREAMS} open streams"),
        format!("{:.1} MB", memory * 1.048_576),
        memory * 1.048_576 <= 30.0,
    )?;
    aim(out, "start at most 50 ms", format!("{start:.1} ms"), start <= 50.0)?;
    let times = emulation(gateway);
    aim(
        out,
        "a stream with a tool at most 1.3 times the CPU of a plain one",
        format!("{times:.2}"),
        times <= 1.3,
    )
}

/// How many times the CPU time of a plain stream one with a tool takes, with as many events and connections: the
/// median of the turns.
fn emulation(gateway: &Findings) -> f64 {
    let rounds = |shape| {
        LOADS
            .iter()
            .position(|load| load.way == Way::Gemini && load.shape == shape)
            .map(|index| &gateway.rounds[index])
    };
    let (plain, emulated) = (rounds(Shape::Stream), rounds(Shape::Call));
    let turns = plain.into_iter().flatten().zip(emulated.into_iter().flatten());
    stats::median(turns.map(|(plain, emulated)| emulated.cpu / plain.cpu).collect())
}

fn aim(out: &mut String, aim: &str, measured: String, met: bool) -> std::fmt::Result {
    writeln!(out, "| {aim} | {measured} | {} |", if met { "yes" } else { "no" })
}

/// What the gateway adds under a load: the median of the differences within each turn.
fn added(proxy: &Findings, gateway: &Findings, index: usize) -> Figures {
    let turns = proxy.rounds[index].iter().zip(&gateway.rounds[index]);
    let differences: Vec<Figures> = turns.map(|(proxy, gateway)| gateway.beyond(proxy)).collect();
    Figures::median(&differences)
}

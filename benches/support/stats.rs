//! Medians and percentiles.

use std::time::Duration;

use super::load::{Outcome, Sample};

/// The figures of one round, or medians or differences of such.
#[derive(Clone, Copy, Default)]
pub(super) struct Figures {
    /// Requests a second.
    pub(super) rate: f64,
    /// CPU time of the target for a request, in microseconds.
    pub(super) cpu: f64,
    /// Until the answer is complete, in milliseconds.
    pub(super) p50: f64,
    /// The same of the slowest hundredth.
    pub(super) p99: f64,
    /// Until the first chunk of the body, in milliseconds.
    pub(super) first_p50: f64,
    /// The same of the slowest hundredth.
    pub(super) first_p99: f64,
    /// Pieces an answer's text came in.
    pub(super) pieces: f64,
}

impl Figures {
    /// The figures of one round, in which the target used this much CPU time.
    pub(super) fn of(outcome: &Outcome, cpu: Duration) -> Self {
        let samples = &outcome.samples;
        let count = samples.len() as f64;
        let total = sorted(samples, |sample| sample.total);
        let first = sorted(samples, |sample| sample.first);
        Self {
            rate: count / outcome.elapsed.as_secs_f64(),
            cpu: cpu.as_secs_f64() * 1e6 / count,
            p50: percentile(&total, 50),
            p99: percentile(&total, 99),
            first_p50: percentile(&first, 50),
            first_p99: percentile(&first, 99),
            pieces: samples.iter().map(|sample| sample.pieces).sum::<usize>() as f64 / count,
        }
    }

    /// What `self` has more than `base`; of the rate, the share it reaches.
    pub(super) fn beyond(&self, base: &Self) -> Self {
        Self {
            rate: self.rate / base.rate,
            cpu: self.cpu - base.cpu,
            p50: self.p50 - base.p50,
            p99: self.p99 - base.p99,
            first_p50: self.first_p50 - base.first_p50,
            first_p99: self.first_p99 - base.first_p99,
            pieces: self.pieces - base.pieces,
        }
    }

    /// The median of each figure by itself.
    pub(super) fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            rate: of(|figures| figures.rate),
            cpu: of(|figures| figures.cpu),
            p50: of(|figures| figures.p50),
            p99: of(|figures| figures.p99),
            first_p50: of(|figures| figures.first_p50),
            first_p99: of(|figures| figures.first_p99),
            pieces: of(|figures| figures.pieces),
        }
    }
}

/// The middle of these values, or the mean of the two in the middle; of none, not a number.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => middle(len / 2),
        len => f64::midpoint(middle(len / 2 - 1), middle(len / 2)),
    }
}

fn sorted(samples: &[Sample], time: impl Fn(&Sample) -> Duration) -> Vec<Duration> {
    let mut times: Vec<Duration> = samples.iter().map(time).collect();
    times.sort_unstable();
    times
}

/// The smallest of these ordered times that this many percent of them do not exceed, in milliseconds.
fn percentile(ordered: &[Duration], percent: usize) -> f64 {
    let rank = (ordered.len() * percent).div_ceil(100).max(1);
    ordered.get(rank - 1).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

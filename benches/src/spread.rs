//! Middles and spreads.

use std::fmt;

/// Least, middle and most of some measurements.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The middle one.
    pub median: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// Of at least one value.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut ordered = values.to_vec();
        ordered.sort_by(f64::total_cmp);
        let at = |index: usize| ordered.get(index).copied().unwrap_or(f64::NAN);
        Self { min: at(0), median: at(ordered.len() / 2), max: at(ordered.len().saturating_sub(1)) }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:>9.2} {:>9.2} {:>9.2}", self.min, self.median, self.max)
    }
}

/// The value that `percent` of all don't exceed; not a number where there is none.
#[must_use]
pub fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut ordered = values.to_vec();
    ordered.sort_by(f64::total_cmp);
    let beyond = ordered.len() as f64 * percent / 100.0;
    let index = (beyond as usize).min(ordered.len().saturating_sub(1));
    ordered.get(index).copied().unwrap_or(f64::NAN)
}

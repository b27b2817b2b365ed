//! What cosines are on the whole, so that one of them can be called high.

use super::Nearness;

/// Mean and variance of numbers that come one by one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Spread {
    count: f64,
    mean: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
}

/// What is usual for a model, and so what to go by while there are few numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Usual {
    mean: f64,
    deviation: f64,
}

/// Of `multilingual-e5-small`.
const PLAIN: Usual = Usual { mean: 0.76, deviation: 0.026 };
const CENTRED: Usual = Usual { mean: 0.0, deviation: 0.1 };
/// How many numbers the usual ones are worth.
const ASSUMED: f64 = 32.0;
/// Standard deviations that make a whole, so that scores come out between about -0.4 and 1.
const DEVIATIONS: f64 = 6.0;

impl Spread {
    /// Takes one in; what isn't a number is passed over.
    fn add(&mut self, value: f32) {
        let value = f64::from(value);
        if value.is_finite() {
            self.count += 1.0;
            let distance = value - self.mean;
            self.mean += distance / self.count;
            self.squares += distance * (value - self.mean);
        }
    }

    /// How far above the mean a number is, in sixths of a deviation.
    fn standard(&self, value: f32, usual: Usual) -> f32 {
        let assumed = ASSUMED / (self.count + ASSUMED);
        let mean = usual.mean * assumed + self.mean * (1.0 - assumed);
        let variance = if self.count > 0.0 { self.squares / self.count } else { 0.0 };
        // Never 0: the usual deviation always has a part in it.
        let deviation = (usual.deviation.powi(2) * assumed + variance * (1.0 - assumed)).sqrt();
        let standard = (f64::from(value) - mean) / (DEVIATIONS * deviation);
        if standard.is_finite() { standard as f32 } else { 0.0 }
    }
}

/// How near passages are to one question on the whole, taken from all of them or from a sample.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Nearnesses {
    plain: Spread,
    centred: Spread,
}

impl Nearnesses {
    pub(crate) fn add(&mut self, nearness: Nearness) {
        self.plain.add(nearness.plain);
        self.centred.add(nearness.centred);
    }

    /// One number for how near a passage is: 0 for the mean passage, about 1 for the nearest of thousands. The better of two
    /// views counts, the one across languages with a handicap.
    pub(crate) fn standard(&self, nearness: Nearness, foreign: f32) -> f32 {
        let Nearness { plain, centred } = self.views(nearness);
        plain.max(centred - foreign)
    }

    /// Both views on the same scale.
    pub(crate) fn views(&self, nearness: Nearness) -> Nearness {
        Nearness {
            plain: self.plain.standard(nearness.plain, PLAIN),
            centred: self.centred.standard(nearness.centred, CENTRED),
        }
    }
}

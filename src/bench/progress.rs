//! The progress bar: shown on a terminal, silent elsewhere, gone when its stage ends.

use indicatif::{ProgressBar, ProgressStyle};

/// One stage of a run and its bar.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The bar, for those who do the work.
    pub(crate) bar: ProgressBar,
}

impl Stage {
    /// Begins a stage whose length is not known yet.
    pub(crate) fn new(name: &'static str) -> Self {
        Self::counting(name, 0)
    }

    /// Begins a stage of so many steps.
    pub(crate) fn counting(name: &'static str, steps: u64) -> Self {
        let bar = ProgressBar::new(steps).with_message(name);
        if let Ok(style) = ProgressStyle::with_template("{msg:>10} {wide_bar} {human_pos}/{human_len} {elapsed}") {
            bar.set_style(style);
        }
        Self { bar }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

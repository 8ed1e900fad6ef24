//! A text as digit runs and what stands between them: the alphabet of the grammar.

/// A maximal run of ASCII digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    /// Where it begins, in bytes.
    pub(super) start: usize,
    /// The digits.
    pub(super) digits: &'a str,
}

impl Run<'_> {
    /// Just behind it.
    pub(super) fn end(&self) -> usize {
        self.start + self.digits.len()
    }

    pub(super) fn len(&self) -> usize {
        self.digits.len()
    }

    /// As a small number; `None` where it is too large for one.
    pub(super) fn small(&self) -> Option<i8> {
        self.digits.parse().ok()
    }
}

/// All digit runs of `text`, in order.
pub(super) fn runs(text: &str) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), '\0')]) {
        match (c.is_ascii_digit(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                runs.push(Run { start: from, digits: &text[from..at] });
                start = None;
            }
            _ => {}
        }
    }
    runs
}

/// Whether `next` follows `run` after just one of `separators`.
pub(super) fn joined(text: &str, run: &Run<'_>, next: &Run<'_>, separators: &str) -> bool {
    let between = &text[run.end()..next.start];
    let mut chars = between.chars();
    matches!((chars.next(), chars.next()), (Some(c), None) if separators.contains(c))
}

/// Whether `text` is a number without a sign: what `parse` alone doesn't ask for.
pub(super) fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

//! Colour for terminals, none for files. Honours `NO_COLOR` (no-color.org).

use std::fmt;

/// Whether to colour what goes to a `terminal`.
#[expect(
    clippy::disallowed_methods,
    reason = "how the output looks is no configuration of the engine"
)]
pub(super) fn wanted(terminal: bool) -> bool {
    let set = |name| std::env::var(name).is_ok_and(|value| !value.is_empty());
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    terminal && !set("NO_COLOR") && !dumb
}

/// Paints text, or leaves it as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint(pub(super) bool);

/// Text with a colour around it.
#[derive(Debug)]
pub(super) struct Painted<T>(T, Option<&'static str>);

impl Paint {
    pub(super) fn bold<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.with(text, "\x1b[1m")
    }

    pub(super) fn dim<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.with(text, "\x1b[2m")
    }

    pub(super) fn green<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.with(text, "\x1b[32m")
    }

    pub(super) fn yellow<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.with(text, "\x1b[33m")
    }

    pub(super) fn cyan<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.with(text, "\x1b[36m")
    }

    fn with<T>(self, text: T, code: &'static str) -> Painted<T> {
        Painted(text, self.0.then_some(code))
    }
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            // The text's own width and alignment apply to it, not to the colour around it.
            Some(code) => {
                f.write_str(code)?;
                self.0.fmt(f)?;
                f.write_str("\x1b[0m")
            }
            None => self.0.fmt(f),
        }
    }
}

//! How far somebody has heard the stream of a topic, as they say it when they come back.

use std::fmt;

use super::fact::Position;

/// Most bytes of [`Heard`] as text.
pub const HEARD_MAX: usize = 64;

/// The last of a stream that somebody has heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The event with this id.
    Event(String),
    /// Everything up to a position, such as that of a snapshot. The epoch is empty where nothing had happened yet.
    UpTo(Position),
}

/// The text is too long to name an event or a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the event_id of the last event, or epoch:seq of a snapshot: at most {HEARD_MAX} bytes")]
pub struct NotHeard;

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(id) => f.write_str(id),
            Self::UpTo(Position { epoch, seq }) => write!(f, "{epoch}:{seq}"),
        }
    }
}

impl Heard {
    /// Reads `event_id` or `epoch:seq`; an empty text says nothing.
    ///
    /// # Errors
    /// When the text is longer than [`HEARD_MAX`].
    pub fn parse(text: &str) -> Result<Option<Self>, NotHeard> {
        if text.len() > HEARD_MAX {
            return Err(NotHeard);
        }
        let position = text.rsplit_once(':').and_then(|(epoch, seq)| {
            let seq = seq.parse().ok().filter(|seq| *seq >= 0)?;
            Some(Self::UpTo(Position { epoch: epoch.to_owned(), seq }))
        });
        Ok(position.or_else(|| (!text.is_empty()).then(|| Self::Event(text.to_owned()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_positions_are_told_apart_and_what_is_too_long_is_refused() {
        for text in ["01HZ", "01HZ:7", ":0"] {
            assert_eq!(Heard::parse(text).unwrap().unwrap().to_string(), text);
        }
        let up_to = |epoch: &str, seq| Ok(Some(Heard::UpTo(Position { epoch: epoch.to_owned(), seq })));
        let event = |id: &str| Ok(Some(Heard::Event(id.to_owned())));
        assert_eq!(Heard::parse(""), Ok(None));
        assert_eq!(Heard::parse("01HZ:7"), up_to("01HZ", 7));
        assert_eq!(Heard::parse(":0"), up_to("", 0));
        for id in ["01HZ", "01HZ:", "01HZ:-1", "01HZ:a", "undefined", ":"] {
            assert_eq!(Heard::parse(id), event(id));
        }
        let longest = "x".repeat(HEARD_MAX);
        assert_eq!(Heard::parse(&longest), event(&longest));
        assert_eq!(Heard::parse(&"x".repeat(HEARD_MAX + 1)), Err(NotHeard));
    }
}

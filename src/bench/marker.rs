//! The mark a published event carries through the server.
//!
//! Eighteen characters, `~<8 hex digits: event number><8 hex digits: due time in µs since the epoch>~`, which no JSON
//! encoder escapes. The receiver finds it with `memchr`, without parsing the frame, and needs no table shared with
//! the sender: the due time travels with the event.

/// Bytes of a marker, fences included.
pub(super) const LENGTH: usize = 18;

const FENCE: u8 = b'~';
const DIGITS: usize = 16;

/// What a marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marker {
    /// The event's number within the run.
    pub(super) number: u32,
    /// When the event was due: microseconds since the run's epoch.
    pub(super) micros: u32,
}

impl Marker {
    /// Writes the marker out.
    pub(super) fn text(self) -> String {
        format!("~{:08x}{:08x}~", self.number, self.micros)
    }

    /// Finds the first marker in the bytes of a frame.
    pub(super) fn find(bytes: &[u8]) -> Option<Self> {
        Self::position(bytes).map(|(_, marker)| marker)
    }

    /// Overwrites the first marker in `bytes` with this one; false when there is none.
    pub(super) fn stamp(self, bytes: &mut [u8]) -> bool {
        let Some((position, _)) = Self::position(bytes) else {
            return false;
        };
        let Some(place) = bytes.get_mut(position..position.saturating_add(LENGTH)) else {
            return false;
        };
        place.copy_from_slice(self.text().as_bytes());
        true
    }

    fn position(bytes: &[u8]) -> Option<(usize, Self)> {
        memchr::memchr_iter(FENCE, bytes).find_map(|position| {
            let (_, tail) = bytes.split_at_checked(position.checked_add(1)?)?;
            let (digits, rest) = tail.split_first_chunk::<DIGITS>()?;
            if rest.first() != Some(&FENCE) {
                return None;
            }
            let word = hexadecimal(digits)?;
            let micros = u32::try_from(word & u64::from(u32::MAX)).ok()?;
            let number = u32::try_from(word >> 32).ok()?;
            Some((position, Self { number, micros }))
        })
    }
}

fn hexadecimal(digits: &[u8; DIGITS]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |word, digit| {
        // In ASCII the low nibble of a letter counts from 1, and only letters have bit 6: 9 closes the gap.
        let value = (digit & 0x0f).wrapping_add((digit >> 6).wrapping_mul(9));
        digit.is_ascii_hexdigit().then_some((word << 4) | u64::from(value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_marker_survives_text(number: u32, micros: u32) {
            let marker = Marker { number, micros };
            prop_assert_eq!(marker.text().len(), LENGTH);
            prop_assert_eq!(Marker::find(marker.text().as_bytes()), Some(marker));
        }

        #[test]
        fn a_marker_is_found_within_any_text_without_fences(before in "[^~]{0,40}", after in ".{0,40}") {
            let marker = Marker { number: 7, micros: 9 };
            let text = format!("{before}{}{after}", marker.text());
            prop_assert_eq!(Marker::find(text.as_bytes()), Some(marker));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Marker::find(&bytes);
        }
    }

    #[test]
    fn a_marker_survives_json_in_json() {
        let marker = Marker { number: u32::MAX, micros: 0xabc };
        let data = serde_json::json!({ "m": marker.text(), "quote": "\"\\/é" }).to_string();
        let frame = serde_json::json!({ "event": "e", "data": data }).to_string();
        assert_eq!(Marker::find(frame.as_bytes()), Some(marker));
    }

    #[test]
    fn near_misses_are_no_markers() {
        for text in ["", "~", "~~", "~0123456789abcde~", "~0123456789abcdeg~", "~0123456789abcdef", "0123456789abcdef~"]
        {
            assert_eq!(Marker::find(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_stamp_replaces_the_mark_and_nothing_else() {
        let mut bytes = b"a~0000000000000000~b".to_vec();
        assert!(Marker { number: 1, micros: 2 }.stamp(&mut bytes));
        assert_eq!(bytes, b"a~0000000100000002~b");
        assert!(!Marker { number: 1, micros: 2 }.stamp(&mut [0; 30]));
    }
}

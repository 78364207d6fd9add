//! Moments as people write them.

/// Seconds since 1970 of an RFC 3339 moment such as `2027-01-31T00:00:00Z`; `None` for anything else.
pub fn unix_seconds(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_second)
}

/// Milliseconds since 1970 of an RFC 3339 moment; `None` for anything else.
pub fn unix_millis(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_millisecond)
}

/// The RFC 3339 spelling of a moment in milliseconds since 1970, in UTC: `2027-01-31T00:00:00.000Z`.
pub fn rfc3339(millis: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    format!("{moment:.3}")
}

#[cfg(test)]
mod tests {
    use super::{rfc3339, unix_millis, unix_seconds};

    #[test]
    fn a_moment_is_read_as_it_was_written() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_801_353_600_042, "2027-01-31T00:00:00.042Z"),
        ] {
            assert_eq!(rfc3339(millis), text);
            assert_eq!(unix_millis(text), Some(millis));
        }
        assert_eq!(unix_millis("yesterday"), None);
    }

    #[test]
    fn moments_need_a_date_a_time_and_an_offset() {
        assert_eq!(unix_seconds("1970-01-02T00:00:00Z"), Some(86_400));
        assert_eq!(unix_seconds("1970-01-01T01:00:00+01:00"), Some(0));
        for text in ["", "tomorrow", "2027-01-31", "2027-13-01T00:00:00Z"] {
            assert_eq!(unix_seconds(text), None, "{text}");
        }
    }
}

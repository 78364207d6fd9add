//! Moments as people write them.

/// Seconds since 1970 of an RFC 3339 moment such as `2027-01-31T00:00:00Z`; `None` for anything else.
pub fn unix_seconds(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::unix_seconds;

    #[test]
    fn moments_need_a_date_a_time_and_an_offset() {
        assert_eq!(unix_seconds("1970-01-02T00:00:00Z"), Some(86_400));
        assert_eq!(unix_seconds("1970-01-01T01:00:00+01:00"), Some(0));
        for text in ["", "tomorrow", "2027-01-31", "2027-13-01T00:00:00Z"] {
            assert_eq!(unix_seconds(text), None, "{text}");
        }
    }
}

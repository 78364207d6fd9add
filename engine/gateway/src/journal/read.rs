//! Reading a log back.

use std::io::{self, BufRead};

use super::Record;

/// What a log holds.
#[derive(Debug, Default)]
pub struct Reading {
    /// The calls, by the time at which they began.
    pub records: Vec<Record>,
    /// Calls that are missing because too many ended at once.
    pub lost: u64,
    /// Lines that cannot be read: a crash has cut them off, or they are none of the log's.
    pub unreadable: u64,
}

/// Reads the lines of a log. Those that cannot be read are counted and passed over.
///
/// # Errors
/// Those of the reader.
pub fn read(mut lines: impl BufRead) -> io::Result<Reading> {
    let mut reading = Reading::default();
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = line.trim_ascii();
        if !text.is_empty() {
            match serde_json::from_slice::<Record>(text) {
                Ok(record) if record.lost > 0 => reading.lost += record.lost,
                Ok(record) if record.time > 0 => reading.records.push(record),
                _ => reading.unreadable += 1,
            }
        }
        line.clear();
    }
    reading.records.sort_by_key(|record| record.time);
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = Record {
            time: 1_801_353_600_042,
            request_id: "req_1".to_owned(),
            endpoint: "chat".to_owned(),
            model: "fast".to_owned(),
            ms: 12.345,
            first_token_ms: Some(3.0),
            usage: Some(tidegate_types::Usage {
                input: 10,
                cache_read: 4,
                ..Default::default()
            }),
            ..Record::default()
        };
        let text = serde_json::to_string(&record).unwrap();
        let usage = r#""usage":{"cache_read":4,"input":10,"output":0}"#;
        assert!(text.contains(usage), "{text}");
        let read = read(text.as_bytes()).unwrap();
        assert_eq!(read.records, [record]);
    }

    #[test]
    fn torn_and_foreign_lines_are_counted_and_passed_over() {
        let text = "{\"time\":\"2026-01-02T00:00:00Z\",\"model\":\"b\"}\n{\"time\":\"20\n\n\
            {\"time\":\"2026-01-01T00:00:00Z\",\"model\":\"a\",\"of a later version\":1}\n[]\n\
            {\"lost\":3}\n{\"tim";
        let read = read(text.as_bytes()).unwrap();
        let models: Vec<_> = read.records.iter().map(|record| &*record.model).collect();
        assert_eq!(models, ["a", "b"]);
        assert_eq!((read.lost, read.unreadable), (3, 3));
    }
}

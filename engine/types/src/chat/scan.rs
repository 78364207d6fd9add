//! Where values of a JSON text end.

use memchr::memchr2;

/// The bytes that begin or end strings, objects and arrays.
const STRUCTURE: [bool; 256] = marks(b"\"{}[]");
/// The bytes behind a number or a word.
const ENDS: [bool; 256] = marks(b",}] \n\r\t:");
/// White space, and the commas that separate values.
const GAPS: [bool; 256] = marks(b" \n\r\t,");

const fn marks(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

/// Behind white space and separating commas.
pub fn gap_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| GAPS[usize::from(*byte)]) {
        at += 1;
    }
    at
}

/// Behind the value that starts at `at`; `None` when there is none or it is cut.
pub fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string_end(bytes, at),
        b'{' | b'[' => closing(bytes, at + 1, 1),
        b'}' | b']' | b':' | b',' => None,
        _ => {
            let rest = bytes.get(at..)?;
            let end = rest.iter().position(|byte| ENDS[usize::from(*byte)]);
            Some(end.map_or(bytes.len(), |end| at + end))
        }
    }
}

/// Behind the quote that closes the string starting at `start`.
pub fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at = quote_or_escape(bytes, at)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Behind the brace or bracket that closes the outermost of the `depth` that are open at `at`.
pub fn closing(bytes: &[u8], mut at: usize, mut depth: usize) -> Option<usize> {
    loop {
        let byte = *bytes.get(at)?;
        if !STRUCTURE[usize::from(byte)] {
            at += 1;
            continue;
        }
        match byte {
            b'"' => {
                at = string_end(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            _ => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
        }
        at += 1;
    }
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// Marks bytes that are zero; above the lowest of them it may mark others too.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

/// The first quote or backslash from `at` on.
fn quote_or_escape(bytes: &[u8], mut at: usize) -> Option<usize> {
    // Most keys and many values are shorter than a search takes to set up.
    for _ in 0..4 {
        let Some(eight) = bytes.get(at..)?.first_chunk::<8>() else {
            break;
        };
        let word = u64::from_le_bytes(*eight);
        let quotes = zeros(word ^ u64::from_ne_bytes([b'"'; 8]));
        let escapes = zeros(word ^ u64::from_ne_bytes([b'\\'; 8]));
        let found = quotes | escapes;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let found = memchr2(b'"', b'\\', bytes.get(at..)?)?;
    Some(at + found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quotes_and_escapes_are_found_where_a_plain_search_finds_them(
            bytes in prop::collection::vec(prop::sample::select(vec![b'a', b'"', b'\\', 0, 0x21, 0x23, 0x5b, 0x5d, 0xff, 0x80]), 0..80),
            rare in prop::collection::vec(any::<u8>(), 0..80),
            at in 0usize..90,
        ) {
            for bytes in [bytes, rare] {
                let plain = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| matches!(byte, b'"' | b'\\')));
                prop_assert_eq!(quote_or_escape(&bytes, at), plain.map(|found| at + found));
            }
        }
    }
}

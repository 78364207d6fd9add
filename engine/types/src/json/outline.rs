//! Where the members of the outermost object stand.

use std::ops::Range;

use memchr::memchr2;
use smallvec::SmallVec;

use crate::body::Segments;

/// Longer keys are none that the engine looks for.
const LONGEST_KEY: usize = 256;

/// A member of the outermost object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Position of its key in the list the outline was made with.
    pub key: usize,
    /// Offsets of the value, without surrounding white space.
    pub value: Range<usize>,
}

/// Offsets of the wanted members of a JSON object.
#[derive(Debug, Clone)]
pub struct Outline<'k> {
    keys: &'k [&'k str],
    members: SmallVec<[Member; 8]>,
    tail: usize,
    empty: bool,
}

/// Why a body is no JSON object, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct JsonError {
    /// What is wrong.
    pub what: &'static str,
    /// Offset of the first byte that cannot be.
    pub at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the outermost `{`.
    Start,
    /// After `{`: a key or `}`.
    FirstKey,
    /// After `,`: a key.
    Key,
    InKey,
    InKeyEscape,
    Colon,
    Value,
    InString,
    InStringEscape,
    InScalar,
    InContainer,
    InContainerString,
    InContainerEscape,
    /// After a value: `,` or `}`.
    After,
    Done,
}

impl<'k> Outline<'k> {
    /// Walks `body` and notes the members whose keys are in `keys`.
    ///
    /// # Errors
    /// [`JsonError`] when the body is not one complete JSON object. Values below the first level
    /// are only checked for balanced nesting: their receiver judges them.
    pub fn of(body: &Segments, keys: &'k [&'k str]) -> Result<Self, JsonError> {
        let mut walk = Walk {
            outline: Self {
                keys,
                members: SmallVec::new(),
                tail: 0,
                empty: true,
            },
            state: State::Start,
            depth: 0,
            start: 0,
            key: SmallVec::new(),
            key_escaped: false,
            wanted: None,
        };
        let mut base = 0;
        for part in body.parts() {
            walk.feed(part, base)?;
            base += part.len();
        }
        if walk.state == State::Done {
            Ok(walk.outline)
        } else {
            Err(JsonError {
                what: "the JSON object is not complete",
                at: base,
            })
        }
    }

    /// Every member called `key`, in order.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Member> {
        self.members
            .iter()
            .filter(move |member| self.keys[member.key] == key)
    }

    /// The last member called `key`: the one JSON parsers keep.
    pub fn last(&self, key: &str) -> Option<&Member> {
        self.members
            .iter()
            .rev()
            .find(|member| self.keys[member.key] == key)
    }

    /// True when the object has no members at all.
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// Offset behind the last member (or behind `{`), where another one can be inserted.
    pub fn tail(&self) -> usize {
        self.tail
    }
}

struct Walk<'k> {
    outline: Outline<'k>,
    state: State,
    depth: usize,
    start: usize,
    key: SmallVec<[u8; 32]>,
    key_escaped: bool,
    wanted: Option<usize>,
}

impl Walk<'_> {
    fn feed(&mut self, part: &[u8], base: usize) -> Result<(), JsonError> {
        let mut at = 0;
        while let Some(&byte) = part.get(at) {
            let fail = |what| {
                Err(JsonError {
                    what,
                    at: base + at,
                })
            };
            match self.state {
                // A loop of its own: most bytes outside strings are of no interest.
                State::InContainer => {
                    while let Some(byte) = part.get(at) {
                        match byte {
                            b'"' => {
                                self.state = State::InContainerString;
                                break;
                            }
                            b'{' | b'[' => self.depth += 1,
                            b'}' | b']' => {
                                self.depth -= 1;
                                if self.depth == 1 {
                                    self.end_value(base + at + 1);
                                    break;
                                }
                            }
                            _ => {}
                        }
                        at += 1;
                    }
                }
                State::InContainerString | State::InString | State::InKey => {
                    let Some(skip) = memchr2(b'"', b'\\', &part[at..]) else {
                        self.key_bytes(&part[at..]);
                        return Ok(());
                    };
                    self.key_bytes(&part[at..at + skip]);
                    at += skip;
                    let quote = part[at] == b'"';
                    self.state = match (self.state, quote) {
                        (State::InContainerString, true) => State::InContainer,
                        (State::InContainerString, false) => State::InContainerEscape,
                        (State::InString, true) => {
                            self.end_value(base + at + 1);
                            State::After
                        }
                        (State::InString, false) => State::InStringEscape,
                        (_, true) => {
                            self.end_key();
                            State::Colon
                        }
                        (_, false) => {
                            self.key_escaped = true;
                            self.key_bytes(b"\\");
                            State::InKeyEscape
                        }
                    };
                }
                State::InContainerEscape => self.state = State::InContainerString,
                State::InStringEscape => self.state = State::InString,
                State::InKeyEscape => {
                    self.state = State::InKey;
                    self.key_bytes(&[byte]);
                }
                State::InScalar => {
                    if matches!(byte, b',' | b'}' | b' ' | b'\n' | b'\r' | b'\t') {
                        self.end_value(base + at);
                        continue;
                    }
                    if !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.') {
                        return fail("unexpected character in a number or literal");
                    }
                }
                _ if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') => {}
                State::Start if byte == b'{' => {
                    self.depth = 1;
                    self.outline.tail = base + at + 1;
                    self.state = State::FirstKey;
                }
                State::Start => return fail("the body is not a JSON object"),
                State::FirstKey | State::Key if byte == b'"' => {
                    self.key.clear();
                    self.key_escaped = false;
                    self.state = State::InKey;
                }
                State::FirstKey if byte == b'}' => self.state = State::Done,
                State::FirstKey | State::Key => return fail("expected a member name"),
                State::Colon if byte == b':' => self.state = State::Value,
                State::Colon => return fail("expected a colon"),
                State::Value => {
                    self.start = base + at;
                    self.state = match byte {
                        b'"' => State::InString,
                        b'{' | b'[' => {
                            self.depth = 2;
                            State::InContainer
                        }
                        b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => State::InScalar,
                        _ => return fail("expected a value"),
                    };
                }
                State::After => match byte {
                    b',' => self.state = State::Key,
                    b'}' => self.state = State::Done,
                    _ => return fail("expected a comma or the end of the object"),
                },
                State::Done => return fail("unexpected text after the JSON object"),
            }
            at += 1;
        }
        Ok(())
    }

    fn key_bytes(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::InKey | State::InKeyEscape) {
            let room = LONGEST_KEY.saturating_sub(self.key.len());
            self.key.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// Escaped keys are decoded, so that `"mod\u0065l"` cannot slip past as another name.
    fn end_key(&mut self) {
        self.outline.empty = false;
        let decoded;
        let key: &[u8] = if self.key_escaped {
            let mut literal = vec![b'"'];
            literal.extend_from_slice(&self.key);
            literal.push(b'"');
            decoded = super::unquote(&literal).unwrap_or_default();
            decoded.as_bytes()
        } else {
            &self.key
        };
        self.wanted = self
            .outline
            .keys
            .iter()
            .position(|wanted| wanted.as_bytes() == key);
    }

    fn end_value(&mut self, end: usize) {
        self.outline.tail = end;
        self.state = State::After;
        if let Some(key) = self.wanted {
            self.outline.members.push(Member {
                key,
                value: self.start..end,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Splicer;
    use bytes::Bytes;
    use proptest::prelude::*;

    const KEYS: &[&str] = &["model", "stream"];

    fn split(text: &str, cuts: &[usize]) -> Segments {
        let mut body = Segments::new();
        let mut rest = Bytes::copy_from_slice(text.as_bytes());
        for cut in cuts {
            let at = (*cut).min(rest.len());
            body.push(rest.split_to(at));
        }
        body.push(rest);
        body
    }

    #[test]
    fn outline_finds_members_in_every_split() {
        let text = r#" { "a" : [1,{"model":"no"}], "mod\u0065l" : "x\"y" ,"stream":true,"z":-0 } "#;
        for cut in 0..text.len() {
            let body = split(text, &[cut]);
            let outline = Outline::of(&body, KEYS).unwrap();
            let model = outline.last("model").unwrap();
            assert_eq!(&*body.slice(model.value.clone()), br#""x\"y""#, "cut {cut}");
            assert_eq!(
                &*body.slice(outline.last("stream").unwrap().value.clone()),
                b"true"
            );
        }
    }

    #[test]
    fn outline_refuses_what_is_no_object() {
        for text in [
            "",
            "[]",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{} x",
            "{\"a\":1 2}",
            "nul",
            "{\"a\":\"b",
        ] {
            assert!(Outline::of(&split(text, &[]), KEYS).is_err(), "{text}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(Outline::of(&split(&deep, &[]), KEYS).is_ok());
    }

    fn json() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("1e400".to_owned()),
            Just("1.0".to_owned()),
            Just("-0".to_owned()),
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("123456789012345678901234567890".to_owned()),
            "[ -~]{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
            Just(r#""\u00e9\n\"\\ 💡 \ud83d\udca1""#.to_owned()),
        ];
        scalar.prop_recursive(4, 24, 5, |inner| {
            let space = prop_oneof![Just(""), Just(" "), Just("\n\t")];
            prop_oneof![
                (prop::collection::vec(inner.clone(), 0..4), space.clone()).prop_map(
                    |(items, gap)| format!("[{gap}{}{gap}]", items.join(&format!(",{gap}")))
                ),
                (prop::collection::vec((key(), inner), 0..4), space)
                    .prop_map(|(members, gap)| object(&members, gap)),
            ]
        })
    }

    fn key() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("\"model\"".to_owned()),
            Just("\"mod\\u0065l\"".to_owned()),
            Just("\"stream\"".to_owned()),
            Just("\"x\"".to_owned()),
            "[a-z]{0,6}".prop_map(|text| format!("\"{text}\"")),
        ]
    }

    fn object(members: &[(String, String)], gap: &str) -> String {
        let members: Vec<_> = members
            .iter()
            .map(|(key, value)| format!("{key}{gap}:{gap}{value}"))
            .collect();
        format!("{{{gap}{}{gap}}}", members.join(&format!("{gap},{gap}")))
    }

    proptest! {
        #[test]
        fn splicing_leaves_every_other_byte_alone(
            before in prop::collection::vec((key(), json()), 0..4),
            model in json(),
            after in prop::collection::vec((key(), json()), 0..4),
            gap in prop_oneof![Just(""), Just(" "), Just("\r\n ")],
            cuts in prop::collection::vec(0usize..40, 0..6),
        ) {
            let mut members = before;
            members.push(("\"model\"".to_owned(), model));
            members.extend(after);
            let text = object(&members, gap);
            let body = split(&text, &cuts);
            let outline = Outline::of(&body, KEYS).unwrap();
            let mut splicer = Splicer::new(&outline);
            splicer.set("model", &b"\"NEW\""[..]);
            let out = splicer.apply(&body).to_bytes();
            // The expected text is built from the members, independently of the offsets.
            let expected: Vec<_> = members
                .iter()
                .map(|(key, value)| {
                    let name: String = serde_json::from_str(key).unwrap();
                    (key.clone(), if name == "model" { "\"NEW\"".to_owned() } else { value.clone() })
                })
                .collect();
            prop_assert_eq!(std::str::from_utf8(&out).unwrap(), object(&expected, gap));
        }

        #[test]
        fn absent_members_are_added_at_the_end(members in prop::collection::vec(("\"[a-d]\"", json()), 0..4)) {
            let text = object(&members, " ");
            let body = split(&text, &[3]);
            let outline = Outline::of(&body, KEYS).unwrap();
            let mut splicer = Splicer::new(&outline);
            splicer.set("stream", &b"true"[..]);
            splicer.set("model", &b"1"[..]);
            let out = splicer.apply(&body).to_bytes();
            let comma = if members.is_empty() { "" } else { "," };
            let cut = outline.tail();
            let want = format!("{}{comma}\"stream\":true,\"model\":1{}", &text[..cut], &text[cut..]);
            prop_assert_eq!(std::str::from_utf8(&out).unwrap(), want);
        }

        #[test]
        fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Outline::of(&Segments::from(bytes), KEYS);
        }
    }
}

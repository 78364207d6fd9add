//! Writing JSON texts member by member, in the order of the calls.

use super::json::{Json, Text};

/// An object under construction at the end of a buffer.
#[derive(Debug)]
pub struct Object<'w> {
    out: &'w mut Vec<u8>,
    first: bool,
}

impl<'w> Object<'w> {
    /// Writes `{`.
    pub fn open(out: &'w mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// Writes the key; the caller writes the value to the buffer it gets.
    pub fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A member with a string.
    pub fn text(&mut self, key: &str, value: &Text<'_>) -> &mut Self {
        value.write(self.key(key));
        self
    }

    /// A member with a string given as characters.
    pub fn str(&mut self, key: &str, value: &str) -> &mut Self {
        string(self.key(key), value);
        self
    }

    /// A member with a value as it stands elsewhere.
    pub fn json(&mut self, key: &str, value: Json<'_>) -> &mut Self {
        self.key(key).extend_from_slice(value.as_str().as_bytes());
        self
    }

    /// A member with a value that is there, or none at all.
    pub fn json_if(&mut self, key: &str, value: Option<Json<'_>>) -> &mut Self {
        if let Some(value) = value {
            self.json(key, value);
        }
        self
    }

    /// A member with literal JSON, such as `null` or `true`.
    pub fn literal(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key).extend_from_slice(value.as_bytes());
        self
    }

    /// A member with a number.
    pub fn number(&mut self, key: &str, value: u64) -> &mut Self {
        number(self.key(key), value);
        self
    }

    /// A member with an object written by `fill`.
    pub fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        let mut inner = Object::open(self.key(key));
        fill(&mut inner);
        inner.close();
        self
    }

    /// A member with an array written by `fill`.
    pub fn array(&mut self, key: &str, fill: impl FnOnce(&mut Array<'_>)) -> &mut Self {
        let mut inner = Array::open(self.key(key));
        fill(&mut inner);
        inner.close();
        self
    }

    /// Writes `}`.
    pub fn close(self) {
        self.out.push(b'}');
    }
}

/// An array under construction at the end of a buffer.
#[derive(Debug)]
pub struct Array<'w> {
    out: &'w mut Vec<u8>,
    first: bool,
}

impl<'w> Array<'w> {
    /// Writes `[`.
    pub fn open(out: &'w mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, first: true }
    }

    /// Starts the next item; the caller writes it to the buffer it gets.
    pub fn item(&mut self) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out
    }

    /// An item that is an object written by `fill`.
    pub fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        let mut inner = Object::open(self.item());
        fill(&mut inner);
        inner.close();
        self
    }

    /// True while there is no item.
    pub fn is_empty(&self) -> bool {
        self.first
    }

    /// Writes `]`.
    pub fn close(self) {
        self.out.push(b']');
    }
}

/// Appends `text` as a JSON string with quotes.
pub fn string(out: &mut Vec<u8>, text: &str) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, text).is_err() {
        // Writing a string to memory cannot fail; an empty one keeps the document whole.
        out.truncate(start);
        out.extend_from_slice(b"\"\"");
    }
}

/// Appends a whole number.
pub fn number(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        if let Some(slot) = digits.get_mut(at) {
            *slot = b'0' + (rest % 10) as u8;
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_in_the_order_of_the_calls() {
        let mut out = Vec::new();
        let mut object = Object::open(&mut out);
        object
            .str("b", "x\"\n")
            .number("a", u64::MAX)
            .literal("n", "null");
        object.array("list", |list| {
            number(list.item(), 0);
            list.object(|inner| {
                inner.json("raw", Json::trusted("1.0e5"));
            });
        });
        object.close();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"b":"x\"\n","a":18446744073709551615,"n":null,"list":[0,{"raw":1.0e5}]}"#
        );
    }
}

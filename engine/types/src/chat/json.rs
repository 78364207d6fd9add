//! JSON texts read in place: nothing is copied, order and spelling stay as they were.
//!
//! A [`Json`] is the text of one value inside a larger text. Its members and items are found by
//! scanning, level by level, so reading a body costs no memory beyond the body and hostile nesting
//! costs no stack. [`Text`] is a string that keeps its escapes until someone asks for the characters.

use std::borrow::Cow;

use super::scan;

/// The text of one JSON value, without surrounding white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

/// A string value: either as it is written in JSON, escapes included, or plain characters.
#[derive(Debug, Clone)]
pub enum Text<'a> {
    /// What stands between the quotes of a JSON string.
    Escaped(&'a str),
    /// Characters that are yet to be escaped.
    Plain(Cow<'a, str>),
}

impl<'a> Json<'a> {
    /// Checks that `body` is one JSON value.
    ///
    /// # Errors
    /// A sentence that says what is wrong and where.
    pub fn parse(body: &'a [u8]) -> Result<Self, String> {
        match serde_json::from_slice::<&serde_json::value::RawValue>(body) {
            Ok(raw) => Ok(Self(raw.get())),
            Err(error) => Err(format!("the body is not valid JSON: {error}")),
        }
    }

    /// Takes `text` for JSON without checking it. Reading a text that is none gives less than is
    /// there, or nonsense, and never fails otherwise.
    pub fn trusted(text: &'a str) -> Self {
        Self(text.trim_matches([' ', '\n', '\r', '\t']))
    }

    /// The text as it stands.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// True for `null`.
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// True for an object.
    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// True for an array.
    pub fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    /// The boolean, if it is one.
    pub fn as_bool(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The text, if it is a string.
    pub fn as_text(self) -> Option<Text<'a>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        Some(Text::Escaped(inner))
    }

    /// The number, if it is one.
    pub fn as_f64(self) -> Option<f64> {
        if self.is_number() {
            self.0.parse().ok()
        } else {
            None
        }
    }

    /// The number, if it is one that is whole and not negative (`12`, `12.0`).
    pub fn as_u64(self) -> Option<u64> {
        if !self.is_number() {
            return None;
        }
        if let Ok(whole) = self.0.parse() {
            return Some(whole);
        }
        #[expect(clippy::cast_sign_loss, reason = "the range is checked")]
        match self.0.parse::<f64>() {
            Ok(float) if float >= 0.0 && float.fract() == 0.0 && float < 1.8e19 => {
                Some(float as u64)
            }
            _ => None,
        }
    }

    /// True for a number.
    pub fn is_number(self) -> bool {
        self.0
            .starts_with(|first: char| first == '-' || first.is_ascii_digit())
    }

    /// The members of an object in order, duplicates included; none for other values.
    pub fn members(self) -> Members<'a> {
        let rest = if self.is_object() {
            self.0.get(1..).unwrap_or_default()
        } else {
            ""
        };
        Members { rest }
    }

    /// The items of an array in order; none for other values.
    pub fn items(self) -> Items<'a> {
        let rest = if self.is_array() {
            self.0.get(1..).unwrap_or_default()
        } else {
            ""
        };
        Items { rest }
    }

    /// The last member called `key`, unless it is null.
    pub fn get(self, key: &str) -> Option<Json<'a>> {
        let mut found = None;
        for (name, value) in self.members() {
            if name.is(key) {
                found = Some(value);
            }
        }
        found.filter(|value| !value.is_null())
    }

    /// The path of `inner` inside `self`, as in `messages[2].content[0].text`; empty when `inner`
    /// is `self` or stands elsewhere.
    pub fn path_to(self, inner: Json<'_>) -> String {
        let mut path = String::new();
        let mut at = self;
        while !std::ptr::eq(at.0, inner.0) {
            let Some(next) = at.step_to(inner, &mut path) else {
                break;
            };
            at = next;
        }
        path
    }

    fn step_to(self, inner: Json<'_>, path: &mut String) -> Option<Json<'a>> {
        for (name, value) in self.members() {
            if value.holds(inner) {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&name.decode());
                return Some(value);
            }
        }
        for (index, value) in self.items().enumerate() {
            if value.holds(inner) {
                path.push('[');
                path.push_str(&index.to_string());
                path.push(']');
                return Some(value);
            }
        }
        None
    }

    fn holds(self, inner: Json<'_>) -> bool {
        let outer = self.0.as_bytes().as_ptr_range();
        let inner = inner.0.as_bytes().as_ptr_range();
        outer.start <= inner.start && inner.end <= outer.end
    }
}

/// Iterator over the members of an object.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, Json<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.rest.as_bytes();
        let key = scan::gap_end(bytes, 0);
        if bytes.get(key) != Some(&b'"') {
            self.rest = "";
            return None;
        }
        let key_end = scan::string_end(bytes, key)?;
        let colon = scan::gap_end(bytes, key_end);
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let value = scan::gap_end(bytes, colon + 1);
        let end = scan::value_end(bytes, value)?;
        let key = self.rest.get(key + 1..key_end - 1)?;
        let value = self.rest.get(value..end)?;
        self.rest = self.rest.get(end..)?;
        Some((Text::Escaped(key), Json(value)))
    }
}

/// Iterator over the items of an array.
#[derive(Debug, Clone)]
pub struct Items<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Items<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.rest.as_bytes();
        let start = scan::gap_end(bytes, 0);
        let end = scan::value_end(bytes, start)?;
        let item = self.rest.get(start..end)?;
        self.rest = self.rest.get(end..)?;
        Some(Json(item))
    }
}

impl<'a> Text<'a> {
    /// Characters, not yet escaped.
    pub fn plain(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Plain(text.into())
    }

    /// True when there is no character.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Escaped(text) => text.is_empty(),
            Self::Plain(text) => text.is_empty(),
        }
    }

    /// True when there is nothing but white space.
    pub fn is_blank(&self) -> bool {
        let plainly = |text: &str| text.chars().all(char::is_whitespace);
        match self {
            Self::Escaped(text) if !text.contains('\\') => plainly(text),
            other => plainly(&other.decode()),
        }
    }

    /// True when the characters are those of `other`.
    pub fn is(&self, other: &str) -> bool {
        match self {
            Self::Escaped(text) if !text.contains('\\') => *text == other,
            Self::Escaped(_) => self.decode() == other,
            Self::Plain(text) => text == other,
        }
    }

    /// The characters. Halves of surrogate pairs that stand alone become U+FFFD.
    pub fn decode(&self) -> Cow<'a, str> {
        match self {
            Self::Escaped(text) if text.contains('\\') => Cow::Owned(unescape(text)),
            Self::Escaped(text) => Cow::Borrowed(text),
            Self::Plain(text) => text.clone(),
        }
    }

    /// Appends the string in JSON, quotes included.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Escaped(text) => {
                out.push(b'"');
                out.extend_from_slice(text.as_bytes());
                out.push(b'"');
            }
            Self::Plain(text) => super::write::string(out, text),
        }
    }

    /// The same text, independent of the body it was read from.
    pub fn into_owned(self) -> Text<'static> {
        Text::Plain(Cow::Owned(self.decode().into_owned()))
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.decode() == other.decode()
    }
}

impl Eq for Text<'_> {}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let (character, used) = match escape.as_bytes().get(1) {
            Some(b'n') => ('\n', 2),
            Some(b't') => ('\t', 2),
            Some(b'r') => ('\r', 2),
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'u') => unicode(escape),
            Some(other) if other.is_ascii() => (char::from(*other), 2),
            _ => ('\u{fffd}', 1),
        };
        out.push(character);
        rest = escape.get(used..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// The character of the hexadecimal escape (or pair of them) that `escape` starts with, and its length.
fn unicode(escape: &str) -> (char, usize) {
    let Some(first) = hex(escape) else {
        return ('\u{fffd}', 2);
    };
    if let 0xd800..=0xdbff = first
        && let Some(second @ 0xdc00..=0xdfff) = escape.get(6..).and_then(hex)
    {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or('\u{fffd}'), 12);
    }
    (char::from_u32(first).unwrap_or('\u{fffd}'), 6)
}

fn hex(escape: &str) -> Option<u32> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_and_items_are_read_in_order() {
        let text = r#" {"b":[1, {"x":"]"} ,"a\"}"], "a" : {"k":null},"b":2.50} "#;
        let json = Json::parse(text.as_bytes()).unwrap();
        let members: Vec<_> = json
            .members()
            .map(|(key, value)| (key.decode().into_owned(), value.as_str()))
            .collect();
        assert_eq!(
            members,
            [
                ("b".to_owned(), r#"[1, {"x":"]"} ,"a\"}"]"#),
                ("a".to_owned(), r#"{"k":null}"#),
                ("b".to_owned(), "2.50"),
            ]
        );
        let items: Vec<_> = members_of(json, 0).items().map(Json::as_str).collect();
        assert_eq!(items, ["1", r#"{"x":"]"}"#, r#""a\"}""#]);
        assert_eq!(json.get("b").unwrap().as_f64(), Some(2.5));
        assert!(json.get("a").unwrap().get("k").is_none());
    }

    fn members_of(json: Json<'_>, index: usize) -> Json<'_> {
        json.members().nth(index).unwrap().1
    }

    #[test]
    fn paths_name_where_a_value_stands() {
        let json = Json::trusted(r#"{"messages":[{"content":"a"},{"content":[{"t":1}]}]}"#);
        let inner = json.get("messages").unwrap().items().nth(1).unwrap();
        let deep = inner
            .get("content")
            .unwrap()
            .items()
            .next()
            .unwrap()
            .get("t")
            .unwrap();
        assert_eq!(json.path_to(inner), "messages[1]");
        assert_eq!(json.path_to(deep), "messages[1].content[0].t");
        assert_eq!(json.path_to(json), "");
    }

    #[test]
    fn lone_surrogates_do_not_fail() {
        let text = Json::trusted(r#""a\ud83db\ud83d\ude00\u00e9\/\q""#)
            .as_text()
            .unwrap();
        assert_eq!(text.decode(), "a\u{fffd}b😀é/q");
    }

    proptest! {
        #[test]
        fn strings_decode_as_serde_decodes_them(text in any::<String>()) {
            let literal = serde_json::to_string(&text).unwrap();
            let read = Json::trusted(&literal).as_text().unwrap();
            prop_assert_eq!(read.decode(), text.as_str());
            let mut out = Vec::new();
            Text::plain(text.as_str()).write(&mut out);
            prop_assert_eq!(out, literal.into_bytes());
        }

        #[test]
        fn any_text_is_read_without_panic(text in "[\\[\\]{}\",:\\\\ a1éu]{0,40}") {
            fn walk(json: Json<'_>, depth: usize) {
                if depth < 20 {
                    json.items().for_each(|item| walk(item, depth + 1));
                    json.members().for_each(|(key, value)| { key.decode(); walk(value, depth + 1); });
                }
            }
            walk(Json::trusted(&text), 0);
        }
    }
}

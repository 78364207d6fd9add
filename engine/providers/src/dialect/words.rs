//! Strings and tool arguments, written as several dialects want them.

use tidegate_types::chat::{
    Arguments, Json, Text,
    write::{self, Object},
};

use super::codec::MALFORMED;

/// One string from several texts; their escapes stay as they are. `between` is written as it is.
pub(crate) fn joined(out: &mut Vec<u8>, texts: &[&Text<'_>], between: &str) {
    out.push(b'"');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(between.as_bytes());
        }
        escaped(out, text);
    }
    out.push(b'"');
}

/// The text as it stands between quotes.
pub(crate) fn escaped(out: &mut Vec<u8>, text: &Text<'_>) {
    match text {
        Text::Escaped(text) => out.extend_from_slice(text.as_bytes()),
        Text::Plain(_) => {
            let start = out.len();
            text.write(out);
            out.remove(start);
            out.pop();
        }
    }
}

/// Arguments as an object. Models sometimes write none or a broken one; the broken one is kept
/// under a name of its own, so that nothing is lost.
pub(crate) fn arguments(arguments: &Arguments<'_>, out: &mut Vec<u8>) {
    let text = match arguments {
        Arguments::Json(value) if value.is_object() => {
            return out.extend_from_slice(value.as_str().as_bytes());
        }
        Arguments::Json(value) => Text::plain(value.as_str()),
        Arguments::Text(text) => text.clone(),
    };
    let text = text.decode();
    match Json::parse(text.as_bytes()) {
        Ok(value) if value.is_object() => out.extend_from_slice(value.as_str().as_bytes()),
        Ok(value) if value.is_null() => out.extend_from_slice(b"{}"),
        _ if text.trim().is_empty() => out.extend_from_slice(b"{}"),
        _ => {
            let mut object = Object::open(out);
            write::string(object.key(MALFORMED), &text);
            object.close();
        }
    }
}

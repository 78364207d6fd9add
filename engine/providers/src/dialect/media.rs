//! Pictures and documents that travel inside a body.

use std::borrow::Cow;

use tidegate_types::chat::{Media, Text};

/// What an address stands for: a `data:` URL (RFC 2397) is taken apart, other addresses stay.
/// `None` for a `data:` URL that is not in base64.
pub(crate) fn from_url(url: Text<'_>) -> Option<Media<'_>> {
    let characters = match &url {
        Text::Escaped(text) if !text.contains('\\') => Cow::Borrowed(*text),
        other => other.decode(),
    };
    if !characters
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
    {
        return Some(Media::Url(url));
    }
    match characters {
        Cow::Borrowed(text) => {
            let (media_type, data) = split(text)?;
            Some(Media::Base64 {
                media_type: Text::Escaped(media_type),
                data: Text::Escaped(data),
            })
        }
        Cow::Owned(text) => {
            let (media_type, data) = split(&text)?;
            let (media_type, data) = (media_type.to_owned(), data.to_owned());
            Some(Media::Base64 {
                media_type: Text::plain(media_type),
                data: Text::plain(data),
            })
        }
    }
}

/// The media type and the base64 text of a `data:` URL.
fn split(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.get(5..)?.split_once(',')?;
    let (media_type, encoding) = head.rsplit_once(';')?;
    if !encoding.trim().eq_ignore_ascii_case("base64") {
        return None;
    }
    // Parameters such as `charset=utf-8` are no part of the type.
    Some((
        media_type.split(';').next().unwrap_or_default().trim(),
        data,
    ))
}

/// The media type that an address suggests by its ending, or empty. Videos of `YouTube` count as films,
/// as Gemini wants them.
pub(crate) fn guess_type(address: &str) -> &'static str {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "ogg" => "audio/ogg",
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        _ if ["youtube.com/", "youtu.be/"]
            .iter()
            .any(|host| address.contains(host)) =>
        {
            "video/mp4"
        }
        _ => "",
    }
}

/// The text that base64 stands for, if it is valid UTF-8.
pub(crate) fn decode_text(base64: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(base64.len() / 4 * 3);
    let (mut held, mut bits) = (0u32, 0u32);
    for byte in base64.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b'\n' | b'\r' => continue,
            _ => return None,
        };
        held = (held << 6) | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_types::chat::Json;

    #[test]
    fn data_urls_are_taken_apart_and_other_addresses_stay() {
        let of = |text| from_url(Json::trusted(text).as_text().unwrap());
        let Some(Media::Base64 { media_type, data }) = of(r#""data:image\/png;base64,aGk\/""#)
        else {
            panic!("no media")
        };
        assert!(media_type.is("image/png") && data.is("aGk/"));
        let Some(Media::Base64 { media_type, .. }) =
            of(r#""DATA:text/plain;charset=utf-8;base64,""#)
        else {
            panic!("no media")
        };
        assert!(media_type.is("text/plain"));
        assert!(matches!(of(r#""https://x/y.png""#), Some(Media::Url(_))));
        assert!(of(r#""data:text/plain,hello""#).is_none());
        assert!(matches!(of(r#""é""#), Some(Media::Url(_))));
    }

    #[test]
    fn base64_becomes_text() {
        assert_eq!(decode_text("aGVsbG8gw6k=").as_deref(), Some("hello é"));
        assert_eq!(decode_text("_w"), None);
        assert_eq!(decode_text("a b"), None);
    }
}

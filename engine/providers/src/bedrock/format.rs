//! Names of media formats: Bedrock uses short ones, everybody else media types.

use tidegate_types::chat::Text;

/// Format and media type. The first media type of a format is the one it is read as, the first
/// format of a media type the one it is written as.
pub(super) type Table = &'static [(&'static str, &'static str)];

pub(super) const IMAGE: Table = &[
    ("png", "image/png"),
    ("jpeg", "image/jpeg"),
    ("jpeg", "image/jpg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
];

pub(super) const DOCUMENT: Table = &[
    ("pdf", "application/pdf"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("xls", "application/vnd.ms-excel"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("html", "text/html"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("pdf", "application/x-pdf"),
    ("csv", "application/csv"),
    ("html", "application/xhtml+xml"),
    ("md", "text/x-markdown"),
];

pub(super) const VIDEO: Table = &[
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("mkv", "video/x-matroska"),
    ("webm", "video/webm"),
    ("flv", "video/x-flv"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("wmv", "video/x-ms-wmv"),
    ("three_gp", "video/3gpp"),
    ("mov", "video/mov"),
    ("mkv", "video/matroska"),
    ("wmv", "video/wmv"),
    ("flv", "video/flv"),
];

pub(super) const AUDIO: Table = &[
    ("mp3", "audio/mpeg"),
    ("wav", "audio/wav"),
    ("flac", "audio/flac"),
    ("aac", "audio/aac"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/opus"),
    ("m4a", "audio/m4a"),
    ("mp4", "audio/mp4"),
    ("webm", "audio/webm"),
    ("mka", "audio/x-matroska"),
    ("mkv", "audio/x-matroska"),
    ("x-aac", "audio/x-aac"),
    ("mpeg", "audio/mpeg"),
    ("mpga", "audio/mpeg"),
    ("pcm", "audio/pcm"),
    ("mp3", "audio/mp3"),
    ("wav", "audio/x-wav"),
    ("wav", "audio/wave"),
    ("m4a", "audio/x-m4a"),
    ("flac", "audio/x-flac"),
];

/// The media type of a format.
pub(super) fn media_type(table: Table, format: &str) -> Option<&'static str> {
    let found = table.iter().find(|(name, _)| *name == format);
    found.map(|(_, media_type)| *media_type)
}

/// The format of a media type.
pub(super) fn of_media_type(table: Table, media_type: &Text<'_>) -> Option<&'static str> {
    let media_type = media_type.decode().to_ascii_lowercase();
    let found = table.iter().find(|(_, name)| *name == media_type);
    found.map(|(format, _)| *format)
}

/// The format that the end of a file name or address tells.
pub(super) fn of_name(table: Table, name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    let end = end.to_ascii_lowercase();
    let end = match end.as_str() {
        "jpg" => "jpeg",
        "htm" => "html",
        "3gp" => "three_gp",
        other => other,
    };
    let found = table.iter().find(|(format, _)| *format == end);
    found.map(|(format, _)| *format)
}

/// A document's name in the characters that are allowed ("DocumentBlock"): letters, digits, single
/// spaces, hyphens, parentheses and square brackets, at most 200. Dots are not: the end that only
/// repeats the format goes.
pub(super) fn document_name(name: &str, format: Option<&str>) -> String {
    const LONGEST: usize = 180;
    let stem = match name.rsplit_once('.') {
        Some((stem, end)) if format.is_some_and(|format| end.eq_ignore_ascii_case(format)) => stem,
        _ => name,
    };
    let mut allowed = String::with_capacity(stem.len().min(LONGEST));
    for c in stem.chars().take(LONGEST) {
        let c = match c {
            c if c.is_ascii_alphanumeric() => c,
            '-' | '(' | ')' | '[' | ']' => c,
            c if c.is_whitespace() => ' ',
            _ => '-',
        };
        if !(c == ' ' && allowed.ends_with(' ')) {
            allowed.push(c);
        }
    }
    let allowed = allowed.trim();
    if allowed.is_empty() {
        "document".to_owned()
    } else {
        allowed.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_names_keep_to_the_allowed_characters() {
        for (name, format, want) in [
            ("report.pdf", Some("pdf"), "report"),
            ("a.b_c.txt", Some("pdf"), "a-b-c-txt"),
            ("Plan  (v2)\t[x]", None, "Plan (v2) [x]"),
            ("..", None, "--"),
            (" ", None, "document"),
            ("Übersicht", None, "-bersicht"),
        ] {
            assert_eq!(document_name(name, format), want);
        }
        assert_eq!(document_name(&"x".repeat(900), None).len(), 180);
    }

    #[test]
    fn formats_and_media_types_name_each_other() {
        for table in [IMAGE, DOCUMENT, VIDEO, AUDIO] {
            for (format, _) in table {
                let media = media_type(table, format).unwrap();
                let back = of_media_type(table, &Text::plain(media)).unwrap();
                assert_eq!(media_type(table, back), Some(media));
            }
        }
        assert_eq!(of_name(IMAGE, "s3://bucket/a.b/c.JPG"), Some("jpeg"));
        assert_eq!(of_name(IMAGE, "s3://bucket/c"), None);
    }
}

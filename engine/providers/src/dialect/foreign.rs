//! Another vendor's proofs of reasoning in a body that is passed on as it is.
//!
//! A conversation may change its provider between two turns. In the same dialect nobody decodes it, so
//! proofs that this gateway handed out for one vendor would reach another, who refuses the request.

use std::ops::Range;

use memchr::memmem;
use tidegate_types::{Dialect, chat::Json};

use super::{codec::name, proof};

/// Whether a body may hold what [`without_foreign_proofs`] leaves out: a search, without reading it.
pub fn may_hold_foreign_proofs(dialect: Dialect, body: &[u8]) -> bool {
    let marks: &[&[u8]] = match dialect {
        Dialect::Anthropic => &[b"\"gemini.", b"\"responses:"],
        Dialect::Responses => &[b"\"signature:", b"\"redacted:"],
        _ => return false,
    };
    marks.iter().any(|mark| memmem::find(body, mark).is_some())
}

/// The body without reasoning that only another vendor can take back; `None` when there is none. All
/// other bytes stay.
pub fn without_foreign_proofs(dialect: Dialect, body: &[u8]) -> Option<Vec<u8>> {
    if !may_hold_foreign_proofs(dialect, body) {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?;
    let whole = Json::parse(body).ok()?;
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut leave_out = |list: Json<'_>, foreign: fn(Json<'_>) -> bool| {
        let places: Vec<(Range<usize>, bool)> = list
            .items()
            .map(|item| (place(text, item), foreign(item)))
            .collect();
        let (Some(first), Some(last)) = (places.first(), places.last()) else {
            return;
        };
        let last_kept = places.iter().rposition(|(_, foreign)| !foreign);
        if places.iter().all(|(_, foreign)| !foreign) {
            return;
        }
        let mut kept = String::new();
        for (at, (place, _)) in places
            .iter()
            .enumerate()
            .filter(|(_, (_, foreign))| !foreign)
        {
            kept.push_str(&text[place.clone()]);
            if Some(at) != last_kept {
                kept.push_str(&text[place.end..places[at + 1].0.start]);
            }
        }
        edits.push((first.0.start..last.0.end, kept));
    };
    if dialect == Dialect::Responses {
        leave_out(whole.get("input")?, is_foreign_item);
    } else {
        for message in whole.get("messages")?.items() {
            if let Some(content) = message.get("content") {
                leave_out(content, is_foreign_block);
            }
        }
    }
    if edits.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    for (range, kept) in edits {
        out.extend_from_slice(&body[at..range.start]);
        out.extend_from_slice(kept.as_bytes());
        at = range.end;
    }
    out.extend_from_slice(&body[at..]);
    Some(out)
}

/// Where an item stands in the text it was read from.
fn place(text: &str, item: Json<'_>) -> Range<usize> {
    let start = item.as_str().as_ptr() as usize - text.as_ptr() as usize;
    start..start + item.as_str().len()
}

fn is_foreign_block(block: Json<'_>) -> bool {
    let key = match &*name(block, "type") {
        "thinking" => "signature",
        "redacted_thinking" => "data",
        _ => return false,
    };
    block
        .get(key)
        .and_then(Json::as_text)
        .is_some_and(|proof| proof::is_foreign(&proof))
}

fn is_foreign_item(item: Json<'_>) -> bool {
    name(item, "type") == "reasoning" && {
        let proof = name(item, "encrypted_content");
        proof.starts_with("signature:") || proof.starts_with("redacted:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_foreign_reasoning_is_left_out() {
        let leave = |dialect, body: &str| {
            without_foreign_proofs(dialect, body.as_bytes())
                .map(|body| String::from_utf8(body).unwrap())
        };
        let block = r#"{"type":"thinking","thinking":"t","signature":"gemini.A"}"#;
        let hidden = r#"{"type":"redacted_thinking","data":"responses:1:x"}"#;
        let own = r#"{"type":"thinking","thinking":"t","signature":"EqQ"}"#;
        let text = r#"{"type":"text","text":"\"gemini.\" , 1.0"}"#;
        let of = |list: &str| {
            format!(r#"{{ "x":1e400,"messages":[{{"content":[{list}]}}],"model":"m" }}"#)
        };
        for (before, after) in [
            (format!("{block} , {text}"), text.to_owned()),
            (format!("{text}, {hidden}"), text.to_owned()),
            (
                format!("{block},{hidden},{own}, {text}"),
                format!("{own}, {text}"),
            ),
            (format!("{text},{block},{hidden}"), text.to_owned()),
            (block.to_owned(), String::new()),
        ] {
            let done = leave(Dialect::Anthropic, &of(&before)).unwrap();
            let bare = |text: &str| text.replace(' ', "");
            assert_eq!(bare(&done), bare(&of(&after)), "{before}");
            assert!(Json::parse(done.as_bytes()).is_ok(), "{done}");
        }
        assert!(leave(Dialect::Anthropic, &of(&format!("{own},{text}"))).is_none());
        let item = r#"{"type":"reasoning","summary":[],"encrypted_content":"signature:E"}"#;
        assert_eq!(
            leave(
                Dialect::Responses,
                &format!(r#"{{"input":[{item},{{"role":"user"}}]}}"#)
            )
            .unwrap(),
            r#"{"input":[{"role":"user"}]}"#
        );
        assert!(leave(Dialect::OpenAi, &of(block)).is_none());
    }
}

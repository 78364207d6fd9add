//! The conversation.

use std::collections::HashMap;

use tidegate_types::chat::{
    Json, Media, Message, Part, PartKind, Request, Role, Text,
    write::{Array, Object},
};

use super::super::response;
use crate::dialect::{media, proof, words};

/// Stands in where the conversation does not begin with the user.
const OPENING: &str = ".";

/// In place of a proof that was never made, because another vendor's model called ("Thought
/// signatures", migrating from other models).
const SKIP: &str = "skip_thought_signature_validator";

/// A turn: results of tools first, everything else in order.
struct Turn<'r, 'a> {
    role: Role,
    results: Vec<&'r Part<'a>>,
    rest: Vec<&'r Part<'a>>,
}

struct Writer<'r, 'a, 'd> {
    /// Function of each call so far: results are told with it.
    names: HashMap<String, &'r Text<'a>>,
    /// Gemini 3 takes pictures inside of results and asks for proofs of calls.
    third: bool,
    /// Models that think take back what was thought; the vendor's own SDKs send it along.
    thinks: bool,
    dropped: &'d mut Vec<Json<'a>>,
}

pub(super) fn write<'a>(
    request: &Request<'a>,
    version: Option<(u32, u32)>,
    body: &mut Object<'_>,
    dropped: &mut Vec<Json<'a>>,
) {
    let mut writer = Writer {
        names: HashMap::new(),
        third: version >= Some((3, 0)),
        thinks: version.is_none_or(|version| version >= (2, 5)),
        dropped,
    };
    let turns = writer.turns(request);
    body.array("contents", |list| {
        // A call must follow words of the user, and there must be some content.
        if turns.first().is_none_or(|turn| turn.role != Role::User) {
            list.object(|content| {
                content.array("parts", |list| {
                    list.object(|part| {
                        part.str("text", OPENING);
                    });
                });
                content.str("role", "user");
            });
        }
        for turn in &turns {
            let mut parts = Vec::new();
            let mut written = Array::open(&mut parts);
            match turn.role {
                Role::User => writer.user(turn, &mut written),
                Role::Assistant => writer.model(turn, &mut written),
            }
            let empty = written.is_empty();
            written.close();
            if empty {
                continue;
            }
            list.object(|content| {
                content.key("parts").extend_from_slice(&parts);
                content.str(
                    "role",
                    if turn.role == Role::User {
                        "user"
                    } else {
                        "model"
                    },
                );
            });
        }
    });
}

impl<'r, 'a> Writer<'r, 'a, '_> {
    /// Turns of one role in a row become one: results of parallel calls must stand together.
    fn turns(&mut self, request: &'r Request<'a>) -> Vec<Turn<'r, 'a>> {
        let mut turns: Vec<Turn<'r, 'a>> = Vec::new();
        let mut add = |role: Role, parts: &'r [Part<'a>]| {
            let parts: Vec<_> = parts.iter().filter(|part| self.keeps(part, role)).collect();
            let (results, rest) = parts
                .into_iter()
                .partition(|part| matches!(part.kind, PartKind::ToolResult { .. }));
            let turn = Turn {
                role,
                results,
                rest,
            };
            match turns.last_mut() {
                _ if turn.results.is_empty() && turn.rest.is_empty() => {}
                Some(last) if last.role == role => {
                    last.results.extend(turn.results);
                    last.rest.extend(turn.rest);
                }
                _ => turns.push(turn),
            }
        };
        // Without any message the instructions are the message.
        if request.messages.is_empty() {
            add(Role::User, &request.system);
        }
        for Message { role, parts } in &request.messages {
            add(*role, parts);
        }
        turns
    }

    /// Whether this dialect can express the part; what it cannot is noted as dropped.
    fn keeps(&mut self, part: &Part<'a>, role: Role) -> bool {
        self.dropped.extend(part.cache);
        let keeps = match &part.kind {
            PartKind::Text { text, .. } | PartKind::Refusal(text) => return !text.is_empty(),
            PartKind::Thinking { signature, .. } => {
                let signature = signature.as_ref().filter(|proof| !proof.is_empty());
                // Another vendor's proof would be lost, and the reasoning with it.
                let bearable = signature.is_none_or(proof::is_gemini);
                role == Role::Assistant && self.thinks && bearable
            }
            PartKind::RedactedThinking(_) => false,
            PartKind::ToolCall { .. } => role == Role::Assistant,
            PartKind::ToolResult { .. } => role == Role::User,
            PartKind::Document { context, cite, .. } => {
                self.dropped.extend(*context);
                self.dropped.extend(*cite);
                shown(&part.kind).is_some()
            }
            kind => shown(kind).is_some(),
        };
        if !keeps {
            self.dropped.push(part.from);
        }
        keeps
    }

    fn user(&mut self, turn: &Turn<'r, 'a>, list: &mut Array<'_>) {
        let mut beside = Vec::new();
        for part in &turn.results {
            if let PartKind::ToolResult { id, parts, failed } = &part.kind {
                self.result(id, parts, failed.is_some(), &mut beside, list);
            }
        }
        for part in beside.into_iter().chain(turn.rest.iter().copied()) {
            plain(&part.kind, list);
        }
    }

    fn result(
        &mut self,
        id: &Text<'a>,
        parts: &'r [Part<'a>],
        failed: bool,
        beside: &mut Vec<&'r Part<'a>>,
        list: &mut Array<'_>,
    ) {
        let mut said: Vec<&Text<'a>> = Vec::new();
        let mut inside = Vec::new();
        for part in parts {
            self.dropped.extend(part.cache);
            match &part.kind {
                PartKind::Text { text, .. }
                | PartKind::Refusal(text)
                | PartKind::Document {
                    media: Media::Text(text),
                    ..
                } => said.push(text),
                kind if shown(kind).is_none() => self.dropped.push(part.from),
                kind if self.third && in_result(kind) => inside.push(part),
                _ => beside.push(part),
            }
        }
        let name = self.names.get(&*id.decode()).copied().unwrap_or(id);
        list.object(|part| {
            part.object("functionResponse", |response| {
                if !id.is_empty() {
                    response.text("id", id);
                }
                response.text("name", name);
                tell(&said, failed, response);
                if !inside.is_empty() {
                    response.array("parts", |list| {
                        for part in &inside {
                            plain(&part.kind, list);
                        }
                    });
                }
            });
        });
    }

    fn model(&mut self, turn: &Turn<'r, 'a>, list: &mut Array<'_>) {
        let mut waiting: Option<Text<'_>> = None;
        let mut called = false;
        let mut parts = turn.rest.iter().peekable();
        while let Some(part) = parts.next() {
            match &part.kind {
                PartKind::Thinking { text, signature } => {
                    if !text.is_empty() {
                        list.object(|part| response::thought(text, None, part));
                    }
                    let own = signature.as_ref().and_then(proof::from_gemini);
                    flush(waiting.take(), list);
                    waiting = own;
                }
                PartKind::ToolCall {
                    id,
                    name,
                    arguments,
                    signature,
                } => {
                    self.names.insert(id.decode().into_owned(), name);
                    let given = signature.clone().filter(|proof| !proof.is_empty());
                    let first = self.third && !called;
                    called = true;
                    flush(waiting.take(), list);
                    let skip = first.then_some(Text::Escaped(SKIP));
                    list.object(|part| {
                        response::function_call(id, name, arguments, part);
                        if let Some(proof) = given.or(skip) {
                            part.text("thoughtSignature", &proof);
                        }
                    });
                }
                PartKind::Text { text, .. } | PartKind::Refusal(text) => {
                    // The proof of words stands behind them, or before them where other dialects
                    // tell reasoning first.
                    let behind = parts.peek().and_then(|next| match &next.kind {
                        PartKind::Thinking {
                            text,
                            signature: Some(signature),
                        } if text.is_empty() => proof::from_gemini(signature),
                        _ => None,
                    });
                    let behind = behind.filter(|_| waiting.is_none());
                    if behind.is_some() {
                        parts.next();
                    }
                    list.object(|part| {
                        part.text("text", text);
                        if let Some(proof) = waiting.take().or(behind) {
                            part.text("thoughtSignature", &proof);
                        }
                    });
                }
                kind => plain(kind, list),
            }
        }
        flush(waiting, list);
    }
}

/// A proof without words, which is how streams bring it too.
fn flush(waiting: Option<Text<'_>>, list: &mut Array<'_>) {
    if let Some(proof) = waiting {
        list.object(|part| {
            part.str("text", "").text("thoughtSignature", &proof);
        });
    }
}

/// The result as the object it must be: what is one stays one, words are wrapped.
fn tell(said: &[&Text<'_>], failed: bool, response: &mut Object<'_>) {
    if let ([text], false) = (said, failed) {
        let text = text.decode();
        if text.trim_start().starts_with('{')
            && let Ok(value) = Json::parse(text.as_bytes())
            && value.is_object()
        {
            response.json("response", value);
            return;
        }
    }
    response.object("response", |object| {
        let key = if failed { "error" } else { "result" };
        words::joined(object.key(key), said, "\\n");
    });
}

/// What stands in a part: the media and the type to tell, which an address does not say.
fn shown<'r, 'a>(kind: &'r PartKind<'a>) -> Option<(&'r Media<'a>, &'static str)> {
    let (media, otherwise) = match kind {
        PartKind::Image { media, .. } => (media, "image/jpeg"),
        PartKind::Document { media, .. } => (media, "application/pdf"),
        PartKind::Audio(media) => (media, "audio/mpeg"),
        PartKind::Video(media) => (media, "video/mp4"),
        _ => return None,
    };
    match media {
        // Ids of other vendors mean nothing here.
        Media::File(id) if !is_stored(&id.decode()) => None,
        _ => Some((media, otherwise)),
    }
}

/// Addresses of the vendor's own storage.
fn is_stored(address: &str) -> bool {
    address.starts_with("gs://")
        || address.starts_with("https://generativelanguage.googleapis.com/")
}

/// Only media that travel inside the body can stand in a result.
fn in_result(kind: &PartKind<'_>) -> bool {
    shown(kind).is_some_and(|(media, _)| matches!(media, Media::Base64 { .. }))
}

fn plain(kind: &PartKind<'_>, list: &mut Array<'_>) {
    if let PartKind::Text { text, .. } | PartKind::Refusal(text) = kind {
        list.object(|part| {
            part.text("text", text);
        });
        return;
    }
    let Some((media, otherwise)) = shown(kind) else {
        return;
    };
    list.object(|part| {
        match media {
            Media::Base64 { media_type, data } => {
                part.object("inlineData", |blob| {
                    if media_type.is_empty() {
                        blob.str("mimeType", otherwise);
                    } else {
                        blob.text("mimeType", media_type);
                    }
                    blob.text("data", data);
                });
            }
            Media::Text(text) => {
                part.text("text", text);
            }
            // Public addresses are fetched by the vendor ("File input methods").
            Media::Url(uri) | Media::File(uri) => {
                part.object("fileData", |file| {
                    let guessed = media::guess_type(&uri.decode());
                    let told = if guessed.is_empty() {
                        otherwise
                    } else {
                        guessed
                    };
                    file.str("mimeType", told).text("fileUri", uri);
                });
            }
        }
    });
}

//! Writing chunks.

use tidegate_types::{
    Usage,
    chat::{
        Arguments, Delta, Stop, Text,
        write::{self, Object},
    },
};

use super::super::{
    Gemini,
    response::{self, Sources},
};
use crate::dialect::{
    codec::{Encoder, StreamOptions},
    failure_event,
};

/// Writes chunks: words as they come, calls whole, the reason of the end and the usage at last.
#[derive(Debug)]
pub(crate) struct ChunkEncoder {
    options: StreamOptions,
    /// Everything of a chunk behind its candidate.
    tail: Vec<u8>,
    /// Calls that are not yet complete, in order.
    calls: Vec<Call>,
    sources: Sources,
    refused: bool,
    stop: Option<Stop>,
    usage: Option<Usage>,
    ended: bool,
}

#[derive(Debug)]
struct Call {
    index: u32,
    id: Text<'static>,
    name: Text<'static>,
    signature: Option<Text<'static>>,
    arguments: String,
}

impl ChunkEncoder {
    pub(crate) fn new(options: StreamOptions) -> Self {
        Self {
            options,
            tail: Vec::new(),
            calls: Vec::new(),
            sources: Sources::default(),
            refused: false,
            stop: None,
            usage: None,
            ended: false,
        }
    }

    fn start(&mut self, id: &Text<'_>) {
        if !self.tail.is_empty() {
            return;
        }
        self.tail.extend_from_slice(b",\"modelVersion\":");
        write::string(&mut self.tail, &self.options.model);
        if !id.is_empty() {
            self.tail.extend_from_slice(b",\"responseId\":");
            id.write(&mut self.tail);
        }
        self.tail.extend_from_slice(b"}\n\n");
    }

    /// A chunk with one part.
    fn part(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        out.extend_from_slice(b"data: {\"candidates\":[{\"content\":{\"parts\":[");
        let mut part = Object::open(out);
        fill(&mut part);
        part.close();
        out.extend_from_slice(b"],\"role\":\"model\"},\"index\":0}]");
        out.extend_from_slice(&self.tail);
    }

    /// Calls whose arguments are complete.
    fn flush(&mut self, out: &mut Vec<u8>) {
        for call in std::mem::take(&mut self.calls) {
            self.part(out, |part| {
                let given = Arguments::Text(Text::plain(call.arguments.as_str()));
                response::function_call(&call.id, &call.name, &given, part);
                if let Some(signature) = &call.signature {
                    part.text("thoughtSignature", signature);
                }
            });
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.flush(out);
        self.ended = true;
        out.extend_from_slice(
            b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"}",
        );
        let reason = response::finish_reason(self.stop, self.refused);
        out.extend_from_slice(b",\"finishReason\":");
        write::string(out, reason);
        out.extend_from_slice(b",\"index\":0");
        let mut grounding = Vec::new();
        let mut object = Object::open(&mut grounding);
        self.sources.write(&mut object);
        object.close();
        if grounding.len() > 2 {
            out.push(b',');
            out.extend_from_slice(grounding.get(1..grounding.len() - 1).unwrap_or_default());
        }
        out.extend_from_slice(b"}]");
        if let Some(usage) = &self.usage {
            out.extend_from_slice(b",\"usageMetadata\":");
            let mut object = Object::open(out);
            response::usage_members(usage, &mut object);
            object.close();
        }
        out.extend_from_slice(&self.tail);
    }
}

impl Encoder for ChunkEncoder {
    fn encode(&mut self, delta: Delta<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match &delta {
            Delta::Start { id, .. } => return self.start(id),
            // Neither a comment nor an empty chunk would be borne by every client.
            Delta::Ping => return,
            Delta::Failed {
                message,
                kind,
                status,
            } => {
                self.ended = true;
                return failure_event::<Gemini>(*status, message, kind, out);
            }
            _ => self.start(&Text::Escaped("")),
        }
        match delta {
            Delta::Text(text) => self.part(out, |part| {
                part.text("text", &text);
            }),
            Delta::Refusal(text) => {
                self.refused = true;
                self.part(out, |part| {
                    part.text("text", &text);
                });
            }
            Delta::Citation(source) => {
                self.sources.place(&source);
            }
            Delta::Thinking(text) => {
                self.part(out, |part| response::thought(&text, None, part));
            }
            Delta::Signature(signature) => self.part(out, |part| {
                response::thought(&Text::Escaped(""), Some(&signature), part);
            }),
            Delta::RedactedThinking(data) => {
                self.part(out, |part| response::redacted(&data, part));
            }
            Delta::Call {
                index,
                id,
                name,
                signature,
            } => self.calls.push(Call {
                index,
                id: id.into_owned(),
                name: name.into_owned(),
                signature: signature.map(Text::into_owned),
                arguments: String::new(),
            }),
            Delta::Arguments { index, fragment } => {
                let call = self.calls.iter_mut().rfind(|call| call.index == index);
                if let Some(call) = call {
                    call.arguments.push_str(&fragment.decode());
                }
            }
            Delta::BlockEnd => self.flush(out),
            Delta::Stop { stop, .. } => {
                self.flush(out);
                self.stop = Some(stop);
            }
            Delta::Usage(usage) => self.usage = Some(usage),
            Delta::End => self.end(out),
            Delta::Start { .. } | Delta::Ping | Delta::Failed { .. } => {}
        }
    }
}

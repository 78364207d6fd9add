//! Writing chunks.

use tidegate_types::{
    Usage,
    chat::{
        Arguments, Delta, Stop, Text, Token,
        write::{self, Object},
    },
};

use super::super::{
    Gemini,
    response::{self, Sources},
};
use crate::dialect::{
    codec::{Encoder, StreamOptions},
    failure_event, logprobs,
};

/// Writes chunks: words as they come, calls whole, the reason of the end and the usage at last.
#[derive(Debug)]
pub(crate) struct ChunkEncoder {
    options: StreamOptions,
    /// Everything of a chunk behind its candidates.
    tail: Vec<u8>,
    /// The candidate under way.
    at: u64,
    candidate: Candidate,
    /// The others, where there are several.
    others: Vec<(u64, Candidate)>,
    usage: Option<Usage>,
    ended: bool,
}

/// What is known of one of the candidates.
#[derive(Debug, Default)]
struct Candidate {
    /// Calls that are not yet complete, in order.
    calls: Vec<Call>,
    sources: Sources,
    /// How likely the tokens of the next words are, as members.
    tokens: Vec<u8>,
    refused: bool,
    stop: Option<Stop>,
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
            at: 0,
            candidate: Candidate::default(),
            others: Vec::new(),
            usage: None,
            ended: false,
        }
    }

    /// Goes on with another candidate.
    fn turn_to(&mut self, index: u64) {
        if index == self.at {
            return;
        }
        let place = self.others.iter().position(|(at, _)| *at == index);
        let next = match place {
            Some(place) => self.others.swap_remove(place).1,
            None => Candidate::default(),
        };
        let before = std::mem::replace(&mut self.candidate, next);
        self.others.push((self.at, before));
        self.at = index;
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
    fn part(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        out.extend_from_slice(b"data: {\"candidates\":[{\"content\":{\"parts\":[");
        let mut part = Object::open(out);
        fill(&mut part);
        part.close();
        out.extend_from_slice(b"],\"role\":\"model\"},\"index\":");
        write::number(out, self.at);
        out.append(&mut self.candidate.tokens);
        out.extend_from_slice(b"}]");
        out.extend_from_slice(&self.tail);
    }

    /// Calls whose arguments are complete.
    fn flush(&mut self, out: &mut Vec<u8>) {
        for call in std::mem::take(&mut self.candidate.calls) {
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
        let last = std::mem::take(&mut self.candidate);
        let mut all = vec![(self.at, last)];
        while let Some((at, candidate)) = self.others.pop() {
            (self.at, self.candidate) = (at, candidate);
            self.flush(out);
            all.push((at, std::mem::take(&mut self.candidate)));
        }
        all.sort_by_key(|(index, _)| *index);
        out.extend_from_slice(b"data: {\"candidates\":[");
        for (place, (index, candidate)) in all.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            candidate.end(*index, out);
        }
        out.extend_from_slice(b"]");
        if let Some(usage) = &self.usage {
            out.extend_from_slice(b",\"usageMetadata\":");
            let mut object = Object::open(out);
            response::usage_members(usage, &mut object);
            object.close();
        }
        out.extend_from_slice(&self.tail);
    }
}

impl Candidate {
    fn end(&self, index: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"}");
        let reason = response::finish_reason(self.stop, self.refused);
        out.extend_from_slice(b",\"finishReason\":");
        write::string(out, reason);
        out.extend_from_slice(b",\"index\":");
        write::number(out, index);
        out.extend_from_slice(&self.tokens);
        let mut grounding = Vec::new();
        let mut object = Object::open(&mut grounding);
        self.sources.write(&mut object);
        object.close();
        if grounding.len() > 2 {
            out.push(b',');
            out.extend_from_slice(grounding.get(1..grounding.len() - 1).unwrap_or_default());
        }
        out.push(b'}');
    }
}

/// The members that tell how likely tokens are, a comma in front.
fn members(tokens: &[Token<'_>]) -> Vec<u8> {
    let mut told = Vec::new();
    let mut object = Object::open(&mut told);
    logprobs::write_gemini(tokens, &mut object);
    object.close();
    told.pop();
    if let Some(first) = told.first_mut() {
        *first = b',';
    }
    if told.len() == 1 { Vec::new() } else { told }
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
                self.candidate.refused = true;
                self.part(out, |part| {
                    part.text("text", &text);
                });
            }
            Delta::Citation(source) => {
                self.candidate.sources.place(&source);
            }
            Delta::Choice(index) => self.turn_to(index),
            // A chunk has one list of them, and chunks without words have none.
            Delta::Logprobs(tokens) => self.candidate.tokens = members(&tokens),
            Delta::Image(media) => self.part(out, |part| response::blob(&media, part)),
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
            } => self.candidate.calls.push(Call {
                index,
                id: id.into_owned(),
                name: name.into_owned(),
                signature: signature.map(Text::into_owned),
                arguments: String::new(),
            }),
            Delta::Arguments { index, fragment } => {
                let calls = &mut self.candidate.calls;
                let call = calls.iter_mut().rfind(|call| call.index == index);
                if let Some(call) = call {
                    call.arguments.push_str(&fragment.decode());
                }
            }
            Delta::BlockEnd => self.flush(out),
            Delta::Stop { stop, .. } => {
                self.flush(out);
                self.candidate.stop = Some(stop);
            }
            Delta::Usage(usage) => self.usage = Some(usage),
            Delta::End => self.end(out),
            Delta::Start { .. } | Delta::Ping | Delta::Failed { .. } => {}
        }
    }
}

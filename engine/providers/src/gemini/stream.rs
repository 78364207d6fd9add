//! Streams of `GenerateContentResponse`.

mod encoder;

pub(crate) use encoder::ChunkEncoder;

use std::collections::HashSet;

use tidegate_types::chat::{Arguments, Delta, Json, PartKind, Stop, Text};

use super::{decode, either, response};
use crate::{
    dialect::{
        codec::{Decoder, Fault, JSON_TOOL, MOST_BLOCKS, member, object},
        failure_delta, logprobs, proof,
    },
    sse::SseEvent,
};

/// Reads chunks.
#[derive(Debug, Default)]
pub(crate) struct ChunkDecoder {
    started: bool,
    /// Which candidate was told last.
    at: u64,
    candidates: Vec<(u64, Candidate)>,
}

/// What is known of one of the candidates.
#[derive(Debug, Default)]
struct Candidate {
    calls: u32,
    /// Addresses of the sources told so far: every chunk may repeat those before it.
    cited: HashSet<String>,
}

impl Decoder for ChunkDecoder {
    fn decode<'a>(
        &mut self,
        event: &'a SseEvent,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        if event.data.is_empty() {
            return Ok(());
        }
        let chunk =
            Json::parse(&event.data).map_err(|message| Fault::new(Json::trusted(""), message))?;
        if chunk.get("error").is_some() {
            sink(failure_delta(chunk));
            return Ok(());
        }
        let id = either(chunk, "responseId", "response_id").and_then(Json::as_text);
        if !self.started {
            self.started = true;
            let id = id.clone().unwrap_or(Text::Escaped(""));
            sink(Delta::Start { id, created: None });
        }
        if let Some(usage) = response::counts(chunk) {
            sink(Delta::Usage(usage));
        }
        let mut told = false;
        let candidates = chunk.get("candidates").map(Json::items);
        for candidate in candidates.into_iter().flatten() {
            let index = response::index_of(candidate);
            if index != self.at {
                self.at = index;
                sink(Delta::Choice(index));
            }
            let place = self.candidates.iter().position(|(at, _)| *at == index);
            let place = match place {
                Some(place) => place,
                None if self.candidates.len() >= MOST_BLOCKS => {
                    return Err(Fault::new(candidate, "is one candidate too many"));
                }
                None => {
                    self.candidates.push((index, Candidate::default()));
                    self.candidates.len() - 1
                }
            };
            if let Some((_, state)) = self.candidates.get_mut(place) {
                told |= state.read(candidate, id.as_ref(), sink)?;
            }
        }
        if !told && let Some(stop) = response::blocked(chunk) {
            sink(Delta::Stop {
                stop,
                sequence: None,
            });
        }
        Ok(())
    }
}

impl Candidate {
    /// True when it says why it ended.
    fn read<'a>(
        &mut self,
        candidate: Json<'a>,
        reply: Option<&Text<'a>>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<bool, Fault<'a>> {
        let tokens = logprobs::read_gemini(candidate);
        if !tokens.is_empty() {
            sink(Delta::Logprobs(tokens));
        }
        let parts = candidate
            .get("content")
            .and_then(|content| content.get("parts"));
        for part in parts.map(Json::items).into_iter().flatten() {
            self.part(part, reply, sink)?;
        }
        for source in decode::citations(candidate) {
            if self.cited.len() < MOST_BLOCKS && self.cited.insert(source.url.decode().into_owned())
            {
                sink(Delta::Citation(source));
            }
        }
        let Some(stop) = response::stop(candidate) else {
            return Ok(false);
        };
        // A reply that was stopped for its content is no call any more.
        let called = self.calls > 0 && stop == Stop::End;
        sink(Delta::Stop {
            stop: if called { Stop::ToolUse } else { stop },
            sequence: None,
        });
        Ok(true)
    }

    fn part<'a>(
        &mut self,
        item: Json<'a>,
        reply: Option<&Text<'a>>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        let source = decode::source(object(item)?);
        if let Some(call) = source.call {
            return self.call(call, source.signature, reply, sink);
        }
        if let Some(data) = source.media.filter(|_| !source.thought) {
            // Sound comes in pieces that no other dialect could put together.
            if let PartKind::Image { media, .. } = decode::media_part(object(data)?)? {
                sink(Delta::Image(media));
            }
        }
        let Some(words) = source.text else {
            return Ok(());
        };
        if let Some(text) = words.as_text().filter(|text| !text.is_empty()) {
            sink(if source.thought {
                Delta::Thinking(text)
            } else {
                Delta::Text(text)
            });
        }
        if let Some(signature) = source.signature {
            sink(Delta::Signature(proof::gemini(&signature)));
        }
        Ok(())
    }

    fn call<'a>(
        &mut self,
        call: Json<'a>,
        signature: Option<Text<'a>>,
        reply: Option<&Text<'a>>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        let name = member(object(call)?, "name")?;
        let arguments = decode::arguments(call)?;
        if name.is(JSON_TOOL) {
            sink(Delta::Text(Text::plain(response::reply_of(&arguments))));
            return Ok(());
        }
        let index = self.calls;
        if index as usize >= MOST_BLOCKS {
            return Err(Fault::new(call, "is one tool call too many"));
        }
        self.calls += 1;
        let id = decode::given_id(call);
        let id = id.unwrap_or_else(|| decode::call_id(reply, index as usize));
        sink(Delta::Call {
            index,
            id,
            name,
            signature,
        });
        let fragment = match arguments {
            Arguments::Json(given) => Text::plain(given.as_str()),
            Arguments::Text(_) => Text::Escaped("{}"),
        };
        sink(Delta::Arguments { index, fragment });
        sink(Delta::BlockEnd);
        Ok(())
    }
}

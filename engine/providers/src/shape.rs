//! What a host changes of the dialect it serves: addresses, a few members of the body, the framing
//! of streams.
//!
//! A dialect is the maker's; a shape is the cloud's that hosts the models. Both are pure functions
//! over bytes, except for the body of an answer, which is reframed as it arrives.

mod unwrap;

use http::{HeaderMap, HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tidegate_types::{
    Dialect, Native, Segments,
    chat::{Json, Text, write::Object},
    json::quote,
};

use crate::{
    dialect::{chat_path, count_path},
    event_stream,
    transport::{BodyStream, HttpResponse},
};

/// Where and how a dialect is served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// As its maker serves it.
    #[default]
    Plain,
    /// Below a path of a host that serves other formats beside it.
    Below {
        /// What stands in front of every path.
        root: String,
    },
    /// Azure OpenAI's dated API: `/deployments/MODEL` stands in front of the path ("Azure OpenAI in
    /// Azure AI Foundry Models REST API reference").
    AzureDeployments,
    /// Gemini on Vertex AI, below `/v1/projects/PROJECT/locations/LOCATION`, or `/v1` for those who
    /// come with a key.
    VertexGemini {
        /// What stands in front of `/publishers`.
        root: String,
    },
    /// Claude on Vertex AI, below the same ("Request predictions with Claude models").
    VertexAnthropic {
        /// What stands in front of `/publishers`.
        root: String,
    },
    /// Claude on Bedrock in its own dialect ("InvokeModel", "InvokeModelWithResponseStream",
    /// "Anthropic Claude Messages API").
    BedrockAnthropic,
    /// watsonx.ai: `/text/chat` with a project ("Infer text chat", watsonx.ai API).
    Watsonx {
        /// `project_id` or `space_id`, and which.
        owner: (&'static str, String),
    },
    /// An endpoint of SageMaker whose container speaks OpenAI's dialect ("InvokeEndpoint").
    SageMaker,
}

/// What a path segment may hold as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'@');

fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

impl Shape {
    /// Whether the address of a chat request depends on nothing but the base URL.
    pub fn has_fixed_path(&self, dialect: Dialect) -> bool {
        *self == Self::Plain && !dialect.names_model_in_path()
    }

    /// Where chat requests go, below the base URL.
    pub fn chat_path(&self, dialect: Dialect, model: &str, stream: bool) -> String {
        match self {
            Self::Plain => chat_path(dialect, model, stream),
            Self::Below { .. } => self.path(&chat_path(dialect, model, stream), model),
            Self::AzureDeployments => self.path("/chat/completions", model),
            Self::VertexGemini { root } => {
                let own = chat_path(dialect, model, stream);
                let verb = own.rsplit_once(':').map_or("", |(_, verb)| verb);
                // A tuned model has an endpoint of its own, named by its number.
                if !model.is_empty() && model.bytes().all(|byte| byte.is_ascii_digit()) {
                    return format!("{root}/endpoints/{model}:{verb}");
                }
                format!("{root}/publishers/google/models/{}:{verb}", segment(model))
            }
            Self::VertexAnthropic { root } => {
                let verb = if stream {
                    "streamRawPredict"
                } else {
                    "rawPredict"
                };
                format!(
                    "{root}/publishers/anthropic/models/{}:{verb}",
                    segment(model)
                )
            }
            Self::BedrockAnthropic => {
                let verb = if stream {
                    "invoke-with-response-stream"
                } else {
                    "invoke"
                };
                format!("/model/{}/{verb}", segment(model))
            }
            Self::Watsonx { .. } => {
                let verb = if stream { "chat_stream" } else { "chat" };
                format!("/text/{verb}")
            }
            Self::SageMaker => {
                let verb = if stream {
                    "invocations-response-stream"
                } else {
                    "invocations"
                };
                format!("/endpoints/{}/{verb}", segment(model))
            }
        }
    }

    /// Where the tokens of a request are counted, below the base URL, where they are.
    pub fn count_path(&self, dialect: Dialect, model: &str) -> Option<String> {
        match self {
            Self::Plain => count_path(dialect, model),
            Self::VertexGemini { root } => Some(format!(
                "{root}/publishers/google/models/{}:countTokens",
                segment(model)
            )),
            _ => None,
        }
    }

    /// Where an endpoint in a vendor's own shape is, below the base URL, where it is.
    pub fn native_path(&self, dialect: Dialect, native: Native, model: &str) -> Option<String> {
        let verb = native.as_str();
        match (native, dialect) {
            (Native::Invoke | Native::InvokeStream, Dialect::Bedrock) => {
                Some(format!("/model/{}/{verb}", segment(model)))
            }
            (Native::Predict | Native::PredictLongRunning, Dialect::Gemini) => {
                let chat = self.chat_path(dialect, model, false);
                let (front, _) = chat.rsplit_once(':')?;
                Some(format!("{front}:{verb}"))
            }
            _ => None,
        }
    }

    /// Where another endpoint of the dialect is, below the base URL.
    pub fn path(&self, path: &str, model: &str) -> String {
        match self {
            Self::AzureDeployments => format!("/deployments/{}{path}", segment(model)),
            Self::Below { root } => format!("{root}{path}"),
            _ => path.to_owned(),
        }
    }

    /// The body as the host wants it; `headers` are those of the dialect that the caller sent.
    pub fn body(&self, body: Segments, headers: &mut HeaderMap) -> Segments {
        match self {
            Self::VertexAnthropic { .. } => rewrite(
                body,
                &["model"],
                &[("anthropic_version", b"\"vertex-2023-10-16\"".to_vec())],
            ),
            Self::BedrockAnthropic => {
                let mut more = vec![("anthropic_version", b"\"bedrock-2023-05-31\"".to_vec())];
                // Bedrock reads no such header.
                if let Some(betas) = betas(headers) {
                    more.push(("anthropic_beta", betas));
                }
                headers.remove("anthropic-beta");
                rewrite(body, &["model", "stream"], &more)
            }
            Self::Watsonx { owner: (name, id) } => {
                let bytes = body.to_bytes();
                let model = Json::parse(&bytes).ok().and_then(|body| body.get("model"));
                let model = model.map(|model| model.as_str().as_bytes().to_vec());
                let mut more = vec![(*name, quote(id))];
                more.extend(model.map(|model| ("model_id", model)));
                rewrite(body, &["model", "stream"], &more)
            }
            _ => body,
        }
    }

    /// The answer as the dialect's maker would have framed it.
    pub fn answer(&self, mut answer: HttpResponse) -> HttpResponse {
        let framed = answer
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| {
                kind.as_bytes()
                    .starts_with(event_stream::CONTENT_TYPE.as_bytes())
            });
        let kind = match self {
            Self::BedrockAnthropic if framed => unwrap::Wrapping::Chunks,
            Self::SageMaker if framed => unwrap::Wrapping::Parts,
            _ => return answer,
        };
        answer.headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        );
        answer.headers.remove(header::CONTENT_LENGTH);
        answer.body = BodyStream::new(unwrap::Unwrap::new(answer.body, kind));
        answer
    }

    /// The dialect of an error: the host's own, unless the maker's model said it.
    pub fn error_dialect(&self, dialect: Dialect, body: &[u8]) -> Dialect {
        let host = match self {
            Self::BedrockAnthropic => Dialect::Bedrock,
            Self::VertexAnthropic { .. } => Dialect::Gemini,
            _ => return dialect,
        };
        let own = Json::parse(body)
            .ok()
            .and_then(|body| body.get("type")?.as_text().map(|kind| kind.is("error")));
        if own == Some(true) { dialect } else { host }
    }
}

/// Streams of vendors that end without `[DONE]` get one, once they are complete.
pub fn with_done(answer: HttpResponse) -> HttpResponse {
    let body = BodyStream::new(unwrap::Done::new(answer.body));
    HttpResponse { body, ..answer }
}

/// The betas that headers name, as a JSON list.
fn betas(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut list = Vec::new();
    for value in headers.get_all("anthropic-beta") {
        for beta in value.to_str().ok()?.split(',') {
            let beta = beta.trim();
            if !beta.is_empty() {
                list.push(quote(beta));
            }
        }
    }
    (!list.is_empty()).then(|| [&b"["[..], &list.join(&b','), b"]"].concat())
}

/// An object without some members, and with others unless it has them already. The rest stays as it
/// is written.
fn rewrite(body: Segments, without: &[&str], with: &[(&str, Vec<u8>)]) -> Segments {
    let bytes = body.to_bytes();
    let Some(held) = Json::parse(&bytes).ok().filter(|body| body.is_object()) else {
        return body;
    };
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let mut object = Object::open(&mut out);
    for (key, value) in held.members() {
        if !without.iter().any(|name| key.is(name)) {
            member(key, value, &mut object);
        }
    }
    for (name, value) in with {
        if held.get(name).is_none()
            && let Ok(text) = std::str::from_utf8(value)
        {
            object.json(name, Json::trusted(text));
        }
    }
    object.close();
    Segments::from(out)
}

/// The member as it stands, its key included.
pub(crate) fn member(key: Text<'_>, value: Json<'_>, object: &mut Object<'_>) {
    match key {
        Text::Escaped(key) => object.json(key, value),
        Text::Plain(key) => object.json(&key, value),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(shape: &Shape, text: &str, headers: &mut HeaderMap) -> String {
        let body = shape.body(Segments::from(text.as_bytes().to_vec()), headers);
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }

    #[test]
    fn addresses_are_those_of_the_clouds() {
        let root = "/v1/projects/p/locations/europe-west4".to_owned();
        for (shape, dialect, model, complete, streamed) in [
            (
                Shape::AzureDeployments,
                Dialect::OpenAi,
                "my gpt/4",
                "/deployments/my%20gpt%2F4/chat/completions",
                "/deployments/my%20gpt%2F4/chat/completions",
            ),
            (
                Shape::VertexGemini { root: root.clone() },
                Dialect::Gemini,
                "gemini-2.5-pro",
                "/v1/projects/p/locations/europe-west4/publishers/google/models/gemini-2.5-pro:generateContent",
                "/v1/projects/p/locations/europe-west4/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
            ),
            (
                Shape::VertexGemini {
                    root: "/v1".to_owned(),
                },
                Dialect::Gemini,
                "123",
                "/v1/endpoints/123:generateContent",
                "/v1/endpoints/123:streamGenerateContent?alt=sse",
            ),
            (
                Shape::VertexAnthropic { root },
                Dialect::Anthropic,
                "claude-sonnet-4-5@20250929",
                "/v1/projects/p/locations/europe-west4/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
                "/v1/projects/p/locations/europe-west4/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict",
            ),
            (
                Shape::BedrockAnthropic,
                Dialect::Anthropic,
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke",
                "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream",
            ),
            (
                Shape::SageMaker,
                Dialect::OpenAi,
                "e",
                "/endpoints/e/invocations",
                "/endpoints/e/invocations-response-stream",
            ),
        ] {
            assert_eq!(shape.chat_path(dialect, model, false), complete);
            assert_eq!(shape.chat_path(dialect, model, true), streamed);
        }
        let azure = Shape::AzureDeployments;
        assert_eq!(azure.path("/embeddings", "e"), "/deployments/e/embeddings");
        assert_eq!(Shape::Plain.path("/embeddings", "e"), "/embeddings");
    }

    #[test]
    fn bodies_lose_and_gain_what_the_host_asks_for_and_keep_the_rest() {
        let text = r#"{"x":1e400,"model":"m","stream":true, "messages" : [ {"role":"user"} ]}"#;
        let mut headers = HeaderMap::new();
        let vertex = Shape::VertexAnthropic {
            root: String::new(),
        };
        assert_eq!(
            body(&vertex, text, &mut headers),
            r#"{"x":1e400,"stream":true,"messages":[ {"role":"user"} ],"anthropic_version":"vertex-2023-10-16"}"#
        );
        headers.append("anthropic-beta", HeaderValue::from_static("a, b"));
        headers.append("anthropic-beta", HeaderValue::from_static("c"));
        assert_eq!(
            body(&Shape::BedrockAnthropic, text, &mut headers),
            r#"{"x":1e400,"messages":[ {"role":"user"} ],"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a","b","c"]}"#
        );
        assert!(headers.is_empty());
        let own = r#"{"anthropic_version":"mine"}"#;
        assert_eq!(body(&Shape::BedrockAnthropic, own, &mut headers), own);
        let watsonx = Shape::Watsonx {
            owner: ("project_id", "p".to_owned()),
        };
        assert_eq!(
            body(&watsonx, r#"{"model":"m","n":1}"#, &mut headers),
            r#"{"n":1,"project_id":"p","model_id":"m"}"#
        );
    }

    #[test]
    fn errors_are_in_the_words_of_whoever_made_them() {
        let shape = Shape::BedrockAnthropic;
        let dialect = |body: &[u8]| shape.error_dialect(Dialect::Anthropic, body);
        assert_eq!(dialect(br#"{"message":"no"}"#), Dialect::Bedrock);
        assert_eq!(
            dialect(br#"{"type":"error","error":{}}"#),
            Dialect::Anthropic
        );
    }
}

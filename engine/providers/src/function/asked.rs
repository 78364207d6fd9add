//! What of a request a function is told.

use tidegate_types::{
    Dialect, Segments,
    json::{Outline, unquote},
};

use crate::mock::translated::model_in;

/// What of a request an answer depends on.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
}

impl Asked {
    pub(super) fn of(dialect: Dialect, path: &str, body: &Segments) -> Self {
        let keys = ["model", "stream", "stream_options"];
        let mut asked = Self {
            // Only OpenAI's chat completions leave usage to the caller.
            include_usage: dialect != Dialect::OpenAi,
            ..Self::default()
        };
        if dialect.names_model_in_path() {
            for stream in [false, true] {
                if let Some(model) = model_in(dialect, path, stream).filter(|name| !name.is_empty())
                {
                    model.clone_into(&mut asked.model);
                    asked.stream = stream;
                }
            }
            return asked;
        }
        let Ok(outline) = Outline::of(body, &keys) else {
            return asked;
        };
        let value = |key| {
            outline
                .last(key)
                .map(|member| body.slice(member.value.clone()))
        };
        asked.model = value("model")
            .and_then(|model| unquote(&model))
            .unwrap_or_default();
        asked.stream = value("stream").is_some_and(|stream| *stream == *b"true");
        asked.include_usage |= value("stream_options").is_some_and(|options| {
            let options: Option<serde_json::Value> = serde_json::from_slice(&options).ok();
            options.is_some_and(|options| options["include_usage"] == true)
        });
        asked
    }
}

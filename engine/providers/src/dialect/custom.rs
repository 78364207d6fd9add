//! OpenAI's custom tools, which take a free text. Other dialects know functions only, so a function
//! with that text as its only argument stands in for one; calls of it are turned back, so callers
//! never see it.

use tidegate_types::chat::{Arguments, Json, Text, write::Object};

/// Starts the name of a stand-in.
const MARK: &str = "tidegate_text_";

/// What a stand-in takes.
pub(crate) const SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// The name of the function that stands in for a custom tool.
pub(crate) fn stand_in(name: &Text<'_>) -> Text<'static> {
    Text::plain(format!("{MARK}{}", name.decode()))
}

/// The name of the custom tool that a function stands in for.
pub(crate) fn name(name: &Text<'_>) -> Option<String> {
    let name = name.decode();
    name.strip_prefix(MARK).map(str::to_owned)
}

/// The free text of a call as the only argument of a function.
pub(crate) fn arguments(input: Option<&Text<'_>>) -> Text<'static> {
    let mut out = Vec::new();
    let mut object = Object::open(&mut out);
    object.text("input", input.unwrap_or(&Text::Escaped("")));
    object.close();
    Text::plain(String::from_utf8(out).unwrap_or_default())
}

/// The free text in the arguments of a stand-in; all of them, where the model wrote something else.
pub(crate) fn input<'a>(arguments: &Arguments<'a>) -> Text<'a> {
    let read = |text: &str| {
        let value = Json::parse(text.as_bytes()).ok()?;
        value.get("input")?.as_text().map(Text::into_owned)
    };
    match arguments {
        Arguments::Json(value) => {
            let input = value.get("input").and_then(Json::as_text);
            input.unwrap_or_else(|| Text::plain(value.as_str()))
        }
        Arguments::Text(text) => read(&text.decode()).unwrap_or_else(|| text.clone()),
    }
}

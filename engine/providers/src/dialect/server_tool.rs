//! Settings of tools that run at the vendor, where several dialects share their spelling.

use tidegate_types::chat::{Json, ServerTool, write::Object};

use super::codec::says_nothing;

/// Members of an approximate place (OpenAI and Anthropic, "Web search").
const PLACE: &[&str] = &["city", "region", "country", "timezone"];

/// Writes `user_location` as the Responses dialect and Anthropic have it.
pub(crate) fn location(tool: &ServerTool<'_>, item: &mut Object<'_>) {
    if let Some(place) = tool.location {
        item.object("user_location", |object| {
            object.str("type", "approximate");
            place_members(place, object);
        });
    }
}

pub(crate) fn place_members(place: Json<'_>, object: &mut Object<'_>) {
    for key in PLACE {
        object.json_if(key, place.get(key));
    }
}

/// The members of `object` that none of `known` names and that say something.
pub(crate) fn others<'a, 'k>(
    object: Json<'a>,
    known: &'k [&'k str],
) -> impl Iterator<Item = Json<'a>> + use<'a, 'k> {
    object
        .members()
        .filter(|(key, value)| !known.contains(&&*key.decode()) && !says_nothing(*value))
        .map(|(_, value)| value)
}

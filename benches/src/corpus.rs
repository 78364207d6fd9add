//! The traffic of the benches: one chat of about 1 KB, its reply, its events, and a body of 1 MB.

use serde_json::json;

/// Id and creation time of everything the upstream says.
const ID: &str = "chatcmpl-bench00000000000000000000";
const CREATED: u64 = 1_760_000_000;

/// A chat request of about 1 KB for `model`.
pub fn chat(model: &str, stream: bool) -> Vec<u8> {
    let system = "You are a careful assistant for the operators of a harbour. Answer briefly, name \
                  the source of every figure, and say so when you do not know. Times are local, \
                  heights are in metres above chart datum, and vessels are named in full. Never guess \
                  the state of a gate or a light.";
    let question = "The ferry Aurelia draws 4.6 metres and wants to pass the lock at the western \
                    basin this evening. The gauge shows 3.9 metres now and the table promises high \
                    water of 5.4 metres at 21:40. When may she pass with half a metre below her \
                    keel, how long does that window last, and what should the pilot watch for when \
                    the wind turns to the north?";
    let earlier =
        "High water today is at 09:17 with 5.2 metres, low water at 15:31 with 1.1 metres.";
    let mut body = json!({
        "model": model,
        "messages": [
            { "role": "system", "content": system },
            { "role": "user", "content": "When is high water today?" },
            { "role": "assistant", "content": earlier },
            { "role": "user", "content": question },
        ],
        "temperature": 0.2,
        "max_tokens": 256,
    });
    if stream {
        body["stream"] = true.into();
        body["stream_options"] = json!({ "include_usage": true });
    }
    model_first(&body, model)
}

/// The same with a picture of `size` bytes in the last turn, as base64 in a data URL.
pub fn big_chat(model: &str, size: usize) -> Vec<u8> {
    let picture = "iVBORw0KGgoAAAANSUhEUgAA+/09".repeat(size / 28);
    let body = json!({
        "model": model,
        "messages": [{ "role": "user", "content": [
            { "type": "text", "text": "What does the gauge show?" },
            { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{picture}") } },
        ]}],
        "max_tokens": 256,
    });
    model_first(&body, model)
}

/// Writes `model` as the first member, as the vendors' SDKs do.
fn model_first(body: &serde_json::Value, model: &str) -> Vec<u8> {
    let mut rest = body.clone();
    if let Some(object) = rest.as_object_mut() {
        object.remove("model");
    }
    let rest = rest.to_string();
    format!("{{\"model\":{},{}", json!(model), &rest[1..]).into_bytes()
}

/// A reply of about 1.2 KB with usage.
pub fn reply() -> Vec<u8> {
    let content = "She may pass from about 20:25 until 22:50. The lock needs 4.6 metres of draught \
                   plus half a metre below the keel, that is 5.1 metres on the gauge; the table gives \
                   5.4 metres at 21:40, and around high water the level stays above 5.1 metres for a \
                   little more than two hours. Ask the pilot to confirm the reading at the sill before \
                   the gates open. When the wind turns to the north the basin loses up to 0.2 metres, \
                   which takes the window down to about an hour and a half on both sides of high \
                   water, and the current across the approach sets her towards the eastern pier. \
                   Source: harbour tide table, gauge at the western basin.";
    format!(
        "{{\n  \"id\": \"{ID}\",\n  \"object\": \"chat.completion\",\n  \"created\": {CREATED},\n  \
         \"model\": \"gpt-4o-mini-2024-07-18\",\n  \"choices\": [\n    {{\n      \"index\": 0,\n      \
         \"message\": {{\n        \"role\": \"assistant\",\n        \"content\": {},\n        \
         \"refusal\": null\n      }},\n      \"logprobs\": null,\n      \"finish_reason\": \"stop\"\n    \
         }}\n  ],\n  \"usage\": {{\n    \"prompt_tokens\": 221,\n    \"completion_tokens\": 164,\n    \
         \"total_tokens\": 385,\n    \"prompt_tokens_details\": {{ \"cached_tokens\": 0, \
         \"audio_tokens\": 0 }},\n    \"completion_tokens_details\": {{ \"reasoning_tokens\": 0 }}\n  \
         }},\n  \"service_tier\": \"default\",\n  \"system_fingerprint\": \"fp_bench\"\n}}\n",
        json!(content)
    )
    .into_bytes()
}

/// Event `number` of a stream with `contents` content events; `None` after `[DONE]`.
pub fn event(number: usize, contents: usize) -> Option<String> {
    let choices = match number {
        0 => {
            json!([{ "index": 0, "delta": { "role": "assistant", "content": "" }, "finish_reason": null }])
        }
        n if n <= contents => {
            json!([{ "index": 0, "delta": { "content": " harbour" }, "finish_reason": null }])
        }
        n if n == contents + 1 => json!([{ "index": 0, "delta": {}, "finish_reason": "stop" }]),
        n if n == contents + 2 => json!([]),
        n if n == contents + 3 => return Some("data: [DONE]\n\n".to_owned()),
        _ => return None,
    };
    let usage = if number == contents + 2 {
        json!({ "prompt_tokens": 221, "completion_tokens": contents, "total_tokens": 221 + contents })
    } else {
        json!(null)
    };
    Some(format!(
        "data: {{\"id\":\"{ID}\",\"object\":\"chat.completion.chunk\",\"created\":{CREATED},\
         \"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\
         \"system_fingerprint\":\"fp_bench\",\"choices\":{choices},\"usage\":{usage}}}\n\n"
    ))
}

/// A chat of about 4 KB with tools, calls and their results, as OpenAI writes it.
pub fn long_chat() -> Vec<u8> {
    let paragraph =
        "The gauge at the western basin is read every ten minutes; its zero is chart datum. ";
    let tool = |name: &str| {
        json!({ "type": "function", "function": {
            "name": name, "description": "Reads one of the harbour's instruments.", "strict": true,
            "parameters": { "type": "object", "additionalProperties": false, "required": ["place", "at"],
                "properties": { "place": { "type": "string" }, "at": { "type": "string", "description": "local time" } } },
        } })
    };
    let call = |id: &str, name: &str| {
        json!({ "id": id, "type": "function",
            "function": { "name": name, "arguments": "{\"place\":\"western basin\",\"at\":\"21:40\"}" } })
    };
    json!({
        "model": "m", "temperature": 0.2, "max_tokens": 512, "stop": ["END"],
        "messages": [
            { "role": "system", "content": paragraph.repeat(6) },
            { "role": "user", "content": [
                { "type": "text", "text": paragraph.repeat(8) },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==" } },
            ] },
            { "role": "assistant", "content": null, "tool_calls": [call("call_1", "gauge"), call("call_2", "gate")] },
            { "role": "tool", "tool_call_id": "call_1", "content": paragraph },
            { "role": "tool", "tool_call_id": "call_2", "content": paragraph },
            { "role": "user", "content": paragraph.repeat(6) },
        ],
        "tools": [tool("gauge"), tool("gate"), tool("wind")],
        "tool_choice": "auto",
    })
    .to_string()
    .into_bytes()
}

/// A reply of about 4 KB with two calls.
pub fn long_reply() -> Vec<u8> {
    let paragraph =
        "She may pass between 20:55 and 22:30; the pilot should mind the eddy at the sill. ";
    json!({
        "id": ID, "object": "chat.completion", "created": CREATED, "model": "m",
        "choices": [{ "index": 0, "finish_reason": "tool_calls", "logprobs": null, "message": {
            "role": "assistant", "content": paragraph.repeat(42), "refusal": null,
            "tool_calls": [
                { "id": "call_1", "type": "function", "function": { "name": "gauge", "arguments": "{\"place\":\"western basin\"}" } },
                { "id": "call_2", "type": "function", "function": { "name": "gate", "arguments": "{\"place\":\"sill\"}" } },
            ],
        } }],
        "usage": { "prompt_tokens": 900, "completion_tokens": 820, "total_tokens": 1720,
            "prompt_tokens_details": { "cached_tokens": 512 } },
    })
    .to_string()
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_sizes_the_tables_speak_of() {
        assert!(
            (900..1200).contains(&chat("fast", false).len()),
            "{}",
            chat("fast", false).len()
        );
        assert!((1100..1500).contains(&reply().len()), "{}", reply().len());
        assert!((1_000_000..1_100_000).contains(&big_chat("fast", 1 << 20).len()));
        for body in [chat("m", true), big_chat("m", 100), reply()] {
            serde_json::from_slice::<serde_json::Value>(&body).expect("valid JSON");
        }
    }

    #[test]
    fn a_stream_ends_with_usage_and_done() {
        let events: Vec<String> = (0..).map_while(|number| event(number, 3)).collect();
        assert_eq!(events.len(), 3 + 4);
        assert!(events[5].contains("\"total_tokens\":224"));
        assert_eq!(events[6], "data: [DONE]\n\n");
    }
}

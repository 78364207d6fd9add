//! How likely the tokens of a reply were, in the words of the dialects that tell it.

use std::borrow::Cow;

use tidegate_types::chat::{
    Json, Text, Token,
    write::{self, Array, Object},
};

/// Tokens beyond this number in one reply or event are not read; vendors stop long before.
const MOST: usize = 1 << 20;

fn number(value: Json<'_>) -> Option<Cow<'_, str>> {
    value.is_number().then(|| Cow::Borrowed(value.as_str()))
}

fn openai<'a>(item: Json<'a>, top: Vec<Token<'a>>) -> Option<Token<'a>> {
    Some(Token {
        text: item.get("token")?.as_text()?,
        logprob: number(item.get("logprob")?)?,
        bytes: item.get("bytes").filter(|bytes| bytes.is_array()),
        top,
    })
}

fn gemini<'a>(item: Json<'a>, top: Vec<Token<'a>>) -> Option<Token<'a>> {
    let logprob = item
        .get("logProbability")
        .or_else(|| item.get("log_probability"));
    Some(Token {
        text: item.get("token")?.as_text()?,
        // A number of 0 is left out by the vendor.
        logprob: match logprob {
            Some(value) => number(value)?,
            None => Cow::Borrowed("0"),
        },
        bytes: None,
        top,
    })
}

/// Reads a list of OpenAI's (`logprobs.content`, or `logprobs` of a text in the Responses dialect).
pub(crate) fn read(list: Json<'_>) -> Vec<Token<'_>> {
    let all = list.items().take(MOST).filter_map(|item| {
        let top = item.get("top_logprobs").map(Json::items);
        let top = top.into_iter().flatten();
        let top = top.filter_map(|other| openai(other, Vec::new()));
        openai(item, top.collect())
    });
    all.collect()
}

/// Appends tokens as items of a list of OpenAI's, a comma in front of all but the first of `out`.
pub(crate) fn write(tokens: &[Token<'_>], out: &mut Vec<u8>) {
    for token in tokens {
        if !out.is_empty() {
            out.push(b',');
        }
        let mut item = Object::open(out);
        members(token, &mut item);
        item.array("top_logprobs", |list| {
            for other in &token.top {
                list.object(|item| members(other, item));
            }
        });
        item.close();
    }
}

fn members(token: &Token<'_>, item: &mut Object<'_>) {
    item.text("token", &token.text)
        .literal("logprob", &token.logprob);
    match token.bytes {
        Some(bytes) => {
            // Without the white space between them, which would break the lines of a stream.
            item.array("bytes", |list| {
                for byte in bytes.items() {
                    list.item().extend_from_slice(byte.as_str().as_bytes());
                }
            });
        }
        None => {
            item.array("bytes", |list| {
                for byte in token.text.decode().bytes() {
                    write::number(list.item(), u64::from(byte));
                }
            });
        }
    }
}

/// Reads Gemini's `logprobsResult` of a candidate.
pub(crate) fn read_gemini(candidate: Json<'_>) -> Vec<Token<'_>> {
    let Some(result) = candidate
        .get("logprobsResult")
        .or_else(|| candidate.get("logprobs_result"))
    else {
        return Vec::new();
    };
    let of = |camel, snake| result.get(camel).or_else(|| result.get(snake));
    let mut others = of("topCandidates", "top_candidates")
        .map(Json::items)
        .into_iter()
        .flatten();
    let chosen = of("chosenCandidates", "chosen_candidates").map(Json::items);
    let chosen = chosen.into_iter().flatten().take(MOST);
    let read = chosen.filter_map(|item| {
        let top = others.next().and_then(|step| step.get("candidates"));
        let top = top.map(Json::items).into_iter().flatten();
        let top = top.filter_map(|other| gemini(other, Vec::new()));
        gemini(item, top.collect())
    });
    read.collect()
}

/// Writes `logprobsResult`, unless there is nothing to tell.
pub(crate) fn write_gemini(tokens: &[Token<'_>], candidate: &mut Object<'_>) {
    if tokens.is_empty() {
        return;
    }
    let member = |list: &mut Array<'_>, token: &Token<'_>| {
        list.object(|item| {
            item.text("token", &token.text)
                .literal("logProbability", &token.logprob);
        });
    };
    candidate.object("logprobsResult", |result| {
        if tokens.iter().any(|token| !token.top.is_empty()) {
            result.array("topCandidates", |list| {
                for token in tokens {
                    list.object(|step| {
                        step.array("candidates", |list| {
                            token.top.iter().for_each(|other| member(list, other));
                        });
                    });
                }
            });
        }
        result.array("chosenCandidates", |list| {
            for token in tokens {
                member(list, token);
            }
        });
    });
}

/// Reads an item of Cohere's: a text with the likelihoods of the tokens it consists of. One of
/// several tokens becomes one, as likely as all of them together.
pub(crate) fn read_cohere(item: Json<'_>) -> Option<Token<'_>> {
    let text = item.get("text").and_then(Json::as_text)?;
    let list = item.get("logprobs")?;
    let mut numbers = list.items().filter(|value| value.is_number());
    let first = numbers.next()?;
    let rest: Vec<f64> = numbers.filter_map(Json::as_f64).collect();
    let logprob = if rest.is_empty() {
        Cow::Borrowed(first.as_str())
    } else {
        let sum = rest
            .iter()
            .fold(first.as_f64().unwrap_or_default(), |sum, one| sum + one);
        // What overflows is no JSON.
        Cow::Owned(if sum.is_finite() {
            sum.to_string()
        } else {
            "-1e308".to_owned()
        })
    };
    Some(Token {
        text,
        logprob,
        bytes: None,
        top: Vec::new(),
    })
}

/// Writes an item of Cohere's; the numbers of the tokens are not known elsewhere.
pub(crate) fn write_cohere(token: &Token<'_>, item: &mut Object<'_>) {
    item.array("token_ids", |_| {})
        .text("text", &token.text)
        .array("logprobs", |list| {
            list.item().extend_from_slice(token.logprob.as_bytes());
        });
}

/// Several tokens as the one that Cohere's stream has room for in an event.
pub(crate) fn joined(tokens: &[Token<'_>], item: &mut Object<'_>) {
    item.array("token_ids", |_| {});
    let texts: Vec<&Text<'_>> = tokens.iter().map(|token| &token.text).collect();
    super::words::joined(item.key("text"), &texts, "");
    item.array("logprobs", |list| {
        for token in tokens {
            list.item().extend_from_slice(token.logprob.as_bytes());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likelihoods_survive_every_dialect_that_tells_them() {
        let list = Json::trusted(
            r#"[{"token":"a","logprob":-0.25,"bytes":[97],"top_logprobs":[{"token":"b","logprob":-9.5,"bytes":null}]},{"token":"é","logprob":-1e-7,"top_logprobs":[]}]"#,
        );
        let read = read(list);
        let mut out = Vec::new();
        write(&read, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"token":"a","logprob":-0.25,"bytes":[97],"top_logprobs":[{"token":"b","logprob":-9.5,"bytes":[98]}]},{"token":"é","logprob":-1e-7,"bytes":[195,169],"top_logprobs":[]}"#
        );
        let mut out = Vec::new();
        let mut object = Object::open(&mut out);
        write_gemini(&read, &mut object);
        object.close();
        let there = String::from_utf8(out).unwrap();
        let back = read_gemini(Json::trusted(&there));
        let told = |tokens: &[Token<'_>]| -> Vec<(String, String, usize)> {
            tokens
                .iter()
                .map(|one| {
                    (
                        one.text.decode().into_owned(),
                        one.logprob.to_string(),
                        one.top.len(),
                    )
                })
                .collect()
        };
        assert_eq!(told(&back), told(&read));
    }

    #[test]
    fn a_text_of_several_tokens_is_as_likely_as_all_of_them() {
        let item = Json::trusted(r#"{"token_ids":[1,2],"text":"hi","logprobs":[-0.5,-0.25]}"#);
        assert_eq!(read_cohere(item).unwrap().logprob, "-0.75");
        let item = Json::trusted(r#"{"token_ids":[1],"text":"hi","logprobs":[-0.50]}"#);
        assert_eq!(read_cohere(item).unwrap().logprob, "-0.50");
        assert!(read_cohere(Json::trusted(r#"{"text":"hi"}"#)).is_none());
        let item =
            Json::trusted(r#"{"token_ids":[1,2],"text":"hi","logprobs":[-1.7e308,-1.7e308]}"#);
        let least = read_cohere(item).unwrap();
        assert!(serde_json::from_str::<f64>(&least.logprob).is_ok());
    }
}

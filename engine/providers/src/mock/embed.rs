//! Embeddings in OpenAI's shape: unit vectors that depend on nothing but the input.

use serde::Deserialize;
use serde_json::Value;
use tidegate_types::Segments;

use super::{Answer, write_json};

/// As many numbers as `text-embedding-3-small` gives.
const DIMENSIONS: usize = 1536;

/// More than any vendor offers; a larger wish is cut to it.
const MOST_DIMENSIONS: usize = 8192;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wish {
    input: Value,
    dimensions: Option<usize>,
    encoding_format: Option<String>,
}

pub(super) fn reply(answer: &Answer<'_>, body: &Segments) -> Vec<u8> {
    let wish: Wish = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    let dimensions = wish
        .dimensions
        .unwrap_or(DIMENSIONS)
        .clamp(1, MOST_DIMENSIONS);
    let packed = wish.encoding_format.as_deref() == Some("base64");
    // A list of numbers is one input in tokens; a list of anything else is one input per element.
    let inputs: Vec<String> = match &wish.input {
        Value::Array(items) if !items.iter().all(Value::is_number) => {
            items.iter().map(Value::to_string).collect()
        }
        one => vec![one.to_string()],
    };
    let mut out = Vec::with_capacity(256 + inputs.len() * dimensions * 12);
    write_json!(&mut out, "{\"object\":\"list\",\"data\":[");
    for (index, input) in inputs.iter().enumerate() {
        write_json!(
            &mut out,
            if index == 0 { "" } else { "," },
            "{\"object\":\"embedding\",\"index\":",
            index as u64,
            ",\"embedding\":",
        );
        let vector = vector(input, dimensions);
        if packed {
            out.push(b'"');
            let bytes: Vec<u8> = vector
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect();
            base64(&bytes, &mut out);
            out.push(b'"');
        } else {
            // Finite numbers always serialise.
            out.extend(serde_json::to_vec(&vector).unwrap_or_default());
        }
        out.push(b'}');
    }
    write_json!(
        &mut out,
        "],\"model\":",
        answer.asked.model.as_slice(),
        ",\"usage\":{\"prompt_tokens\":",
        answer.input_tokens,
        ",\"total_tokens\":",
        answer.input_tokens,
        "}}",
    );
    out
}

fn vector(input: &str, dimensions: usize) -> Vec<f32> {
    // FNV-1a for the seed, a linear congruence for the numbers.
    let mut state = input.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut vector: Vec<f32> = (0..dimensions)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            f32::from(((state >> 48) as u16).cast_signed()) / 32_768.0
        })
        .collect();
    let length = vector
        .iter()
        .map(|number| number * number)
        .sum::<f32>()
        .sqrt();
    if length > 0.0 {
        for number in &mut vector {
            *number /= length;
        }
    }
    vector
}

fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = (at(0) << 16) | (at(1) << 8) | at(2);
        for place in 0..4_usize {
            let sign = SIGNS[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= three.len() { sign } else { b'=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_as_rfc_4648_section_10_shows() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            let mut out = Vec::new();
            base64(plain.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), coded);
        }
    }
}

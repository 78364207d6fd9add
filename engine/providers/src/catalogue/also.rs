//! Vendors that speak more than one wire format, each at an address of its own.
//!
//! A caller whose format is among them is served in it, byte for byte, instead of by translation.

use tidegate_types::Dialect::{self, Anthropic, OpenAi, Responses};

/// Vendor, format, base URL; sorted by vendor. From the vendors' own documentation: "Responses API",
/// "Anthropic API compatibility", "OpenAI compatibility".
pub(super) static ALSO: &[(&str, Dialect, &str)] = &[
    (
        "bigmodel",
        Anthropic,
        "https://open.bigmodel.cn/api/anthropic",
    ),
    ("cohere", OpenAi, "https://api.cohere.ai/compatibility/v1"),
    (
        "dashscope",
        Anthropic,
        "https://dashscope-intl.aliyuncs.com/apps/anthropic",
    ),
    (
        "dashscope-cn",
        Anthropic,
        "https://dashscope.aliyuncs.com/apps/anthropic",
    ),
    ("deepseek", Anthropic, "https://api.deepseek.com/anthropic"),
    (
        "fireworks",
        Responses,
        "https://api.fireworks.ai/inference/v1",
    ),
    (
        "gemini",
        OpenAi,
        "https://generativelanguage.googleapis.com/v1beta/openai",
    ),
    ("groq", Responses, "https://api.groq.com/openai/v1"),
    ("huggingface", Responses, "https://router.huggingface.co/v1"),
    ("llama-cpp", Anthropic, "http://127.0.0.1:8080"),
    ("lmstudio", Anthropic, "http://127.0.0.1:1234"),
    ("lmstudio", Responses, "http://127.0.0.1:1234/v1"),
    ("minimax", Anthropic, "https://api.minimax.io/anthropic"),
    ("moonshot", Anthropic, "https://api.moonshot.ai/anthropic"),
    (
        "moonshot-cn",
        Anthropic,
        "https://api.moonshot.cn/anthropic",
    ),
    ("ollama", Anthropic, "http://127.0.0.1:11434"),
    ("ollama", Responses, "http://127.0.0.1:11434/v1"),
    ("openai", Responses, "https://api.openai.com/v1"),
    ("openrouter", Anthropic, "https://openrouter.ai/api"),
    ("openrouter", Responses, "https://openrouter.ai/api/v1"),
    ("vllm", Anthropic, "http://127.0.0.1:8000"),
    ("vllm", Responses, "http://127.0.0.1:8000/v1"),
    (
        "volcengine",
        Responses,
        "https://ark.cn-beijing.volces.com/api/v3",
    ),
    ("xai", Anthropic, "https://api.x.ai"),
    ("xai", Responses, "https://api.x.ai/v1"),
    ("zai", Anthropic, "https://api.z.ai/api/anthropic"),
];

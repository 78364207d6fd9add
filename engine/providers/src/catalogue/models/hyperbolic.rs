//! Hyperbolic, as passed on by the Hugging Face router.

models! {
    "Qwen/Qwen2.5-VL-72B-Instruct", 32_768, 0: input 0.6 output 0.6;
    "Qwen/Qwen2.5-VL-7B-Instruct", 32_768, 0: input 0.2 output 0.2;
    "Qwen/Qwen3-235B-A22B-Instruct-2507", 262_144, 0: input 2 output 2;
    "Qwen/Qwen3-Coder-480B-A35B-Instruct", 262_144, 0: input 2 output 2;
    "Qwen/Qwen3-Next-80B-A3B-Instruct", 262_144, 0: input 0.3 output 0.3;
    "Qwen/Qwen3-Next-80B-A3B-Thinking", 262_144, 0: input 0.3 output 0.3;
    "deepseek-ai/DeepSeek-R1", 163_840, 0: input 2 output 2;
    "deepseek-ai/DeepSeek-R1-0528", 163_840, 0: input 3 output 3;
    "deepseek-ai/DeepSeek-V3-0324", 163_840, 0: input 1.25 output 1.25;
    "meta-llama/Llama-3.3-70B-Instruct", 131_072, 0: input 0.4 output 0.4;
    "openai/gpt-oss-120b", 131_072, 0: input 0.3 output 0.3;
    "openai/gpt-oss-20b", 131_072, 0: input 0.1 output 0.1;
}

//! OVHcloud, from its endpoint's list of models.

models! {
    "DeepSeek-R1-Distill-Llama-70B", 131_072, 0: input 0.74 output 0.74;
    "Llama-3.1-8B-Instruct", 131_072, 0: input 0.11 output 0.11;
    "Meta-Llama-3_3-70B-Instruct", 131_072, 0: input 0.74 output 0.74;
    "Mistral-7B-Instruct-v0.3", 65_536, 0: input 0.11 output 0.11;
    "Mistral-Nemo-Instruct-2407", 65_536, 0: input 0.14 output 0.14;
    "Mistral-Small-3.2-24B-Instruct-2506", 131_072, 0: input 0.1 output 0.31;
    "Mixtral-8x7B-Instruct-v0.1", 32_768, 0: input 0.7 output 0.7;
    "Qwen2.5-VL-72B-Instruct", 32_768, 0: input 1.01 output 1.01;
    "Qwen3-32B", 32_768, 0: input 0.09 output 0.25;
    "Qwen3-Coder-30B-A3B-Instruct", 262_144, 0: input 0.07 output 0.26;
    "Qwen3-Embedding-8B", 32_768, 0: input 0.12;
    "Qwen3.5-397B-A17B", 262_144, 0: input 0.71 output 4.25;
    "Qwen3.5-9B", 262_144, 0: input 0.12 output 0.18;
    "Qwen3.6-27B", 262_144, 0: input 0.47 output 3.19;
    "Qwen3.8-27B", 262_144, 0: input 0.47 output 3.19;
    "bge-base-en-v1.5", 512, 0: input 0.01;
    "bge-m3", 8_192, 0: input 0.01;
    "bge-multilingual-gemma2", 8_192, 0: input 0.01;
    "gpt-oss-120b", 131_072, 0: input 0.09 output 0.47;
    "gpt-oss-20b", 131_072, 0: input 0.05 output 0.18;
}

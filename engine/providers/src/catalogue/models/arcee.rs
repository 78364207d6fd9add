//! Arcee, from docs.arcee.ai/get-started/pricing.

models! {
    "deepseek/deepseek-v4-flash-latest", 0, 0: input 0.14 output 0.28 read 0.028;
    "deepseek/deepseek-v4-pro", 0, 0: input 1.74 output 3.48 read 0.2;
    "deepseek/deepseek-v4-pro-0813", 0, 0: input 1.32 output 3.96 read 0.044;
    "deepseek/deepseek-v4.1-flash", 0, 0: input 0.22 output 1.2 read 0.007;
    "deepseek/deepseek-v4.1-flash-1017", 0, 0: input 0.3 output 1.2 read 0.006;
    "moonshotai/kimi-k3", 0, 0: input 3 output 15 read 0.3;
    "thinkingmachines/inkling-small", 0, 0: input 0.5 output 1.2 read 0.1;
    "trinity-large-thinking", 0, 0: input 0.25 output 0.8 read 0.06;
    "zai-org/glm-5.2", 0, 0: input 1.4 output 4.4 read 0.26;
    "zai-org/glm-5.3", 0, 0: input 1.4 output 4.4 read 0.26;
    "zai-org/glm-5.3-flash", 0, 0: input 0.15 output 0.5 read 0.03;
}

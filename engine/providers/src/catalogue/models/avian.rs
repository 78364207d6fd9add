//! Avian, from avian.io/pricing.

models! {
    "Meta-Llama-3.1-405B-Instruct", 0, 0: input 1.5 output 1.5;
    "Meta-Llama-3.1-70B-Instruct", 0, 0: input 0.45 output 0.45;
    "Meta-Llama-3.1-8B-Instruct", 0, 0: input 0.1 output 0.1;
    "Meta-Llama-3.3-70B-Instruct", 0, 0: input 0.45 output 0.45;
    "deepseek/deepseek-v3.2", 163_000, 0: input 0.23 output 0.33 read 0.012;
    "deepseek/deepseek-v4-flash", 1_000_000, 0: input 0.14 output 0.28 read 0.0028;
    "deepseek/deepseek-v4-pro", 1_000_000, 0: input 1.305 output 2.61 read 0.10875;
    "deepseek/deepseek-v4-pro-0813", 1_000_000, 0: input 0.561 output 1.683 read 0.0187;
    "deepseek/deepseek-v4.1-flash", 1_000_000, 0: input 0.1275 output 0.51 read 0.00255;
    "minimax/minimax-m2.5", 196_000, 0: input 0.27 output 1.08 read 0.15;
    "minimax/minimax-m3", 512_000, 0: input 0.255 output 1.02 read 0.051;
    "moonshotai/kimi-k2.5", 262_000, 0: input 0.45 output 2.2 read 0.225;
    "moonshotai/kimi-k2.6", 262_000, 0: input 0.95 output 4 read 0.16;
    "moonshotai/kimi-k3", 1_000_000, 0: input 2.55 output 12.75 read 0.255;
    "xiaomi/mimo-v2.5", 1_000_000, 0: input 0.2 output 0.4 read 0.05;
    "xiaomi/mimo-v2.5-pro", 1_000_000, 0: input 0.36975 output 0.7395 read 0.00306;
    "xiaomi/mimo-v2.6-flash", 1_000_000, 0: input 0.14 output 0.28 read 0.0028;
    "xiaomi/mimo-v2.6-pro", 1_000_000, 0: input 0.36975 output 0.7395 read 0.00306;
    "z-ai/glm-4.7", 202_000, 0: input 0.388 output 1.806 read 0.097;
    "z-ai/glm-5", 205_000, 0: input 0.516 output 2.322 read 0.129;
    "z-ai/glm-5.1", 202_000, 0: input 0.743 output 2.971 read 0.186;
    "z-ai/glm-5.2", 1_000_000, 0: input 0.495 output 1.733 read 0.124;
    "z-ai/glm-5.3", 1_000_000, 0: input 1.19 output 3.74 read 0.221;
    "z-ai/glm-5.3-flash", 1_000_000, 0: input 0.1275 output 0.425 read 0.0255;
}

//! Z.ai, from docs.z.ai/guides/overview/pricing.

models! {
    "glm-4-32b-0414-128k", 0, 0: input 0.1 output 0.1;
    "glm-4.5", 131_072, 0: input 0.6 output 2.2 read 0.11;
    "glm-4.5-air", 131_072, 0: input 0.2 output 1.1 read 0.03;
    "glm-4.5-airx", 131_072, 0: input 1.1 output 4.5 read 0.22;
    "glm-4.5-x", 131_072, 0: input 2.2 output 8.9 read 0.45;
    "glm-4.5v", 131_072, 0: input 0.6 output 1.8 read 0.11;
    "glm-4.6", 202_752, 0: input 0.6 output 2.2 read 0.11;
    "glm-4.6v", 128_000, 0: input 0.3 output 0.9 read 0.05;
    "glm-4.6v-flashx", 202_752, 0: input 0.04 output 0.4 read 0.004;
    "glm-4.7", 202_752, 0: input 0.6 output 2.2 read 0.11;
    "glm-4.7-flashx", 202_752, 0: input 0.07 output 0.4 read 0.01;
    "glm-5", 202_752, 0: input 1 output 3.2 read 0.2;
    "glm-5.1", 202_752, 0: input 1.4 output 4.4 read 0.26;
    "glm-5.2", 1_000_000, 0: input 1.4 output 4.4 read 0.26;
    "glm-5.3", 1_000_000, 0: input 1.4 output 4.4 read 0.26;
    "glm-5.3-flash", 1_000_000, 0: input 0.15 output 0.5 read 0.03;
    "glm-5.3-flashx", 202_752, 0: input 0.37 output 1.25 read 0.075;
    "glm-5.3-flashx-legal", 202_752, 0: input 0.37 output 1.25 read 0.075;
    "glm-ocr", 0, 0: input 0.03 output 0.03;
}

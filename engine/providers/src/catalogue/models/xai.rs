//! xAI, from docs.x.ai/docs/models.

models! {
    "grok-2", 32_768, 0: input 2 output 10;
    "grok-2-vision", 32_768, 0: input 2 output 10;
    "grok-3", 131_072, 0: input 3 output 15 read 0.75;
    "grok-3-beta", 131_072, 0: input 3 output 15 read 0.75;
    "grok-3-fast", 131_072, 0: input 5 output 25 read 1.25;
    "grok-3-fast-beta", 131_072, 0: input 5 output 25 read 1.25;
    "grok-3-mini", 131_072, 0: input 0.3 output 0.5 read 0.075;
    "grok-3-mini-beta", 131_072, 0: input 0.3 output 0.5 read 0.075;
    "grok-3-mini-fast", 131_072, 0: input 0.6 output 4 read 0.15;
    "grok-3-mini-fast-beta", 131_072, 0: input 0.6 output 4 read 0.15;
    "grok-4", 256_000, 0: input 3 output 15 read 0.75;
    "grok-4-1-fast", 2_000_000, 0: input 0.2 output 0.5 read 0.05;
    "grok-4-1-fast-non-reasoning", 2_000_000, 0: input 0.2 output 0.5 read 0.05;
    "grok-4-1-fast-reasoning", 2_000_000, 0: input 0.2 output 0.5 read 0.05;
    "grok-4-fast", 2_000_000, 0: input 0.2 output 0.5 read 0.05;
    "grok-4-fast-non-reasoning", 2_000_000, 0: input 0.2 output 0.5 read 0.05;
    "grok-4-fast-reasoning", 2_000_000, 0: input 0.2 output 0.5 read 0.05;
    "grok-4.20", 1_000_000, 0: input 1.25 output 2.5 read 0.2 | 199_999 input 2.5 output 5 read 0.4;
    "grok-4.20-0309-non-reasoning", 1_000_000, 0: input 1.25 output 2.5 read 0.2 | 199_999 input 2.5 output 5 read 0.4;
    "grok-4.20-0309-reasoning", 1_000_000, 0: input 1.25 output 2.5 read 0.2 | 199_999 input 2.5 output 5 read 0.4;
    "grok-4.20-multi-agent", 1_000_000, 0: input 1.25 output 2.5 read 0.2 | 199_999 input 2.5 output 5 read 0.4;
    "grok-4.20-multi-agent-beta-0309", 1_000_000, 0: input 1.25 output 2.5 read 0.2 | 199_999 input 2.5 output 5 read 0.4;
    "grok-4.20-multi-agent-beta-latest", 1_000_000, 0: input 1.25 output 2.5 read 0.2 | 199_999 input 2.5 output 5 read 0.4;
    "grok-4.3", 1_000_000, 0: input 1.25 output 2.5 read 0.2 | 199_999 input 2.5 output 5 read 0.4;
    "grok-4.5", 500_000, 0: input 2 output 6 read 0.3 | 199_999 input 4 output 12 read 0.6;
    "grok-4.6", 500_000, 0: input 2 output 6 read 0.5 | 199_999 input 4 output 12 read 1;
    "grok-4.7", 500_000, 0: input 2 output 6 read 0.5 | 199_999 input 4 output 12 read 1;
    "grok-build-0.1", 256_000, 0: input 1 output 2 read 0.2 | 199_999 input 2 output 4 read 0.4;
    "grok-code-fast", 256_000, 0: input 0.2 output 1.5 read 0.02;
    "grok-code-fast-1", 256_000, 0: input 0.2 output 1.5 read 0.02;
    "grok-latest", 500_000, 0: input 2 output 6 read 0.3 | 199_999 input 4 output 12 read 0.6;
}

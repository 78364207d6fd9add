//! Perplexity, from docs.perplexity.ai/getting-started/pricing. The price per request is that of the largest search context.

models! {
    "pplx-decider-flash-latest", 0, 0: input 0.01;
    "pplx-decider-flash-v1.2", 0, 0: input 0.01;
    "pplx-decider-latest", 0, 0: input 0.02;
    "pplx-decider-v1-27b", 262_144, 0: input 0.02;
    "pplx-decider-v1.1-27b", 262_144, 0: input 0.02;
    "pplx-decider-v1.2", 0, 0: input 0.02;
    "pplx-embed-context-v1-0.6b", 0, 0: input 0.008;
    "pplx-embed-context-v1-4b", 0, 0: input 0.05;
    "pplx-embed-v1-0.6b", 0, 0: input 0.004;
    "pplx-embed-v1-4b", 0, 0: input 0.03;
    "r1-1776", 0, 0: input 2 output 8;
    "sonar", 128_000, 0: input 1 output 1 request 0.012;
    "sonar-deep-research", 128_000, 0: input 2 output 8;
    "sonar-pro", 200_000, 0: input 3 output 15 request 0.014;
    "sonar-pro-search", 128_000, 0: input 3 output 15;
    "sonar-reasoning", 128_000, 0: input 1 output 5 request 0.012;
    "sonar-reasoning-pro", 128_000, 0: input 2 output 8 request 0.014;
}

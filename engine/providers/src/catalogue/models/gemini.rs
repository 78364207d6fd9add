//! Gemini, from ai.google.dev/gemini-api/docs/pricing. Text prices: audio and images in the prompt cost more on some models.

models! {
    "gemini-1.5-flash", 1_000_000, 8_192: input 0.075 output 0.3 read 0.01875 | 128_000 input 0.15 output 0.6 read 0.0375;
    "gemini-1.5-flash-8b", 1_000_000, 8_192: input 0.0375 output 0.15 read 0.01 | 128_000 input 0.075 output 0.3 read 0.02;
    "gemini-1.5-pro", 1_000_000, 8_192: input 1.25 output 5 | 128_000 input 2.5 output 10;
    "gemini-2.0-flash", 1_000_000, 8_192: input 0.1 output 0.4 read 0.025;
    "gemini-2.0-flash-exp", 1_000_000, 8_192: input 0.1 output 0.4 read 0.025;
    "gemini-2.0-flash-lite", 1_000_000, 8_192: input 0.075 output 0.3;
    "gemini-2.5-flash", 1_048_576, 65_536: input 0.3 output 2.5 read 0.03;
    "gemini-2.5-flash-image", 1_000_000, 0: input 0.3 output 2.5;
    "gemini-2.5-flash-lite", 1_000_000, 65_536: input 0.1 output 0.4 read 0.01;
    "gemini-2.5-flash-lite-preview-tts", 8_192, 0: input 0.5 output 10;
    "gemini-2.5-flash-native-audio-latest", 0, 65_536: input 0.5 output 2;
    "gemini-2.5-flash-preview", 1_048_576, 65_536: input 0.15 output 0.6;
    "gemini-2.5-flash-preview-09-2025", 1_048_576, 65_536: input 0.3 output 2.5 read 0.03;
    "gemini-2.5-flash-preview-tts", 8_192, 0: input 0.5 output 10;
    "gemini-2.5-flash-tts", 8_192, 0: input 0.5 output 10;
    "gemini-2.5-pro", 1_048_576, 65_536: input 1.25 output 10 read 0.125 | 200_000 input 2.5 output 15 read 0.25;
    "gemini-2.5-pro-preview-tts", 8_192, 0: input 1 output 20;
    "gemini-2.5-pro-tts", 8_192, 0: input 1 output 20;
    "gemini-3-flash-preview", 1_000_000, 65_536: input 0.5 output 3 read 0.05;
    "gemini-3-pro-image", 1_000_000, 0: input 2 output 12;
    "gemini-3-pro-preview", 1_048_576, 65_536: input 2 output 12 read 0.2 | 200_000 input 4 output 18 read 0.4;
    "gemini-3-pro-text-preview", 1_048_576, 65_536: input 2 output 12 read 0.2 | 200_000 input 4 output 18 read 0.4;
    "gemini-3.1-flash-image", 1_000_000, 0: input 0.5 output 3;
    "gemini-3.1-flash-lite", 1_000_000, 65_536: input 0.25 output 1.5 read 0.025;
    "gemini-3.1-flash-lite-image", 0, 0: input 0.25 output 1.5;
    "gemini-3.1-flash-tts-preview", 0, 0: input 1 output 20;
    "gemini-3.1-pro-preview", 1_048_576, 65_536: input 2 output 12 read 0.2 | 200_000 input 4 output 18 read 0.4;
    "gemini-3.5-flash", 1_000_000, 65_536: input 1.5 output 9 read 0.15;
    "gemini-3.5-flash-lite", 1_000_000, 65_536: input 0.3 output 2.5 read 0.03;
    "gemini-3.6-flash", 1_000_000, 65_536: input 0.75 output 3.75 read 0.075;
    "gemini-3.7-flash", 1_000_000, 65_536: input 0.75 output 3.75 read 0.075;
    "gemini-3.8-flash", 1_000_000, 65_536: input 0.75 output 3.75 read 0.075;
    "gemini-3.8-flash-lite-tts", 0, 0: input 0.5 output 6;
    "gemini-3.8-flash-tts", 0, 0: input 0.5 output 9;
    "gemini-4-argon", 1_048_576, 65_536: input 2 output 10 read 0.1;
    "gemini-embedding-001", 2_048, 0: input 0.15;
    "gemini-embedding-2", 8_192, 0: input 0.2;
    "gemini-flash-latest", 1_000_000, 65_536: input 0.75 output 3.75 read 0.075;
    "gemini-flash-lite-latest", 1_000_000, 0: input 0.3 output 2.5 read 0.03;
    "gemini-pro-latest", 1_048_576, 65_536: input 2 output 12 read 0.2 | 200_000 input 4 output 18 read 0.4;
    "gemma-4-26b-a4b-it-maas", 262_144, 0: input 0.15 output 0.6 read 0.015;
}

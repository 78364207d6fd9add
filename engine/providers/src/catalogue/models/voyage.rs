//! Voyage, from docs.voyageai.com/docs/pricing. Embeddings only.

models! {
    "voyage-01", 0, 0: input 0.1;
    "voyage-02", 0, 0: input 0.1;
    "voyage-2", 0, 0: input 0.1;
    "voyage-3", 0, 0: input 0.06;
    "voyage-3-large", 0, 0: input 0.18;
    "voyage-3-lite", 0, 0: input 0.02;
    "voyage-3.5", 0, 0: input 0.06;
    "voyage-3.5-lite", 0, 0: input 0.02;
    "voyage-4", 0, 0: input 0.06;
    "voyage-4-large", 0, 0: input 0.12;
    "voyage-4-lite", 0, 0: input 0.02;
    "voyage-code-2", 0, 0: input 0.12;
    "voyage-code-3", 0, 0: input 0.18;
    "voyage-code-4", 0, 0: input 0.12;
    "voyage-context-3", 0, 0: input 0.18;
    "voyage-context-4", 0, 0: input 0.12;
    "voyage-finance-2", 0, 0: input 0.12;
    "voyage-large-2", 0, 0: input 0.12;
    "voyage-large-2-instruct", 0, 0: input 0.12;
    "voyage-law-2", 0, 0: input 0.12;
    "voyage-lite-01", 0, 0: input 0.1;
    "voyage-lite-01-instruct", 0, 0: input 0.1;
    "voyage-lite-02-instruct", 0, 0: input 0.1;
    "voyage-multilingual-2", 0, 0: input 0.12;
}

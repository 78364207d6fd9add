//! The vendors, sorted by name: everyone who needs nothing but a base URL and, mostly, a key.
//!
//! A row: name, base URL, environment variables, hosts, models. `quiet` marks those that refuse
//! `stream_options` or report usage at the end of a stream without being asked.

use tidegate_types::Dialect;

use super::{Vendor, models};

macro_rules! vendors {
    ($($name:literal $dialect:ident $url:literal $env:tt $hosts:tt $models:expr $(, $quiet:ident)?;)*) => {
        &[$(Vendor {
            name: $name,
            dialect: Dialect::$dialect,
            base_url: $url,
            env: &$env,
            hosts: &$hosts,
            stream_usage: true $(&& vendors!(@$quiet))?,
            models: $models,
        }),*]
    };
    (@quiet) => { false };
}

pub(super) static VENDORS: &[Vendor] = vendors! {
    "ai21" OpenAi "https://api.ai21.com/studio/v1" ["AI21_API_KEY"] ["api.ai21.com"] models::ai21::MODELS;
    "aihubmix" OpenAi "https://aihubmix.com/v1" ["AIHUBMIX_API_KEY"] ["aihubmix.com"] &[];
    "aimlapi" OpenAi "https://api.aimlapi.com/v1" ["AIML_API_KEY"] ["api.aimlapi.com"] &[];
    "amazon-nova" OpenAi "https://api.nova.amazon.com/v1" ["AMAZON_NOVA_API_KEY"] ["api.nova.amazon.com"] &[];
    "anthropic" Anthropic "https://api.anthropic.com" ["ANTHROPIC_API_KEY"] ["api.anthropic.com"] models::anthropic::MODELS;
    "arcee" OpenAi "https://api.arcee.ai/api/v1" ["ARCEE_API_KEY"] ["api.arcee.ai"] models::arcee::MODELS;
    "avian" OpenAi "https://api.avian.io/v1" ["AVIAN_API_KEY"] ["api.avian.io"] models::avian::MODELS;
    "baseten" OpenAi "https://inference.baseten.co/v1" ["BASETEN_API_KEY"] ["inference.baseten.co"] models::baseten::MODELS;
    "bigmodel" OpenAi "https://open.bigmodel.cn/api/paas/v4" ["BIGMODEL_API_KEY", "ZHIPUAI_API_KEY"] ["open.bigmodel.cn"] &[];
    "cerebras" OpenAi "https://api.cerebras.ai/v1" ["CEREBRAS_API_KEY"] ["api.cerebras.ai"] models::cerebras::MODELS;
    "chutes" OpenAi "https://llm.chutes.ai/v1" ["CHUTES_API_KEY"] ["llm.chutes.ai"] &[];
    "codestral" OpenAi "https://codestral.mistral.ai/v1" ["CODESTRAL_API_KEY"] ["codestral.mistral.ai"] models::mistral::MODELS, quiet;
    "cohere" OpenAi "https://api.cohere.ai/compatibility/v1" ["COHERE_API_KEY", "CO_API_KEY"] ["api.cohere.ai", "api.cohere.com"] models::cohere::MODELS;
    "cometapi" OpenAi "https://api.cometapi.com/v1" ["COMETAPI_KEY", "COMETAPI_API_KEY"] ["api.cometapi.com"] &[];
    "compactifai" OpenAi "https://api.compactif.ai/v1" ["COMPACTIFAI_API_KEY"] ["api.compactif.ai"] &[];
    "crusoe" OpenAi "https://api.inference.crusoecloud.com/v1" ["CRUSOE_API_KEY"] ["api.inference.crusoecloud.com"] &[];
    "dashscope" OpenAi "https://dashscope-intl.aliyuncs.com/compatible-mode/v1" ["DASHSCOPE_API_KEY", "QWENCLOUD_API_KEY"] ["dashscope-intl.aliyuncs.com"] models::dashscope::MODELS;
    "dashscope-cn" OpenAi "https://dashscope.aliyuncs.com/compatible-mode/v1" ["DASHSCOPE_CN_API_KEY", "QWEN_AI_PLATFORM_API_KEY"] ["dashscope.aliyuncs.com"] &[];
    "deepinfra" OpenAi "https://api.deepinfra.com/v1/openai" ["DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"] ["api.deepinfra.com"] &[];
    "deepseek" OpenAi "https://api.deepseek.com/v1" ["DEEPSEEK_API_KEY"] ["api.deepseek.com"] models::deepseek::MODELS;
    "digitalocean" OpenAi "https://inference.do-ai.run/v1" ["DIGITALOCEAN_INFERENCE_KEY", "GRADIENT_AI_API_KEY"] ["inference.do-ai.run"] &[];
    "docker-model-runner" OpenAi "http://127.0.0.1:12434/engines/v1" [] [] &[];
    "edenai" OpenAi "https://api.edenai.run/v3" ["EDENAI_API_KEY"] ["api.edenai.run"] &[];
    "featherless" OpenAi "https://api.featherless.ai/v1" ["FEATHERLESS_API_KEY", "FEATHERLESS_AI_API_KEY"] ["api.featherless.ai"] &[];
    "fireworks" OpenAi "https://api.fireworks.ai/inference/v1" ["FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY"] ["api.fireworks.ai"] models::fireworks::MODELS;
    "friendli" OpenAi "https://api.friendli.ai/serverless/v1" ["FRIENDLI_TOKEN", "FRIENDLIAI_API_KEY"] ["api.friendli.ai"] &[];
    "gemini" OpenAi "https://generativelanguage.googleapis.com/v1beta/openai" ["GEMINI_API_KEY", "GOOGLE_API_KEY"] ["generativelanguage.googleapis.com"] models::gemini::MODELS;
    "github" OpenAi "https://models.github.ai/inference" ["GITHUB_MODELS_TOKEN", "GITHUB_API_KEY"] ["models.github.ai", "models.inference.ai.azure.com"] &[];
    "gmi" OpenAi "https://api.gmi-serving.com/v1" ["GMI_API_KEY"] ["api.gmi-serving.com"] &[];
    "groq" OpenAi "https://api.groq.com/openai/v1" ["GROQ_API_KEY"] ["api.groq.com"] models::groq::MODELS;
    "helicone" OpenAi "https://ai-gateway.helicone.ai/v1" ["HELICONE_API_KEY"] ["ai-gateway.helicone.ai"] &[];
    "hostinger" OpenAi "https://router.hostinger.com/v1" ["HOSTINGER_ROUTER_API_KEY"] ["router.hostinger.com"] &[];
    "huggingface" OpenAi "https://router.huggingface.co/v1" ["HF_TOKEN", "HUGGINGFACE_API_KEY"] ["router.huggingface.co"] &[];
    "hyperbolic" OpenAi "https://api.hyperbolic.xyz/v1" ["HYPERBOLIC_API_KEY"] ["api.hyperbolic.xyz"] models::hyperbolic::MODELS;
    "inception" OpenAi "https://api.inceptionlabs.ai/v1" ["INCEPTION_API_KEY"] ["api.inceptionlabs.ai"] &[];
    "inference-net" OpenAi "https://api.inference.net/v1" ["INFERENCE_API_KEY"] ["api.inference.net"] &[];
    "jan" OpenAi "http://127.0.0.1:1337/v1" [] [] &[];
    "jina" OpenAi "https://api.jina.ai/v1" ["JINA_API_KEY", "JINA_AI_API_KEY"] ["api.jina.ai"] &[];
    "lambda" OpenAi "https://api.lambda.ai/v1" ["LAMBDA_API_KEY"] ["api.lambda.ai"] &[];
    "lemonade" OpenAi "http://127.0.0.1:8000/api/v1" [] [] &[];
    "libertai" OpenAi "https://api.libertai.io/v1" ["LIBERTAI_API_KEY"] ["api.libertai.io"] &[];
    "litellm" OpenAi "http://127.0.0.1:4000/v1" ["LITELLM_PROXY_API_KEY"] [] &[];
    "llama-cpp" OpenAi "http://127.0.0.1:8080/v1" [] [] &[];
    "llamafile" OpenAi "http://127.0.0.1:8080/v1" [] [] &[];
    "lmstudio" OpenAi "http://127.0.0.1:1234/v1" [] [] &[];
    "localai" OpenAi "http://127.0.0.1:8080/v1" [] [] &[];
    "maritaca" OpenAi "https://chat.maritaca.ai/api" ["MARITACA_API_KEY", "MARITALK_API_KEY"] ["chat.maritaca.ai"] &[];
    "meta" OpenAi "https://api.meta.ai/v1" ["META_API_KEY"] ["api.meta.ai"] models::meta::MODELS;
    "meta-llama" OpenAi "https://api.llama.com/compat/v1" ["LLAMA_API_KEY"] ["api.llama.com"] &[];
    "minimax" OpenAi "https://api.minimax.io/v1" ["MINIMAX_API_KEY"] ["api.minimax.io"] models::minimax::MODELS;
    "mistral" OpenAi "https://api.mistral.ai/v1" ["MISTRAL_API_KEY"] ["api.mistral.ai"] models::mistral::MODELS, quiet;
    "modelscope" OpenAi "https://api-inference.modelscope.cn/v1" ["MODELSCOPE_API_KEY"] ["api-inference.modelscope.cn"] &[];
    "moonshot" OpenAi "https://api.moonshot.ai/v1" ["MOONSHOT_API_KEY"] ["api.moonshot.ai"] models::moonshot::MODELS;
    "moonshot-cn" OpenAi "https://api.moonshot.cn/v1" ["MOONSHOT_CN_API_KEY"] ["api.moonshot.cn"] models::moonshot::MODELS;
    "morph" OpenAi "https://api.morphllm.com/v1" ["MORPH_API_KEY"] ["api.morphllm.com"] &[];
    "nano-gpt" OpenAi "https://nano-gpt.com/api/v1" ["NANOGPT_API_KEY"] ["nano-gpt.com"] &[];
    "nebius" OpenAi "https://api.studio.nebius.ai/v1" ["NEBIUS_API_KEY"] ["api.studio.nebius.ai", "api.studio.nebius.com", "api.tokenfactory.nebius.com"] models::nebius::MODELS;
    "novita" OpenAi "https://api.novita.ai/openai/v1" ["NOVITA_API_KEY"] ["api.novita.ai"] models::novita::MODELS;
    "nscale" OpenAi "https://inference.api.nscale.com/v1" ["NSCALE_API_KEY"] ["inference.api.nscale.com"] models::nscale::MODELS;
    "nvidia" OpenAi "https://integrate.api.nvidia.com/v1" ["NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"] ["integrate.api.nvidia.com"] &[];
    "ollama" OpenAi "http://127.0.0.1:11434/v1" [] [] &[];
    "openai" OpenAi "https://api.openai.com/v1" ["OPENAI_API_KEY"] ["api.openai.com"] models::openai::MODELS;
    "openrouter" OpenAi "https://openrouter.ai/api/v1" ["OPENROUTER_API_KEY", "OR_API_KEY"] ["openrouter.ai"] models::openrouter::MODELS;
    "ovhcloud" OpenAi "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1" ["OVH_AI_ENDPOINTS_ACCESS_TOKEN", "OVHCLOUD_API_KEY"] ["oai.endpoints.kepler.ai.cloud.ovh.net"] models::ovhcloud::MODELS;
    "parasail" OpenAi "https://api.parasail.io/v1" ["PARASAIL_API_KEY"] ["api.parasail.io"] &[];
    "perplexity" OpenAi "https://api.perplexity.ai" ["PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY", "PPLX_API_KEY"] ["api.perplexity.ai"] models::perplexity::MODELS, quiet;
    "poe" OpenAi "https://api.poe.com/v1" ["POE_API_KEY"] ["api.poe.com"] &[];
    "publicai" OpenAi "https://api.publicai.co/v1" ["PUBLICAI_API_KEY"] ["api.publicai.co"] &[];
    "reka" OpenAi "https://api.reka.ai/v1" ["REKA_API_KEY"] ["api.reka.ai"] &[];
    "requesty" OpenAi "https://router.requesty.ai/v1" ["REQUESTY_API_KEY"] ["router.requesty.ai"] &[];
    "sambanova" OpenAi "https://api.sambanova.ai/v1" ["SAMBANOVA_API_KEY"] ["api.sambanova.ai"] &[];
    "sarvam" OpenAi "https://api.sarvam.ai/v1" ["SARVAM_API_KEY"] ["api.sarvam.ai"] &[];
    "scaleway" OpenAi "https://api.scaleway.ai/v1" ["SCW_SECRET_KEY"] ["api.scaleway.ai"] &[];
    "sglang" OpenAi "http://127.0.0.1:30000/v1" [] [] &[];
    "siliconflow" OpenAi "https://api.siliconflow.com/v1" ["SILICONFLOW_API_KEY"] ["api.siliconflow.com", "api.siliconflow.cn"] &[];
    "stepfun" OpenAi "https://api.stepfun.com/v1" ["STEPFUN_API_KEY"] ["api.stepfun.com"] &[];
    "synthetic" OpenAi "https://api.synthetic.new/openai/v1" ["SYNTHETIC_API_KEY"] ["api.synthetic.new"] &[];
    "tencent" OpenAi "https://tokenhub-intl.tencentcloudmaas.com/v1" ["TENCENT_API_KEY"] ["tokenhub-intl.tencentcloudmaas.com"] &[];
    "tensormesh" OpenAi "https://serverless.tensormesh.ai/v1" ["TENSORMESH_INFERENCE_API_KEY"] ["serverless.tensormesh.ai"] &[];
    "together" OpenAi "https://api.together.xyz/v1" ["TOGETHER_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY"] ["api.together.xyz", "api.together.ai"] models::together::MODELS;
    "upstage" OpenAi "https://api.upstage.ai/v1" ["UPSTAGE_API_KEY"] ["api.upstage.ai"] &[];
    "v0" OpenAi "https://api.v0.dev/v1" ["V0_API_KEY"] ["api.v0.dev"] &[];
    "venice" OpenAi "https://api.venice.ai/api/v1" ["VENICE_API_KEY", "VENICE_AI_API_KEY"] ["api.venice.ai"] &[];
    "vercel" OpenAi "https://ai-gateway.vercel.sh/v1" ["AI_GATEWAY_API_KEY", "VERCEL_AI_GATEWAY_API_KEY"] ["ai-gateway.vercel.sh"] &[];
    "vllm" OpenAi "http://127.0.0.1:8000/v1" [] [] &[];
    "volcengine" OpenAi "https://ark.cn-beijing.volces.com/api/v3" ["ARK_API_KEY", "VOLCENGINE_API_KEY"] ["ark.cn-beijing.volces.com"] &[];
    "voyage" OpenAi "https://api.voyageai.com/v1" ["VOYAGE_API_KEY", "VOYAGE_AI_API_KEY"] ["api.voyageai.com"] models::voyage::MODELS;
    "wandb" OpenAi "https://api.inference.wandb.ai/v1" ["WANDB_API_KEY"] ["api.inference.wandb.ai"] &[];
    "xai" OpenAi "https://api.x.ai/v1" ["XAI_API_KEY"] ["api.x.ai"] models::xai::MODELS;
    "xiaomi" OpenAi "https://api.xiaomimimo.com/v1" ["XIAOMI_MIMO_API_KEY"] ["api.xiaomimimo.com"] &[];
    "xinference" OpenAi "http://127.0.0.1:9997/v1" [] [] &[];
    "zai" OpenAi "https://api.z.ai/api/paas/v4" ["ZAI_API_KEY"] ["api.z.ai"] models::zai::MODELS;
};

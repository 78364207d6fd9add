//! The vendors, sorted by name: everyone who needs nothing but a base URL and, mostly, a key.
//!
//! A row: name, base URL, environment variables, hosts, and in what the vendor differs.

use tidegate_types::Dialect;

use super::{Quirk, Vendor};

macro_rules! vendors {
    ($($name:literal $dialect:ident $url:literal $env:tt $hosts:tt $(, $quirk:ident)*;)*) => {
        &[$(Vendor {
            name: $name,
            dialect: Dialect::$dialect,
            base_url: $url,
            env: &$env,
            hosts: &$hosts,
            quirks: &[$(Quirk::$quirk),*],
        }),*]
    };
}

pub(super) static VENDORS: &[Vendor] = vendors! {
    "302ai" OpenAi "https://api.302.ai/v1" ["302AI_API_KEY"] ["api.302.ai"];
    "abacus" OpenAi "https://routellm.abacus.ai/v1" ["ABACUS_API_KEY"] ["routellm.abacus.ai"];
    "abliteration" OpenAi "https://api.abliteration.ai/v1" ["ABLITERATION_API_KEY"] ["api.abliteration.ai"];
    "ai21" OpenAi "https://api.ai21.com/studio/v1" ["AI21_API_KEY"] ["api.ai21.com"];
    "aiand" OpenAi "https://api.aiand.com/v1" ["AIAND_API_KEY"] ["api.aiand.com"];
    "aihubmix" OpenAi "https://aihubmix.com/v1" ["AIHUBMIX_API_KEY"] ["aihubmix.com"];
    "aimlapi" OpenAi "https://api.aimlapi.com/v1" ["AIML_API_KEY"] ["api.aimlapi.com"];
    "akash" OpenAi "https://chatapi.akash.network/api/v1" ["AKASHCHAT_API_KEY", "AKASH_CHAT_API_KEY"] ["chatapi.akash.network"];
    "amazon-nova" OpenAi "https://api.nova.amazon.com/v1" ["AMAZON_NOVA_API_KEY", "NOVA_API_KEY"] ["api.nova.amazon.com"];
    "anthropic" Anthropic "https://api.anthropic.com" ["ANTHROPIC_API_KEY"] ["api.anthropic.com"];
    "apertis" OpenAi "https://api.stima.tech/v1" ["STIMA_API_KEY"] ["api.stima.tech"], MaxTokens;
    "arcee" OpenAi "https://api.arcee.ai/api/v1" ["ARCEE_API_KEY"] ["api.arcee.ai"];
    "arliai" OpenAi "https://api.arliai.com/v1" ["ARLIAI_API_KEY"] ["api.arliai.com"];
    "assemblyai" OpenAi "https://llm-gateway.assemblyai.com/v1" ["ASSEMBLYAI_API_KEY"] ["llm-gateway.assemblyai.com"];
    "avian" OpenAi "https://api.avian.io/v1" ["AVIAN_API_KEY"] ["api.avian.io"];
    "baichuan" OpenAi "https://api.baichuan-ai.com/v1" ["BAICHUAN_API_KEY"] ["api.baichuan-ai.com"];
    "bailing" OpenAi "https://api.tbox.cn/api/llm/v1" ["BAILING_API_TOKEN"] ["api.tbox.cn"];
    "baseten" OpenAi "https://inference.baseten.co/v1" ["BASETEN_API_KEY"] ["inference.baseten.co"];
    "bedrock" Bedrock "https://bedrock-runtime.{region}.amazonaws.com" ["AWS_BEARER_TOKEN_BEDROCK"] [];
    "berget" OpenAi "https://api.berget.ai/v1" ["BERGET_API_KEY"] ["api.berget.ai"];
    "bigmodel" OpenAi "https://open.bigmodel.cn/api/paas/v4" ["BIGMODEL_API_KEY", "ZHIPUAI_API_KEY"] ["open.bigmodel.cn"];
    "cerebras" OpenAi "https://api.cerebras.ai/v1" ["CEREBRAS_API_KEY"] ["api.cerebras.ai"];
    "charity-engine" OpenAi "https://api.charityengine.services/remotejobs/v2/inference" ["CHARITY_ENGINE_API_KEY"] ["api.charityengine.services"], MaxTokens;
    "chutes" OpenAi "https://llm.chutes.ai/v1" ["CHUTES_API_KEY"] ["llm.chutes.ai"], MaxTokens;
    "clarifai" OpenAi "https://api.clarifai.com/v2/ext/openai/v1" ["CLARIFAI_API_KEY", "CLARIFAI_PAT"] ["api.clarifai.com"];
    "clf-ai-gateway" OpenAi "https://api.clfaigateway.dev/v1" ["CLF_AI_GATEWAY_API_KEY"] ["api.clfaigateway.dev"];
    "cloudferro" OpenAi "https://api-sherlock.cloudferro.com/openai/v1" ["CLOUDFERRO_SHERLOCK_API_KEY"] ["api-sherlock.cloudferro.com"];
    "codestral" OpenAi "https://codestral.mistral.ai/v1" ["CODESTRAL_API_KEY"] ["codestral.mistral.ai"], NoStreamOptions;
    "cognition" OpenAi "https://api.cognition.ai/v1" ["COGNITION_API_KEY"] ["api.cognition.ai"];
    "cohere" Cohere "https://api.cohere.com" ["COHERE_API_KEY", "CO_API_KEY"] ["api.cohere.ai", "api.cohere.com"];
    "cometapi" OpenAi "https://api.cometapi.com/v1" ["COMETAPI_KEY", "COMETAPI_API_KEY"] ["api.cometapi.com"];
    "compactifai" OpenAi "https://api.compactif.ai/v1" ["COMPACTIFAI_API_KEY"] ["api.compactif.ai"];
    "coralbricks" OpenAi "https://inference.coralbricks.ai/v1" ["CORALBRICKS_API_KEY"] ["inference.coralbricks.ai"];
    "cortecs" OpenAi "https://api.cortecs.ai/v1" ["CORTECS_API_KEY"] ["api.cortecs.ai"];
    "crusoe" OpenAi "https://api.inference.crusoecloud.com/v1" ["CRUSOE_API_KEY"] ["api.inference.crusoecloud.com"], MaxTokens;
    "darkbloom" OpenAi "https://api.darkbloom.dev/v1" ["DARKBLOOM_API_KEY"] ["api.darkbloom.dev"], MaxTokens;
    "dashscope" OpenAi "https://dashscope-intl.aliyuncs.com/compatible-mode/v1" ["DASHSCOPE_API_KEY", "QWENCLOUD_API_KEY"] ["dashscope-intl.aliyuncs.com"];
    "dashscope-cn" OpenAi "https://dashscope.aliyuncs.com/compatible-mode/v1" ["DASHSCOPE_CN_API_KEY", "QWEN_AI_PLATFORM_API_KEY"] ["dashscope.aliyuncs.com"];
    "deepinfra" OpenAi "https://api.deepinfra.com/v1/openai" ["DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"] ["api.deepinfra.com"];
    "deepseek" OpenAi "https://api.deepseek.com/v1" ["DEEPSEEK_API_KEY"] ["api.deepseek.com"];
    "digitalocean" OpenAi "https://inference.do-ai.run/v1" ["DIGITALOCEAN_INFERENCE_KEY", "GRADIENT_AI_API_KEY"] ["inference.do-ai.run"];
    "dinference" OpenAi "https://api.dinference.com/v1" ["DINFERENCE_API_KEY"] ["api.dinference.com"];
    "docker-model-runner" OpenAi "http://127.0.0.1:12434/engines/v1" [] [];
    "edenai" OpenAi "https://api.edenai.run/v3" ["EDENAI_API_KEY"] ["api.edenai.run"];
    "empiriolabs" OpenAi "https://api.empiriolabs.ai/v1" ["EMPIRIOLABS_API_KEY"] ["api.empiriolabs.ai"], MaxTokens;
    "empower" OpenAi "https://app.empower.dev/api/v1" ["EMPOWER_API_KEY"] ["app.empower.dev"];
    "evroc" OpenAi "https://models.think.evroc.com/v1" ["EVROC_API_KEY"] ["models.think.evroc.com"];
    "fastrouter" OpenAi "https://go.fastrouter.ai/api/v1" ["FASTROUTER_API_KEY"] ["go.fastrouter.ai"];
    "featherless" OpenAi "https://api.featherless.ai/v1" ["FEATHERLESS_API_KEY", "FEATHERLESS_AI_API_KEY"] ["api.featherless.ai"];
    "fireworks" OpenAi "https://api.fireworks.ai/inference/v1" ["FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY"] ["api.fireworks.ai"];
    "firmware" OpenAi "https://app.firmware.ai/api/v1" ["FIRMWARE_API_KEY"] ["app.firmware.ai"];
    "friendli" OpenAi "https://api.friendli.ai/serverless/v1" ["FRIENDLI_TOKEN", "FRIENDLIAI_API_KEY"] ["api.friendli.ai"];
    "galadriel" OpenAi "https://api.galadriel.com/v1" ["GALADRIEL_API_KEY"] ["api.galadriel.com"];
    "gemini" Gemini "https://generativelanguage.googleapis.com" ["GEMINI_API_KEY", "GOOGLE_API_KEY"] ["generativelanguage.googleapis.com"];
    "gitee" OpenAi "https://ai.gitee.com/v1" ["GITEE_AI_API_KEY"] ["ai.gitee.com"];
    "github" OpenAi "https://models.github.ai/inference" ["GITHUB_MODELS_TOKEN", "GITHUB_API_KEY"] ["models.github.ai", "models.inference.ai.azure.com"];
    "glama" OpenAi "https://glama.ai/api/gateway/openai/v1" ["GLAMA_API_KEY"] ["glama.ai"];
    "gmi" OpenAi "https://api.gmi-serving.com/v1" ["GMI_API_KEY"] ["api.gmi-serving.com"];
    "groq" OpenAi "https://api.groq.com/openai/v1" ["GROQ_API_KEY"] ["api.groq.com"];
    "helicone" OpenAi "https://ai-gateway.helicone.ai/v1" ["HELICONE_API_KEY"] ["ai-gateway.helicone.ai"];
    "hostinger" OpenAi "https://router.hostinger.com/v1" ["HOSTINGER_ROUTER_API_KEY"] ["router.hostinger.com"];
    "hpc-ai" OpenAi "https://api.hpc-ai.com/inference/v1" ["HPC_AI_API_KEY"] ["api.hpc-ai.com"];
    "huggingface" OpenAi "https://router.huggingface.co/v1" ["HF_TOKEN", "HUGGINGFACE_API_KEY"] ["router.huggingface.co"];
    "hunyuan" OpenAi "https://api.hunyuan.cloud.tencent.com/v1" ["HUNYUAN_API_KEY"] ["api.hunyuan.cloud.tencent.com"];
    "hyperbolic" OpenAi "https://api.hyperbolic.xyz/v1" ["HYPERBOLIC_API_KEY"] ["api.hyperbolic.xyz"];
    "iflow" OpenAi "https://apis.iflow.cn/v1" ["IFLOW_API_KEY"] ["apis.iflow.cn"];
    "inception" OpenAi "https://api.inceptionlabs.ai/v1" ["INCEPTION_API_KEY"] ["api.inceptionlabs.ai"];
    "inference-net" OpenAi "https://api.inference.net/v1" ["INFERENCE_API_KEY"] ["api.inference.net"];
    "inferenceapis" OpenAi "https://api.inferenceapis.com/v1" ["INFERENCEAPIS_API_KEY"] ["api.inferenceapis.com"];
    "infini" OpenAi "https://cloud.infini-ai.com/maas/v1" ["INFINIAI_API_KEY"] ["cloud.infini-ai.com"];
    "io-net" OpenAi "https://api.intelligence.io.solutions/api/v1" ["IOINTELLIGENCE_API_KEY"] ["api.intelligence.io.solutions"];
    "jan" OpenAi "http://127.0.0.1:1337/v1" [] [];
    "jiekou" OpenAi "https://api.jiekou.ai/openai" ["JIEKOU_API_KEY"] ["api.jiekou.ai"];
    "jina" OpenAi "https://api.jina.ai/v1" ["JINA_API_KEY", "JINA_AI_API_KEY"] ["api.jina.ai"];
    "kilo" OpenAi "https://api.kilo.ai/api/gateway" ["KILO_API_KEY"] ["api.kilo.ai"];
    "kimi-coding" Anthropic "https://api.kimi.com/coding" ["KIMI_API_KEY"] ["api.kimi.com"];
    "kluster" OpenAi "https://api.kluster.ai/v1" ["KLUSTER_API_KEY"] ["api.kluster.ai"];
    "kuae" OpenAi "https://coding-plan-endpoint.kuaecloud.net/v1" ["KUAE_API_KEY"] ["coding-plan-endpoint.kuaecloud.net"];
    "kyma" OpenAi "https://kymaapi.com/v1" ["KYMA_API_KEY"] ["kymaapi.com"];
    "lambda" OpenAi "https://api.lambda.ai/v1" ["LAMBDA_API_KEY"] ["api.lambda.ai"];
    "lemonade" OpenAi "http://127.0.0.1:8000/api/v1" [] [];
    "libertai" OpenAi "https://api.libertai.io/v1" ["LIBERTAI_API_KEY"] ["api.libertai.io"], MaxTokens;
    "litellm" OpenAi "http://127.0.0.1:4000/v1" ["LITELLM_PROXY_API_KEY"] [];
    "llama-cpp" OpenAi "http://127.0.0.1:8080/v1" [] [];
    "llamafile" OpenAi "http://127.0.0.1:8080/v1" [] [];
    "llamagate" OpenAi "https://api.llamagate.dev/v1" ["LLAMAGATE_API_KEY"] ["api.llamagate.dev"], MaxTokens;
    "llm7" OpenAi "https://api.llm7.io/v1" ["LLM7_API_KEY"] ["api.llm7.io"];
    "lmstudio" OpenAi "http://127.0.0.1:1234/v1" [] [];
    "localai" OpenAi "http://127.0.0.1:8080/v1" [] [];
    "lucidquery" OpenAi "https://lucidquery.com/api/v1" ["LUCIDQUERY_API_KEY"] ["lucidquery.com"];
    "mancer" OpenAi "https://neuro.mancer.tech/oai/v1" ["MANCER_API_KEY"] ["neuro.mancer.tech"];
    "maritaca" OpenAi "https://chat.maritaca.ai/api" ["MARITACA_API_KEY", "MARITALK_API_KEY"] ["chat.maritaca.ai"];
    "meganova" OpenAi "https://api.meganova.ai/v1" ["MEGANOVA_API_KEY"] ["api.meganova.ai"];
    "meta" OpenAi "https://api.meta.ai/v1" ["META_API_KEY"] ["api.meta.ai"];
    "meta-llama" OpenAi "https://api.llama.com/compat/v1" ["LLAMA_API_KEY"] ["api.llama.com"];
    "minimax" OpenAi "https://api.minimax.io/v1" ["MINIMAX_API_KEY"] ["api.minimax.io"];
    "minimax-cn" Anthropic "https://api.minimaxi.com/anthropic" ["MINIMAX_CN_API_KEY"] ["api.minimaxi.com"];
    "mistral" OpenAi "https://api.mistral.ai/v1" ["MISTRAL_API_KEY"] ["api.mistral.ai"], NoStreamOptions;
    "mixlayer" OpenAi "https://models.mixlayer.ai/v1" ["MIXLAYER_API_KEY"] ["models.mixlayer.ai"];
    "moark" OpenAi "https://moark.com/v1" ["MOARK_API_KEY"] ["moark.com"];
    "modelscope" OpenAi "https://api-inference.modelscope.cn/v1" ["MODELSCOPE_API_KEY"] ["api-inference.modelscope.cn"];
    "moonshot" OpenAi "https://api.moonshot.ai/v1" ["MOONSHOT_API_KEY"] ["api.moonshot.ai"];
    "moonshot-cn" OpenAi "https://api.moonshot.cn/v1" ["MOONSHOT_CN_API_KEY"] ["api.moonshot.cn"];
    "morph" OpenAi "https://api.morphllm.com/v1" ["MORPH_API_KEY"] ["api.morphllm.com"];
    "nadir" OpenAi "https://api.getnadir.com/v1" ["NADIR_API_KEY"] ["api.getnadir.com"];
    "nano-gpt" OpenAi "https://nano-gpt.com/api/v1" ["NANOGPT_API_KEY", "NANO_GPT_API_KEY"] ["nano-gpt.com"], MaxTokens;
    "nearai" OpenAi "https://cloud-api.near.ai/v1" ["NEARAI_API_KEY"] ["cloud-api.near.ai"];
    "nebius" OpenAi "https://api.studio.nebius.ai/v1" ["NEBIUS_API_KEY"] ["api.studio.nebius.ai", "api.studio.nebius.com", "api.tokenfactory.nebius.com"];
    "neosantara" OpenAi "https://api.neosantara.xyz/v1" ["NEOSANTARA_API_KEY"] ["api.neosantara.xyz"], MaxTokens;
    "novita" OpenAi "https://api.novita.ai/openai/v1" ["NOVITA_API_KEY"] ["api.novita.ai"];
    "nscale" OpenAi "https://inference.api.nscale.com/v1" ["NSCALE_API_KEY"] ["inference.api.nscale.com"];
    "nvidia" OpenAi "https://integrate.api.nvidia.com/v1" ["NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"] ["integrate.api.nvidia.com"];
    "ollama" OpenAi "http://127.0.0.1:11434/v1" [] [];
    "ollama-cloud" OpenAi "https://ollama.com/v1" ["OLLAMA_API_KEY"] ["ollama.com"];
    "openai" OpenAi "https://api.openai.com/v1" ["OPENAI_API_KEY"] ["api.openai.com"];
    "opencode" OpenAi "https://opencode.ai/zen/v1" ["OPENCODE_API_KEY"] ["opencode.ai"];
    "openinfer" OpenAi "https://api.openinfer.ai/v1" ["OPENINFER_API_KEY"] ["api.openinfer.ai"];
    "openrouter" OpenAi "https://openrouter.ai/api/v1" ["OPENROUTER_API_KEY", "OR_API_KEY"] ["openrouter.ai"];
    "ovhcloud" OpenAi "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1" ["OVH_AI_ENDPOINTS_ACCESS_TOKEN", "OVHCLOUD_API_KEY"] ["oai.endpoints.kepler.ai.cloud.ovh.net"];
    "parasail" OpenAi "https://api.parasail.io/v1" ["PARASAIL_API_KEY"] ["api.parasail.io"];
    "perplexity" OpenAi "https://api.perplexity.ai" ["PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY", "PPLX_API_KEY"] ["api.perplexity.ai"], NoStreamOptions;
    "pinstripes" OpenAi "https://pinstripes.io/v1" ["PINSTRIPES_API_KEY"] ["pinstripes.io"], MaxTokens;
    "poe" OpenAi "https://api.poe.com/v1" ["POE_API_KEY"] ["api.poe.com"], MaxTokens;
    "ppio" OpenAi "https://api.ppinfra.com/v3/openai" ["PPIO_API_KEY"] ["api.ppinfra.com"];
    "prism" OpenAi "https://api.prisminference.com/v1" ["PRISM_API_KEY"] ["api.prisminference.com"];
    "publicai" OpenAi "https://api.publicai.co/v1" ["PUBLICAI_API_KEY"] ["api.publicai.co"], MaxTokens, TextContent;
    "qianfan" OpenAi "https://qianfan.baidubce.com/v2" ["QIANFAN_API_KEY"] ["qianfan.baidubce.com"];
    "qihang" OpenAi "https://api.qhaigc.net/v1" ["QIHANG_API_KEY"] ["api.qhaigc.net"];
    "qiniu" OpenAi "https://api.qnaigc.com/v1" ["QINIU_API_KEY"] ["api.qnaigc.com"];
    "redpill" OpenAi "https://api.redpill.ai/v1" ["REDPILL_API_KEY"] ["api.redpill.ai"];
    "refuseless" OpenAi "https://api.refuseless.com/v1" ["REFUSELESS_API_KEY"] ["api.refuseless.com"];
    "regolo" OpenAi "https://api.regolo.ai/v1" ["REGOLO_API_KEY"] ["api.regolo.ai"];
    "reka" OpenAi "https://api.reka.ai/v1" ["REKA_API_KEY"] ["api.reka.ai"];
    "requesty" OpenAi "https://router.requesty.ai/v1" ["REQUESTY_API_KEY"] ["router.requesty.ai"];
    "sail" OpenAi "https://api.sailresearch.com/v1" ["SAIL_API_KEY"] ["api.sailresearch.com"];
    "sambanova" OpenAi "https://api.sambanova.ai/v1" ["SAMBANOVA_API_KEY"] ["api.sambanova.ai"];
    "sarvam" OpenAi "https://api.sarvam.ai/v1" ["SARVAM_API_KEY"] ["api.sarvam.ai"], MaxTokens;
    "scaleway" OpenAi "https://api.scaleway.ai/v1" ["SCW_SECRET_KEY", "SCALEWAY_API_KEY"] ["api.scaleway.ai"];
    "scx-ai" OpenAi "https://api.scx.ai/v1" ["SCX_API_KEY"] ["api.scx.ai"], MaxTokens;
    "sensenova" OpenAi "https://api.sensenova.cn/compatible-mode/v1" ["SENSENOVA_API_KEY"] ["api.sensenova.cn"];
    "sglang" OpenAi "http://127.0.0.1:30000/v1" [] [];
    "siliconflow" OpenAi "https://api.siliconflow.com/v1" ["SILICONFLOW_API_KEY"] ["api.siliconflow.com"];
    "siliconflow-cn" OpenAi "https://api.siliconflow.cn/v1" ["SILICONFLOW_CN_API_KEY"] ["api.siliconflow.cn"];
    "spark" OpenAi "https://spark-api-open.xf-yun.com/v1" ["SPARK_API_KEY"] ["spark-api-open.xf-yun.com"];
    "stackit" OpenAi "https://api.openai-compat.model-serving.eu01.onstackit.cloud/v1" ["STACKIT_API_KEY"] ["api.openai-compat.model-serving.eu01.onstackit.cloud"];
    "stepfun" OpenAi "https://api.stepfun.com/v1" ["STEPFUN_API_KEY"] ["api.stepfun.com"];
    "streamlake" OpenAi "https://vanchin.streamlake.ai/api/gateway/v1/endpoints" ["STREAMLAKE_API_KEY"] ["vanchin.streamlake.ai"], MaxCompletionTokens;
    "submodel" OpenAi "https://llm.submodel.ai/v1" ["SUBMODEL_INSTAGEN_ACCESS_KEY"] ["llm.submodel.ai"];
    "synthetic" OpenAi "https://api.synthetic.new/openai/v1" ["SYNTHETIC_API_KEY"] ["api.synthetic.new"], MaxTokens;
    "targon" OpenAi "https://api.targon.com/v1" ["TARGON_API_KEY"] ["api.targon.com"];
    "tencent" OpenAi "https://tokenhub-intl.tencentcloudmaas.com/v1" ["TENCENT_API_KEY"] ["tokenhub-intl.tencentcloudmaas.com"];
    "tensormesh" OpenAi "https://serverless.tensormesh.ai/v1" ["TENSORMESH_INFERENCE_API_KEY"] ["serverless.tensormesh.ai"], MaxTokens;
    "tinfoil" OpenAi "https://inference.tinfoil.sh/v1" ["TINFOIL_API_KEY"] ["inference.tinfoil.sh"];
    "together" OpenAi "https://api.together.xyz/v1" ["TOGETHER_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY"] ["api.together.xyz", "api.together.ai"];
    "unify" OpenAi "https://api.unify.ai/v0" ["UNIFY_KEY"] ["api.unify.ai"];
    "upstage" OpenAi "https://api.upstage.ai/v1" ["UPSTAGE_API_KEY"] ["api.upstage.ai"];
    "v0" OpenAi "https://api.v0.dev/v1" ["V0_API_KEY"] ["api.v0.dev"];
    "venice" OpenAi "https://api.venice.ai/api/v1" ["VENICE_API_KEY", "VENICE_AI_API_KEY"] ["api.venice.ai"];
    "vercel" OpenAi "https://ai-gateway.vercel.sh/v1" ["AI_GATEWAY_API_KEY", "VERCEL_AI_GATEWAY_API_KEY"] ["ai-gateway.vercel.sh"];
    "vivgrid" OpenAi "https://api.vivgrid.com/v1" ["VIVGRID_API_KEY"] ["api.vivgrid.com"];
    "vllm" OpenAi "http://127.0.0.1:8000/v1" [] [];
    "volcengine" OpenAi "https://ark.cn-beijing.volces.com/api/v3" ["ARK_API_KEY", "VOLCENGINE_API_KEY"] ["ark.cn-beijing.volces.com"];
    "voyage" OpenAi "https://api.voyageai.com/v1" ["VOYAGE_API_KEY", "VOYAGE_AI_API_KEY"] ["api.voyageai.com"];
    "vultr" OpenAi "https://api.vultrinference.com/v1" ["VULTR_API_KEY"] ["api.vultrinference.com"];
    "wandb" OpenAi "https://api.inference.wandb.ai/v1" ["WANDB_API_KEY"] ["api.inference.wandb.ai"];
    "xai" OpenAi "https://api.x.ai/v1" ["XAI_API_KEY"] ["api.x.ai"];
    "xiaomi" OpenAi "https://api.xiaomimimo.com/v1" ["XIAOMI_MIMO_API_KEY", "XIAOMI_API_KEY"] ["api.xiaomimimo.com"], MaxTokens;
    "xinference" OpenAi "http://127.0.0.1:9997/v1" [] [];
    "yi" OpenAi "https://api.lingyiwanwu.com/v1" ["ZEROONE_API_KEY", "YI_API_KEY"] ["api.lingyiwanwu.com"];
    "zai" OpenAi "https://api.z.ai/api/paas/v4" ["ZAI_API_KEY"] ["api.z.ai"];
    "zenmux" OpenAi "https://zenmux.ai/api/v1" ["ZENMUX_API_KEY"] ["zenmux.ai"];
    "zerogpu" OpenAi "https://api.zerogpu.ai/v1" ["ZEROGPU_API_KEY"] ["api.zerogpu.ai"];
};

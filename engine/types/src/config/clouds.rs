//! Clouds: where a provider is in them, and who asks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// Where in Amazon Web Services, and who. Keys are looked for in the order of the AWS SDKs: those
/// given here, the environment, profile files, web identity, the container, the instance. They are
/// asked for by the first call and renewed before they expire.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Aws {
    /// Such as `eu-west-3`. Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's, or
    /// `us-east-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Id of the access key that signs. Default: `AWS_ACCESS_KEY_ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// Its secret. Default: `AWS_SECRET_ACCESS_KEY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_access_key: Option<Secret<String>>,
    /// Token of temporary keys. Default: `AWS_SESSION_TOKEN` where the key comes from there too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Secret<String>>,
    /// The only place where keys are looked for. Default: every place in turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<AwsSource>,
    /// Profile of the AWS files that is used instead of the environment's keys. Default:
    /// `AWS_PROFILE`, or `default` after the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The file with keys of profiles. Default: `AWS_SHARED_CREDENTIALS_FILE`, or `~/.aws/credentials`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<String>,
    /// The file that says more about profiles. Default: `AWS_CONFIG_FILE`, or `~/.aws/config`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_file: Option<String>,
    /// Role assumed with the keys found, or with the token of `web_identity_token_file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// What the role's owner asks for beside the keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Name of the role's session in AWS's logs. Default: `tidegate` and the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    /// File with a token of another issuer for `role_arn`, read anew for each session. Default:
    /// `AWS_WEB_IDENTITY_TOKEN_FILE`, with `AWS_ROLE_ARN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_identity_token_file: Option<String>,
    /// Where roles are assumed. Default: `AWS_ENDPOINT_URL_STS`, or the region's own service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sts_endpoint: Option<String>,
    /// Where a container gets its keys. Default: what ECS and EKS put into the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_endpoint: Option<String>,
    /// File with the token for it. Default: `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_token_file: Option<String>,
    /// Where an instance gets its keys. Default: `AWS_EC2_METADATA_SERVICE_ENDPOINT`, or
    /// `http://169.254.169.254`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_endpoint: Option<String>,
}

impl Aws {
    /// Whether it says where keys come from, and not only where calls go.
    pub fn names_credentials(&self) -> bool {
        self.access_key_id.is_some()
            || self.source.is_some()
            || self.profile.is_some()
            || self.role_arn.is_some()
            || self.web_identity_token_file.is_some()
            || self.container_endpoint.is_some()
            || self.metadata_endpoint.is_some()
    }
}

/// A place where keys of AWS are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AwsSource {
    /// `AWS_ACCESS_KEY_ID` and its companions.
    Environment,
    /// The files of the AWS command line.
    Profile,
    /// A token of another issuer, such as a Kubernetes service account's.
    WebIdentity,
    /// The host of an ECS or EKS container.
    Container,
    /// The host of an EC2 instance (IMDSv2).
    Instance,
}

/// An Azure OpenAI or Azure AI Foundry resource, and who asks: a key (`api_key`), or Microsoft
/// Entra ID.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Azure {
    /// `https://NAME.openai.azure.com`, or another address of the resource. Default:
    /// `AZURE_OPENAI_ENDPOINT` or `AZURE_API_BASE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Name of the resource, instead of `endpoint`. Default: `AZURE_RESOURCE_NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// A dated version such as `2024-10-21` uses the addresses of deployments; `v1` the newer API
    /// that needs none. Default: `AZURE_OPENAI_API_VERSION`, `OPENAI_API_VERSION` or
    /// `AZURE_API_VERSION`, or `v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Deployments by the name of the model they hold. Others are called as the model is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub deployments: BTreeMap<String, String>,
    /// A token of Entra ID that somebody else renews. Default: `AZURE_OPENAI_AD_TOKEN` or
    /// `AZURE_AD_TOKEN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret<String>>,
    /// Directory of the application. Default: `AZURE_TENANT_ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Application, or managed identity. Default: `AZURE_CLIENT_ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The application's secret. Default: `AZURE_CLIENT_SECRET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret<String>>,
    /// PEM file with the application's certificate and private RSA key. Default:
    /// `AZURE_CLIENT_CERTIFICATE_PATH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// File with a token of another issuer, read anew for each token. Default:
    /// `AZURE_FEDERATED_TOKEN_FILE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federated_token_file: Option<String>,
    /// True: the machine's managed identity is used, whatever the environment holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_identity: Option<bool>,
    /// Where tokens are asked for. Default: `AZURE_AUTHORITY_HOST`, or `https://login.microsoftonline.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority_host: Option<String>,
    /// What tokens are good for. Default: `https://cognitiveservices.azure.com/.default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Where a machine gets its tokens. Default: `IDENTITY_ENDPOINT` where there is one, or
    /// `http://169.254.169.254`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_endpoint: Option<String>,
}

impl Azure {
    /// Whether it says who asks.
    pub fn names_credentials(&self) -> bool {
        self.token.is_some()
            || self.client_secret.is_some()
            || self.client_certificate.is_some()
            || self.federated_token_file.is_some()
            || self.managed_identity == Some(true)
            || self.metadata_endpoint.is_some()
    }
}

/// A project of Google Cloud, and who asks. Without credentials the application default ones are
/// used: the file `GOOGLE_APPLICATION_CREDENTIALS` names, the one `gcloud auth application-default
/// login` writes, or the machine's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Google {
    /// Whom the calls are billed to. Default: `GOOGLE_CLOUD_PROJECT`, `VERTEXAI_PROJECT`, `GCLOUD_PROJECT`, or the one the
    /// credentials belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Such as `europe-west4`, or `global`. Default: `GOOGLE_CLOUD_LOCATION`, `VERTEXAI_LOCATION`,
    /// `GOOGLE_CLOUD_REGION`, or `global`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The JSON of a service account, an authorized user or an external account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Secret<String>>,
    /// Its file, read anew for each token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<String>,
    /// A token that somebody else renews.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret<String>>,
    /// Address of a service account whose tokens are used in place of one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonate: Option<String>,
    /// What tokens are good for. Default: `https://www.googleapis.com/auth/cloud-platform`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Where service accounts' tokens are made. Default: `https://iamcredentials.googleapis.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iam_endpoint: Option<String>,
}

/// How a provider's key, or its owner, is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Auth {
    /// `authorization: Bearer KEY`.
    Bearer,
    /// `authorization: KEY`.
    Plain,
    /// `authorization: Token KEY`.
    Token,
    /// `authorization: Key KEY`.
    Key,
    /// `api-key: KEY`.
    ApiKey,
    /// `x-api-key: KEY`.
    XApiKey,
    /// `x-goog-api-key: KEY`.
    XGoogApiKey,
    /// `?key=KEY` in the URL.
    QueryKey,
    /// No key is sent.
    None,
    /// Requests are signed for AWS; see `aws`.
    Aws,
    /// A token of Entra ID; see `azure`.
    Azure,
    /// A token of Google; see `google`.
    Google,
    /// The key is exchanged for a token of IBM Cloud.
    Ibm,
}

/// What a vendor does otherwise than the OpenAI dialect as its maker defines it. Requests are
/// rewritten for it, and answers completed; what a request loses thereby is named in
/// `x-tidegate-dropped`, or refused under `on_unsupported: error`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Quirk {
    /// Refuses `stream_options`, or reports usage at the end of a stream without being asked.
    NoStreamOptions,
    /// Bounds a reply by `max_tokens` alone.
    #[serde(rename = "max_tokens_field")]
    MaxTokens,
    /// Bounds a reply by `max_completion_tokens` alone.
    #[serde(rename = "max_completion_tokens_field")]
    MaxCompletionTokens,
    /// Takes the words of a message as one string, not as a list of parts.
    TextContent,
    /// Knows no role `developer`: such messages are sent as `system`.
    NoDeveloperRole,
    /// Knows no role `system` either: such messages are sent as `user`.
    NoSystemRole,
    /// Refuses `frequency_penalty` and `presence_penalty`.
    NoPenalties,
    /// Refuses `parallel_tool_calls`.
    NoParallelToolCalls,
    /// Refuses `tool_choice: required`, which becomes `auto`.
    NoToolChoiceRequired,
    /// Says `any` where OpenAI says `tool_choice: required`.
    ToolChoiceAny,
    /// Gives one choice alone and refuses `n`.
    SingleChoice,
    /// Refuses `logprobs` and `top_logprobs`.
    NoLogprobs,
    /// Refuses `logit_bias`.
    NoLogitBias,
    /// Refuses the `name` of a message.
    NoMessageNames,
    /// Says `random_seed` where OpenAI says `seed`.
    RandomSeed,
    /// Refuses what concerns OpenAI's own platform: `store`, `metadata`, `user`, `service_tier`,
    /// `prompt_cache_key`, `prompt_cache_retention`, `safety_identifier`.
    NoPlatformFields,
    /// Knows JSON as a format, but no schema of it: `json_schema` becomes `json_object`.
    NoJsonSchema,
    /// Takes the reasoning of earlier turns as `reasoning`, not as `reasoning_content`.
    ReasoningField,
    /// Refuses the reasoning of earlier turns.
    NoReasoningHistory,
    /// Ends its streams without `data: [DONE]`, which is added for callers who wait for it.
    SendsNoDone,
    /// Says `top_k` where Cohere and Jina say `top_n` when documents are ranked.
    RerankTopK,
}

impl Quirk {
    /// Every one.
    pub const ALL: &'static [Self] = &[
        Self::NoStreamOptions,
        Self::MaxTokens,
        Self::MaxCompletionTokens,
        Self::TextContent,
        Self::NoDeveloperRole,
        Self::NoSystemRole,
        Self::NoPenalties,
        Self::NoParallelToolCalls,
        Self::NoToolChoiceRequired,
        Self::ToolChoiceAny,
        Self::SingleChoice,
        Self::NoLogprobs,
        Self::NoLogitBias,
        Self::NoMessageNames,
        Self::RandomSeed,
        Self::NoPlatformFields,
        Self::NoJsonSchema,
        Self::ReasoningField,
        Self::NoReasoningHistory,
        Self::SendsNoDone,
        Self::RerankTopK,
    ];
}

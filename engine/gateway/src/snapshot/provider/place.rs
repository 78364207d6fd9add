//! Where a provider is: the formats it speaks, each at its address and in its host's shape.

use tidegate_providers::{
    aws,
    credentials::{aws_region, google_project},
    shape::Shape,
};
use tidegate_types::Dialect;

use super::{Scope, is_local};

/// Variables that name a project of Google Cloud.
pub(super) const PROJECTS: &[&str] =
    &["GOOGLE_CLOUD_PROJECT", "VERTEXAI_PROJECT", "GCLOUD_PROJECT"];

/// Variables that name a resource of Azure.
pub(super) const AZURE: &[&str] = &[
    "AZURE_OPENAI_ENDPOINT",
    "AZURE_API_BASE",
    "AZURE_RESOURCE_NAME",
];

/// The oldest dated version of Azure's API that has responses.
const AZURE_RESPONSES: &str = "2025-03-01";

/// A format at an address.
pub(super) struct Found {
    pub(super) dialect: Dialect,
    pub(super) base: String,
    pub(super) shape: Shape,
    pub(super) query: Option<String>,
    pub(super) serves: fn(&str) -> bool,
}

impl Found {
    fn new(dialect: Dialect, base: String) -> Self {
        Self {
            dialect,
            base,
            shape: Shape::Plain,
            query: None,
            serves: |_| true,
        }
    }

    /// For a provider that cannot be called: what it lacks is told before anything is sent.
    pub(super) fn nowhere(dialect: Dialect) -> Self {
        Self::new(dialect, "http://provider.invalid".to_owned())
    }

    fn shaped(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    fn serving(mut self, serves: fn(&str) -> bool) -> Self {
        self.serves = serves;
        self
    }
}

/// The formats a provider speaks and where, its own first.
///
/// # Errors
/// What is missing to know it, and how to give it.
pub(super) fn wires_of(scope: &Scope<'_>, has_key: bool) -> Result<Vec<Found>, String> {
    let provider = scope.provider;
    let mut all = if is_local(provider) {
        let base = "http://mock.invalid".to_owned();
        vec![Found::new(scope.dialect, base)]
    } else if provider
        .dialect
        .is_some_and(|given| scope.vendor.is_none_or(|vendor| vendor.dialect != given))
    {
        // Another format than the vendor's: nothing that is known of it counts.
        vec![plain(scope)?]
    } else if scope.is("azure") {
        azure(scope)?
    } else if scope.is("azure-ai") {
        azure_ai(scope)?
    } else if scope.is("vertex") {
        vertex(scope, has_key)?
    } else if scope.is("bedrock") {
        bedrock(scope)?
    } else if scope.is("watsonx") {
        vec![watsonx(scope)?]
    } else if scope.is("sagemaker") {
        vec![plain(scope)?.shaped(Shape::SageMaker)]
    } else {
        vendors(scope)?
    };
    let (own, base) = (all[0].dialect, all[0].base.clone());
    for more in &provider.also {
        if !all.iter().any(|found| found.dialect == *more) {
            let found = Found::new(*more, base.clone());
            all.push(match (own, more) {
                // Bedrock offers Anthropic's format by the name of an operation, not of a path.
                (Dialect::Bedrock, Dialect::Anthropic) => found.shaped(Shape::BedrockAnthropic),
                _ => found,
            });
        }
    }
    Ok(all)
}

fn plain(scope: &Scope<'_>) -> Result<Found, String> {
    let given = scope.provider.base_url.as_deref();
    let base = given
        .or(scope.vendor.map(|vendor| vendor.base_url))
        .unwrap_or("http://mock.invalid");
    Ok(Found::new(scope.dialect, filled(scope, base)?))
}

/// A vendor that speaks several formats. Where it listens elsewhere, only what shares its address is
/// known to be there.
fn vendors(scope: &Scope<'_>) -> Result<Vec<Found>, String> {
    let mut all = vec![plain(scope)?];
    let (Some(vendor), None) = (scope.vendor, scope.provider.dialect) else {
        return Ok(all);
    };
    let given = scope.provider.base_url.as_deref();
    for (dialect, base) in vendor.also() {
        if given.is_none() || base == vendor.base_url {
            all.push(Found::new(dialect, filled(scope, given.unwrap_or(base))?));
        }
    }
    Ok(all)
}

/// The base URL with its `{names}` replaced.
fn filled(scope: &Scope<'_>, base: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = base.trim_end_matches('/');
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else {
            break;
        };
        text.push_str(before);
        text.push_str(&value(scope, name)?);
        rest = behind;
    }
    text.push_str(rest);
    Ok(text)
}

fn value(scope: &Scope<'_>, name: &str) -> Result<String, String> {
    let place = scope
        .vendor
        .and_then(|vendor| vendor.places().find(|place| place.name == name));
    let given = scope.provider.variables.get(name).cloned();
    let from_aws = || {
        (name == "region" && (scope.provider.aws.is_some() || scope.is("sagemaker")))
            .then(|| aws_region(scope.provider.aws.as_ref(), scope.around))
            .flatten()
    };
    let found = given
        .or_else(from_aws)
        .or_else(|| place.and_then(|place| scope.first(place.env)))
        .or_else(|| place.and_then(|place| place.usual.map(str::to_owned)));
    let Some(found) = found else {
        let set = place.map_or_else(String::new, |place| {
            format!("set {} or ", place.env.join(" or "))
        });
        return Err(format!(
            "provider {who:?} needs its `{name}`; {set}give `providers.{who}.variables.{name}`",
            who = scope.name
        ));
    };
    let found = found.trim();
    // Some keep a whole address where a host is wanted.
    let found = found.split_once("://").map_or(found, |(_, host)| host);
    let found = found.trim_end_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:".contains(c);
    if found.is_empty() || !found.chars().all(plain) {
        return Err(format!(
            "the `{name}` of provider {:?} is no part of an address",
            scope.name
        ));
    }
    Ok(found.to_owned())
}

fn bedrock(scope: &Scope<'_>) -> Result<Vec<Found>, String> {
    let base = match &scope.provider.base_url {
        Some(base) if !base.contains("{region}") => base.trim_end_matches('/').to_owned(),
        _ => {
            let region = aws_region(scope.provider.aws.as_ref(), scope.around);
            let region = region.unwrap_or_else(|| "us-east-1".to_owned());
            aws::bedrock_endpoint(&region)
                .ok_or_else(|| format!("{region:?} is no name of a region of AWS"))?
        }
    };
    Ok(vec![
        Found::new(Dialect::Bedrock, base.clone()),
        Found::new(Dialect::Anthropic, base.clone())
            .shaped(Shape::BedrockAnthropic)
            .serving(|model| model.contains("anthropic.claude")),
        Found::new(Dialect::OpenAi, base)
            .shaped(Shape::Below {
                root: "/openai/v1".to_owned(),
            })
            .serving(|model| model.contains("openai.gpt-oss")),
    ])
}

fn is_claude(model: &str) -> bool {
    model.starts_with("claude")
}

/// Azure OpenAI and the models of AI Foundry beside it.
fn azure(scope: &Scope<'_>) -> Result<Vec<Found>, String> {
    let config = scope.provider.azure.clone().unwrap_or_default();
    let resource = || {
        let name = config.resource.clone();
        let name = name.or_else(|| scope.provider.variables.get("resource").cloned());
        name.map(|name| format!("https://{name}.openai.azure.com"))
    };
    let from_env = || {
        scope.first(&AZURE[..2]).or_else(|| {
            let name = scope.env(AZURE[2])?;
            Some(format!("https://{name}.openai.azure.com"))
        })
    };
    let endpoint = config
        .endpoint
        .clone()
        .or_else(|| scope.provider.base_url.clone())
        .or_else(resource)
        .or_else(from_env)
        .ok_or_else(|| {
            format!(
                "provider {who:?} needs the address of its resource; set AZURE_OPENAI_ENDPOINT, or \
                 give `providers.{who}.azure.endpoint` or `.resource`",
                who = scope.name
            )
        })?;
    let endpoint = endpoint.trim().trim_end_matches('/');
    let endpoint = endpoint.strip_suffix("/openai/v1").unwrap_or(endpoint);
    let endpoint = endpoint.strip_suffix("/openai").unwrap_or(endpoint);
    let version = config.api_version.clone().or_else(|| {
        scope.first(&[
            "AZURE_OPENAI_API_VERSION",
            "OPENAI_API_VERSION",
            "AZURE_API_VERSION",
        ])
    });
    let version = version.unwrap_or_else(|| "v1".to_owned());
    let dated = version.starts_with(|first: char| first.is_ascii_digit());
    let base = if dated {
        format!("{endpoint}/openai")
    } else {
        format!("{endpoint}/openai/v1")
    };
    // `v1` is the default of the newer API; `preview` and the like are asked for by name.
    let query = (version != "v1").then(|| format!("api-version={version}"));
    let mut own = Found::new(Dialect::OpenAi, base.clone()).serving(|model| !is_claude(model));
    own.query.clone_from(&query);
    let mut all = Vec::new();
    if dated {
        own.shape = Shape::AzureDeployments;
    }
    all.push(own);
    if !dated || *version >= *AZURE_RESPONSES {
        let mut responses = Found::new(Dialect::Responses, base).serving(|model| !is_claude(model));
        responses.query = query;
        all.push(responses);
    }
    // Claude is served by the resource's other host ("Deploy and use Claude models in Microsoft
    // Foundry").
    let foundry = endpoint.replace(".openai.azure.com", ".services.ai.azure.com");
    all.push(Found::new(Dialect::Anthropic, format!("{foundry}/anthropic")).serving(is_claude));
    Ok(all)
}

/// The model inference API of AI Foundry.
fn azure_ai(scope: &Scope<'_>) -> Result<Vec<Found>, String> {
    let config = scope.provider.azure.clone().unwrap_or_default();
    let endpoint = config.endpoint.clone().or_else(|| {
        scope
            .is_vendors_own()
            .then(|| scope.first(&["AZURE_AI_ENDPOINT", "AZURE_AI_API_BASE"]))
            .flatten()
    });
    let mut own = match endpoint {
        Some(endpoint) => {
            let endpoint = endpoint.trim().trim_end_matches('/');
            let endpoint = endpoint.strip_suffix("/models").unwrap_or(endpoint);
            Found::new(scope.dialect, format!("{endpoint}/models"))
        }
        None => match &config.resource {
            Some(name) => {
                let base = format!("https://{name}.services.ai.azure.com/models");
                Found::new(scope.dialect, base)
            }
            None => plain(scope)?,
        },
    };
    let version = config.api_version;
    let version = version.unwrap_or_else(|| "2024-05-01-preview".to_owned());
    own.query = Some(format!("api-version={version}"));
    Ok(vec![own])
}

/// Vertex AI: which publisher's format a model is asked in stands in its name. `gemini-...` is
/// Google's own, `claude-...` Anthropic's, `publisher/model` the OpenAI-compatible endpoint's.
fn vertex(scope: &Scope<'_>, has_key: bool) -> Result<Vec<Found>, String> {
    let config = scope.provider.google.clone().unwrap_or_default();
    let location = config
        .location
        .clone()
        .or_else(|| scope.provider.variables.get("location").cloned())
        .or_else(|| {
            scope.first(&[
                "GOOGLE_CLOUD_LOCATION",
                "VERTEXAI_LOCATION",
                "GOOGLE_CLOUD_REGION",
            ])
        })
        .unwrap_or_else(|| "global".to_owned());
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if location.is_empty() || !location.chars().all(plain) {
        return Err(format!("{location:?} is no location of Google Cloud"));
    }
    let base = scope.provider.base_url.clone().unwrap_or_else(|| {
        match &*location {
            "global" => "https://aiplatform.googleapis.com".to_owned(),
            // Two locations stand for more than one region and have hosts of their own.
            "us" | "eu" => format!("https://aiplatform.{location}.rep.googleapis.com"),
            _ => format!("https://{location}-aiplatform.googleapis.com"),
        }
    });
    let base = base.trim_end_matches('/').to_owned();
    let project = config
        .project
        .clone()
        .or_else(|| scope.first(PROJECTS))
        .or_else(|| google_project(&config, scope.around));
    // With a key alone, Vertex knows the project from the key ("Vertex AI in express mode").
    let root = match project {
        Some(project) => format!("/v1/projects/{project}/locations/{location}"),
        None if has_key => "/v1".to_owned(),
        None => {
            return Err(format!(
                "provider {who:?} needs its project; set GOOGLE_CLOUD_PROJECT or give \
                 `providers.{who}.google.project`",
                who = scope.name
            ));
        }
    };
    Ok(vec![
        Found::new(Dialect::Gemini, base.clone())
            .shaped(Shape::VertexGemini { root: root.clone() })
            .serving(|model| !is_claude(model) && !model.contains('/')),
        Found::new(Dialect::Anthropic, base.clone())
            .shaped(Shape::VertexAnthropic { root: root.clone() })
            .serving(|model| is_claude(model) || model.is_empty()),
        Found::new(Dialect::OpenAi, base)
            .shaped(Shape::Below {
                root: format!("{root}/endpoints/openapi"),
            })
            .serving(|model| model.contains('/') || model.is_empty()),
    ])
}

fn watsonx(scope: &Scope<'_>) -> Result<Found, String> {
    let from = |name: &str, variables: &[&str]| {
        let given = scope.provider.variables.get(name).cloned();
        given.or_else(|| scope.first(variables))
    };
    let project = from("project_id", &["WATSONX_PROJECT_ID", "WX_PROJECT_ID"]);
    let space = || {
        from(
            "space_id",
            &["WATSONX_SPACE_ID", "WATSONX_DEPLOYMENT_SPACE_ID"],
        )
    };
    let owner = if let Some(project) = project {
        ("project_id", project)
    } else {
        let space = space().ok_or_else(|| {
            format!(
                "provider {who:?} needs its project; set WATSONX_PROJECT_ID or give \
                 `providers.{who}.variables.project_id` (or `space_id`)",
                who = scope.name
            )
        })?;
        ("space_id", space)
    };
    let mut found = match scope.env("WATSONX_URL") {
        Some(url) if scope.is_vendors_own() && !scope.provider.variables.contains_key("region") => {
            Found::new(
                scope.dialect,
                format!("{}/ml/v1", url.trim_end_matches('/')),
            )
        }
        _ => plain(scope)?,
    };
    found.shape = Shape::Watsonx { owner };
    // The date from which the API is as it is spoken here.
    found.query = Some("version=2024-10-08".to_owned());
    Ok(found)
}

//! What stands between braces in vendors' base URLs, and the environment variables that hold it.

use super::Place;

/// From the vendors' own pages; `usual` where a vendor has a default of its own.
pub(super) static PLACES: &[Place] = &[
    Place {
        vendor: "azure",
        name: "resource",
        env: &["AZURE_RESOURCE_NAME"],
        usual: None,
    },
    Place {
        vendor: "azure-ai",
        name: "resource",
        env: &["AZURE_AI_RESOURCE_NAME", "AZURE_RESOURCE_NAME"],
        usual: None,
    },
    Place {
        vendor: "bedrock-mantle",
        name: "region",
        env: &["AWS_REGION", "AWS_DEFAULT_REGION"],
        usual: Some("us-east-1"),
    },
    Place {
        vendor: "cloudflare",
        name: "account_id",
        env: &["CLOUDFLARE_ACCOUNT_ID"],
        usual: None,
    },
    Place {
        vendor: "databricks",
        name: "host",
        env: &["DATABRICKS_HOST"],
        usual: None,
    },
    Place {
        vendor: "sagemaker",
        name: "region",
        env: &["AWS_REGION", "AWS_DEFAULT_REGION"],
        usual: Some("us-east-1"),
    },
    Place {
        vendor: "snowflake",
        name: "account",
        env: &["SNOWFLAKE_ACCOUNT", "SNOWFLAKE_ACCOUNT_ID"],
        usual: None,
    },
    Place {
        vendor: "watsonx",
        name: "region",
        env: &["WATSONX_REGION"],
        usual: Some("us-south"),
    },
];

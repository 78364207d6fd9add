//! Vendors whose key is sent otherwise than the maker of their dialect wants it, or who want no key
//! but a proof of who asks; sorted by name. From the vendors' own pages on authentication.

use tidegate_types::config::Auth;

pub(super) static AUTH: &[(&str, Auth)] = &[
    ("azure", Auth::ApiKey),
    ("azure-ai", Auth::ApiKey),
    ("bedrock", Auth::Aws),
    ("bedrock-mantle", Auth::Aws),
    ("bytez", Auth::Plain),
    ("deepgram", Auth::Token),
    ("fal", Auth::Key),
    ("sagemaker", Auth::Aws),
    ("vertex", Auth::Google),
    ("watsonx", Auth::Ibm),
];

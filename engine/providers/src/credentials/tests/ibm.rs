//! The key of IBM Cloud, exchanged for a token.

use super::*;

#[tokio::test]
async fn ibm_exchanges_its_key_for_a_token() {
    let service = Service::new(|_, _| token("i", 3600));
    let around = around(&service, &[("IBM_CLOUD_IAM_URL", "http://127.0.0.1:1")]);
    let authority = Authority::ibm("the key".to_owned().into(), None, &around);
    assert_eq!(proof(&authority, NOW).await.unwrap(), "Bearer i");
    let (url, body, _) = service.nth(0);
    assert_eq!(url, "POST http://127.0.0.1:1/identity/token");
    assert_eq!(
        body,
        "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=the%20key"
    );
}

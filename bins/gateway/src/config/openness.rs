//! What a configuration may say and is yet worth a second thought. Told at every start and by `gateway doctor`.

use openclaw_core::config::GatewayConfig;

/// Shortest token that nobody guesses, in characters.
const SAFE_TOKEN: usize = 16;

/// Who else could use the gateway. Holds no secret.
pub(crate) fn openness(config: &GatewayConfig) -> Vec<String> {
    let mut told = Vec::new();
    if !config.bind.is_loopback() {
        told.push(format!(
            "gateway.bind is {}: everybody in the network can reach the gateway; bind it to 127.0.0.1 unless that is meant, and put \
             TLS in front of it",
            config.bind
        ));
    }
    if !config.auth.enabled {
        told.push(
            "gateway.auth.enabled is false: every program on this machine can use the gateway".to_owned(),
        );
    } else if config.auth.token.expose().len() < SAFE_TOKEN {
        told.push(format!(
            "gateway.auth.token is shorter than {SAFE_TOKEN} characters: use a longer one, such as 32 random bytes in hex"
        ));
    }
    told
}

#[cfg(test)]
mod tests {
    use openclaw_core::Secret;

    use super::*;

    #[test]
    fn what_is_open_is_told_without_the_token() {
        let mut config = GatewayConfig::default();
        config.auth.token = Secret::new("a-token-of-some-length");
        assert_eq!(openness(&config), Vec::<String>::new());
        config.auth.token = Secret::new("guess");
        config.bind = "0.0.0.0".parse().unwrap();
        let told = openness(&config).join("\n");
        assert!(told.contains("0.0.0.0") && told.contains("shorter") && !told.contains("guess"), "{told}");
        config.auth.enabled = false;
        assert!(openness(&config)[1].contains("auth.enabled"));
    }
}

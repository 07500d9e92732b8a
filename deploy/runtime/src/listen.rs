//! Listen addresses as Backstage's `backend.listen` spells them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::Value;

/// Reads `7007`, `:7007`, `127.0.0.1:7007`, `localhost:7007` or `{host, port}`. Without a host it is every address.
///
/// # Errors
///
/// A sentence for the person who wrote the setting.
pub fn parse(value: &Value) -> Result<SocketAddr, String> {
    match value {
        Value::Number(number) => Ok(SocketAddr::new(everywhere(), port(number.as_u64())?)),
        Value::String(text) => parse_text(text),
        Value::Object(object) => {
            let port = port(object.get("port").and_then(number))?;
            match object.get("host").and_then(Value::as_str) {
                Some(host) => Ok(SocketAddr::new(address(host)?, port)),
                None => Ok(SocketAddr::new(everywhere(), port)),
            }
        }
        _ => Err("must be `:PORT`, `ADDRESS:PORT` or {host, port}".to_owned()),
    }
}

fn parse_text(text: &str) -> Result<SocketAddr, String> {
    let (host, digits) = text.rsplit_once(':').unwrap_or(("", text));
    let port = port(digits.parse().ok())?;
    match host {
        "" => Ok(SocketAddr::new(everywhere(), port)),
        host => Ok(SocketAddr::new(address(host)?, port)),
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn port(number: Option<u64>) -> Result<u16, String> {
    number
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(|| "the port must be a number from 0 to 65535".to_owned())
}

fn address(host: &str) -> Result<IpAddr, String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        "*" => Ok(everywhere()),
        "::" => Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        other => other
            .parse()
            .map_err(|_| format!("`{host}` is not an IP address")),
    }
}

fn everywhere() -> IpAddr {
    IpAddr::V4(Ipv4Addr::UNSPECIFIED)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: &Value, expected: Option<&str>) {
        let parsed = parse(value).ok().map(|address| address.to_string());
        assert_eq!(parsed.as_deref(), expected, "{value}");
    }

    #[test]
    fn addresses_read_as_backstage_reads_them() {
        check(&json!(":7007"), Some("0.0.0.0:7007"));
        check(&json!(7007), Some("0.0.0.0:7007"));
        check(&json!("7007"), Some("0.0.0.0:7007"));
        check(&json!("127.0.0.1:7007"), Some("127.0.0.1:7007"));
        check(&json!("localhost:7007"), Some("127.0.0.1:7007"));
        check(&json!("[::1]:7007"), Some("[::1]:7007"));
        check(
            &json!({"host": "127.0.0.1", "port": 7007}),
            Some("127.0.0.1:7007"),
        );
        check(&json!({"port": "7007"}), Some("0.0.0.0:7007"));
        check(&json!("catalog.acme.example:7007"), None);
        check(&json!(":70000"), None);
        check(&json!({}), None);
        check(&json!(null), None);
    }
}

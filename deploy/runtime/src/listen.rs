//! Listen addresses as Backstage's `backend.listen` writes them.
//!
//! An address without a host is every address, as in Backstage. Whether a listener may leave loopback is
//! decided by whoever opens it, so that a refusal can say what is missing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::Value;

const WANTED: &str = "must be a port, `host:port` or `{host, port}`";

/// Reads `7007`, `":7007"`, `"127.0.0.1:7007"`, `"[::1]:7007"`, `"localhost:7007"` or `{host, port}`.
///
/// # Errors
///
/// What is wrong with it, as the end of a sentence that begins with the setting's name.
pub fn parse(value: &Value) -> Result<SocketAddr, String> {
    match value {
        Value::Number(_) => Ok(SocketAddr::new(EVERYWHERE, read_port(value)?)),
        Value::String(text) => parse_text(text.trim()),
        Value::Object(parts) => {
            if let Some(unknown) = parts
                .keys()
                .find(|key| !matches!(key.as_str(), "host" | "port"))
            {
                return Err(format!("{WANTED}, without `{unknown}`"));
            }
            let host = match parts.get("host") {
                // As in Backstage; whether that is safe is for whoever opens the listener to say.
                None | Some(Value::Null) => EVERYWHERE,
                Some(Value::String(host)) => parse_host(host.trim())?,
                Some(_) => return Err("needs a host that is text".to_owned()),
            };
            let port = parts.get("port").ok_or_else(|| "needs a port".to_owned())?;
            Ok(SocketAddr::new(host, read_port(port)?))
        }
        Value::Null | Value::Bool(_) | Value::Array(_) => Err(WANTED.to_owned()),
    }
}

const EVERYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn parse_text(text: &str) -> Result<SocketAddr, String> {
    // At the last colon: an IPv6 address has colons of its own.
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    Ok(SocketAddr::new(parse_host(host)?, parse_port(port)?))
}

fn parse_host(host: &str) -> Result<IpAddr, String> {
    match host {
        // Not looked up: a hosts file could lead it off loopback, where other rules apply.
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        "" | "*" => Ok(EVERYWHERE),
        other => other
            // An IPv6 address stands in brackets, or its colons could not be told from that of the
            // port.
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .map_err(|_| format!("needs an IP address as host, which `{other}` is not")),
    }
}

fn read_port(value: &Value) -> Result<u16, String> {
    match value {
        // By way of its text, so that fractions and negative numbers are refused in the same words.
        Value::Number(number) => parse_port(&number.to_string()),
        Value::String(text) => parse_port(text.trim()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err("needs a port that is a number".to_owned())
        }
    }
}

fn parse_port(text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| format!("needs a port between 0 and 65535, which `{text}` is not"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: &Value, expected: &str) {
        let outcome = parse(value).map_or_else(|message| message, |address| address.to_string());
        assert_eq!(outcome, expected, "{value}");
    }

    #[test]
    fn every_spelling_of_an_address_is_understood() {
        check(&json!(7007), "0.0.0.0:7007");
        check(&json!("7007"), "0.0.0.0:7007");
        check(&json!(":7007"), "0.0.0.0:7007");
        check(&json!("localhost:0"), "127.0.0.1:0");
        check(&json!("0.0.0.0:7008"), "0.0.0.0:7008");
        check(&json!("*:7008"), "0.0.0.0:7008");
        check(&json!("[::1]:7007"), "[::1]:7007");
        check(&json!({"port": 7007}), "0.0.0.0:7007");
        check(&json!({"host": "::", "port": "7007"}), "[::]:7007");
    }

    #[test]
    fn what_is_no_address_says_why() {
        check(
            &json!("example.com:80"),
            "needs an IP address as host, which `example.com` is not",
        );
        check(
            &json!(70_000),
            "needs a port between 0 and 65535, which `70000` is not",
        );
        check(
            &json!("127.0.0.1"),
            "needs a port between 0 and 65535, which `127.0.0.1` is not",
        );
        check(&json!({"host": "127.0.0.1"}), "needs a port");
        check(
            &json!({"port": 1, "https": {}}),
            "must be a port, `host:port` or `{host, port}`, without `https`",
        );
        check(
            &json!([7007]),
            "must be a port, `host:port` or `{host, port}`",
        );
    }
}

//! Listen addresses as Backstage's `backend.listen` writes them.
//!
//! An address without a host is every address, as in Backstage. Whether a listener may leave loopback is
//! decided by whoever opens it, so that a refusal can say what is missing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;
use tokio::net::TcpListener;

const WANTED: &str = "must be a port, `host:port` or `{host, port}`";

/// Where a listener binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    host: ListenHost,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ListenHost {
    Address(IpAddr),
    /// Looked up when the listener is opened.
    Name(String),
}

impl ListenAddress {
    /// A port that only this machine reaches.
    #[must_use]
    pub const fn loopback(port: u16) -> Self {
        Self {
            host: ListenHost::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port,
        }
    }

    /// Whether it is certain that only this machine reaches it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            ListenHost::Address(address) => address.is_loopback(),
            // Whoever answers the look-up decides where it leads.
            ListenHost::Name(_) => false,
        }
    }

    /// The port; 0 if the system chooses one.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Opens the listener.
    ///
    /// # Errors
    ///
    /// If the name is unknown or the address cannot be had.
    pub async fn bind(&self) -> std::io::Result<TcpListener> {
        match &self.host {
            ListenHost::Address(address) => TcpListener::bind((*address, self.port)).await,
            ListenHost::Name(name) => TcpListener::bind((name.as_str(), self.port)).await,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.host {
            ListenHost::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]:{port}"),
            ListenHost::Address(IpAddr::V4(address)) => write!(formatter, "{address}:{port}"),
            ListenHost::Name(name) => write!(formatter, "{name}:{port}"),
        }
    }
}

/// Reads `7007`, `":7007"`, `"127.0.0.1:7007"`, `"[::1]:7007"`, `"localhost:7007"` or `{host, port}`, in which
/// the port may be left out. Other keys of the object are passed over, as in Backstage.
///
/// # Errors
///
/// What is wrong with it, as the end of a sentence that begins with the setting's name.
pub fn parse(value: &Value, port_default: u16) -> Result<ListenAddress, String> {
    match value {
        Value::Number(_) => Ok(ListenAddress {
            host: EVERYWHERE,
            port: read_port(value)?,
        }),
        Value::String(text) => parse_text(text.trim()),
        Value::Object(parts) => {
            let host = match parts.get("host") {
                // As in Backstage; whether that is safe is for whoever opens the listener to say.
                None | Some(Value::Null) => EVERYWHERE,
                Some(Value::String(host)) => parse_host(host.trim())?,
                Some(_) => return Err("needs a host that is text".to_owned()),
            };
            let port = match parts.get("port") {
                None | Some(Value::Null) => port_default,
                Some(port) => read_port(port)?,
            };
            Ok(ListenAddress { host, port })
        }
        Value::Null | Value::Bool(_) | Value::Array(_) => Err(WANTED.to_owned()),
    }
}

const EVERYWHERE: ListenHost = ListenHost::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

fn parse_text(text: &str) -> Result<ListenAddress, String> {
    // At the last colon: an IPv6 address has colons of its own.
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    Ok(ListenAddress {
        host: parse_host(host)?,
        port: parse_port(port)?,
    })
}

fn parse_host(host: &str) -> Result<ListenHost, String> {
    match host {
        // Not looked up: a hosts file could lead it off loopback, where other rules apply.
        "localhost" => Ok(ListenHost::Address(IpAddr::V4(Ipv4Addr::LOCALHOST))),
        "" | "*" => Ok(EVERYWHERE),
        other => {
            // An IPv6 address stands in brackets, or its colons could not be told from that of the
            // port.
            let address = other.trim_start_matches('[').trim_end_matches(']').parse();
            match address {
                Ok(address) => Ok(ListenHost::Address(address)),
                Err(_) if is_name(other) => Ok(ListenHost::Name(other.to_owned())),
                Err(_) => Err(format!(
                    "needs a host name or an IP address as host, which `{other}` is not"
                )),
            }
        }
    }
}

/// Whether it can be looked up.
fn is_name(host: &str) -> bool {
    host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
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
        let outcome =
            parse(value, 7007).map_or_else(|message| message, |address| address.to_string());
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
        check(&json!({"host": "", "port": 7000}), "0.0.0.0:7000");
        check(&json!({"host": "127.0.0.1"}), "127.0.0.1:7007");
        check(
            &json!({"address": "10.0.0.1", "port": null}),
            "0.0.0.0:7007",
        );
        check(&json!("backstage.internal:7007"), "backstage.internal:7007");
    }

    #[test]
    fn what_is_no_address_says_why() {
        check(
            &json!("http://localhost:7007"),
            "needs a host name or an IP address as host, which `http://localhost` is not",
        );
        check(
            &json!(70_000),
            "needs a port between 0 and 65535, which `70000` is not",
        );
        check(
            &json!("127.0.0.1"),
            "needs a port between 0 and 65535, which `127.0.0.1` is not",
        );
        check(
            &json!([7007]),
            "must be a port, `host:port` or `{host, port}`",
        );
    }

    #[test]
    fn only_an_address_is_certain_to_be_loopback() {
        for (text, expected) in [
            ("localhost:1", true),
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            (":1", false),
            ("localhost.localdomain:1", false),
        ] {
            let address = parse(&json!(text), 7007).expect("an address");
            assert_eq!(address.is_loopback(), expected, "{text}");
        }
    }
}

//! `discovery.endpoints`: where the plugins of Backstage are, and by which names it calls this one.

use freshet_runtime::config::Reader;
use freshet_store::PluginEndpoints;
use url::Url;

use super::addresses::is_url;

/// This plugin.
const CATALOG: &str = "catalog";
const SCHEMES: [&str; 2] = ["http", "https"];
/// What stands for the plugin's id; the address is checked with one in its place.
const ID: &str = "{{pluginId}}";
/// How Backstage writes that an address is to be looked up as a service.
const SERVICE_LOOKUP: &str = "+srv://";

/// Where plugins are.
pub(super) struct DiscoveryBlock {
    pub(super) endpoints: PluginEndpoints,
    /// Hosts at which this plugin is said to be.
    pub(super) own_hosts: Vec<String>,
}

/// Reads the block. What is not named in it is below `base_url`.
pub(super) fn read_discovery(root: &Reader<'_>, base_url: &str) -> DiscoveryBlock {
    let mut discovery = DiscoveryBlock {
        endpoints: PluginEndpoints::below(base_url),
        own_hosts: Vec::new(),
    };
    let Some(block) = root.open_block("discovery") else {
        return discovery;
    };
    for endpoint in block.list("endpoints") {
        let plugins = endpoint.strings("plugins").unwrap_or_default();
        let (internal, external) = read_target(&endpoint);
        if plugins.iter().any(|plugin| plugin == CATALOG) {
            let urls = internal.iter().chain(&external);
            discovery
                .own_hosts
                .extend(urls.filter_map(|url| host_of(url)));
        }
        for plugin in &plugins {
            if let Some(url) = &internal {
                discovery.endpoints.insert(plugin, url);
            }
        }
    }
    discovery
}

/// The address for other plugins, and that for browsers.
fn read_target(endpoint: &Reader<'_>) -> (Option<String>, Option<String>) {
    if endpoint.is_object("target") {
        let Some(target) = endpoint.block("target") else {
            return (None, None);
        };
        return (
            read_address(&target, "internal"),
            read_address(&target, "external"),
        );
    }
    let address = read_address(endpoint, "target");
    (address.clone(), address)
}

fn read_address(reader: &Reader<'_>, key: &str) -> Option<String> {
    let address = reader.string(key)?;
    if address.contains(SERVICE_LOOKUP) {
        reader.warn(
            key,
            "is not honoured: Freshet does not look services up; name the address itself, or the plugins there are taken to be below backend.baseUrl",
        );
        return None;
    }
    if !is_url(&with_id(&address), &SCHEMES) {
        reader.warn(
            key,
            "is no address: it must be a URL such as http://search.internal:7007/api/search",
        );
        return None;
    }
    Some(address)
}

fn host_of(address: &str) -> Option<String> {
    let url = Url::parse(&with_id(address)).ok()?;
    url.host_str().map(str::to_owned)
}

fn with_id(address: &str) -> String {
    address
        .replace("{{ pluginId }}", CATALOG)
        .replace(ID, CATALOG)
}

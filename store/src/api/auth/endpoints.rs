//! Where Backstage's plugins are, as `discovery.endpoints` and `backend.baseUrl` say it. Pure.

use std::collections::BTreeMap;

/// What stands for the plugin's id in a URL.
const ID_BEGIN: &str = "{{";
const ID_END: &str = "}}";
const ID_NAME: &str = "pluginId";

/// Where plugins are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginEndpoints {
    /// Plugin → URL.
    named: BTreeMap<String, String>,
    /// Of every other plugin.
    others: String,
}

impl PluginEndpoints {
    /// Every plugin below `base_url`, which has no slash at its end.
    #[must_use]
    pub fn below(base_url: &str) -> Self {
        Self {
            named: BTreeMap::new(),
            others: format!("{base_url}/api/{ID_BEGIN}{ID_NAME}{ID_END}"),
        }
    }

    /// Says where one plugin is; `*` is every one of which nothing is said.
    pub fn insert(&mut self, plugin: &str, url: &str) {
        let url = url.trim_end_matches('/').to_owned();
        if plugin == "*" {
            self.others = url;
        } else {
            self.named.insert(plugin.to_owned(), url);
        }
    }

    /// Where a plugin is, without a slash at the end.
    #[must_use]
    pub fn base_url(&self, plugin: &str) -> String {
        fill_in(self.named.get(plugin).unwrap_or(&self.others), plugin)
    }
}

/// Puts a plugin's id where `{{pluginId}}` stands, with or without spaces.
fn fill_in(template: &str, plugin: &str) -> String {
    let mut url = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once(ID_BEGIN) {
        url.push_str(before);
        match after.split_once(ID_END) {
            Some((name, behind)) if name.trim() == ID_NAME => {
                url.push_str(plugin);
                rest = behind;
            }
            Some(_) | None => {
                url.push_str(ID_BEGIN);
                rest = after;
            }
        }
    }
    url + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(endpoints: &[(&str, &str)], plugin: &str, expected: &str) {
        let mut all = PluginEndpoints::below("https://backstage.acme.example");
        for (plugin, url) in endpoints {
            all.insert(plugin, url);
        }
        assert_eq!(all.base_url(plugin), expected);
    }

    #[test]
    fn a_plugin_is_where_the_configuration_says_or_below_the_base_url() {
        let search = ("search", "http://search.svc:7007/api/search/");
        let fallback = ("*", "http://{{ pluginId }}.svc/api/{{pluginId}}");
        check(&[], "auth", "https://backstage.acme.example/api/auth");
        check(&[search], "search", "http://search.svc:7007/api/search");
        check(&[search], "auth", "https://backstage.acme.example/api/auth");
        check(&[search, fallback], "auth", "http://auth.svc/api/auth");
        check(
            &[search, fallback],
            "search",
            "http://search.svc:7007/api/search",
        );
        check(
            &[("a", "http://{{x}}/{{pluginId"), ("b", "http://b")],
            "a",
            "http://{{x}}/{{pluginId",
        );
        check(
            &[search, ("search", "http://newer")],
            "search",
            "http://newer",
        );
    }
}

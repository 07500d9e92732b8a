'use strict';

// The parts of Backstage that decide, put together as its backend does, with nothing but the network replaced.

const path = require('node:path');
const { ConfigReader } = require('@backstage/config');
const { ScmIntegrations, DefaultGithubCredentialsProvider } = require('@backstage/integration');

/** What a package keeps to itself, by the path of its file. */
function requireInternal(name, file) {
  return require(path.join(__dirname, 'node_modules', name, 'dist', file));
}

const { GithubUrlReader } = requireInternal(
  '@backstage/backend-defaults',
  'entrypoints/urlReader/lib/GithubUrlReader.cjs.js',
);
const { toAbsoluteUrl } = requireInternal('@backstage/plugin-catalog-backend', 'processing/util.cjs.js');
const processor = name => requireInternal('@backstage/plugin-catalog-backend', `processors/${name}.cjs.js`)[name];

const integrations = ScmIntegrations.fromConfig(
  new ConfigReader({ integrations: { github: [{ host: 'github.com', token: 'x' }] } }),
);

/** The reader of github.com; `answer` stands for the network: from the path of a request to the JSON of its answer. */
function makeGithubReader(answer) {
  const reader = new GithubUrlReader(integrations.github.byHost('github.com'), {
    treeResponseFactory: {},
    credentialsProvider: DefaultGithubCredentialsProvider.fromIntegrations(integrations),
  });
  reader.fetchResponse = async url => answer(url.toString().replace('https://api.github.com', ''));
  return reader;
}

module.exports = { integrations, makeGithubReader, processor, requireInternal, toAbsoluteUrl };

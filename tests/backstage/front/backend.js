'use strict';

// A Backstage backend without the catalog plugin: what its other plugins want of a catalog, they ask at another address.

const { createBackend } = require('@backstage/backend-defaults');
const { coreServices, createBackendModule, createServiceFactory } = require('@backstage/backend-plugin-api');
const { ConfigReader } = require('@backstage/config');
const { policyExtensionPoint } = require('@backstage/plugin-permission-node/alpha');
const { policy } = require('./policy');

const PLUGINS = [
  '@backstage/plugin-auth-backend',
  '@backstage/plugin-auth-backend-module-guest-provider',
  '@backstage/plugin-kubernetes-backend',
  '@backstage/plugin-permission-backend',
  '@backstage/plugin-scaffolder-backend',
  '@backstage/plugin-search-backend',
  '@backstage/plugin-search-backend-module-catalog',
  '@backstage/plugin-techdocs-backend',
];
/** Who signs in. */
const USER = 'user:default/jane';

const nothing = () => {};
const makeLogger = write => {
  const logger = { debug: nothing, info: nothing, warn: write, error: write, child: () => logger };
  return logger;
};
const make = (service, instance) => createServiceFactory({ service, deps: {}, factory: () => instance });

const permissions = createBackendModule({
  pluginId: 'permission',
  moduleId: 'policy-of-the-checks',
  register(env) {
    env.registerInit({
      deps: { extension: policyExtensionPoint },
      init: async ({ extension }) => extension.setPolicy(policy),
    });
  },
});

/** Its app-config; Freshet is told the same of `backend.baseUrl`, `discovery` and `permission`. */
function makeConfig({ listen, catalog, connection, keys }) {
  const [host, port] = listen.split(':');
  const key = { publicKeyFile: keys.publicFile, privateKeyFile: keys.privateFile, keyId: keys.id };
  return {
    app: { baseUrl: `http://${listen}` },
    backend: {
      baseUrl: `http://${listen}`,
      listen: { host, port: Number(port) },
      database: { client: 'pg', connection },
      // Known keys, so that the checks can sign what must be refused as well.
      auth: { pluginKeyStore: { type: 'static', static: { keys: [key] } } },
    },
    discovery: { endpoints: [{ target: catalog, plugins: ['catalog'] }] },
    integrations: { github: [{ host: 'github.com' }] },
    auth: {
      environment: 'development',
      keyStore: { provider: 'static', static: { keys: [key] } },
      providers: { guest: { userEntityRef: USER, dangerouslyAllowOutsideDevelopment: true } },
    },
    permission: { enabled: true },
    search: {
      collators: {
        catalog: {
          schedule: { frequency: { seconds: 2 }, timeout: { minutes: 1 }, initialDelay: { seconds: 1 } },
        },
      },
    },
    techdocs: { builder: 'external', generator: { runIn: 'local' }, publisher: { type: 'local' } },
    kubernetes: {
      serviceLocatorMethod: { type: 'multiTenant' },
      clusterLocatorMethods: [{ type: 'catalog', dangerouslyAllowClusterUrls: ['127.0.0.1'] }],
    },
  };
}

/** A running backend; `log` is what it warned of. */
async function startBackend(settings) {
  const log = [];
  const write = (message, meta) => log.push(`${message} ${meta ? JSON.stringify(meta) : ''}`);
  const backend = createBackend();
  backend.add(make(coreServices.rootConfig, new ConfigReader(makeConfig(settings))));
  backend.add(make(coreServices.rootLogger, makeLogger(write)));
  for (const plugin of PLUGINS) backend.add(require(plugin));
  backend.add(permissions);
  await backend.start();
  return { base: `http://${settings.listen}`, log, stop: () => backend.stop() };
}

module.exports = { USER, startBackend };

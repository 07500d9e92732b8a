'use strict';

// Who may do what: users see no Domain, and what is marked as secret only if it is theirs; they delete nothing.

const { AuthorizeResult } = require('@backstage/plugin-permission-common');

const RESOURCE = 'catalog-entity';
const SECRET = 'acme.example/secret';

const rule = (name, params) => ({ rule: name, resourceType: RESOURCE, params });

const policy = {
  async handle({ permission }, user) {
    if (!user) return { result: AuthorizeResult.DENY };
    if (permission.name === 'catalog.entity.delete') return { result: AuthorizeResult.DENY };
    if (permission.name !== 'catalog.entity.read') return { result: AuthorizeResult.ALLOW };
    return {
      result: AuthorizeResult.CONDITIONAL,
      pluginId: 'catalog',
      resourceType: RESOURCE,
      conditions: {
        allOf: [
          { not: rule('IS_ENTITY_KIND', { kinds: ['Domain'] }) },
          {
            anyOf: [
              { not: rule('HAS_ANNOTATION', { annotation: SECRET }) },
              rule('IS_ENTITY_OWNER', { claims: user.info.ownershipEntityRefs }),
            ],
          },
        ],
      },
    };
  },
};

module.exports = { policy };

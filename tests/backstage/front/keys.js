'use strict';

// The key that the backend signs with, and tokens as its plugins and users have them: good ones, and what must be refused.

const { generateKeyPairSync } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { GeneralSign, SignJWT } = require('jose');

const ALGORITHM = 'ES256';
const HOUR = 60 * 60;

function makePair() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** A key in files of `folder`, as the backend's configuration names it. */
function writeKeys(folder) {
  const { publicKey, privateKey } = makePair();
  const keys = {
    id: 'key-of-the-checks',
    privateKey,
    publicKey,
    publicFile: path.join(folder, 'public.pem'),
    privateFile: path.join(folder, 'private.pem'),
  };
  fs.writeFileSync(keys.publicFile, publicKey.export({ type: 'spki', format: 'pem' }));
  fs.writeFileSync(keys.privateFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return keys;
}

/** The claims of a token that began `age` seconds ago. */
function claimsOf({ sub, aud, age = 0 }) {
  const iat = Math.floor(Date.now() / 1000) - age;
  return { sub, ...(aud && { aud }), iat, exp: iat + HOUR };
}

const sign = (claims, header, key) => new SignJWT(claims).setProtectedHeader({ alg: ALGORITHM, ...header }).sign(key);

/** Tokens signed with these keys. */
function makeTokens(keys) {
  const kid = keys.id;
  const plugin = ({ sub = 'search', aud = 'catalog', age, obo, key = keys.privateKey } = {}) =>
    sign({ ...claimsOf({ sub, aud, age }), ...(obo && { obo }) }, { typ: 'vnd.backstage.plugin', kid }, key);
  const limited = async ({ sub, age, key = keys.privateKey }) => {
    const header = { typ: 'vnd.backstage.limited-user', alg: ALGORITHM, kid };
    const text = new TextEncoder().encode(JSON.stringify(claimsOf({ sub, age })));
    const signed = await new GeneralSign(text).addSignature(key).setProtectedHeader(header).sign();
    const [{ protected: head, signature }] = signed.signatures;
    return [head, signed.payload, signature].join('.');
  };
  const user = async ({ sub, aud = 'backstage', age, key = keys.privateKey }) => {
    const proof = (await limited({ sub, age, key })).split('.')[2];
    return sign({ ...claimsOf({ sub, aud, age }), uip: proof }, { typ: 'vnd.backstage.user', kid }, key);
  };
  /** A user token without a signature, as if the header could choose that none is needed. */
  const unsigned = ({ sub }) => {
    const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url');
    const header = { alg: 'none', typ: 'vnd.backstage.user', kid };
    return `${encode(header)}.${encode(claimsOf({ sub, aud: 'backstage' }))}.`;
  };
  /** A user token whose secret is the public key, which everybody has. */
  const confused = ({ sub }) => {
    const secret = fs.readFileSync(keys.publicFile);
    const header = { alg: 'HS256', typ: 'vnd.backstage.user', kid };
    return new SignJWT(claimsOf({ sub, aud: 'backstage' })).setProtectedHeader(header).sign(secret);
  };
  return { confused, limited, otherKey: makePair().privateKey, plugin, unsigned, user };
}

module.exports = { makeTokens, writeKeys };

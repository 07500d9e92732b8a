'use strict';

// What values look like that nobody can know beforehand.

const UUID = /^[0-9a-f-]{36}$/;
const JSON_TYPE = 'application/json; charset=utf-8';

module.exports = { JSON_TYPE, UUID };

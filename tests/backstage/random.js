'use strict';

// The same inputs at every run: what is recorded again may only differ by its answers.
function makeRandom(seed) {
  let state = seed >>> 0;
  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = count => Math.floor(next() * count);
  return {
    below,
    chance: probability => next() < probability,
    pick: items => items[below(items.length)],
  };
}

module.exports = { makeRandom };

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { instantText } from './instant-text.ts';

test('an instant is written as Date writes it, whatever day was written before', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: Date.UTC(1969, 0, 1), max: Date.UTC(2199, 11, 31) }), { minLength: 2 }),
      (instants) => {
        for (const atMs of instants) {
          assert.equal(instantText(atMs), new Date(atMs).toISOString());
          const midnight = Math.floor(atMs / 86_400_000) * 86_400_000;
          for (const edge of [midnight - 1, midnight, midnight + 86_399_999])
            assert.equal(instantText(edge), new Date(edge).toISOString());
        }
      },
    ),
  );
});

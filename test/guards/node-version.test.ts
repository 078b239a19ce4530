import { expect, test } from 'vitest';
import { nodeProblem } from '../../src/node-version.ts';

test('an older Node is told so at once, before it fails somewhere in the middle', () => {
  expect(nodeProblem('20.20.2')).toMatch(/22\.22 or newer, and this is 20\.20\.2/);
  expect(nodeProblem('22.21.9')).toBeDefined();
  expect(nodeProblem('22.22.0')).toBeUndefined();
  expect(nodeProblem('24.0.0')).toBeUndefined();
});

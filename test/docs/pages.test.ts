import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findingKinds } from '../../src/core/finding.ts';
import type { MailName } from '../../src/core/mail.ts';
import { packageRoot } from '../../src/package-root.ts';
import { anchorsOf, pages, proseOf, readPage } from './pages.ts';

describe.for(pages.map((page) => [page] as const))('%s', ([page]) => {
  const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));

  test('has links and pictures to what exists', () => {
    const broken = links.filter((target) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(packageRoot, file))) return true;
      return anchor !== undefined && !anchorsOf(file).has(anchor);
    });
    expect(broken).toEqual([]);
  });
});

const sources = ['src', 'jobs'].flatMap((folder) =>
  readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('stand-ins'))
    .map((file) => readFileSync(join(packageRoot, folder, file), 'utf8')),
);
const headings = anchorsOf('docs/operations.md');

test('docs/operations.md has a heading for every class of failure that the source names', () => {
  const classes = sources.flatMap((text) =>
    [...text.matchAll(/\bclass: '(\w+)'/g)].map(([, name]) => name ?? ''),
  );
  expect(classes.length).toBeGreaterThan(30);
  expect([...new Set(classes)].filter((name) => !headings.has(name))).toEqual([]);
});

test('docs/operations.md has a heading for every kind of finding', () => {
  expect(Object.keys(findingKinds).filter((kind) => !headings.has(kind))).toEqual([]);
});

test('docs/kinds.md has every finding and every mail, so what reads the source has missed none', () => {
  const kinds = readPage('docs/kinds.md');
  const mails = Object.keys({
    'trial-ending': true,
    'expiring-card': true,
    'deletion-notice': true,
    'deletion-reminder': true,
    'account-deactivated': true,
  } satisfies Record<MailName, true>);
  for (const name of [...Object.keys(findingKinds), ...mails]) expect(kinds).toContain(`\`${name}\``);
});

test('docs/operations.md tells of no class and no finding that the source does not know', () => {
  const source = sources.join('\n');
  const told = [...proseOf('docs/operations.md').matchAll(/^### `([\w-]+)`$/gm)].map(
    ([, name]) => name ?? '',
  );
  const unknown = told.filter(
    (name) => !source.includes(`class: '${name}'`) && !Object.hasOwn(findingKinds, name),
  );
  expect(unknown).toEqual([]);
});
